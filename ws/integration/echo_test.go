//go:build unix

package integration

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
)

// An echo is our own server.
type echo struct {
	scheme string
	port   string
	trust  *tls.Config
	cert   []byte // DER
}

func (e echo) url(host string) string { return e.scheme + "://" + net.JoinHostPort(host, e.port) }

// echoServers run until the test ends, one without TLS and one with.
func echoServers(t *testing.T) (plain, secure echo) {
	t.Helper()
	cert, trust := certificate(t)
	pair, err := tls.LoadX509KeyPair(cert, cert)
	if err != nil {
		t.Fatal(err)
	}
	s := &ws.Server{Accept: ws.AcceptOptions{Options: ws.Options{Deflate: &ws.Deflate{}}, Subprotocols: []string{"echo"}}}
	served := make(chan error, 2)
	var ports []string
	for _, conf := range []*tls.Config{nil, {Certificates: []tls.Certificate{pair}}} {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, portOf(l.Addr().String()))
		if conf != nil {
			l = tls.NewListener(l, conf)
		}
		go func() { served <- s.Serve(l) }()
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.Shutdown(ctx)
		<-served
		<-served
	})
	return echo{"ws", ports[0], nil, nil}, echo{"wss", ports[1], trust, pair.Certificate[0]}
}

// messages of several sizes and kinds. The first is empty.
func messages() []ws.Message {
	random := make([]byte, 300<<10)
	_, _ = rand.NewChaCha8([32]byte{}).Read(random) // never fails
	return []ws.Message{
		{Type: ws.MessageText, Data: nil},
		{Type: ws.MessageText, Data: []byte("grüße, 世界")},
		{Type: ws.MessageBinary, Data: random[:126]},
		{Type: ws.MessageText, Data: bytes.Repeat([]byte("again and "), 7000)},
		{Type: ws.MessageBinary, Data: random},
	}
}

// exchange sends messages and wants them back, pings and closes.
func exchange(t *testing.T, c *ws.Conn, list []ws.Message) {
	t.Helper()
	defer c.CloseNow()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, m := range list {
		if err := c.WriteFragments(ctx, m.Type, m.Data, 100<<10); err != nil {
			t.Fatal(err)
		}
		typ, p, err := c.Read(ctx)
		if err != nil || typ != m.Type || !bytes.Equal(p, m.Data) {
			t.Fatalf("%v of %d bytes: got %v of %d, %v", m.Type, len(m.Data), typ, len(p), err)
		}
	}
	if _, err := c.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(ws.StatusNormalClosure, "done"); err != nil {
		t.Fatal(err)
	}
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
