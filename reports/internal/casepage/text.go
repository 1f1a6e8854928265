package casepage

import (
	"fmt"
	"io"
	"strings"
)

// width is that of the text, in characters.
const width = 88

// WriteText writes what is known of a case for a terminal.
func WriteText(w io.Writer, p Page) error {
	t := &text{w: w}
	t.printf("%s  %s\n", p.ID, p.Title)
	about := []string{p.Section}
	if p.Level != "" {
		about = append(about, p.Level)
	}
	about = append(about, "for a "+strings.Join(p.Roles, " or a "))
	for _, need := range p.Needs {
		about = append(about, "needs "+string(need))
	}
	t.wrap(strings.Join(about, "; "))
	t.head("sends")
	for _, c := range p.Sends {
		if len(p.Sends) > 1 || c.Last > c.First {
			t.wrap("on " + c.Name() + ":")
		}
		for _, line := range c.Handshake {
			t.wrap("in the opening handshake: " + line)
		}
		for _, line := range c.Steps {
			t.wrap(line)
		}
		if len(c.Handshake)+len(c.Steps) == 0 {
			t.wrap("the opening handshake, and nothing else")
		}
	}
	t.head("wants")
	if p.Level == "" {
		t.wrap(p.Expect)
	}
	on := 0
	for _, want := range p.Wants {
		if want.Connection != on {
			on = want.Connection
			t.wrap("on " + want.On() + ":")
		}
		t.wrap(fmt.Sprintf("%s: %s", want.Grade, strings.Join(want.What, "; ")))
	}
	if !p.AnythingElse() {
		t.wrap("FAILED: anything else")
	}
	t.head("why")
	t.wrap(p.Why)
	for _, s := range p.Sections {
		t.wrap(strings.TrimSpace(s.Ref + ": " + s.Words))
	}
	for _, r := range p.Requirements {
		t.wrap(fmt.Sprintf("%s (%s): %s", r.ID, r.Level, r.Words))
	}
	t.list("bugs that it finds", len(p.Bugs), func(i int) string {
		b := p.Bugs[i]
		return fmt.Sprintf("%s %s, %s, fixed in %s: %s (%s)", b.Library, b.Buggy, b.Role, b.Fixed, b.What, b.Source)
	})
	t.list("faults that it finds", len(p.Catches), func(i int) string {
		f := p.Catches[i]
		return fmt.Sprintf("%s, a %s that %s", f.Name, f.Role, f.Words)
	})
	t.list("known dissent", len(p.Dissent), func(i int) string { return p.Dissent[i] })
	if p.Compared > 0 {
		t.head(fmt.Sprintf("who does not pass it, of %d", p.Compared))
		for _, f := range p.Failures {
			t.wrap(fmt.Sprintf("%s (%s): %s: %s", f.Name, f.Role, f.Grade, f.Reason))
		}
		if len(p.Failures) == 0 {
			t.wrap("nobody")
		}
	}
	return t.err
}

// A text is written line by line; the first error stops it.
type text struct {
	w   io.Writer
	err error
}

func (t *text) printf(format string, a ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format, a...)
	}
}

func (t *text) head(title string) { t.printf("\n%s\n", title) }

func (t *text) list(title string, n int, line func(i int) string) {
	if n == 0 {
		return
	}
	t.head(title)
	for i := range n {
		t.wrap(line(i))
	}
}

// wrap writes a paragraph, indented, the lines after the first further in.
func (t *text) wrap(paragraph string) {
	const indent = "  "
	line := indent
	for word := range strings.SplitSeq(paragraph, " ") {
		if len(line)+len(word) >= width && len(line) > len(indent)+2 {
			t.printf("%s\n", strings.TrimRight(line, " "))
			line = indent + "  "
		}
		line += word + " "
	}
	t.printf("%s\n", strings.TrimRight(line, " "))
}
