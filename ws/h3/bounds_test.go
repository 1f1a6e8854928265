package h3_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"

	"github.com/wsconform/wsconform/ws"
)

// ended is the code with which the server ends a connection.
func (h *hostile) ended(t *testing.T) http3.ErrCode {
	t.Helper()
	h.ends(t)
	app, _ := errors.AsType[*quic.ApplicationError](context.Cause(h.Context()))
	if app == nil {
		return 0
	}
	return http3.ErrCode(app.ErrorCode)
}

// Connections without a WebSocket are bounded: the oldest goes. Those with one, and new
// clients, are not kept out.
func TestCrowd(t *testing.T) {
	server := echoServer(nil)
	server.WebSocket.MaxHandshakes = 4
	target := serve(t, server)
	client, opts := dialer(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	first, err := client.Dial(ctx, target, opts)
	if err != nil {
		t.Fatal(err)
	}
	crowd := make([]*hostile, 20)
	for i := range crowd {
		crowd[i] = attack(t, target)
	}
	if got := crowd[0].ended(t); got != http3.ErrCodeExcessiveLoad {
		t.Errorf("the oldest was ended with %v", got)
	}
	if n := server.Guests(); n > 5+1 { // one may be on its way out
		t.Errorf("%d connections, want four and the one with a WebSocket", n)
	}
	if err := echo(ctx, first, []byte("still there")); err != nil {
		t.Error(err)
	}
	other, opts := dialer(t)
	second, err := other.Dial(ctx, target, opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := echo(ctx, second, []byte("new")); err != nil {
		t.Error(err)
	}
}

// The head of a request, and the rest of an ordinary one, have the time of a handshake. Then
// the stream is reset, and a WebSocket beside it lives on.
func TestSlowRequest(t *testing.T) {
	server := echoServer(nil)
	server.WebSocket.Accept.HandshakeTimeout = 1500 * time.Millisecond // also of QUIC, on a busy machine
	read := make(chan error, 1)
	server.WebSocket.Accept.Intercept = func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_, err := io.ReadAll(r.Body)
			read <- err
			w.WriteHeader(http.StatusRequestTimeout)
		}
	}
	target := serve(t, server)
	_, conf := pair()
	conf = conf.Clone()
	conf.NextProtos = []string{http3.NextProtoH3}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	qc, err := quic.DialAddr(ctx, hostOf(target), conf, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer qc.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "")
	hc := new(http3.Transport).NewClientConn(qc)
	c, err := ws.Dial(ctx, target, &ws.DialOptions{HTTP3: over(hc, qc)}) //nolint:bodyclose // it is the WebSocket
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()

	slow, err := qc.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := slow.Write([]byte{1, 100, 0}); err != nil {
		t.Fatal(err)
	}
	_ = slow.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, err = slow.Read(make([]byte, 1))
	if reset, ok := errors.AsType[*quic.StreamError](err); !ok || reset.ErrorCode != quic.StreamErrorCode(http3.ErrCodeRequestIncomplete) {
		t.Errorf("a head that does not end: got %v", err)
	}

	st, err := hc.OpenRequestStream(ctx)
	if err != nil {
		t.Fatal(err)
	}
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+hostOf(target)+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.SendRequestHeader(post); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-read:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a body that does not end: got %v", err)
		}
	case <-ctx.Done():
		t.Error("a body that does not end is waited for")
	}
	resp, err := st.ReadResponse()
	if err != nil {
		t.Fatalf("a body that does not end: %v", err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusRequestTimeout {
		t.Errorf("a body that does not end: answered %d", resp.StatusCode)
	}
	if err := echo(ctx, c, []byte("beside")); err != nil {
		t.Error(err)
	}
}

// A bare stream is one that the test has opened.
type bare struct {
	*http3.RequestStream
	qc *quic.Conn
}

func (s bare) LocalAddr() net.Addr  { return s.qc.LocalAddr() }
func (s bare) RemoteAddr() net.Addr { return s.qc.RemoteAddr() }

// over opens WebSockets on a connection that the test has.
func over(hc *http3.ClientConn, qc *quic.Conn) func(context.Context, *http.Request, *tls.Config) (*http.Response, net.Conn, error) {
	return func(ctx context.Context, r *http.Request, _ *tls.Config) (*http.Response, net.Conn, error) {
		st, err := hc.OpenRequestStream(ctx)
		if err != nil {
			return nil, nil, err
		}
		if err := st.SendRequestHeader(r); err != nil {
			return nil, nil, err
		}
		resp, err := st.ReadResponse()
		return resp, bare{st, qc}, err
	}
}

// Requests that are reset or refused, and streams in one direction, are an attack when they do
// not end.
func TestMischief(t *testing.T) {
	server := echoServer(nil)
	server.Strict()
	target := serve(t, server)
	for name, do := range map[string]func(ctx context.Context, h *hostile) error{
		"requests that are reset": func(ctx context.Context, h *hostile) error {
			s, err := h.OpenStreamSync(ctx)
			if err != nil {
				return err
			}
			_, _ = s.Write([]byte{1, 100, 0})
			s.CancelWrite(quic.StreamErrorCode(http3.ErrCodeRequestCanceled))
			s.CancelRead(quic.StreamErrorCode(http3.ErrCodeRequestCanceled))
			return nil
		},
		"requests that are malformed": func(ctx context.Context, h *hostile) error {
			s, err := h.OpenStreamSync(ctx)
			if err != nil {
				return err
			}
			_, _ = s.Write([]byte{1, 3, 0, 0, 0xd9}) // :status
			_ = s.Close()
			return nil
		},
		"streams in one direction": func(ctx context.Context, h *hostile) error {
			s, err := h.OpenUniStreamSync(ctx)
			if err != nil {
				return err
			}
			_, _ = s.Write([]byte{0x21})
			return s.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := attack(t, target)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			n := 0
			for n < 1000 && do(ctx, h) == nil {
				n++
			}
			// A client without a request may also run into the idle timeout.
			if got := h.ended(t); got != http3.ErrCodeExcessiveLoad && !strings.Contains(name, "one direction") {
				t.Errorf("ended with %v after %d", got, n)
			}
		})
	}
}

// WebSockets that end in order are no mischief.
func TestOrder(t *testing.T) {
	server := echoServer(nil)
	server.Strict()
	target := serve(t, server)
	client, opts := dialer(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for range 100 {
		c, err := client.Dial(ctx, target, opts)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Close(ws.StatusNormalClosure, ""); err != nil {
			t.Fatal(err)
		}
	}
	for server.Socks() > 0 && ctx.Err() == nil {
		runtime.Gosched()
	}
	if spare := server.Spare(); spare < 50 {
		t.Errorf("after 100 WebSockets %v requests may fail, want 50", spare)
	}
}

// heap is what is in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// What a hostile connection makes the server and its own end, which is in this process, hold
// is bounded, whatever it sends. Measured: 0.2 to 5 MB.
func TestFloodMemory(t *testing.T) {
	server := echoServer(nil)
	target := serve(t, server)
	filler := make([]byte, 64<<10)
	write := func(ctx context.Context, s interface {
		Write(p []byte) (int, error)
		SetWriteDeadline(time.Time) error
	}, p []byte,
	) {
		deadline, _ := ctx.Deadline()
		_ = s.SetWriteDeadline(deadline)
		_, _ = s.Write(p) // the server may have had enough
	}
	for _, test := range []struct {
		name string
		do   func(ctx context.Context, h *hostile)
	}{
		{"heads of 16 KiB that do not end, on all streams", func(ctx context.Context, h *hostile) {
			for {
				s, err := h.OpenStream()
				if err != nil {
					return
				}
				write(ctx, s, append(quicvarint.Append([]byte{1}, 16<<10), filler[:16<<10-1]...))
			}
		}},
		{"heads of a gigabyte", func(ctx context.Context, h *hostile) {
			for range 50 {
				s, err := h.OpenStreamSync(ctx)
				if err != nil {
					return
				}
				write(ctx, s, append(quicvarint.Append([]byte{1}, 1<<30), filler...))
				s.CancelWrite(0x10c)
				s.CancelRead(0x10c)
			}
		}},
		{"frames of the control stream", func(ctx context.Context, h *hostile) {
			var p []byte
			for len(p) < 64<<10 {
				p = append(p, frame(0x21, nil)...)
				p = append(p, frame(0xd, []byte{1})...)
				p = append(p, frame(0xf0700, []byte{0})...)
			}
			write(ctx, h.control, p)
		}},
		{"instructions of QPACK", func(ctx context.Context, h *hostile) {
			for _, kind := range []byte{2, 3} {
				s, err := h.OpenUniStream()
				if err != nil {
					return
				}
				bounded, cancel := context.WithTimeout(ctx, time.Second) // nobody reads them
				write(bounded, s, append([]byte{kind}, make([]byte, 8<<20)...))
				cancel()
			}
		}},
		{"empty DATA frames", func(ctx context.Context, h *hostile) {
			s, err := h.OpenStream()
			if err != nil {
				return
			}
			write(ctx, s, connect(hostOf(target)))
			for range 16 {
				write(ctx, s, make([]byte, 64<<10))
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			before := heap()
			h := attack(t, target)
			test.do(ctx, h)
			grown := heap() - before
			t.Logf("%.1f MB", float64(grown)/1e6)
			if grown > 24<<20 {
				t.Errorf("the flood takes %d MB", grown>>20)
			}
			_ = h.CloseWithError(0x100, "")
		})
	}
	// A DATAGRAM is one that the server has not announced.
	t.Run("DATAGRAMs", func(t *testing.T) {
		_, conf := pair()
		conf = conf.Clone()
		conf.NextProtos = []string{http3.NextProtoH3}
		qc, err := quic.DialAddr(t.Context(), hostOf(target), conf, &quic.Config{EnableDatagrams: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := qc.SendDatagram([]byte{0}); err == nil {
			t.Error("the server takes DATAGRAMs")
		}
		_ = qc.CloseWithError(0x100, "")
	})
}

// connect is a request for a WebSocket.
func connect(host string) []byte {
	var block bytes.Buffer
	enc := qpack.NewEncoder(&block)
	for _, f := range [][2]string{{":method", "CONNECT"}, {":protocol", "websocket"}, {":scheme", "https"}, {":authority", host}, {":path", "/"}, {"sec-websocket-version", "13"}} {
		_ = enc.WriteField(qpack.HeaderField{Name: f[0], Value: f[1]}) // a buffer takes all
	}
	return frame(1, block.Bytes())
}
