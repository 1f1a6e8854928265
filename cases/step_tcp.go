package cases

import (
	"fmt"
	"time"

	"github.com/wsconform/wsconform/internal/transcript"
)

// Raw is bytes written as they are.
type Raw []byte

// A HalfClose ends our direction of TCP.
type HalfClose struct{}

// A Reset sends what is queued and then resets TCP (RST), without a closing handshake.
type Reset struct{}

// A StopReading leaves what the peer sends in the buffers of TCP, until a [ReadOn].
type StopReading struct{}

// A ReadSlowly reads at most Bytes bytes in each interval.
type ReadSlowly struct {
	Bytes int
	Every time.Duration
}

// A ReadOn reads again as fast as the peer sends.
type ReadOn struct{}

// RawTLS is bytes written beneath TLS: a record as it is.
type RawTLS []byte

// A Truncate ends our direction of TCP without the close_notify of TLS, which a peer must
// not take for the end of the data (RFC 8446 §6.1).
type Truncate struct{}

// An AwaitTaken waits until TCP has taken all that was sent, or the time is up. It resets the
// connection, and ends the script, where TCP takes nothing for seconds: a peer that does not
// read holds it back.
type AwaitTaken struct{ For time.Duration }

// A WatchTaken waits until TCP has taken all that was sent, or the time is up. Unlike an
// [AwaitTaken] it leaves the connection open where TCP takes no more.
type WatchTaken struct{ For time.Duration }

// A Flood is the same frame very many times over, as fast as the peer takes it: Times, or so
// often that it is Beyond bytes more than the buffers of TCP may hold of a peer that has
// stopped reading.
type Flood struct {
	Frame  Frame
	Times  int
	Beyond int // bytes
}

// ops writes the frames.
func (f Flood) ops() []Op {
	ops := f.Frame.ops()
	for i, op := range ops {
		w, _ := op.(WriteOp)
		w.Times, w.Beyond = f.Times, f.Beyond
		ops[i] = w
	}
	return ops
}

func (f Flood) String() string {
	if f.Beyond > 0 {
		return fmt.Sprintf("%d bytes more than TCP may hold: %v", f.Beyond, f.Frame)
	}
	return fmt.Sprintf("%d times: %v", f.Times, f.Frame)
}

// ops writes the bytes.
func (r Raw) ops() []Op { return []Op{WriteOp{Part: PlainOctets, Payload: Data(r)}} }

// ops ends our direction.
func (HalfClose) ops() []Op { return []Op{EndOp{}} }

// ops resets.
func (Reset) ops() []Op { return []Op{ResetOp{}} }

// ops stops reading.
func (StopReading) ops() []Op { return []Op{ReadOp{Stop: true}} }

// ops reads slowly.
func (r ReadSlowly) ops() []Op { return []Op{ReadOp{Bytes: r.Bytes, Every: r.Every}} }

// ops reads on.
func (ReadOn) ops() []Op { return []Op{ReadOp{}} }

// ops writes the bytes.
func (r RawTLS) ops() []Op { return []Op{WriteOp{Part: BelowTLS, Payload: Data(r)}} }

// ops ends TCP.
func (Truncate) ops() []Op { return []Op{EndOp{Abrupt: true}} }

// ops waits.
func (a AwaitTaken) ops() []Op {
	return []Op{WaitOp{For: a.For, Taken: true, Until: []transcript.EventKind{transcript.GotClose}}}
}

// ops waits.
func (w WatchTaken) ops() []Op { return []Op{WatchOp(w)} }

func (w WatchTaken) String() string {
	return "see for " + seconds(w.For) + " whether all of it is taken"
}

func (a AwaitTaken) String() string {
	return "wait " + seconds(a.For) + " until all of it is taken"
}

func (r Raw) String() string     { return "send the bytes " + transcript.Octet(r).Quote() }
func (HalfClose) String() string { return "end our direction of TCP" }
func (Reset) String() string     { return "reset TCP" }

func (StopReading) String() string { return "stop reading" }

func (r ReadSlowly) String() string {
	return fmt.Sprintf("read %d bytes every %s", r.Bytes, seconds(r.Every))
}

func (ReadOn) String() string   { return "read on" }
func (r RawTLS) String() string { return "send beneath TLS the bytes " + transcript.Octet(r).Quote() }
func (Truncate) String() string { return "end our direction of TCP without close_notify" }
