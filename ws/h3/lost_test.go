package h3_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/h3"
)

// A lossy is a socket that can lose all that it sends and receives.
type lossy struct {
	net.PacketConn
	lost atomic.Bool
}

func (l *lossy) ReadFrom(p []byte) (n int, addr net.Addr, err error) {
	for {
		if n, addr, err = l.PacketConn.ReadFrom(p); err != nil || !l.lost.Load() {
			return n, addr, err
		}
	}
}

func (l *lossy) WriteTo(p []byte, addr net.Addr) (int, error) {
	if l.lost.Load() {
		return len(p), nil
	}
	return l.PacketConn.WriteTo(p, addr)
}

// After a server has crashed and restarted, Dial opens a new connection, even though the
// old one has not timed out yet.
func TestCrash(t *testing.T) {
	server, trust := pair()
	listen := func(addr string) *lossy {
		pc, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", addr)
		if err != nil {
			t.Fatal(err)
		}
		return &lossy{PacketConn: pc}
	}
	start := func(pc net.PacketConn) *h3.Server {
		s := &h3.Server{WebSocket: &ws.Server{}, TLS: server}
		go func() { _ = s.Serve(pc) }()
		t.Cleanup(func() {
			_ = s.Close()
			_ = pc.Close()
		})
		return s
	}
	pc := listen("127.0.0.1:0")
	old := start(pc)
	client := &h3.Client{}
	defer client.Close()
	url := "wss://" + pc.LocalAddr().String() + "/"
	opts := &ws.DialOptions{TLS: trust, Options: ws.Options{HandshakeTimeout: time.Second}}
	c, err := client.Dial(t.Context(), url, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	pc.lost.Store(true)
	_ = old.Close()
	_ = pc.Close()
	start(listen(pc.LocalAddr().String()))
	if _, err := client.Dial(t.Context(), url, opts); err == nil {
		t.Fatal("dialed a server that is not there")
	}
	again, err := client.Dial(t.Context(), url, opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := echo(t.Context(), again, []byte("there")); err != nil {
		t.Error(err)
	}
	_ = again.CloseNow()
}

// What a server that leaves does to a request is an error that passes, for a ws.Client; one
// that it rejected is asked for again on another connection (RFC 9114 §5.2).
func TestLeavingServer(t *testing.T) {
	server, trust := pair()
	for name, leave := range map[string]func(qc *quic.Conn, st *quic.Stream){
		"closes the connection": func(qc *quic.Conn, _ *quic.Stream) {
			_ = qc.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "")
		},
		"rejects the request": func(_ *quic.Conn, st *quic.Stream) {
			st.CancelRead(quic.StreamErrorCode(http3.ErrCodeRequestRejected))
			st.CancelWrite(quic.StreamErrorCode(http3.ErrCodeRequestRejected))
		},
	} {
		t.Run(name, func(t *testing.T) {
			ln, err := quic.ListenAddr("127.0.0.1:0", http3.ConfigureTLSConfig(server), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			go func() {
				for first := true; ; first = false {
					qc, err := ln.Accept(context.Background())
					if err != nil {
						return
					}
					if !first {
						go func() { _ = (&http3.Server{Handler: h3.Handler(&ws.Server{})}).ServeQUICConn(qc) }()
						continue
					}
					go func() {
						control, err := qc.OpenUniStream()
						if err != nil {
							return
						}
						_, _ = control.Write([]byte{0, 4, 2, 8, 1}) // SETTINGS_ENABLE_CONNECT_PROTOCOL
						for {
							st, err := qc.AcceptStream(context.Background())
							if err != nil {
								return
							}
							leave(qc, st)
						}
					}()
				}
			}()
			pool := &h3.Client{}
			defer pool.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			client := &ws.Client{
				Dial: func(ctx context.Context) (*ws.Conn, error) {
					return pool.Dial(ctx, "wss://"+ln.Addr().String()+"/", &ws.DialOptions{TLS: trust})
				},
				Handler: func(context.Context, *ws.Conn) error { return ws.ErrStop },
			}
			if err := client.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}

// An error names the step that failed.
func TestErrorSteps(t *testing.T) {
	url := serve(t, echoServer(nil))
	client, _ := dialer(t)
	_, err := client.Dial(t.Context(), url, nil)
	if err == nil || !strings.Contains(err.Error(), "QUIC with 127.0.0.1") || strings.Contains(err.Error(), "response") {
		t.Errorf("a certificate that is not trusted: %v", err)
	}
}

// A handler that does not end keeps none of Shutdown, Close and Serve from returning.
func TestHandlerHangs(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for handlers that hang")
	}
	for name, stop := range map[string]func(s *h3.Server) error{
		"Close": (*h3.Server).Close,
		"Shutdown": func(s *h3.Server) error {
			ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
			defer cancel()
			if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
				return fmt.Errorf("got %w, want the context's error", err)
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, trust := pair()
			pc, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer pc.Close()
			goOn := make(chan struct{})
			s := &h3.Server{TLS: server, WebSocket: &ws.Server{Handler: func(context.Context, *ws.Conn) error { <-goOn; return nil }}}
			done := make(chan error, 2)
			go func() { done <- s.Serve(pc) }()
			client := &h3.Client{}
			defer client.Close()
			c, err := client.Dial(t.Context(), "wss://"+pc.LocalAddr().String()+"/", &ws.DialOptions{TLS: trust})
			if err != nil {
				t.Fatal(err)
			}
			defer c.CloseNow()
			go func() { done <- stop(s) }()
			bound := time.After(10 * time.Second)
			for range 2 {
				select {
				case err := <-done:
					if err != nil && !errors.Is(err, http.ErrServerClosed) {
						t.Error(err)
					}
				case <-bound:
					close(goOn)
					t.Fatal("Serve or what stops it waits for the handler")
				}
			}
			close(goOn)
			if err := s.Shutdown(t.Context()); err != nil { // waits for the handler
				t.Error(err)
			}
		})
	}
}
