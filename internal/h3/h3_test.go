package h3

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/quic-go/quic-go/quicvarint"
	"golang.org/x/net/http2/hpack"
)

// selfSigned is a certificate that nobody has to trust.
var selfSigned = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

// notes keeps frames.
type notes struct {
	mu   sync.Mutex
	list []string
}

func (n *notes) take(f Frame) {
	n.mu.Lock()
	defer n.mu.Unlock()
	words := f.String()
	if f.Out {
		words = "> " + words
	}
	for _, o := range f.Offences {
		words += " [" + o.Words + "]"
	}
	n.list = append(n.list, words)
}

func (n *notes) has(words string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.ContainsFunc(n.list, func(s string) bool { return strings.Contains(s, words) })
}

// link connects two ends over loopback until the test ends.
func link(t testing.TB) (client, server *Link) {
	t.Helper()
	l, err := Listen("127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{selfSigned()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	client, err = Dial(ctx, l.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{NextProto}})
	if err != nil {
		t.Fatal(err)
	}
	nc, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client, nc.(*Link)
}

// connect begins HTTP/3 on both ends.
func connect(t testing.TB, server Options) (*Conn, *notes) {
	t.Helper()
	cl, sl := link(t)
	server.Server = true
	sc, err := Open(sl, server)
	if err != nil {
		t.Fatal(err)
	}
	n := new(notes)
	cc, err := Open(cl, Options{Frame: n.take})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cc.Close()
		_ = sc.Close()
	})
	return cc, n
}

var request = []hpack.HeaderField{{Name: ":method", Value: "CONNECT"}, {Name: ":protocol", Value: "websocket"}, {Name: "cookie", Value: "secret"}}

// within is a deadline that is not meant to be met.
func within() time.Time { return time.Now().Add(20 * time.Second) }

// ask opens a stream and sends a request.
func ask(t testing.TB, c *Conn) *Stream {
	t.Helper()
	if settings, connect := c.Announced(within()); !settings || !connect {
		t.Fatalf("announced: settings %t, extended CONNECT %t", settings, connect)
	}
	s, err := c.NewStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Headers(request, false); err != nil {
		t.Fatal(err)
	}
	return s
}

// echo answers a request and echoes until FIN.
func echo(s *Stream) {
	s.Headers([]hpack.HeaderField{{Name: ":status", Value: "103"}}, false)
	s.Headers([]hpack.HeaderField{{Name: ":status", Value: "200"}}, false)
	io.Copy(struct{ io.Writer }{s}, struct{ io.Reader }{s})
	s.Close()
}

// A stream is a connection: a head, bytes in both directions, FIN.
func TestStream(t *testing.T) {
	c, n := connect(t, Options{Accept: echo})
	s := ask(t, c)
	head, err := s.Head(within())
	if err != nil || len(head) != 1 || head[0].Value != "200" {
		t.Fatalf("got %v, %v", head, err)
	}
	p := bytes.Repeat([]byte("0123456789"), 30_000)
	go func() {
		s.Write(p)
		s.Raw(0x21, []byte("reserved"))
		s.Data(nil, true)
	}()
	got, err := io.ReadAll(s)
	if err != nil || !bytes.Equal(got, p) {
		t.Errorf("got %d bytes, want %d: %v", len(got), len(p), err)
	}
	for _, want := range []string{
		"SETTINGS, ENABLE_CONNECT_PROTOCOL = 1", "> HEADERS on stream 0, :method: CONNECT, :protocol: websocket, cookie",
		"HEADERS on stream 0, :status: 200", "> frame of type 0x21 on stream 0, 8 bytes", "> FIN on stream 0", "FIN on stream 0",
	} {
		if !n.has(want) {
			t.Errorf("no frame %q in\n%s", want, strings.Join(n.list, "\n"))
		}
	}
	if n.has("secret") {
		t.Error("the text of a frame has the value of a cookie")
	}
}

// Resets come through in both directions, and deadlines lose nothing.
func TestEnds(t *testing.T) {
	t.Run("the peer resets", func(t *testing.T) {
		c, n := connect(t, Options{Accept: func(s *Stream) { s.Reset(RequestCancelled) }})
		_, err := ask(t, c).Head(within())
		reset, ok := errors.AsType[*ResetError](err)
		if !ok || reset.Code != RequestCancelled || !errors.Is(err, syscall.ECONNRESET) || !n.has("RESET_STREAM on stream 0, H3_REQUEST_CANCELLED") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("Close after SetLinger", func(t *testing.T) {
		saw := make(chan error, 1)
		c, _ := connect(t, Options{Accept: func(s *Stream) {
			s.Headers([]hpack.HeaderField{{Name: ":status", Value: "200"}}, false)
			_, err := io.ReadAll(s)
			saw <- err
		}})
		s := ask(t, c)
		if _, err := s.Head(within()); err != nil { // a reset may overtake the request
			t.Fatal(err)
		}
		s.SetLinger(0)
		s.Close()
		if err := <-saw; !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the server saw %v", err)
		}
		if _, err := s.Write([]byte("a")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("write after close: %v", err)
		}
	})
	t.Run("a deadline", func(t *testing.T) {
		more := make(chan struct{})
		c, _ := connect(t, Options{Accept: func(s *Stream) {
			s.Headers([]hpack.HeaderField{{Name: ":status", Value: "200"}}, false)
			s.write([]byte{byte(FrameData), 4, 'a', 'b'})
			<-more
			s.write([]byte("cd"))
			s.CloseWrite()
			s.Parted(within())
		}})
		s := ask(t, c)
		if _, err := s.Head(within()); err != nil {
			t.Fatal(err)
		}
		p := make([]byte, 10)
		n, err := io.ReadFull(s, p[:2])
		if err != nil {
			t.Fatal(n, err)
		}
		s.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		if _, err := s.Read(p[2:]); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		close(more)
		s.SetReadDeadline(time.Time{})
		if rest, err := io.ReadAll(s); err != nil || string(p[:2])+string(rest) != "abcd" {
			t.Errorf("got %q, %v", rest, err)
		}
		s.CloseWrite()
	})
	t.Run("the connection ends", func(t *testing.T) {
		c, _ := connect(t, Options{Accept: func(s *Stream) { s.Conn().End(0x102) }})
		_, err := ask(t, c).Head(within())
		if err == nil || !strings.Contains(err.Error(), "H3_INTERNAL_ERROR") {
			t.Errorf("got %v", err)
		}
		<-c.Done()
		if err := c.Err(); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("the connection: got %v", err)
		}
	})
	t.Run("the connection ends in order", func(t *testing.T) {
		c, _ := connect(t, Options{Accept: func(s *Stream) { s.Conn().End(NoError) }})
		ask(t, c)
		<-c.Done()
		if err := c.Err(); !errors.Is(err, io.EOF) {
			t.Errorf("got %v", err)
		}
	})
}

// SETTINGS that come late make an early request, which is told from another.
func TestDelay(t *testing.T) {
	early := make(chan bool, 2)
	c, _ := connect(t, Options{Delay: 50 * time.Millisecond, Accept: func(s *Stream) { early <- s.Early() }})
	s, err := c.NewStream(t.Context())
	if err == nil {
		err = s.Headers(request, false)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !<-early {
		t.Error("a request before SETTINGS counts as none")
	}
	ask(t, c)
	if <-early {
		t.Error("a request behind SETTINGS counts as early")
	}
}

// What breaks the rules is told, and bounded.
func TestOffences(t *testing.T) {
	raw := func(p []byte) func(*Stream) {
		return func(s *Stream) {
			s.write(p)
			s.CloseWrite()
			s.Parted(within())
		}
	}
	ok := []byte{byte(FrameHeaders), 3, 0, 0, 0xd9} // :status 200, of QPACK's table
	for _, test := range []struct {
		name   string
		answer func(*Stream)
		want   string // in a frame
		err    string
	}{
		{"DATA before HEADERS", raw([]byte{byte(FrameData), 1, 'a'}), "DATA on stream 0", "DATA comes before HEADERS"},
		{"a long header block", raw(quicvarint.Append([]byte{byte(FrameHeaders)}, 1<<20)), "", "longer than 64 KiB"},
		{"a malformed header block", raw([]byte{byte(FrameHeaders), 2, 0xff, 0xff}), "HEADERS on stream 0", "cannot be decoded"},
		{"FIN inside a frame", raw(slices.Concat(ok, []byte{byte(FrameData), 9, 'a'})), "FIN on stream 0 [FIN comes inside a frame]", ""},
		{"FIN inside the head of a frame", raw(slices.Concat(ok, []byte{byte(FrameData)})), "[FIN comes inside a frame]", ""},
		{"SETTINGS on a request", raw(slices.Concat(ok, []byte{byte(FrameSettings), 0})), "[a frame of the control stream is on another one]", ""},
		{"SETTINGS twice", func(s *Stream) {
			s.Conn().Settings(Usual(true))
			s.Parted(within())
		}, "[SETTINGS come twice]", "SETTINGS are malformed, or came before"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, n := connect(t, Options{Accept: test.answer})
			s := ask(t, c)
			_, err := s.Head(within())
			if err == nil {
				_, err = io.Copy(io.Discard, struct{ io.Reader }{s})
			}
			if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
				t.Errorf("got error %v, want %q", err, test.err)
			}
			if !n.has(test.want) {
				t.Errorf("no frame %q in\n%s", test.want, strings.Join(n.list, "\n"))
			}
			s.Close()
		})
	}
}

// FuzzStream reads any bytes on the stream of a response, and on the control stream.
func FuzzStream(f *testing.F) {
	f.Add([]byte{byte(FrameHeaders), 3, 0, 0, 0xd9, byte(FrameData), 1, 'a'}, false)
	f.Add([]byte{0, byte(FrameSettings), 2, 8, 1, byte(FrameGoAway), 1, 0}, true)
	f.Add([]byte{0, 0x40, 0x04, 0x80, 0, 0, 1, 9}, true)
	f.Fuzz(func(t *testing.T, p []byte, control bool) {
		cl, sl := link(t)
		c, err := Open(cl, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if control {
			s, err := sl.QUIC.OpenUniStream()
			if err != nil {
				t.Fatal(err)
			}
			s.Write(p)
			s.Close()
			c.Announced(time.Now().Add(5 * time.Millisecond))
			return
		}
		s, err := c.NewStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.Headers(request, false)
		qs, err := sl.QUIC.AcceptStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		qs.Write(p)
		qs.Close()
		if _, err := s.Head(within()); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("the head never ends")
		}
		s.Parted(within())
	})
}
