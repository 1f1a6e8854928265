package reports

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
)

// A ChangeKind says what became of a case between two runs.
type ChangeKind string

// The kinds of change, the worst first.
const (
	Regressed ChangeKind = "regressed" // it was good and is bad
	Gone      ChangeKind = "gone"      // nothing is known of it any more
	Changed   ChangeKind = "changed"   // another outcome as good or bad, or another failure
	Added     ChangeKind = "new"       // nothing was known of it before
	Fixed     ChangeKind = "fixed"     // it was bad and is good
)

// ChangeKinds lists the kinds in the order of their constants.
var ChangeKinds = []ChangeKind{Regressed, Gone, Changed, Added, Fixed}

// A Change is a case that is not as it was. A side of which nothing is known is
// nil, or its outcome says why.
type Change struct {
	Case     cases.ID
	Kind     ChangeKind
	Old, New *harness.Result
}

// A RunDiff is what changed from one run to another.
type RunDiff struct {
	Old, New *harness.Run
	Changes  []Change // by kind, the worst first, then by case
	Same     int      // cases known in both and no different
	Notes    []string // why the two can be compared only with care
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

// Compared counts the cases of which something is known in both runs.
func (d RunDiff) Compared() int {
	n := d.Same
	for _, c := range d.Changes {
		if c.Kind != Gone && c.Kind != Added {
			n++
		}
	}
	return n
}

// Diff compares two runs case by case. A crash and a time-out are something
// that the peer did, and count as bad; a case that was blocked, not run or lost
// to the harness tells nothing of the peer.
func Diff(old, new *harness.Run) RunDiff {
	d := RunDiff{Old: old, New: new, Notes: diffNotes(old.Header, new.Header)}
	was, is := byCase(old), byCase(new)
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

func byCase(r *harness.Run) map[cases.ID]*harness.Result {
	byID := make(map[cases.ID]*harness.Result, len(r.Results))
	for i := range r.Results {
		byID[r.Results[i].Case] = &r.Results[i]
	}
	return byID
}

func changeOf(old, new *harness.Result) ChangeKind {
	switch {
	case !known(old) && !known(new):
		return ""
	case !known(old):
		return Added
	case !known(new):
		return Gone
	case good(old.Outcome) && !good(new.Outcome):
		return Regressed
	case !good(old.Outcome) && good(new.Outcome):
		return Fixed
	case old.Outcome != new.Outcome:
		return Changed
	case !good(old.Outcome) && old.Signature() != new.Signature():
		return Changed
	}
	return ""
}

// known reports whether the result tells something of the peer.
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

func diffNotes(old, new harness.Header) []string {
	var notes []string
	differ := func(what, a, b string) {
		if a != b {
			notes = append(notes, fmt.Sprintf("%s: %s, then %s", what, cmp.Or(a, "unknown"), cmp.Or(b, "unknown")))
		}
	}
	differ("agents", old.Agent.Name+versioned(old.Agent.Version), new.Agent.Name+versioned(new.Agent.Version))
	differ("roles", old.Agent.Role.String(), new.Agent.Role.String())
	differ("engines", old.Engine.Name+versioned(old.Engine.Version), new.Engine.Name+versioned(new.Engine.Version))
	differ("images", old.Engine.Digest, new.Engine.Digest)
	differ("catalogues of cases", old.Selection.Catalogue, new.Selection.Catalogue)
	return notes
}

func versioned(version string) string {
	if version == "" {
		return ""
	}
	return " " + version
}
