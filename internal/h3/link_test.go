package h3

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"syscall"
	"testing"
	"time"
)

var trusting = &tls.Config{InsecureSkipVerify: true, NextProtos: []string{NextProto}}

// socket listens on UDP until the test ends.
func socket(t *testing.T) net.PacketConn {
	t.Helper()
	pc, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.Close() })
	return pc
}

// A port where nobody listens refuses a connection, as over TCP.
func TestRefused(t *testing.T) {
	pc := socket(t)
	_ = pc.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // QUIC itself waits for 5 s, and more
	defer cancel()
	if _, err := Dial(ctx, pc.LocalAddr().String(), trusting); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v", err)
	}
}

// A server that listens and does not answer is no refusal.
func TestSilent(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*probeAfter)
	defer cancel()
	if _, err := Dial(ctx, socket(t).LocalAddr().String(), trusting); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// A server that is gone without a word ends the connection, whether something is on its way to
// it or not.
func TestGone(t *testing.T) {
	for name, busy := range map[string]bool{"while it has to answer": true, "while nothing is on its way": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pc := socket(t)
			l, err := ListenPacket(pc, &tls.Config{Certificates: []tls.Certificate{selfSigned()}})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			client, err := Dial(ctx, pc.LocalAddr().String(), trusting)
			if err != nil {
				t.Fatal(err)
			}
			server, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			c, err := Open(client, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_ = pc.Close()
			defer server.Close()
			if busy {
				if err := c.Settings(Usual(true)); err != nil {
					t.Fatal(err)
				}
			}
			select {
			case <-c.Done():
			case <-time.After(20 * time.Second): // QUIC itself waits for 30 s
				t.Fatal("the connection goes on")
			}
			if err := c.Err(); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("got %v", err)
			}
		})
	}
}
