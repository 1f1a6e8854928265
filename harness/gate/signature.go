package gate

import (
	"fmt"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
)

// Signature says in one line how a case came out, without anything that differs
// between two runs of the same agent: no time, no port, no key, no count that
// depends on speed. It has three parts, such as
//
//	FAILED/UNCLEAN; text, pong; close 1002
//
// which are both halves of the verdict, the kinds of the events that came (a row
// of the same kind counts as one, and is marked with a plus sign), and the code
// of the peer's close frame. A case that was not opened has "not opened" in
// place of the last two, one without a transcript has the first part alone. A
// case without a verdict has its outcome as signature.
func Signature(r harness.Result) string {
	if !r.Outcome.Ran() {
		return string(r.Outcome)
	}
	halves := fmt.Sprintf("%s/%s", r.Behavior, r.Close)
	t := r.Transcript
	switch {
	case t == nil:
		return halves
	case !t.Opened:
		return halves + "; not opened"
	}
	return halves + "; " + came(*t) + "; " + closing(*t)
}

// came lists the kinds of events. The events of an echo loop are counted, not
// listed, and how many there were depends on the peer's speed.
func came(t cases.Transcript) string {
	var kinds []string
	for _, e := range t.Events {
		kind := kindOf(e)
		last := len(kinds) - 1
		switch {
		case last >= 0 && strings.TrimSuffix(kinds[last], "+") == kind:
			kinds[last] = kind + "+"
		default:
			kinds = append(kinds, kind)
		}
	}
	switch {
	case t.WrongEcho:
		kinds = append(kinds, "wrong echo")
	case t.Echoes > 0:
		kinds = append(kinds, "echo")
	}
	if len(kinds) == 0 {
		return "nothing"
	}
	return strings.Join(kinds, ", ")
}

func kindOf(e cases.Event) string {
	switch {
	case e.Kind != cases.GotMessage:
		return string(e.Kind)
	case e.Binary:
		return "binary"
	}
	return "text"
}

func closing(t cases.Transcript) string {
	switch {
	case !t.RemoteClose:
		return "no close frame"
	case t.RemoteCode == 0 && !t.RemoteZero:
		return "close without code"
	}
	return fmt.Sprintf("close %d", uint16(t.RemoteCode))
}

// sameSignature compares a signature that was written down with that of a
// result. A result that has no transcript any more is compared by its verdict.
func sameSignature(want string, r harness.Result) bool {
	got := Signature(r)
	if r.Outcome.Ran() && r.Transcript == nil {
		want, _, _ = strings.Cut(want, ";")
	}
	return strings.TrimSpace(want) == got
}
