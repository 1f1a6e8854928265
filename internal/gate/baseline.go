package gate

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/pattern"
	"github.com/wsconform/wsconform/internal/runfile"
)

// Unexplained is the start of the reason of an entry without an explanation.
const Unexplained = "not looked into yet"

// Init writes the expectation file by which the run holds: an entry for each case
// that fails or is unsupported, patterns where a whole section or group comes out
// alike. Unless incomplete is set, a run with crashes or cases without a verdict
// is refused; where it is, crashes and timeouts become entries, and the others
// are left out.
func Init(run *runfile.Run, incomplete bool) ([]byte, error) {
	if !incomplete {
		if err := whole(run); err != nil {
			return nil, err
		}
	}
	agent := run.Header.Agent
	var b strings.Builder
	fmt.Fprintf(&b, "# yaml-language-server: $schema=%s\n", SchemaURL)
	fmt.Fprintf(&b, "# What is expected of this agent other than passes. All of it is run; what does not\n# fit any more fails the gate. wsconform baseline update brings it up to date.\n")
	fmt.Fprintf(&b, "version: %d\nagent: %s\nrole: %s\n", Version, quote(agent.Name), agent.Role)
	fmt.Fprintf(&b, "policy:\n  nonStrict: allow\n  informational: allow\n  unimplemented: fail\n")
	list := entriesFor(run, func(r harness.Result) bool { return needsEntry(r, Policy{Unimplemented: Fail}) })
	if len(list) == 0 {
		b.WriteString("expect: []\n")
		return []byte(b.String()), nil
	}
	b.WriteString("expect:\n")
	for _, e := range list {
		b.WriteString(strings.Join(e.lines("  "), "\n") + "\n")
	}
	return []byte(b.String()), nil
}

// whole refuses a run that is no measure of the agent.
func whole(run *runfile.Run) error {
	var without, crashed []cases.ID
	without = append(without, run.Missing()...)
	for _, r := range run.Results {
		if r.Outcome == harness.Crash || r.Outcome == harness.Timeout {
			crashed = append(crashed, r.Case)
		}
	}
	without = slices.DeleteFunc(without, func(id cases.ID) bool { return slices.Contains(crashed, id) })
	switch state := run.State(); {
	case len(run.Results) == 0:
		return errors.New("the run has no results")
	case state == runfile.Invalid:
		return fmt.Errorf("the harness failed, so the run cannot be trusted: %s", run.Footer.Error)
	case len(without) > 0:
		return fmt.Errorf("%s no verdict, so the run cannot be a baseline: %s", haveOf(len(without), len(run.Header.Selection.Selected)), ranges(without, run))
	case len(crashed) > 0:
		return fmt.Errorf("the agent crashed or hung in %s: %s", countCases(len(crashed)), ranges(crashed, run))
	case run.Footer == nil:
		return errors.New("the run was cut off before its end")
	}
	return nil
}

// needsEntry reports whether a result without an entry violates the gate.
func needsEntry(r harness.Result, p Policy) bool {
	switch r.Outcome {
	case harness.Fail, harness.Crash, harness.Timeout:
		return true
	case harness.PassLenient:
		return p.NonStrict == Fail
	case harness.Unsupported:
		return p.Unimplemented == Fail && !r.Unplayed
	case harness.Pass, harness.Observed, harness.Blocked, harness.NotRun, harness.HarnessError:
	}
	return false
}

// entriesFor makes entries for the results that want says, in order.
func entriesFor(run *runfile.Run, want func(harness.Result) bool) []Entry {
	keys := map[cases.ID]Entry{}
	var ids []cases.ID
	for _, r := range run.Results {
		if !want(r) {
			continue
		}
		keys[r.Case] = Entry{
			Verdict: Word(r.Outcome), Signature: r.Signature(),
			Reason: fmt.Sprintf("%s (run of %s)", Unexplained, run.Header.Started.UTC().Format("2006-01-02")),
		}
		ids = append(ids, r.Case)
	}
	return grouped(ids, keys, run)
}

// grouped joins the cases that have the same entry into patterns, where a
// pattern means just them: a section or a group of the catalogue that was run as
// a whole (or, of unsupported features, as far as it was run).
func grouped(ids []cases.ID, entries map[cases.ID]Entry, run *runfile.Run) []Entry {
	ran := map[cases.ID]bool{}
	for _, r := range run.Results {
		ran[r.Case] = true
	}
	for _, id := range run.Header.Selection.Selected {
		ran[id] = true
	}
	all := catalogue.All()
	joins := func(glob string) bool {
		matched, err := pattern.Select(all, []string{glob}, nil)
		if err != nil || len(matched) < 3 {
			return false
		}
		var first *Entry
		n := 0
		for _, c := range matched {
			e, mine := entries[c.ID]
			switch {
			case mine && first == nil:
				first, n = &e, 1
			case mine && e == *first:
				n++
			case mine, ran[c.ID]:
				return false
			case first != nil && first.Verdict != WantUnsupported:
				return false
			}
		}
		return n > 2
	}
	ids = slices.SortedFunc(slices.Values(ids), cases.ID.Compare)
	var list []Entry
	done := map[string]bool{}
	for _, id := range ids {
		e := entries[id]
		e.Case = string(id)
		for _, prefix := range []string{id.Section(), id.Group()} {
			if joins(prefix + ".*") {
				e.Case = prefix + ".*"
				break
			}
		}
		if !done[e.Case] {
			done[e.Case] = true
			list = append(list, e)
		}
	}
	return list
}

// lines writes the entry as an element of a block sequence.
func (e *Entry) lines(indent string) []string {
	pairs := [][2]string{
		{"case", quote(e.Case)},
		{"verdict", string(e.Verdict)},
		{"signature", quote(e.Signature)},
		{"reason", quote(e.Reason)},
		{"link", quote(e.Link)},
		{"owner", quote(e.Owner)},
	}
	if !e.Expires.IsZero() {
		pairs = append(pairs, [2]string{"expires", e.Expires.String()})
	}
	if v := e.Evidence; v != nil {
		pairs = append(pairs, [2]string{"evidence", v.String()})
	}
	var lines []string
	for _, p := range pairs {
		if p[1] == "''" {
			continue
		}
		lead := indent + "  "
		if len(lines) == 0 {
			lead = indent + "- "
		}
		lines = append(lines, lead+p[0]+": "+p[1])
	}
	return lines
}

// String is the evidence as a YAML value.
func (v Evidence) String() string {
	return fmt.Sprintf("{runs: %d, failures: %d, date: %s}", v.Runs, v.Failures, v.Date)
}

// Lines is the entry as it stands in a file, indented as below expect.
func (e *Entry) Lines() string { return strings.Join(e.lines("  "), "\n") + "\n" }

// quote writes a string in quotes: YAML takes 5.10 for a number and * for an
// alias.
func quote(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(strings.ToValidUTF8(s, "\uFFFD"))
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}
