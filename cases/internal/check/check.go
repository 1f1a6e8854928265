// Package check holds what the cases of the RFC suite ask of a connection. Each type is a
// [cases.Check]: Holds looks at the transcript, and nothing else, and String says in a few
// words what is asked, as the reports show it.
//
// The files follow what is looked at: check.go the common questions, handshake.go the heads,
// deflate.go the extension, traffic.go and behavior.go what came and when, gateway.go what a
// gateway did to it. To add a check, write one type here.
package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/internal/wire"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// Status holds of a response whose status is in the range.
type Status struct{ From, To int }

// Fields holds of a response in which the field comes once, with this value.
type Fields struct{ Name, Value string }

// Lists holds of a response in which the token is a member of the field.
type Lists struct{ Name, Token string }

// NoField holds of a response without the field.
type NoField struct{ Name string }

// Quiet holds if no message came, and no pong in answer to a ping or a pong of ours. A
// peer may send pongs of its own at any time (RFC 6455 §5.5.3).
type Quiet struct{}

// NoAnswer holds if no HTTP response came.
type NoAnswer struct{}

// Code holds if the peer sent a close frame with one of these codes; 0 is none.
type Code []wsproto.StatusCode

// Reasons holds if the reason in the peer's close frame has this text in it.
type Reasons struct{ Text string }

// Closed holds if the peer sent a close frame.
type Closed struct{}

// Ends holds if the peer ended TCP, within this time of the opening handshake. A
// client that closes leaves the end of TCP to us (RFC 6455 §7.1.1), so its close
// frame will do.
type Ends struct{ Within time.Duration }

// Dropped holds if it did so without a close frame.
type Dropped struct{ Within time.Duration }

// EndsTCP holds if the peer, a client too, ended TCP within this time of the opening handshake.
type EndsTCP struct{ Within time.Duration }

// OfItself holds if the peer closed or ended TCP before we began to close or ended our
// direction of TCP.
type OfItself struct{}

// Clean holds if the closing handshake was completed.
type Clean struct{}

// Either holds if one of the checks does.
type Either []cases.Check

// Not holds if the check does not.
type Not struct{ Check cases.Check }

// Holds looks at the status line.
func (s Status) Holds(t *transcript.Transcript) bool {
	e, ok := t.Find(transcript.GotAnswer)
	if t.Stream && e.Status >= 200 && e.Status <= 299 {
		e.Status = 101 // which a 2xx stands for over HTTP/2 (RFC 8441 §5)
	}
	return ok && e.Status >= s.From && e.Status <= s.To
}

func (s Status) String() string {
	if s.From == s.To {
		return fmt.Sprintf("status %d", s.From)
	}
	return fmt.Sprintf("status %d to %d", s.From, s.To)
}

// Holds looks at the field.
func (f Fields) Holds(t *transcript.Transcript) bool {
	values := wire.ParseHead(t.Response).Values(f.Name)
	return len(values) == 1 && values[0] == f.Value
}

func (f Fields) String() string { return f.Name + ": " + f.Value + ", once" }

// Holds looks at the field.
func (l Lists) Holds(t *transcript.Transcript) bool {
	return barred(t, l.Name) || wire.ParseHead(t.Response).Has(l.Name, l.Token)
}

func (l Lists) String() string { return l.Name + " names " + l.Token }

// Holds looks for the field.
func (f NoField) Holds(t *transcript.Transcript) bool {
	return len(wire.ParseHead(t.Response).Values(f.Name)) == 0
}

func (f NoField) String() string { return "no " + f.Name }

// Holds looks for data.
func (Quiet) Holds(t *transcript.Transcript) bool {
	return !slices.ContainsFunc(t.Events, func(e transcript.Event) bool { return e.Kind == transcript.GotMessage || t.Answers(e) })
}

func (Quiet) String() string { return "no message, and no pong in answer" }

// Holds looks for a response.
func (NoAnswer) Holds(t *transcript.Transcript) bool {
	_, ok := t.Find(transcript.GotAnswer)
	return !ok
}

func (NoAnswer) String() string { return "no response" }

// Holds looks at the peer's first close frame.
func (c Code) Holds(t *transcript.Transcript) bool {
	e, ok := t.Find(transcript.GotClose)
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

// Holds looks at the reason.
func (r Reasons) Holds(t *transcript.Transcript) bool {
	return strings.Contains(string(t.RemoteReason), r.Text)
}

func (r Reasons) String() string { return "the reason names " + r.Text }

// Holds looks for a close frame.
func (Closed) Holds(t *transcript.Transcript) bool { _, ok := t.Find(transcript.GotClose); return ok }

func (Closed) String() string { return "a close frame" }

// Holds looks at the end of TCP.
func (x Ends) Holds(t *transcript.Transcript) bool {
	kinds := []transcript.EventKind{transcript.GotEnd, transcript.GotReset}
	if t.Role == cases.Client {
		kinds = append(kinds, transcript.GotClose)
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
func (x Dropped) Holds(t *transcript.Transcript) bool { return !Closed{}.Holds(t) && Ends(x).Holds(t) }

func (x Dropped) String() string {
	return "the peer ends TCP within " + seconds(x.Within) + " without a close frame"
}

// Holds looks at the end of TCP.
func (x EndsTCP) Holds(t *transcript.Transcript) bool {
	return slices.ContainsFunc(t.Events, func(e transcript.Event) bool {
		return (e.Kind == transcript.GotEnd || e.Kind == transcript.GotReset) && e.At <= x.Within
	})
}

func (x EndsTCP) String() string { return "TCP is ended by the peer within " + seconds(x.Within) }

// Holds compares when both ends left.
func (OfItself) Holds(t *transcript.Transcript) bool {
	return slices.ContainsFunc(t.Events, func(e transcript.Event) bool {
		switch e.Kind {
		case transcript.GotClose, transcript.GotEnd, transcript.GotReset, transcript.GotAlert:
			return t.Left == 0 || e.At < t.Left
		default:
			return false
		}
	})
}

func (OfItself) String() string { return "the peer does so before we end our direction" }

// Holds looks at the closing handshake.
func (Clean) Holds(t *transcript.Transcript) bool { return t.Clean }

func (Clean) String() string { return "a complete closing handshake" }

// Holds looks for one that does.
func (x Either) Holds(t *transcript.Transcript) bool {
	return slices.ContainsFunc(x, func(c cases.Check) bool { return c.Holds(t) })
}

func (x Either) String() string {
	words := make([]string, len(x))
	for i, c := range x {
		words[i] = c.String()
	}
	return strings.Join(words, ", or ")
}

// WithoutEcho leaves out the checks that only an echo can answer: they cannot hold.
func (x Either) WithoutEcho(probes []string, lenient bool) (cases.Check, bool) {
	var list Either
	for _, c := range x {
		if c, ok := cases.Unechoed(c, probes, lenient); ok {
			list = append(list, c)
		}
	}
	return list, len(list) > 0
}

// Holds turns the check round.
func (n Not) Holds(t *transcript.Transcript) bool { return !n.Check.Holds(t) }

func (n Not) String() string { return "not: " + n.Check.String() }

func seconds(d time.Duration) string { return fmt.Sprintf("%gs", d.Seconds()) }
