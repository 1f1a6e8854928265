package check

import (
	"encoding/hex"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// Messages holds if these messages came, in order, and no other.
type Messages []transcript.Event

// NoPong holds if no pong came in answer to a ping or a pong of ours.
type NoPong struct{}

// PongWith holds if a pong with this payload came.
type PongWith struct{ Text string }

// PingWith holds if the peer sent a ping with this payload.
type PingWith struct{ Text string }

// ClosesOnce holds if the peer sent one close frame.
type ClosesOnce struct{}

// SilentAfterClose holds if nothing came behind the peer's close frame but the end of
// TCP.
type SilentAfterClose struct{}

// SoundCloses holds if each of the peer's close frames has either no body, or a code that
// may be sent and a reason in UTF-8 (RFC 6455 §5.5.1 and §7.4).
type SoundCloses struct{}

// Lawful holds if the peer's frames broke no rule.
type Lawful struct{}

// AtHeader holds if the peer closed or ended TCP before the payload left that a
// [cases.FrameHeader] had announced.
type AtHeader struct{}

// FreshKeys holds if the masking keys in the wire log differ from one another, none is
// zero, and they are not a sequence with a fixed difference. One key may come twice by
// chance.
type FreshKeys struct{}

// Holds compares the messages.
func (m Messages) Holds(t *transcript.Transcript) bool {
	var got []transcript.Event
	for _, e := range t.Events {
		if e.Kind == transcript.GotMessage {
			got = append(got, e)
		}
	}
	return slices.EqualFunc(got, m, transcript.Event.Equal)
}

func (m Messages) String() string {
	switch len(m) {
	case 0:
		return "no message"
	case 1:
		return "this comes back: " + m[0].String()
	}
	return fmt.Sprintf("%d messages come back, in order", len(m))
}

// WithoutEcho asks for the pong of a probe, where the message is one.
func (m Messages) WithoutEcho(probes []string, lenient bool) (cases.Check, bool) {
	switch {
	case len(m) == 0:
		return m, true
	case len(m) == 1 && slices.ContainsFunc(probes, func(p string) bool { return m[0].Equal(cases.GotText(cases.Data([]byte(p)))) }):
		return cases.Answered{Payload: string(m[0].Data)}, true
	}
	return cases.SomePong{}, lenient
}

// Holds looks for pongs.
func (NoPong) Holds(t *transcript.Transcript) bool { return !slices.ContainsFunc(t.Events, t.Answers) }

func (NoPong) String() string { return "no pong in answer" }

// Holds looks for the pong.
func (p PongWith) Holds(t *transcript.Transcript) bool {
	want := cases.Ponged(cases.Data([]byte(p.Text)))
	return slices.ContainsFunc(t.Events, want.Equal)
}

func (p PongWith) String() string { return fmt.Sprintf("a pong with %q", p.Text) }

// Holds looks for the ping.
func (p PingWith) Holds(t *transcript.Transcript) bool {
	return slices.ContainsFunc(t.Events, func(e transcript.Event) bool { return e.Kind == transcript.GotPing && string(e.Data) == p.Text })
}

func (p PingWith) String() string { return fmt.Sprintf("a ping with %q", p.Text) }

// Holds counts close frames.
func (ClosesOnce) Holds(t *transcript.Transcript) bool { return t.Count(transcript.GotClose) == 1 }

func (ClosesOnce) String() string { return "one close frame" }

// Holds looks behind the close frame.
func (SilentAfterClose) Holds(t *transcript.Transcript) bool {
	i := slices.IndexFunc(t.Events, func(e transcript.Event) bool { return e.Kind == transcript.GotClose })
	return i >= 0 && !slices.ContainsFunc(t.Events[i+1:], func(e transcript.Event) bool { return e.Kind != transcript.GotEnd && e.Kind != transcript.GotReset })
}

func (SilentAfterClose) String() string { return "nothing behind the close frame" }

// Holds looks at the close frames.
func (SoundCloses) Holds(t *transcript.Transcript) bool {
	return !slices.ContainsFunc(t.Events, func(e transcript.Event) bool {
		return e.Kind == transcript.GotClose && e.Len > 0 && (e.Len < 2 || e.Len > wsproto.MaxControlPayload || !e.Code.Valid() || !utf8.Valid(e.Data) ||
			t.Role == cases.Server && e.Code == wsproto.StatusMandatoryExt) // a server refuses the handshake instead
	})
}

func (SoundCloses) String() string { return "every close frame keeps the rules" }

// Holds looks for the payload, which the log has.
func (AtHeader) Holds(t *transcript.Transcript) bool {
	return !slices.ContainsFunc(t.Log, func(e transcript.Entry) bool { return e.Kind == transcript.LogOctets && e.Dir == transcript.Out })
}

func (AtHeader) String() string { return "the peer does so before the payload comes" }

// Holds looks for offences.
func (Lawful) Holds(t *transcript.Transcript) bool { return t.Count(transcript.GotOffence) == 0 }

func (Lawful) String() string { return "every frame keeps the rules" }

// Holds looks at the keys.
func (FreshKeys) Holds(t *transcript.Transcript) bool {
	seen := map[string]int{}
	steps := map[uint32]int{}
	var before uint32
	n := 0
	for _, e := range t.Log {
		key, err := hex.DecodeString(e.Mask)
		if e.Kind != transcript.LogFrame || e.Dir != transcript.In || err != nil || len(key) != 4 {
			continue
		}
		now := uint32(key[0])<<24 | uint32(key[1])<<16 | uint32(key[2])<<8 | uint32(key[3])
		if n++; n > 1 {
			steps[now-before]++
		}
		before = now
		seen[e.Mask]++
	}
	if n < 2 || seen["00000000"] > 0 {
		return false
	}
	for _, times := range steps {
		if times > n/2 {
			return false
		}
	}
	return n-len(seen) <= 1
}

func (FreshKeys) String() string { return "masking keys that differ, and that do not count" }
