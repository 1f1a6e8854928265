package harness

import (
	"fmt"
	"strings"

	"github.com/wsconform/wsconform/internal/transcript"
)

// Signature names the way in which a case went, in a few words that are the same
// whenever it goes that way: no times, no ports, no keys, no counts that depend
// on speed, nothing that the peer words. Two failures of a case with different
// signatures are two bugs. It has three parts, such as
//
//	FAILED, close UNCLEAN; got text, pong; peer closed with 1002
//
// which are both halves of the verdict, the kinds of the events that came (a row
// of the same kind is one, marked with a plus sign), and the peer's close frame.
// A verdict of one grade gives "FAILED; got text; peer closed with 1002". A connection
// that was never opened is "FAILED, close FAILED; not opened". A result without a
// transcript has the first part alone, and a case without a verdict its outcome.
func (r Result) Signature() string {
	if !r.Outcome.Ran() {
		return string(r.Outcome)
	}
	halves := fmt.Sprintf("%s, close %s", r.Behavior, r.Close)
	if r.OneGrade() {
		halves = string(r.Behavior)
	}
	t := r.Transcript
	switch {
	case t == nil:
		return halves
	case !t.Opened:
		return halves + "; not opened"
	}
	return halves + "; got " + came(t) + "; " + closing(t)
}

// HasSignature reports whether the result went the way that a signature, written
// down earlier, names. A result that has no transcript any more is compared by
// its verdict.
func (r Result) HasSignature(s string) bool {
	if r.Outcome.Ran() && r.Transcript == nil {
		s, _, _ = strings.Cut(s, ";")
	}
	return strings.TrimSpace(s) == r.Signature()
}

// came lists the kinds of events. The messages of an echo loop are no events, and
// how many of them came depends on the peer's speed.
func came(t *transcript.Transcript) string {
	var kinds []string
	for _, e := range t.Received() {
		kind := kindOf(e)
		last := len(kinds) - 1
		if last >= 0 && strings.TrimSuffix(kinds[last], "+") == kind {
			kinds[last] = kind + "+"
		} else {
			kinds = append(kinds, kind)
		}
	}
	switch {
	case t.WrongEcho:
		kinds = append(kinds, "a wrong echo")
	case t.Echoes > 0:
		kinds = append(kinds, "echoes")
	}
	if len(kinds) == 0 {
		return "nothing"
	}
	return strings.Join(kinds, ", ")
}

func kindOf(e transcript.Event) string {
	switch {
	case e.Kind != transcript.GotMessage:
		return string(e.Kind)
	case e.Binary:
		return "binary"
	}
	return "text"
}

func closing(t *transcript.Transcript) string {
	switch {
	case !t.RemoteClose:
		return "peer sent no close frame"
	case t.RemoteCode == 0 && !t.RemoteZero:
		return "peer closed without a code"
	}
	return fmt.Sprintf("peer closed with %d", uint16(t.RemoteCode))
}
