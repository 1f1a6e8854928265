package gate

import (
	"fmt"
	"slices"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/pattern"
	"github.com/wsconform/wsconform/internal/runfile"
)

// An Exit is the exit code of a program that judges a run. It never is a count.
type Exit int

// The exit codes. Interrupted is no decision of the gate, but stands in the same
// table.
const (
	Holds         Exit = 0
	Failed        Exit = 1 // the implementation fails: an unexpected outcome, an entry that is out of date
	Misconfigured Exit = 2 // wrong usage or configuration, such as an entry that matches no case
	HarnessFailed Exit = 3 // the harness or its environment failed
	Incomplete    Exit = 4 // cases have no verdict, or too few were played
	AgentFailed   Exit = 5 // the agent cannot be tested
	Interrupted   Exit = 130
)

// Compare orders exit codes by how much they put in doubt when several runs are judged
// together: a run that cannot be trusted counts for more than a failure, a failure for
// more than a run that could not be finished, and that for more than a gap. The
// result is negative if e counts for less than other.
func (e Exit) Compare(other Exit) int {
	order := []Exit{Holds, Incomplete, AgentFailed, Failed, Misconfigured, HarnessFailed, Interrupted}
	return slices.Index(order, e) - slices.Index(order, other)
}

// A Decision is what the gate says of a run.
type Decision struct {
	Exit       Exit
	Violations []Violation // empty where the gate holds
	// Notes are worth saying and violate nothing, a sentence each.
	Notes []string
	// Cases has the cases that an entry is about.
	Cases map[cases.ID]overlay

	run   *runfile.Run
	files []Expectations
}

// An overlay is what the expectations make of the outcome of a case.
type overlay struct {
	Mark  Mark
	Entry *Entry // the one that is about the case
}

// A Mark tells the overlays apart.
type Mark string

// The marks of cases with an entry. ExpectedFail and MarkFlaky violate nothing.
const (
	ExpectedFail     Mark = "expected-fail"     // the outcome is the one of the entry
	unexpectedPass   Mark = "unexpected-pass"   // it is a pass, and the entry says otherwise
	MarkFlaky        Mark = "flaky"             // declared flaky, whatever came
	expired          Mark = "expired"           // the entry would fit, and is past its date
	changedSignature Mark = "changed-signature" // it fails, but not as the entry says
)

// A Violation is one reason for the gate to be shut.
type Violation struct {
	Kind  Kind
	Cases []cases.ID // in order; empty if it is about the run or a file
	entry *Entry     // nil if none is concerned
	Text  string     // a sentence that names the cases and says what to do
}

// A Kind tells violations apart.
type Kind string

// The kinds of violations.
const (
	Unexpected  Kind = "unexpected"      // the outcome fails, and no entry says so
	Unallowed   Kind = "not-allowed"     // the policy does not allow the outcome
	Passes      Kind = "unexpected-pass" // the case passes, and an entry says otherwise
	Changed     Kind = "changed-signature"
	OutOfDate   Kind = "expired"
	Duplicate   Kind = "duplicate" // two entries with the same pattern
	Overlap     Kind = "overlap"   // two entries about the same case
	Unmatched   Kind = "unmatched" // an entry or a file that is about nothing
	Missing     Kind = "missing"
	TooFew      Kind = "too-few"
	NotJudged   Kind = "harness-error"
	InvalidRun  Kind = "invalid-run"
	Untestable  Kind = "untestable" // the agent could not be fully tested
	WithoutCase Kind = "empty"
)

// exits says which exit code each kind asks for, and by the order of the rows
// which of several wins.
var exits = []struct {
	exit  Exit
	kinds []Kind
}{
	{HarnessFailed, []Kind{NotJudged, InvalidRun}},
	{Misconfigured, []Kind{Unmatched}},
	{AgentFailed, []Kind{Untestable}},
	{Failed, []Kind{Unexpected, Unallowed, Passes, Changed, OutOfDate, Duplicate, Overlap}},
	{Incomplete, []Kind{Missing, TooFew, WithoutCase}},
}

// soon is how long before its end an entry is announced to expire.
const soon = 14 * 24 * time.Hour

// Strict is a policy by which nothing but a pass or an observed outcome will do.
// As one more file it is added to the others; their entries still count.
func Strict() Expectations {
	return Expectations{File: "--strict", Version: Version, Policy: Policy{NonStrict: Fail, Unimplemented: Fail}}
}

// Decide holds a run against what the files expect of its agent. All files
// apply together: the strictest policy of each kind, and every entry. A file
// about another agent or role is left out, which a note says; entries about
// cases that the run did not select are none of its business, which another note
// says.
func Decide(run *runfile.Run, files []Expectations, now time.Time) Decision {
	d := &decider{
		run: run, now: now, decision: Decision{Cases: map[cases.ID]overlay{}, run: run, files: files},
		claims: map[cases.ID]*Entry{}, used: map[*Entry]bool{}, late: map[*Entry][]cases.ID{},
	}
	d.apply(files)
	d.duplicates()
	ids := d.order()
	d.claim(ids)
	for _, id := range ids {
		d.judge(id)
	}
	d.aboutEntries()
	d.aboutRun()
	d.decision.Exit = exitOf(d.decision.Violations)
	return d.decision
}

func exitOf(list []Violation) Exit {
	for _, row := range exits {
		if slices.ContainsFunc(list, func(v Violation) bool { return slices.Contains(row.kinds, v.Kind) }) {
			return row.exit
		}
	}
	return Holds
}

type decider struct {
	run      *runfile.Run
	now      time.Time
	policy   Policy
	min      int
	entries  []*Entry
	results  map[cases.ID]harness.Result
	claims   map[cases.ID]*Entry   // the one about a case
	used     map[*Entry]bool       // those about some case of the run
	late     map[*Entry][]cases.ID // cases whose entry would fit, and has expired
	missing  []cases.ID
	broken   []cases.ID // harness errors
	unplayed []cases.ID // the peer does not offer what they need
	executed int
	decision Decision
}

func (d *decider) violate(kind Kind, e *Entry, ids []cases.ID, format string, a ...any) {
	d.decision.Violations = append(d.decision.Violations, Violation{Kind: kind, Cases: ids, entry: e, Text: fmt.Sprintf(format, a...)})
}

func (d *decider) note(format string, a ...any) {
	d.decision.Notes = append(d.decision.Notes, fmt.Sprintf(format, a...))
}

// apply takes the files that are about this run together.
func (d *decider) apply(files []Expectations) {
	d.policy = Policy{NonStrict: Allow, Informational: Allow, Unimplemented: Allow}
	for i := range files {
		x := &files[i]
		if !x.appliesTo(d.run.Header.Agent) {
			d.note("%s is about %s, so it does not apply to this run", x.File, x.About())
			continue
		}
		d.policy.NonStrict = stricter(d.policy.NonStrict, x.Policy.NonStrict)
		d.policy.Informational = stricter(d.policy.Informational, x.Policy.Informational)
		unimplemented := x.Policy.Unimplemented
		if unimplemented == "" {
			unimplemented = Fail
		}
		d.policy.Unimplemented = stricter(d.policy.Unimplemented, unimplemented)
		d.min = max(d.min, x.Policy.MinExecuted.Of(d.size()))
		for j := range x.Expect {
			d.entries = append(d.entries, &x.Expect[j])
		}
	}
}

// size is how many cases there are for the peer, in the suites of the run.
func (d *decider) size() int {
	size := 0
	for _, c := range catalogue.Of(catalogue.SuitesOf(d.run.Header.Selection.Selected)...) {
		if c.For(d.run.Header.Agent.Role) {
			size++
		}
	}
	return size
}

func stricter(a, b rule) rule {
	if a == Fail || b == Fail {
		return Fail
	}
	return a
}

// duplicates takes out entries with the same pattern as an earlier one.
func (d *decider) duplicates() {
	first := map[string]*Entry{}
	d.entries = slices.DeleteFunc(d.entries, func(e *Entry) bool {
		before, again := first[e.Case]
		if again {
			d.violate(Duplicate, e, nil, "%s: a second entry for %s; the first is at %s: remove one", e.At(), e.Case, before.At())
			return true
		}
		first[e.Case] = e
		return false
	})
}

// order lists the cases: those selected, and others that have a result.
func (d *decider) order() []cases.ID {
	ids := slices.Clone(d.run.Header.Selection.Selected)
	d.results = make(map[cases.ID]harness.Result, len(d.run.Results))
	for _, r := range d.run.Results {
		d.results[r.Case] = r
		ids = append(ids, r.Case)
	}
	slices.SortFunc(ids, cases.ID.Compare)
	return slices.Compact(ids)
}

// claim finds the cases that each entry is about. Where there are two entries
// about a case the first one counts.
func (d *decider) claim(ids []cases.ID) {
	list := make([]cases.Case, len(ids))
	for i, id := range ids {
		list[i].ID = id
	}
	for _, e := range d.entries {
		shared := map[*Entry][]cases.ID{}
		mine, _ := pattern.Select(list, []string{e.Case}, nil) // a pattern that is none matches nothing
		for _, c := range mine {
			if before := d.claims[c.ID]; before != nil {
				shared[before] = append(shared[before], c.ID)
			} else {
				d.claims[c.ID] = e
			}
			d.used[e] = true
		}
		for _, before := range d.entries {
			if both := shared[before]; len(both) > 0 {
				d.violate(Overlap, e, both, "%s and %s both cover %s: only one entry may cover each case", before.At(), e.At(), ranges(both, d.run))
			}
		}
	}
}

// judge holds the outcome of one case against its entry, or the policy.
func (d *decider) judge(id cases.ID) {
	e := d.claims[id]
	r, ran := d.results[id]
	if !ran {
		r = harness.Result{Case: id, Outcome: harness.NotRun}
	}
	switch r.Outcome {
	case harness.NotRun, harness.Blocked:
		d.missing = append(d.missing, id)
		return
	case harness.HarnessError:
		d.broken = append(d.broken, id)
		return
	case harness.Pass, harness.PassLenient, harness.Fail, harness.Unsupported, harness.Observed, harness.Crash, harness.Timeout:
	}
	if r.Unplayed {
		d.unplayed = append(d.unplayed, id)
	} else {
		d.executed++
	}
	if e == nil {
		d.withoutEntry(r)
		return
	}
	mark := d.mark(r, e)
	d.decision.Cases[id] = overlay{Mark: mark, Entry: e}
	switch mark {
	case ExpectedFail, MarkFlaky:
	case expired:
		d.late[e] = append(d.late[e], id)
	case unexpectedPass:
		d.violate(Passes, e, []cases.ID{id}, "%s passes (%s), but %s expects %s: exclude it from the entry, or remove the entry",
			id, r.Outcome, e.At(), e.Verdict)
	case changedSignature:
		d.violate(Changed, e, []cases.ID{id}, "%s does not match %s: got %s, want %s", id, e.At(), d.got(r), e.wants())
	}
}

func (d *decider) got(r harness.Result) string {
	if !r.Outcome.Ran() {
		return string(r.Outcome)
	}
	return fmt.Sprintf("%s with signature %q", r.Outcome, r.Signature())
}

func (e *Entry) wants() string {
	if e.Signature == "" {
		return string(e.Verdict)
	}
	return fmt.Sprintf("%s with %q", e.Verdict, e.Signature)
}

// mark compares an outcome with the entry about its case.
func (d *decider) mark(r harness.Result, e *Entry) Mark {
	good := r.Outcome == harness.Pass || r.Outcome == harness.Observed
	fits := Word(r.Outcome) == e.Verdict
	mark := ExpectedFail
	if e.Verdict == WantFlaky {
		fits = r.Outcome != harness.Crash
		mark = MarkFlaky
	}
	switch {
	case good && e.Verdict != WantFlaky:
		return unexpectedPass
	case !fits, !good && e.Signature != "" && !r.HasSignature(e.Signature):
		return changedSignature
	case e.expired(d.now):
		return expired
	}
	return mark
}

// expired reports whether the last day of the entry, in UTC, is over.
func (e *Entry) expired(now time.Time) bool {
	return !e.Expires.IsZero() && !now.Before(e.Expires.AddDate(0, 0, 1))
}

// endsSoon reports whether the entry is about to expire.
func (e *Entry) endsSoon(now time.Time) bool {
	return !e.expired(now) && e.expired(now.Add(soon))
}

// withoutEntry judges by the policy.
func (d *decider) withoutEntry(r harness.Result) {
	rule, what := Allow, ""
	switch r.Outcome {
	case harness.Fail, harness.Crash, harness.Timeout:
		d.violate(Unexpected, nil, []cases.ID{r.Case}, "%s: %s", r.Case, r.Summary())
		return
	case harness.PassLenient:
		rule, what = d.policy.NonStrict, "nonStrict"
	case harness.Unsupported:
		if !r.Unplayed {
			rule, what = d.policy.Unimplemented, "unimplemented"
		}
	case harness.Observed:
		rule, what = d.policy.Informational, "informational"
	case harness.Pass, harness.Blocked, harness.NotRun, harness.HarnessError:
	}
	if rule == Fail {
		d.violate(Unallowed, nil, []cases.ID{r.Case}, "%s: %s; no entry declares it, and the policy is %s: fail", r.Case, r.Summary(), what)
	}
}
