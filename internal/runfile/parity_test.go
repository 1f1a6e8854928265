package runfile_test

import (
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/internal/transcript"
)

func TestParity(t *testing.T) {
	result := func(id cases.ID, b cases.Behavior, c cases.CloseBehavior) harness.Result {
		v := cases.Verdict{Behavior: b, Close: c}
		return harness.Result{Case: id, Outcome: harness.OutcomeOf(v), Verdict: v}
	}
	cut := func(attempts int) harness.Result {
		r := result("1.1.1", cases.OK, cases.CloseUnclean)
		r.Transcript, r.Attempts = &transcript.Transcript{Opened: true, ClosedByUs: true}, attempts
		return r
	}
	// varied had this verdict in one of its plays.
	varied := func(r harness.Result, b cases.Behavior, c cases.CloseBehavior) harness.Result {
		r.Varied, r.Attempts = []cases.Verdict{r.Verdict, {Behavior: b, Close: c}}, 2
		return r
	}
	// timedOut was ended by its limit of 60 s, when that many bytes had come.
	timedOut := func(id cases.ID, octets int) harness.Result {
		r := result(id, cases.Failed, cases.CloseOK)
		r.Transcript = &transcript.Transcript{
			Opened: true, ClosedByUs: true, Clean: true, Response: "HTTP/1.1 101 x\r\n\r\n",
			Log: []transcript.Entry{{Kind: transcript.LogNote, Timer: transcript.CloseFired}}, Stats: transcript.Stats{RxOctets: map[int]int{18: 1, octets: 1}},
		}
		return r
	}
	missing := harness.Result{Outcome: harness.NotRun}
	for _, test := range []struct {
		name         string
		a, b         harness.Result
		differ, race bool
	}{
		{"same", result("1.1.1", cases.OK, cases.CloseOK), result("1.1.1", cases.OK, cases.CloseOK), false, false},
		{"other behavior", result("1.1.1", cases.OK, cases.CloseOK), result("1.1.1", cases.Failed, cases.CloseOK), true, false},
		{"other close", result("1.1.1", cases.OK, cases.CloseOK), result("1.1.1", cases.OK, cases.CloseUnclean), true, false},
		{"TCP ended before the close frame", result("1.1.1", cases.OK, cases.CloseOK), cut(1), true, true},
		{"TCP ended before the close frame, which varies", varied(cut(3), cases.Failed, cases.CloseOK), result("1.1.1", cases.OK, cases.CloseOK), true, true},
		{"TCP ended before the close frame each time", cut(3), result("1.1.1", cases.OK, cases.CloseOK), true, false},
		{"echo before failing", result("3.2", cases.OK, cases.CloseOK), result("3.2", cases.NonStrict, cases.CloseOK), true, true},
		{"echo before failing, other close", result("3.2", cases.OK, cases.CloseOK), result("3.2", cases.NonStrict, cases.CloseFailed), true, false},
		{"no second reading", result("1.1.2", cases.OK, cases.CloseOK), result("1.1.2", cases.NonStrict, cases.CloseOK), true, false},
		{"between the pauses", result("6.4.1", cases.OK, cases.CloseOK), result("6.4.1", cases.NonStrict, cases.CloseOK), true, true},
		{"failed is no race", result("6.4.1", cases.OK, cases.CloseOK), result("6.4.1", cases.Failed, cases.CloseOK), true, false},
		{"Autobahn's limit", result("13.4.1", cases.OK, cases.CloseOK), timedOut("13.4.1", 10000), true, true},
		{"Autobahn's limit, other close", result("13.4.1", cases.OK, cases.CloseUnclean), timedOut("13.4.1", 10000), true, true},
		{"Autobahn's limit in both halves", result("13.4.1", cases.Failed, cases.CloseUnclean), timedOut("13.4.1", 10000), true, false},
		{"Autobahn's limit without an echo", result("13.4.1", cases.OK, cases.CloseOK), timedOut("13.4.1", 100), true, false},
		{"the native engine's limit", timedOut("13.4.1", 10000), result("13.4.1", cases.OK, cases.CloseOK), true, false},
		{"a short limit", result("1.1.1", cases.OK, cases.CloseOK), timedOut("1.1.1", 10000), true, false},
		{"it varies", varied(result("1.1.1", cases.OK, cases.CloseOK), cases.Failed, cases.CloseOK), result("1.1.1", cases.Failed, cases.CloseOK), true, true},
		{"it varies, other close", varied(result("1.1.1", cases.OK, cases.CloseOK), cases.Failed, cases.CloseUnclean), result("1.1.1", cases.Failed, cases.CloseOK), true, false},
		{"it varies, other behavior", varied(result("1.1.1", cases.OK, cases.CloseOK), cases.NonStrict, cases.CloseOK), result("1.1.1", cases.Failed, cases.CloseOK), true, false},
		{"no verdict", result("1.1.1", cases.OK, cases.CloseOK), func() harness.Result { m := missing; m.Case = "1.1.1"; return m }(), true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, b := &runfile.Run{Results: []harness.Result{test.a}}, &runfile.Run{Results: []harness.Result{test.b}}
			a.Header.Engine.Name, b.Header.Engine.Name = "native", "autobahn"
			differ, agree := runfile.Parity(a, b)
			if got := len(differ) == 1; got != test.differ || agree != 1-len(differ) {
				t.Fatalf("got %d differences and %d agreements, want a difference: %v", len(differ), agree, test.differ)
			}
			if test.differ && (differ[0].Race != "") != test.race {
				t.Errorf("got race %q, want one: %v", differ[0].Race, test.race)
			}
		})
	}
}

func TestParityOfCasesOnlyOneRunHas(t *testing.T) {
	a := &runfile.Run{Results: []harness.Result{{Case: "2.1", Outcome: harness.Pass}}}
	b := &runfile.Run{Results: []harness.Result{{Case: "1.1.1", Outcome: harness.Pass}}}
	differ, agree := runfile.Parity(a, b)
	if len(differ) != 2 || agree != 0 || differ[0].Case != "1.1.1" {
		t.Errorf("got %v and %d agreements, want both cases, 1.1.1 first", differ, agree)
	}
}

func TestParityOfSelections(t *testing.T) {
	v := cases.Verdict{Behavior: cases.OK, Close: cases.CloseOK}
	one := harness.Result{Case: "1.1.1", Outcome: harness.Pass, Verdict: v}
	two := harness.Result{Case: "2.1", Outcome: harness.Pass, Verdict: v}
	a := &runfile.Run{Results: []harness.Result{one, two}}
	a.Header.Selection.Selected = []cases.ID{"1.1.1", "2.1"}
	b := &runfile.Run{Results: []harness.Result{one}}
	b.Header.Selection.Selected = []cases.ID{"1.1.1"}
	if differ, agree := runfile.Parity(a, b); len(differ) != 0 || agree != 1 {
		t.Errorf("a case that b was not to play: got %v and %d agreements, want 1 agreement", differ, agree)
	}
	b.Header.Selection.Selected = a.Header.Selection.Selected
	if differ, _ := runfile.Parity(a, b); len(differ) != 1 || differ[0].Case != "2.1" {
		t.Errorf("a case missing in b: got %v, want 2.1", differ)
	}
}
