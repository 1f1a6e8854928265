package native

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"syscall"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/fixtures/mutants"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/transcript"
)

// playOneShot plays cases that need a client with a URL for each connection.
func playOneShot(ctx context.Context, m mutants.Mutant, list []cases.Case) (map[cases.ID]harness.Result, error) {
	e := &endpoint{Streams: NewStreams(nil)}
	defer e.Close()
	results := map[cases.ID]harness.Result{}
	for _, c := range list {
		var conns []transcript.Transcript
		client, _, _ := equipped(m, []cases.Case{c})
		for n := range c.Conns {
			tr, err := connectOnce(ctx, e, client, c, n)
			if err != nil {
				return nil, err
			}
			conns = append(conns, tr)
		}
		results[c.ID] = e.Concluded(ctx, c, conns)
	}
	return results, nil
}

// connectOnce plays connection n of c. A peer that does not connect has refused the URL.
func connectOnce(ctx context.Context, e *endpoint, m mutants.Mutant, c cases.Case, n int) (transcript.Transcript, error) {
	it := c.Conns[n]
	l, err := listenAt(ctx, cmp.Or(it.Listen, "127.0.0.1:0"))
	if err != nil {
		return transcript.Transcript{}, err
	}
	var conf *tls.Config
	scheme := "ws"
	roots := x509.NewCertPool()
	if slices.Contains(c.Needs, cases.NeedTLS) {
		pair := testPair()
		conf, scheme = &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}}, "wss"
		own, err := x509.ParseCertificate(pair.Certificate[0])
		if err != nil {
			return transcript.Transcript{}, err
		}
		roots.AddCert(own)
	}
	at := l.Addr().(*net.TCPAddr)
	proxy := ""
	if it.Proxy != "" {
		proxy = it.Proxy + "://" + at.String()
	}
	visiting, cancel := context.WithCancel(ctx)
	defer cancel()
	over := make(chan struct{})
	begun := make(chan struct{})
	go func() {
		defer close(over)
		m.Connect(visiting, it.Address(scheme, at.IP.String(), at.Port), roots, proxy)
		select {
		case <-begun:
		case <-time.After(500 * time.Millisecond):
			cancel()
		}
	}()
	tr, err := e.Once(visiting, l, runner.Driver{TLS: conf}, c, n, runner.How{}, func() { close(begun) })
	refused := errors.Is(err, context.Canceled) && ctx.Err() == nil
	cancel()
	<-over
	tr.Role, tr.Address = cases.Client, at.String()
	if refused {
		err = nil
	}
	return tr, err
}

// listenAt waits for an address that another play has.
func listenAt(ctx context.Context, addr string) (net.Listener, error) {
	for {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
		if !errors.Is(err, syscall.EADDRINUSE) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(20 * time.Millisecond):
		}
	}
}
