package harness

import (
	"slices"

	"github.com/wsconform/wsconform/cases"
)

// A Difference is a case for which two runs against the same agent disagree.
// The zero Result stands for none.
type Difference struct {
	Case cases.ID
	A, B Result
	// Race says why the case may come out either way, from one run to the next
	// of the same engine; "" means that nothing excuses the difference.
	Race string
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
		d.Race = race(*d)
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

// race names the known ways in which a verdict hangs on timing rather than on
// the peer's rules.
func race(d Difference) string {
	if varies(d.A, d.B) || varies(d.B, d.A) {
		return "the verdict varies from play to play"
	}
	if d.A.Behavior == d.B.Behavior && (overtook(d.A, d.B) || overtook(d.B, d.A)) {
		return "OK or UNCLEAN depends on whether the peer's close frame leaves before it ends TCP"
	}
	c, ok := cases.Find(d.Case)
	if !ok || d.A.Close != d.B.Close || !lenient(d.A.Behavior) || !lenient(d.B.Behavior) {
		return ""
	}
	switch {
	case d.Case.Group() == "6.4":
		return "OK or NON-STRICT depends on where the peer's reaction falls between the pauses"
	case len(c.Want.Events) > 1:
		return "OK or NON-STRICT depends on whether the peer's echo leaves before it fails the connection"
	}
	return ""
}

// varies reports whether one of the plays of r came to the other's verdict.
func varies(r, other Result) bool {
	return slices.ContainsFunc(r.Varied, func(v cases.Verdict) bool { return v.Behavior == other.Behavior && v.Close == other.Close })
}

// overtook reports whether cut may have been the better verdict but for chance. It
// may not if it is what all of several plays came to.
func overtook(cut, better Result) bool {
	always := cut.Attempts > 1 && cut.Varied == nil
	return better.Close == cases.CloseOK && cut.CutOff() && !always
}

func lenient(b cases.Behavior) bool { return b == cases.OK || b == cases.NonStrict }
