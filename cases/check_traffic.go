package cases

import (
	"fmt"
	"slices"
	"strings"
)

// A Tally holds if so many messages came.
type Tally struct{ Messages int }

// HeldBack holds if TCP did not take all that we sent while we did not read: the peer
// stopped reading too.
type HeldBack struct{}

// FewPongs holds if no more than so many pongs came.
type FewPongs struct{ Most int }

// PongFirst holds if a pong came before any message.
type PongFirst struct{}

// Open holds if the opening handshake was completed.
type Open struct{}

// Holds looks at the handshake.
func (Open) Holds(t *Transcript) bool { return t.Opened }

func (Open) String() string { return "an open connection" }

// Holds counts messages.
func (x Tally) Holds(t *Transcript) bool { return t.Messages == x.Messages }

func (x Tally) String() string { return fmt.Sprintf("%d messages", x.Messages) }

// Holds looks for the event.
func (HeldBack) Holds(t *Transcript) bool { _, taken := t.Find(GotTaken); return !taken }

func (HeldBack) String() string { return "the peer stops reading" }

// Holds counts pongs.
func (x FewPongs) Holds(t *Transcript) bool { return t.Pongs <= x.Most }

func (x FewPongs) String() string { return fmt.Sprintf("at most %d pongs", x.Most) }

// Holds looks at the order.
func (PongFirst) Holds(t *Transcript) bool {
	at := func(kind EventKind) int {
		return slices.IndexFunc(t.Events, func(e Event) bool { return e.Kind == kind })
	}
	pong, message := at(GotPong), at(GotMessage)
	return pong >= 0 && (message < 0 || pong < message)
}

func (PongFirst) String() string { return "a pong before the message" }

// An Alert holds if the peer ended TLS by one of these alerts, in the words of Go's
// crypto/tls.
type Alert []string

// Holds looks for the alert.
func (a Alert) Holds(t *Transcript) bool {
	return slices.ContainsFunc(t.Events, func(e Event) bool { return e.Kind == GotAlert && slices.Contains(a, string(e.Data)) })
}

func (a Alert) String() string { return "the TLS alert " + strings.Join(a, " or ") }

// Alerted holds if TLS ended by an alert that reports an error.
type Alerted struct{}

// Holds looks for the alert.
func (Alerted) Holds(t *Transcript) bool {
	e, ok := t.Find(GotAlert)
	return ok && string(e.Data) != CloseNotify
}

func (Alerted) String() string { return "a TLS alert" }

// CloseNotify are the words of the alert that ends TLS in order.
const CloseNotify = "close notify"

// Chose holds if ALPN chose this protocol; "" is none.
type Chose struct{ Protocol string }

// Holds looks at the handshake of TLS.
func (c Chose) Holds(t *Transcript) bool { return t.TLS != nil && t.TLS.Protocol == c.Protocol }

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
func (n NamesServer) Holds(t *Transcript) bool { return t.TLS != nil && t.TLS.Name == n.Name }

func (n NamesServer) String() string {
	if n.Name == "" {
		return "no server name in TLS"
	}
	return "the server name " + n.Name + " in TLS"
}

// NotReset holds if the peer did not reset TCP.
type NotReset struct{}

// Holds looks for the reset.
func (NotReset) Holds(t *Transcript) bool { return t.count(GotReset) == 0 }

func (NotReset) String() string { return "no reset of TCP" }
