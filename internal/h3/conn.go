package h3

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/quicvarint"
)

const (
	// NextProto is the protocol of ALPN (RFC 9114 §3.1).
	NextProto = "h3"
	// blockBound bounds a header block, and the fields that become of it.
	blockBound = 1 << 16
	// settingsBound bounds a SETTINGS frame.
	settingsBound = 1 << 12
	// streamBound is how many streams of a client are open at most.
	streamBound = 256
	// headBound is how long the head of a request may take.
	headBound = 10 * time.Second
	// controlBound is how many frames of the control stream are told of, and how many of a
	// stream that nobody knows.
	controlBound = 1 << 10
	// failBound is how many requests of a connection may be reset or malformed.
	failBound = 4_000
)

// The types of streams that go in one direction (RFC 9114 §6.2).
const streamControl = 0x00

// Options are the settings of a [Conn]. The zero value is a client that keeps the standard.
type Options struct {
	Server bool
	// Settings are what our SETTINGS frame says. Nil means the usual: see [Usual].
	Settings []Setting
	// Delay is how late our SETTINGS frame goes out.
	Delay time.Duration
	// Frame is told of each frame. It may not call the Conn. Nil ignores them.
	Frame func(Frame)
	// Undecoded header blocks are skipped in place of ending the connection.
	Undecoded bool
	// Accept is told of each stream that the peer opens when its request is there, in a goroutine
	// of its own. Nil ignores them.
	Accept func(*Stream)
}

// Usual is what our SETTINGS frame says: a server announces extended CONNECT.
func Usual(server bool) []Setting {
	if server {
		return []Setting{{SettingConnect, 1}}
	}
	return nil
}

// A Conn is one end of an HTTP/3 connection.
type Conn struct {
	link *Link
	qc   *quic.Conn // that of the link
	o    Options
	wg   sync.WaitGroup

	writing sync.Mutex // guards ctrl
	ctrl    *quic.SendStream

	mu      sync.Mutex    // guards the rest
	said    bool          // our SETTINGS have gone out
	greeted chan struct{} // closed when the peer's SETTINGS have come
	connect bool          // they announced extended CONNECT
	err     error         // what the peer broke
}

// Open begins HTTP/3 on a connection. The caller closes the Conn.
func Open(l *Link, o Options) (*Conn, error) {
	qc := l.QUIC
	c := &Conn{link: l, qc: qc, o: o, greeted: make(chan struct{})}
	if o.Delay == 0 {
		if err := c.greet(); err != nil {
			return nil, err
		}
	} else {
		c.wg.Go(func() {
			select {
			case <-time.After(o.Delay):
				c.greet() //nolint:errcheck // a broken connection shows in the next call
			case <-qc.Context().Done():
			}
		})
	}
	c.wg.Go(c.acceptUni)
	if o.Server { // a server opens no such streams: QUIC sees to it
		c.wg.Go(c.accept)
	}
	return c, nil
}

// greet opens our control stream and sends SETTINGS.
func (c *Conn) greet() error {
	list := c.o.Settings
	if list == nil {
		list = Usual(c.o.Server)
	}
	c.mu.Lock()
	c.said = true
	c.mu.Unlock()
	return c.Settings(list)
}

// Settings sends a SETTINGS frame. A second one breaks the standard.
func (c *Conn) Settings(list []Setting) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	var out, p []byte
	if c.ctrl == nil {
		ctrl, err := c.qc.OpenUniStream()
		if err != nil {
			return err
		}
		c.ctrl, out = ctrl, quicvarint.Append(nil, streamControl)
	}
	for _, s := range list {
		p = quicvarint.Append(quicvarint.Append(p, s.ID), s.Value)
	}
	out = quicvarint.Append(quicvarint.Append(out, uint64(FrameSettings)), uint64(len(p)))
	_, err := c.ctrl.Write(append(out, p...))
	if err == nil {
		c.tell(Frame{Out: true, Type: FrameSettings, Stream: -1, Len: len(p), Settings: list})
	}
	return err
}

// Control sends a frame on our control stream, behind SETTINGS.
func (c *Conn) Control(kind FrameType, p []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.ctrl == nil {
		return errors.New("HTTP/3: SETTINGS have not gone out")
	}
	c.tell(Frame{Out: true, Type: kind, Stream: -1, Len: len(p)})
	_, err := c.ctrl.Write(append(quicvarint.Append(quicvarint.Append(nil, uint64(kind)), uint64(len(p))), p...))
	return err
}

// Link is the connection beneath.
func (c *Conn) Link() *Link { return c.link }

// Close ends the connection, and waits for what reads it.
func (c *Conn) Close() error {
	err := c.End(NoError)
	c.wg.Wait()
	return err
}

// End ends the connection with a code, without waiting for what reads it.
func (c *Conn) End(code Code) error {
	return c.qc.CloseWithError(quic.ApplicationErrorCode(code), "")
}

// Done is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { return c.qc.Context().Done() }

// Err is why the connection has ended; nil while it has not. It is [io.EOF] where the peer
// closed it without an error.
func (c *Conn) Err() error {
	if c.qc.Context().Err() == nil {
		return nil
	}
	return c.why(context.Cause(c.qc.Context()))
}

// An EndedError says that the peer ended the connection with an error.
type EndedError struct {
	Code  Code
	Words string
}

func (e *EndedError) Error() string {
	return fmt.Sprintf("the peer ended the connection with %v: %s", e.Code, e.Words)
}

var errGone = fmt.Errorf("nobody listens at the UDP port of the server any more: %w", syscall.ECONNREFUSED)

// why is what an error that ended the connection means. Streams end before the connection
// says that it has ended: their error stands for its own.
func (c *Conn) why(err error) error {
	c.mu.Lock()
	broke := c.err
	c.mu.Unlock()
	if broke != nil {
		return broke
	}
	if c.link.gone.Load() {
		return errGone
	}
	if app, ok := errors.AsType[*quic.ApplicationError](err); ok && app.Remote {
		if Code(app.ErrorCode) == NoError {
			return io.EOF
		}
		return &EndedError{Code(app.ErrorCode), app.ErrorMessage}
	}
	return err
}

// Announced waits for the peer's SETTINGS, up to the deadline. It reports whether they came,
// and whether they announced extended CONNECT.
func (c *Conn) Announced(deadline time.Time) (settings, connect bool) {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-c.greeted:
		c.mu.Lock()
		defer c.mu.Unlock()
		return true, c.connect
	case <-c.Done():
	case <-timer.C:
	}
	return false, false
}

func (c *Conn) tell(f Frame) {
	if c.o.Frame != nil {
		c.o.Frame(f)
	}
}

// broken ends the connection because the peer broke a rule that leaves nothing to read.
func (c *Conn) broken(code Code, words string) {
	c.mu.Lock()
	if c.err == nil {
		c.err = errors.New("HTTP/3: " + words)
	}
	c.mu.Unlock()
	c.End(code) //nolint:errcheck // the connection is over
}

// acceptUni reads the streams that go in the peer's direction alone.
func (c *Conn) acceptUni() {
	for {
		s, err := c.qc.AcceptUniStream(context.Background()) // it ends with the connection
		if err != nil {
			return
		}
		c.wg.Go(func() {
			br := bufio.NewReader(s)
			if kind, err := quicvarint.Read(br); err == nil && kind == streamControl {
				c.control(br)
				return
			}
			io.Copy(io.Discard, br) //nolint:errcheck // whatever ends it
		})
	}
}

// control reads the peer's control stream.
func (c *Conn) control(br *bufio.Reader) {
	for told := 0; ; told++ {
		kind, err := quicvarint.Read(br)
		if err != nil {
			return
		}
		size, err := quicvarint.Read(br)
		if err != nil {
			return
		}
		f := Frame{Type: FrameType(kind), Stream: -1, Len: int(min(size, 1<<30))}
		var p []byte
		if (f.Type == FrameSettings || f.Type == FrameGoAway) && size > settingsBound {
			c.broken(ExcessiveLoad, "a frame of the control stream is too long")
			return
		}
		if f.Type == FrameSettings || f.Type == FrameGoAway {
			p = make([]byte, size)
			if _, err := io.ReadFull(br, p); err != nil {
				return
			}
		} else if _, err := io.CopyN(io.Discard, br, int64(size)); err != nil { //nolint:gosec // a varint has 62 bits
			return
		}
		switch f.Type {
		case FrameSettings:
			if !c.settings(p, &f) {
				c.tell(f)
				c.broken(FrameUnexpected, "SETTINGS are malformed, or came before")
				return
			}
		case FrameGoAway:
			f.Value, _, _ = quicvarint.Parse(p) // a frame that is too short says 0
		default:
		}
		if told < controlBound {
			c.tell(f)
		}
		if f.Type == FrameSettings {
			close(c.greeted)
		}
	}
}

// settings takes over what the peer says of itself.
func (c *Conn) settings(p []byte, f *Frame) bool {
	for len(p) > 0 {
		id, n, err := quicvarint.Parse(p)
		if err != nil {
			return false
		}
		value, m, err := quicvarint.Parse(p[n:])
		if err != nil {
			return false
		}
		p = p[n+m:]
		f.Settings = append(f.Settings, Setting{id, value})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.greeted:
		f.Offences = append(f.Offences, Offence{"RFC 9114 7.2.4", "SETTINGS come twice"})
		return false
	default:
	}
	for _, s := range f.Settings {
		if s.ID == SettingConnect {
			c.connect = s.Value == 1
		}
	}
	return true
}

// accept takes the streams that the peer opens in both directions.
func (c *Conn) accept() {
	var failed atomic.Int64
	for {
		qs, err := c.qc.AcceptStream(context.Background()) // it ends with the connection
		if err != nil {
			return
		}
		c.mu.Lock()
		early := !c.said
		c.mu.Unlock()
		c.wg.Go(func() {
			s := c.newStream(qs)
			s.early = early
			if _, err := s.Head(time.Now().Add(headBound)); err != nil || c.o.Accept == nil {
				s.Reset(RequestRejected) //nolint:errcheck // a broken connection shows in the next call
				if failed.Add(1) > failBound {
					c.broken(ExcessiveLoad, "too many requests are reset or malformed")
				}
				return
			}
			c.o.Accept(s)
		})
	}
}

// NewStream opens a stream for a request, when the peer takes one. ctx bounds the wait.
func (c *Conn) NewStream(ctx context.Context) (*Stream, error) {
	qs, err := c.qc.OpenStreamSync(ctx)
	if err != nil {
		if ctx.Err() != nil {
			err = os.ErrDeadlineExceeded
		}
		return nil, err
	}
	return c.newStream(qs), nil
}
