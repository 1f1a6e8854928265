package cases

import (
	"fmt"
	"slices"
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

// Echoed holds if this text came back, once.
type Echoed struct{ Text string }

// Quiet holds if no message came, and no pong in answer to a ping or a pong of ours. A
// peer may send pongs of its own at any time (RFC 6455 §5.5.3).
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

// Not holds if the check does not.
type Not struct{ Check Check }

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

// Holds looks for data.
func (Quiet) Holds(t *Transcript) bool {
	return !slices.ContainsFunc(t.Events, func(e Event) bool { return e.Kind == GotMessage || t.Answers(e) })
}

func (Quiet) String() string { return "no message, and no pong in answer" }

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

// Holds turns the check round.
func (n Not) Holds(t *Transcript) bool { return !n.Check.Holds(t) }

func (n Not) String() string { return "not: " + n.Check.String() }

func join(list []Check, by string) string {
	words := make([]string, len(list))
	for i, c := range list {
		words[i] = c.String()
	}
	return strings.Join(words, by)
}
