package native_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"testing"

	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/native"
	"github.com/wsconform/wsconform/internal/pattern"
	"github.com/wsconform/wsconform/ws"
)

// TestTransports plays a few cases of each kind through TLS and over IPv6, in
// both roles.
func TestTransports(t *testing.T) {
	if testing.Short() {
		t.Skip("plays whole suites")
	}
	list, err := pattern.Select(catalogue.All(), []string{"1.1.*", "2.11", "3.4", "4.1.1", "5.19", "6.3.1", "7.1.1", "7.3.2", "9.1.1", "9.3.1", "12.1.1"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	pair, pem, err := native.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatal("the certificate's PEM cannot be read back")
	}
	trusting := &tls.Config{RootCAs: roots}
	for _, test := range []struct {
		name, addr string
		tls        bool
	}{
		{"ws over IPv4", "127.0.0.1:0", false},
		{"ws over IPv6", "[::1]:0", false},
		{"wss over IPv4", "127.0.0.1:0", true},
		{"wss over IPv6", "[::1]:0", true},
	} {
		listen := func(t *testing.T) (net.Listener, string) {
			t.Helper()
			l, err := net.Listen("tcp", test.addr)
			if err != nil {
				t.Skipf("this machine has no %s: %v", test.addr, err)
			}
			if test.tls {
				return tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}}), "wss://" + l.Addr().String()
			}
			return l, "ws://" + l.Addr().String()
		}
		t.Run(test.name+", server", func(t *testing.T) {
			l, base := listen(t)
			server := &ws.Server{Accept: ws.AcceptOptions{Options: ws.Options{Deflate: &ws.Deflate{}}}}
			done := make(chan error, 1)
			go func() { done <- server.Serve(l) }()
			defer func() {
				l.Close()
				<-done
			}()
			u, err := url.Parse(base)
			if err != nil {
				t.Fatal(err)
			}
			passed := 0
			_, err = native.TestServer(t.Context(), native.Target{URL: u, TLS: trusting}, list, native.Options{}, counting(t, &passed))
			if err != nil || passed != len(list) {
				t.Errorf("got %d passes and error %v, want %d", passed, err, len(list))
			}
		})
		t.Run(test.name+", client", func(t *testing.T) {
			l, base := listen(t)
			streams := native.NewStreams(nil)
			defer streams.Close()
			passed := 0
			count := counting(t, &passed)
			endpoint := &native.Endpoint{List: list, Streams: streams, Result: func(_ string, r harness.Result) { count(r) }}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- endpoint.Serve(ctx, l) }()
			drive(t, base, trusting)
			cancel()
			if err := <-done; err != nil || passed != len(list) {
				t.Errorf("got %d passes and error %v, want %d", passed, err, len(list))
			}
		})
	}
}

func counting(t *testing.T, passed *int) func(harness.Result) {
	t.Helper()
	return func(r harness.Result) {
		if r.Outcome == harness.Pass || r.Outcome == harness.PassLenient {
			*passed++
			return
		}
		t.Errorf("case %s: %s %s %s (%s; %s)", r.Case, r.Outcome, r.Behavior, r.Close, r.Reason, r.CloseReason)
	}
}

// drive is a driver as users write them: serial, with the reference client.
func drive(t *testing.T, base string, conf *tls.Config) {
	t.Helper()
	dial := func(path string) *ws.Conn {
		c, err := ws.Dial(t.Context(), base+path, &ws.DialOptions{TLS: conf, Options: ws.Options{Deflate: &ws.Deflate{}}})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := dial("/getCaseCount")
	_, text, err := c.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ws.Echo(t.Context(), c)
	n, err := strconv.Atoi(string(text))
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		ws.Echo(t.Context(), dial(fmt.Sprintf("/runCase?case=%d&agent=me", i+1)))
	}
	ws.Echo(t.Context(), dial("/updateReports?agent=me"))
}
