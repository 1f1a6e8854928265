package compare_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/agentfile"
	"github.com/wsconform/wsconform/internal/compare"
	"github.com/wsconform/wsconform/internal/pattern"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/internal/transcript"
)

// A scripted engine gives verdicts from a list, one a play, the last for ever. It
// does not touch the agent.
type scripted struct {
	name     string
	verdicts map[cases.ID][]cases.Behavior // of others: OK
	played   map[cases.ID]int
	limited  bool // its failures are Autobahn's limit, met in mid-echo
}

func (e *scripted) About() runfile.Engine { return runfile.Engine{Name: e.name} }

func (e *scripted) Server(_ context.Context, s engine.Subject, emit func(harness.Result)) error {
	for _, c := range s.Cases {
		v := cases.Verdict{Behavior: cases.OK, Close: cases.CloseOK}
		if list := e.verdicts[c.ID]; len(list) > 0 {
			v.Behavior = list[min(e.played[c.ID], len(list)-1)]
		}
		e.played[c.ID]++
		r := harness.Result{Case: c.ID, Outcome: harness.OutcomeOf(v), Verdict: v}
		if e.limited && v.Behavior == cases.Failed {
			r.Transcript = &transcript.Transcript{
				Opened: true, ClosedByUs: true, Clean: true, Duration: time.Minute,
				Log: []transcript.Entry{{Kind: transcript.LogNote, Timer: transcript.CloseFired}}, Stats: transcript.Stats{RxOctets: map[int]int{1000: 1}},
			}
		}
		emit(r)
	}
	return nil
}

// Close has nothing to free.
func (e *scripted) Close() error { return nil }

func (e *scripted) Client(context.Context, engine.Subject, func(harness.Result)) error {
	panic("there is no client")
}

// What the engines disagree on, both play again: until one comes to the other's
// verdict, or often enough to say that they disagree.
func TestReconcile(t *testing.T) {
	r := runner(t)
	r.Repeats = 0
	native := &scripted{name: "native", played: map[cases.ID]int{}}
	autobahn := &scripted{name: "autobahn", played: map[cases.ID]int{}, verdicts: map[cases.ID][]cases.Behavior{
		"1.1.2": {cases.Failed, cases.Failed, cases.OK}, // the second time again is better
		"2.1":   {cases.Failed},
	}}
	rows := compare.Rows([]agentfile.Agent{agent(t, server)}, []cases.Role{cases.Server}, []engine.Engine{native, autobahn})
	disputes := 0
	r.Progress = func(e compare.Event) {
		if e.Kind == compare.Disputed {
			disputes += e.Index
		}
	}
	done, err := r.Run(t.Context(), rows)
	if err != nil {
		t.Fatal(err)
	}
	a, errA := runfile.Open(done[0].File)
	b, errB := runfile.Open(done[1].File)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	differ, agree := runfile.Parity(a, b)
	if agree != 2 || len(differ) != 2 || differ[0].Race == "" || differ[1].Race != "" || disputes != 2 {
		t.Errorf("got %d that agree, %d disputes, %+v; want 2 that agree, a race in 1.1.2, and 2.1", agree, disputes, differ)
	}
	for id, want := range map[cases.ID]int{"1.1.1": 1, "1.1.2": 3, "2.1": 4} {
		if got := [2]int{native.played[id], autobahn.played[id]}; got != [2]int{want, want} {
			t.Errorf("case %s: played %v times, want %d by each", id, got, want)
		}
	}
	i := slices.IndexFunc(b.Results, func(res harness.Result) bool { return res.Case == "1.1.2" })
	if res := b.Results[i]; res.Behavior != cases.Failed || res.Attempts != 3 || len(res.Varied) != 3 {
		t.Errorf("1.1.2: got %s after %d plays, %v; want FAILED, which came twice of 3 times", res.Behavior, res.Attempts, res.Varied)
	}
	if done[1].Varied != 1 || done[1].State != runfile.Complete {
		t.Errorf("the row: got %d that vary, %s; want 1 and complete", done[1].Varied, done[1].State)
	}
	// What was played again so often is not played again by the next comparison.
	if _, err := r.Run(t.Context(), rows); err != nil || native.played["2.1"] != 4 {
		t.Errorf("a second comparison: got %v, and 2.1 played %d times, want 4", err, native.played["2.1"])
	}
}

// What Autobahn's limit ended is played again although it has a name, behind all
// rows; and keeps that name if it is ended by the limit each time.
func TestReconcileLimit(t *testing.T) {
	r := runner(t)
	var err error
	if r.Cases, err = pattern.Select(catalogue.All(), []string{"9.7.1", "13.4.1"}, nil); err != nil {
		t.Fatal(err)
	}
	r.Selection.Selected = []cases.ID{"9.7.1", "13.4.1"}
	r.Repeats, r.Parallel = 0, 3
	native := &scripted{name: "native", played: map[cases.ID]int{}}
	autobahn := &scripted{name: "autobahn", limited: true, played: map[cases.ID]int{}, verdicts: map[cases.ID][]cases.Behavior{
		"9.7.1":  {cases.Failed, cases.OK}, // on a quiet machine
		"13.4.1": {cases.Failed},
	}}
	ended := 0
	r.Progress = func(e compare.Event) {
		switch e.Kind {
		case compare.RowEnded:
			ended++
		case compare.Disputed:
			if ended != 2 {
				t.Errorf("the engines played again when %d of 2 rows had ended", ended)
			}
		case compare.Building, compare.BuildFailed, compare.RowBegan:
		}
	}
	done, err := r.Run(t.Context(), compare.Rows([]agentfile.Agent{agent(t, server)}, []cases.Role{cases.Server}, []engine.Engine{native, autobahn}))
	if err != nil {
		t.Fatal(err)
	}
	a, errA := runfile.Open(done[0].File)
	b, errB := runfile.Open(done[1].File)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	var got []string
	differ, _ := runfile.Parity(a, b)
	for _, d := range differ {
		got = append(got, fmt.Sprintf("%s, played %d times: %s", d.Case, d.B.Attempts, d.Race))
	}
	want := []string{
		"9.7.1, played 2 times: the verdict varies from play to play",
		"13.4.1, played 4 times: Autobahn's limit of 60 s ended the case before the whole echo had come",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// A broken engine comes to no verdict, which is not the agent's trouble.
type broken struct{ scripted }

func (e *broken) Server(_ context.Context, s engine.Subject, emit func(harness.Result)) error {
	for _, c := range s.Cases {
		emit(harness.Result{Case: c.ID, Outcome: harness.HarnessError, Note: "no report"})
	}
	return nil
}

// Where the harness failed the row is invalid, and played again another time.
func TestHarnessFails(t *testing.T) {
	r := runner(t)
	for range 2 {
		failing := &broken{scripted{name: "autobahn"}}
		done, err := r.Run(t.Context(), compare.Rows([]agentfile.Agent{agent(t, server)}, []cases.Role{cases.Server}, []engine.Engine{failing}))
		if err == nil || !strings.Contains(err.Error(), "no report") || errors.As(err, new(*harness.UntestableError)) {
			t.Errorf("got %v, want an error of the harness with its reason", err)
		}
		if got := done[0]; got.State != runfile.Invalid || got.Kept || got.Cause != "" {
			t.Errorf("got %s, kept %t, cause %q; want an invalid row, played again, without a cause", got.State, got.Kept, got.Cause)
		}
	}
}
