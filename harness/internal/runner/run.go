package runner

import (
	"fmt"
	"slices"
	"sync"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
)

// A run keeps the books of a run against any kind of peer: it hands results on, or keeps
// them back for a retry.
type run struct {
	shared  Shared
	options Options
	monitor Monitor

	mu      sync.Mutex // guards the rest
	emit    func(harness.Result)
	retries []*retry // verdicts that chance may have decided
	// lucky are passes of raced cases. Of a peer that lost such a race elsewhere they
	// are as doubtful as what it lost.
	lucky    []*retry
	retrying bool                // nothing is kept back any more
	open     map[cases.ID]*retry // that are being played again
	broken   error               // why we cannot go on, whatever the peer does
}

// begin hands on the results of the cases that cannot be played with the peer, and returns
// the others.
func (r *run) begin(list []cases.Case, role cases.Role, peer harness.Peer) []cases.Case {
	list, rest := playable(list, role, peer)
	for _, res := range rest {
		r.emit(res)
	}
	r.shared.Expect(list)
	return list
}

// how is how a case is played now.
func (r *run) how() How {
	r.mu.Lock()
	defer r.mu.Unlock()
	return How{Brief: !r.retrying, Monitor: &r.monitor, Started: r.options.Started}
}

// take hands a result on, or keeps it back if chance may have decided it. Crowded is as in
// reasonOf.
func (r *run) take(c cases.Case, res harness.Result, crowded bool) {
	r.shared.Finished(c)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settle(c, res, crowded)
}

// settle is take with mu held.
func (r *run) settle(c cases.Case, res harness.Result, crowded bool) {
	t, again := r.open[c.ID]
	switch {
	case again:
		t.take(res)
		r.end(t)
	case r.retrying || !r.hold(c, res, crowded):
		r.emit(res)
	default:
		r.provisional(res, "chance may have decided this verdict, so the case is to be played again")
	}
}

// provisional hands on a result that may change, and the reason.
func (r *run) provisional(res harness.Result, why string) {
	if r.options.Provisional == nil {
		return
	}
	if res.Outcome != harness.Pass {
		res.Note = why
	}
	r.options.Provisional(res)
}

// notRun leaves cases without a verdict.
func (r *run) notRun(list []cases.Case, note string) {
	for _, c := range list {
		r.take(c, harness.Result{Case: c.ID, Outcome: harness.NotRun, Note: note}, false)
	}
}

// replace hands on a result in place of an earlier one of the case.
func (r *run) replace(c cases.Case, res harness.Result) cases.ID {
	r.mu.Lock()
	r.forget(c.ID)
	r.mu.Unlock()
	r.take(c, res, false)
	return c.ID
}

// hold keeps a result back if it is not final.
func (r *run) hold(c cases.Case, res harness.Result, crowded bool) bool {
	switch why := r.reasonOf(c, res, crowded); {
	case why != final:
		t := newRetry(c, res, why)
		t.repeats = r.options.Repeats
		r.retries = append(r.retries, t)
	case res.Outcome == harness.Pass && raced(c):
		r.lucky = append(r.lucky, newRetry(c, res, contested))
	default:
		return false
	}
	return true
}

// reasonOf is the reason for which this run plays a case again.
func (r *run) reasonOf(c cases.Case, res harness.Result, crowded bool) reason {
	why := reasonOf(c, res, crowded, &r.monitor)
	worse := res.Outcome == harness.Fail || res.Outcome == harness.PassLenient
	switch {
	case why == overtaken && r.options.Original:
		return contested
	case why == final && r.options.Repeats > 0 && worse && res.Duration < longCase:
		return unsure
	}
	return why
}

// forget gives up what is held back of a case, and reports whether anything was.
func (r *run) forget(id cases.ID) bool {
	is := func(t *retry) bool { return t.c.ID == id }
	had := len(r.retries) + len(r.lucky)
	r.retries, r.lucky = slices.DeleteFunc(r.retries, is), slices.DeleteFunc(r.lucky, is)
	return len(r.retries)+len(r.lucky) < had
}

// release gives up what is held back: the retries that are to go on, and those whose
// verdicts stand.
func (r *run) release() (retries, rest []*retry) {
	lost := slices.ContainsFunc(r.retries, func(t *retry) bool {
		return t.plays[0].Behavior == cases.NonStrict && (t.why == contested || t.why == overtaken)
	})
	if lost {
		retries, rest = worthwhile(slices.Concat(r.retries, r.lucky))
	} else {
		retries, rest = worthwhile(r.retries)
		rest = append(rest, r.lucky...)
	}
	r.retries, r.lucky = nil, nil
	return retries, rest
}

// letStand hands on what is held back as it is: there is no peer to play it again.
func (r *run) letStand() {
	r.mu.Lock()
	defer r.mu.Unlock()
	retries, rest := r.release()
	for _, t := range slices.Concat(retries, rest) {
		r.emit(t.result())
	}
}

// retryAll has the doubtful cases played again, as long as there are any. Play has to take
// their results.
func (r *run) retryAll(play func([]cases.Case)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	left, rest := r.release()
	r.retrying, r.open = true, make(map[cases.ID]*retry, len(left))
	for _, t := range rest {
		r.emit(t.result())
	}
	for _, t := range left {
		r.open[t.c.ID] = t
	}
	for len(left) > 0 {
		again := make([]cases.Case, len(left))
		for i, t := range left {
			again[i] = t.again()
		}
		r.mu.Unlock()
		play(again)
		r.mu.Lock()
		left = slices.DeleteFunc(left, func(t *retry) bool {
			t.over = t.over || t.waiting // the peer has ended: its verdict stands
			return r.open[t.c.ID] == nil || r.end(t)
		})
	}
}

// end hands on the result of a retry that is settled, and reports whether it is.
func (r *run) end(t *retry) bool {
	if !t.settled(&r.monitor) {
		return false
	}
	delete(r.open, t.c.ID)
	r.emit(t.result())
	return true
}

// interrupted is why cases are not run once the context has ended.
const interrupted = "the run was interrupted"

// A toll counts how often a peer ended or hung.
type toll struct {
	inRow int // ends without a verdict in between
	hangs int
}

// due is why the peer is not started again; nil if it may be.
func (t toll) due(peer string, how error) error {
	switch {
	case t.hangs > maxHangs:
		return &harness.UntestableError{Cause: harness.CauseHang, Err: fmt.Errorf("the %s hung %d times: %w", peer, t.hangs, how)}
	case t.inRow > crashesInRow:
		return &harness.UntestableError{Cause: harness.CauseCrash, Err: fmt.Errorf("the %s ended %d times in a row: %w", peer, t.inRow, how)}
	}
	return nil
}
