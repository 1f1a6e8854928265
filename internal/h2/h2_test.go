package h2_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/wsconform/wsconform/internal/h2"
)

var (
	request  = []hpack.HeaderField{{Name: ":method", Value: "CONNECT"}, {Name: ":protocol", Value: "websocket"}}
	response = []hpack.HeaderField{{Name: ":status", Value: "200"}}
)

// soon is a time that nothing takes here.
func soon() time.Time { return time.Now().Add(10 * time.Second) }

// pair returns both ends of a connection, and the streams that the server is asked for.
func pair(t *testing.T, client, server h2.Options) (*h2.Conn, *h2.Conn, chan *h2.Stream) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	out, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	in, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan *h2.Stream, 10)
	server.Server, server.Accept = true, func(s *h2.Stream) { asked <- s }
	a, err := h2.Open(out, client)
	if err != nil {
		t.Fatal(err)
	}
	b, err := h2.Open(in, server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		a.Close()
		b.Close()
	})
	return a, b, asked
}

// stream returns both ends of a stream on which a request was answered.
func stream(t *testing.T, a *h2.Conn, asked chan *h2.Stream) (client, server *h2.Stream) {
	t.Helper()
	if settings, connect := a.Announced(soon()); !settings || !connect {
		t.Fatalf("got settings %t, extended CONNECT %t", settings, connect)
	}
	client = a.NewStream()
	if err := client.Headers(request, h2.HeadersForm{Pad: 9, Split: 3, Empty: 2}); err != nil {
		t.Fatal(err)
	}
	server = <-asked
	if fields, ended := server.Request(); h2.Value(fields, ":protocol") != "websocket" || ended {
		t.Errorf("got %v, ended %t", fields, ended)
	}
	if err := server.Headers(response, h2.HeadersForm{}); err != nil {
		t.Fatal(err)
	}
	if fields, err := client.Head(soon()); err != nil || h2.Value(fields, ":status") != "200" {
		t.Fatalf("got %v, %v", fields, err)
	}
	return client, server
}

// A stream carries any number of bytes both ways, and each direction ends by itself.
func TestStream(t *testing.T) {
	a, _, asked := pair(t, h2.Options{}, h2.Options{})
	client, server := stream(t, a, asked)
	go func() {
		io.Copy(server, server)
		server.CloseWrite()
	}()
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // more than any window
	go func() {
		client.Write(sent)
		client.CloseWrite()
	}()
	client.SetReadDeadline(soon())
	if got, err := io.ReadAll(client); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("got %d bytes and %v, want %d", len(got), err, len(sent))
	}
}

// RST_STREAM is the reset of a connection, and leaves the other streams alone.
func TestReset(t *testing.T) {
	a, _, asked := pair(t, h2.Options{}, h2.Options{})
	client, server := stream(t, a, asked)
	other, answers := stream(t, a, asked)
	server.SetLinger(0)
	server.Close()
	_, err := client.Read(make([]byte, 1))
	var reset *h2.ResetError
	if !errors.As(err, &reset) || reset.Code != http2.ErrCodeCancel || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v", err)
	}
	if _, err := client.Write([]byte("x")); !errors.As(err, &reset) {
		t.Errorf("write: got %v", err)
	}
	answers.Write([]byte("y"))
	buf := make([]byte, 4)
	if n, err := other.Read(buf); err != nil || string(buf[:n]) != "y" {
		t.Errorf("got %q, %v", buf[:n], err)
	}
}

// A deadline ends calls under way.
func TestDeadline(t *testing.T) {
	a, _, asked := pair(t, h2.Options{}, h2.Options{Settings: []http2.Setting{{ID: http2.SettingInitialWindowSize}, {ID: http2.SettingEnableConnectProtocol, Val: 1}}})
	client, _ := stream(t, a, asked)
	client.SetDeadline(time.Now().Add(time.Millisecond))
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: got %v", err)
	}
	if _, err := client.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("write into a window of 0: got %v", err)
	}
}

// What a peer does wrong is told.
func TestOffences(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(b *h2.Conn, s *h2.Stream)
		want string
	}{
		{"DATA behind END_STREAM", func(_ *h2.Conn, s *h2.Stream) { s.CloseWrite(); s.Data([]byte("x"), -1, false) }, "after END_STREAM"},
		{"more than the window", func(_ *h2.Conn, s *h2.Stream) { s.Data(make([]byte, 2000), -1, false) }, "window of the stream"},
		{"a stream that is not open", func(b *h2.Conn, _ *h2.Stream) { b.Raw(http2.FrameData, 0, 99, []byte("x")) }, "not open"},
		{"a long frame", func(b *h2.Conn, s *h2.Stream) { b.Raw(http2.FrameData, 0, s.ID, make([]byte, 20000)) }, "MAX_FRAME_SIZE"},
	} {
		t.Run(test.name, func(t *testing.T) {
			offences := make(chan h2.Offence, 10)
			a, b, asked := pair(t, h2.Options{
				Manual: true, Settings: []http2.Setting{{ID: http2.SettingInitialWindowSize, Val: 1000}},
				Frame: func(f h2.Frame) {
					for _, o := range f.Offences {
						offences <- o
					}
				},
			}, h2.Options{})
			_, server := stream(t, a, asked)
			test.do(b, server)
			if o := <-offences; !strings.Contains(o.Words, test.want) {
				t.Errorf("got %v, want %q", o, test.want)
			}
		})
	}
}

// SETTINGS change the windows of the streams that are open by the difference (RFC 9113
// §6.9.2), also to less than nothing.
func TestSettingsChangeWindows(t *testing.T) {
	for _, fixed := range []bool{false, true} {
		a, b, asked := pair(t, h2.Options{Fixed: fixed}, h2.Options{})
		client, server := stream(t, a, asked)
		if _, err := client.Write(make([]byte, 2000)); err != nil {
			t.Fatal(err)
		}
		before := client.Window()
		for _, size := range []uint32{1000, 100000, 1000} {
			if err := b.Settings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: size}); err != nil {
				t.Fatal(err)
			}
			if _, err := server.Write([]byte("x")); err != nil { // it comes behind them
				t.Fatal(err)
			}
			client.SetReadDeadline(soon())
			if _, err := client.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			want := before + int64(size) - int64(h2.Usual(true)[0].Val)
			if fixed {
				want = before
			}
			if got := client.Window(); got != want {
				t.Errorf("fixed %t, an initial window of %d: got %d, want %d", fixed, size, got, want)
			}
		}
	}
}

// A flood of header blocks, and what is no HTTP/2, end the connection.
func TestBounds(t *testing.T) {
	a, b, _ := pair(t, h2.Options{Mute: true}, h2.Options{}) // it writes nothing in between
	fragment := bytes.Repeat([]byte{0}, 1<<14)
	a.Raw(http2.FrameHeaders, 0, 1, fragment)
	for range 20 {
		a.Raw(http2.FrameContinuation, 0, 1, fragment)
	}
	<-b.Done()
	if err := b.Err(); !strings.Contains(err.Error(), "longer than") {
		t.Errorf("got %v", err)
	}
	a, b, _ = pair(t, h2.Options{Silent: true}, h2.Options{})
	io.WriteString(a.NetConn(), "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
	<-b.Done()
	if err := b.Err(); !strings.Contains(err.Error(), "preface") {
		t.Errorf("got %v", err)
	}
}

// A peer whose frames are tiny is no flood: what is given back to its window goes together.
func TestTinyFrames(t *testing.T) {
	const frames = 5000
	a, _, asked := pair(t, h2.Options{}, h2.Options{Delay: 300 * time.Millisecond}) // of all answers, too
	client := a.NewStream()
	client.Headers(request, h2.HeadersForm{})
	for range frames {
		client.Data([]byte("x"), 0, false) // the byte that says that there is no padding is given back at once
	}
	server := <-asked
	server.SetReadDeadline(soon())
	if n, err := io.ReadFull(server, make([]byte, frames)); err != nil {
		t.Errorf("got %d of %d frames, %v", n, frames, err)
	}
}

func TestFrameText(t *testing.T) {
	for _, test := range []struct {
		f    h2.Frame
		want string
	}{
		{h2.Frame{Type: http2.FrameSettings, Settings: []http2.Setting{{ID: http2.SettingEnableConnectProtocol, Val: 1}}}, "SETTINGS, ENABLE_CONNECT_PROTOCOL = 1"},
		{h2.Frame{Type: http2.FrameData, Stream: 3, Data: 5, Len: 9, Padded: true, Flags: http2.FlagDataEndStream}, "DATA on stream 3, 5 bytes, padded to 9, END_STREAM"},
		{h2.Frame{Type: http2.FrameHeaders, Stream: 1, Fields: append(response, hpack.HeaderField{Name: "cookie", Value: "secret"})}, "HEADERS on stream 1, :status: 200, cookie"},
		{h2.Frame{Type: http2.FrameGoAway, Code: http2.ErrCodeProtocol, Value: 7}, "GOAWAY, PROTOCOL_ERROR, last stream 7"},
	} {
		if got := test.f.String(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
