package native

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/agent"
)

// A Passage is a server, and the way to it through a gateway.
type Passage struct {
	Server, Gateway Target
	// Behind is the server if we have started it; [Options].Service is the gateway.
	Behind *agent.Service
}

// passageReplays is how often a case is played again, both ways, whose verdicts differ.
const passageReplays = 2

// TestPassage plays the cases of servers against the server, then through the gateway, and
// says where that changes the verdict. A case that differs is played again both ways, by
// itself: the gateway did not change a verdict that comes both ways. A verdict that is
// the same fails nobody, even if the server fails the case. Errors are those of
// [TestServer].
func TestPassage(ctx context.Context, p Passage, list []cases.Case, o Options, emit func(harness.Result)) error {
	direct, err := p.play(ctx, p.Server, p.Behind, list, o)
	if err != nil {
		return fmt.Errorf("without the gateway: %w", err)
	}
	o.Peer = nil // it is known
	through, err := p.play(ctx, p.Gateway, o.Service, list, o)
	differ := slices.DeleteFunc(slices.Clone(list), func(c cases.Case) bool { return same(direct[c.ID], through[c.ID]) })
	for n := 0; err == nil && n < passageReplays && len(differ) > 0; n++ {
		alone := o
		alone.Parallel = 1
		var a, b map[cases.ID]harness.Result
		if a, err = p.play(ctx, p.Server, p.Behind, differ, alone); err != nil {
			break
		}
		if b, err = p.play(ctx, p.Gateway, o.Service, differ, alone); err != nil {
			break
		}
		differ = slices.DeleteFunc(differ, func(c cases.Case) bool {
			is := same(a[c.ID], b[c.ID]) || same(direct[c.ID], b[c.ID])
			if is {
				r := b[c.ID]
				r.Attempts = n + 2
				direct[c.ID], through[c.ID] = r, r
			}
			return is
		})
	}
	for _, c := range list {
		if r, ok := through[c.ID]; ok {
			emit(passed(c, direct[c.ID], r))
		}
	}
	return err
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

// passed is what a case came to through the gateway, seen beside what it comes to without it.
func passed(c cases.Case, direct, through harness.Result) harness.Result {
	r := through
	if !direct.Outcome.Ran() || !through.Outcome.Ran() {
		if r.Outcome.Ran() { // nothing to compare it with
			r.Outcome, r.Note = harness.Observed, joinLines("without the gateway: "+string(direct.Outcome), direct.Note)
		}
		return r
	}
	r.Without = direct.Behavior
	if direct.Transcript != nil && through.Transcript != nil && !same(direct, through) {
		r.Changes = c.Changes(*direct.Transcript, *through.Transcript)
	}
	fine := func(o harness.Outcome) bool { return o != harness.Fail }
	switch {
	case same(direct, through) && !fine(through.Outcome):
		r.Outcome, r.Note = harness.Observed, joinLines("the server fails the case without the gateway, too", through.Note)
	case same(direct, through):
	case fine(direct.Outcome) && !fine(through.Outcome):
		r.Note = joinLines("without the gateway: "+verdictWords(direct), changedWords(r.Changes), through.Note)
	default:
		r.Outcome, r.Note = harness.Observed, joinLines("the verdict differs; without the gateway: "+verdictWords(direct), changedWords(r.Changes), through.Note)
	}
	return r
}

// verdictWords is a verdict in a few words.
func verdictWords(r harness.Result) string {
	words := []string{string(r.Outcome), string(r.Behavior)}
	if r.Close != "" {
		words = append(words, "close "+string(r.Close))
	}
	return strings.Join(words, ", ")
}
