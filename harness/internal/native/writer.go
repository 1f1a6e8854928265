package native

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/h2"
	"github.com/wsconform/wsconform/ws/wsproto"
)

const (
	// writeBuffer is how many bytes a TCP write carries at the most, unless a
	// step says less. Frames are produced into it piece by piece, so that the
	// 16 MiB of section 9 never stand in memory.
	writeBuffer = 64 << 10
	// flushBound is how long what is still queued may take to leave once the
	// connection is to be dropped: a peer that stopped reading must not hold us.
	flushBound = time.Second
	// breather is the least that we wait between the writes of a frame that goes out
	// byte by byte (the clock makes it a millisecond or so), so that each is a segment that the peer can read by itself, as those
	// of the original are. A peer that echoes what came before such a frame gets
	// the time to do so (3.4, 4.1.5, 4.2.5).
	breather = 50 * time.Microsecond
	// cutBreather is the wait between the two writes of a frame that is cut.
	cutBreather = 2 * time.Millisecond
	// queueBound is how many bytes of replies (pongs) may wait for a peer that
	// pings without reading. Further pings go unanswered.
	queueBound = 1 << 20
)

// An outgoing is one thing in the writer's queue: a frame, or a message to be
// cut into frames.
type outgoing struct {
	header   wsproto.Header // of the first frame; its Fin is that of the last
	payload  cases.Payload
	fragment int  // cut the payload into frames of so many bytes; 0 means one frame
	bare     bool // the payload alone, without a header: bytes of a frame already open
	plain    bool // never masked: a header, written as if it were a payload
	key      [4]byte
	fixed    bool // the case has chosen the key
	offset   int  // of bare bytes in their frame, for the mask
	chop     int
	cut      int // bytes of the frame in a write before the rest; 0 means none
	alone    bool
	masking  cases.Masking
	end      bool           // nothing but the end of our direction of TCP
	abrupt   bool           // of the end: without that of TLS
	below    bool           // beneath TLS
	http2    *cases.HTTP2Op // nothing but a frame of HTTP/2, on a stream of that
	times    int            // of the frame; 0 means once
}

// A writer sends what is queued, in order, from a goroutine of its own, so that
// the peer is read while it is written to. After a write error it discards:
// what the peer sent before may still be read.
type writer struct {
	nc     net.Conn
	raw    syscall.RawConn // of a plain TCP connection; else nil
	masked bool
	onTx   func(n int)   // is told the size of each write of the goroutine
	onIdle func()        // is called when TCP has taken all that was queued; may be nil
	wake   chan struct{} // one slot: something was queued, or closing was set
	done   chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex // guards the rest, but what busy says
	queue   []outgoing
	replies int // bytes of the replies queued
	closing bool
	left    bool // buf holds what sendNow could not write
	busy    bool // the goroutine has buf and err, without mu

	buf    []byte
	err    error
	pieces rand.PCG // the keys of the fragments of a message
}

func newWriter(nc net.Conn, masked bool, onTx func(int), onIdle func()) *writer {
	w := &writer{
		nc: nc, masked: masked, onTx: onTx, onIdle: onIdle,
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	switch tcp := nc.(type) {
	case *net.TCPConn:
		w.raw, _ = tcp.SyscallConn()
	case *replayed:
		w.raw, _ = tcp.SyscallConn()
	}
	go w.run()
	return w
}

// send queues o. It never blocks.
func (w *writer) send(o outgoing) {
	w.mu.Lock()
	w.queue = append(w.queue, o)
	w.mu.Unlock()
	w.signal()
}

// sendNow is send, but writes what TCP takes at once, which saves waking the
// goroutine for each of a thousand messages. It says how many bytes that were,
// and never blocks either.
func (w *writer) sendNow(o outgoing) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	frames := 1
	if o.fragment > 0 {
		frames += o.payload.Len / o.fragment
	}
	if w.raw == nil || w.busy || w.left || len(w.queue) > 0 || w.closing || w.err != nil ||
		o.payload.Len+frames*wsproto.MaxHeaderLen >= writeBuffer {
		w.queue = append(w.queue, o)
		w.signal()
		return 0
	}
	w.frames(o)
	n := 0
	w.raw.Write(func(fd uintptr) bool { //nolint:errcheck // the goroutine meets the error again
		n, _ = writeNow(fd, w.buf)
		return true
	})
	n = max(n, 0)
	w.buf = w.buf[:copy(w.buf, w.buf[n:])]
	if w.left = len(w.buf) > 0; w.left {
		w.signal()
	}
	return n
}

// reply queues o unless the peer has let too many replies pile up.
func (w *writer) reply(o outgoing) bool {
	w.mu.Lock()
	ok := w.replies < queueBound
	if ok {
		w.replies += o.payload.Len + wsproto.MaxHeaderLen
		w.queue = append(w.queue, o)
	}
	w.mu.Unlock()
	w.signal()
	return ok
}

func (w *writer) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// finish lets what is queued leave, for a bounded time, and ends the goroutine.
// With abort it discards the queue. The connection is left to the caller.
func (w *writer) finish(abort bool) {
	w.mu.Lock()
	w.closing = true
	if abort {
		w.queue = nil
	}
	w.mu.Unlock()
	if abort {
		w.nc.SetWriteDeadline(time.Unix(1, 0)) //nolint:errcheck // a closed connection has no deadline, nor needs one
	} else {
		w.nc.SetWriteDeadline(time.Now().Add(flushBound)) //nolint:errcheck // a broken connection shows in the next call
	}
	w.signal()
	<-w.done
}

func (w *writer) run() {
	defer close(w.done)
	var batch []outgoing
	for {
		w.mu.Lock()
		batch, w.queue = w.queue, batch[:0]
		w.replies = 0
		w.busy, w.left = len(batch) > 0 || w.left, false
		busy, closing := w.busy, w.closing
		w.mu.Unlock()
		for i, o := range batch {
			w.put(o)
			batch[i] = outgoing{}
		}
		if busy {
			w.flush()
			continue
		}
		if closing {
			return
		}
		if w.onIdle != nil && w.err == nil {
			w.onIdle()
		}
		<-w.wake
	}
}

// idle reports whether TCP has taken all that was queued.
func (w *writer) idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue) == 0 && !w.busy && !w.left && w.err == nil
}

// masks reports whether the frames of o are masked.
func (w *writer) masks(o outgoing) bool {
	return o.masking == cases.MaskAlways || w.masked && o.masking == cases.MaskByRole
}

// put produces the bytes of o and writes what fills the buffer.
func (w *writer) put(o outgoing) {
	if o.end {
		w.flush()
		nc := w.nc
		if o.abrupt {
			nc = below(nc)
		}
		if half, ok := nc.(interface{ CloseWrite() error }); ok && w.err == nil {
			w.err = half.CloseWrite()
		}
		return
	}
	if o.http2 != nil {
		w.flush()
		if s, ok := w.nc.(interface{ Conn() *h2.Conn }); ok && s.Conn() != nil && o.http2.Do == cases.DoSend && w.err == nil {
			w.err = sendHTTP2(s.Conn(), 0, *o.http2)
		}
		return
	}
	if o.below {
		w.flush()
		if w.err == nil {
			_, w.err = below(w.nc).Write(o.payload.Bytes())
		}
		return
	}
	if o.chop > 0 || o.cut > 0 || o.alone {
		w.flush()
	}
	w.frames(o)
	for n := 1; n < o.times && w.err == nil; n++ {
		if w.masks(o) {
			o.key = keyOf(w.pieces.Uint64())
		}
		w.frames(o)
		w.full(writeBuffer)
	}
	if o.chop > 0 || o.alone {
		w.flush()
	}
}

// cut writes the first bytes of the buffer, and gives the peer time to read them
// without the rest.
func (w *writer) cut(n int) {
	if n > len(w.buf) || w.err != nil {
		return
	}
	w.write(w.buf[:n])
	w.buf = w.buf[:copy(w.buf, w.buf[n:])]
	time.Sleep(cutBreather)
}

// frames produces the bytes of o.
func (w *writer) frames(o outgoing) {
	if o.fragment > 0 {
		w.pieces.Seed(uint64(binary.BigEndian.Uint32(o.key[:])), 0)
	}
	switch {
	case o.bare:
		w.octets(o, o.key, 0, o.payload.Len, o.offset)
	case o.fragment == 0 || o.payload.Len <= o.fragment:
		w.frame(o, o.header, 0, o.payload.Len)
	default:
		w.fragments(o)
	}
}

// fragments cuts a message. An exact multiple of the fragment size is followed
// by an empty final continuation, as Autobahn does.
func (w *writer) fragments(o outgoing) {
	h := o.header
	h.Fin = false
	for from := 0; ; from += o.fragment {
		to := min(from+o.fragment, o.payload.Len)
		h.Fin = to-from < o.fragment
		w.frame(o, h, from, to)
		if h.Fin || w.err != nil {
			return
		}
		h.Opcode, h.RSV = wsproto.OpContinuation, 0
	}
}

func (w *writer) frame(o outgoing, h wsproto.Header, from, to int) {
	h.Length = uint64(to - from)
	if w.masks(o) {
		h.Masked, h.MaskKey = true, o.key
		if o.fragment > 0 {
			h.MaskKey = keyOf(w.pieces.Uint64())
		}
	}
	w.buf = wsproto.AppendHeader(w.buf, h)
	inHeader := o.cut > 0 && o.cut <= len(w.buf)
	if inHeader {
		w.cut(o.cut)
	}
	w.octets(o, h.MaskKey, from, to, 0)
	if o.cut > 0 && !inHeader {
		w.cut(o.cut)
	}
}

// bytes appends the payload from..to, masked, writing whenever a write is full.
func (w *writer) octets(o outgoing, key [4]byte, from, to, pos int) {
	size := writeBuffer
	if o.chop > 0 {
		size = o.chop
	}
	for from < to && w.err == nil {
		n := min(to-from, writeBuffer)
		start := len(w.buf)
		w.buf = o.payload.AppendRange(w.buf, from, from+n)
		if w.masks(o) && !o.plain {
			pos = wsproto.Mask(key, pos, w.buf[start:])
		}
		from += n
		w.full(size)
	}
	if o.chop > 0 {
		w.full(size)
	}
}

// full writes the buffer in pieces of size, as long as it holds that much.
func (w *writer) full(size int) {
	p := w.buf
	for len(p) >= size && w.err == nil {
		w.write(p[:size])
		p = p[size:]
		if size == 1 {
			time.Sleep(breather)
		}
	}
	w.buf = w.buf[:copy(w.buf, p)]
}

func (w *writer) flush() {
	if len(w.buf) > 0 && w.err == nil {
		w.write(w.buf)
	}
	w.buf = w.buf[:0]
}

func (w *writer) write(p []byte) {
	n, err := w.nc.Write(p)
	if n > 0 && w.onTx != nil {
		w.onTx(n)
	}
	w.err = err
}
