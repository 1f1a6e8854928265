package compliance_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A role is that of the peer under spec.
type role string

const (
	server role = "server"
	client role = "client"
)

// eachRole has the specs for a server and for a client, labelled so.
func eachRole(specs func(r role)) {
	for _, r := range []role{server, client} {
		Context("a "+string(r), Label(string(r)), func() { specs(r) })
	}
}

// step bounds each wait, within the bound of the whole spec. Nothing waits so
// long unless it has failed.
const step = 5 * time.Second

// bound is that of a spec.
const bound = SpecTimeout(4 * step)

// entry is a table entry with a bound: a table as a whole cannot have one.
func entry(description string, args ...any) TableEntry {
	GinkgoHelper()
	return Entry(description, append(args, bound)...)
}

// it is a spec with a bound.
func it(description string, args ...any) {
	GinkgoHelper()
	It(description, append(args, bound)...)
}

// A setup is how the peer under spec is opened. Its zero value is an echo that
// knows no extension.
type setup struct {
	deflate    *ws.Deflate
	extensions string // our offer to a server; our answer to a client
	readLimit  int64
	timeout    time.Duration                         // of the closing handshake; zero means that of ws
	sip        int                                   // bytes the peer reads at a time; zero is any number
	early      []byte                                // sent along with our half of the handshake
	do         func(context.Context, *ws.Conn) error // instead of the echo
}

// A wire is the far end of the peer under spec. It writes what it is told to and
// reads what is really there.
type wire struct {
	nc         *end
	role       role            // of the peer under spec
	bound      context.Context //nolint:containedctx // of the spec
	buf        []byte          // read and not used
	log        []string
	answer     string // the head of a server's last response
	extensions string // agreed
	fragments  bool   // the peer is inside a message
	done       chan struct{}
	result     error // of the peer; after done
}

// open makes a connection with its handshake done, and ends it after the spec.
func open(ctx context.Context, r role, s setup) *wire {
	GinkgoHelper()
	w := start(ctx, r, s)
	DeferCleanup(w.stop)
	w.shake(s)
	return w
}

// silent keeps peers from sending pings of their own accord.
const silent = time.Duration(-1)

// start has a peer take up a connection, its handshake not done.
func start(ctx context.Context, r role, s setup) *wire {
	if s.do == nil {
		s.do = ws.Echo
	}
	if r == server {
		return startServer(ctx, ws.AcceptOptions{
			Options: ws.Options{
				Deflate:      s.deflate,
				ReadLimit:    s.readLimit,
				CloseTimeout: s.timeout,
				PingInterval: silent,
			},
		}, s)
	}
	return startClient(ctx, "ws://example.com/chat", ws.DialOptions{
		Options: ws.Options{
			Deflate:      s.deflate,
			ReadLimit:    s.readLimit,
			CloseTimeout: s.timeout,
			PingInterval: silent,
		},
	}, s)
}

func startServer(ctx context.Context, opts ws.AcceptOptions, s setup) *wire {
	return run(ctx, server, s, func(ctx context.Context, nc net.Conn) (*ws.Conn, error) {
		return ws.AcceptNet(ctx, nc, &opts)
	})
}

func startClient(ctx context.Context, url string, opts ws.DialOptions, s setup) *wire {
	return run(ctx, client, s, func(ctx context.Context, nc net.Conn) (*ws.Conn, error) {
		opts.NetDial = func(context.Context, string, string) (net.Conn, error) { return nc, nil }
		return ws.Dial(ctx, url, &opts)
	})
}

func run(ctx context.Context, r role, s setup, handshake func(context.Context, net.Conn) (*ws.Conn, error)) *wire {
	near, far := pipe()
	near.sip = s.sip
	w := &wire{nc: far, role: r, bound: ctx, done: make(chan struct{})}
	go func() {
		defer GinkgoRecover()
		defer close(w.done)
		c, err := handshake(ctx, near)
		if err != nil {
			w.result = err
			return
		}
		defer c.CloseNow()
		if s.do == nil {
			s.do = ws.Echo
		}
		w.result = s.do(ctx, c)
	}()
	return w
}

// stop ends the connection and sees the peer off.
func (w *wire) stop() {
	GinkgoHelper()
	_ = w.nc.Close() // never fails
	w.wait()
}

// wait is for the peer to be done.
func (w *wire) wait() error {
	GinkgoHelper()
	select {
	case <-w.done:
		return w.result
	case <-time.After(step):
		Fail(fmt.Sprintf("the %s holds on to a connection that has ended\n%s", w.role, w))
		return nil
	}
}

// shake makes the opening handshake, which must succeed.
func (w *wire) shake(s setup) {
	GinkgoHelper()
	head := request("Sec-WebSocket-Extensions: " + s.extensions)
	if s.extensions == "" {
		head = request()
	}
	if w.role == client {
		asked := w.head()
		head = response(asked)
		if s.extensions != "" {
			head = response(asked, "Sec-WebSocket-Extensions: "+s.extensions)
		}
	}
	w.SendRaw(append([]byte(head), s.early...))
	if w.role == server {
		answer := w.head()
		Expect(answer).To(HavePrefix("HTTP/1.1 101 "))
		w.extensions = field(answer, "Sec-WebSocket-Extensions")
	}
}

// SendRaw sends bytes as they are.
func (w *wire) SendRaw(p []byte) {
	GinkgoHelper()
	w.note("> %d bytes: %s", len(p), brief(p))
	_, err := w.nc.Write(p)
	Expect(err).NotTo(HaveOccurred(), "%s", w)
}

// Send sends frames, masked if that is due, in one write.
func (w *wire) Send(frames ...frame) {
	GinkgoHelper()
	w.send(frames, w.role == server)
}

// SendMasking sends frames with or without masking, due or not.
func (w *wire) SendMasking(masked bool, frames ...frame) {
	GinkgoHelper()
	w.send(frames, masked)
}

func (w *wire) send(frames []frame, masked bool) {
	GinkgoHelper()
	var p []byte
	for _, f := range frames {
		if f.Masked = masked; masked {
			f.MaskKey = [4]byte{0x37, 0xFA, 0x21, 0x3D}
		}
		w.note("> %s", describe(f.Frame))
		p = wsproto.AppendFrame(p, f.Frame)
	}
	_, err := w.nc.Write(p)
	Expect(err).NotTo(HaveOccurred(), "%s", w)
}

// HangUp ends our direction of TCP.
func (w *wire) HangUp() {
	w.note("> end of TCP")
	_ = w.nc.CloseWrite() // never fails
}

func (w *wire) note(format string, args ...any) {
	w.log = append(w.log, fmt.Sprintf(format, args...))
}

// String is the log, for failures.
func (w *wire) String() string {
	return fmt.Sprintf("On the wire (> to the %s, < from it):\n  %s", w.role, strings.Join(w.log, "\n  "))
}

// fill waits for more bytes.
func (w *wire) fill() error {
	until := time.Now().Add(step)
	if d, ok := w.bound.Deadline(); ok && d.Before(until) {
		until = d
	}
	_ = w.nc.SetReadDeadline(until) // never fails
	p := make([]byte, 64<<10)
	n, err := w.nc.Read(p)
	w.buf = append(w.buf, p[:n]...)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errors.New("nothing came in time")
	}
	return err
}

// head waits for the head of a request or response and gives it with its empty
// line.
func (w *wire) head() string {
	GinkgoHelper()
	for {
		if i := bytes.Index(w.buf, []byte("\r\n\r\n")); i >= 0 {
			head := string(w.buf[:i+4])
			w.buf = w.buf[i+4:]
			w.note("< %q", head)
			return head
		}
		if err := w.fill(); err != nil {
			Fail(fmt.Sprintf("expected the %s to send its half of the handshake, but: %v\n%s", w.role, err, w))
		}
	}
}

// next waits for a frame, which must be legal. The error is io.EOF at the end of
// TCP.
func (w *wire) next() (wsproto.Frame, error) {
	for {
		h, n, err := wsproto.ParseHeader(w.buf)
		if err != nil {
			return wsproto.Frame{}, err
		}
		if n > 0 {
			if err := w.legal(h); err != nil {
				w.note("< illegal %s", describe(wsproto.Frame{Header: h}))
				return wsproto.Frame{}, err
			}
			if uint64(len(w.buf)-n) >= h.Length {
				f := wsproto.Frame{Header: h, Payload: bytes.Clone(w.buf[n : n+int(h.Length)])}
				w.buf = w.buf[n+int(h.Length):]
				if !h.Opcode.Control() {
					w.fragments = !h.Fin
				}
				for i := range f.Payload {
					f.Payload[i] ^= h.MaskKey[i%4] // zero if not masked
				}
				w.note("< %s", describe(f))
				return f, nil
			}
		}
		if err := w.fill(); err != nil {
			if errors.Is(err, io.EOF) && len(w.buf) > 0 {
				err = fmt.Errorf("TCP ends inside a frame, after %x", w.buf)
			} else if errors.Is(err, io.EOF) {
				w.note("< end of TCP")
			}
			return wsproto.Frame{}, err
		}
	}
}

// legal judges a header by RFC 6455 §5, on its own account.
func (w *wire) legal(h wsproto.Header) error {
	control := h.Opcode >= 8
	switch {
	case w.role == server && h.Masked:
		return errors.New("a server's frame is masked")
	case w.role == client && !h.Masked:
		return errors.New("a client's frame is not masked")
	case h.Opcode > 2 && h.Opcode < 8 || h.Opcode > 10:
		return fmt.Errorf("a frame has the reserved opcode %d", h.Opcode)
	case control && (!h.Fin || h.Length > 125):
		return errors.New("a control frame is fragmented or long")
	case h.Form == wsproto.Form16 && h.Length < 126, h.Form == wsproto.Form64 && h.Length < 65536:
		return fmt.Errorf("the length %d is not in its shortest form", h.Length)
	case h.RSV&(wsproto.RSV2|wsproto.RSV3) != 0:
		return errors.New("a reserved bit is set")
	case h.RSV != 0 && (w.extensions == "" || control || h.Opcode == wsproto.OpContinuation):
		return errors.New("RSV1 is set where it means nothing")
	case !control && w.fragments != (h.Opcode == wsproto.OpContinuation):
		return fmt.Errorf("a %s frame comes at the wrong time", h.Opcode)
	}
	return nil
}

// message waits for a message, in whatever fragments, and gives its bytes as
// they are on the wire. Nothing may come in between.
func (w *wire) message() (op wsproto.Opcode, rsv uint8, p []byte, err error) {
	for {
		f, err := w.next()
		if err != nil {
			return 0, 0, nil, err
		}
		if f.Opcode.Control() {
			return 0, 0, nil, fmt.Errorf("a frame came that was not expected: %s", describe(f))
		}
		if f.Opcode != wsproto.OpContinuation {
			op, rsv = f.Opcode, f.RSV
		}
		if p = append(p, f.Payload...); f.Fin {
			return op, rsv, p, nil
		}
	}
}

// take waits for so many bytes and gives them as they are.
func (w *wire) take(n int) []byte {
	GinkgoHelper()
	for len(w.buf) < n {
		Expect(w.fill()).To(Succeed(), "after %x\n%s", w.buf, w)
	}
	p := bytes.Clone(w.buf[:n])
	w.buf = w.buf[n:]
	w.note("< %d bytes: %s", n, brief(p))
	return p
}
