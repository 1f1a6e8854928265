package gate

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/pattern"
	"github.com/wsconform/wsconform/internal/runfile"
)

// A ChangeKind says why an expectation file and a run do not fit.
type ChangeKind string

// The kinds of changes.
const (
	fixed   ChangeKind = "fixed"   // the cases of an entry pass
	New     ChangeKind = "new"     // cases fail, and no entry says so
	changes ChangeKind = "changed" // cases fail in another way
)

// ChangeKinds lists them.
var ChangeKinds = []ChangeKind{fixed, New, changes}

// A Change is one difference between an expectation file and a run.
type Change struct {
	Kind  ChangeKind
	cases []cases.ID
	was   *Entry  // nil if new
	now   []Entry // in its place; empty if there is nothing left to expect
}

// String says what is changed in one line.
func (c Change) String() string {
	switch c.Kind {
	case fixed:
		s := fmt.Sprintf("- %s: %s no more (%s)", ranges(c.cases, nil), c.was.Verdict, c.was.At())
		if len(c.now) > 0 {
			s += fmt.Sprintf("; the other cases of %s stay", c.was.Case)
		}
		return s
	case New:
		return fmt.Sprintf("+ %s: %s", c.now[0].Case, c.now[0].wants())
	case changes:
	}
	var now []string
	for _, e := range c.now {
		if e.Case != c.was.Case || e.Signature != c.was.Signature || e.Verdict != c.was.Verdict {
			now = append(now, fmt.Sprintf("%s %s", e.Case, e.wants()))
		}
	}
	return fmt.Sprintf("~ %s: was %s; now %s (%s)", ranges(c.cases, nil), c.was.wants(), strings.Join(now, ", "), c.was.At())
}

// Compare lists what would have to change in the file for the run to hold by it.
// Cases without a verdict change nothing, and neither do expired and clashing
// entries: those are for a person to decide.
func Compare(x Expectations, run *runfile.Run, now time.Time) []Change {
	d := Decide(run, []Expectations{x}, now)
	touched := map[*Entry]*Change{}
	var list []*Change
	var fresh []cases.ID
	for _, v := range d.Violations {
		switch v.Kind {
		case Unexpected, Unallowed:
			fresh = append(fresh, v.Cases...)
		case Passes, Changed:
			c := touched[v.entry]
			if c == nil {
				c = &Change{Kind: fixed, was: v.entry}
				touched[v.entry] = c
				list = append(list, c)
			}
			if v.Kind == Changed {
				c.Kind = changes
			}
			c.cases = append(c.cases, v.Cases...)
		case OutOfDate, Duplicate, Overlap, Unmatched, Missing, TooFew, NotJudged, InvalidRun, Untestable, WithoutCase:
		}
	}
	var changes []Change
	for _, c := range list {
		c.now = remaining(c.was, run, d)
		changes = append(changes, *c)
	}
	for _, e := range entriesFor(run, func(r harness.Result) bool { return slices.Contains(fresh, r.Case) }) {
		var ids []cases.ID
		for _, c := range selected(fresh, e.Case) {
			ids = append(ids, c.ID)
		}
		changes = append(changes, Change{Kind: New, cases: ids, now: []Entry{e}})
	}
	return changes
}

func selected(ids []cases.ID, glob string) []cases.Case {
	list := make([]cases.Case, len(ids))
	for i, id := range ids {
		list[i].ID = id
	}
	matched, _ := pattern.Select(list, []string{glob}, nil) // the pattern was checked
	return matched
}

// remaining is what an entry becomes when some of its cases pass or go another
// way.
func remaining(was *Entry, run *runfile.Run, d Decision) []Entry {
	keys := map[cases.ID]Entry{}
	var ids []cases.ID
	for _, r := range run.Results {
		o, ok := d.Cases[r.Case]
		if !ok || o.Entry != was || o.Mark == unexpectedPass {
			continue
		}
		e := *was
		e.Case = ""
		if o.Mark == changedSignature {
			e.Verdict, e.Evidence = Word(r.Outcome), nil
			if was.Signature != "" || was.Verdict == WantFlaky {
				e.Signature = r.Signature()
			}
		}
		keys[r.Case] = e
		ids = append(ids, r.Case)
	}
	all, _ := pattern.Select(catalogue.All(), []string{was.Case}, nil) // the pattern was checked
	for _, c := range all {
		if _, judged := d.Cases[c.ID]; !judged { // the run says nothing of it
			e := *was
			e.Case = ""
			keys[c.ID] = e
			ids = append(ids, c.ID)
		}
	}
	return grouped(ids, keys, run)
}

// Update makes the changes in the text of an expectation file. Everything else,
// comments above all, stays as it is; new entries are put in the order of their
// cases.
func Update(x Expectations, text []byte, changes []Change) ([]byte, error) {
	doc, err := open(x.File, text)
	if err != nil {
		return nil, err
	}
	// From the bottom up, so that line numbers stay right.
	upwards := slices.Clone(changes)
	slices.Reverse(upwards)
	isNew := func(c Change) int {
		if c.Kind == New {
			return 1
		}
		return 0
	}
	// What is new goes in front of the entry at its place, so after that was changed.
	slices.SortStableFunc(upwards, func(a, b Change) int {
		return cmp.Or(doc.place(b)-doc.place(a), isNew(a)-isNew(b))
	})
	for _, c := range upwards {
		doc.change(c)
	}
	out := []byte(strings.Join(doc.lines, "\n"))
	if _, err := Parse(x.File, out); err != nil {
		return nil, fmt.Errorf("%s cannot be changed automatically; edit it by hand: %w", x.File, err)
	}
	return out, nil
}

// A document is the text of a file by lines, and where its entries are.
type document struct {
	lines  []string
	blocks []block // in order
	end    int     // where an entry goes that comes last: an index of lines
	indent string  // before the dash
}

// A block is the lines of an entry, with the comment directly above it: indices
// of lines, the last one not included.
type block struct {
	pattern     string
	line        int // of its first key, as Entry has it
	first, last int
}

func open(name string, text []byte) (*document, error) {
	file, err := parser.ParseBytes(text, 0)
	if err != nil || len(file.Docs) != 1 {
		return nil, &FileError{name, 0, errors.New("it cannot be read")}
	}
	d := &document{lines: strings.Split(string(text), "\n"), indent: "  "}
	var list *ast.MappingValueNode
	next := len(d.lines) + 1 // the line of the key behind expect
	for _, pair := range pairs(file.Docs[0].Body) {
		switch line := firstLine(pair); {
		case pair.Key.String() == "expect":
			list = pair
		case list != nil && line < next:
			next = line
		}
	}
	d.end = d.lastContent(0, next-1)
	if list == nil {
		d.insert(d.end, "expect:")
		d.end++
		return d, nil
	}
	nodes := entryNodes(file.Docs[0].Body)
	key := firstLine(list) - 1
	if len(nodes) == 0 {
		before, comment, has := strings.Cut(d.lines[key], "#")
		d.lines[key] = "expect:"
		if has && strings.HasPrefix(before, "expect") {
			d.lines[key] += " #" + comment
		}
		return d, nil
	}
	for i, node := range nodes {
		b := block{line: firstLine(node)}
		if line := d.lines[b.line-1]; !strings.HasPrefix(strings.TrimSpace(line), "- ") || b.line-1 == key {
			return nil, &FileError{name, b.line, errors.New("only entries that begin with a dash on a line of their own can be changed automatically")}
		}
		b.first = b.line - 1
		for b.first-1 > key && strings.HasPrefix(strings.TrimSpace(d.lines[b.first-1]), "#") {
			b.first--
		}
		b.last = d.end
		if i+1 < len(nodes) {
			b.last = d.lastContent(b.line, firstLine(nodes[i+1])-1)
		}
		for _, pair := range pairs(node) {
			if pair.Key.String() == "case" {
				b.pattern = pair.Value.GetToken().Value
			}
		}
		d.blocks = append(d.blocks, b)
	}
	d.indent, _, _ = strings.Cut(d.lines[d.blocks[0].line-1], "-")
	return d, nil
}

// lastContent returns the index behind the last line before end that is neither
// blank nor a comment.
func (d *document) lastContent(start, end int) int {
	for end = min(end, len(d.lines)); end > start; end-- {
		if s := strings.TrimSpace(d.lines[end-1]); s != "" && !strings.HasPrefix(s, "#") {
			break
		}
	}
	return end
}

// place is where a change goes: an index of lines.
func (d *document) place(c Change) int {
	if b, ok := d.blockOf(c.was); ok {
		return b.first
	}
	pattern := cases.ID(c.now[0].Case)
	for _, b := range d.blocks {
		if pattern.Compare(cases.ID(b.pattern)) < 0 {
			return b.first
		}
	}
	return d.end
}

func (d *document) blockOf(e *Entry) (block, bool) {
	i := slices.IndexFunc(d.blocks, func(b block) bool { return e != nil && b.line == e.line })
	if i < 0 {
		return block{}, false
	}
	return d.blocks[i], true
}

// change makes one change. Those below it in the text have been made.
func (d *document) change(c Change) {
	b, ok := d.blockOf(c.was)
	switch {
	case !ok:
		at := d.place(c)
		for _, e := range slices.Backward(c.now) {
			d.insert(at, e.lines(d.indent)...)
		}
	case len(c.now) == 0:
		d.lines = slices.Delete(d.lines, b.first, b.last)
	default:
		var lines []string
		for i, e := range c.now {
			if i == 0 {
				lines = append(lines, d.lines[b.first:b.line-1]...) // the comment above
				lines = append(lines, d.edited(b, c.was, e)...)
				continue
			}
			lines = append(lines, e.lines(d.indent)...)
		}
		d.lines = slices.Replace(d.lines, b.first, b.last, lines...)
	}
}

// edited is the entry in its old lines: those of keys that did not change stay,
// with the comments beside and between them.
func (d *document) edited(b block, was *Entry, e Entry) []string {
	fresh := map[string]string{}
	var order []string
	for _, line := range e.lines(d.indent) {
		key, _, _ := strings.Cut(strings.TrimLeft(line, " -"), ":")
		fresh[key] = line
		order = append(order, key)
	}
	old := map[string]string{}
	for _, line := range was.lines(d.indent) {
		key, _, _ := strings.Cut(strings.TrimLeft(line, " -"), ":")
		old[key] = line
	}
	var lines []string
	seen := map[string]bool{}
	keep := true
	for _, line := range d.lines[b.line-1 : b.last] {
		key, value, isPair := strings.Cut(strings.TrimLeft(line, " -"), ":")
		_, known := old[key]
		if !isPair || !known || seen[key] { // a comment, or a value that goes on
			if keep || strings.HasPrefix(strings.TrimSpace(line), "#") {
				lines = append(lines, line)
			}
			continue
		}
		seen[key] = true
		now, stays := fresh[key]
		lead := line[:len(line)-len(strings.TrimLeft(line, " -"))]
		keep = stays && old[key] == now
		switch {
		case keep:
			lines = append(lines, line)
		case stays:
			_, text, _ := strings.Cut(now, ":")
			line = lead + key + ":" + text
			if _, comment, has := strings.Cut(value, " #"); has {
				line += " #" + comment
			}
			lines = append(lines, line)
		}
	}
	for _, key := range order {
		if !seen[key] {
			lines = append(lines, d.indent+"  "+strings.TrimLeft(fresh[key], " -"))
		}
	}
	return lines
}

func (d *document) insert(at int, lines ...string) { d.lines = slices.Insert(d.lines, at, lines...) }
