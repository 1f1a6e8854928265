package ws_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// pair connects a client and a server in memory.
func pair(t testing.TB, dial *ws.DialOptions, accept *ws.AcceptOptions) (client, server *ws.Conn) {
	t.Helper()
	near, far := net.Pipe()
	if dial == nil {
		dial = &ws.DialOptions{}
	}
	d := *dial
	d.NetDial = func(context.Context, string, string) (net.Conn, error) { return near, nil }
	accepted := make(chan error, 1)
	go func() {
		var err error
		server, err = ws.AcceptNet(context.Background(), far, accept)
		accepted <- err
	}()
	client, err := ws.Dial(context.Background(), "ws://pipe/", &d)
	if aerr := <-accepted; err != nil || aerr != nil {
		t.Fatalf("dial: %v, accept: %v", err, aerr)
	}
	t.Cleanup(func() { client.CloseNow(); server.CloseNow() })
	return client, server
}

// over has a client take a connection that exists.
func over(nc net.Conn) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) { return nc, nil }
}

// A rawPeer is the far end of a Conn, byte by byte.
type rawPeer struct {
	net.Conn
	t      testing.TB
	server bool // what it plays
}

// rawPair connects a Conn of one role to a raw peer of the other. The Conn sends
// no pings.
func rawPair(t testing.TB, server bool, deflate *ws.Deflate) (*ws.Conn, *rawPeer) {
	t.Helper()
	return rawPairWith(t, server, deflate, pings{every: -1}, nil)
}

// pings are what options call PingInterval and PingTimeout.
type pings struct{ every, within time.Duration }

func rawPairWith(t testing.TB, server bool, deflate *ws.Deflate, alive pings, hook func(*ws.Conn, bool, wsproto.Frame)) (*ws.Conn, *rawPeer) {
	t.Helper()
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close(); far.Close() })
	peer := &rawPeer{Conn: far, t: t, server: !server}
	type result struct {
		c   *ws.Conn
		err error
	}
	made := make(chan result, 1)
	go func() {
		var r result
		if server {
			r.c, r.err = ws.AcceptNet(context.Background(), near, &ws.AcceptOptions{Options: ws.Options{Deflate: deflate, ReadLimit: 1 << 16, PingInterval: alive.every, PingTimeout: alive.within, OnFrame: hook}})
		} else {
			r.c, r.err = ws.Dial(context.Background(), "ws://pipe/", &ws.DialOptions{
				Options: ws.Options{
					Deflate:      deflate,
					ReadLimit:    1 << 16,
					PingInterval: alive.every, PingTimeout: alive.within, OnFrame: hook,
				},
				NetDial: func(context.Context, string, string) (net.Conn, error) { return near, nil },
			})
		}
		made <- r
	}()
	if server {
		req := "GET / HTTP/1.1\r\nHost: pipe\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		if deflate != nil {
			req += "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
		}
		_, _ = io.WriteString(far, req+"\r\n")
		peer.head()
	} else {
		head := peer.head()
		key := headerOf(head, "Sec-WebSocket-Key")
		resp := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
			"Sec-WebSocket-Accept: " + wsproto.AcceptKey(key) + "\r\n"
		if deflate != nil {
			resp += "Sec-WebSocket-Extensions: permessage-deflate\r\n"
		}
		_, _ = io.WriteString(far, resp+"\r\n")
	}
	r := <-made
	if r.err != nil {
		t.Fatalf("handshake: %v", r.err)
	}
	return r.c, peer
}

func headerOf(head []byte, name string) string {
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		if n, v, ok := bytes.Cut(line, []byte(": ")); ok && bytes.EqualFold(n, []byte(name)) {
			return string(v)
		}
	}
	return ""
}

func (p *rawPeer) head() []byte {
	var head []byte
	b := make([]byte, 1)
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		if _, err := p.Read(b); err != nil {
			p.t.Errorf("handshake: %v", err)
			return nil
		}
		head = append(head, b[0])
	}
	return head
}

// frame makes a legal frame out of what is given.
func (p *rawPeer) frame(f wsproto.Frame) []byte {
	if !p.server {
		f.Masked, f.MaskKey = true, [4]byte{1, 2, 3, 4}
	}
	return wsproto.AppendFrame(nil, f)
}

func text(s string) wsproto.Frame {
	return wsproto.Frame{Header: wsproto.Header{Fin: true, Opcode: wsproto.OpText}, Payload: []byte(s)}
}

func frame(op wsproto.Opcode, fin bool, s string) wsproto.Frame {
	return wsproto.Frame{Header: wsproto.Header{Fin: fin, Opcode: op}, Payload: []byte(s)}
}

func closing(code wsproto.StatusCode, reason string) wsproto.Frame {
	return wsproto.Frame{Header: wsproto.Header{Fin: true, Opcode: wsproto.OpClose}, Payload: wsproto.AppendClose(nil, code, reason)}
}

// next reads one frame, unmasked.
func (p *rawPeer) next() (wsproto.Frame, error) {
	h, err := wsproto.ReadHeader(p)
	if err != nil {
		return wsproto.Frame{}, err
	}
	if h.Masked == p.server != true {
		return wsproto.Frame{}, errors.New("wrong masking")
	}
	f := wsproto.Frame{Header: h, Payload: make([]byte, h.Length)}
	if _, err := io.ReadFull(p, f.Payload); err != nil {
		return f, err
	}
	if h.Masked {
		wsproto.Mask(h.MaskKey, 0, f.Payload)
	}
	return f, nil
}

// collect reads frames until the end of the connection or a close frame.
func (p *rawPeer) collect() <-chan []wsproto.Frame {
	got := make(chan []wsproto.Frame, 1)
	go func() {
		var list []wsproto.Frame
		defer func() { got <- list }()
		for {
			f, err := p.next()
			if err != nil {
				return
			}
			list = append(list, f)
			if f.Opcode == wsproto.OpClose {
				p.Close()
				return
			}
		}
	}()
	return got
}

func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// timedOut: the bound of an operation ran out.
func timedOut(err error, op string) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) && strings.Contains(err.Error(), op+" timed out after ")
}
