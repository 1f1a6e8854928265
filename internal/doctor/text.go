package doctor

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// marks begin the lines of a report.
var marks = map[State]string{OK: "ok", Note: "note", Warning: "warn", Fault: "FAULT"}

// WriteText writes a report for a terminal of the given width in columns; 0 does not
// break lines.
func WriteText(w io.Writer, r *Report, width int) error {
	var b strings.Builder
	topic := Topic("")
	for _, f := range r.Findings {
		name := string(f.Topic)
		if f.Topic == topic {
			name = ""
		}
		topic = f.Topic
		saw := f.Saw
		if f.Rule != "" {
			saw += " (" + f.Rule + ")"
		}
		start := fmt.Sprintf("%-5s  %-11s  ", marks[f.State], name)
		indent := strings.Repeat(" ", len(start))
		wrapped(&b, start, indent, saw, width)
		if f.Advice != "" {
			wrapped(&b, indent+"-> ", indent+"   ", f.Advice, width)
		}
	}
	fmt.Fprintf(&b, "%s: %s; %s, %.1f s\n", r.URL, r.Summary(), count(r.Conns, "connection"), r.Took)
	_, err := io.WriteString(w, b.String())
	return err
}

// Summary counts what is wrong, such as "1 fault, 2 warnings".
func (r *Report) Summary() string {
	states := map[State]int{}
	for _, f := range r.Findings {
		states[f.State]++
	}
	var parts []string
	if n := states[Fault]; n > 0 {
		parts = append(parts, count(n, "fault"))
	}
	if n := states[Warning]; n > 0 {
		parts = append(parts, count(n, "warning"))
	}
	if len(parts) == 0 {
		return "nothing wrong"
	}
	return strings.Join(parts, ", ")
}

// count is a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// wrapped writes a text in lines of at most width columns: the first after start, the
// others after indent.
func wrapped(b *strings.Builder, start, indent, text string, width int) {
	b.WriteString(start)
	col := utf8.RuneCountInString(start)
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		if i > 0 {
			if width > 0 && col+1+n > width {
				b.WriteString("\n" + indent)
				col = len(indent)
			} else {
				b.WriteByte(' ')
				col++
			}
		}
		b.WriteString(word)
		col += n
	}
	b.WriteByte('\n')
}
