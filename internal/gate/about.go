package gate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/internal/pattern"
	"github.com/wsconform/wsconform/internal/runfile"
)

// aboutEntries finds the entries that are out of date or about nothing.
func (d *decider) aboutEntries() {
	if len(d.entries) == 0 {
		return
	}
	all := catalogue.All()
	var elsewhere []string
	for _, e := range d.entries {
		switch late := d.late[e]; {
		case !d.used[e] && len(pattern.Unmatched(all, []string{e.Case})) > 0:
			d.violate(Unmatched, e, nil, "%s: no case matches %s: correct or remove the entry", e.At(), e.Case)
		case !d.used[e]:
			elsewhere = append(elsewhere, e.Case)
		case len(late) > 0:
			d.violate(OutOfDate, e, late, "%s: the entry for %s expired on %s, and %s still as declared: fix it, or decide on a new date",
				e.At(), e.Case, e.Expires, are(len(late)))
		case e.endsSoon(d.now):
			d.note("%s: the entry for %s expires after %s", e.At(), e.Case, e.Expires)
		}
	}
	const named = 8
	if more := len(elsewhere) - named; more > 0 {
		elsewhere = append(elsewhere[:named], fmt.Sprintf("and %d more", more))
	}
	if len(elsewhere) > 0 {
		d.note("entries about cases that this run did not select: %s", strings.Join(elsewhere, ", "))
	}
}

func are(n int) string {
	if n == 1 {
		return "its case is"
	}
	return fmt.Sprintf("%d of its cases are", n)
}

// aboutRun finds what is wrong with the run as a whole.
func (d *decider) aboutRun() {
	switch foot := d.run.Footer; {
	case foot != nil && foot.State == runfile.Invalid:
		d.violate(InvalidRun, nil, nil, "the harness failed, so the run cannot be trusted: %s", foot.Error)
	case foot != nil && foot.Cause != "":
		why, _, _ := strings.Cut(foot.Error, "\n")
		d.violate(Untestable, nil, nil, "the agent could not be fully tested: %s", strings.TrimSuffix(why, "; it last said:"))
	case len(d.broken) > 0:
		d.violate(NotJudged, nil, d.broken, "%s could not be judged: %s", countCases(len(d.broken)), ranges(d.broken, d.run))
	}
	switch {
	case d.executed == 0 && len(d.unplayed) > 0 && len(d.missing) == 0 && len(d.broken) == 0:
		d.violate(WithoutCase, nil, nil, "no case was run: %s", d.results[d.unplayed[0]].Note)
	case d.executed == 0 && len(d.missing) == 0 && len(d.broken) == 0:
		d.violate(WithoutCase, nil, nil, "no case was run")
	case len(d.missing) > 0:
		d.violate(Missing, nil, d.missing, "%s no verdict: %s", haveOf(len(d.missing), d.executed+len(d.unplayed)+len(d.missing)+len(d.broken)), ranges(d.missing, d.run))
	case d.run.Footer == nil:
		d.violate(Missing, nil, nil, "the run was cut off before its end")
	}
	d.aboutNeeds()
	if d.executed < d.min && !byID(d.run.Header.Selection) {
		d.violate(TooFew, nil, nil, "%s played, and the policy is minExecuted: %d", countCases(d.executed), d.min)
	}
}

// aboutNeeds says which cases were not played, by what the peer does not offer.
func (d *decider) aboutNeeds() {
	var reasons []string
	by := map[string][]cases.ID{}
	for _, id := range d.unplayed {
		if d.claims[id] != nil {
			continue
		}
		why := d.results[id].Note
		if len(by[why]) == 0 {
			reasons = append(reasons, why)
		}
		by[why] = append(by[why], id)
	}
	for _, why := range reasons {
		d.note("%s not played: %s (%s)", wasOf(len(by[why])), why, ranges(by[why], d.run))
	}
}

// byID reports whether the cases were picked one by one. That is a look at those
// cases, which is obviously not a run of the suite.
func byID(s runfile.Selection) bool {
	return len(s.Cases) > 0 && !slices.ContainsFunc(s.Cases, func(p string) bool { return strings.Contains(p, "*") })
}
