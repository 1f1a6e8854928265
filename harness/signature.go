package harness

import (
	"fmt"

	"github.com/wsconform/wsconform/cases"
)

// Signature names the way in which a case went, in a few words that are the same
// whenever it goes that way: no times, no counts, nothing that the peer words.
// Two failures of a case with different signatures are two bugs.
//
// It is made of both halves of the verdict and, where the peer's close code was
// wrong, of that: "FAILED, close OK", "OK, close WRONG CODE 1005". A connection
// that was never opened is "FAILED, not opened", a case without a verdict its
// outcome.
func (r Result) Signature() string {
	if !r.Outcome.Ran() {
		return string(r.Outcome)
	}
	t := r.Transcript
	if t != nil && !t.Opened {
		return string(r.Behavior) + ", not opened"
	}
	s := fmt.Sprintf("%s, close %s", r.Behavior, r.Close)
	if r.Close == cases.CloseWrongCode && t != nil && (t.RemoteCode != 0 || t.RemoteZero) {
		s += fmt.Sprintf(" %d", uint16(t.RemoteCode))
	}
	return s
}
