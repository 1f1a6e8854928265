package autobahn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/docker"
)

// windDown is how long Autobahn may take to write its reports once the agent is gone.
// Its next connection is refused, which ends the part.
const windDown = 10 * time.Second

// playServer plays the cases against a server. It returns the case that hung, if one
// did.
func (r *run) playServer(ctx context.Context, todo []cases.Case) (halt cases.ID, err error) {
	if err := r.startServer(ctx); err != nil {
		return "", err
	}
	p := &serverPlay{run: r, parts: split(todo, serverPart)}
	config, script, err := p.config()
	if err != nil {
		return "", err
	}
	c, err := r.container(ctx, config, nil, "sh", "-c", script)
	if err != nil {
		return "", err
	}
	defer func() {
		if gone := c.Remove(ctx); gone != nil && err == nil {
			err = gone
		}
	}()
	p.out, err = follow(ctx, c)
	if err != nil {
		return "", err
	}
	defer p.out.close()
	return p.loop(ctx)
}

// startServer starts the agent, unless it is running, and waits until it listens.
func (r *run) startServer(ctx context.Context) error {
	addr, err := address(r.agent.URL)
	if err != nil {
		return err
	}
	if len(r.agent.Command) == 0 {
		if r.Listens {
			return nil
		}
		patience := 5 * time.Second // it should already be running
		if r.Patience > 0 {
			patience = r.Patience
		}
		return harness.WaitListening(ctx, nil, addr, patience)
	}
	if r.proc != nil {
		return nil
	}
	if harness.Listening(ctx, addr) {
		return fmt.Errorf("%w: another program already listens on %s", ErrInUse, addr)
	}
	host, port, _ := net.SplitHostPort(addr) // address made it
	vars := map[string]string{"url": r.agent.URL, "host": host, "port": port}
	if r.proc, err = harness.StartAgent(r.agent.Command, vars, r.AgentLog); err != nil {
		return err
	}
	return harness.WaitListening(ctx, r.proc, addr, r.patience())
}

// address returns the host and port of a WebSocket URL.
func address(rawURL string) (string, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "", fmt.Errorf("URL of the agent: %w", err)
	}
	port := u.Port()
	switch {
	case u.Hostname() == "":
		return "", fmt.Errorf("URL of the agent %q: no host", rawURL)
	case port != "":
	case u.Scheme == "ws":
		port = "80"
	case u.Scheme == "wss":
		port = "443"
	}
	if u.Scheme != "ws" && u.Scheme != "wss" {
		return "", fmt.Errorf("URL of the agent %q: its scheme must be ws or wss", rawURL)
	}
	return net.JoinHostPort(u.Hostname(), port), nil
}

// A serverPlay is one container that plays parts one after another.
type serverPlay struct {
	*run
	parts   []part
	out     *stream
	now     int      // the part being played
	last    cases.ID // announced in this part
	how     ending
	refused string // Autobahn's message when the agent refused a connection
}

// config returns a configuration for each part, and the script that plays them. The
// script's output numbers parts from 0.
func (p *serverPlay) config() (map[string][]byte, string, error) {
	files := map[string][]byte{}
	var script strings.Builder
	for i, part := range p.parts {
		spec, err := encodeSpec(clientSpec{
			OutDir:    fmt.Sprintf("%s/%d", reportDir, i),
			Servers:   []serverTarget{{Agent: p.agent.Name, URL: p.target()}},
			specCases: selected(part.ids()),
		})
		if err != nil {
			return nil, "", err
		}
		name := fmt.Sprintf("%d.json", i)
		files[name] = spec
		fmt.Fprintf(&script, "wstest -m fuzzingclient -s %s/%s; echo \"%s%d $?\"\n", configDir, name, partMark, i)
	}
	return files, script.String(), nil
}

// target is the URL of the agent as the container sees it.
func (p *serverPlay) target() string {
	u, err := url.Parse(p.agent.URL)
	if err != nil || p.Network != "bridge" {
		return p.agent.URL
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
		u.Host = net.JoinHostPort("host.docker.internal", u.Port())
	}
	return u.String()
}

func (p *serverPlay) loop(ctx context.Context) (cases.ID, error) {
	watch := time.NewTimer(p.patienceNow())
	defer watch.Stop()
	stop, died := ctx.Done(), p.ended()
	for {
		select {
		case l, open := <-p.out.lines:
			if !open {
				return "", p.brokeOff(ctx)
			}
			if done, err := p.line(ctx, l); done {
				return p.haltedIn(), err
			}
			if p.how == inOrder {
				watch.Reset(p.patienceNow())
			}
		case <-died:
			p.how, died = agentDied, nil
			watch.Reset(windDown)
		case <-stop:
			p.how, stop, died = interrupted, nil, nil
			if p.proc == nil {
				return "", context.Cause(ctx)
			}
			p.proc.Stop() // Autobahn's next connection is refused, and it writes its reports
			watch.Reset(windDown)
		case <-watch.C:
			if p.how != inOrder || p.proc == nil {
				return p.giveUp(ctx)
			}
			p.how, died = halted, nil
			p.proc.Stop()
			watch.Reset(windDown)
		}
	}
}

// line handles a line of output. It is done when there is nothing left to wait for.
func (p *serverPlay) line(ctx context.Context, l line) (done bool, err error) {
	switch l.kind {
	case caseBegins:
		p.last = l.id
		p.progress(l.id)
	case unreachable:
		p.refused = l.text
		p.awaitDeath(windDown)
	case partEnds:
		return p.partEnds(ctx, l)
	case otherLine:
		p.out.keep(l.text)
	}
	return false, nil
}

// awaitDeath waits for an agent that may be exiting: the kernel closes its sockets
// shortly before its exit can be seen.
func (p *serverPlay) awaitDeath(patience time.Duration) {
	if p.proc == nil || patience == 0 {
		return
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.proc.Done():
	case <-timer.C:
	}
}

// deathPatience is how long an agent may take to exit after this last result of a part.
// A connection that is cut before the handshake may be a sign of an exit; one that
// just fails is a sign of a fault.
func deathPatience(results []harness.Result) time.Duration {
	if len(results) == 0 {
		return 0
	}
	switch last := results[len(results)-1]; {
	case last.Outcome != harness.Fail:
		return 0
	case last.Transcript == nil || !last.Transcript.Opened:
		return 3 * time.Second
	}
	return 250 * time.Millisecond
}

func (p *serverPlay) partEnds(ctx context.Context, l line) (done bool, err error) {
	if l.part != p.now {
		return true, fmt.Errorf("part %d ended instead of part %d", l.part, p.now)
	}
	parcel, err := p.collect(ctx, p.out.c, fmt.Sprintf("%s/%d", reportDir, p.now), nil)
	defer p.keep(parcel)
	results := parcel.results
	if p.last == "" && len(results) > 0 {
		p.last = results[len(results)-1].Case // no handshake succeeded, so no case was announced
	}
	if p.how == inOrder {
		if p.awaitDeath(deathPatience(results)); p.died() != nil {
			p.how = agentDied
		}
	}
	p.putAll(results, p.how, p.last)
	switch {
	case errors.Is(err, ErrNoReport), p.refused != "" && errors.Is(err, docker.ErrNotFound):
		err = nil // the first connection of the part was refused
	case errors.Is(err, docker.ErrNoEngine):
		return true, err
	case l.exit != 0:
		err = errors.Join(fmt.Errorf("Autobahn ended with status %d", l.exit), err)
	}
	if err != nil {
		p.broken(p.parts[p.now], err.Error()+p.out.said())
	}
	switch p.how {
	case agentDied:
		return true, p.died()
	case interrupted:
		return true, context.Cause(ctx)
	case halted:
		return true, nil
	case inOrder:
	}
	p.now++
	if p.now < len(p.parts) {
		p.last = ""
		return false, nil
	}
	if p.refused != "" {
		return true, fmt.Errorf("%w at the address of the agent: %s", harness.ErrNotListening, p.refused)
	}
	return true, nil
}

// haltedIn returns the case that the part hangs in, if it does.
func (p *serverPlay) haltedIn() cases.ID {
	if p.how != halted {
		return ""
	}
	if p.last == "" {
		return p.parts[p.now].list[0].ID
	}
	return p.last
}

// giveUp ends a part that writes no reports.
func (p *serverPlay) giveUp(ctx context.Context) (cases.ID, error) {
	switch p.how {
	case agentDied:
		p.putAll(nil, agentDied, p.last)
		return "", p.died()
	case interrupted:
		return "", context.Cause(ctx)
	case inOrder, halted:
	}
	p.how = halted
	return p.haltedIn(), nil
}

// brokeOff says why the container exited before its last part.
func (p *serverPlay) brokeOff(ctx context.Context) error {
	if p.how == interrupted {
		return context.Cause(ctx)
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	return p.out.early(ctx)
}

// early returns the error of a container that should not have exited.
func (s *stream) early(ctx context.Context) error {
	exit, err := s.exit(ctx)
	switch {
	case err != nil:
		return err
	case exit.OOMKilled:
		return fmt.Errorf("the container was killed: out of memory%s", s.said())
	}
	return fmt.Errorf("the container ended with status %d%s", exit.Code, s.said())
}

// said returns the last output of the container, to add to an error message.
func (s *stream) said() string {
	if len(s.tail) == 0 {
		return ""
	}
	return "; it last said:\n" + strings.Join(s.tail, "\n")
}

// startTime is how long an Autobahn process may take until its first case, on a busy
// machine.
const startTime = time.Minute

// patienceNow returns how long there may be no progress: the bound of the current case,
// or of the start and the first case.
func (p *serverPlay) patienceNow() time.Duration {
	list := p.parts[p.now].list
	for _, c := range list {
		if c.ID == p.last {
			return p.bound(c)
		}
	}
	return p.bound(list[0]) + startTime
}
