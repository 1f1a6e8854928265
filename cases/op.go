package cases

import (
	"slices"
	"time"

	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// An Op is one of the few things that an engine does on a connection. Steps lower
// themselves to ops; engines and schedulers know nothing else.
//
//sumtype:decl
type Op interface{ op() }

// A WriteOp writes frames, or pieces of one. It changes no state, not even as a close.
type WriteOp struct {
	Part part
	// Header is that of the first frame; its Fin is that of the last. A Length of 0
	// is that of the payload, and the engine chooses the key.
	Header   wsproto.Header
	Payload  Payload
	Fragment int     // cut the payload into frames of so many bytes; 0 means one frame
	Masking  Masking // of frames
	Key      string  // of four bytes; "" means a fresh one
	Chop     int     // bytes per TCP write; 0 means one write
	Cut      int     // so many bytes of the encoded frame leave in a write before the rest; 0 means none
	Alone    bool    // a TCP write of its own
	IfOpen   bool    // it is left out unless the connection is open
	Times    int     // so often, each masked with a key of its own; 0 means once
	Beyond   int     // in place of Times: bytes more than the buffers of TCP may hold; 0 means none
}

// A part says what of a frame a [WriteOp] writes.
type part uint8

// The parts.
const (
	WholeFrame  part = iota
	FrameStart       // the header alone
	FrameRest        // a piece of the payload of the header before
	PlainOctets      // the payload as it is, without header or mask
	BelowTLS         // the payload as it is, beneath TLS where the connection has it
)

// Masking says whether a frame is masked (RFC 6455 §5.1).
type Masking uint8

// The ways to mask.
const (
	MaskByRole Masking = iota // as the harness's end must
	MaskNever
	MaskAlways
)

// A CloseOp starts the closing handshake unless the connection is not open.
type CloseOp struct{ Close Close }

// A WaitOp lets the peer run. Nothing further happens before it ends.
type WaitOp struct {
	For    time.Duration
	Mark   string                 // recorded as a timeout when the time is up; "" records none
	Events int                    // so many messages and pongs, counted from the start of the connection, end it; 0 means none
	Until  []transcript.EventKind // any of these, come since it began, ends it
	Taken  bool                   // the end of what we send ends it, which is then an event
}

// A TimerOp arms a timer, from when it is done.
type TimerOp struct {
	After time.Duration
	Fail  bool // it fails the connection with 1001, rather than close it without a code
}

// A LoopOp is an echo loop; see [EchoLoop].
type LoopOp EchoLoop

// An EndOp ends our direction of TCP; we go on reading.
type EndOp struct {
	// Abrupt leaves out the close_notify of TLS.
	Abrupt bool
}

// A ResetOp sends what is queued, and resets TCP. Nothing more is read.
type ResetOp struct{}

// A ReadOp changes how we read. The zero value reads what there is.
type ReadOp struct {
	Stop  bool          // nothing is read until the next ReadOp, or the end
	Bytes int           // at most so many bytes a read; 0 means any number
	Every time.Duration // the time from one read to the next
}

// A WatchOp waits until TCP has taken all that was sent, which is then an event, or the time
// is up. Unlike a [WaitOp] it goes on where TCP takes no more.
type WatchOp struct{ For time.Duration }

func (WatchOp) op() {}
func (WriteOp) op() {}
func (CloseOp) op() {}
func (WaitOp) op()  {}
func (TimerOp) op() {}
func (LoopOp) op()  {}
func (EndOp) op()   {}
func (ResetOp) op() {}
func (ReadOp) op()  {}

// Cost estimates what the bytes and system calls of a case cost, in bytes.
func (c Case) Cost() int {
	total := 0
	for _, op := range c.Ops() {
		switch op := op.(type) {
		case WriteOp:
			total += op.Payload.Len + op.Times*(op.Payload.Len+50) + op.Beyond
			if op.Chop > 0 {
				total += op.Payload.Len / op.Chop * 2000
			}
			if op.Fragment > 0 {
				total += op.Payload.Len / op.Fragment * 500
			}
		case LoopOp:
			total += op.Count * (max(op.Payload.Len, op.Length) + 20000)
		case HTTP2Op:
			for _, w := range op.Frames {
				total += w.Payload.Len + 20000
			}
		case CloseOp, WaitOp, WatchOp, TimerOp, EndOp, ResetOp, ReadOp:
		}
	}
	return total
}

// Limit is the longest timer of the case, or the sum of its waits if that is longer.
func (c Case) Limit() time.Duration {
	var limit, waits time.Duration
	for _, op := range c.Ops() {
		switch op := op.(type) {
		case TimerOp:
			limit = max(limit, op.After)
		case WaitOp:
			waits += op.For
		case WatchOp:
			waits += op.For
		case HTTP2Op:
			waits += op.For
		case WriteOp, CloseOp, LoopOp, EndOp, ResetOp, ReadOp:
		}
	}
	return max(limit, waits)
}

// MessageLen is the length of the first frame or message that the case sends, in
// bytes.
func (c Case) MessageLen() int {
	for _, op := range c.Ops() {
		if sent, ok := op.(WriteOp); ok {
			return sent.Payload.Len
		}
	}
	return 0
}

// RoundTrips reports whether the case sends one message after the other, each
// after the echo of the one before.
func (c Case) RoundTrips() bool {
	return slices.ContainsFunc(c.Ops(), func(op Op) bool { _, ok := op.(LoopOp); return ok })
}
