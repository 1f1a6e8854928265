package ws

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/wsconform/wsconform/ws/internal/flate"
	"github.com/wsconform/wsconform/ws/internal/mask"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// reader is the reading side of a Conn. Its state is whole at any byte, so that
// a read cut short by its context can be taken up again.
type reader struct {
	turn  slot // guards the rest
	guard ctxGuard
	due   time.Duration // when the call that reads ends, since guardStart; 0 means nothing bounds it
	err   error         // why nothing can be read any more

	poll  *poller // nil if the connection below is not a plain socket
	buf   []byte  // buf[r:w] has arrived and is not used
	r, w  int
	bulky bool  // the last frame of data was a long one
	late  uint8 // reads since the writing side failed; see maxLate

	// The message that is being read.
	open  bool
	typ   MessageType
	utf8  wsproto.UTF8Validator
	skip  bool // closing: the content does not matter any more
	drain bool // a Reader has the message, so the next call drops the rest
	fin   bool // the current frame is its last
	mask  bool // the frame is masked
	key   [4]byte
	pos   uint8 // in the key

	// Compression.
	deflate    bool // agreed
	fresh      bool // no context takeover
	compressed bool // this message
	tail       bool // in is, or was, the tail of the message
	more       bool // inf may have output without more input
	windowBits uint8
	inf        *flate.Inflater
	in         []byte // input of inf

	// More of the message; the small fields stand together to save room.
	left          uint64 // bytes of the frame that have not been used
	held          int64  // of the server's budget
	kept          []byte // bytes that a Read cut short had taken already
	seq           uint64 // the number of the message; readers of earlier ones are void
	size          int64  // bytes so far, inflated
	empty, frames uint32 // fragments so far
}

// firstAlloc is how much memory a claimed length gets before bytes arrive.
const firstAlloc = 32 << 10

// errClosing: a Close that gave up waiting has dropped what came.
var errClosing = fmt.Errorf("connection is closing: %w", net.ErrClosed)

var inflaters = sync.Pool{New: func() any { return new(flate.Inflater) }}

func (r *reader) init(c *Conn, early []byte) {
	r.guard = ctxGuard{c: c}
	r.poll = newPoller(r, c.nc)
	if len(early) > 0 {
		r.buf = slices.Clone(early)
		if r.poll == nil {
			r.buf = make([]byte, max(smallBuffer, len(early)))
		}
		r.w = copy(r.buf, early)
	}
}

// Read reads a whole message into memory of its own. The error is a
// [*CloseError] when the peer closed the connection, a [*ProtocolError] when it
// broke a rule, [ErrTooLarge], the cause of ctx, or what the connection below
// says; io.ErrUnexpectedEOF if it just ended. After any of them but the cause
// of ctx and the timeout of a ReadTimeout the connection has ended.
func (c *Conn) Read(ctx context.Context) (MessageType, []byte, error) {
	return c.ReadAppend(ctx, nil)
}

// ReadAppend is Read, but appends the message to dst. Only a dst too small for
// the message costs an allocation.
func (c *Conn) ReadAppend(ctx context.Context, dst []byte) (MessageType, []byte, error) {
	typ, p, _, err := c.readAppend(ctx, dst)
	return typ, p, err
}

// readAppend also says whether more bytes have arrived.
func (c *Conn) readAppend(ctx context.Context, dst []byte) (typ MessageType, p []byte, more bool, err error) {
	r := &c.rd
	if err := c.lockRead(ctx); err != nil {
		return 0, dst, false, opError("read", err)
	}
	if r.held != 0 {
		c.unhold()
	}
	if typ, p, ok := c.whole(dst); ok {
		more = r.r < r.w
		c.unlockRead()
		return typ, p, more, nil
	}
	return c.readParts(ctx, dst)
}

// readParts is readAppend for a message that has not arrived in one piece. It has
// the turn and gives it up.
func (c *Conn) readParts(ctx context.Context, dst []byte) (typ MessageType, p []byte, more bool, err error) {
	r := &c.rd
	defer c.unlockRead()
	c.boundRead()
	if r.r == r.w && !r.open && r.err == nil && !r.skip { // what comes next may be whole
		if err := c.fill(ctx); err != nil {
			return 0, dst, false, opError("read", err)
		}
		if typ, p, ok := c.whole(dst); ok {
			return typ, p, r.r < r.w, nil
		}
	}
	if err := c.begin(ctx); err != nil {
		return 0, dst, false, opError("read", err)
	}
	start := len(dst)
	if !c.hold(len(r.kept)) {
		r.kept = nil
		return 0, dst, false, opError("read", c.noMemory())
	}
	// msg is no result: a result would stay alive to the end of a function that defers,
	// and noMemory waits for the connection to end.
	msg := dst
	msg = append(msg, r.kept...)
	r.kept = nil
	for {
		if len(msg) == cap(msg) && !r.atEnd() {
			more := r.growth(len(msg) - start)
			if !c.hold(len(msg) - start + more) {
				return 0, dst, false, opError("read", c.noMemory())
			}
			msg = slices.Grow(msg, more)
		}
		n, err := c.some(ctx, msg[len(msg):cap(msg)])
		msg = msg[:len(msg)+n]
		if err == io.EOF {
			if msg == nil {
				msg = []byte{}
			}
			return r.typ, msg, r.r < r.w, nil
		}
		if err != nil {
			if r.err == nil {
				r.kept = slices.Clone(msg[start:])
			}
			return 0, msg[:start], false, opError("read", err)
		}
	}
}

// whole takes the next message if it is in the buffer, in one frame that needs no
// more than copying. Anything else, and anything wrong, is for begin and some.
func (c *Conn) whole(dst []byte) (MessageType, []byte, bool) {
	r := &c.rd
	in := r.buf[r.r:r.w]
	if len(in) < 2 || r.open || r.err != nil || r.skip || c.onFrame != nil || c.ext != nil {
		return 0, dst, false
	}
	// A header that is not long and breaks no rule (RFC 6455 §5.2): final, nothing
	// reserved, data, masked by clients alone, the length in its shortest form.
	typ, size, n := MessageType(in[0]&^0x80), int(in[1]&0x7F), 2
	if in[0] != 0x80|byte(wsproto.OpText) && in[0] != 0x80|byte(wsproto.OpBinary) || in[1]&0x80 != 0 == c.client || size == 127 {
		return 0, dst, false
	}
	if size == 126 {
		if len(in) < 4 || in[2] == 0 && in[3] < 126 {
			return 0, dst, false
		}
		size, n = int(binary.BigEndian.Uint16(in[2:])), 4
	}
	var key uint32
	if !c.client {
		if len(in) < n+4 {
			return 0, dst, false
		}
		key = binary.LittleEndian.Uint32(in[n:])
		n += 4
	}
	if size > len(in)-n || int64(size) > c.readLimit {
		return 0, dst, false
	}
	p := slices.Grow(dst, size)[:len(dst)+size]
	payload := p[len(dst):]
	if c.client {
		copy(payload, in[n:])
	} else {
		mask.To(payload, in[n:n+size], key)
	}
	if typ == MessageText && !utf8.Valid(payload) {
		return 0, dst, false
	}
	r.r += n + size
	r.bulky = size >= bulk
	if p == nil {
		p = []byte{}
	}
	return typ, p, true
}

// growth is how much memory comes next for a message after have bytes have
// arrived: never much more than that, whatever length a header claims.
func (r *reader) growth(have int) int {
	want := r.left
	if r.compressed {
		want = max(4*r.left, uint64(have), 512)
	}
	return int(min(max(want, 1), uint64(max(firstAlloc, 3*have))))
}

// begin gets to a message: the one that was cut short, or the next. Its caller,
// as that of everything below, has the turn.
func (c *Conn) begin(ctx context.Context) error {
	r := &c.rd
	if r.err != nil {
		return r.err
	}
	if r.skip {
		return errClosing
	}
	if r.open && !r.drain {
		return nil
	}
	if r.open {
		scratch := readBuffers.Get().(*[readBuffer]byte)
		defer readBuffers.Put(scratch)
		r.kept = nil
		for r.open {
			if _, err := c.some(ctx, scratch[:]); err != nil && err != io.EOF {
				return err
			}
		}
	}
	return c.frame(ctx)
}

// atEnd reports that no bytes of the message can follow.
func (r *reader) atEnd() bool {
	return !r.compressed && r.fin && r.left == 0
}

// some reads bytes of the message, at least one unless p is empty or there is
// an error. io.EOF is the end of the message.
func (c *Conn) some(ctx context.Context, p []byte) (n int, err error) {
	r := &c.rd
	if r.compressed {
		return c.inflateSome(ctx, p)
	}
	for r.left == 0 {
		if r.fin {
			return 0, c.endMessage()
		}
		if err := c.frame(ctx); err != nil {
			return 0, err
		}
	}
	if uint64(len(p)) > r.left {
		p = p[:r.left]
	}
	switch {
	case c.ext != nil:
		n = copy(p, c.ext.plain)
		c.ext.plain = c.ext.plain[n:]
	case r.r < r.w:
		n = copy(p, r.buf[r.r:r.w])
		r.r += n
	case len(p) >= bulk:
		if n, err = c.readNet(ctx, p); err != nil {
			return 0, err
		}
	default:
		if err := c.fill(ctx); err != nil {
			return 0, err
		}
		n = copy(p, r.buf[r.r:r.w])
		r.r += n
	}
	c.unmask(p[:n])
	return n, c.checkText(p[:n])
}

// unmask uses up bytes of the current frame.
func (c *Conn) unmask(p []byte) {
	r := &c.rd
	if r.mask {
		r.pos = uint8(wsproto.Mask(r.key, int(r.pos), p))
	}
	r.left -= uint64(len(p))
}

func (c *Conn) checkText(p []byte) error {
	if c.rd.typ == MessageText && !c.rd.skip {
		if _, ok := c.rd.utf8.Feed(p); !ok {
			return c.fail(errBadText)
		}
	}
	return nil
}

var errBadText = &wsproto.ProtocolError{
	RFC: 6455, Section: "8.1", Code: wsproto.StatusInvalidFramePayloadData, Reason: "text is not UTF-8",
}

// endMessage ends the message. The error is io.EOF if it was in order.
func (c *Conn) endMessage() error {
	r := &c.rd
	if r.typ == MessageText && !r.skip && !r.utf8.Complete() {
		return c.fail(errBadText)
	}
	r.open, r.drain = false, false
	c.releaseInflater(r.fresh)
	return io.EOF
}

// inflateSome is some for a compressed message.
func (c *Conn) inflateSome(ctx context.Context, p []byte) (int, error) {
	r := &c.rd
	for {
		if out := r.inf.Out(); len(out) > 0 {
			n := copy(p, out)
			r.inf.Take(n)
			return n, nil
		}
		if len(r.in) == 0 && !r.more {
			switch {
			case r.left > 0:
				var err error
				if r.in, err = c.chunk(ctx); err != nil {
					return 0, err
				}
			case !r.fin:
				if err := c.frame(ctx); err != nil {
					return 0, err
				}
				continue
			case !r.tail:
				r.in, r.tail = flate.Tail, true
			case !r.inf.AtBoundary():
				return 0, c.fail(&wsproto.ProtocolError{
					RFC: 7692, Section: "7.2.2", Code: wsproto.StatusInvalidFramePayloadData, Reason: "compressed message ends inside a block",
				})
			default:
				return 0, c.endMessage()
			}
		}
		budget := c.readLimit - r.size + 1
		used, err := r.inf.Inflate(r.in, int(min(budget, 1<<30)))
		r.in = r.in[used:]
		out := r.inf.Out()
		r.more = r.inf.Full()
		r.size += int64(len(out))
		if r.size > c.readLimit {
			return 0, c.failTooLarge()
		}
		if err := c.checkText(out); err != nil {
			return 0, err
		}
		if err != nil {
			return 0, c.fail(wsproto.DeflateError(err))
		}
	}
}

// chunk gets bytes of the current frame without copying them. They are good
// until the next fill.
func (c *Conn) chunk(ctx context.Context) ([]byte, error) {
	r := &c.rd
	if c.ext != nil {
		p := c.ext.plain
		c.ext.plain = nil
		c.unmask(p)
		return p, nil
	}
	if r.r == r.w {
		if err := c.fill(ctx); err != nil {
			return nil, err
		}
	}
	p := r.buf[r.r : r.r+int(min(r.left, uint64(r.w-r.r)))]
	r.r += len(p)
	c.unmask(p)
	return p, nil
}

// releaseInflater gives back what reading compressed data took. The history
// stays unless forget.
func (c *Conn) releaseInflater(forget bool) {
	r := &c.rd
	r.in = nil
	if r.inf == nil {
		return
	}
	r.inf.Rest()
	if forget {
		inflaters.Put(r.inf)
		r.inf = nil
	}
}
