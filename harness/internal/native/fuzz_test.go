package native

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/internal/pattern"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A replay is a connection on which the peer's bytes are known beforehand.
type replay struct {
	net.Conn // nil: what the player does not use must not be called
	in       io.Reader
}

func (r *replay) Read(p []byte) (int, error)     { return r.in.Read(p) }
func (*replay) Write(p []byte) (int, error)      { return len(p), nil }
func (*replay) SetReadDeadline(time.Time) error  { return nil }
func (*replay) SetWriteDeadline(time.Time) error { return nil }
func (*replay) Close() error                     { return nil }

// FuzzReceive plays cases against any bytes: every one comes to an end, with a
// transcript within its bounds.
func FuzzReceive(f *testing.F) {
	text := wsproto.Frame{Header: wsproto.Header{Fin: true, Opcode: wsproto.OpText, Masked: true}, Payload: []byte("Hello")}
	bye := wsproto.Frame{Header: wsproto.Header{Fin: true, Opcode: wsproto.OpClose, Masked: true}, Payload: []byte{3, 0xe8}}
	f.Add(uint8(0), true, wsproto.AppendFrame(wsproto.AppendFrame(nil, text), bye))
	f.Add(uint8(90), false, []byte{0x01, 0x02, 0xff, 0xff, 0x80, 0x00})
	f.Add(uint8(200), true, []byte{0xc1, 0x85, 0, 0, 0, 0, 0xca, 0x48, 0xcd, 0xc9, 0xc9})
	f.Add(uint8(3), false, []byte{0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255, 0})
	all, err := pattern.Select(catalogue.All(), []string{"*"}, []string{"6.4.*", "9.3.*", "9.4.*", "9.5.*", "9.6.*"})
	if err != nil {
		f.Fatal(err)
	}
	streams := NewStreams(nil)
	f.Cleanup(func() { streams.Close() })
	f.Fuzz(func(t *testing.T, which uint8, client bool, data []byte) {
		c := all[int(which)*2%len(all)]
		role := cases.Server
		if client {
			role = cases.Client
		}
		nc := conn{Conn: &replay{in: bytes.NewReader(bytes.Clone(data))}}
		if c.Deflate() != nil {
			nc.deflate = &agreement{ourBits: 15, peerBits: 9}
		}
		tr, err := play(t.Context(), nc, c, 0, role, manner{streams: streams})
		if err != nil {
			t.Fatal(err)
		}
		if len(tr.Log) > 2*logBound || len(tr.Events) > 1000 {
			t.Errorf("%s: %d log entries and %d events, want fewer", c.ID, len(tr.Log), len(tr.Events))
		}
		c.Judge(tr)
	})
}

// FuzzRequest reads any opening handshake of a client.
func FuzzRequest(f *testing.F) {
	f.Add("GET /runCase?case=1&agent=a HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
		"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n")
	f.Add("GET / HTTP/1.1\r\n\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := readHead(strings.NewReader(text))
		if err != nil {
			return
		}
		offers, refused := checkRequest(h, false)
		if refused != nil {
			return
		}
		agreed, extension := acceptOffer(&cases.Deflate{Accept: []cases.Demand{{MaxWindowBits: 9}, {}}}, offers)
		if (agreed == nil) != (extension == "") {
			t.Errorf("got agreement %v and extension %q, want both or neither", agreed, extension)
		}
		if strings.ContainsAny(extension, "\r\n") {
			t.Errorf("the extension %q breaks the response", extension)
		}
	})
}

// FuzzResponse reads any opening handshake of a server.
func FuzzResponse(f *testing.F) {
	const key = "dGhlIHNhbXBsZSBub25jZQ=="
	f.Add("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + wsproto.AcceptKey(key) +
		"\r\nSec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9\r\n\r\n")
	f.Add("HTTP/1.1 400 Bad Request\r\n\r\n")
	c, _ := catalogue.Find("13.3.1")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := readHead(strings.NewReader(text))
		if err != nil {
			return
		}
		agreed, err := checkResponse(h, key, c.Deflate(), nil, false)
		if err == nil && agreed != nil && (agreed.peerBits < 8 || agreed.peerBits > 15 || agreed.ourBits < 8 || agreed.ourBits > 15) {
			t.Errorf("got windows of %d and %d bits, want 8..15", agreed.ourBits, agreed.peerBits)
		}
	})
}
