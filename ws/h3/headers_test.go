package h3_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// trailers are HEADERS that are valid behind a message of HTTP.
func trailers() []byte {
	var block bytes.Buffer
	_ = qpack.NewEncoder(&block).WriteField(qpack.HeaderField{Name: "x", Value: "y"}) // a buffer takes all
	return frame(1, block.Bytes())
}

// HEADERS on the stream of an open WebSocket end the connection (RFC 9114 §4.4). Empty DATA
// frames do not.
func TestHeadersToServer(t *testing.T) {
	target := serve(t, echoServer(nil))
	h := attack(t, target)
	st, err := h.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	h.send(t, st, connect(hostOf(target)))
	h.send(t, st, []byte{0, 0, 0, 0})
	h.send(t, st, frame(0, []byte{0x89, 0x80, 0, 0, 0, 0}))  // a ping
	_ = st.SetReadDeadline(time.Now().Add(20 * time.Second)) // it never fails
	var got []byte
	for buf := make([]byte, 1<<10); !bytes.HasSuffix(got, []byte{0x8a, 0}); {
		n, err := st.Read(buf)
		if got = append(got, buf[:n]...); err != nil {
			t.Fatalf("got %x, %v, want a pong", got, err)
		}
	}
	h.send(t, st, trailers())
	if got := h.ended(t); got != http3.ErrCodeFrameUnexpected {
		t.Errorf("the connection was ended with %v", got)
	}
}

// A client does the same.
func TestHeadersToClient(t *testing.T) {
	pc, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	conf, _ := pair()
	ended := make(chan error, 1)
	server := &http3.Server{TLSConfig: http3.ConfigureTLSConfig(conf), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Sec-WebSocket-Protocol", "echo")
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		hs, err := w.(http3.HTTPStreamer).HTTPStream() //nolint:forcetypeassert // all have it
		if err != nil {
			ended <- err
			return
		}
		_, _ = hs.QUICStream().Write(append([]byte{0, 0}, trailers()...)) // how the connection ends says more
		<-r.Context().Done()
		ended <- context.Cause(hs.QUICStream().Context())
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(pc) }()
	defer func() {
		_ = server.Close()
		<-served
	}()
	client, opts := dialer(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, err := client.Dial(ctx, "wss://"+pc.LocalAddr().String(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Read(ctx); err == nil || !strings.Contains(err.Error(), "HEADERS") {
		t.Errorf("got %v", err)
	}
	select {
	case err := <-ended:
		if app, ok := errors.AsType[*quic.ApplicationError](err); !ok || http3.ErrCode(app.ErrorCode) != http3.ErrCodeFrameUnexpected {
			t.Errorf("the connection was ended with %v", err)
		}
	case <-ctx.Done():
		t.Error("the connection goes on")
	}
}
