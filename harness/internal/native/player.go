package native

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/internal/wire"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// The timers of the connection model, as the original sets them.
const (
	openTimeout  = 5 * time.Second // for the opening handshake
	closeTimeout = time.Second     // for the answer to our close frame
	dropTimeout  = time.Second     // for a server to close TCP after the closing handshake
	// patience stands for closeTimeout and dropTimeout in the cases of the RFC suite. No
	// verdict of theirs is about one second, which a busy machine takes for itself.
	patience   = 5 * time.Second
	readBuffer = 64 << 10
	// logBound is how many entries of a wire log are kept, logBoundHeavy in the
	// cases of thousands of frames, and headHeavy how many bytes of each of those:
	// their content decides nothing, and there are hundreds of such cases.
	logBound, logBoundHeavy = 200, 40
	headHeavy               = 64
	pingsBeyond             = 8 // of our pings that are kept all the same
)

type state uint8

const (
	stateOpen    state = iota
	stateClosing       // we have sent a close frame
	stateClosed        // TCP is gone, or we have decided to drop it
)

// readBuffers are those of connections that have ended. What is kept of a read is copied.
var readBuffers = sync.Pool{New: func() any { return new([readBuffer]byte) }}

// A manner is how cases are played.
type manner struct {
	faithful bool // wait as long as the original does
	// brief shortens the second pause of 6.4 too. The caller plays the case again
	// where [runner.Hurried] says so.
	brief   bool
	streams *Streams
	monitor *runner.Monitor // notified when the peer sends; may be nil
}

// A player plays one case on one connection. The goroutine that calls run
// reads; timers and the reader share the state under mu.
type player struct {
	manner
	c          cases.Case
	unanswered bool       // the peer's close frame gets no answer
	want       cases.Want // of this connection
	ops        []cases.Op
	deflate    *agreement // nil unless permessage-deflate was agreed
	inflater   wire.Inflater
	protocol   Protocol

	nc   net.Conn
	out  *writer
	keys keys

	mu        sync.Mutex // guards everything below
	t         transcript.Transcript
	state     state
	start     time.Time
	aborted   bool // drop without sending what is queued
	next      int  // the op to be done next
	pause     *wait
	begins    bool // the beginning of a message is an event that the script waits for
	timed     bool // the script has armed a timer, which ends the connection
	halved    bool // our direction of TCP has ended
	torn      bool // TCP is to be reset
	sentBytes int  // that TCP has taken
	reading   reading
	in        inbound
	loop      *loop

	messages []sentMessage // that the script has sent outside a loop
	received int           // messages that the peer has sent
	open     openFrame     // a frame whose payload is under way
	fault    error         // ours: the case has no verdict
	alarms   []*alarm
	clock    *time.Timer // strikes for the next alarm

	closeTimer, dropTimer *alarm
}

// conn is an opened connection, ready to be played on.
type conn struct {
	net.Conn
	early             []byte // bytes that came behind the handshake
	request, response string
	deflate           *agreement
	protocol          Protocol
	read, written     int                // bytes of the handshake
	left              time.Duration      // when our direction was ended since the request; 0 if it was not
	opened            []transcript.Event // of the opening handshake
	ahead             []outgoing         // frames of the script that were sent with the request
	tap               *tap               // of a stream of HTTP/2; else nil
}

// play plays connection n of c on nc and returns what happened. It closes nc.
//
// An error means that the harness failed, not the peer.
func play(ctx context.Context, nc conn, c cases.Case, n int, role cases.Role, how manner) (transcript.Transcript, error) {
	p := &player{
		manner: how, c: c, unanswered: c.Conns[n].Unanswered, want: c.WantOf(n), ops: c.Conns[n].Ops(), deflate: nc.deflate, protocol: nc.protocol,
		nc: nc.Conn, keys: newKeys(c.ID, n),
		t: transcript.Transcript{
			Role: role, Opened: true, Request: nc.request, Response: nc.response, Deflate: nc.deflate != nil,
			Events: nc.opened, Left: min(nc.left, 1),
		},
	}
	p.begins = slices.ContainsFunc(p.ops, func(op cases.Op) bool {
		w, ok := op.(cases.WaitOp)
		return ok && slices.Contains(w.Until, transcript.GotBegin)
	})
	p.reading.change = make(chan struct{})
	p.t.TLS = secured(nc.Conn)
	p.t.Stream = nc.tap != nil
	p.in.Framing = wire.Framing{Client: role == cases.Client, Deflate: nc.deflate != nil}
	if nc.deflate != nil {
		p.inflater = wire.Inflater{Bits: nc.deflate.peerBits, NoTakeover: nc.deflate.peerNoTakeover}
	}
	p.t.Stats.RxOctets, p.t.Stats.TxOctets = map[int]int{}, map[int]int{}
	p.t.Stats.RxFrames, p.t.Stats.TxFrames = map[int]int{}, map[int]int{}
	if c.Corpus() != "" {
		p.t.Traffic = &transcript.Traffic{In: transcript.Flow{Preopen: int64(nc.read)}, Out: transcript.Flow{Preopen: int64(nc.written)}}
	}
	p.out = newWriter(nc.Conn, role == cases.Server, p.wrote, p.taken)
	p.start = time.Now()
	p.t.Started = p.start.UTC()
	stop := context.AfterFunc(ctx, p.interrupt)
	defer stop()
	if nc.tap != nil {
		nc.tap.attach(p)
		defer nc.tap.attach(nil)
	}
	p.run(nc)
	p.stopClock()
	p.out.finish(p.aborted)
	if p.torn {
		tear(nc.Conn)
	}
	nc.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.t, p.fault
}

// run starts the script and reads until TCP ends or we drop it.
func (p *player) run(nc conn) {
	p.mu.Lock()
	for _, o := range nc.ahead {
		p.keys.frame() // it was used
		p.sent(o.header.Opcode, o.payload)
		p.logSent(o)
		p.next++
	}
	p.steer()
	p.script()
	if len(nc.early) > 0 {
		p.receive(nc.early)
	}
	p.mu.Unlock()
	block := readBuffers.Get().(*[readBuffer]byte)
	defer readBuffers.Put(block)
	buf := block[:]
	for {
		way, some := p.turn(), buf
		if way.Bytes > 0 {
			some = buf[:min(way.Bytes, len(buf))]
		}
		n, err := p.nc.Read(some)
		if p.monitor != nil && n > 0 && p.c.Heavy() {
			p.monitor.Beat()
		}
		p.mu.Lock()
		if n > 0 && p.state != stateClosed {
			p.t.Stats.RxOctets[n]++
			if p.t.Traffic != nil && p.state == stateOpen {
				p.t.Traffic.In.Wire += int64(n)
			}
			p.receive(some[:n])
		}
		if err != nil && p.woken(way, err) {
			err = nil
		}
		if err != nil && p.state != stateClosed {
			p.lost(err)
		}
		done := p.state == stateClosed
		if done {
			p.t.Duration = time.Since(p.start)
		}
		p.mu.Unlock()
		if done {
			return
		}
	}
}

// lost ends the case because the peer ended TCP.
func (p *player) lost(err error) {
	p.state = stateClosed
	if !p.t.Clean && p.t.UncleanReason == "" {
		p.t.UncleanReason = "the peer ended TCP without a closing handshake"
		if !errors.Is(err, io.EOF) {
			p.t.UncleanReason += " (" + netReason(err) + ")"
		}
	}
	p.ended(err)
	p.logRest()
	p.note("the peer ended TCP")
}

// netReason is the cause of a network error without the addresses, which
// differ from run to run.
func netReason(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err.Error()
	}
	return err.Error()
}

// interrupt ends the connection because the run was cancelled.
func (p *player) interrupt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unclean("the run was interrupted")
	p.drop(true)
}

// sendClose starts the closing handshake (RFC 6455 §7.1.2) unless it has begun.
func (p *player) sendClose(c cases.Close) {
	if p.state != stateOpen {
		return
	}
	p.writeClose(c)
	p.t.ClosedByUs = true
	p.left()
	if d, ok := limit(p.protocol.CloseTimeout, p.standard(closeTimeout)); ok {
		p.closeTimer = p.after(d, func() {
			p.t.CloseTimeout = true
			p.t.Clean = false
			p.unclean("the peer did not answer our close frame in time")
			p.drop(true)
		})
	}
}

// left notes when we began to leave.
func (p *player) left() {
	if p.t.Left == 0 && !p.t.RemoteClose {
		p.t.Left = time.Since(p.start)
	}
}

// standard is the timer in cases of Autobahn, or that of the RFC suite.
func (p *player) standard(d time.Duration) time.Duration {
	if p.c.Suite.OneGrade() {
		return patience
	}
	return d
}

// replyClose answers the peer's close frame, always with 1000 and no reason.
func (p *player) replyClose() {
	p.writeClose(normalClose)
}

// normalClose is what we close with when all is well.
var normalClose = cases.Close{Code: wsproto.StatusNormalClosure}

func (p *player) writeClose(c cases.Close) {
	p.send(outgoing{header: wsproto.Header{Fin: true, Opcode: wsproto.OpClose}, payload: cases.Data(c.Body())})
	p.t.LocalCode, p.t.LocalReason = c.Code, c.Reason
	p.state = stateClosing
}

// fail fails the connection (RFC 6455 §7.1.7): a close frame if none was sent
// yet, else the end of TCP.
func (p *player) fail(code wsproto.StatusCode, reason string) {
	if p.protocol.FailByDrop && p.state != stateClosed {
		p.t.FailedByUs, p.t.Clean = true, false
		p.unclean(reason)
		p.drop(true)
		return
	}
	switch p.state {
	case stateOpen:
		p.t.FailedByUs = true
		p.sendClose(cases.Close{Code: code, Reason: []byte(reason)})
	case stateClosing:
		p.t.FailedByUs = true
		p.unclean(reason)
		p.drop(false)
	case stateClosed:
	}
}

func (p *player) violation(o wire.Offence) {
	p.offence(o)
	p.fail(wsproto.StatusProtocolError, o.Words)
}

func (p *player) badPayload(o wire.Offence) {
	p.offence(o)
	p.fail(wsproto.StatusInvalidFramePayloadData, o.Words)
}

// offence records what the peer did wrong.
func (p *player) offence(o wire.Offence) {
	if p.state != stateClosed {
		p.record(transcript.Event{Kind: transcript.GotOffence, Section: o.Section, Len: len(o.Words), Data: transcript.Octet(o.Words)})
	}
}

// drop decides to end TCP. Nothing that comes after is looked at.
func (p *player) drop(abort bool) {
	if p.state == stateClosed {
		return
	}
	p.state = stateClosed
	p.t.DroppedByUs = true
	p.aborted = abort
	p.logRest()
	p.note("we end TCP")
	p.wakeReader()
}

// tearDown ends TCP at once with the flags as they are, as the original does
// when what it received makes it stumble.
func (p *player) tearDown(reason string) {
	if p.state == stateClosed {
		return
	}
	p.unclean(reason)
	p.state = stateClosed
	p.logRest()
	p.note("we end TCP: " + reason)
	p.wakeReader()
}

// wakeReader makes a Read that is under way return.
func (p *player) wakeReader() {
	if p.state == stateClosed && p.reading.change != nil {
		close(p.reading.change)
		p.reading = reading{}
	}
	p.nc.SetReadDeadline(time.Unix(1, 0)) //nolint:errcheck // a closed connection wakes its reader itself
}

func (p *player) unclean(reason string) {
	if p.t.UncleanReason == "" {
		p.t.UncleanReason = reason
	}
}

// wrote is told by the writer's goroutine about each TCP write.
func (p *player) wrote(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.noteWrite(n)
}

// taken is told by the writer's goroutine that TCP has taken all that was queued.
func (p *player) taken() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pause != nil && p.pause.Taken && p.state != stateClosed && p.out.idle() {
		p.pause.timer.stop()
		p.record(transcript.Event{Kind: transcript.GotTaken})
		p.endPause()
	}
}

func (p *player) noteWrite(n int) {
	if n == 0 {
		return
	}
	p.sentBytes += n
	p.t.Stats.TxOctets[n]++
	if p.t.Traffic != nil && p.state == stateOpen {
		p.t.Traffic.Out.Wire += int64(n)
	}
}
