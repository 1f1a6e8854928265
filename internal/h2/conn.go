package h2

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"net"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	// defaultWindow is the window of a stream and of a connection at first (RFC 9113 §6.9.2).
	defaultWindow = 65535
	// streamWindow is what a stream may send us ahead of what was read of it, connWindow
	// what all of them may.
	streamWindow, connWindow = 1 << 20, 1 << 24
	// frameSize is the largest payload of a frame that we announce (RFC 9113 §6.5.2).
	frameSize = 16384
	// blockBound bounds a header block with its CONTINUATION frames, and the fields that
	// become of it.
	blockBound = 1 << 18
	// streamBound is how many streams are kept at most. Those that have ended count.
	streamBound = 1 << 12
	// laterBound is how many answers to frames may wait to be sent.
	laterBound = 1 << 12
	// writeBound is how long a write may take on a connection that is not read.
	writeBound = 30 * time.Second
)

// Options are the settings of a [Conn]. The zero value is a client that keeps the standard.
type Options struct {
	Server bool
	// Settings are what our first SETTINGS frame says. Nil means the usual: see [Usual].
	Settings []http2.Setting
	// Silent leaves out the preface of a client, and our first SETTINGS frame.
	Silent bool
	// Delay is how late our first SETTINGS frame goes out. What is to be answered waits for it.
	Delay time.Duration
	// Manual opens no window by itself, and so leaves all to [Conn.Grant].
	Manual bool
	// Mute answers neither SETTINGS nor PING by itself.
	Mute bool
	// Frame is told of each frame, in order of each direction. It may not call the Conn. Nil
	// ignores them.
	Frame func(Frame)
	// Window is asked how many bytes may be sent on a stream in place of what the windows of the
	// stream and the connection permit. Nil keeps to these.
	Window func(stream, conn int64) int64
	// FrameSize is the largest payload of DATA, whatever the peer takes; 0 means what it takes.
	FrameSize int
	// Fixed leaves the windows of open streams alone when SETTINGS change the initial one.
	Fixed bool
	// Incoming is handed the bytes of each DATA frame, and the length of its padding, and returns
	// what takes their place. Nil changes nothing.
	Incoming func(s *Stream, data []byte, pad int) []byte
	// Accept is told of each stream that the peer opens when its request is there. It may not
	// block. Nil ignores them.
	Accept func(*Stream)
}

// Usual is what our first SETTINGS frame says: a server announces extended CONNECT.
func Usual(server bool) []http2.Setting {
	list := []http2.Setting{{ID: http2.SettingInitialWindowSize, Val: streamWindow}}
	if server {
		return append(list, http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 1}, http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 250})
	}
	return append(list, http2.Setting{ID: http2.SettingEnablePush})
}

// A Conn is one end of an HTTP/2 connection.
type Conn struct {
	nc net.Conn
	o  Options

	wmu   sync.Mutex // guards what is written, and comes before mu
	bw    *bufio.Writer
	fr    *http2.Framer // of what is written
	enc   *hpack.Encoder
	block bytes.Buffer

	done  chan struct{} // closed when reading has ended
	quiet chan struct{} // closed when answering has ended
	later chan func()   // what answers frames: it must not hold up reading

	mu      sync.Mutex // guards the rest
	cond    *sync.Cond // strikes whenever any of it changes
	streams map[uint32]*Stream
	nextID  uint32
	sendWin int64
	recvWin int64
	owed    int64 // bytes taken off the connection's window and not given back
	initial int64 // window of a new stream of ours, by the peer's SETTINGS
	ours    int64 // window of a new stream, by our SETTINGS
	maxSend int   // largest payload of a frame that the peer takes
	said    bool  // our SETTINGS have gone out
	greeted bool  // the peer's SETTINGS have come
	connect bool  // they announced extended CONNECT
	most    int64 // streams that the peer takes at once; -1 if it did not say
	goAway  *http2.ErrCode
	lastID  uint32 // that GOAWAY named
	err     error  // why reading has ended
	last    uint32 // the highest stream that the peer has opened
}

// Open begins HTTP/2 on nc: it sends our preface and SETTINGS, and reads until nc ends. The
// caller closes the Conn.
func Open(nc net.Conn, o Options) (*Conn, error) {
	c := &Conn{
		nc: nc, o: o, done: make(chan struct{}), quiet: make(chan struct{}), later: make(chan func(), laterBound), streams: map[uint32]*Stream{}, nextID: 1,
		sendWin: defaultWindow, recvWin: defaultWindow, initial: defaultWindow, ours: defaultWindow, maxSend: frameSize, most: -1,
	}
	if o.Server {
		c.nextID = 2
	}
	c.cond = sync.NewCond(&c.mu)
	c.bw = bufio.NewWriterSize(nc, 64<<10)
	c.fr = http2.NewFramer(c.bw, nil)
	c.fr.AllowIllegalWrites = true
	c.enc = hpack.NewEncoder(&c.block)
	if o.Delay == 0 {
		if err := c.greet(); err != nil {
			return nil, err
		}
	}
	go c.read()
	go func() {
		defer close(c.quiet)
		c.answers()
	}()
	return c, nil
}

// answers sends what answers frames, until the connection ends.
func (c *Conn) answers() {
	if c.o.Delay > 0 {
		timer := time.NewTimer(c.o.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-c.done:
			return
		}
		if err := c.greet(); err != nil {
			c.nc.Close()
			return
		}
	}
	for {
		select {
		case f := <-c.later:
			if err := c.write(f); err != nil {
				c.nc.Close()
				return
			}
		case <-c.done:
			return
		}
	}
}

// answer has f write frames, soon. A peer that asks for more than is sent is cut off.
func (c *Conn) answer(f func()) {
	select {
	case c.later <- f:
	default:
		c.nc.Close()
	}
}

// greet sends the preface, our SETTINGS, and a larger window of the connection.
func (c *Conn) greet() error {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	c.mu.Lock()
	c.said = true
	c.mu.Unlock()
	if c.o.Silent {
		return nil
	}
	if !c.o.Server {
		c.bw.WriteString(http2.ClientPreface) //nolint:errcheck // flush tells
	}
	list := c.o.Settings
	if list == nil {
		list = Usual(c.o.Server)
	}
	c.settings(list)
	if !c.o.Manual {
		c.grant(0, connWindow-defaultWindow)
	}
	return c.flush()
}

// NetConn is the connection beneath.
func (c *Conn) NetConn() net.Conn { return c.nc }

// TLS is what was agreed by TLS; false without.
func (c *Conn) TLS() (tls.ConnectionState, bool) {
	t, ok := c.nc.(*tls.Conn)
	if !ok {
		return tls.ConnectionState{}, false
	}
	return t.ConnectionState(), true
}

// Close ends the connection, and waits for the end of reading.
func (c *Conn) Close() error {
	err := c.nc.Close()
	<-c.done
	<-c.quiet
	return err
}

// Done is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err is why the connection has ended; nil while it has not.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Announced waits for the peer's first SETTINGS, up to the deadline. It reports whether they
// came, and whether they announced extended CONNECT (RFC 8441 §3).
func (c *Conn) Announced(deadline time.Time) (settings, connect bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.await(deadline, func() bool { return c.greeted || c.err != nil })
	return c.greeted, c.connect
}

// Most is how many streams the peer takes at once; -1 if it did not say.
func (c *Conn) Most() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.most
}

// await waits with mu held, until ready or the deadline. A zero deadline is none.
func (c *Conn) await(deadline time.Time, ready func() bool) bool {
	if !deadline.IsZero() {
		timer := time.AfterFunc(time.Until(deadline), func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.cond.Broadcast()
		})
		defer timer.Stop()
	}
	for !ready() {
		if !deadline.IsZero() && !time.Now().Before(deadline) {
			return false
		}
		c.cond.Wait()
	}
	return true
}

// tell hands a frame to the owner.
func (c *Conn) tell(f Frame) {
	if c.o.Frame != nil {
		c.o.Frame(f)
	}
}
