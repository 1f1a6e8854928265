package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/internal/wire"
)

// Checks about a gateway look at a message of HTTP that came through it: the request at
// our origin, the response at our client. They compare it with what was sent at the other
// end.

// Forwarded holds if the field came through with the values that it was sent with, each
// in a line of its own or in one list.
type Forwarded struct{ Name string }

// Removed holds if the message that came through is without the field.
type Removed struct{ Name string }

// NotNominated holds if the message that came through has no Connection that names the
// token.
type NotNominated struct{ Token string }

// SameTarget holds of a request whose path and query are those that were sent.
type SameTarget struct{}

// SameStatus holds of a response with the status that our origin sent.
type SameStatus struct{}

// Tunnelled holds if the head came through byte for byte: what stands between is no party
// to HTTP (RFC 9110 §3.7).
type Tunnelled struct{}

// Reached holds at our origin if a request came.
type Reached struct{}

// BodyHas holds of a response that brought the text behind its head.
type BodyHas struct{ Text string }

// Reason holds if the peer's close frame had this reason.
type Reason struct{ Text string }

// Pinged holds if pings with these payloads came, in order, and no other.
type Pinged []string

// Unanswered holds of a connection on which no pong came but those that the other end
// sent.
type Unanswered struct{}

// NoRequestWith holds if no further request came that has the text.
type NoRequestWith struct{ Text string }

// Holds looks at further requests.
func (n NoRequestWith) Holds(t *transcript.Transcript) bool {
	return !slices.ContainsFunc(t.Events, func(e transcript.Event) bool {
		return e.Kind == transcript.GotRequest && strings.Contains(string(e.Data), n.Text)
	})
}

func (n NoRequestWith) String() string {
	return fmt.Sprintf("no further request with %q comes", n.Text)
}

// Holds compares the values.
func (f Forwarded) Holds(t *transcript.Transcript) bool {
	text, sent := t.Heads()
	if text == "" || sent == "" {
		return false
	}
	return slices.Equal(wire.ParseHead(text).Members(f.Name), wire.ParseHead(sent).Members(f.Name))
}

func (f Forwarded) String() string { return f.Name + " comes through as it was sent" }

// Holds looks for the field.
func (f Removed) Holds(t *transcript.Transcript) bool {
	text, _ := t.Heads()
	return text != "" && len(wire.ParseHead(text).Values(f.Name)) == 0
}

func (f Removed) String() string { return f.Name + " does not come through" }

// Holds looks at Connection.
func (n NotNominated) Holds(t *transcript.Transcript) bool {
	text, _ := t.Heads()
	return text != "" && !wire.ParseHead(text).Has("Connection", n.Token)
}

func (n NotNominated) String() string { return "Connection does not name " + n.Token }

// Holds compares the targets. One in absolute form is compared by its path.
func (SameTarget) Holds(t *transcript.Transcript) bool {
	text, sent := t.Heads()
	return text != "" && wire.ParseHead(text).Target() == wire.ParseHead(sent).Target()
}

func (SameTarget) String() string { return "the path and the query come through as they were sent" }

// Holds compares the status codes.
func (SameStatus) Holds(t *transcript.Transcript) bool {
	text, sent := t.Heads()
	return text != "" && wire.ParseHead(text).Status() == wire.ParseHead(sent).Status()
}

func (SameStatus) String() string { return "the status comes through as the origin sent it" }

// Holds compares the heads.
func (Tunnelled) Holds(t *transcript.Transcript) bool {
	text, sent := t.Heads()
	return text != "" && strings.HasPrefix(sent, text) // bytes behind the head may have been sent with it
}

func (Tunnelled) String() string {
	return "the head comes through byte for byte: a tunnel, which takes no part in HTTP"
}

// Holds looks for a request.
func (Reached) Holds(t *transcript.Transcript) bool {
	return t.Role == cases.Client && t.Request != ""
}

func (Reached) String() string { return "the request reaches the origin" }

// Holds looks at the bytes that came behind the head.
func (b BodyHas) Holds(t *transcript.Transcript) bool {
	return slices.ContainsFunc(t.Events, func(e transcript.Event) bool {
		return e.Kind == transcript.GotBody && strings.Contains(string(e.Data), b.Text)
	})
}

func (b BodyHas) String() string { return fmt.Sprintf("the body has %q", b.Text) }

// Holds looks at the peer's close frame.
func (r Reason) Holds(t *transcript.Transcript) bool {
	e, ok := t.Find(transcript.GotClose)
	return ok && string(e.Data) == r.Text
}

func (r Reason) String() string { return fmt.Sprintf("the reason %q", r.Text) }

// Holds compares the pings.
func (p Pinged) Holds(t *transcript.Transcript) bool {
	var got []string
	for _, e := range t.Events {
		if e.Kind == transcript.GotPing {
			got = append(got, string(e.Data))
		}
	}
	return slices.Equal(got, p)
}

func (p Pinged) String() string {
	if len(p) == 0 {
		return "no ping"
	}
	return fmt.Sprintf("these pings: %q", []string(p))
}

// Holds counts the pongs that came against the pings that the other end saw.
func (Unanswered) Holds(t *transcript.Transcript) bool {
	return t.Other() != nil && t.Count(transcript.GotPong) <= t.Other().Count(transcript.GotPing)
}

func (Unanswered) String() string { return "no pong comes from the gateway itself" }
