package runner

import (
	"slices"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
)

// pending are the results of a run that wait for a retry, as chance may have decided
// them.
type pending struct {
	Options
	retries []*retry
	// lucky are passes of raced cases. Of a peer that lost such a race elsewhere they
	// are as doubtful as what it lost.
	lucky []*retry
}

// hold keeps r back if it is not final. Crowded is as in reasonOf.
func (d *pending) hold(c cases.Case, r harness.Result, crowded bool, load *Monitor) bool {
	switch why := d.reasonOf(c, r, crowded, load); {
	case why != final:
		t := newRetry(c, r, why)
		t.repeats = d.Repeats
		d.retries = append(d.retries, t)
	case r.Outcome == harness.Pass && raced(c):
		d.lucky = append(d.lucky, newRetry(c, r, contested))
	default:
		return false
	}
	return true
}

// reasonOf is the reason for which this run plays a case again.
func (d *pending) reasonOf(c cases.Case, r harness.Result, crowded bool, load *Monitor) reason {
	why := reasonOf(c, r, crowded, load)
	worse := r.Outcome == harness.Fail || r.Outcome == harness.PassLenient
	switch {
	case why == overtaken && d.Original:
		return contested
	case why == final && d.Repeats > 0 && worse && r.Duration < longCase:
		return unsure
	}
	return why
}

// forget gives up what is held back of a case, and reports whether anything was.
func (d *pending) forget(id cases.ID) bool {
	is := func(t *retry) bool { return t.c.ID == id }
	had := len(d.retries) + len(d.lucky)
	d.retries, d.lucky = slices.DeleteFunc(d.retries, is), slices.DeleteFunc(d.lucky, is)
	return len(d.retries)+len(d.lucky) < had
}

// release gives up what is held back: the retries that are to go on, and those whose
// verdicts stand.
func (d *pending) release() (retries, rest []*retry) {
	lost := slices.ContainsFunc(d.retries, func(t *retry) bool {
		return t.plays[0].Behavior == cases.NonStrict && (t.why == contested || t.why == overtaken)
	})
	if lost {
		retries, rest = worthwhile(slices.Concat(d.retries, d.lucky))
	} else {
		retries, rest = worthwhile(d.retries)
		rest = append(rest, d.lucky...)
	}
	d.retries, d.lucky = nil, nil
	return retries, rest
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
