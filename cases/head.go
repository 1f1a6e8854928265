package cases

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wsconform/wsconform/internal/transcript"
)

// A Head is what our half of the opening handshake changes in the standard one:
// the request if the peer is a server, the response if it is a client. In a
// value, {key} becomes a fresh key, {host} the server and {target} the request target.
// In that of a response, {host} and {target} are those of the request, {port} is the port in
// its Host, and {accept} becomes the digest of the client's key, and {ACCEPT}
// the same with upper and lower case exchanged; {protocol} and {protocol-last} become the
// first and the last subprotocol that the client offers, {PROTOCOL} the first with its
// case exchanged.
type Head []Edit

// An Edit is one change. The zero value changes nothing.
type Edit struct {
	do    editKind
	Name  string // of a field
	value string
}

// An editKind says what an [Edit] does.
type editKind uint8

// The kinds of edit.
const (
	editNothing  editKind = iota
	editRemove            // leave every field of the name out
	editSet               // give the field another value, where it stands
	editAdd               // add a field behind the others
	editLine              // add a line as it is behind the others
	editStart             // another start line
	EditTogether          // the first step's bytes leave in the same write
	editApart             // it leaves in writes of as many bytes as the value says
	editReplace           // replace what stands in Name wherever it is in the head, line ends too, by Value
	editReverse           // put the fields in the opposite order
	editCut               // send the first half only
	EditDelay             // send it after [HeadDelay]
	EditRefused           // send it without the field first, and then, on the same connection, with it
	editLong              // put a field in front whose value has so many bytes
	editMany              // put so many fields in front, each with a name of its own
	EditBytewise          // it leaves in writes of one byte, without a pause between them
	editFirst             // put a field in front of the others
	EditTrickle           // it leaves in writes of one byte, so long apart, for as long as Name says
	editWhole             // send these bytes in place of the head
)

// TricklePatience is how long a head that trickles does so, unless it has all left before.
const TricklePatience = time.Minute

// HeadDelay is how long a delayed head takes.
const HeadDelay = 500 * time.Millisecond

// Without leaves a field out.
func Without(name string) Edit { return Edit{do: editRemove, Name: name} }

// Set gives a field another value.
func Set(name, value string) Edit { return Edit{do: editSet, Name: name, value: value} }

// Add adds a field, also one whose name is there already.
func Add(name, value string) Edit { return Edit{do: editAdd, Name: name, value: value} }

// Line adds a line as it is.
func Line(text string) Edit { return Edit{do: editLine, value: text} }

// Start replaces the start line.
func Start(line string) Edit { return Edit{do: editStart, value: line} }

// Together sends what the steps write first in one write with our half of the
// handshake: with a request, before any response.
func Together() Edit { return Edit{do: EditTogether} }

// Apart sends the head in writes of so many bytes.
func Apart(n int) Edit { return Edit{do: editApart, value: strconv.Itoa(n)} }

// Replace replaces text wherever it stands in the head, with its line ends.
func Replace(old, by string) Edit { return Edit{do: editReplace, Name: old, value: by} }

// Reversed puts the fields in the opposite order.
func Reversed() Edit { return Edit{do: editReverse} }

// Cut sends the first half of the head only.
func Cut() Edit { return Edit{do: editCut} }

// Delayed sends a response late. What comes before it is an offence.
func Delayed() Edit { return Edit{do: EditDelay} }

// Refused sends a request without the field first, which is to be refused, and then
// the whole one on the same connection.
func Refused(without string) Edit { return Edit{do: EditRefused, Name: without} }

// Long puts a field with a value of n bytes in front of the others.
func Long(name string, n int) Edit { return Edit{do: editLong, Name: name, value: strconv.Itoa(n)} }

// First puts a field in front of the others, also one whose name is there already.
func First(name, value string) Edit { return Edit{do: editFirst, Name: name, value: value} }

// Many puts n fields with different names in front of the others.
func Many(n int) Edit { return Edit{do: editMany, value: strconv.Itoa(n)} }

// Bytewise sends the head in writes of one byte.
func Bytewise() Edit { return Edit{do: EditBytewise} }

// Trickle sends a byte of the head each interval.
func Trickle(every time.Duration) Edit {
	return Edit{do: EditTrickle, Name: TricklePatience.String(), value: every.String()}
}

// Whole sends these bytes in place of the head.
func Whole(text string) Edit { return Edit{do: editWhole, value: text} }

// SetOrAdd gives a field another value, or adds it.
func SetOrAdd(name, value string) []Edit { return []Edit{Without(name), Add(name, value)} }

// A Field is a line of a head.
type Field struct{ Name, Value string }

// Fields are the fields as edited, in order. What else is edited is left out.
func (h Head) Fields(fields []Field) []Field {
	fields = slices.Clone(fields)
	for _, e := range h {
		named := func(f Field) bool { return strings.EqualFold(f.Name, e.Name) }
		switch e.do {
		case editRemove:
			fields = slices.DeleteFunc(fields, named)
		case editSet:
			for i := range fields {
				if named(fields[i]) {
					fields[i].Value = e.value
				}
			}
		case editAdd:
			fields = append(fields, Field{e.Name, e.value})
		case editReverse:
			slices.Reverse(fields)
		case editFirst:
			fields = slices.Insert(fields, 0, Field{e.Name, e.value})
		case editLong:
			at := slices.IndexFunc(fields, func(f Field) bool { return !strings.HasPrefix(f.Name, ":") }) // behind those of HTTP/2
			fields = slices.Insert(fields, max(at, 0), Field{e.Name, strings.Repeat("a", e.number())})
		case editMany:
			many := make([]Field, e.number(), e.number()+len(fields))
			for i := range many {
				many[i] = Field{"X-" + strconv.Itoa(i), "x"}
			}
			fields = append(many, fields...)
		case editNothing, editLine, editStart, EditTogether, editApart, editReplace, editCut, EditDelay, EditRefused, EditBytewise, EditTrickle, editWhole:
		}
	}
	return fields
}

// Text renders the head, with its empty line: the start line and the fields, as
// edited.
func (h Head) Text(start string, fields []Field) string {
	var lines []string
	for _, e := range h {
		switch e.do {
		case editLine:
			lines = append(lines, e.value)
		case editStart:
			start = e.value
		default: // of the fields, or of how they leave
		}
	}
	fields = h.Fields(fields)
	var b strings.Builder
	b.WriteString(start + "\r\n")
	for _, f := range fields {
		b.WriteString(f.Name + ": " + f.Value + "\r\n")
	}
	for _, line := range lines {
		b.WriteString(line + "\r\n")
	}
	b.WriteString("\r\n")
	text := b.String()
	for _, e := range h {
		switch e.do {
		case editReplace:
			text = strings.ReplaceAll(text, e.Name, e.value)
		case editCut:
			text = text[:len(text)/2]
		case editWhole:
			text = e.value
		default: // of the lines, or of how they leave
		}
	}
	return text
}

// Fill returns the head with a word in its values replaced.
func (h Head) Fill(word, by string) Head {
	h = slices.Clone(h)
	for i := range h {
		h[i].value = strings.ReplaceAll(h[i].value, word, by)
	}
	return h
}

// Find returns the first edit of a kind.
func (h Head) Find(kind editKind) (Edit, bool) {
	i := slices.IndexFunc(h, func(e Edit) bool { return e.do == kind })
	if i < 0 {
		return Edit{}, false
	}
	return h[i], true
}

// Pieces is how many bytes of the head leave in one write, 0 for all.
func (h Head) Pieces() int {
	for _, e := range h {
		if e.do == editApart {
			return e.number()
		}
		if e.do == EditBytewise {
			return 1
		}
	}
	return 0
}

// Pace says how far apart the bytes of a head that trickles are, and for how long they
// come.
func (e Edit) Pace() (every, patience time.Duration, ok bool) {
	if e.do != EditTrickle {
		return 0, 0, false
	}
	every, err := time.ParseDuration(e.value)
	patience, err2 := time.ParseDuration(e.Name)
	return every, patience, err == nil && err2 == nil
}

// number is the value of an edit that counts.
func (e Edit) number() int {
	n, _ := strconv.Atoi(e.value)
	return n
}

// Raw gives the edit in the words of a raw script, such as "set", the name of the field and
// the value. It is false for what such a script does not have.
func (e Edit) Raw() (verb, name, value string, ok bool) {
	switch e.do {
	case editRemove:
		return "without", e.Name, "", true
	case editSet:
		return "set", e.Name, e.value, true
	case editAdd:
		return "add", e.Name, e.value, true
	case editLine:
		return "line", "", e.value, true
	case editStart:
		return "start", "", e.value, true
	case editApart:
		return "segment", "", e.value, true
	case EditBytewise:
		return "segment", "", "1", true
	case editWhole:
		return "bytes", "", e.value, true
	default:
		return "", "", "", false
	}
}

func (e Edit) String() string {
	switch e.do {
	case editRemove:
		return "no " + e.Name
	case editSet:
		return e.Name + ": " + e.value
	case editAdd:
		return e.Name + ": " + e.value + ", added"
	case editLine:
		return "the line " + transcript.Octet(e.value).Quote()
	case editStart:
		return "the start line " + transcript.Octet(e.value).Quote()
	case EditTogether:
		return "the first frames in the same write"
	case editApart:
		return "writes of so many bytes: " + e.value
	case editReplace:
		return transcript.Octet(e.value).Quote() + " in place of " + transcript.Octet(e.Name).Quote()
	case editReverse:
		return "the fields in the opposite order"
	case editCut:
		return "the first half only"
	case EditDelay:
		return "after " + seconds(HeadDelay)
	case EditRefused:
		return "first without " + e.Name + ", then whole on the same connection"
	case editFirst:
		return e.Name + ": " + e.value + ", in front"
	case editLong:
		return e.Name + " with " + e.value + " bytes, in front"
	case editMany:
		return e.value + " more fields, in front"
	case EditBytewise:
		return "writes of one byte, without a pause"
	case EditTrickle:
		return "a byte every " + e.value + ", for " + e.Name
	case editWhole:
		return "in place of it, the bytes " + transcript.Octet(e.value).Quote()
	case editNothing:
	}
	return "the standard handshake"
}
