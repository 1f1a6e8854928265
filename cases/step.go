package cases

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A Step is one thing the harness does to the peer. Steps are data: each says in words
// what it does, and [Conn.Ops] lowers them to ops. They are done in order, at once,
// except where a [Pause] or an [Await] lets the peer run. All kinds are in this package.
type Step interface {
	fmt.Stringer
	ops() []Op
}

// A Frame is one frame, written whatever the state of the connection and
// whatever the rules say. In itself it changes no state, not even as a close.
type Frame struct {
	Opcode  wsproto.Opcode
	Payload Payload
	NotFin  bool  // FIN clear: further fragments follow
	RSV     uint8 // the three reserved bits, RSV1 = 4
	Chop    int   // bytes per TCP write of the encoded frame; 0 means one write
	Masking Masking
	key     string // of the mask, four bytes; "" means a fresh one
	Form    wsproto.LengthForm
	Cut     int  // so many bytes of the encoded frame leave in a write before the rest; 0 means none
	Alone   bool // a TCP write of its own, on the wire before what follows
}

// A FrameHeader opens a frame whose payload is sent by later [Octets] steps.
type FrameHeader struct {
	Opcode wsproto.Opcode
	NotFin bool
	RSV    uint8
	Length uint64 // of the payload, in bytes
}

// Octets is a piece of the payload that a [FrameHeader] has announced, one TCP write.
type Octets struct{ Payload Payload }

// A Message is a whole message, sent only while the connection is open.
// Longer payloads than Fragment are cut into frames of that many bytes. When
// the length is an exact multiple of Fragment, an empty final continuation
// follows, as Autobahn does (RFC 6455 §5.4 allows it).
type Message struct {
	Opcode   wsproto.Opcode
	Payload  Payload
	Fragment int // bytes; 0 means one frame
}

// A Close starts the closing handshake (RFC 6455 §7.1.2). It does nothing
// unless the connection is open. [Close.Body] is what its frame carries.
type Close struct {
	Code wsproto.StatusCode // 0 means that no code comes before the reason
	// Reason follows the code. Without a code it is the whole body, as it is:
	// a single byte, or 0x0000 for the code 0.
	Reason []byte
}

// Body returns the payload of the close frame: the code, if any, and the
// reason. It may be a body that RFC 6455 §5.5.1 forbids.
func (c Close) Body() []byte {
	body := make([]byte, 0, 2+len(c.Reason))
	if c.Code != 0 {
		body = binary.BigEndian.AppendUint16(body, uint16(c.Code))
	}
	return append(body, c.Reason...)
}

// A Pause lets the peer run. Nothing further happens unless the connection is
// still open when it ends.
type Pause struct {
	For  time.Duration
	Mark string // recorded as a timeout event when the pause ends; "" records none
	// Until ends the pause early: as soon as so many events have been received
	// the verdict cannot depend on waiting longer. 0 waits in full.
	Until int
}

// KillAfter arms the timer that fails the connection with 1001. The moment the
// step is played is when the timer starts.
type KillAfter struct{ After time.Duration }

// CloseAfter arms the timer that closes without a code, if still open.
type CloseAfter struct{ After time.Duration }

// An EchoLoop sends messages one at a time, each after the echo of the one
// before, and closes with 1000 after the last echo or the first wrong one.
type EchoLoop struct {
	Opcode wsproto.Opcode
	Count  int
	// Payload is sent Count times, unless Corpus names a source.
	Payload Payload
	// Corpus is the file whose slices are sent, compressed: Length units
	// (characters of text, bytes of binary data) at a time, wrapping around.
	Corpus   string
	Length   int
	Fragment int // cut the compressed bytes so; 0 means one frame
}

// ops writes the frame.
func (f Frame) ops() []Op {
	h := wsproto.Header{Fin: !f.NotFin, RSV: f.RSV, Opcode: f.Opcode, Form: f.Form}
	return []Op{WriteOp{
		Header: h, Payload: f.Payload, Masking: f.Masking, Key: f.key, Chop: f.Chop, Cut: f.Cut, Alone: f.Alone,
	}}
}

// ops writes the header.
func (f FrameHeader) ops() []Op {
	h := wsproto.Header{Fin: !f.NotFin, RSV: f.RSV, Opcode: f.Opcode, Length: f.Length}
	return []Op{WriteOp{Part: FrameStart, Header: h}}
}

// ops writes the piece.
func (o Octets) ops() []Op { return []Op{WriteOp{Part: FrameRest, Payload: o.Payload, Alone: true}} }

// ops writes the message.
func (m Message) ops() []Op {
	h := wsproto.Header{Fin: true, Opcode: m.Opcode}
	return []Op{WriteOp{Header: h, Payload: m.Payload, Fragment: m.Fragment, IfOpen: true}}
}

// ops closes.
func (c Close) ops() []Op { return []Op{CloseOp{c}} }

// ops waits.
func (p Pause) ops() []Op { return []Op{WaitOp{For: p.For, Mark: p.Mark, Events: p.Until}} }

// ops arms the timer.
func (k KillAfter) ops() []Op { return []Op{TimerOp{After: k.After, Fail: true}} }

// ops arms the timer.
func (c CloseAfter) ops() []Op { return []Op{TimerOp{After: c.After}} }

// ops runs the loop.
func (e EchoLoop) ops() []Op { return []Op{LoopOp(e)} }

func (f Frame) String() string {
	s := fmt.Sprintf("send %v frame, %v", f.Opcode, f.Payload)
	if f.NotFin {
		s += ", FIN clear"
	}
	if f.RSV != 0 {
		s += fmt.Sprintf(", RSV %d", f.RSV)
	}
	switch f.Masking {
	case MaskNever:
		s += ", not masked"
	case MaskAlways:
		s += ", masked"
	case MaskByRole:
	}
	if f.key != "" {
		s += fmt.Sprintf(", masked with 0x%x", f.key)
	}
	if f.Form != wsproto.FormMinimal {
		s += fmt.Sprintf(", its length in %d bits", f.Form)
	}
	if f.Cut > 0 {
		s += fmt.Sprintf(", the first %d bytes in a write of their own", f.Cut)
	}
	switch {
	case f.Chop == 1:
		s += ", one byte per write"
	case f.Chop > 1:
		s += fmt.Sprintf(", %d bytes per write", f.Chop)
	case f.Alone:
		s += ", as a write of its own"
	}
	return s
}

func (f FrameHeader) String() string {
	s := fmt.Sprintf("open %v frame of %d bytes", f.Opcode, f.Length)
	if f.NotFin {
		s += ", FIN clear"
	}
	if f.RSV != 0 {
		s += fmt.Sprintf(", RSV %d", f.RSV)
	}
	return s
}

func (o Octets) String() string { return fmt.Sprintf("send payload bytes, %v", o.Payload) }

func (m Message) String() string {
	s := fmt.Sprintf("send %v message, %v", m.Opcode, m.Payload)
	if m.Fragment > 0 {
		s += fmt.Sprintf(", in fragments of %d", m.Fragment)
	}
	return s
}

func (c Close) String() string {
	switch {
	case c.Code != 0 && len(c.Reason) > 0:
		return fmt.Sprintf("close with %d and reason %v", uint16(c.Code), Data(c.Reason))
	case c.Code != 0:
		return fmt.Sprintf("close with %d", uint16(c.Code))
	case len(c.Reason) > 0:
		return fmt.Sprintf("close with body %v", Data(c.Reason))
	}
	return "close without a code"
}

func (p Pause) String() string {
	s := "wait " + seconds(p.For)
	if p.Until > 0 {
		s += fmt.Sprintf(" or for %d event", p.Until)
		if p.Until > 1 {
			s += "s"
		}
	}
	if p.Mark != "" {
		s += ", record timeout " + p.Mark
	}
	return s
}

func (k KillAfter) String() string {
	return "fail the connection with 1001 after " + seconds(k.After)
}

func (c CloseAfter) String() string { return "close without a code after " + seconds(c.After) }

func (e EchoLoop) String() string {
	if e.Corpus == "" {
		return fmt.Sprintf("send %d %v messages, %v, each after the echo of the one before", e.Count, e.Opcode, e.Payload)
	}
	s := fmt.Sprintf("send %d compressed %v messages of %d from %s, each after the echo of the one before",
		e.Count, e.Opcode, e.Length, e.Corpus)
	if e.Fragment > 0 {
		s += fmt.Sprintf(", in fragments of %d", e.Fragment)
	}
	return s
}

// seconds writes a duration as the wire log and the reports do: "0.5s", "480s".
func seconds(d time.Duration) string { return fmt.Sprintf("%gs", d.Seconds()) }

// Repeated is the same frame many times over.
type Repeated struct {
	Frame Frame
	Times int
}

// ops writes the frames.
func (r Repeated) ops() []Op { return slices.Repeat(r.Frame.ops(), r.Times) }

func (r Repeated) String() string { return fmt.Sprintf("%d times: %v", r.Times, r.Frame) }

// A Probe sends a text and awaits its echo, for two seconds.
type Probe struct {
	Text string
	Ping bool // the text is the payload of a ping, and its pong is awaited
}

// An Await lets the peer run until one of these happens, from then on.
type Await struct {
	For   time.Duration
	Until []transcript.EventKind // nil: only the end of the connection
}

// probePatience is how long the echo of a [Probe] may take.
const probePatience = 2 * time.Second

// ops sends and waits.
func (p Probe) ops() []Op {
	if p.Ping {
		return append(Ping(p.Text).ops(), WaitOp{For: probePatience, Until: []transcript.EventKind{transcript.GotPong, transcript.GotClose}})
	}
	return append(Text(p.Text).ops(), WaitOp{For: probePatience, Until: []transcript.EventKind{transcript.GotMessage, transcript.GotClose}})
}

// ops waits.
func (a Await) ops() []Op { return []Op{WaitOp{For: a.For, Until: a.Until}} }

func (p Probe) String() string {
	if p.Ping {
		return fmt.Sprintf("send ping %q and wait for its pong", p.Text)
	}
	return fmt.Sprintf("send text %q and wait for its echo", p.Text)
}

func (a Await) String() string {
	if len(a.Until) == 0 {
		return "wait " + seconds(a.For)
	}
	kinds := make([]string, len(a.Until))
	for i, k := range a.Until {
		kinds[i] = string(k)
	}
	return "wait " + seconds(a.For) + " for: " + strings.Join(kinds, ", ")
}
