package wire

import (
	"slices"
	"strings"
)

// A Head is the head of an HTTP/1.1 message, taken apart as leniently as can be:
// what does not fit is among its offences, without their place.
type Head struct {
	Lines    []string // without their ends; the first is the start line
	Fields   []Field
	Offences []Offence
}

// A Field is a field of a head. One that is folded over several lines is read with
// a blank in place of each fold (RFC 9112 §5.2).
type Field struct {
	Line     int    // the index of its first line
	Name     string // as it was sent
	Value    string // without the blanks around it
	From, To int    // where the value stands in the first line
}

// ParseHead takes a head apart. What comes behind its empty line is left alone.
func ParseHead(text string) Head {
	h := Head{Lines: Lines(text)}
	if len(h.Lines) == 0 {
		return h
	}
	for i, line := range h.Lines[1:] {
		if rest := strings.TrimLeft(line, " \t"); rest != line {
			if len(h.Fields) == 0 {
				h.Offences = append(h.Offences, Offence{Index: i + 1, To: len(line), Section: "RFC 9112 2.2", Words: blankFirst})
				continue
			}
			f := &h.Fields[len(h.Fields)-1]
			f.Value = strings.TrimSpace(f.Value + " " + rest)
			h.Offences = append(h.Offences, Offence{Index: i + 1, To: len(line) - len(rest), Section: "RFC 9112 5.2", Words: "a field is folded over two lines"})
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			h.Offences = append(h.Offences, Offence{Index: i + 1, To: len(line), Section: "RFC 6455 4.1", Words: noColon})
			continue
		}
		from := len(line) - len(strings.TrimLeft(value, " \t"))
		value = strings.TrimSpace(value)
		h.Fields = append(h.Fields, Field{i + 1, strings.TrimSpace(name), value, from, from + len(value)})
	}
	return h
}

const (
	noColon    = "a header line has no colon"
	blankFirst = "a blank comes before the first header line"
)

// Malformed says what makes the head unreadable as a list of fields, "" for nothing.
func (h Head) Malformed() string {
	for _, o := range h.Offences {
		if o.Words == noColon || o.Words == blankFirst {
			return o.Words
		}
	}
	return ""
}

// Start is the start line.
func (h Head) Start() string {
	if len(h.Lines) == 0 {
		return ""
	}
	return h.Lines[0]
}

// All returns the fields of a name.
func (h Head) All(name string) []Field {
	var list []Field
	for _, f := range h.Fields {
		if strings.EqualFold(f.Name, name) {
			list = append(list, f)
		}
	}
	return list
}

// Values returns the values of the fields of a name, each line by itself.
func (h Head) Values(name string) []string {
	var values []string
	for _, f := range h.All(name) {
		values = append(values, f.Value)
	}
	return values
}

// One returns the value of a field that comes once; not ok if it does not.
func (h Head) One(name string) (value string, ok bool) {
	v := h.Values(name)
	if len(v) != 1 {
		return "", false
	}
	return v[0], true
}

// List returns the members of a field whose values are lists, over all its lines.
func (h Head) List(name string) []string {
	var members []string
	for _, f := range h.All(name) {
		members = append(members, f.list()...)
	}
	return members
}

// Has reports whether the token is a member of the field, whatever its case.
func (h Head) Has(name, token string) bool {
	return slices.ContainsFunc(h.List(name), func(m string) bool { return strings.EqualFold(m, token) })
}

// Members returns the values of a field as a gateway has to keep them: members of a list,
// whatever lines they stand in, and the lines of Set-Cookie, which is none (RFC 9110 §5.3).
func (h Head) Members(name string) []string {
	if strings.EqualFold(name, "Set-Cookie") {
		return h.Values(name)
	}
	list := h.List(name)
	for i, v := range list {
		if strings.EqualFold(name, "Upgrade") || strings.EqualFold(name, "Connection") {
			list[i] = strings.ToLower(v)
		}
	}
	return list
}

// Status is the second word of the start line: the status code of a response.
func (h Head) Status() string {
	_, rest, _ := strings.Cut(h.Start(), " ")
	status, _, _ := strings.Cut(rest, " ")
	return status
}

// Target is the target of a request; of one in absolute form, its path and query.
func (h Head) Target() string {
	one := h.Status()
	if _, after, ok := strings.Cut(one, "://"); ok {
		_, path, _ := strings.Cut(after, "/")
		return "/" + path
	}
	return one
}

// Last reports whether a response says that the connection ends behind it (RFC 9112 §9.3).
func (h Head) Last() bool {
	return h.Has("Connection", "close") || strings.HasPrefix(h.Start(), "HTTP/1.0 ") && !h.Has("Connection", "keep-alive")
}

// Final leaves out the interim responses before the last one (RFC 9110 §15.2).
func Final(text string) string {
	for {
		head, rest, _ := strings.Cut(text, "\r\n\r\n")
		status := ParseHead(head).Status()
		if !strings.HasPrefix(head, "HTTP/") || len(status) != 3 || status[0] != '1' || status == "101" || rest == "" {
			return text
		}
		text = rest
	}
}

// list returns the members of a field that is separated by commas.
func (f Field) list() []string {
	var members []string
	for s := range strings.SplitSeq(f.Value, ",") {
		members = append(members, strings.TrimSpace(s))
	}
	return members
}

// word takes a word of the start line for a field.
func (h Head) word(i int) Field {
	at := 0
	for n, word := range strings.SplitAfter(h.Lines[0], " ") {
		if n == i {
			text := strings.TrimSuffix(word, " ")
			return Field{Value: text, From: at, To: at + len(text)}
		}
		at += len(word)
	}
	return Field{To: len(h.Lines[0])}
}

// Lines cuts the head of an HTTP message into its lines, without their ends and
// without the empty one behind the last.
func Lines(head string) []string {
	head, _, _ = strings.Cut(head, "\r\n\r\n")
	if head == "" {
		return nil
	}
	var lines []string
	for line := range strings.SplitSeq(strings.TrimRight(head, "\r\n"), "\n") {
		lines = append(lines, strings.TrimSuffix(line, "\r"))
	}
	return lines
}
