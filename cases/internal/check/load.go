package check

import (
	"fmt"
	"time"

	"github.com/wsconform/wsconform/internal/transcript"
)

// Checks about a gateway under load.

// CrowdOpens holds if every connection beside this one opened.
type CrowdOpens struct{}

// CrowdSound holds if some connections beside this one opened, and each of these brought its
// messages to its own other end.
type CrowdSound struct{}

// Waits holds if TCP did not take all that we sent within this time, while the other end did
// not read: what stands between holds us back, rather than keep it.
type Waits struct{ For time.Duration }

// Grows holds if the gateway did not take so many more bytes of memory, as far as that was
// seen.
type Grows struct{ Most int64 }

// AllCame holds if every message came that the other end had in its [cases.Flood].
type AllCame struct{}

// Sized holds if one message came, of so many bytes.
type Sized struct{ Bytes int }

// BeginsEarly holds if the first bytes of a message came before we had waited for them in
// vain.
type BeginsEarly struct{}

// Holds compares the counts.
func (CrowdOpens) Holds(t *transcript.Transcript) bool {
	return t.Crowd != nil && t.Crowd.Opened == t.Crowd.Tried
}

func (CrowdOpens) String() string { return "every connection beside it opens" }

// Holds compares the counts.
func (CrowdSound) Holds(t *transcript.Transcript) bool {
	return t.Crowd != nil && t.Crowd.Sound == t.Crowd.Opened && t.Crowd.Opened > 0
}

func (CrowdSound) String() string {
	return "each connection that opens beside it brings its messages to its own other end, and stays open"
}

// Holds looks for the event.
func (w Waits) Holds(t *transcript.Transcript) bool {
	e, ok := t.Find(transcript.GotTaken)
	return !ok || e.At >= w.For
}

func (w Waits) String() string {
	return "within " + seconds(w.For) + " not all of it is taken: the sender is held back"
}

// Holds compares the memory.
func (g Grows) Holds(t *transcript.Transcript) bool { return t.Grown < g.Most }

func (g Grows) String() string {
	return fmt.Sprintf("the gateway takes less than %d MiB of memory for it", g.Most>>20)
}

// Holds compares the counts.
func (AllCame) Holds(t *transcript.Transcript) bool {
	return t.Other() != nil && t.Other().Flooded > 0 && t.Messages == t.Other().Flooded
}

func (AllCame) String() string { return "every message comes" }

// Holds looks at the messages.
func (s Sized) Holds(t *transcript.Transcript) bool {
	e, ok := t.Find(transcript.GotMessage)
	return ok && t.Count(transcript.GotMessage) == 1 && e.Len == s.Bytes
}

func (s Sized) String() string { return fmt.Sprintf("one message of %d bytes", s.Bytes) }

// Holds looks at the waits.
func (BeginsEarly) Holds(t *transcript.Transcript) bool {
	_, ok := t.Find(transcript.GotBegin)
	return ok && !t.Expired
}

func (BeginsEarly) String() string {
	return "the first bytes of the message come before its last ones are sent"
}
