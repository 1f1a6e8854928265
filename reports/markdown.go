package reports

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/reports/internal/show"
	"github.com/wsconform/wsconform/reports/internal/summary"
)

// maxListed bounds the failures that the Markdown summary lists.
const maxListed = 50

// writeMarkdown writes the run as a summary for CI or a comment.
func writeMarkdown(w io.Writer, in Input) error {
	s, run := summary.Of(in), in.Run
	var b strings.Builder
	fmt.Fprintf(&b, "## %s: %s\n\n", plain(summary.AgentName(run.Header.Agent)), plain(s.Headline()))
	if alarm := s.Alarm(); alarm != "" {
		fmt.Fprintf(&b, "> **Incomplete.** %s.\n\n", plain(alarm))
	}
	fmt.Fprintf(&b, "%s under test, judged by %s, %s, took %s.", plain(run.Header.Agent.Role.String()),
		plain(summary.EngineName(run.Header.Engine)), plain(show.Date(run.Header.Started)), show.Seconds(run.Duration()))
	if rest := s.Rest(); rest != "" {
		fmt.Fprintf(&b, " %d cases: %s.", len(s.Rows), rest)
	}
	for _, v := range s.RunViolations() {
		fmt.Fprintf(&b, "\n\n> **%s**: %s.", v.Kind, plain(show.Text(v.Text)))
	}
	b.WriteString("\n\n| section | cases | behavior | close | failing | no verdict |\n|---|--:|---|---|--:|--:|\n")
	for _, sec := range s.Sections {
		closing := countWords(summary.Closes, sec.Close)
		if sec.OneGrade() {
			closing = "–"
		}
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %d | %d |\n", plain(show.Name(strings.TrimSpace(sec.ID+" "+sec.Title))), len(sec.Rows),
			countWords(summary.Behaviors, sec.Behavior), closing, sec.Failing(), sec.Missing())
	}
	writeProblems(&b, s)
	writeExcused(&b, s)
	_, err := io.WriteString(w, b.String())
	return err
}

func writeProblems(b *strings.Builder, s summary.Summary) {
	problems := s.Problems()
	if len(problems) == 0 {
		return
	}
	b.WriteString("\n### Failures\n\n| case | what is sent | behavior | close | why |\n|---|---|---|---|---|\n")
	for _, r := range problems[:min(len(problems), maxListed)] {
		why := cmp.Or(r.Broken, r.Note)
		behavior, ending := string(r.Outcome), ""
		if r.Outcome.Ran() {
			behavior, ending, why = string(r.Behavior), cmp.Or(string(r.Close), "–"), r.Reason
			if r.Behavior != cases.Failed && !r.OneGrade() {
				why = r.CloseReason
			}
			if did := r.Did(s.Header); did != "" {
				why += "; " + did
			}
			if r.Mark != "" {
				why = r.Broken
			}
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", plain(idAndLevel(r)), plain(r.Title()), behavior, ending, plain(show.Text(why)))
	}
	if n := len(problems) - maxListed; n > 0 {
		fmt.Fprintf(b, "\nand %d more.\n", n)
	}
	fmt.Fprintf(b, "\nPlay one again: %s\n", codeSpan(show.Repeat(s.Header, problems[0].Case)))
}

// idAndLevel is the id, with the level of a case that is not of Autobahn's.
func idAndLevel(r summary.Row) string {
	if level := r.Level(); level != "" {
		return r.ID() + " " + level
	}
	return r.ID()
}

// writeExcused lists the failures that were expected, folded up.
func writeExcused(b *strings.Builder, s summary.Summary) {
	var list []summary.Row
	for _, r := range s.Rows {
		if r.Standing == summary.Excused {
			list = append(list, r)
		}
	}
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "\n<details><summary>%s as expected</summary>\n\n| case | what is sent | outcome | why |\n|---|---|---|---|\n",
		show.Plural(len(list), "failure", "failures"))
	for _, r := range list[:min(len(list), maxListed)] {
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", plain(show.Name(string(r.Case))), plain(r.Title()), r.Outcome, plain(r.Excuse()))
	}
	if n := len(list) - maxListed; n > 0 {
		fmt.Fprintf(b, "\nand %d more.\n", n)
	}
	b.WriteString("\n</details>\n")
}

func countWords[K ~string](order []K, counts map[K]int) string {
	var parts []string
	for _, k := range order {
		if n := counts[k]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, k))
		}
	}
	return strings.Join(parts, ", ")
}

// plain escapes text for Markdown and HTML: every character that could mean something
// becomes a character reference.
func plain(s string) string {
	var b strings.Builder
	for _, r := range show.Visible(s) {
		switch {
		case r < 0x80 && strings.ContainsRune("\\`*_{}[]<>()#+-.!|&@~$:\"'/=^", r) && !harmless(r):
			fmt.Fprintf(&b, "&#%d;", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// harmless are the characters that mean nothing inside a line of prose.
func harmless(r rune) bool { return strings.ContainsRune(".-/'\"()+=", r) }

// codeSpan writes text as code: between backticks, or as HTML where the text could end
// them.
func codeSpan(s string) string {
	s = show.Visible(s)
	if strings.ContainsAny(s, "`<>&") {
		return "<code>" + plain(s) + "</code>"
	}
	return "`" + s + "`"
}
