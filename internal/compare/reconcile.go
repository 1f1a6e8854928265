package compare

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
)

// rejoinders is how often both engines play a case again on which they disagree.
const rejoinders = 3

// reconcile has both engines play again what they disagree on, one by one and with
// nothing of the comparison beside it, until one has come to the other's verdict too:
// then the verdict varies, and the engines do not disagree.
func (r *Runner) reconcile(ctx context.Context, done []Done, built map[string]*Built) error {
	for i, j := range Pairs(done) {
		if err := r.settlePair(ctx, &done[i], &done[j], built[done[i].Agent.Folder]); err != nil {
			return err
		}
	}
	return nil
}

// Pairs yields the indexes of rows that are to be compared; see [runfile.Pairs].
func Pairs(done []Done) iter.Seq2[int, int] {
	return runfile.Pairs(done, func(d Done) runfile.Header {
		return runfile.Header{Engine: d.Engine.About(), Agent: harness.Agent{Name: d.Agent.Folder, Role: d.Role}}
	})
}

// A side is one engine's run of a pair.
type side struct {
	*Done
	run     *runfile.Run
	session *session
	plays   map[cases.ID][]harness.Result // all that are known, the run's first
}

// settlePair reconciles one pair of rows. An agent that ends or hangs meanwhile leaves
// the verdicts as they are.
func (r *Runner) settlePair(ctx context.Context, a, b *Done, built *Built) error {
	sides := [2]*side{{Done: a}, {Done: b}}
	for _, s := range sides {
		var err error
		if s.run, err = runfile.Open(s.File); err != nil {
			return err
		}
		s.plays = map[cases.ID][]harness.Result{}
	}
	list := disputed(sides[0].run, sides[1].run)
	if len(list) == 0 || built == nil {
		return nil
	}
	r.report(func(e *Event) {
		*e = Event{Kind: Disputed, Row: a.Row, Index: len(list), Total: len(sides[0].run.Results)}
	})
	for _, s := range sides {
		session, log, err := r.session(s.Row, built, s.Name()+"-again")
		if err != nil {
			return err
		}
		s.session = session
		defer log.Close()
		defer s.session.stop()
	}
	for range rejoinders {
		for _, s := range sides {
			if err := s.again(ctx, list); err != nil {
				return err
			}
			s.session.stop() // the other engine's plays have the machine to themselves
		}
		if list = disputed(sides[0].run, sides[1].run); len(list) == 0 {
			break
		}
	}
	for _, s := range sides {
		if err := s.run.Save(s.File); err != nil {
			return err
		}
		kept := s.Kept
		*s.Done = s.with(s.run)
		s.Kept = kept
	}
	return nil
}

// disputed lists the cases on which the runs disagree, by no known race or because
// Autobahn's limit was met, and that were not played again for that already.
func disputed(a, b *runfile.Run) []cases.Case {
	differ, _ := runfile.Parity(a, b)
	var list []cases.Case
	for _, d := range differ {
		c, known := catalogue.Find(d.Case)
		again := d.A.Attempts > rejoinders && d.B.Attempts > rejoinders
		if known && (d.Race == "" || d.Limit > 0) && d.A.Outcome.Ran() && d.B.Outcome.Ran() && !again {
			list = append(list, c)
		}
	}
	return list
}

// again plays the cases once more, and puts the verdict that came most often into
// the run.
func (s *side) again(ctx context.Context, list []cases.Case) error {
	came := map[cases.ID]harness.Result{}
	err := s.session.round(ctx, list, 0, func(r harness.Result) { came[r.Case] = r })
	for _, r := range came {
		i := slices.IndexFunc(s.run.Results, func(old harness.Result) bool { return old.Case == r.Case })
		if i < 0 || !r.Outcome.Ran() {
			continue
		}
		if s.plays[r.Case] == nil {
			s.plays[r.Case] = known(s.run.Results[i])
		}
		s.plays[r.Case] = append(s.plays[r.Case], r)
		s.run.Results[i], _ = harness.Settle(s.plays[r.Case])
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		s.session.stop()
		fmt.Fprintf(s.session.log, "wsconform: the cases were not played again: %v\n", err)
	}
	return nil
}

// known are the plays that a result has been settled from. Those whose transcripts
// are gone stand behind it, so that of equals it is picked.
func known(r harness.Result) []harness.Result {
	plays := []harness.Result{r}
	plays[0].Varied = nil
	own := slices.Index(r.Varied, r.Verdict)
	for i, v := range r.Varied {
		if i != own {
			plays = append(plays, harness.Result{Case: r.Case, Outcome: harness.OutcomeOf(v), Verdict: v})
		}
	}
	return plays
}
