package autobahn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/docker"
	"github.com/wsconform/wsconform/ws"
)

const (
	firstCase    = 60 * time.Second // until the agent asks for its first case
	lastCase     = 90 * time.Second // from the last case to the exit of the agent; Autobahn writes its reports
	portAttempts = 3                // a free port may be taken before it is used
)

// playClient plays the cases with a client, part by part. It returns the case that
// hung, if one did.
func (r *run) playClient(ctx context.Context, todo []cases.Case) (halt cases.ID, err error) {
	if len(r.agent.Command) == 0 {
		return "", errors.New("a client needs a command")
	}
	for _, p := range split(todo, clientPart) {
		for range portAttempts {
			halt, err = r.playClientOnce(ctx, p.list)
			if !errors.Is(err, ErrInUse) {
				break
			}
		}
		if err != nil || halt != "" {
			return halt, err
		}
		r.leftOut(p)
	}
	return "", nil
}

// leftOut gives the cases of a part that have no result one that says why.
func (r *run) leftOut(p part) {
	for _, c := range p.list {
		r.put(harness.Result{Case: c.ID, Outcome: harness.NotRun, Note: cmp.Or(r.why, noReport)})
	}
	r.why = ""
}

func (r *run) playClientOnce(ctx context.Context, todo []cases.Case) (halt cases.ID, err error) {
	port, err := harness.FreePort()
	if err != nil {
		return "", err
	}
	host := cmp.Or(r.Address, "127.0.0.1")
	p := &clientPlay{run: r, todo: todo, base: "ws://" + net.JoinHostPort(host, strconv.Itoa(port))}
	spec, err := encodeSpec(serverSpec{URL: p.base, OutDir: reportDir, specCases: selected(part{todo}.ids())})
	if err != nil {
		return "", err
	}
	// The port is the same inside and outside: Autobahn refuses requests with another
	// port in Host.
	publish := []docker.Port{{Container: uint16(port), Host: uint16(port)}}
	c, err := r.container(ctx, map[string][]byte{"server.json": spec}, publish,
		"wstest", "-m", "fuzzingserver", "-s", configDir+"/server.json", "-u", "0")
	if err != nil {
		return "", err
	}
	defer func() {
		r.stopAgent()
		if gone := c.Remove(ctx); gone != nil && err == nil {
			err = gone
		}
	}()
	if p.out, err = follow(ctx, c); err != nil {
		return "", err
	}
	defer p.out.close()
	if err := p.ready(ctx); err != nil {
		return "", err
	}
	vars := map[string]string{"url": p.base, "host": host, "port": strconv.Itoa(port)}
	if r.proc, err = harness.StartAgent(r.agent.Command, vars, r.AgentLog); err != nil {
		return "", err
	}
	return p.loop(ctx)
}

// A clientPlay is one container that serves the cases of a list.
type clientPlay struct {
	*run
	todo  []cases.Case
	base  string // URL of the container
	out   *stream
	begun int      // number of cases that began
	last  cases.ID // the last of them
	how   ending
}

// ready waits until Autobahn answers /getCaseCount. That is a resource, not a case,
// so it leaves no trace in the reports. It works with every kind of network, and the
// answer shows whether Autobahn knows all the selected cases.
func (p *clientPlay) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, p.patience(), errors.New("Autobahn did not start in time"))
	defer cancel()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		select {
		case l, open := <-p.out.lines:
			if !open {
				err := p.out.early(ctx)
				if strings.Contains(p.out.said(), "Address already in use") {
					err = fmt.Errorf("%w: %w", ErrInUse, err)
				}
				return err
			}
			p.out.keep(l.text)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-poll.C:
			answer, err := p.ask(ctx, "/getCaseCount")
			if err != nil {
				continue
			}
			if want := strconv.Itoa(len(p.todo)); answer != want {
				return fmt.Errorf("Autobahn has %.20q of the %s cases selected", answer, want)
			}
			return nil
		}
	}
}

// ask opens a resource and returns the message that it sends, if any, once the
// connection is closed.
func (p *clientPlay) ask(ctx context.Context, resource string) (string, error) {
	// Autobahn does not answer while it writes reports; ctx bounds the wait.
	c, err := ws.Dial(ctx, p.base+resource, &ws.DialOptions{Proxy: http.ProxyURL(nil), ReadLimit: 1 << 10, HandshakeTimeout: reportTime})
	if err != nil {
		return "", err
	}
	defer c.CloseNow()
	var answer string
	for {
		_, msg, err := c.Read(ctx)
		var closed *ws.CloseError
		switch {
		case errors.As(err, &closed):
			return answer, nil
		case err != nil:
			return answer, err
		}
		answer = string(msg)
	}
}

func (p *clientPlay) loop(ctx context.Context) (cases.ID, error) {
	watch := time.NewTimer(firstCase)
	defer watch.Stop()
	for p.how == inOrder {
		select {
		case l, open := <-p.out.lines:
			if !open {
				dctx, cancel := detached(ctx)
				defer cancel()
				return "", p.out.early(dctx)
			}
			if p.heed(l) {
				watch.Reset(p.patienceFor(l.id))
			}
			continue
		case <-p.ended():
			if !p.proc.Success() {
				p.how = agentDied
			}
		case <-ctx.Done():
			p.how = interrupted
		case <-watch.C:
			p.how = halted
		}
		break
	}
	return p.finish(ctx)
}

// heed handles a line of Autobahn's output, and reports whether it begins a case.
func (p *clientPlay) heed(l line) bool {
	if l.kind != caseBegins {
		p.out.keep(l.text)
		return false
	}
	p.begun, p.last = p.begun+1, l.id
	p.progress(l.id)
	return true
}

// lineDelay is how long a line of the container may take to reach us.
const lineDelay = 300 * time.Millisecond

// catchUp handles the lines that are still on their way. The case interrupted by a
// sudden end is the last one that began, even if we did not know that it had; what
// Autobahn reports for it is not a verdict.
func (p *clientPlay) catchUp() {
	quiet := time.NewTimer(lineDelay)
	defer quiet.Stop()
	for range p.todo {
		select {
		case l, open := <-p.out.lines:
			if !open {
				return
			}
			p.heed(l)
		case <-quiet.C:
			return
		}
	}
}

// finish makes Autobahn write its reports, and turns them into results.
func (p *clientPlay) finish(ctx context.Context) (cases.ID, error) {
	died := p.died() // before what follows can end it
	p.proc.Stop()
	if p.begun < len(p.todo) {
		p.catchUp()
	}
	noCase := fmt.Errorf("%w; its last output was:\n%s", ErrNoCase, p.proc.Output())
	if p.last == "" {
		switch p.how {
		case agentDied:
			return "", died
		case interrupted:
			return "", context.Cause(ctx)
		case halted:
			return "", noCase
		case inOrder: // it may have been faster than the output
		}
	}
	parcel, err := p.fetch(ctx)
	defer p.keep(parcel)
	results := parcel.results
	if p.last == "" && (errors.Is(err, ErrNoReport) || errors.Is(err, docker.ErrNotFound)) {
		return "", noCase
	}
	if p.how != interrupted && p.begun >= len(p.todo) && len(results) >= len(p.todo) {
		p.how = inOrder // how the agent exits after its last case does not matter
	}
	p.putAll(results, p.how, p.last)
	if died != nil {
		p.why = fmt.Sprintf("the agent exited (%s) without asking for this case; its last one was %s", status(died), p.last)
	}
	switch {
	case errors.Is(err, docker.ErrNoEngine):
		return "", err
	case p.how == agentDied:
		return "", died
	case p.how == interrupted:
		return "", context.Cause(ctx)
	case err != nil:
		p.broken(part{p.todo}, err.Error())
		return "", nil
	case p.how == halted:
		return p.last, nil
	}
	return "", nil
}

// fetch asks for the reports until they exist. The current case ends with its
// connection, which Autobahn may notice after our request.
func (p *clientPlay) fetch(ctx context.Context) (got parcel, err error) {
	patience := reportTime
	if p.how == interrupted { // the user is waiting
		patience = cleanupTime
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	retry := time.NewTicker(300 * time.Millisecond)
	defer retry.Stop()
	for range 5 {
		// The answer comes when the files are written.
		if _, err = p.ask(ctx, "/updateReports?agent=wsconform"); err == nil {
			os.RemoveAll(got.dir)
			got, err = p.collect(ctx, p.out.c, reportDir, p.choose)
		}
		if err == nil && (p.last == "" || slices.ContainsFunc(got.results, func(r harness.Result) bool { return r.Case == p.last })) {
			return got, nil
		}
		select {
		case <-ctx.Done():
			return got, errors.Join(err, context.Cause(ctx))
		case <-retry.C:
		}
	}
	return got, err
}

// choose picks the agent's name in the reports: the only one there is, otherwise the
// name that we gave it.
func (p *clientPlay) choose(names []string) (string, error) {
	switch {
	case len(names) == 1:
		return names[0], nil
	case slices.Contains(names, p.agent.Name):
		return p.agent.Name, nil
	case len(names) == 0:
		return "", ErrNoReport
	}
	return "", fmt.Errorf("the agent used %d names; select one of them: %.200q", len(names), names)
}

// patienceFor returns how long there may be no progress once the case has begun.
func (p *clientPlay) patienceFor(id cases.ID) time.Duration {
	i, asked := p.index[id]
	if !asked {
		return firstCase
	}
	bound := p.bound(p.list[i])
	if p.begun >= len(p.todo) {
		bound += lastCase
	}
	return bound
}

// status extracts from err how a process exited.
func status(err error) string {
	if exit, ok := errors.AsType[*harness.AgentExitError](err); ok {
		return exit.Status
	}
	return "no status"
}
