package gate

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
)

// shown bounds the lines of each list that is printed.
const shown = 40

// WriteSummary writes what did not pass and is neither expected nor a violation, and
// the counts, a line each. Errors of w are ignored.
func (d *Decision) WriteSummary(w io.Writer) {
	if len(d.run.Results) == 0 {
		return
	}
	list := slices.DeleteFunc(slices.Clone(d.run.Results), func(r harness.Result) bool {
		_, declared := d.Cases[r.Case]
		return declared || r.Outcome == harness.Pass || r.Outcome == harness.Observed || d.violates(r)
	})
	slices.SortFunc(list, func(a, b harness.Result) int { return a.Case.Compare(b.Case) })
	lines := 0
	for rest := list; len(rest) > 0; lines++ {
		n := alike(rest)
		if lines == shown {
			fmt.Fprintf(w, "  … and %d more\n", len(rest))
			break
		}
		name := string(rest[0].Case)
		if n > 1 {
			name = fmt.Sprintf("%s … %s (%d cases)", rest[0].Case, rest[n-1].Case, n)
		}
		fmt.Fprintf(w, "  %s: %s\n", name, rest[0].Summary())
		rest = rest[n:]
	}
	total, counts := 0, d.run.Counts()
	var parts []string
	for _, o := range harness.Outcomes {
		if n := counts[o]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, o))
			total += n
		}
	}
	fmt.Fprintf(w, "%s: %s\n", harness.Count(total, "case"), strings.Join(parts, ", "))
}

// violates reports whether the case has a line of its own among the violations.
func (d *Decision) violates(r harness.Result) bool {
	return slices.ContainsFunc(d.Violations, func(x Violation) bool {
		return (x.Kind == Unexpected || x.Kind == Unallowed) && x.Cases[0] == r.Case
	})
}

// alike counts how many of the first results say the same.
func alike(list []harness.Result) int {
	n := 1
	for n < len(list) && list[n].Summary() == list[0].Summary() {
		n++
	}
	return n
}

// Write writes what the gate says: what the run was held against, notes, and the
// violations. The command that repeats the first of them follows, if there is one.
// Errors of w are ignored.
func (d *Decision) Write(w io.Writer, again string) {
	for _, x := range d.files {
		if len(x.Expect) > 0 || x.File == DefaultFile {
			fmt.Fprintf(w, "expectations: %s\n", x.File)
		}
	}
	if fits := d.marks(ExpectedFail, MarkFlaky); fits > 0 {
		fmt.Fprintf(w, "as expected there: %d of %s\n", fits, harness.Count(len(d.run.Results), "case"))
	}
	for _, note := range d.Notes {
		fmt.Fprintf(w, "note: %s\n", note)
	}
	if len(d.Violations) == 0 {
		return
	}
	fmt.Fprintln(w, "gate failed:")
	for i, x := range d.Violations {
		if i == shown {
			fmt.Fprintf(w, "  … and %d more\n", len(d.Violations)-shown)
			break
		}
		fmt.Fprintf(w, "  %s\n", x.Text)
	}
	if said := d.lastWords(); said != "" {
		fmt.Fprintf(w, "before its first crash the agent said:\n  %s\n", strings.ReplaceAll(said, "\n", "\n  "))
	}
	if again != "" {
		fmt.Fprintf(w, "to repeat the first: %s\n", again)
	}
}

// lastWords is what the agent printed before the first crash that the gate
// objects to.
func (d *Decision) lastWords() string {
	for _, r := range d.run.Results {
		if _, said, found := strings.Cut(r.Note, "\n"); found && r.Outcome == harness.Crash && d.violates(r) {
			return strings.Map(func(r rune) rune {
				if unicode.IsPrint(r) || r == '\n' {
					return r
				}
				return ' ' // a terminal would obey it
			}, strings.TrimSpace(said))
		}
	}
	return ""
}

func (d *Decision) marks(which ...Mark) int {
	n := 0
	for _, o := range d.Cases {
		if slices.Contains(which, o.Mark) {
			n++
		}
	}
	return n
}

// First returns the first case that the gate objects to, "" if there is none.
func (d *Decision) First() cases.ID {
	for _, x := range d.Violations {
		if len(x.Cases) > 0 {
			return x.Cases[0]
		}
	}
	return ""
}
