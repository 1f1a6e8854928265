// Package h2 carries byte streams over HTTP/2, as WebSockets use them (RFC 8441): a
// [Conn] is one end of an HTTP/2 connection, and a [Stream] of it is a [net.Conn] once
// its request is answered with 200. Frames and HPACK are those of golang.org/x/net.
//
// Whatever a peer does, a connection holds a bounded amount of memory: see [Config].
// A connection costs one goroutine, which reads. A stream costs none.
package h2

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Config configures a [Conn]. MaxHeaderBytes must be set.
type Config struct {
	// Handler gets each request that comes, in a goroutine of its own. What it returns
	// runs after it, in another, as the stack that a handshake takes would stay. Nil means
	// that this is a client.
	Handler func(*Stream) (then func())
	// MaxHeaderBytes bounds the header list of a request or response, as HTTP/2 counts it.
	MaxHeaderBytes uint32
	// WriteTimeout is how long a peer may take nothing of what is written, control frames
	// included. Then the connection ends. Zero means no bound.
	WriteTimeout time.Duration
	// IdleTimeout is how long a connection may be without a stream, on a client from
	// Announces on. Zero means no bound.
	IdleTimeout time.Duration
	// WriteNow writes what the connection below takes at once. Nil means that it cannot;
	// then all is written by a goroutine that ends when nothing waits.
	WriteNow func(p []byte) (n int, err error)
	// OnIdle is called with false when the first stream begins, and with true when the
	// last one ends. Nil means no callback. It must not call the connection.
	OnIdle func(idle bool)
}

const (
	// MaxStreams is how many streams a peer may have at a time, and how many handlers run.
	MaxStreams = 256
	// streamWindow is how much of a stream may have arrived without having been read, at
	// first. It grows to maxStreamWindow while the program reads as fast as it comes.
	streamWindow    = 256 << 10
	maxStreamWindow = 1 << 20
	// connWindow is how much of all streams may be on its way. What arrives makes room at
	// once, so that streams nobody reads do not hold up others, until there is maxUnread.
	connWindow = 2 << 20
	maxUnread  = 8 << 20
	// maxPending is from where on writers wait for the connection to take what there is.
	maxPending = 64 << 10
	// maxControl is how much more may wait, of control frames. A peer that asks for them
	// and does not read them is cut off.
	maxControl = 64 << 10
	// maxFrame is the longest frame that is sent and received, if the peer takes it.
	maxFrame = 64 << 10
	// outBuffer is room for what may wait to be written.
	outBuffer = maxPending + maxFrame + maxControl
	// maxShort is how long a write is that overtakes what waits of other streams: close
	// frames, pings and pongs, and small messages. As much as maxFront may do so.
	maxShort = 256
	maxFront = 8 << 10
	// maxRounds is how often a call that writes takes on what others add meanwhile.
	maxRounds = 3
	// defaultWindow is the window of both kinds unless a peer says otherwise.
	defaultWindow = 65535
	// lastWords is how long the end of a connection may take.
	lastWords = time.Second
)

// A Conn is one end of an HTTP/2 connection.
type Conn struct {
	nc     net.Conn
	config Config
	in     *bufio.Reader
	framer *http2.Framer // reads
	begun  int           // frames of what is being read
	done   chan struct{} // closed when the reading has ended
	closed chan struct{} // and when the connection below is closed

	mu       sync.Mutex // guards the rest
	changed  sync.Cond  // for writers, and those who wait to open a stream
	streams  map[uint32]*Stream
	handlers int
	err      error // why there can be no more frames
	leaving  bool  // we sent a GOAWAY, or got one as a client
	idle     *time.Timer
	resets   [32]uint32 // streams that we have reset lately
	nresets  int
	calm     bucket

	peer    settings
	settled bool   // the peer's first SETTINGS have come
	frames  uint64 // that have come
	lastID  uint32 // of the peer's streams
	nextID  uint32 // of ours

	sendWindow int64 // of the connection
	recvWindow int64
	credit     int64 // bytes that arrived and are not yet given back
	unread     int64 // bytes that no stream has read

	encoder  *hpack.Encoder
	block    bytes.Buffer // of encoder
	front    []byte       // frames that wait to be written, before those of out
	out      []byte       // and the others
	rest     []byte       // what is left of a write that was taken in part
	taken    uint64       // how often out was, and once more
	hurry    int          // short writes that wait for the connection's window
	writer   *http2.Framer
	flushing bool // a call or a goroutine is writing
}

// settings are what a peer has announced.
type settings struct {
	connect    bool // SETTINGS_ENABLE_CONNECT_PROTOCOL
	maxStreams uint32
	window     int64
	maxFrame   uint32
	maxHeaders uint32
}

// NewServer is the server's end. early has been read from nc already; the client's preface
// is the first of it, or of what nc reads.
func NewServer(nc net.Conn, early []byte, config Config) *Conn {
	return newConn(nc, early, config)
}

// Serve exchanges frames until the connection has ended and its handlers have returned.
// It closes the connection below.
func (c *Conn) Serve() {
	c.mu.Lock()
	c.control(func(w *http2.Framer) error {
		return w.WriteSettings(append(c.settings(),
			http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 1},
			http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: MaxStreams})...)
	})
	c.widen()
	c.unlock()
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(c.in, preface); err != nil {
		c.fail(err)
	} else if string(preface) != http2.ClientPreface {
		c.fail(http2.ConnectionError(http2.ErrCodeProtocol))
	}
	c.read()
	c.wait()
}

// source reads early first.
func source(nc net.Conn, early []byte) io.Reader {
	if len(early) == 0 {
		return nc
	}
	return io.MultiReader(bytes.NewReader(early), nc)
}

func newConn(nc net.Conn, early []byte, config Config) *Conn {
	c := &Conn{
		nc: nc, config: config, in: bufio.NewReaderSize(source(nc, early), 16<<10),
		done: make(chan struct{}), closed: make(chan struct{}), streams: make(map[uint32]*Stream),
		peer:       settings{maxStreams: 100, window: defaultWindow, maxFrame: 16 << 10, maxHeaders: 1 << 30},
		sendWindow: defaultWindow, recvWindow: defaultWindow, nextID: 1, taken: 1,
	}
	c.changed.L = &c.mu
	c.encoder = hpack.NewEncoder(&c.block)
	c.writer = http2.NewFramer((*pending)(c), nil)
	if config.IdleTimeout > 0 && !c.client() {
		c.idle = time.AfterFunc(config.IdleTimeout, c.timeOut)
	}
	return c
}

// settings are those of both ends.
func (c *Conn) settings() []http2.Setting {
	return []http2.Setting{
		{ID: http2.SettingInitialWindowSize, Val: streamWindow},
		{ID: http2.SettingMaxFrameSize, Val: maxFrame},
		{ID: http2.SettingMaxHeaderListSize, Val: c.config.MaxHeaderBytes},
	}
}

// widen opens the connection's window.
func (c *Conn) widen() {
	c.control(func(w *http2.Framer) error { return w.WriteWindowUpdate(0, connWindow-defaultWindow) })
	c.recvWindow = connWindow
}

// client reports which end this is.
func (c *Conn) client() bool { return c.config.Handler == nil }

// pending is what a Framer writes to: the frames that wait.
type pending Conn

func (p *pending) Write(b []byte) (int, error) {
	p.out = append(p.out, b...)
	return len(b), nil
}

// control adds a frame to those that wait to be written. It needs mu, and unlock writes.
func (c *Conn) control(write func(*http2.Framer) error) {
	if c.err != nil {
		return
	}
	if len(c.out) > maxPending+maxFrame+maxControl/2 {
		c.end(http2.ConnectionError(http2.ErrCodeEnhanceYourCalm))
		return
	}
	c.startOut()
	if err := write(c.writer); err != nil {
		c.end(fmt.Errorf("frame: %w", err)) // one that we should not have made
	}
}

var outBuffers = sync.Pool{New: func() any { return new([outBuffer]byte) }}

// startOut makes space. It needs mu.
func (c *Conn) startOut() {
	if c.out == nil {
		c.out = outBuffers.Get().(*[outBuffer]byte)[:0]
	}
}

var frontBuffers = sync.Pool{New: func() any { return new([maxFront]byte) }}

// freeOut is for what take has given.
func freeOut(p []byte) {
	switch cap(p) { // otherwise it has grown
	case outBuffer:
		outBuffers.Put((*[outBuffer]byte)(p[:outBuffer]))
	case maxFront:
		frontBuffers.Put((*[maxFront]byte)(p[:maxFront]))
	}
}

// waits reports whether there is something to write. It needs mu.
func (c *Conn) waits() bool { return len(c.rest)+len(c.front)+len(c.out) > 0 }

// take is what is to be written next, and makes room for those who wait for it. It needs
// mu.
func (c *Conn) take() (p []byte) {
	switch {
	case len(c.rest) > 0:
		p, c.rest = c.rest, nil
	case len(c.front) > 0:
		p, c.front = c.front, nil
	default:
		p, c.out = c.out, nil
		c.taken++
	}
	c.changed.Broadcast()
	return p
}

// unlock releases mu after it has written what waits, as far as the connection below
// takes it at once; a goroutine writes the rest. Nothing is locked meanwhile.
func (c *Conn) unlock() {
	for round := 0; c.waits() && !c.flushing; round++ {
		c.flushing = true
		if c.config.WriteNow == nil || c.err != nil || round == maxRounds {
			go c.write()
			break
		}
		p := c.take()
		c.mu.Unlock()
		n, _ := c.config.WriteNow(p) // an error comes again when the rest is written
		c.mu.Lock()
		if n < len(p) {
			c.rest = p[:copy(p, p[n:])]
			go c.write()
			break
		}
		freeOut(p)
		c.flushing = false
	}
	c.mu.Unlock()
}

// write writes what waits, until nothing does.
func (c *Conn) write() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.waits() {
		p, over := c.take(), c.err != nil
		c.mu.Unlock()
		timeout := c.config.WriteTimeout
		if over {
			timeout = lastWords
		}
		if timeout > 0 {
			_ = c.nc.SetWriteDeadline(time.Now().Add(timeout)) // fails only on a closed connection
		}
		_, err := c.nc.Write(p)
		freeOut(p)
		c.mu.Lock()
		if err != nil {
			c.end(fmt.Errorf("write: %w", err))
			c.front, c.out = nil, nil
		}
	}
	c.flushing = false
	_ = c.nc.SetWriteDeadline(time.Time{}) // fails only on a closed connection
	if c.err != nil {                      // which lets nothing follow
		c.mu.Unlock()
		c.hangUp()
		c.mu.Lock()
	}
}

// hangUp ends the connection below once the last frame is out: what the peer has sent
// would otherwise reset it, and destroy the GOAWAY.
func (c *Conn) hangUp() {
	defer close(c.closed)
	_ = c.nc.SetReadDeadline(time.Now().Add(lastWords)) // fails only on a closed connection
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		<-c.done
		_, _ = io.Copy(io.Discard, struct{ io.Reader }{c.nc})
	}
	_ = c.nc.Close()
	<-c.done
}

// fail ends the connection.
func (c *Conn) fail(err error) {
	c.mu.Lock()
	defer c.unlock()
	c.end(err)
}

// end is fail, and needs mu. A connection error is told the peer.
func (c *Conn) end(err error) {
	if c.err != nil {
		return
	}
	code := http2.ErrCodeNo
	if ce, ok := errors.AsType[http2.ConnectionError](err); ok {
		code = http2.ErrCode(ce)
	}
	if errors.Is(err, http2.ErrFrameTooLarge) {
		code = http2.ErrCodeFrameSize
	}
	if code != http2.ErrCodeNo {
		err = &RuleError{Code: code, Conn: true}
	}
	c.startOut()
	_ = c.writer.WriteGoAway(c.lastID, code, nil) // to memory
	c.err = err
	if c.idle != nil {
		c.idle.Stop()
	}
	for _, s := range c.streams {
		s.abort(err)
	}
	c.changed.Broadcast()
}

// timeOut ends a connection without streams.
func (c *Conn) timeOut() {
	c.mu.Lock()
	defer c.unlock()
	if len(c.streams) == 0 {
		c.end(errIdle)
	}
}

var (
	errIdle    = errors.New("connection without a stream for too long")
	errLeaving = errors.New("HTTP/2 connection takes no more streams")
)

// Shutdown lets the streams that are open go on, takes no others, and ends the
// connection after the last.
func (c *Conn) Shutdown() {
	c.mu.Lock()
	defer c.unlock()
	if !c.leaving {
		c.leaving = true
		c.control(func(w *http2.Framer) error { return w.WriteGoAway(c.lastID, http2.ErrCodeNo, nil) })
	}
	if len(c.streams) == 0 {
		c.end(errLeaving)
	}
}

// Close ends the connection and all its streams.
func (c *Conn) Close() { c.fail(net.ErrClosed) }

// Closed is closed when the connection below is.
func (c *Conn) Closed() <-chan struct{} { return c.closed }

// wait waits for the handlers, and for the connection below to be closed.
func (c *Conn) wait() {
	<-c.closed
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.handlers > 0 {
		c.changed.Wait()
	}
}
