package h3_test

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"

	"github.com/wsconform/wsconform/ws"
)

// A hostile client breaks rules of HTTP/3 by hand.
type hostile struct {
	*quic.Conn
	control *quic.SendStream
}

// attack connects to a server, and begins a control stream with empty SETTINGS.
func attack(t *testing.T, target string) *hostile {
	t.Helper()
	_, conf := pair()
	conf = conf.Clone()
	conf.NextProtos = []string{http3.NextProtoH3}
	qc, err := quic.DialAddr(t.Context(), hostOf(target), conf, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = qc.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "") })
	s, err := qc.OpenUniStream()
	if err != nil {
		t.Fatal(err)
	}
	h := &hostile{qc, s}
	h.send(t, s, []byte{0})
	h.send(t, s, frame(4, nil))
	return h
}

func (h *hostile) send(t *testing.T, s interface{ Write(p []byte) (int, error) }, p []byte) {
	t.Helper()
	if _, err := s.Write(p); err != nil {
		select { // the server may have ended the connection, which is told a little later
		case <-h.Context().Done():
		case <-time.After(10 * time.Second):
			t.Fatal(err)
		}
	}
}

func frame(kind uint64, p []byte) []byte {
	return append(quicvarint.Append(quicvarint.Append(nil, kind), uint64(len(p))), p...)
}

func hostOf(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		panic(err)
	}
	return u.Host
}

// ends waits for the server to end the connection.
func (h *hostile) ends(t *testing.T) {
	t.Helper()
	select {
	case <-h.Context().Done():
	case <-time.After(20 * time.Second):
		t.Fatal("the connection goes on")
	}
	if app, ok := errors.AsType[*quic.ApplicationError](context.Cause(h.Context())); !ok || !app.Remote {
		t.Errorf("ended by %v", context.Cause(h.Context()))
	}
}

// What a hostile client does costs a bounded amount, and others are served.
func TestHostile(t *testing.T) {
	server := echoServer(nil)
	target := serve(t, server)
	for _, test := range []struct {
		name string
		do   func(t *testing.T, h *hostile)
	}{
		{"SETTINGS again and again", func(t *testing.T, h *hostile) {
			for range 1000 {
				h.send(t, h.control, frame(4, []byte{8, 1}))
			}
			h.ends(t)
		}},
		{"SETTINGS on the stream of a request", func(t *testing.T, h *hostile) {
			s, err := h.OpenStream()
			if err != nil {
				t.Fatal(err)
			}
			h.send(t, s, frame(4, nil))
			h.ends(t)
		}},
		{"a frame of the control stream that is announced with a gigabyte", func(t *testing.T, h *hostile) {
			h.send(t, h.control, quicvarint.Append(quicvarint.Append(nil, 7), 1<<30))
			h.send(t, h.control, make([]byte, 1<<16))
		}},
		{"header fields of a megabyte", func(t *testing.T, h *hostile) {
			s, err := h.OpenStream()
			if err != nil {
				t.Fatal(err)
			}
			h.send(t, s, quicvarint.Append(quicvarint.Append(nil, 1), 1<<20))
			_ = s.SetReadDeadline(time.Now().Add(20 * time.Second))
			if _, err := s.Read(make([]byte, 1)); err == nil {
				return // 431
			} else if reset, ok := errors.AsType[*quic.StreamError](err); !ok || !reset.Remote {
				t.Errorf("got %v", err)
			}
		}},
		{"requests that do not end, on all streams there are", func(t *testing.T, h *hostile) {
			n := 0
			for ; n < 2000; n++ {
				s, err := h.OpenStream()
				if err != nil {
					break
				}
				h.send(t, s, []byte{1, 100, 0})
			}
			if n > 256 {
				t.Errorf("%d requests at a time", n)
			}
		}},
		{"streams that are reset at once", func(t *testing.T, h *hostile) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			for range 2000 {
				s, err := h.OpenStreamSync(ctx)
				if err != nil {
					break // the server has had enough
				}
				_, _ = s.Write([]byte{1, 100, 0})
				s.CancelWrite(quic.StreamErrorCode(http3.ErrCodeRequestCanceled))
				s.CancelRead(quic.StreamErrorCode(http3.ErrCodeRequestCanceled))
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.do(t, attack(t, target))
			client, opts := dialer(t)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			c, err := client.Dial(ctx, target, opts)
			if err != nil {
				t.Fatal(err)
			}
			if err := echo(ctx, c, []byte("hello")); err != nil {
				t.Error(err)
			}
			_ = c.Close(ws.StatusNormalClosure, "")
		})
	}
}
