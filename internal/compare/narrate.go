package compare

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
)

// Narrate prints a line for each thing that begins or ends, and how long
// the rest will take.
func Narrate(w io.Writer) func(Event) {
	var begun time.Time
	played := 0
	return func(e Event) {
		switch e.Kind {
		case Building:
			fmt.Fprintf(w, "build %d/%d: %s\n", e.Index, e.Total, e.Row.Agent.Folder)
		case BuildFailed:
			fmt.Fprintf(w, "  %s\n", strings.ReplaceAll(strings.TrimSpace(e.Err.Error()), "\n", "\n        "))
		case RowBegan:
			if begun.IsZero() {
				begun = time.Now()
			}
		case RowEnded:
			if !e.Done.Kept {
				played++
			}
			left := ""
			if rest := e.Total - e.Index; rest > 0 && played > 0 && !begun.IsZero() {
				left = fmt.Sprintf(", %s left", (time.Since(begun) / time.Duration(played) * time.Duration(rest)).Round(time.Second))
			}
			fmt.Fprintf(w, "row %d/%d: %s%s\n", e.Index, e.Total, rowWords(*e.Done), left)
		case Disputed:
			fmt.Fprintf(w, "again, since the engines disagree: %s %s, %d of %d verdicts\n", e.Row.Agent.Folder, e.Row.Role, e.Index, e.Total)
		}
	}
}

func rowWords(d Done) string {
	var counts []string
	for _, o := range harness.Outcomes {
		if n := d.Counts[o]; n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, o))
		}
	}
	if d.Varied > 0 {
		counts = append(counts, fmt.Sprintf("%d vary", d.Varied))
	}
	s := fmt.Sprintf("%s: %s (%.1f s)", d.Name(), strings.Join(counts, ", "), d.Duration.Seconds())
	if d.Kept {
		s += ", kept"
	}
	if d.Worker != "" {
		s += ", by " + d.Worker
	}
	if d.Cause != "" {
		text, _, _ := strings.Cut(d.Error, "\n")
		s += fmt.Sprintf("; %s: %s", d.Cause, text)
	}
	return s
}

// Disagreements prints where the engines differ on the same agent, and counts
// what no race excuses.
func Disagreements(w io.Writer, results []Done) (unexcused int, err error) {
	agree, differ, missing := 0, 0, 0
	for i, j := range Pairs(results) {
		a, b := results[i], results[j]
		first, err := runfile.Open(a.File)
		if err != nil {
			return 0, err
		}
		second, err := runfile.Open(b.File)
		if err != nil {
			return 0, err
		}
		list, same := runfile.Parity(first, second)
		agree, differ = agree+same, differ+len(list)
		for _, d := range list {
			race := d.Race
			switch {
			case !d.A.Outcome.Ran() || !d.B.Outcome.Ran():
				missing++
				continue // the row says why
			case race == "":
				unexcused++
				race = "no race is known"
			}
			fmt.Fprintf(w, "%s %s, case %s: %s %s, %s %s; %s\n", a.Agent.Folder, a.Role, d.Case,
				first.Header.Engine.Name, inWords(d.A), second.Header.Engine.Name, inWords(d.B), race)
		}
	}
	if agree+differ > 0 {
		fmt.Fprintf(w, "%d of %d verdicts of the two engines agree in both halves; %d differ, %d of them by a known timing race; %d have a verdict from one engine only\n",
			agree, agree+differ, differ-missing, differ-missing-unexcused, missing)
	}
	return unexcused, nil
}

func inWords(r harness.Result) string {
	if !r.Outcome.Ran() {
		return cmp.Or(string(r.Outcome), "not run")
	}
	return fmt.Sprintf("%s / %s", r.Behavior, r.Close)
}

// Incomplete names the rows without all their verdicts, and reports whether none of all rows
// has a pass.
func Incomplete(results []Done) (missing []string, none bool) {
	for _, d := range results {
		if d.State != runfile.Complete {
			missing = append(missing, d.Name())
		}
	}
	none = len(missing) > 0 && !slices.ContainsFunc(results, func(d Done) bool { return d.Counts[harness.Pass] > 0 })
	return missing, none
}
