package reports

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
)

// A ChangeKind says how a case differs between two runs.
type ChangeKind string

// The kinds of change, the worst first.
const (
	regressed ChangeKind = "regressed" // it was good, now it is bad
	gone      ChangeKind = "gone"      // it has no result now
	changed   ChangeKind = "changed"   // another outcome, neither better nor worse, or another failure
	added     ChangeKind = "new"       // it had no result before
	fixed     ChangeKind = "fixed"     // it was bad, now it is good
)

// ChangeKinds lists the kinds in the order of their constants.
var ChangeKinds = []ChangeKind{regressed, gone, changed, added, fixed}

// A Change is a case that differs. A side without a result is nil, or its outcome says
// why there is none.
type Change struct {
	Case     cases.ID
	Kind     ChangeKind
	Old, New *harness.Result
}

// A RunDiff is the difference between two runs.
type RunDiff struct {
	Old, New *runfile.Run
	Changes  []Change // by kind, the worst first, then by case
	Same     int      // cases with the same result in both
	Notes    []string // why the comparison needs care
}

// Of returns the changes of a kind.
func (d RunDiff) Of(kind ChangeKind) []Change {
	var list []Change
	for _, c := range d.Changes {
		if c.Kind == kind {
			list = append(list, c)
		}
	}
	return list
}

// Compared counts the cases with a result in both runs.
func (d RunDiff) Compared() int {
	n := d.Same
	for _, c := range d.Changes {
		if c.Kind != gone && c.Kind != added {
			n++
		}
	}
	return n
}

// Diff compares two runs case by case. A crash and a timeout are results, bad ones. A
// case that was blocked, not run or lost to the harness has no result.
func Diff(before, after *runfile.Run) RunDiff {
	d := RunDiff{Old: before, New: after, Notes: diffNotes(before.Header, after.Header)}
	was, is := byCase(before), byCase(after)
	ids := map[cases.ID]bool{}
	for id := range was {
		ids[id] = true
	}
	for id := range is {
		ids[id] = true
	}
	for id := range ids {
		kind := changeOf(was[id], is[id])
		switch {
		case kind != "":
			d.Changes = append(d.Changes, Change{id, kind, was[id], is[id]})
		case known(was[id]):
			d.Same++
		}
	}
	slices.SortFunc(d.Changes, func(a, b Change) int {
		return cmp.Or(slices.Index(ChangeKinds, a.Kind)-slices.Index(ChangeKinds, b.Kind), a.Case.Compare(b.Case))
	})
	return d
}

func byCase(r *runfile.Run) map[cases.ID]*harness.Result {
	byID := make(map[cases.ID]*harness.Result, len(r.Results))
	for i := range r.Results {
		byID[r.Results[i].Case] = &r.Results[i]
	}
	return byID
}

func changeOf(before, after *harness.Result) ChangeKind {
	switch {
	case !known(before) && !known(after):
		return ""
	case !known(before):
		return added
	case !known(after):
		return gone
	case good(before.Outcome) && !good(after.Outcome):
		return regressed
	case !good(before.Outcome) && good(after.Outcome):
		return fixed
	case before.Outcome != after.Outcome:
		return changed
	case !good(before.Outcome) && before.Signature() != after.Signature():
		return changed
	}
	return ""
}

// known reports whether the result says something about the peer.
func known(r *harness.Result) bool {
	if r == nil {
		return false
	}
	switch r.Outcome {
	case harness.Pass, harness.PassLenient, harness.Fail, harness.Unsupported, harness.Observed, harness.Crash, harness.Timeout:
		return true
	case harness.Blocked, harness.NotRun, harness.HarnessError:
	}
	return false
}

func good(o harness.Outcome) bool {
	return o == harness.Pass || o == harness.PassLenient || o == harness.Observed
}

func diffNotes(before, after runfile.Header) []string {
	var notes []string
	differ := func(what, a, b string) {
		if a != b {
			notes = append(notes, fmt.Sprintf("%s: %s, then %s", what, cmp.Or(a, "unknown"), cmp.Or(b, "unknown")))
		}
	}
	differ("agents", before.Agent.Name+versioned(before.Agent.Version), after.Agent.Name+versioned(after.Agent.Version))
	differ("roles", before.Agent.Role.String(), after.Agent.Role.String())
	differ("engines", before.Engine.Name+versioned(before.Engine.Version), after.Engine.Name+versioned(after.Engine.Version))
	differ("images", before.Engine.Digest, after.Engine.Digest)
	differ("catalogues of cases", before.Selection.Catalogue, after.Selection.Catalogue)
	return notes
}

func versioned(version string) string {
	if version == "" {
		return ""
	}
	return " " + version
}
