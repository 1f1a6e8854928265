package cases

import (
	"slices"

	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// stillOpen is the payload of the pings that [Case.WithoutEcho] adds.
const stillOpen = "still open"

// An unechoedWant is a [Want] that can judge a peer that does not echo.
type unechoedWant interface {
	Want
	// WithoutEcho returns what is wanted of such a peer on a connection with these probes.
	// It is false if that depends on an echo.
	WithoutEcho(probes []string) (Want, bool)
}

// Requires lists what a peer must offer: the needs of the case, and [NeedEcho] if it
// cannot be judged without an echo.
func (c Case) Requires() []Need {
	if _, ok := c.WithoutEcho(); ok || slices.Contains(c.Needs, NeedEcho) {
		return c.Needs
	}
	return append(slices.Clone(c.Needs), NeedEcho)
}

// WithoutEcho returns the case as it is played against a peer that does not echo: a
// ping takes the place of each probe, and whatever messages the peer sends are its own
// affair. It is false if the verdict depends on an echo.
func (c Case) WithoutEcho() (Case, bool) {
	if slices.Contains(c.Needs, NeedEcho) {
		return c, false
	}
	un := c.Clone()
	un.NoEcho = true
	for i := range un.Conns {
		conn := &un.Conns[i]
		want, ok := c.WantOf(i).(unechoedWant)
		if !ok {
			return c, false
		}
		steps, probes, ok := unechoedSteps(conn.Steps)
		if !ok {
			return c, false
		}
		if conn.Want, ok = want.WithoutEcho(probes); !ok {
			return c, false
		}
		conn.Steps = steps
	}
	return un, true
}

// unechoedSteps replaces echoes by pongs. A wait for a message gets a ping in front,
// unless there is one, or the payload of a frame or our half of TCP has ended there.
func unechoedSteps(steps []Step) (list []Step, probes []string, ok bool) {
	pinged, complete := false, true // since the wait before
	for _, step := range steps {
		switch s := step.(type) {
		case Probe:
			probes = append(probes, s.Text)
			s.Ping = true
			step = s
		case EchoLoop:
			return nil, nil, false
		case Frame:
			pinged = pinged || s.Opcode == wsproto.OpPing
			complete = true
		case FrameHeader, Raw, RawTLS, HalfClose, Truncate, Reset:
			complete = false
		case Await:
			if !slices.Contains(s.Until, transcript.GotMessage) {
				break
			}
			if !pinged && complete {
				list = append(list, Ping(stillOpen))
			}
			pinged = false
			s.Until = slices.DeleteFunc(slices.Clone(s.Until), func(k transcript.EventKind) bool { return k == transcript.GotMessage || k == transcript.GotPong })
			s.Until = append(s.Until, transcript.GotPong)
			step = s
		}
		list = append(list, step)
	}
	return list, probes, true
}

// WithoutEcho replaces echoes of probes by pongs. A clause for a peer that does well
// may ask for no other message; one for a peer that does worse takes any pong in place
// of it: the connection is still in use.
func (list Clauses) WithoutEcho(probes []string) (Want, bool) {
	un := make(Clauses, len(list))
	for i, clause := range list {
		checks, ok := Unechoed(clause.Checks, probes, clause.Grade != OK)
		if !ok {
			return nil, false
		}
		un[i] = Clause{Grade: clause.Grade, Checks: checks.(Every)}
	}
	return un, true
}

// Unechoed is the check as a peer that does not echo can be asked (see [echoCheck]).
func Unechoed(check Check, probes []string, lenient bool) (Check, bool) {
	if e, ok := check.(echoCheck); ok {
		return e.WithoutEcho(probes, lenient)
	}
	return check, true
}

// Delivers lists the opcodes of the data frames that the case sends and that a peer has
// to take: they keep the rules, each by itself. A peer that takes no messages but its
// own kind may end the connection at them.
func (c Case) Delivers() []wsproto.Opcode {
	var list []wsproto.Opcode
	for i, conn := range c.Conns {
		for _, op := range conn.Ops() {
			w, ok := op.(WriteOp)
			if !ok || w.Header.Opcode != wsproto.OpText && w.Header.Opcode != wsproto.OpBinary || w.Part != WholeFrame && w.Part != FrameStart {
				continue
			}
			lawful := w.Header.Form == wsproto.FormMinimal && w.Masking == MaskByRole && w.Header.Length < 1<<63 &&
				(w.Header.RSV == 0 || w.Header.RSV == wsproto.RSV1 && c.Conns[i].Deflate != nil)
			if lawful && !slices.Contains(list, w.Header.Opcode) {
				list = append(list, w.Header.Opcode)
			}
		}
	}
	return list
}
