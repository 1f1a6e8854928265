package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/transcript"
)

// A Tally holds if so many messages came.
type Tally struct{ Messages int }

// HeldBack holds if TCP did not take all that we sent while we did not read: the peer
// stopped reading too.
type HeldBack struct{}

// FewPongs holds if so many of the pings of a [cases.Flood], or more, have no pong.
type FewPongs struct{ Unanswered int }

// Steady holds unless the message on the second connection of the case, for which there is so
// many times as much to do as for that on the first, took more than three times as many times
// as long, and more than five seconds.
type Steady struct{ Times int }

// Holds compares the times of the first messages.
func (s Steady) Holds(t *transcript.Transcript) bool {
	list := t.Conns()
	if len(list) < 2 {
		return true
	}
	first, ok := list[0].Find(transcript.GotMessage)
	second, ok2 := list[1].Find(transcript.GotMessage)
	return !ok || !ok2 || second.At <= max(5*time.Second, time.Duration(3*s.Times)*first.At)
}

func (s Steady) String() string {
	return fmt.Sprintf("%d times as much takes at most %d times as long, or five seconds", s.Times, 3*s.Times)
}

// PongFirst holds if a pong came before any message.
type PongFirst struct{}

// Open holds if the opening handshake was completed.
type Open struct{}

// Holds looks at the handshake.
func (Open) Holds(t *transcript.Transcript) bool { return t.Opened }

func (Open) String() string { return "an open connection" }

// Holds counts messages.
func (x Tally) Holds(t *transcript.Transcript) bool { return t.Messages == x.Messages }

func (x Tally) String() string { return fmt.Sprintf("%d messages", x.Messages) }

// WithoutEcho takes any pong.
func (Tally) WithoutEcho(_ []string, lenient bool) (cases.Check, bool) {
	return cases.SomePong{}, lenient
}

// Holds looks for the event.
func (HeldBack) Holds(t *transcript.Transcript) bool {
	_, taken := t.Find(transcript.GotTaken)
	return !taken
}

func (HeldBack) String() string { return "the peer stops reading" }

// Holds counts pongs.
func (x FewPongs) Holds(t *transcript.Transcript) bool { return t.Flooded-t.Pongs >= x.Unanswered }

func (x FewPongs) String() string { return fmt.Sprintf("%d pings without a pong", x.Unanswered) }

// Holds looks at the order.
func (PongFirst) Holds(t *transcript.Transcript) bool {
	at := func(kind transcript.EventKind) int {
		return slices.IndexFunc(t.Events, func(e transcript.Event) bool { return e.Kind == kind })
	}
	pong, message := at(transcript.GotPong), at(transcript.GotMessage)
	return pong >= 0 && (message < 0 || pong < message)
}

func (PongFirst) String() string { return "a pong before the message" }

// WithoutEcho takes any pong.
func (PongFirst) WithoutEcho(_ []string, lenient bool) (cases.Check, bool) {
	return cases.SomePong{}, lenient
}

// An Alert holds if the peer ended TLS by one of these alerts, in the words of Go's
// crypto/tls.
type Alert []string

// Holds looks for the alert.
func (a Alert) Holds(t *transcript.Transcript) bool {
	return slices.ContainsFunc(t.Events, func(e transcript.Event) bool {
		return e.Kind == transcript.GotAlert && slices.Contains(a, string(e.Data))
	})
}

func (a Alert) String() string { return "the TLS alert " + strings.Join(a, " or ") }

// Alerted holds if TLS ended by an alert that reports an error.
type Alerted struct{}

// Holds looks for the alert.
func (Alerted) Holds(t *transcript.Transcript) bool {
	e, ok := t.Find(transcript.GotAlert)
	return ok && string(e.Data) != transcript.CloseNotify
}

func (Alerted) String() string { return "a TLS alert" }

// Chose holds if ALPN chose this protocol; "" is none.
type Chose struct{ Protocol string }

// Holds looks at the handshake of TLS.
func (c Chose) Holds(t *transcript.Transcript) bool {
	return t.TLS != nil && t.TLS.Protocol == c.Protocol
}

func (c Chose) String() string {
	if c.Protocol == "" {
		return "no protocol chosen by ALPN"
	}
	return "the protocol " + c.Protocol + " chosen by ALPN"
}

// NamesServer holds if a client named the server so in the handshake of TLS; "" is not
// at all.
type NamesServer struct{ Name string }

// Holds looks at the handshake of TLS.
func (n NamesServer) Holds(t *transcript.Transcript) bool {
	return t.TLS != nil && t.TLS.Name == n.Name
}

func (n NamesServer) String() string {
	if n.Name == "" {
		return "no server name in TLS"
	}
	return "the server name " + n.Name + " in TLS"
}

// NotReset holds if the peer did not reset TCP.
type NotReset struct{}

// Holds looks for the reset.
func (NotReset) Holds(t *transcript.Transcript) bool { return t.Count(transcript.GotReset) == 0 }

func (NotReset) String() string { return "no reset of TCP" }
