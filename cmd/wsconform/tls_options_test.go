package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
)

// An authority signs certificates for the test.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.sign("ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// sign makes name.pem, and name.key with its key.
func (a *authority) sign(name string, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(1)
	template.Subject = pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, parentKey := a.cert, a.key
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		a.t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		a.file(name + ".pem"): {Type: "CERTIFICATE", Bytes: der},
		a.file(name + ".key"): {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	return cert, key
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

func TestTLSOptions(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	server, key := a.sign("server", &x509.Certificate{DNSNames: []string{"server.example"}})
	a.sign("client", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	clients := x509.NewCertPool()
	clients.AddCert(a.cert)
	var sni string
	var presented int
	plain, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := tls.NewListener(plain, &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{server.Raw}, PrivateKey: key}},
		ClientAuth:   tls.VerifyClientCertIfGiven, ClientCAs: clients,
		VerifyConnection: func(state tls.ConnectionState) error {
			sni, presented = state.ServerName, len(state.PeerCertificates)
			return nil
		},
	})
	s := &ws.Server{}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-served })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	roots := []string{a.file("ca.pem")}

	for _, row := range []struct {
		name  string
		host  string
		opts  tlsOptions
		sni   string
		certs int
		want  string // part of the error
	}{
		{name: "trusted", host: "localhost", opts: tlsOptions{RootFiles: roots, ServerName: "server.example"}, sni: "server.example"},
		{name: "unknown authority", host: "localhost", opts: tlsOptions{ServerName: "server.example"}, want: "unknown authority"},
		{name: "other authority", host: "localhost", opts: tlsOptions{RootFiles: []string{other.file("ca.pem")}, ServerName: "server.example"}, want: "certificate"},
		{name: "other name", host: "localhost", opts: tlsOptions{RootFiles: roots}, want: "server.example, not localhost"},
		{name: "any name", host: "localhost", opts: tlsOptions{RootFiles: roots, SkipHostname: true}, sni: "localhost"},
		{name: "any name, other authority", host: "localhost", opts: tlsOptions{RootFiles: []string{other.file("ca.pem")}, SkipHostname: true}, want: "certificate"},
		{name: "asked for and verified differ", host: "127.0.0.1", opts: tlsOptions{RootFiles: roots, ServerName: "front.example", VerifyName: "server.example"}, sni: "front.example"},
		{name: "verified is not there", host: "localhost", opts: tlsOptions{RootFiles: roots, VerifyName: "back.example"}, want: "not back.example"},
		{name: "nothing verified", host: "localhost", opts: tlsOptions{Insecure: true}, sni: "localhost"},
		{name: "client certificate", host: "localhost", opts: tlsOptions{RootFiles: roots, SkipHostname: true, CertFile: a.file("client.pem"), KeyFile: a.file("client.key")}, sni: "localhost", certs: 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			config, err := row.opts.config()
			if err != nil {
				t.Fatal(err)
			}
			c, err := ws.Dial(t.Context(), "wss://"+net.JoinHostPort(row.host, port), &ws.DialOptions{TLS: config})
			if row.want != "" {
				if err == nil || !strings.Contains(err.Error(), row.want) {
					t.Errorf("got %v, want %q", err, row.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer c.CloseNow()
			if err := c.Write(t.Context(), ws.MessageText, []byte("hello")); err != nil {
				t.Error(err)
			}
			if _, p, err := c.Read(t.Context()); string(p) != "hello" {
				t.Errorf("got %q, error %v", p, err)
			}
			if sni != row.sni || presented != row.certs {
				t.Errorf("the server saw name %q and %d certificates, want %q and %d", sni, presented, row.sni, row.certs)
			}
			if c.Handshake().Request.TLS == nil {
				t.Error("the handshake says nothing of TLS")
			}
		})
	}
}

func TestTLSOptionsInvalid(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		opts tlsOptions
		want string
	}{
		{tlsOptions{RootFiles: []string{"none.pem"}}, "none.pem"},
		{tlsOptions{RootFiles: []string{empty}}, "no certificate in "},
		{tlsOptions{CertFile: empty}, "client certificate"},
		{tlsOptions{KeyFile: empty}, "client certificate"},
		{tlsOptions{VerifyName: "a", SkipHostname: true}, "a name to verify, and not to verify it"},
	} {
		if _, err := row.opts.config(); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%+v: got %v, want %q", row.opts, err, row.want)
		}
	}
}
