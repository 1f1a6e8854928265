package summary

import (
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/gate"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/internal/transcript"
)

// What keeps a run from being relied on is said, and who is to blame.
func TestAlarm(t *testing.T) {
	two := runfile.Header{Selection: runfile.Selection{Selected: []cases.ID{"1.1.1", "1.1.2"}}}
	passed := harness.Result{Case: "1.1.1", Outcome: harness.Pass, Verdict: cases.Verdict{Behavior: cases.OK, Close: cases.CloseOK}}
	both := []harness.Result{passed, {Case: "1.1.2", Outcome: harness.Pass, Verdict: passed.Verdict}}
	tests := []struct {
		name string
		run  runfile.Run
		want string
	}{
		{"complete", runfile.Run{Header: two, Results: both, Footer: &runfile.Footer{State: runfile.Complete}}, ""},
		{
			"the agent is to blame",
			runfile.Run{Header: two, Results: both[:1], Footer: &runfile.Footer{State: runfile.Partial, Cause: harness.CauseCrash, Error: "it ended"}},
			"1 of 2 cases has no verdict: it ended",
		},
		{
			"interrupted",
			runfile.Run{Header: two, Results: both[:1], Footer: &runfile.Footer{State: runfile.Partial, Error: "interrupted"}},
			"1 of 2 cases has no verdict",
		},
		{"cut off", runfile.Run{Header: two}, "2 of 2 cases have no verdict"},
		{"cut off at its end", runfile.Run{Header: two, Results: both}, "This run is partial: it was interrupted before its end"},
		{"invalid", runfile.Run{Header: two, Footer: &runfile.Footer{State: runfile.Invalid, Error: "no disk"}}, "This run is invalid: no disk"},
		{"empty", runfile.Run{}, "This run is partial: it has no cases"},
	}
	for _, tt := range tests {
		if got := Of(Input{Run: &tt.run}).Alarm(); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// A crash that was expected leaves a run complete, unless the run was interrupted.
func TestForgive(t *testing.T) {
	pass := cases.Verdict{Behavior: cases.OK, Close: cases.CloseOK}
	for why, want := range map[string]runfile.State{"": runfile.Complete, "interrupted": runfile.Partial} {
		run := &runfile.Run{
			Header: runfile.Header{Selection: runfile.Selection{Selected: []cases.ID{"1.1.1", "1.1.2"}}},
			Results: []harness.Result{
				{Case: "1.1.1", Outcome: harness.Pass, Verdict: pass},
				{Case: "1.1.2", Outcome: harness.Crash},
			},
			Footer: &runfile.Footer{State: runfile.Partial, Error: why},
		}
		d := gate.Decide(run, []gate.Expectations{{
			Version: gate.Version, Expect: []gate.Entry{{Case: "1.1.2", Verdict: gate.WantCrash, Reason: "issue 7"}},
		}}, time.Time{})
		in := Input{Run: run, Gate: &d}
		s := Of(in)
		if s.Missing != 0 || s.State != want {
			t.Errorf("stopped by %q: got %d missing and state %s, want 0 and %s", why, s.Missing, s.State, want)
		}
	}
}

// A failure says how the peer ended the connection, and tells a limit of the peer
// from a breach.
func TestDid(t *testing.T) {
	tooBig := &transcript.Transcript{Opened: true, RemoteClose: true, RemoteCode: 1009, RemoteReason: transcript.Octet("over 1 MiB")}
	fail := func(id cases.ID, tr *transcript.Transcript) harness.Result {
		return harness.Result{Case: id, Outcome: harness.Fail, Verdict: cases.Verdict{Behavior: cases.Failed, Close: cases.CloseFailed}, Transcript: tr}
	}
	const closed = `the peer closed with 1009 (message too big): "over 1 MiB"`
	tests := []struct {
		name  string
		r     harness.Result
		limit int64
		want  string
	}{
		{"a limit that it declares", fail("9.1.6", tooBig), 1 << 20, closed + "; that is the limit it declares, 1\u202f048\u202f576 bytes, and the case sends 16\u202f777\u202f216"},
		{"below what it declares", fail("9.1.2", tooBig), 1 << 20, closed + "; that is a limit of the peer, and breaks no rule of the protocol"},
		{"nothing declared", fail("9.1.6", tooBig), 0, closed + "; that is a limit of the peer, and breaks no rule of the protocol"},
		{"another code", fail("9.1.6", &transcript.Transcript{Opened: true, RemoteClose: true, RemoteCode: 1002}), 0, "the peer closed with 1002 (protocol error)"},
		{"no failure", harness.Result{Case: "9.1.6", Outcome: harness.Pass, Transcript: tooBig}, 0, ""},
	}
	for _, tt := range tests {
		run := &runfile.Run{Results: []harness.Result{tt.r}}
		run.Header.Agent.About = &harness.Implementation{MaxMessage: tt.limit}
		s := Of(Input{Run: run})
		if got := s.Rows[0].Did(run.Header); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
		if got, want := strings.Contains(s.Rest(), "1 failure because of the peer's size limit"), strings.Contains(tt.want, "limit"); got != want {
			t.Errorf("%s: the summary is %q", tt.name, s.Rest())
		}
	}
}

// The headline never says more than is known, and the colour of a run is that of its
// worst part.
func TestHeadlineAndTone(t *testing.T) {
	result := func(id cases.ID, b cases.Behavior) harness.Result {
		v := cases.Verdict{Behavior: b, Close: cases.CloseOK}
		return harness.Result{Case: id, Outcome: harness.OutcomeOf(v), Verdict: v}
	}
	pass := result("1.1.1", cases.OK)
	complete := &runfile.Footer{State: runfile.Complete}
	partial := &runfile.Footer{State: runfile.Partial}
	tests := []struct {
		name, headline string
		tone           harness.Outcome
		results        []harness.Result
		footer         *runfile.Footer
	}{
		{"nothing", "Nothing was run", harness.NotRun, nil, complete},
		{"no verdict", "None of 2 cases has a verdict", harness.NotRun, []harness.Result{{Case: "1.1.1", Outcome: harness.Crash}, {Case: "1.1.2", Outcome: harness.Timeout}}, partial},
		{"one verdict of two", "1 of 2 passes", harness.NotRun, []harness.Result{pass, {Case: "1.1.2", Outcome: harness.Timeout}}, partial},
		{"good", "No failure in 2 cases", harness.Pass, []harness.Result{pass, result("1.1.2", cases.OK)}, complete},
		{"only observed", "0 of 1 pass", harness.Pass, []harness.Result{result("7.13.1", cases.Informational)}, complete},
		{"lenient", "1 of 2 passes", harness.PassLenient, []harness.Result{pass, result("1.1.2", cases.NonStrict)}, complete},
		{"unsupported", "1 of 2 passes", harness.Unsupported, []harness.Result{pass, result("12.1.1", cases.Unimplemented)}, complete},
		{"a failure", "1 of 2 fails", harness.Fail, []harness.Result{pass, result("1.1.2", cases.Failed)}, complete},
		{"a failure in a partial run", "1 of 2 fails", harness.Fail, []harness.Result{{Case: "1.1.1", Outcome: harness.Crash}, result("1.1.2", cases.Failed)}, partial},
	}
	for _, tt := range tests {
		s := Of(Input{Run: &runfile.Run{Results: tt.results, Footer: tt.footer}})
		if got := s.Headline(); got != tt.headline {
			t.Errorf("%s: got the headline %q, want %q", tt.name, got, tt.headline)
		}
		if got := s.Tone(); got != tt.tone {
			t.Errorf("%s: got the tone %s, want %s", tt.name, got, tt.tone)
		}
	}
}
