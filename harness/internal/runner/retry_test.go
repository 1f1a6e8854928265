package runner

import (
	"slices"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/transcript"
)

// TestReason says which verdicts are not final at once, and why.
func TestReason(t *testing.T) {
	begun := time.Now()
	early, late := begun.Add(-time.Second), begun.Add(time.Second)
	timer := transcript.Transcript{Log: []transcript.Entry{{Kind: transcript.LogNote, Timer: transcript.KillFired}}}
	cut := transcript.Transcript{ClosedByUs: true}
	expired := transcript.Transcript{Expired: true}
	silent := transcript.Transcript{Opened: true, Duration: 11 * time.Second, Log: timer.Log}
	stuck := silent
	stuck.Echoes = 3
	ok := cases.Verdict{Behavior: cases.OK, Close: cases.CloseOK}
	failed := cases.Verdict{Behavior: cases.Failed, Close: cases.CloseFailed}
	lenient := cases.Verdict{Behavior: cases.NonStrict, Close: cases.CloseOK}
	unclean := cases.Verdict{Behavior: cases.OK, Close: cases.CloseUnclean}
	for _, test := range []struct {
		name    string
		id      cases.ID
		verdict cases.Verdict
		t       transcript.Transcript
		crowded bool
		load    *Monitor
		want    reason
	}{
		{"a pass by whatever means", "1.1.1", ok, timer, true, &Monitor{late: late}, final},
		{"a failure that no timer decided", "1.1.1", failed, transcript.Transcript{}, true, &Monitor{late: late}, final},
		{"a timer, alone on an idle machine", "1.1.1", failed, timer, false, &Monitor{}, final},
		{"a timer, alone after a busy time", "1.1.1", failed, timer, false, &Monitor{late: early}, final},
		{"a timer, alone on a busy machine", "1.1.1", failed, timer, false, &Monitor{late: late}, timed},
		{"a timer, beside other cases", "1.1.1", failed, timer, true, &Monitor{}, timed},
		{"a wait that ended by its time, alone on an idle machine", "F.1.1", failed, expired, false, &Monitor{}, final},
		{"such a wait on a busy machine", "F.1.1", failed, expired, false, &Monitor{late: late}, timed},
		{"such a wait beside other cases", "F.1.1", failed, expired, true, &Monitor{}, timed},
		{"such a wait of a second connection", "F.1.1", failed, transcript.Transcript{More: []transcript.Transcript{expired}}, true, &Monitor{}, timed},
		{"such a wait in a case that passes", "F.1.1", ok, expired, true, &Monitor{late: late}, final},
		{"late to fail, alone", "6.4.1", lenient, transcript.Transcript{}, false, &Monitor{}, final},
		{"late to fail while the peer was silent", "6.4.1", lenient, transcript.Transcript{}, true, &Monitor{stall: late}, timed},
		{"no first echo of many in ten seconds, beside other cases", "9.7.1", failed, silent, true, &Monitor{}, final},
		{"some echoes of many, beside other cases", "9.7.1", failed, stuck, true, &Monitor{}, timed},
		{"no echo before what came byte by byte", "3.4", lenient, transcript.Transcript{}, false, &Monitor{}, overtaken},
		{"no echo before what came at once", "3.2", lenient, transcript.Transcript{}, false, &Monitor{}, contested},
		{"the end of TCP in place of a close frame", "1.1.1", unclean, cut, false, &Monitor{}, contested},
		{"we ended TCP ourselves", "1.1.1", unclean, transcript.Transcript{ClosedByUs: true, DroppedByUs: true, CloseTimeout: true}, false, &Monitor{}, final},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := find(t, test.id)
			test.t.Started = begun
			r := harness.Result{Case: c.ID, Outcome: harness.OutcomeOf(test.verdict), Verdict: test.verdict, Transcript: &test.t}
			if got := reasonOf(c, r, test.crowded, test.load); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

// TestLuckyEchoes: an echo that came before what a peer must fail on is doubtful if
// another one did not.
func TestLuckyEchoes(t *testing.T) {
	ok := cases.Verdict{Behavior: cases.OK, Close: cases.CloseOK}
	lenient := cases.Verdict{Behavior: cases.NonStrict, Close: cases.CloseOK}
	type play struct {
		id      cases.ID
		verdict cases.Verdict
	}
	for _, test := range []struct {
		name                   string
		plays                  []play
		final, retries, stands []cases.ID
	}{
		{"all echoes came", []play{{"1.1.1", ok}, {"3.2", ok}, {"3.3", ok}, {"3.4", ok}}, []cases.ID{"1.1.1", "3.4"}, nil, []cases.ID{"3.2", "3.3"}},
		{"one did not", []play{{"1.1.1", ok}, {"3.3", ok}, {"4.1.4", lenient}}, []cases.ID{"1.1.1"}, []cases.ID{"4.1.4", "3.3"}, nil},
		{"one did not, byte by byte", []play{{"3.3", ok}, {"3.4", lenient}}, nil, []cases.ID{"3.4", "3.3"}, nil},
		{"a late failure is something else", []play{{"3.3", ok}, {"6.4.1", lenient}}, []cases.ID{"6.4.1"}, nil, []cases.ID{"3.3"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var d run
			var final []cases.ID
			for _, p := range test.plays {
				r := harness.Result{Case: p.id, Outcome: harness.OutcomeOf(p.verdict), Verdict: p.verdict, Transcript: &transcript.Transcript{}}
				if !d.hold(find(t, p.id), r, false) {
					final = append(final, p.id)
				}
			}
			retries, stands := d.release()
			for _, row := range []struct {
				what      string
				got, want []cases.ID
			}{{"final", final, test.final}, {"played again", caseIDs(retries), test.retries}, {"standing", caseIDs(stands), test.stands}} {
				if !slices.Equal(row.got, row.want) {
					t.Errorf("%s: got %v, want %v", row.what, row.got, row.want)
				}
			}
		})
	}
}

// TestForget: what is held back of a suspect of a hang is no longer.
func TestForget(t *testing.T) {
	d := run{
		retries: []*retry{newRetry(find(t, "3.2"), harness.Result{}, contested), newRetry(find(t, "1.1.3"), harness.Result{}, timed)},
		lucky:   []*retry{newRetry(find(t, "3.3"), harness.Result{}, contested)},
	}
	for _, row := range []struct {
		id   cases.ID
		want bool
	}{{"1.1.3", true}, {"1.1.3", false}, {"1.1.4", false}, {"3.3", true}} {
		if got := d.forget(row.id); got != row.want {
			t.Errorf("forget %s: got %t, want %t", row.id, got, row.want)
		}
	}
	if left := caseIDs(slices.Concat(d.retries, d.lucky)); !slices.Equal(left, []cases.ID{"3.2"}) {
		t.Errorf("still held back: got %v, want 3.2", left)
	}
}

func caseIDs(list []*retry) (ids []cases.ID) {
	for _, t := range list {
		ids = append(ids, t.c.ID)
	}
	return ids
}

// TestTrial says how often a case is played, and what the plays come to.
func TestTrial(t *testing.T) {
	play := func(b cases.Behavior, c cases.CloseBehavior) harness.Result {
		v := cases.Verdict{Behavior: b, Close: c}
		return harness.Result{Case: "1.1.1", Outcome: harness.OutcomeOf(v), Verdict: v, Transcript: &transcript.Transcript{ClosedByUs: true}}
	}
	ok, unclean := play(cases.OK, cases.CloseOK), play(cases.OK, cases.CloseUnclean)
	lenient := play(cases.NonStrict, cases.CloseOK)
	none := harness.Result{Case: "1.1.1", Outcome: harness.Blocked}
	for _, test := range []struct {
		name   string
		why    reason
		plays  []harness.Result // the first one, and those to come
		used   int
		want   harness.Result
		varied bool
	}{
		{"chance, once", contested, []harness.Result{unclean, ok, ok, ok, ok, unclean}, 5, ok, true},
		{"a peer that always cuts", contested, []harness.Result{unclean, unclean, unclean, ok, ok}, 3, unclean, false},
		{"one that cuts more often than not", contested, []harness.Result{unclean, ok, unclean, unclean, unclean, ok}, 5, unclean, true},
		{"one that cuts every other time", contested, []harness.Result{unclean, ok, unclean, ok, unclean, ok, unclean, ok, unclean, ok, unclean, ok}, 11, unclean, true},
		{"an echo, given time", overtaken, []harness.Result{lenient, ok, lenient}, 2, ok, false},
		{"no echo, whatever the time", overtaken, []harness.Result{lenient, lenient, ok}, 2, lenient, false},
		{"a quiet machine", timed, []harness.Result{unclean, unclean, ok}, 2, unclean, false},
		{"a peer that is gone", contested, []harness.Result{unclean, none, ok}, 2, unclean, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			retry := newRetry(find(t, "3.4"), test.plays[0], test.why)
			used := 1
			for ; !retry.settled(&Monitor{}); used++ {
				retry.take(test.plays[used])
			}
			got := retry.result()
			if used != test.used || !got.SameVerdict(test.want) || (got.Varied != nil) != test.varied {
				t.Errorf("got %s after %d plays, listing %v, want %s after %d", got.Summary(), used, got.Varied, test.want.Summary(), test.used)
			}
		})
	}
}

// TestRetryOnABusyMachine: what a timer decided is played again while the machine
// is busy, a case that takes long less often.
func TestRetryOnABusyMachine(t *testing.T) {
	begun := time.Now()
	failed := cases.Verdict{Behavior: cases.Failed, Close: cases.CloseFailed}
	for id, want := range map[cases.ID]int{"1.1.1": 5, "9.1.1": 3} {
		tr := &transcript.Transcript{Started: begun, Opened: true, Log: []transcript.Entry{{Kind: transcript.LogNote, Timer: transcript.KillFired}}}
		r := harness.Result{Case: id, Outcome: harness.Fail, Verdict: failed, Transcript: tr}
		retry := newRetry(find(t, id), r, timed)
		plays := 1
		for ; !retry.settled(&Monitor{late: begun.Add(time.Second)}) && plays < 10; plays++ {
			retry.take(r)
		}
		if plays != want {
			t.Errorf("case %s: got %d plays, want %d", id, plays, want)
		}
	}
}

// A result says how many plays it took.
func TestAttempts(t *testing.T) {
	r := harness.Result{Case: "6.4.1", Outcome: harness.Pass, Transcript: &transcript.Transcript{}}
	for _, why := range []reason{timed, overtaken, contested, unsure} {
		one := newRetry(find(t, "6.4.1"), r, why)
		for n := 2; n <= 3; n++ {
			one.take(r)
			if got := one.result(); got.Attempts != n || got.Note == "" {
				t.Errorf("reason %d: got %d attempts and the note %q, want %d and a note", why, got.Attempts, got.Note, n)
			}
		}
	}
}

// The end of a peer, or a hang, in a replay stands above the verdicts of other plays.
func TestEndInAReplay(t *testing.T) {
	for _, outcome := range []harness.Outcome{harness.Crash, harness.Timeout} {
		one := newRetry(find(t, "1.1.1"), harness.Result{Case: "1.1.1", Outcome: harness.Fail, Transcript: &transcript.Transcript{}}, timed)
		one.take(harness.Result{Case: "1.1.1", Outcome: outcome})
		if got := one.result().Outcome; got != outcome || !one.settled(&Monitor{}) {
			t.Errorf("got %s, settled %t, want %s and no further play", got, one.settled(&Monitor{}), outcome)
		}
	}
}

// TestHurried says when a shortened pause may have decided a verdict, by when the peer reacted.
func TestHurried(t *testing.T) {
	const ms = time.Millisecond
	note := func(at time.Duration, timer transcript.Timer) transcript.Entry {
		return transcript.Entry{Kind: transcript.LogNote, At: at, Timer: timer}
	}
	for _, test := range []struct {
		name                          string
		begins, first, second, reacts time.Duration // second is 0 if its pause did not end
		behavior                      cases.Behavior
		want                          bool
	}{
		{"at once", 5 * ms, 105 * ms, 0, 106 * ms, cases.OK, false},
		{"within a tenth of the pause", 50 * ms, 150 * ms, 0, 159 * ms, cases.OK, false},
		{"later", 50 * ms, 150 * ms, 0, 170 * ms, cases.OK, true},
		{"later, of a case that began late", 905 * ms, 1005 * ms, 0, 1100 * ms, cases.OK, true},
		{"too late for the good bytes", 50 * ms, 150 * ms, 0, 551 * ms, cases.OK, false},
		{"a pause of the case's own length", 5 * ms, 1005 * ms, 0, 1400 * ms, cases.OK, false},
		{"at the end of the message", 5 * ms, 105 * ms, 605 * ms, 610 * ms, cases.NonStrict, false},
		{"slowly at the end", 5 * ms, 105 * ms, 605 * ms, 700 * ms, cases.NonStrict, true},
	} {
		log := []transcript.Entry{note(test.begins, transcript.PauseBegins), note(test.first, transcript.PauseEnds), note(test.first, transcript.PauseBegins)}
		if test.second > 0 {
			log = append(log, note(test.second, transcript.PauseEnds))
		}
		log = append(log, transcript.Entry{Kind: transcript.LogFrame, Dir: transcript.In, At: test.reacts})
		r := harness.Result{Outcome: harness.Pass, Transcript: &transcript.Transcript{Log: log, Duration: test.reacts + ms}}
		r.Behavior = test.behavior
		if got := Hurried(find(t, "6.4.1"), r); got != test.want {
			t.Errorf("%s: got %t, want %t", test.name, got, test.want)
		}
	}
}

// A case whose echo was overtaken is played again until the peer had the time for it.
func TestOvertakenSettles(t *testing.T) {
	begun := time.Now()
	busy := &Monitor{late: begun.Add(time.Second)}
	play := func(b cases.Behavior) harness.Result {
		return harness.Result{Case: "3.4", Outcome: harness.Pass, Verdict: cases.Verdict{Behavior: b}, Transcript: &transcript.Transcript{Started: begun}}
	}
	for _, test := range []struct {
		name string
		load *Monitor
		last cases.Behavior
		want bool
	}{
		{"with the echo, on a busy machine", busy, cases.OK, true},
		{"without it, on a busy machine", busy, cases.NonStrict, false},
		{"without it, with all the time there is", &Monitor{}, cases.NonStrict, true},
	} {
		one := newRetry(find(t, "3.4"), play(cases.NonStrict), overtaken)
		one.take(play(test.last))
		if got := one.settled(test.load); got != test.want {
			t.Errorf("%s: settled %t, want %t", test.name, got, test.want)
		}
	}
}

// So many contested heavy cases are played again; if there are more, none is.
func TestHeavyRetries(t *testing.T) {
	for n, want := range map[int]int{heavyRetries: heavyRetries, heavyRetries + 1: 0} {
		var list []*retry
		for range n {
			list = append(list, newRetry(find(t, "9.1.1"), harness.Result{}, contested))
		}
		retries, rest := worthwhile(append(list, newRetry(find(t, "3.2"), harness.Result{}, contested)))
		if len(retries) != want+1 || len(rest) != n-want {
			t.Errorf("%d heavy cases: got %d retries and %d that stand, want %d and %d", n, len(retries), len(rest), want+1, n-want)
		}
	}
}

// An engine that plays a case in one way only cannot give the peer more time for an echo.
func TestOriginalHasNoPatience(t *testing.T) {
	r := harness.Result{Case: "3.4", Outcome: harness.PassLenient, Verdict: cases.Verdict{Behavior: cases.NonStrict, Close: cases.CloseOK}, Transcript: &transcript.Transcript{}}
	for original, want := range map[bool]reason{false: overtaken, true: contested} {
		d := run{options: Options{Original: original}}
		if got := d.reasonOf(find(t, "3.4"), r, false); got != want {
			t.Errorf("original %t: got reason %d, want %d", original, got, want)
		}
	}
}

// The cases that take longest come first.
func TestHeaviestFirst(t *testing.T) {
	list := heaviestFirst([]cases.Case{find(t, "9.1.1"), find(t, "9.1.6"), find(t, "9.1.2")})
	for i, c := range list[1:] {
		if c.Cost() > list[i].Cost() {
			t.Errorf("case %s, with cost %d, comes behind %s, with %d", c.ID, c.Cost(), list[i].ID, list[i].Cost())
		}
	}
	if list[0].ID != "9.1.6" {
		t.Errorf("got %s first, want 9.1.6", list[0].ID)
	}
}
