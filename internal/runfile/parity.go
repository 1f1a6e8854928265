package runfile

import (
	"fmt"
	"slices"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/autobahn"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/transcript"
)

// A Difference is a case for which two runs against the same agent disagree.
// The zero Result stands for none.
type Difference struct {
	Case cases.ID
	A, B harness.Result
	// Race says why the verdict may vary between runs of the same engine. It is empty
	// if no such reason is known.
	Race string
	// Limit is Autobahn's time limit if it ended the case, and otherwise 0. How much of
	// the echo arrives in time depends on the load of the machine, so a play with
	// nothing beside it is worth more.
	Limit time.Duration
}

// Parity compares two runs case by case: both halves of the verdicts, and
// whether there is one. It also counts the cases for which both agree. Cases that
// only one of the runs was to play are left out.
func Parity(a, b *Run) (differ []Difference, agree int) {
	results := map[cases.ID]*Difference{}
	for _, r := range a.Results {
		results[r.Case] = &Difference{Case: r.Case, A: r}
	}
	for _, r := range b.Results {
		d, ok := results[r.Case]
		if !ok {
			d = &Difference{Case: r.Case}
			results[r.Case] = d
		}
		d.B = r
	}
	for id := range results {
		if !a.wanted(id) || !b.wanted(id) {
			delete(results, id)
		}
	}
	for _, d := range results {
		if d.A.SameVerdict(d.B) && d.A.Outcome.Ran() == d.B.Outcome.Ran() {
			agree++
			continue
		}
		if d.Race = race(*d); d.Race == "" && d.A.Behavior != d.B.Behavior {
			d.Limit = max(limitOf(a, d.A), limitOf(b, d.B))
		}
		if d.Limit > 0 {
			d.Race = fmt.Sprintf("Autobahn's limit of %g s ended the case before the whole echo had come", d.Limit.Seconds())
		}
		differ = append(differ, *d)
	}
	slices.SortFunc(differ, func(x, y Difference) int { return x.Case.Compare(y.Case) })
	return differ, agree
}

// wanted reports whether the run was to play the case. One that does not say what
// it was to play was to play all.
func (r *Run) wanted(id cases.ID) bool {
	return len(r.Header.Selection.Selected) == 0 || slices.Contains(r.Header.Selection.Selected, id)
}

// race names the known ways in which a verdict depends on timing rather than on
// the peer's rules.
func race(d Difference) string {
	if varies(d.A, d.B) || varies(d.B, d.A) {
		return "the verdict varies from play to play"
	}
	if d.A.Behavior == d.B.Behavior && (overtook(d.A, d.B) || overtook(d.B, d.A)) {
		return "OK or UNCLEAN depends on whether the peer's close frame leaves before it ends TCP"
	}
	c, ok := catalogue.Find(d.Case)
	if !ok || d.A.Close != d.B.Close || !lenient(d.A.Behavior) || !lenient(d.B.Behavior) {
		return ""
	}
	switch {
	case c.Load == cases.Idle:
		return "OK or NON-STRICT depends on where the peer's reaction falls between the pauses"
	case len(autobahn.Of(c).Events) > 1:
		return "OK or NON-STRICT depends on whether the peer's echo leaves before it fails the connection"
	}
	return ""
}

// varies reports whether one of the plays of r has the other's verdict.
func varies(r, other harness.Result) bool {
	return slices.ContainsFunc(r.Varied, func(v cases.Verdict) bool { return v.Behavior == other.Behavior && v.Close == other.Close })
}

// overtook reports whether cut might have been the better verdict by chance. It cannot
// if several plays all have it.
func overtook(cut, better harness.Result) bool {
	always := cut.Attempts > 1 && cut.Varied == nil
	return better.Close == cases.CloseOK && cut.CutOff() && !always
}

// limitOf returns the time limit with which Autobahn ended a long case in the middle
// of the echo, 0 if it did not. A peer that sent no more than a handshake and a
// control frame does not echo, however much time it has; and a limit that the native
// engine enforces too excuses nothing.
func limitOf(run *Run, r harness.Result) time.Duration {
	t := r.Transcript
	if run.Header.Engine.Name != ReferenceEngine || r.Behavior != cases.Failed || t == nil ||
		!t.ClosedByUs || t.LocalCode != 0 || !t.Struck(transcript.CloseFired) {
		return 0
	}
	head := t.Response
	if t.Role == cases.Client {
		head = t.Request
	}
	came := -len(head)
	for size, n := range t.Stats.RxOctets {
		came += size * n
	}
	const control = 2 + 4 + 125 // bytes of the longest, masked (RFC 6455 §5.5)
	c, known := catalogue.Find(r.Case)
	if !known || !c.Heavy() || came <= control {
		return 0
	}
	var limit time.Duration
	for _, op := range c.Ops() {
		if timer, ok := op.(cases.TimerOp); ok && !timer.Fail {
			limit = timer.After
		}
	}
	return limit
}

func lenient(b cases.Behavior) bool { return b == cases.OK || b == cases.NonStrict }
