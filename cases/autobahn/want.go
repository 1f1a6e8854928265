package autobahn

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// Want is what a case asks of the peer: which events, and how the connection
// should end.
type Want struct {
	// Events lists the readings under which the peer's events earn a grade.
	// Equality is exact: order, type and bytes. No reading matches: FAILED.
	Events []reading
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

// A reading is a list of events and the grade it earns.
type reading struct {
	Behavior cases.Behavior
	Events   []transcript.Event
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
	EchoDeflated        // like EchoAll; UNIMPLEMENTED without permessage-deflate
)

// Of returns what a case of this suite wants, and the zero Want for one of another.
func Of(c cases.Case) Want {
	w, _ := c.Want.(Want)
	return w
}

// Received lists the events of a transcript that Autobahn's reports list: messages,
// pongs and pauses that came to their end, but no messages where only their length
// or number counts.
func Received(c cases.Case, t *transcript.Transcript) []transcript.Event {
	list := t.Received()
	switch Of(c).Rule {
	case EchoLength, EchoAll, EchoDeflated:
		list = slices.DeleteFunc(list, func(e transcript.Event) bool { return e.Kind == transcript.GotMessage })
	case CompareEvents, WrongCodeFails, Observe:
	}
	return list
}

// Next closes with the first code when every reading is met, or when the echo that
// a case waits for, the right one or a wrong one, is there. As in the original, any
// pong meets a case that waits for echoes.
func (w Want) Next(c cases.Case, t *transcript.Transcript) []cases.Op {
	done := false
	switch w.Rule {
	case EchoLength:
		done = len(t.Received()) > 0
	case EchoAll, EchoDeflated:
		done = w.Rule == EchoDeflated && !t.Deflate || t.WrongEcho || t.Echoes == loopOf(c).Count || len(t.Received()) > 0
	case CompareEvents, WrongCodeFails, Observe:
		done = w.ClosedByUs && !w.NoAutoClose && w.allMet(t)
	}
	if !done {
		return nil
	}
	return []cases.Op{cases.CloseOp{Close: cases.Close{Code: w.Codes[0]}}}
}

func (w Want) allMet(t *transcript.Transcript) bool {
	received := t.Received()
	return len(received) > 0 && len(w.Events) > 0 && !slices.ContainsFunc(w.Events, func(r reading) bool {
		return !slices.EqualFunc(r.Events, received, transcript.Event.Equal)
	})
}

// Settled holds when the peer has closed where we should have: the original waits
// for a server to end TCP, for ever if need be.
func (w Want) Settled(_ cases.Case, t *transcript.Transcript) bool {
	return w.ClosedByUs && t.RemoteClose && !t.ClosedByUs
}

// String says what is wanted in a line.
func (w Want) String() string {
	words := map[Rule]string{
		Observe: "anything", EchoLength: "a message of the same type and length",
		EchoAll: "every message of the loop", EchoDeflated: "every message of the loop, compressed",
	}
	s, ok := words[w.Rule]
	if !ok {
		var readings []string
		for _, r := range w.Events {
			events := make([]string, len(r.Events))
			for i, e := range r.Events {
				events[i] = e.String()
			}
			reading := strings.Join(events, ", ")
			if reading == "" {
				reading = "nothing"
			}
			readings = append(readings, fmt.Sprintf("%s: %s", r.Behavior, reading))
		}
		s = strings.Join(readings, "; ")
	}
	if w.ClosedByUs {
		return s + "; then an answer to our close with " + w.codeList() + " or no code"
	}
	return s + "; then the peer fails the connection with " + w.codeList() + ", no code or the end of TCP"
}

// loopOf returns the echo loop of a case, or an empty one.
func loopOf(c cases.Case) cases.LoopOp {
	for _, op := range c.Ops() {
		if loop, ok := op.(cases.LoopOp); ok {
			return loop
		}
	}
	return cases.LoopOp{}
}

// echoed reports whether a message came that has the type and the length of the
// one that the case sends.
func echoed(c cases.Case, t *transcript.Transcript) bool {
	for _, op := range c.Ops() {
		if sent, ok := op.(cases.WriteOp); ok {
			return slices.ContainsFunc(t.Events, func(e transcript.Event) bool {
				return e.Kind == transcript.GotMessage && e.Binary == (sent.Header.Opcode == wsproto.OpBinary) && e.Len == sent.Payload.Len
			})
		}
	}
	return false
}

// WithoutEcho returns the same want if none of its readings has a message.
func (w Want) WithoutEcho([]string) (cases.Want, bool) {
	switch w.Rule {
	case EchoLength, EchoAll, EchoDeflated:
		return nil, false
	case CompareEvents, WrongCodeFails, Observe:
	}
	for _, r := range w.Events {
		if slices.ContainsFunc(r.Events, func(e transcript.Event) bool { return e.Kind == transcript.GotMessage }) {
			return nil, false
		}
	}
	return w, true
}
