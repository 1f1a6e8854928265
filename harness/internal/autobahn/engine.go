package autobahn

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/docker"
	"github.com/wsconform/wsconform/internal/runfile"
)

// An Engine tests an agent with Autobahn. Docker and Image are required.
type Engine struct {
	Docker *docker.Engine
	Image  string // reference of an image with wstest
	// Network is the container's network: "host", or "bridge" if the engine does not
	// share a network with the agent, as with Docker Desktop. Empty means host. The
	// agent and Autobahn reach each other on this machine's loopback interface; but
	// with "host" Autobahn's server listens on all interfaces.
	Network string
	// Dir is the folder for Autobahn's own reports: a page and a JSON file for each
	// case, and index.json. They are those of the last play of each case. Empty means
	// that they are not kept.
	Dir string
	// Secrets masks what it knows in Autobahn's own reports. Nil masks nothing.
	Secrets *runfile.Secrets
	// Patience is how long Autobahn may take to start serving cases. Zero means a minute.
	Patience time.Duration

	idle func(cases.Case) time.Duration // instead of limit and slack, in tests
}

const (
	defaultPatience = time.Minute
	// memoryLimit is enough for PyPy to run all cases in one process, with all wire
	// logs in memory until the reports are written. CPython needs 340 MiB.
	memoryLimit = 8 << 30
)

// TestServer plays the cases against the server at u, which goes by the name in reports;
// see [runner.TestServer]. A case without a report of Autobahn never passes.
func (e *Engine) TestServer(ctx context.Context, name string, u *url.URL, list []cases.Case, o runner.Options, emit func(harness.Result)) (runner.Report, error) {
	var report runner.Report
	r, err := e.begin(name, list)
	if err != nil {
		return report, err
	}
	report, err = runner.TestServer(ctx, &server{run: r, url: u}, list, original(o), emit)
	return report, r.end(err)
}

// TestClient starts a client, as often as needed, to play the cases; see
// [runner.TestClient].
func (e *Engine) TestClient(ctx context.Context, name string, d runner.Driver, list []cases.Case, o runner.Options, emit func(harness.Result)) (runner.ClientReport, error) {
	var report runner.ClientReport
	r, err := e.begin(name, list)
	if err != nil {
		return report, err
	}
	report, err = runner.TestClient(ctx, &endpoint{run: r}, d, list, original(o), emit)
	return report, r.end(err)
}

// original plays cases as Autobahn does: one at a time, for every peer.
func original(o runner.Options) runner.Options {
	o.Parallel, o.AnyPeer, o.Original = 1, true, true
	return o
}

// A run is the state of one call of TestServer or TestClient.
type run struct {
	*Engine
	name  string           // of the agent
	index map[cases.ID]int // of the case in the list

	mu      sync.Mutex // held while Autobahn plays a part; guards the rest
	reports reportFolder
	keptErr error // why the folder of reports is incomplete
}

func (e *Engine) begin(name string, list []cases.Case) (*run, error) {
	r := &run{Engine: e, name: name, index: make(map[cases.ID]int, len(list)), reports: reportFolder{secrets: e.Secrets}}
	for i, c := range list {
		r.index[c.ID] = i
	}
	return r, r.reports.open(e.Dir)
}

func (r *run) end(err error) error {
	err = errors.Join(err, r.keptErr, r.reports.close())
	if err != nil {
		return fmt.Errorf("autobahn: %w", err)
	}
	return nil
}

// Expect does nothing: no case is prepared.
func (r *run) Expect([]cases.Case) {}

// Finished does nothing.
func (r *run) Finished(cases.Case) {}

// inOrder sorts results as the cases are in the list.
func (r *run) inOrder(results []harness.Result) {
	slices.SortFunc(results, func(a, b harness.Result) int { return r.index[a.Case] - r.index[b.Case] })
}

// bound returns how long there may be no progress once the case has begun.
func (r *run) bound(c cases.Case) time.Duration {
	if r.idle != nil {
		return r.idle(c)
	}
	return limit(c) + slack
}
