package cases

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/internal/transcript"
)

// A Check is a question about what happened on a connection. It says in words what it
// asks, as the reports show it. The checks of the suites are in package check, below
// this one.
type Check interface {
	Holds(t *transcript.Transcript) bool
	fmt.Stringer
}

// An echoCheck is a [Check] that asks about an echo.
type echoCheck interface {
	Check
	// WithoutEcho returns what to ask of a peer that does not echo but answers pings with
	// these probes. Where lenient is set, a pong does for a message. It is false if only
	// an echo tells.
	WithoutEcho(probes []string, lenient bool) (Check, bool)
}

// Every holds if each of the checks does.
type Every []Check

// Echoed holds if the text came back, once, and no other message did.
type Echoed struct{ Text string }

// Answered holds if a pong with the payload came.
type Answered struct{ Payload string }

// SomePong holds if a pong came.
type SomePong struct{}

// Holds looks for one that does not.
func (x Every) Holds(t *transcript.Transcript) bool {
	return !slices.ContainsFunc(x, func(c Check) bool { return !c.Holds(t) })
}

func (x Every) String() string {
	words := make([]string, len(x))
	for i, c := range x {
		words[i] = c.String()
	}
	return strings.Join(words, "; ")
}

// WithoutEcho asks each of the checks.
func (x Every) WithoutEcho(probes []string, lenient bool) (Check, bool) {
	var list Every
	for _, c := range x {
		c, ok := Unechoed(c, probes, lenient)
		if !ok {
			return nil, false
		}
		list = append(list, c)
	}
	return list, true
}

// Holds looks at the messages.
func (x Echoed) Holds(t *transcript.Transcript) bool {
	n, same := 0, false
	for _, e := range t.Events {
		if e.Kind == transcript.GotMessage {
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

// WithoutEcho asks for the pong of a probe.
func (x Echoed) WithoutEcho(probes []string, lenient bool) (Check, bool) {
	if slices.Contains(probes, x.Text) {
		return Answered{Payload: x.Text}, true
	}
	return SomePong{}, lenient
}

// Holds looks for the pong.
func (a Answered) Holds(t *transcript.Transcript) bool {
	return slices.ContainsFunc(t.Events, func(e transcript.Event) bool { return e.Equal(Ponged(Data([]byte(a.Payload)))) })
}

func (a Answered) String() string { return "a pong with " + transcript.Octet(a.Payload).Quote() }

// Holds looks for a pong.
func (SomePong) Holds(t *transcript.Transcript) bool { _, ok := t.Find(transcript.GotPong); return ok }

func (SomePong) String() string { return "a pong" }
