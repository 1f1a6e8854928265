package rawscript

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// An Event is something that was sent or received.
type Event struct {
	Time time.Time
	Sent bool
	Kind eventKind
	// Header is that of a frame.
	Header wsproto.Header
	// Data is the head with its empty line, the unmasked payload of a frame, or
	// bytes outside frames; at most MaxShown bytes of a frame. It is the receiver's.
	Data []byte
	// Partial marks a frame whose payload did not come, or was not sent, to its end.
	Partial bool
	// Err says how the connection ended: io.EOF means by FIN between two frames.
	Err error
}

// An eventKind says what an Event is about.
type eventKind uint8

// The kinds of events.
const (
	EventHead eventKind = iota
	EventFrame
	EventBytes // received where neither a head nor a frame belongs
	EventEnd
)

// MaxShown is how many bytes of a frame's payload an [Event] carries.
const MaxShown = 4 << 10

// maxHead bounds a head in bytes. What is longer is shown as bytes.
const maxHead = 64 << 10

// maxInterim bounds the 1xx responses before the final one.
const maxInterim = 16

// Options configures a [Player].
type Options struct {
	// Server makes the player the server: it answers a request.
	Server bool
	// Request is the head that a client sends, before edits. Unused by a server.
	Request Head
	// Extra fields of a server's response, before edits.
	Extra []Field
	// OpenTimeout bounds the wait for the peer's head. Zero means 10 s.
	OpenTimeout time.Duration
	// Hear is called for each event, from two goroutines at most but never by both
	// at a time.
	Hear func(Event)
}

// A RefusedError says that the peer did not open a WebSocket connection.
type RefusedError struct {
	status int // zero if its answer was no HTTP response
}

func (e *RefusedError) Error() string {
	if e.status == 0 {
		return "handshake refused: the answer is not an HTTP response"
	}
	return fmt.Sprintf("handshake refused with HTTP status %d", e.status)
}

// ErrNotSeen is wrapped in the error of an await that failed.
var ErrNotSeen = errors.New("not received")

// ErrBegun is wrapped in the error of a step that edits or opens a handshake too late.
var ErrBegun = errors.New("the handshake has begun")

// A Player plays steps on a connection. Its methods are for one goroutine.
type Player struct {
	nc     net.Conn
	opts   Options
	edits  []Edit
	opened bool

	hearing sync.Mutex // serializes opts.Hear
	done    chan struct{}

	mu    sync.Mutex // guards the rest
	seen  []string   // what Await may ask for, not yet met
	head  []byte     // the last one received
	more  chan struct{}
	ended bool
}

// Start makes a player of nc and begins to read. Close ends both.
func Start(nc net.Conn, opts Options) *Player {
	if opts.OpenTimeout == 0 {
		opts.OpenTimeout = 10 * time.Second
	}
	p := &Player{nc: nc, opts: opts, done: make(chan struct{}), more: make(chan struct{})}
	go p.read()
	return p
}

// Done is closed when nothing more will come from the peer.
func (p *Player) Done() <-chan struct{} { return p.done }

// Opened reports whether an [Open] was played or implied.
func (p *Player) Opened() bool { return p.opened }

// Close closes the connection, without a close frame, and waits for the reader.
func (p *Player) Close() {
	_ = p.nc.Close() // nothing is left to be lost
	<-p.done
}

// Do plays a step. A context that ends during a write leaves the connection of no
// use. Errors are a [*RefusedError] of Open, one that wraps [ErrNotSeen] of Await or
// [ErrBegun] of a step that comes too late, and those of the network.
func (p *Player) Do(ctx context.Context, s Step) error {
	if !p.opened && opens(s) {
		if err := p.open(ctx, Open{}); err != nil {
			return err
		}
	}
	switch s := s.(type) {
	case Edit:
		if p.opened {
			return fmt.Errorf("%s: %w", s.verb, ErrBegun)
		}
		p.edits = append(p.edits, s)
	case Open:
		return p.open(ctx, s)
	case Frame:
		return p.frame(ctx, s)
	case Bytes:
		p.hear(Event{Sent: true, Kind: EventBytes, Data: s.Data})
		return p.write(ctx, s.Data, s.chop)
	case wait:
		return p.wait(ctx, s.For)
	case await:
		return p.await(ctx, s.what, s.For)
	case End:
		return p.end(s)
	case Connection: // of a Session
	}
	return nil
}

// opens reports whether a step implies an Open.
func opens(s Step) bool {
	switch s := s.(type) {
	case Edit, Open, Connection:
		return false
	case End:
		return s.Verb == "half-close"
	default:
		return true
	}
}

// open sends the head; a server needs the client's first.
func (p *Player) open(ctx context.Context, o Open) error {
	if p.opened {
		return fmt.Errorf("open: %w", ErrBegun)
	}
	p.opened = true
	if o.Never {
		return nil
	}
	head := p.opts.Request
	if p.opts.Server {
		if err := p.await(ctx, "head", p.opts.OpenTimeout); err != nil && !o.noWait {
			return err
		}
		head = responseHead(field(p.lastHead(), "Sec-WebSocket-Key"), p.opts.Extra...)
	}
	for _, e := range p.edits {
		head.apply(e)
	}
	b := head.Append(nil)
	p.hear(Event{Sent: true, Kind: EventHead, Data: b})
	if err := p.write(ctx, b, head.segment); err != nil || p.opts.Server || o.noWait {
		return err
	}
	for range maxInterim {
		if err := p.await(ctx, "head", p.opts.OpenTimeout); err != nil {
			if len(p.lastHead()) == 0 && p.isOver() {
				return &RefusedError{}
			}
			return err
		}
		if s := status(p.lastHead()); s == 101 {
			return nil
		} else if s < 100 || s > 199 {
			return &RefusedError{s}
		}
	}
	return &RefusedError{status(p.lastHead())}
}

func (p *Player) lastHead() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.head
}

func (p *Player) isOver() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended
}

func (p *Player) frame(ctx context.Context, f Frame) error {
	var key [4]byte
	rand.Read(key[:]) // never fails
	h, b := f.Encoded(p.opts.Server, key)
	payload := f.Payload
	if f.deflate {
		payload = f.Compressed()
	}
	partial := uint64(len(payload)) < h.Length || f.cut > 0
	p.hear(Event{Sent: true, Kind: EventFrame, Header: h, Data: slices.Clone(payload[:min(len(payload), MaxShown)]), Partial: partial})
	return p.write(ctx, b, f.chop)
}

// deflate compresses a message by itself (RFC 7692 §7.2.1).
func deflate(p []byte) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.DefaultCompression) // the level is valid
	_, _ = w.Write(p)                                     // a Buffer does not fail
	_ = w.Flush()
	return bytes.TrimSuffix(b.Bytes(), []byte{0, 0, 0xff, 0xff})
}

func (p *Player) write(ctx context.Context, b []byte, chop int) error {
	stop := context.AfterFunc(ctx, func() { _ = p.nc.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	if chop < 1 {
		chop = max(len(b), 1)
	}
	for part := range slices.Chunk(b, chop) {
		if _, err := p.nc.Write(part); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return err
		}
	}
	return nil
}

// wait returns early when the peer has ended the connection.
func (p *Player) wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

func (p *Player) await(ctx context.Context, what string, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		p.mu.Lock()
		met, more, ended := p.meet(what), p.more, p.ended
		p.mu.Unlock()
		switch {
		case met:
			return nil
		case ended:
			return fmt.Errorf("await %s: the connection has ended: %w", what, ErrNotSeen)
		}
		select {
		case <-more:
		case <-timer.C:
			return fmt.Errorf("await %s: %w within %v", what, ErrNotSeen, d)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// meet drops what was seen up to the first that what names. p.mu is held.
func (p *Player) meet(what string) bool {
	if what == "end" {
		return p.ended
	}
	i := slices.IndexFunc(p.seen, func(s string) bool {
		return s == what || what == "frame" && s != "head"
	})
	p.seen = p.seen[i+1:]
	return i >= 0
}

// end half-closes, resets or closes. Reset and half-close reach through TLS to the
// TCP connection below.
func (p *Player) end(e End) error {
	below := p.nc
	for {
		over, ok := below.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		if half, ok := below.(interface{ CloseWrite() error }); ok && e.Verb == "half-close" {
			_ = half.CloseWrite() // close_notify; FIN follows in any case
		}
		below = over.NetConn()
	}
	switch e.Verb {
	case "half-close":
		half, ok := below.(interface{ CloseWrite() error })
		if !ok {
			return errors.New("half-close: not supported by this kind of connection")
		}
		return half.CloseWrite()
	case "reset":
		linger, ok := below.(interface{ SetLinger(sec int) error })
		if !ok {
			return errors.New("reset: not a TCP connection")
		}
		if err := linger.SetLinger(0); err != nil {
			return err
		}
		return below.Close()
	}
	p.Close()
	return nil
}

// hear reports an event.
func (p *Player) hear(e Event) {
	p.hearing.Lock()
	defer p.hearing.Unlock()
	e.Time = time.Now()
	if p.opts.Hear != nil {
		p.opts.Hear(e)
	}
}

// received notes an event for Await and reports it.
func (p *Player) received(e Event) {
	p.hear(e)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e.Kind {
	case EventHead:
		p.seen, p.head = append(p.seen, "head"), e.Data
	case EventFrame:
		p.seen = append(p.seen, opcodeName(e.Header.Opcode))
	case EventEnd:
		p.ended = true
	case EventBytes:
	}
	if len(p.seen) > maxSeen {
		p.seen = slices.Clone(p.seen[len(p.seen)/2:])
	}
	close(p.more)
	p.more = make(chan struct{})
}

// maxSeen bounds what is remembered for Await: a peer may send without end.
const maxSeen = 4096
