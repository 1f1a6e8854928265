package native

import (
	"slices"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
)

// doubts are the results of a run that are held back, as chance may have decided
// them.
type doubts struct {
	trials []*trial
	// lucky are passes of raced cases. Of a peer that lost such a race elsewhere they
	// are as doubtful as what it lost.
	lucky []*trial
}

// hold keeps r back if it is not final. Crowded is as in doubtOf.
func (d *doubts) hold(c cases.Case, r harness.Result, crowded bool, load *pulse) bool {
	switch why := doubtOf(c, r, crowded, load); {
	case why != sure:
		d.trials = append(d.trials, newTrial(c, r, why))
	case r.Outcome == harness.Pass && raced(c):
		d.lucky = append(d.lucky, newTrial(c, r, contested))
	default:
		return false
	}
	return true
}

// forget gives up what is held back of a case, and reports whether anything was.
func (d *doubts) forget(id cases.ID) bool {
	is := func(t *trial) bool { return t.c.ID == id }
	had := len(d.trials) + len(d.lucky)
	d.trials, d.lucky = slices.DeleteFunc(d.trials, is), slices.DeleteFunc(d.lucky, is)
	return len(d.trials)+len(d.lucky) < had
}

// release gives up what is held back: the trials that are to go on, and those whose
// verdicts stand.
func (d *doubts) release() (trials, rest []*trial) {
	lost := slices.ContainsFunc(d.trials, func(t *trial) bool {
		return t.plays[0].Behavior == cases.NonStrict && (t.why == contested || t.why == overtaken)
	})
	if lost {
		trials, rest = worthwhile(slices.Concat(d.trials, d.lucky))
	} else {
		trials, rest = worthwhile(d.trials)
		rest = append(rest, d.lucky...)
	}
	*d = doubts{}
	return trials, rest
}

// worthwhile parts trials into those that are to be played again and the rest, of
// which the verdicts stand.
func worthwhile(list []*trial) (trials, rest []*trial) {
	heavy := 0
	for _, t := range list {
		if t.why == contested && t.c.Heavy() {
			heavy++
		}
	}
	for _, t := range list {
		if t.why == contested && t.c.Heavy() && heavy > heavyTrials {
			rest = append(rest, t)
		} else {
			trials = append(trials, t)
		}
	}
	return trials, rest
}
