package transcript

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// EventKind tells the kinds of event apart.
type EventKind string

// What can happen on a connection. Messages and pongs are recorded as Autobahn
// takes them: not after we have failed or ended the connection.
const (
	GotMessage EventKind = "message" // a whole data message
	GotPong    EventKind = "pong"
	GotTimeout EventKind = "timeout" // a [cases.Pause] of the case came to its end

	GotAnswer   EventKind = "answer" // the head of an HTTP response
	GotPing     EventKind = "ping"
	GotClose    EventKind = "close"    // a close frame
	GotOffence  EventKind = "offence"  // the peer broke a rule
	GotEnd      EventKind = "end"      // the peer ended TCP in order
	GotReset    EventKind = "reset"    // it reset the connection
	GotAlert    EventKind = "alert"    // an alert of TLS; its words are in Data
	GotTaken    EventKind = "taken"    // TCP took all that we sent, in an [cases.AwaitTaken]
	GotBegin    EventKind = "begin"    // the first bytes of a message that is not whole yet, if a case waits for them
	GotBody     EventKind = "body"     // what came behind the head of a message of HTTP that opens nothing
	GotSettings EventKind = "settings" // SETTINGS of HTTP/2; Data lists them
	GotAck      EventKind = "ack"      // the acknowledgement of a PING of HTTP/2
	GotFull     EventKind = "full"     // DATA of HTTP/2 has used up a window that steps alone open
	GotGoAway   EventKind = "goaway"   // GOAWAY of HTTP/2; Data is the code

	GotRequest EventKind = "request" // another request, on a connection or beside it; Data is its head
	GotProxied EventKind = "proxied" // what a client asks of our proxy: the head of a request, or SOCKS in words
)

// HeadSize bounds the bytes of a payload that a transcript keeps. A longer
// payload is kept as its length, its first HeadSize bytes and its SHA-256.
const HeadSize = 512

// HashLimit is the length of the longest message whose SHA-256 is taken.
const HashLimit = 1 << 20

// An Event is something that happened on a connection, or a pause that came to
// its end.
type Event struct {
	Kind   EventKind `json:"kind"`
	Binary bool      `json:"binary,omitempty"` // of a message
	Len    int       `json:"len"`              // of the payload, in bytes
	Data   Octet     `json:"data"`             // the payload, or its first HeadSize bytes; the mark of a timeout; the words of an offence
	// SHA256 is that of the whole payload, in hex, where Len exceeds HeadSize. It
	// is "" for messages longer than HashLimit; Differs has that of a wrong echo.
	SHA256  string             `json:"sha256,omitempty"`
	At      time.Duration      `json:"at,omitempty"`      // since the opening handshake, of an answer since our request
	Status  int                `json:"status,omitempty"`  // of an answer
	Code    wsproto.StatusCode `json:"code,omitempty"`    // of a close frame; 0 means none
	Section string             `json:"section,omitempty"` // of an offence, such as "RFC 6455 5.2"
	Plain   bool               `json:"plain,omitempty"`   // of a further request: it came without TLS, where the first had it
	// Differs says how a message differs from the one that it should repeat: ours with
	// the same number on the connection. It is nil if they are the same, or if there is
	// no such message.
	Differs *Difference `json:"differs,omitempty"`
}

// A Difference says how a message differs from the one of ours that it should repeat.
type Difference struct {
	At         int    `json:"at"`     // offset of the first byte that differs; where one ends, if it begins the other
	SHA256     string `json:"sha256"` // of the message, in hex
	WantBinary bool   `json:"wantBinary,omitempty"`
	WantLen    int    `json:"wantLen"` // of ours, in bytes
	WantSHA256 string `json:"wantSha256"`
}

// TimedOut returns the event of a pause that came to its end.
func TimedOut(mark string) Event { return Event{Kind: GotTimeout, Data: Octet(mark)} }

// Equal reports whether both events are the same in kind, type and bytes.
func (e Event) Equal(o Event) bool {
	return e.Kind == o.Kind && e.Binary == o.Binary && e.Len == o.Len &&
		string(e.Data) == string(o.Data) && e.SHA256 == o.SHA256
}

// Wrong says what is wrong with a message that differs from ours, such as
//
//	text message of 3 bytes instead of text message of 5 bytes: the first difference
//	is at byte 3, sha256 9a0364b9e99bb480 instead of 185f8db32271fe25
//
// It is "" for any other event.
func (e Event) Wrong() string {
	d := e.Differs
	if d == nil {
		return ""
	}
	kind := func(binary bool) string {
		if binary {
			return "binary"
		}
		return "text"
	}
	size := func(n int) string {
		if n == 1 {
			return "1 byte"
		}
		return fmt.Sprintf("%d bytes", n)
	}
	s := fmt.Sprintf("%s message of %s instead of %s message of %s: ", kind(e.Binary), size(e.Len), kind(d.WantBinary), size(d.WantLen))
	if d.SHA256 == d.WantSHA256 {
		return s + "the bytes are the same"
	}
	return s + fmt.Sprintf("the first difference is at byte %d, sha256 %.16s instead of %.16s", d.At, d.SHA256, d.WantSHA256)
}

// String says what happened: a text "Hello", a pong, a timeout A.
func (e Event) String() string {
	payload := e.Data.Quote()
	if e.Len > HeadSize {
		payload = fmt.Sprintf("of %d bytes", e.Len)
	}
	switch e.Kind {
	case GotTimeout:
		return "timeout " + string(e.Data)
	case GotPong, GotPing:
		return string(e.Kind) + " " + payload
	case GotAnswer:
		return fmt.Sprintf("status %d", e.Status)
	case GotClose:
		if e.Code == 0 {
			return "a close frame without a code"
		}
		return fmt.Sprintf("a close frame with %d", uint16(e.Code))
	case GotOffence:
		return string(e.Data) + " (" + e.Section + ")"
	case GotEnd:
		return "the end of TCP"
	case GotReset:
		if len(e.Data) > 0 {
			return "RST_STREAM with " + string(e.Data)
		}
		return "a reset of TCP"
	case GotAlert:
		return "the TLS alert " + string(e.Data)
	case GotTaken:
		return "all of it was taken"
	case GotBegin:
		return "the first bytes of a message"
	case GotBody:
		return "the body " + payload
	case GotRequest:
		line, _, _ := strings.Cut(string(e.Data), "\r\n")
		return "another request, " + Octet(line).Quote()
	case GotProxied:
		line, _, _ := strings.Cut(string(e.Data), "\r\n")
		return "to the proxy, " + Octet(line).Quote()
	case GotSettings:
		return "SETTINGS, " + string(e.Data)
	case GotAck:
		return "the acknowledgement of a PING"
	case GotFull:
		return "a window is used up"
	case GotGoAway:
		return "GOAWAY with " + string(e.Data)
	case GotMessage:
	}
	if e.Binary {
		return "binary message " + payload
	}
	return "text message " + payload
}

// Ends reports whether an event of this kind is the last one of a stream.
func (k EventKind) Ends() bool { return slices.Contains([]EventKind{GotEnd, GotReset}, k) }
