package compare

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/autobahn"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/docker"
)

// A session plays one row: it starts the agent, again when it ends too early,
// and repeats verdicts that chance may have decided.
type session struct {
	built    *Built
	role     cases.Role
	engine   Engine
	workshop *Workshop
	repeats  int
	network  *docker.Network // that the agent's containers are on; nil runs it as a process of the machine
	patience time.Duration   // for the server to listen
	log      io.Writer
	fate     string // file, as is place; see [Keeper]
	place    string

	results map[cases.ID]harness.Result
	write   func(harness.Result)
	service *harness.Service // the server, while it runs
	process *harness.Process // that it runs as
	addr    string           // of the server
}

// maxCrashes is how often an agent may end in mid-run before the rest of its
// cases is given up.
const maxCrashes = 5

// play plays the list. An engine that does not recover is given all of it first, as many
// cases at once as the agent takes; if it ends meanwhile, what did not pass is played one by one, so that
// the case is known in which it ends.
func (s *session) play(ctx context.Context, list []cases.Case) error {
	defer s.stop()
	if s.engine.Recovers() {
		err := s.round(ctx, list, 0, s.take)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return s.blame(err)
		}
		return errors.Join(s.conclude(list), s.repeat(ctx, list))
	}
	left, parallel := list, 0
	for crashes := 0; len(left) > 0; crashes++ {
		round := map[cases.ID]harness.Result{}
		err := s.round(ctx, left, parallel, func(r harness.Result) { round[r.Case] = r })
		ended := s.ended(err, round)
		s.takeRound(left, round, ended, parallel == 1)
		left = s.unsettled(list)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case ended == nil && err != nil, errors.As(err, new(*harness.UntestableError)):
			return s.blame(err)
		case ended == nil || len(left) == 0:
			return errors.Join(s.conclude(list), s.repeat(ctx, list))
		case !slices.ContainsFunc(left, func(c cases.Case) bool { return round[c.ID].Outcome.Ran() }) && s.verdicts() == 0, crashes == maxCrashes:
			return s.blame(ended)
		}
		parallel = 1
	}
	return errors.Join(s.conclude(list), s.repeat(ctx, list))
}

// takeRound takes the results of a round. If the agent ended in it, a verdict
// that is not good may be owed to that, and is not taken; if the cases were
// played one by one, the last that was played is the one in which it ended.
func (s *session) takeRound(list []cases.Case, round map[cases.ID]harness.Result, ended error, oneByOne bool) {
	last := -1
	if ended != nil && oneByOne {
		last = lastPlayed(list, round)
	}
	for i, c := range list {
		r, played := round[c.ID]
		switch {
		case i == last:
			s.take(harness.Result{Case: c.ID, Outcome: harness.Crash, Note: "the agent ended while the case ran: " + ended.Error()})
		case !played:
		case ended == nil, good(r), oneByOne && i < last:
			s.take(r)
		}
	}
}

// lastPlayed is the index of the case in which the agent ended. One that did not
// get as far as an open connection came when it was ending already.
func lastPlayed(list []cases.Case, round map[cases.ID]harness.Result) int {
	last := 0
	for i, c := range list {
		r := round[c.ID]
		if i == 0 || r.Outcome.Ran() && (r.Transcript == nil || r.Transcript.Opened) {
			last = i
		}
	}
	return last
}

// good reports whether the agent did as it should.
func good(r harness.Result) bool {
	return r.Outcome == harness.Pass || r.Outcome == harness.PassLenient || r.Outcome == harness.Observed
}

// take keeps a result and writes it.
func (s *session) take(r harness.Result) {
	if old, ok := s.results[r.Case]; ok && old.Outcome.Ran() && !r.Outcome.Tells() {
		return
	}
	s.results[r.Case] = r
	s.write(r)
}

// verdicts counts the cases that came to one.
func (s *session) verdicts() (n int) {
	for _, r := range s.results {
		if r.Outcome.Ran() {
			n++
		}
	}
	return n
}

// unsettled lists the cases without a verdict that are worth playing again.
func (s *session) unsettled(list []cases.Case) []cases.Case {
	return slices.DeleteFunc(slices.Clone(list), func(c cases.Case) bool {
		o := s.results[c.ID].Outcome
		return o.Ran() || o == harness.Crash || o == harness.Timeout || o == harness.HarnessError
	})
}

// conclude says what is wrong with the agent as a whole: that it does not echo,
// or why cases have no verdict.
func (s *session) conclude(list []cases.Case) error {
	fine, missing, crashed, broken := 0, 0, 0, 0
	note := ""
	for _, c := range list {
		switch r := s.results[c.ID]; {
		case good(r), r.Outcome == harness.Unsupported: // where no compression is agreed on, nothing is to be echoed
			fine++
		case r.Outcome == harness.Crash:
			crashed++
		case r.Outcome == harness.HarnessError:
			broken++
			note = r.Note
		case !r.Outcome.Ran():
			missing++
			note = r.Note
		}
	}
	switch {
	case broken > 0: // no trouble of the agent's, so the row is played again another time
		return fmt.Errorf("%d cases have no verdict: %s", broken, note)
	case fine == 0 && missing+crashed == 0:
		return &harness.UntestableError{Cause: harness.CauseEcho, Err: errors.New("not one case passed: the agent does not echo")}
	case crashed > 0:
		return s.blame(&harness.UntestableError{Cause: harness.CauseCrash, Err: fmt.Errorf("it ended in the middle of %d cases", crashed)})
	case missing > 0:
		return s.blame(&harness.UntestableError{Cause: harness.CauseHang, Err: fmt.Errorf("%d cases have no verdict: %s", missing, note)})
	}
	return nil
}

// round plays the list once, with the server started if it does not run.
func (s *session) round(ctx context.Context, list []cases.Case, parallel int, emit func(harness.Result)) error {
	subject := Subject{Name: s.built.Folder, Cases: list, Parallel: parallel, Log: s.log}
	if s.built.Serial {
		subject.Parallel = 1
	}
	if s.role == cases.Client {
		if s.network != nil {
			subject.Address = s.network.Gateway.String()
		}
		subject.Command = s.keep(s.built.command(s.built.Client, map[string]string{"agent": s.built.Folder}), "")
		return s.engine.Client(ctx, subject, emit)
	}
	if s.service == nil {
		service := &harness.Service{Launch: s.launch}
		if err := service.Start(ctx); err != nil {
			return err
		}
		s.service = service
	}
	return s.engine.Server(ctx, subject, s.service, emit)
}

// launch starts the server for a service. One that was ended for exceeding its bounds is
// not started again.
func (s *session) launch(ctx context.Context) (*harness.Process, *url.URL, error) {
	if fate, ok := s.readFate(); ok {
		return nil, nil, &harness.UntestableError{Cause: fate.Cause, Err: errors.New(fate.Message)}
	}
	err := s.start(ctx)
	return s.process, &url.URL{Scheme: "ws", Host: s.addr, Path: "/"}, err
}

// keep is the command that runs one of the agent's. If it runs in a container,
// place gets where that is.
func (s *session) keep(command []string, place string) []string {
	in := confinement{fate: s.fate}
	if s.network != nil {
		in.network, in.place = s.network.Name, place
	}
	return s.workshop.keep(s.built, s.built.Bounds(), in, command)
}

// start starts the server and waits until it listens.
func (s *session) start(ctx context.Context) error {
	if s.network != nil {
		return s.startContained(ctx)
	}
	const ports = 3 // that are tried, should somebody be faster
	for range ports - 1 {
		err := s.startProcess(ctx)
		if !errors.Is(err, errTaken) {
			return err
		}
		s.stop()
	}
	return s.startProcess(ctx)
}

// startProcess gives the server a free port; see [session.whose] for what else may
// have it by then.
func (s *session) startProcess(ctx context.Context) error {
	host, port, err := freeAddr()
	if err != nil {
		return err
	}
	s.addr = hostPort(host, port)
	s.process, err = harness.StartAgent(s.keep(s.built.command(s.built.Server, nil), ""), map[string]string{"host": host, "port": port}, s.log)
	if err != nil {
		return err
	}
	return s.whose(port, harness.WaitListening(ctx, s.process, s.addr, s.patience))
}

// containedPort is where a server listens in its container, which has ports of its
// own.
const containedPort = 9001

// startContained is start for a server in a container; the keeper says
// where it is.
func (s *session) startContained(ctx context.Context) (err error) {
	if err := os.RemoveAll(s.place); err != nil {
		return err
	}
	defer os.Remove(s.place) //nolint:errcheck // the next one is written over it
	port := strconv.Itoa(containedPort)
	vars := map[string]string{"host": "0.0.0.0", "port": port}
	s.process, err = harness.StartAgent(s.keep(s.built.command(s.built.Server, nil), s.place), vars, s.log)
	if err != nil {
		return err
	}
	var at docker.Location
	err = harness.WaitUntil(ctx, s.process, "port "+port+" of the container", s.patience, func() bool {
		text, err := os.ReadFile(s.place)
		return err == nil && json.Unmarshal(text, &at) == nil && harness.ListeningIn(at.PID, containedPort)
	})
	s.addr = hostPort(at.Addr.String(), port)
	return err
}

// ended says how the agent has ended by itself, if it has, and forgets it. Where
// something went wrong, the end may be about to be noticed.
func (s *session) ended(err error, round map[cases.ID]harness.Result) error {
	if s.process == nil {
		if exit, ok := errors.AsType[*harness.AgentExitError](err); ok {
			return exit
		}
		return nil
	}
	patience := time.Duration(0)
	for _, r := range round {
		if !good(r) {
			patience = 300 * time.Millisecond
		}
	}
	if err != nil {
		patience = 3 * time.Second
	}
	select {
	case <-s.process.Done():
	case <-time.After(patience):
	}
	ended := s.process.Ended()
	if ended != nil {
		s.stop()
	}
	return ended
}

func (s *session) stop() {
	s.service = nil
	if s.process != nil {
		s.process.Stop()
		s.process = nil
	}
}

// blame finds out what is wrong with the agent. What is not the agent's fault
// but ours stays as it is.
func (s *session) blame(err error) error {
	s.stop()
	if fate, ok := s.readFate(); ok {
		return &harness.UntestableError{Cause: fate.Cause, Err: errors.New(fate.Message)}
	}
	cause := harness.CauseCrash
	switch {
	case errors.As(err, new(*harness.UntestableError)):
		return err
	case errors.Is(err, harness.ErrNotStarted), errors.Is(err, harness.ErrNotListening), errors.Is(err, autobahn.ErrNoCase),
		errors.As(err, new(*runner.UnreachableError)), errors.As(err, new(*runner.DriverError)):
		cause = harness.CauseStart
	case errors.Is(err, errSilent):
		cause = harness.CauseHang
	case errors.As(err, new(*harness.AgentExitError)):
		if s.verdicts() == 0 {
			cause = harness.CauseStart
		}
	default:
		return err
	}
	return &harness.UntestableError{Cause: cause, Err: err}
}

// readFate returns the last line that a keeper has written.
func (s *session) readFate() (fate Fate, ok bool) {
	p, err := os.ReadFile(s.fate)
	if err != nil {
		return fate, false
	}
	lines := bytes.Split(bytes.TrimSpace(p), []byte{'\n'})
	return fate, json.Unmarshal(lines[len(lines)-1], &fate) == nil
}

// fewAtOnce is how many doubtful cases are repeated at once. They mostly wait.
const fewAtOnce = 4

// repeat plays verdicts again that chance may have decided: with little beside
// them, and those that come out differently one by one. The verdict that comes
// most often is kept; all of them are noted where they differ.
func (s *session) repeat(ctx context.Context, list []cases.Case) error {
	plays := map[cases.ID][]harness.Result{}
	doubtful := slices.DeleteFunc(slices.Clone(list), func(c cases.Case) bool { return !doubtful(s.results[c.ID]) })
	parallel := fewAtOnce
	for range s.repeats {
		if len(doubtful) == 0 {
			break
		}
		err := s.round(ctx, doubtful, parallel, func(r harness.Result) {
			if r.Outcome.Ran() {
				plays[r.Case] = append(plays[r.Case], r)
			}
		})
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil { // the agent ends, which it did not before
			s.stop()
			break
		}
		parallel = 1
		doubtful = slices.DeleteFunc(doubtful, func(c cases.Case) bool { return !s.varies(plays[c.ID], c.ID) })
	}
	for id, again := range plays {
		if s.varies(again, id) {
			settled, _ := harness.Settle(append([]harness.Result{s.results[id]}, again...))
			s.take(settled)
		}
	}
	return nil
}

// doubtful reports whether chance may have decided the verdict: one that is not
// the best. A case that ran into its long limit is not worth waiting for again.
func doubtful(r harness.Result) bool {
	return (r.Outcome == harness.Fail || r.Outcome == harness.PassLenient) && r.Duration < longCase
}

// longCase is how long a case may have taken to be played again.
const longCase = 10 * time.Second

func (s *session) varies(plays []harness.Result, id cases.ID) bool {
	return slices.ContainsFunc(plays, func(r harness.Result) bool { return !r.SameVerdict(s.results[id]) })
}
