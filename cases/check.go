package cases

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wsconform/wsconform/internal/wire"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A Check is something that holds of a connection or does not. It is inert and
// says what it asks for.
type Check interface {
	Holds(t *Transcript) bool
	fmt.Stringer
}

// Status holds of a response whose status is in the range.
type Status struct{ From, To int }

// Fields holds of a response in which the field comes once, with this value.
type Fields struct{ Name, Value string }

// Lists holds of a response in which the token is a member of the field.
type Lists struct{ Name, Token string }

// NoField holds of a response without the field.
type NoField struct{ Name string }

// Agreed holds of a response that agrees on permessage-deflate, with legal
// parameters only, each once, and without those named (RFC 7692 §7.1).
type Agreed struct{ Without []string }

// Echoed holds if this text came back, once.
type Echoed struct{ Text string }

// Bits holds of a response in which the parameter of permessage-deflate has a value
// in the range.
type Bits struct {
	Param    string
	From, To int
}

// Declined holds if the connection opened without permessage-deflate.
type Declined struct{}

// Quiet holds if neither a message nor a pong came.
type Quiet struct{}

// NoAnswer holds if no HTTP response came.
type NoAnswer struct{}

// Code holds if the peer sent a close frame with one of these codes; 0 is none.
type Code []wsproto.StatusCode

// Closed holds if the peer sent a close frame.
type Closed struct{}

// Ends holds if the peer ended TCP, within this time of the opening handshake. A
// client that closes leaves the end of TCP to us (RFC 6455 §7.1.1), so its close
// frame will do.
type Ends struct{ Within time.Duration }

// Dropped holds if it did so without a close frame.
type Dropped struct{ Within time.Duration }

// Clean holds if the closing handshake was completed.
type Clean struct{}

// Either holds if one of the checks does.
type Either []Check

// Every holds if each of the checks does.
type Every []Check

// Holds looks at the status line.
func (s Status) Holds(t *Transcript) bool {
	e, ok := t.Find(GotAnswer)
	return ok && e.Status >= s.From && e.Status <= s.To
}

func (s Status) String() string {
	if s.From == s.To {
		return fmt.Sprintf("status %d", s.From)
	}
	return fmt.Sprintf("status %d to %d", s.From, s.To)
}

// Holds looks at the field.
func (f Fields) Holds(t *Transcript) bool {
	values := wire.ParseHead(t.Response).Values(f.Name)
	return len(values) == 1 && values[0] == f.Value
}

func (f Fields) String() string { return f.Name + ": " + f.Value + ", once" }

// Holds looks at the field.
func (l Lists) Holds(t *Transcript) bool { return wire.ParseHead(t.Response).Has(l.Name, l.Token) }

func (l Lists) String() string { return l.Name + " names " + l.Token }

// Holds looks for the field.
func (f NoField) Holds(t *Transcript) bool {
	return len(wire.ParseHead(t.Response).Values(f.Name)) == 0
}

func (f NoField) String() string { return "no " + f.Name }

// Holds looks at Sec-WebSocket-Extensions.
func (a Agreed) Holds(t *Transcript) bool {
	values := wire.ParseHead(t.Response).Values("Sec-WebSocket-Extensions")
	if len(values) != 1 {
		return false
	}
	list, err := wsproto.ParseExtensions(values[0])
	if err != nil || len(list) != 1 || !strings.EqualFold(list[0].Name, "permessage-deflate") {
		return false
	}
	if _, err := wsproto.ParseDeflate(list[0]); err != nil {
		return false
	}
	return !slices.ContainsFunc(list[0].Params, func(p wsproto.Param) bool {
		return slices.ContainsFunc(a.Without, func(name string) bool { return strings.EqualFold(p.Name, name) })
	})
}

func (a Agreed) String() string {
	s := "permessage-deflate with legal parameters"
	if len(a.Without) > 0 {
		s += ", without " + strings.Join(a.Without, " and ")
	}
	return s
}

// Holds looks at the messages.
func (x Echoed) Holds(t *Transcript) bool {
	n, same := 0, false
	for _, e := range t.Events {
		if e.Kind == GotMessage {
			n++
			same = e.Equal(GotText(Data([]byte(x.Text))))
		}
	}
	return n == 1 && same
}

func (x Echoed) String() string {
	if len(x.Text) > 64 {
		return fmt.Sprintf("the text of %d bytes comes back, once", len(x.Text))
	}
	return fmt.Sprintf("%q comes back, once", x.Text)
}

// Holds looks at Sec-WebSocket-Extensions.
func (b Bits) Holds(t *Transcript) bool {
	list, err := wsproto.ParseExtensions(strings.Join(wire.ParseHead(t.Response).Values("Sec-WebSocket-Extensions"), ", "))
	if err != nil || len(list) != 1 {
		return false
	}
	return slices.ContainsFunc(list[0].Params, func(p wsproto.Param) bool {
		n, err := strconv.Atoi(p.Value)
		return err == nil && strings.EqualFold(p.Name, b.Param) && n >= b.From && n <= b.To
	})
}

func (b Bits) String() string { return fmt.Sprintf("%s is %d to %d", b.Param, b.From, b.To) }

// Holds looks at what was agreed.
func (Declined) Holds(t *Transcript) bool { return t.Opened && !t.Deflate }

func (Declined) String() string { return "no permessage-deflate" }

// Holds looks for data.
func (Quiet) Holds(t *Transcript) bool {
	return !slices.ContainsFunc(t.Events, func(e Event) bool { return e.Kind == GotMessage || e.Kind == GotPong })
}

func (Quiet) String() string { return "no message and no pong" }

// Holds looks for a response.
func (NoAnswer) Holds(t *Transcript) bool { _, ok := t.Find(GotAnswer); return !ok }

func (NoAnswer) String() string { return "no response" }

// Holds looks at the peer's first close frame.
func (c Code) Holds(t *Transcript) bool {
	e, ok := t.Find(GotClose)
	return ok && slices.Contains(c, e.Code)
}

func (c Code) String() string {
	codes := make([]string, len(c))
	for i, code := range c {
		codes[i] = fmt.Sprint(uint16(code))
		if code == 0 {
			codes[i] = "no code"
		}
	}
	return "a close frame with " + strings.Join(codes, " or ")
}

// Holds looks for a close frame.
func (Closed) Holds(t *Transcript) bool { _, ok := t.Find(GotClose); return ok }

func (Closed) String() string { return "a close frame" }

// Holds looks at the end of TCP.
func (x Ends) Holds(t *Transcript) bool {
	kinds := []EventKind{GotEnd, GotReset}
	if t.Role == Client {
		kinds = append(kinds, GotClose)
	}
	for _, kind := range kinds {
		if e, ok := t.Find(kind); ok && e.At <= x.Within {
			return true
		}
	}
	return false
}

func (x Ends) String() string { return "the peer ends TCP within " + seconds(x.Within) }

// Holds looks at the end of TCP.
func (x Dropped) Holds(t *Transcript) bool { return !Closed{}.Holds(t) && Ends(x).Holds(t) }

func (x Dropped) String() string {
	return "the peer ends TCP within " + seconds(x.Within) + " without a close frame"
}

// Holds looks at the closing handshake.
func (Clean) Holds(t *Transcript) bool { return t.Clean }

func (Clean) String() string { return "a complete closing handshake" }

// Holds looks for one that does.
func (x Either) Holds(t *Transcript) bool {
	return slices.ContainsFunc(x, func(c Check) bool { return c.Holds(t) })
}

func (x Either) String() string { return join(x, ", or ") }

// Holds looks for one that does not.
func (x Every) Holds(t *Transcript) bool {
	return !slices.ContainsFunc(x, func(c Check) bool { return !c.Holds(t) })
}

func (x Every) String() string { return join(x, "; ") }

func join(list []Check, by string) string {
	words := make([]string, len(list))
	for i, c := range list {
		words[i] = c.String()
	}
	return strings.Join(words, by)
}
