package native

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/agent"
	"github.com/wsconform/wsconform/internal/transcript"
)

// A Passage is a server and the way to it through a gateway, or a client and its way to us.
type Passage struct {
	Server, Gateway Target
	// Behind is the server if we have started it; [Options].Service is the gateway.
	Behind *agent.Service
	// Client, if it has a command, takes the place of the server: it is in front of the
	// gateway, and we are behind it and listen at Origin, which [TestPassage] closes.
	Client runner.Driver
	Origin net.Listener
}

// passageReplays is how often a case is played again, both ways, whose verdicts differ.
const passageReplays = 2

// A passing plays cases one way.
type passing func(ctx context.Context, list []cases.Case, o Options) (map[cases.ID]harness.Result, error)

// TestPassage plays the cases of servers against the server, or those of clients with the
// client, then through the gateway, and says where that changes the verdict. A case that
// differs is played again both ways, by itself: the gateway did not change a verdict that
// comes both ways. A verdict that is the same fails nobody, even if the agent fails the case.
// Errors are those of [TestServer] and [TestClient].
func TestPassage(ctx context.Context, p Passage, list []cases.Case, o Options, emit func(harness.Result)) error {
	ends := "server"
	one, other := p.server, p.gateway
	if len(p.Client.Command) > 0 {
		ends = "client"
		var end func()
		var err error
		if one, other, end, err = p.clients(ctx, o); err != nil {
			return err
		}
		defer end()
	}
	direct, err := one(ctx, list, o)
	if err != nil {
		return fmt.Errorf("without the gateway: %w", err)
	}
	o.Peer = nil // it is known
	through, err := other(ctx, list, o)
	replayed := replays{direct: direct, through: through, spared: map[cases.ID]harness.Result{}}
	differ := slices.DeleteFunc(slices.Clone(list), func(c cases.Case) bool { return same(direct[c.ID], through[c.ID]) })
	for n := 0; err == nil && n < passageReplays && len(differ) > 0; n++ {
		alone := o
		alone.Parallel = 1
		var a, b map[cases.ID]harness.Result
		if a, err = one(ctx, differ, alone); err != nil {
			break
		}
		if b, err = other(ctx, differ, alone); err != nil {
			break
		}
		differ = slices.DeleteFunc(differ, func(c cases.Case) bool { return replayed.settles(c, a[c.ID], b[c.ID], n+2) })
	}
	replayed.end()
	for _, c := range list {
		if r, ok := through[c.ID]; ok {
			emit(passed(c, ends, direct[c.ID], r))
		}
	}
	return err
}

// server plays the cases against the server, gateway through the gateway.
func (p Passage) server(ctx context.Context, list []cases.Case, o Options) (map[cases.ID]harness.Result, error) {
	return p.play(ctx, p.Server, p.Behind, list, o)
}

func (p Passage) gateway(ctx context.Context, list []cases.Case, o Options) (map[cases.ID]harness.Result, error) {
	return p.play(ctx, p.Gateway, o.Service, list, o)
}

// play plays the cases one way.
func (p Passage) play(ctx context.Context, t Target, s *agent.Service, list []cases.Case, o Options) (map[cases.ID]harness.Result, error) {
	results := map[cases.ID]harness.Result{}
	o.Service, o.Provisional = s, nil
	if s != nil {
		t.URL = s.URL
	}
	report, err := TestServer(ctx, t, list, o, func(r harness.Result) { results[r.Case] = r })
	if err == nil {
		err = report.Trouble()
	}
	return results, err
}

// same reports whether a case came to the same both ways.
func same(direct, through harness.Result) bool {
	return direct.Outcome == through.Outcome && direct.SameVerdict(through)
}

// replays are cases that are played again, each by itself.
type replays struct {
	direct, through map[cases.ID]harness.Result
	// spared are the results of cases that the gateway did not outlive at first, and did when
	// they were played again; blamed is set if there is one that it did not outlive twice.
	spared map[cases.ID]harness.Result
	blamed bool
}

// settles takes the results of another play, and reports whether no further one is needed.
func (p *replays) settles(c cases.Case, direct, through harness.Result, plays int) bool {
	first := p.through[c.ID]
	through.Attempts = plays
	switch died := func(r harness.Result) bool { return r.Outcome == harness.Crash || r.Outcome == harness.Timeout }; {
	case died(first) && died(through) && !same(direct, through):
		through.Note = "in each of two plays, " + through.Note
		p.through[c.ID], p.blamed = through, true
		return true
	case died(first) && !died(through):
		p.spared[c.ID] = through
		p.direct[c.ID] = direct
		return true
	case !same(direct, through) && !same(p.direct[c.ID], through):
		return false
	}
	p.through[c.ID] = through
	if same(direct, through) {
		p.direct[c.ID] = direct
	}
	return true
}

// end says which of the cases that were under way at once the gateway did not outlive.
func (p *replays) end() {
	for id, r := range p.spared {
		if !p.blamed {
			r = p.through[id]
			r.Note += "\nit did not when the case was played again by itself"
		} else {
			r.Note = joinLines(r.Note, "the gateway ended or hung in an earlier play, beside other cases")
		}
		p.through[id] = r
	}
}

// passed is what a case came to through the gateway, seen beside what it comes to without it.
// The end that is not ours is a server or a client.
func passed(c cases.Case, ends string, direct, through harness.Result) harness.Result {
	r := through
	if !direct.Outcome.Ran() || !through.Outcome.Ran() {
		if r.Outcome.Ran() { // nothing to compare it with
			r.Outcome, r.Note = harness.Observed, joinLines("without the gateway: "+string(direct.Outcome), direct.Note)
		}
		return r
	}
	r.Without = direct.Behavior
	if direct.Transcript != nil && through.Transcript != nil {
		r.Changes = fieldChanges(*direct.Transcript, *through.Transcript)
		if !same(direct, through) {
			r.Changes = append(c.Changes(*direct.Transcript, *through.Transcript), r.Changes...)
		}
	}
	fine := func(o harness.Outcome) bool { return o != harness.Fail }
	switch {
	case same(direct, through) && !fine(through.Outcome):
		r.Outcome, r.Note = harness.Observed, joinLines("the "+ends+" fails the case without the gateway, too", changedWords(r.Changes), through.Note)
	case same(direct, through):
		r.Note = joinLines(changedWords(r.Changes), through.Note)
	case fine(direct.Outcome) && !fine(through.Outcome):
		r.Note = joinLines("without the gateway: "+verdictWords(direct), changedWords(r.Changes), through.Note)
	default:
		r.Outcome, r.Note = harness.Observed, joinLines("the verdict differs; without the gateway: "+verdictWords(direct), changedWords(r.Changes), through.Note)
	}
	return r
}

// fieldChanges are the changes of fields in each connection.
func fieldChanges(direct, via transcript.Transcript) []transcript.Change {
	var list []transcript.Change
	alone := direct.Conns()
	for i, t := range via.Conns() {
		if i >= len(alone) {
			break
		}
		for _, change := range transcript.FieldChanges(alone[i], t) {
			change.Conn = i + 1
			list = append(list, change)
		}
	}
	return list
}

// verdictWords is a verdict in a few words.
func verdictWords(r harness.Result) string {
	words := []string{string(r.Outcome), string(r.Behavior)}
	if r.Close != "" {
		words = append(words, "close "+string(r.Close))
	}
	return strings.Join(words, ", ")
}
