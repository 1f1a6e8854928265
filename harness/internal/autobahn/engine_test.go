package autobahn_test

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/autobahn"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/agent"
	"github.com/wsconform/wsconform/internal/docker"
	"github.com/wsconform/wsconform/internal/pattern"
)

// list is two parts for a server: 1.1.1 to 1.1.4, then 2.1 to 2.3.
func list(t *testing.T) []cases.Case {
	t.Helper()
	l, err := pattern.Select(catalogue.All(), []string{"1.1.1", "1.1.2", "1.1.3", "1.1.4", "2.1", "2.2", "2.3"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// played is the result of a run: the outcomes of the cases, and their notes.
type played struct {
	outcomes map[cases.ID]harness.Outcome
	notes    string // of those that do not pass
	err      error
}

// play has the engine play the list against an agent, which is this program started with
// the arguments.
func play(ctx context.Context, t *testing.T, e *autobahn.Engine, role cases.Role, list []cases.Case, args ...string) played {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	results := map[cases.ID]harness.Result{}
	emit := func(r harness.Result) { results[r.Case] = r }
	command := append([]string{self}, args...)
	p := played{outcomes: map[cases.ID]harness.Outcome{}}
	if role == cases.Client {
		driver := runner.Driver{Command: command}
		if strings.Contains(t.Name(), "hangs") {
			driver.Idle = time.Second
		}
		_, p.err = e.TestClient(ctx, "tester", driver, list, runner.Options{}, emit)
	} else {
		service := &agent.Service{Command: command, URL: &url.URL{Scheme: "ws", Host: "127.0.0.1:0"}, AnyPort: true, Patience: time.Minute}
		if err := service.Start(ctx); err != nil {
			t.Fatal(err)
		}
		defer service.Stop()
		_, p.err = e.TestServer(ctx, "tester", service.URL, list, runner.Options{Service: service}, emit)
	}
	for _, c := range list {
		r, ok := results[c.ID]
		if !ok {
			t.Errorf("case %s has no result", c.ID)
		}
		p.outcomes[c.ID] = r.Outcome
		if r.Outcome != harness.Pass {
			p.notes += r.Note + "\n"
			if r.Verdict != (cases.Verdict{}) {
				t.Errorf("case %s: %s, but with a verdict: %v", r.Case, r.Outcome, r.Verdict)
			}
		}
	}
	return p
}

func TestEngine(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for servers that hang")
	}
	type outcomes = map[cases.ID]harness.Outcome
	none := func(err error) bool { return err == nil }
	canceled := func(err error) bool { return errors.Is(err, context.Canceled) }
	for _, row := range []struct {
		name    string
		role    cases.Role
		command []string          // of the agent, behind this program
		orders  map[string]string // case: what the agent does in it
		cancel  string            // the case in which the run is interrupted
		err     func(error) bool
		want    outcomes // of the cases that do not pass
		note    string   // is part of that of one of these
		made    int      // containers; 0 is not looked at
		late    bool     // what Autobahn prints of the cases comes too late to be heard
		taken   bool     // another Autobahn listens where the first one was to
	}{
		{
			name: "server passes", command: []string{serverAgent, "{port}"},
			err: none, made: 2,
		},
		{
			name: "server dies", command: []string{serverAgent, "{port}"},
			orders: map[string]string{"1.1.3": "die"},
			err:    none, note: "oh no", made: 4,
			want: outcomes{"1.1.3": harness.Crash},
		},
		{
			name: "server hangs twice", command: []string{serverAgent, "{port}"},
			orders: map[string]string{"1.1.2": "hang", "2.3": "hang"},
			err:    none, note: "hung in this case", made: 3,
			want: outcomes{"1.1.2": harness.Timeout, "2.3": harness.Timeout},
		},
		{
			name: "interrupted", command: []string{serverAgent, "{port}"},
			orders: map[string]string{"2.2": "hang"}, cancel: "2.2",
			err: canceled, note: "interrupted", made: 2,
			want: outcomes{"2.2": harness.NotRun, "2.3": harness.NotRun},
		},
		{
			name: "client passes", role: cases.Client, command: []string{clientAgent, "{url}", "all"},
			err: none, made: 1,
		},
		{
			name: "client passes before a case is announced", role: cases.Client, command: []string{clientAgent, "{url}", "all"},
			err: none, made: 1, late: true,
		},
		{
			name: "client's port is that of another Autobahn", role: cases.Client, command: []string{clientAgent, "{url}", "all"},
			err: none, made: 2, taken: true,
		},
		{
			name: "client dies once", role: cases.Client, command: []string{clientAgent, "{url}", "die 6"},
			err: none, note: "oh no",
			want: outcomes{"2.2": harness.Crash},
		},
		{
			name: "client ends early", role: cases.Client, command: []string{clientAgent, "{url}", "stop 6"},
			err: none, made: 2,
		},
		{
			name: "client hangs", role: cases.Client, command: []string{clientAgent, "{url}", "all"},
			orders: map[string]string{"1.1.2": "hang"},
			err:    none, note: "did nothing more", made: 2,
			want: outcomes{"1.1.2": harness.Timeout},
		},
		{
			name: "client interrupted", role: cases.Client, command: []string{clientAgent, "{url}", "all"},
			orders: map[string]string{"2.2": "hang"}, cancel: "2.2",
			err: canceled, note: "interrupted", made: 1,
			want: outcomes{"2.2": harness.NotRun, "2.3": harness.NotRun},
		},
		{
			name: "client never comes", role: cases.Client, command: []string{clientAgent, "{url}", "idle"},
			err:  func(err error) bool { return errors.As(err, new(*runner.DriverError)) },
			note: "did not ask for it", made: 2,
			want: outcomes{
				"1.1.1": harness.NotRun, "1.1.2": harness.NotRun, "1.1.3": harness.NotRun, "1.1.4": harness.NotRun,
				"2.1": harness.NotRun, "2.2": harness.NotRun, "2.3": harness.NotRun,
			},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			f := newFake(t)
			f.orders, f.late = row.orders, row.late
			f.taken.Store(row.taken)
			f.onCase = func(id string) {
				if id == row.cancel {
					cancel()
				}
			}
			dir := t.TempDir()
			engine := &autobahn.Engine{Docker: docker.New(f), Image: "any", Dir: dir}
			engine.SetIdle(time.Minute)
			if row.note == "hung in this case" {
				engine.SetIdle(2 * time.Second)
			}
			got := play(ctx, t, engine, row.role, list(t), row.command...)
			if !row.err(got.err) {
				t.Errorf("unexpected error %v", got.err)
			}
			want := outcomes{}
			for _, c := range list(t) {
				want[c.ID] = cmp.Or(row.want[c.ID], harness.Pass)
			}
			if diff := gocmp.Diff(got.outcomes, want); diff != "" {
				t.Errorf("outcomes (-got +want):\n%s", diff)
			}
			if !strings.Contains(got.notes, row.note) {
				t.Errorf("notes %q, want %q in them", got.notes, row.note)
			}
			if row.made != 0 && len(f.boxes) != row.made {
				t.Errorf("%d containers made, want %d", len(f.boxes), row.made)
			}
			for i, b := range f.boxes {
				select {
				case <-b.removed:
				default:
					t.Errorf("container %d was not removed", i)
				}
			}
			if passed := 7 - len(row.want); passed > 0 {
				kept, err := autobahn.ReadReports(os.DirFS(dir), "tester")
				if err != nil || len(kept) < passed {
					t.Errorf("reports kept: %d, %v; want %d", len(kept), err, passed)
				}
			}
		})
	}
}

// A client comes to the address that it is given, and so does Autobahn.
func TestEngineAddress(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f := newFake(t)
	engine := &autobahn.Engine{Docker: docker.New(f), Image: "any"}
	driver := runner.Driver{Command: []string{self, clientAgent, "{url}", "all"}, Host: "127.0.0.2"}
	passed := 0
	_, err = engine.TestClient(t.Context(), "tester", driver, list(t), runner.Options{}, func(r harness.Result) {
		if r.Outcome == harness.Pass {
			passed++
		}
	})
	if spec := string(f.box("0").config["spec.json"]); err != nil || passed != 7 || !strings.Contains(spec, `"ws://127.0.0.2:`) {
		t.Errorf("%d cases passed, error %v, configuration %s; want 7 at 127.0.0.2", passed, err, spec)
	}
}

// A server that somebody else has started, and that Autobahn waits for, loses that case.
func TestEngineForeignServerHangs(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for servers that hang")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	service := &agent.Service{Command: []string{self, serverAgent, "{port}"}, URL: &url.URL{Scheme: "ws", Host: "127.0.0.1:0"}, AnyPort: true, Patience: time.Minute}
	if err := service.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer service.Stop()
	f := newFake(t)
	f.orders = map[string]string{"1.1.3": "hang"}
	engine := &autobahn.Engine{Docker: docker.New(f), Image: "any"}
	engine.SetIdle(time.Second)
	outcomes := map[cases.ID]harness.Outcome{}
	_, err = engine.TestServer(t.Context(), "tester", service.URL, list(t), runner.Options{}, func(r harness.Result) { outcomes[r.Case] = r.Outcome })
	for _, c := range list(t) {
		want := harness.Pass
		if c.ID == "1.1.3" {
			want = harness.Timeout
		}
		if outcomes[c.ID] != want || err != nil {
			t.Errorf("case %s: got %s, error %v, want %s", c.ID, outcomes[c.ID], err, want)
		}
	}
}

// An engine that goes away in mid-run is the harness's failure, not the agent's.
func TestEngineGone(t *testing.T) {
	f := newFake(t)
	f.goesAway("1.1.2", "0")
	engine := &autobahn.Engine{Docker: docker.New(f), Image: "any"}
	got := play(t.Context(), t, engine, cases.Server, list(t), serverAgent, "{port}")
	for id, outcome := range got.outcomes {
		if outcome != harness.NotRun {
			t.Errorf("case %s: %s, want not-run", id, outcome)
		}
	}
	if !errors.Is(got.err, docker.ErrNoEngine) || errors.Is(got.err, harness.ErrUntestable) {
		t.Errorf("got error %v, want ErrNoEngine, and nothing of the server", got.err)
	}
}

// With a client, what went before the part under way is kept.
func TestEngineGoneClient(t *testing.T) {
	f := newFake(t)
	f.orders = map[string]string{"9.1.2": "hang"} // so that the agent does not end meanwhile
	f.goesAway("9.1.2", "1")
	list, err := pattern.Select(catalogue.All(), []string{"1.1.1", "2.1", "9.1.1", "9.1.2", "9.1.3"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	engine := &autobahn.Engine{Docker: docker.New(f), Image: "any", Dir: dir}
	got := play(t.Context(), t, engine, cases.Client, list, clientAgent, "{url}", "all")
	want := map[cases.ID]harness.Outcome{
		"1.1.1": harness.Pass, "2.1": harness.Pass,
		"9.1.1": harness.NotRun, "9.1.2": harness.NotRun, "9.1.3": harness.NotRun,
	}
	if diff := gocmp.Diff(got.outcomes, want); !errors.Is(got.err, docker.ErrNoEngine) || diff != "" {
		t.Errorf("error %v, want ErrNoEngine; outcomes (-got +want):\n%s", got.err, diff)
	}
	if kept, err := autobahn.ReadReports(os.DirFS(dir), "tester"); err != nil || len(kept) != 2 {
		t.Errorf("reports kept: %d, %v; want 2", len(kept), err)
	}
}

// Reports that cannot be kept, as on a full disk, cost no result: those of the
// parts before stay as they are, and nothing of the part at hand is left.
func TestReportsNotKept(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for servers that hang")
	}
	dir := t.TempDir()
	f := newFake(t)
	f.onCase = func(id string) {
		if id == "2.1" {
			if err := os.Mkdir(filepath.Join(dir, "x_case_2_2.json"), 0o755); err != nil {
				t.Error(err)
			}
		}
	}
	engine := &autobahn.Engine{Docker: docker.New(f), Image: "any", Dir: dir}
	got := play(t.Context(), t, engine, cases.Server, list(t), serverAgent, "{port}")
	for id, outcome := range got.outcomes {
		if outcome != harness.Pass {
			t.Errorf("case %s: got %s, want a pass", id, outcome)
		}
	}
	if got.err == nil || !strings.Contains(got.err.Error(), "could not all be kept") {
		t.Errorf("got error %v, want that reports were not kept", got.err)
	}
	if err := os.Remove(filepath.Join(dir, "x_case_2_2.json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	kept, err := autobahn.ReadReports(os.DirFS(dir), "tester")
	if err != nil || len(kept) != 4 {
		t.Errorf("reports kept: %d, %v; want 4", len(kept), err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 5 {
		t.Errorf("files: %v, %v; want the index and four reports", files, err)
	}
}
