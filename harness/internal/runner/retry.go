package runner

import (
	"slices"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/autobahn"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/transcript"
)

// A verdict that chance may have decided is not final: the case is replayed with few
// others. The kind of doubt says how often, and which attempt counts.

// A reason says what, apart from the peer's rules, may have decided a verdict.
type reason uint8

const (
	// final verdicts have no such reason.
	final reason = iota
	// timed verdicts depend on one of our timers, and the machine or the peer was
	// busy. The first attempt on a machine that is not busy counts.
	timed
	// overtaken verdicts miss an echo that the peer had no time for: it read a message
	// together with the bytes that trickle in after it (3.4, 4.1.5, 4.2.5). An attempt
	// in which it has the time counts.
	overtaken
	// contested verdicts depend on a race: if the peer ends TCP while our bytes are
	// unread, that destroys its echo or its close frame on the way. The most frequent
	// verdict counts.
	contested
	// unsure verdicts are not the best ones, and other runs go on beside this one. The
	// most frequent verdict counts.
	unsure
)

const (
	// maxAttempts is how often a case is played at most to get a verdict that does not
	// depend on a timer, and maxHeavy how often a case that may take 100 s.
	maxAttempts, maxHeavy = 5, 3
	// A contested verdict is settled when lead more attempts gave it than any other. A
	// verdict with a probability of 9 in 10 is then missed once in 700 runs. Without
	// such a verdict, the most frequent one of maxContested attempts counts.
	lead, maxContested = 3, 11
	// EchoPatience is how long a peer gets for an echo before the bytes that it must fail
	// at. It ends with the echo; a peer that is merely busy needs milliseconds.
	EchoPatience = 100 * time.Millisecond
	// muteBound is how long a peer must be silent until the load of the run is no excuse.
	muteBound = 10 * time.Second
	// heavyRetries is how many contested heavy cases are replayed. If a peer has more of
	// them, chance is not the reason.
	heavyRetries = 4
	// longCase is how long a case may have taken to be played again because it is unsure.
	longCase = 10 * time.Second
)

// reasonOf says what may have decided a verdict. That is hardly ever asked of the best
// one. Crowded means that other cases were played at the same time.
func reasonOf(c cases.Case, r harness.Result, crowded bool, load *Monitor) reason {
	switch {
	case r.Transcript == nil, r.Outcome == harness.Observed, !r.Outcome.Ran():
		return final
	case r.Outcome == harness.Pass && Hurried(c, r):
		return timed
	case r.Outcome == harness.Pass:
		return final
	}
	waiting := c.Load == cases.Idle
	switch {
	case r.Behavior == cases.NonStrict && trickled(c):
		return overtaken
	case r.Behavior == cases.NonStrict && raced(c), r.CutOff():
		return contested
	}
	late := load.lateSince(r.Transcript.Started)
	switch {
	case Hurried(c, r):
		return timed
	case !crowded && !late:
		return final
	case waiting && r.Behavior == cases.NonStrict:
		if late || load.stalledSince(r.Transcript.Started) {
			return timed
		}
	case outlasted(r.Transcript) && !mute(c, *r.Transcript):
		return timed
	}
	return final
}

// mute reports whether a case of many echoes ran into its limit without the
// first of them. Repeating it would only wait as long again.
func mute(c cases.Case, t transcript.Transcript) bool {
	return c.RoundTrips() && t.Opened && t.Echoes == 0 && !t.WrongEcho && t.Duration >= muteBound
}

// quick is the part of a shortened pause within which a peer must react for the pause to
// be trusted: a tenth of the time would have done.
const quick = 10

// Hurried reports whether the outcome of a fail-fast case may depend on one of its pauses
// having been shortened. The first: what the peer did to the bad bytes may have been its
// answer to the good ones, which it would have given in the time that it was not left. The
// second: the peer, though not quick, failed in the end, or it had not failed when its time
// was up.
func Hurried(c cases.Case, r harness.Result) bool {
	t := r.Transcript
	pauses := markedPauses(c, *t)
	if len(pauses) > 0 {
		first := pauses[0]
		at := reaction(t, first.ends)
		if first.short && at-first.ends > (first.ends-first.begins)/quick && at-first.begins < ShortPause {
			return true
		}
	}
	if len(pauses) < 2 || !pauses[1].short {
		return false
	}
	if r.Behavior != cases.NonStrict {
		return t.Struck(transcript.KillFired)
	}
	return reaction(t, pauses[1].ends)-pauses[1].ends > ShortPause/quick
}

// reaction is when the first thing came from the peer after a time, or the connection
// ended.
func reaction(t *transcript.Transcript, after time.Duration) time.Duration {
	for _, e := range t.Log {
		if e.Dir == transcript.In && e.At > after {
			return e.At
		}
	}
	return t.Duration
}

// A markedPause is a pause with a mark that has come to its end.
type markedPause struct {
	begins, ends time.Duration
	short        bool // not as long as the case says
}

func markedPauses(c cases.Case, t transcript.Transcript) []markedPause {
	var limits []time.Duration
	for _, op := range c.Ops() {
		if wait, ok := op.(cases.WaitOp); ok && wait.Mark != "" {
			limits = append(limits, wait.For)
		}
	}
	if len(limits) == 0 {
		return nil
	}
	var list []markedPause
	var begins time.Duration
	for _, e := range t.Log {
		switch e.Timer {
		case transcript.PauseBegins:
			begins = e.At
		case transcript.PauseEnds:
			if len(list) < len(limits) {
				list = append(list, markedPause{begins, e.At, e.At-begins < limits[len(list)]})
			}
		case transcript.KillArmed, transcript.KillFired, transcript.CloseArmed, transcript.CloseFired:
		}
	}
	return list
}

// trickled reports whether what a peer must fail on comes byte by byte behind
// a message whose echo is the better reading.
func trickled(c cases.Case) bool {
	return len(autobahn.Of(c).Events) > 1 && slices.ContainsFunc(c.Ops(), func(op cases.Op) bool {
		sent, ok := op.(cases.WriteOp)
		return ok && sent.Chop == 1
	})
}

// raced reports whether what a peer must fail on comes right behind a message whose
// echo is the better reading: a peer that reads both at once may not get to it.
func raced(c cases.Case) bool {
	return len(autobahn.Of(c).Events) > 1 && c.Load != cases.Idle && !trickled(c)
}

// timedOut reports whether one of our timers ended the connection.
func timedOut(t *transcript.Transcript) bool {
	return t.Struck(transcript.KillFired) || t.Struck(transcript.CloseFired) || t.OpenTimeout || t.CloseTimeout || t.ServerDropExpiry
}

// outlasted reports whether a timer of ours ended a connection of the case, or a wait.
func outlasted(t *transcript.Transcript) bool {
	return slices.ContainsFunc(t.Conns(), func(t *transcript.Transcript) bool { return timedOut(t) || t.Expired })
}

// Patient is a trickled case in which the peer has time for its echo. The limit
// is armed first: the peer may end the connection in that time.
func Patient(c cases.Case) cases.Case {
	before := c.Steps()
	steps := before[:1:1]
	for _, s := range before[1:] {
		if kill, ok := s.(cases.KillAfter); ok {
			steps = append(steps, cases.KillAfter{After: kill.After + EchoPatience})
		}
	}
	steps = append(steps, cases.Pause{For: EchoPatience, Until: len(autobahn.Of(c).Events[0].Events)})
	for _, s := range before[1:] {
		if _, ok := s.(cases.KillAfter); !ok {
			steps = append(steps, s)
		}
	}
	c.Conns = []cases.Conn{{Steps: steps}}
	return c
}

// A retry is a case that is played until its verdict is beyond doubt.
type retry struct {
	c     cases.Case
	why   reason
	plays []harness.Result
	// repeats is how many plays there are at most if the verdict is unsure, beyond the first.
	repeats int
	waiting bool // to be played
	over    bool // a play came to no verdict: those before are better than none
	// end is the result where the peer crashed or hung in a play: that stands above
	// the verdicts of others.
	end *harness.Result
}

func newRetry(c cases.Case, r harness.Result, why reason) *retry {
	return &retry{c: c, why: why, plays: []harness.Result{r}}
}

// again is the case as it is to be played next.
func (t *retry) again() cases.Case {
	t.waiting = true
	if t.why == overtaken {
		return Patient(t.c)
	}
	return t.c
}

// take adds a play.
func (t *retry) take(r harness.Result) {
	t.waiting = false
	if r.Outcome == harness.Crash || r.Outcome == harness.Timeout {
		t.end = &r
	}
	if !r.Outcome.Ran() {
		t.over = true
		return
	}
	t.plays = append(t.plays, r)
}

// settled reports whether the case need not be played again.
func (t *retry) settled(load *Monitor) bool {
	last := t.plays[len(t.plays)-1]
	switch {
	case t.over:
		return true
	case len(t.plays) == 1:
		return false
	}
	switch t.why {
	case timed:
		bound := maxAttempts
		if t.c.Heavy() {
			bound = maxHeavy
		}
		return len(t.plays) == bound || reasonOf(t.c, last, false, load) != timed
	case overtaken:
		return len(t.plays) == maxAttempts || last.Behavior != cases.NonStrict || !load.lateSince(last.Transcript.Started)
	case contested:
		_, most := harness.Settle(t.plays)
		return len(t.plays) == maxContested || most-(len(t.plays)-most) >= lead
	case unsure:
		_, most := harness.Settle(t.plays)
		return len(t.plays) > t.repeats || most == len(t.plays)
	case final:
	}
	return true
}

// result is what the retry came to.
func (t *retry) result() harness.Result {
	if t.end != nil {
		return *t.end
	}
	r := t.plays[len(t.plays)-1]
	if len(t.plays) == 1 {
		return r
	}
	switch t.why {
	case timed:
		r.Note = "the verdict depended on timing, so the case was played again with few others at the same time"
	case overtaken:
		r.Note = "the peer had no time to echo, so the case was played again with more time"
	case contested, unsure:
		r, _ = harness.Settle(t.plays)
	case final:
	}
	r.Attempts = len(t.plays)
	return r
}

// worthwhile parts retries into those that are to be played again and the rest, of
// which the verdicts stand.
func worthwhile(list []*retry) (retries, rest []*retry) {
	heavy := 0
	for _, t := range list {
		if t.why == contested && t.c.Heavy() {
			heavy++
		}
	}
	for _, t := range list {
		if t.why == contested && t.c.Heavy() && heavy > heavyRetries {
			rest = append(rest, t)
		} else {
			retries = append(retries, t)
		}
	}
	return retries, rest
}
