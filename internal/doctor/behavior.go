package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// token is the payload of our pings.
const token = "wsconform doctor"

// ping asks for a pong (RFC 6455 §5.5.2).
func (e *examination) ping(ctx context.Context) {
	c, err := e.connect(ctx, e.options())
	if err != nil {
		e.later(Ping, err)
		return
	}
	defer c.CloseNow()
	bound, cancel := context.WithTimeout(ctx, probeBound)
	defer cancel()
	latency, err := c.Ping(bound)
	if err != nil {
		f := Finding{Topic: Ping, State: Fault, Rule: "RFC 6455 section 5.5.2", Saw: "instead of a pong, the connection ends: " + err.Error(), Advice: "clients that check whether the connection lives will end it"}
		if errors.Is(err, context.DeadlineExceeded) {
			f.Saw = fmt.Sprintf("it does not answer a ping within %v", probeBound)
		} else if broke, ok := broken(err); ok {
			f = broke
			f.Topic, f.State = Ping, Fault
		}
		e.found(f)
		return
	}
	e.found(Finding{Topic: Ping, State: OK, Saw: fmt.Sprintf("answered after %v", latency.Round(10*time.Microsecond))})
}

// later says that a connection was not opened, though the first was.
func (e *examination) later(t Topic, err error) {
	e.found(Finding{Topic: t, State: Warning, Saw: "a further connection was not opened: " + refusal(err), Advice: "it may allow few connections at a time"})
}

// A trailing connection sends bytes in the same segment as the first that are written,
// those of the opening handshake.
type trailing struct {
	net.Conn
	bytes []byte
}

func (t *trailing) Write(p []byte) (int, error) {
	more := t.bytes
	t.bytes = nil
	if n, err := t.Conn.Write(append(bytes.Clone(p), more...)); err != nil {
		return min(n, len(p)), err
	}
	return len(p), nil
}

// firstFrame sends a ping in the segment of the opening handshake. A server reads it once
// the connection is open; a proxy in between may lose it. A client should wait for the
// answer (RFC 6455 §4.1), so losing it is no fault, but frames right behind the handshake
// often are lost with it.
func (e *examination) firstFrame(ctx context.Context) {
	if e.target.URL.Scheme == "wss" {
		return // TLS puts them into records of its own, and the question is one of segments
	}
	o := e.options()
	dial := o.NetDial
	ping := wsproto.AppendFrame(nil, wsproto.Frame{Header: wsproto.Header{Fin: true, Opcode: wsproto.OpPing, Masked: true, MaskKey: [4]byte{1, 2, 3, 4}, Length: uint64(len(token))}, Payload: []byte(token)})
	o.NetDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &trailing{Conn: nc, bytes: ping}, nil
	}
	c, err := e.connect(ctx, o)
	if err != nil {
		e.found(Finding{Topic: FirstFrame, State: Note, Saw: "a request with a frame in its segment is turned away: " + refusal(err)})
		return
	}
	nc, early, err := c.Hijack()
	if err != nil {
		e.later(FirstFrame, err)
		return
	}
	defer nc.Close()
	r := io.MultiReader(bytes.NewReader(early), nc)
	switch got, err := answer(nc, r, probeBound/2); {
	case got.Opcode == wsproto.OpPong && string(got.Payload) == token:
		e.found(Finding{Topic: FirstFrame, State: OK, Saw: "a frame in the request's own segment arrives"})
	case err == nil:
		e.found(Finding{Topic: FirstFrame, State: Note, Saw: "a frame in the request's own segment is answered with " + got.Opcode.String()})
	case !isTimeout(err):
		e.found(Finding{Topic: FirstFrame, State: Note, Saw: "a frame in the request's own segment ends the connection"})
	default: // lost, or does the server answer no ping at all?
		if _, err := nc.Write(ping); err != nil {
			return
		}
		if got, _ := answer(nc, r, probeBound/2); got.Opcode == wsproto.OpPong {
			e.found(Finding{Topic: FirstFrame, State: Warning, Saw: "the first frame is lost if it comes in the segment of the request; a later one arrives", Advice: "the server, or a proxy before it, drops what it has read beyond the request; clients must wait for the 101, and some do not"})
		}
	}
}

// masking sends an unmasked ping, upon which a server must close (RFC 6455 §5.1).
func (e *examination) masking(ctx context.Context) {
	c, err := e.connect(ctx, e.options())
	if err != nil {
		e.later(Masking, err)
		return
	}
	nc, early, err := c.Hijack()
	if err != nil {
		e.later(Masking, err)
		return
	}
	defer nc.Close()
	unmasked := wsproto.AppendFrame(nil, wsproto.Frame{Header: wsproto.Header{Fin: true, Opcode: wsproto.OpPing, Length: uint64(len(token))}, Payload: []byte(token)})
	if _, err := nc.Write(unmasked); err != nil {
		e.later(Masking, err)
		return
	}
	const rule = "RFC 6455 section 5.1"
	const advice = "a server must close upon an unmasked frame: masks keep proxies from taking frames for HTTP"
	switch got, err := answer(nc, io.MultiReader(bytes.NewReader(early), nc), probeBound/2); {
	case got.Opcode == wsproto.OpPong:
		e.found(Finding{Topic: Masking, State: Fault, Rule: rule, Saw: "it takes an unmasked frame: it answers an unmasked ping", Advice: advice})
	case got.Opcode == wsproto.OpClose:
		code, _, _ := wsproto.ParseClose(got.Payload)
		e.found(Finding{Topic: Masking, State: OK, Saw: fmt.Sprintf("upon an unmasked frame it closes, with %d", code)})
	case isTimeout(err):
		e.found(Finding{Topic: Masking, State: Fault, Rule: rule, Saw: "upon an unmasked frame it does not close the connection", Advice: advice})
	case err != nil:
		e.found(Finding{Topic: Masking, State: OK, Saw: "upon an unmasked frame it ends the connection"})
	}
}

// idle leaves a connection alone, and looks whether somebody ends it.
func (e *examination) idle(ctx context.Context) {
	wait := e.opts.idle()
	if wait == 0 {
		return
	}
	o := e.options()
	pings := 0
	o.OnFrame = func(_ *ws.Conn, sent bool, f wsproto.Frame) {
		if !sent && f.Opcode == wsproto.OpPing {
			pings++
		}
	}
	c, err := e.connect(ctx, o)
	if err != nil {
		e.later(Idle, err)
		return
	}
	defer c.CloseNow()
	bound, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	start, messages := time.Now(), 0
	for {
		_, r, err := c.Reader(bound)
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		if err == nil {
			messages++
			continue
		}
		lasted := time.Since(start)
		switch sent := sent(messages, pings); {
		case ctx.Err() != nil:
		case bound.Err() != nil:
			e.found(Finding{Topic: Idle, State: OK, Saw: fmt.Sprintf("still open after %v without a word from us%s", wait, sent)})
		case errors.As(err, new(*wsproto.ProtocolError)):
			f, _ := broken(err)
			f.Topic, f.State = Idle, Warning
			e.found(f)
		default:
			e.found(Finding{Topic: Idle, State: Warning, Saw: fmt.Sprintf("cut after %.1f s without a word from us%s: %v", lasted.Seconds(), sent, err), Advice: fmt.Sprintf("send pings more often than every %.0f s, or raise the limit of the server or the proxy before it", max(1, lasted.Seconds()/2))})
		}
		return
	}
}

// broken says that the server has sent what no client accepts, if that is what err says.
func broken(err error) (Finding, bool) {
	p, ok := errors.AsType[*wsproto.ProtocolError](err)
	if !ok {
		return Finding{}, false
	}
	return Finding{Saw: "it breaks the protocol: " + p.Error(), Advice: "clients end the connection upon that"}, true
}

// sent says what came by itself.
func sent(messages, pings int) string {
	switch {
	case messages > 0 && pings > 0:
		return fmt.Sprintf(" (it sent %s and %s)", count(messages, "message"), count(pings, "ping"))
	case messages > 0:
		return fmt.Sprintf(" (it sent %s)", count(messages, "message"))
	case pings > 0:
		return fmt.Sprintf(" (it sent %s)", count(pings, "ping"))
	}
	return ""
}

// answer reads until a control frame comes, for so long. Data frames are passed over.
func answer(nc net.Conn, r io.Reader, wait time.Duration) (wsproto.Frame, error) {
	nc.SetReadDeadline(time.Now().Add(wait)) //nolint:errcheck // a broken connection shows in the next call
	for {
		h, err := wsproto.ReadHeader(r)
		if err != nil {
			return wsproto.Frame{}, err
		}
		if !h.Opcode.Control() || h.Length > wsproto.MaxControlPayload {
			if _, err := io.CopyN(io.Discard, r, int64(min(h.Length, 1<<62))); err != nil {
				return wsproto.Frame{}, err
			}
			continue
		}
		f := wsproto.Frame{Header: h, Payload: make([]byte, h.Length)}
		_, err = io.ReadFull(r, f.Payload)
		if err == nil && (h.Opcode == wsproto.OpPong || h.Opcode == wsproto.OpClose) {
			return f, nil
		}
		if err != nil {
			return wsproto.Frame{}, err
		}
	}
}

// isTimeout reports whether nothing came in time.
func isTimeout(err error) bool {
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout()
}
