package cases

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// Want is what a case asks of the peer: which events, and how the connection
// should end.
type Want struct {
	// Events lists the readings under which the peer's events earn a grade.
	// Equality is exact: order, type and octets. No reading matches: FAILED.
	Events []Reading
	// ClosedByUs says whose close frame should come first: ours (the peer did
	// well) or the peer's (it had to fail the connection).
	ClosedByUs bool
	// Codes are the codes the peer's close frame may carry; it may always
	// carry none. The first is what we close with when every reading matches.
	Codes []wsproto.StatusCode
	// Clean demands a completed closing handshake.
	Clean bool
	// WrongEndFails makes the behaviour FAILED too when the wrong end closed.
	WrongEndFails bool
	// NoAutoClose keeps us from closing when every reading matches.
	NoAutoClose bool
	// Rule replaces or extends the comparison of events.
	Rule Rule
}

// A Reading is a list of events and the grade it earns.
type Reading struct {
	Behavior Behavior
	Events   []Event
}

// A Rule is a way to judge that differs from comparing events.
type Rule uint8

// The rules of the catalogue.
const (
	CompareEvents  Rule = iota
	WrongCodeFails      // a wrong close code fails the behaviour too
	Observe             // both halves are INFORMATIONAL, whatever happens
	EchoLength          // OK once a message of the wanted type and length came back
	EchoAll             // OK once every message of the echo loop came back
	EchoDeflated        // likewise, UNIMPLEMENTED without permessage-deflate
)

// GotText returns the event of a text message with this payload.
func GotText(p Payload) Event { return event(GotMessage, false, p) }

// GotBinary returns the event of a binary message with this payload.
func GotBinary(p Payload) Event { return event(GotMessage, true, p) }

// Ponged returns the event of a pong with this payload.
func Ponged(p Payload) Event { return event(GotPong, false, p) }

// TimedOut returns the event of a pause that came to its end.
func TimedOut(mark string) Event { return Event{Kind: GotTimeout, Data: Octet(mark)} }

func event(kind EventKind, binary bool, p Payload) Event {
	e := Event{Kind: kind, Binary: binary, Len: p.Len}
	e.Data = p.AppendRange(nil, 0, min(p.Len, HeadSize))
	if p.Len > HeadSize {
		sum := sha256.Sum256(p.Bytes())
		e.SHA256 = hex.EncodeToString(sum[:])
	}
	return e
}

// Equal reports whether both events are the same in kind, type and octets.
func (e Event) Equal(o Event) bool {
	return e.Kind == o.Kind && e.Binary == o.Binary && e.Len == o.Len &&
		string(e.Data) == string(o.Data) && e.SHA256 == o.SHA256
}

// String says what happened: a text "Hello", a pong, a timeout A.
func (e Event) String() string {
	payload := e.Data.quote()
	if e.Len > HeadSize {
		payload = fmt.Sprintf("of %d octets", e.Len)
	}
	switch {
	case e.Kind == GotTimeout:
		return "timeout " + string(e.Data)
	case e.Kind == GotPong:
		return "pong " + payload
	case e.Binary:
		return "binary message " + payload
	}
	return "text message " + payload
}
