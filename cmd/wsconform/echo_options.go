package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/net/http/httpguts"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// echoOptions are the flags of echo: each option of a [ws.Server].
type echoOptions struct {
	addr, unix          string
	cert, key, clientCA string
	http3               bool

	origins       []string
	ownOrigin     bool
	requireOrigin bool
	subprotocols  []string
	users         []string
	realm         string
	headers       []string
	serverHeader  string
	health        string

	noDeflate bool
	deflate   string
	threshold int

	maxMessage                    int64
	maxHead, maxFields            int
	maxConns, maxHandshakes       int
	handshakeTimeout, readTimeout time.Duration
	writeTimeout, closeTimeout    time.Duration
	pingInterval, pingTimeout     time.Duration

	verbose int
	fault   string
	control bool
}

func (o *echoOptions) flags(f *pflag.FlagSet) {
	f.SortFlags = false
	f.StringVar(&o.addr, "addr", "127.0.0.1:9001", "listen on `HOST:PORT`; port 0 is any free one")
	f.StringVar(&o.unix, "unix", "", "listen on a unix socket at `PATH` instead")
	f.StringVar(&o.cert, "tls-cert", "", "certificate chain for wss, a PEM `FILE`")
	f.StringVar(&o.key, "tls-key", "", "key of the certificate, a PEM `FILE`")
	f.BoolVar(&o.http3, "http3", false, "serve HTTP/3 (RFC 9220) too, on the UDP port of the same number; needs --tls-cert")
	f.StringVar(&o.clientCA, "tls-client-ca", "", "demand client certificates of this authority, a PEM `FILE`")

	f.StringArrayVar(&o.origins, "origin", []string{"*"}, "accept browsers from this `ORIGIN`, in which * matches any part; may be repeated")
	f.BoolVar(&o.ownOrigin, "own-origin", false, "accept browsers only from the host of the request")
	f.BoolVar(&o.requireOrigin, "require-origin", false, "refuse requests without an Origin")
	f.StringArrayVar(&o.subprotocols, "subprotocol", nil, "`NAME` of a subprotocol to agree on, best first; may be repeated")
	f.StringArrayVar(&o.users, "user", nil, "require Basic authentication as `USER:PASSWORD`; may be repeated")
	f.StringVar(&o.realm, "realm", "", "realm of the authentication, `TEXT`")
	f.StringArrayVarP(&o.headers, "header", "H", nil, "add `'Name: value'` to the response; may be repeated")
	f.StringVar(&o.serverHeader, "server-header", "", "Server header of each response, `TEXT`")
	f.StringVar(&o.health, "health", "", "answer requests for this `PATH` with status 200")

	f.BoolVar(&o.noDeflate, "no-deflate", false, "do not agree to permessage-deflate")
	f.StringVar(&o.deflate, "deflate", "", "require these `PARAMETERS` of permessage-deflate, written as in the header")
	f.IntVar(&o.threshold, "deflate-threshold", 0, "do not compress messages shorter than `BYTES`; 0 is 16, or 64 without context takeover")

	f.Int64Var(&o.maxMessage, "max-message", maxMessage, "largest message in `BYTES`, inflated; -1 is any")
	f.IntVar(&o.maxHead, "max-head", 0, "largest request head in `BYTES`; 0 is 16 KiB")
	f.IntVar(&o.maxFields, "max-fields", 0, "most header fields in a request, a `NUMBER`; 0 is 128")
	f.IntVar(&o.maxConns, "max-conns", 0, "most connections at a time, a `NUMBER`; 0 is any")
	f.IntVar(&o.maxHandshakes, "max-handshakes", 0, "most handshakes at a time, a `NUMBER`; 0 is 1024, -1 any")
	f.DurationVar(&o.handshakeTimeout, "handshake-timeout", 0, "`TIME` for the opening handshake; 0 is 10s, -1s any")
	f.DurationVar(&o.readTimeout, "read-timeout", 0, "`TIME` within which a message must come; 0 is any")
	f.DurationVar(&o.writeTimeout, "write-timeout", 0, "`TIME` within which a slow client must read something; 0 is 20s, -1s any")
	f.DurationVar(&o.closeTimeout, "close-timeout", 0, "`TIME` for the closing handshake; 0 is 10s")
	f.DurationVar(&o.pingInterval, "ping-interval", 0, "`TIME` between pings; 0 is 20s, -1s sends none; Autobahn answers pings in the middle of frames, so less than 5s fails its cases 6.4.3 and 6.4.4")
	f.DurationVar(&o.pingTimeout, "ping-timeout", 0, "`TIME` without a sign of life after a ping that ends the connection; 0 is 20s, -1s any")

	f.BoolVar(&o.control, "control", false, "obey control messages, such as wsconform:close 1001")
	f.CountVarP(&o.verbose, "verbose", "v", "log connections; twice, frames; three times, payloads")
	f.StringVar(&o.fault, "fault", "", "play the faulty server of this `NAME` instead; wsconform faults lists them. The other options have no effect then")
}

// check finds values that no option can mean.
func (o *echoOptions) check(f *pflag.FlagSet) error {
	for _, n := range []struct {
		flag       string
		value, min int64
	}{
		{"deflate-threshold", int64(o.threshold), 0},
		{"max-message", o.maxMessage, -1},
		{"max-head", int64(o.maxHead), 0},
		{"max-fields", int64(o.maxFields), 0},
		{"max-conns", int64(o.maxConns), 0},
		{"max-handshakes", int64(o.maxHandshakes), -1},
	} {
		if n.value < n.min {
			return usagef("--%s %d: must be %d or more", n.flag, n.value, n.min)
		}
	}
	for _, text := range []struct{ flag, value string }{{"server-header", o.serverHeader}, {"realm", o.realm}} {
		if !httpguts.ValidHeaderFieldValue(text.value) {
			return usagef("--%s: there is a control character in it", text.flag)
		}
	}
	switch {
	case o.http3 && (o.cert == "" || o.unix != "" || o.fault != ""):
		return usagef("--http3 needs --tls-cert and --tls-key, and no --unix or --fault")
	case f.Changed("unix") && o.unix == "":
		return usagef("--unix: missing path")
	case o.health != "" && !strings.HasPrefix(o.health, "/"):
		return usagef("--health %s: must begin with a slash", o.health)
	}
	return nil
}

// levelPayload is where package ws logs what frames carry.
const levelPayload = slog.LevelDebug - 4

// server is the server that the flags describe.
func (o *echoOptions) server(log io.Writer) (*ws.Server, error) {
	s := &ws.Server{
		MaxConns: o.maxConns, MaxHandshakes: o.maxHandshakes,
		Accept: ws.AcceptOptions{
			Origins: o.origins, Subprotocols: o.subprotocols,
			MaxHeaderBytes: o.maxHead, MaxHeaderFields: o.maxFields, Options: ws.Options{
				ReadLimit:        o.maxMessage,
				HandshakeTimeout: o.handshakeTimeout,
				ReadTimeout:      o.readTimeout,
				WriteTimeout:     o.writeTimeout,
				CloseTimeout:     o.closeTimeout,
				PingInterval:     o.pingInterval,
				PingTimeout:      o.pingTimeout,
			},
		},
	}
	if o.control {
		s.Handler = new(obedient).serve
	}
	if o.ownOrigin {
		s.Accept.Origins = nil
	}
	if o.requireOrigin {
		s.Accept.Check = requireOrigin
	}
	if o.health != "" {
		s.Accept.Intercept = func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == o.health {
				_, _ = io.WriteString(w, "OK\n")
			}
		}
	}
	for _, set := range []func(*ws.AcceptOptions) error{o.setUsers, o.setHeaders, o.setDeflate} {
		if err := set(&s.Accept); err != nil {
			return nil, err
		}
	}
	if err := s.Accept.Validate(); err != nil {
		return nil, usagef("%w", err)
	}
	if o.verbose > 0 {
		level := []slog.Level{slog.LevelInfo, slog.LevelDebug, levelPayload}[min(o.verbose, 3)-1]
		s.Accept.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: level}))
	}
	return s, nil
}

// requireOrigin is the [ws.AcceptOptions].Check of --require-origin.
func requireOrigin(r *http.Request, _ http.Header) (context.Context, error) {
	if r.Header.Get("Origin") == "" {
		return nil, errors.New("missing Origin")
	}
	return nil, nil
}

func (o *echoOptions) setUsers(a *ws.AcceptOptions) error {
	if len(o.users) == 0 {
		if o.realm != "" {
			return usagef("--realm needs --user")
		}
		return nil
	}
	a.BasicAuth = &ws.BasicAuth{Realm: o.realm, Users: make(map[string]string, len(o.users))}
	for _, u := range o.users {
		name, password, ok := strings.Cut(u, ":")
		if !ok || name == "" {
			return usagef("--user: must look like USER:PASSWORD") // without what may be a password
		}
		a.BasicAuth.Users[name] = password
	}
	return nil
}

func (o *echoOptions) setHeaders(a *ws.AcceptOptions) error {
	header, err := parseHeaders(o.headers)
	if err != nil {
		return err
	}
	if a.Header = header; o.serverHeader != "" {
		a.Header.Set("Server", o.serverHeader)
	}
	return nil
}

func (o *echoOptions) setDeflate(a *ws.AcceptOptions) error {
	if o.noDeflate {
		return nil
	}
	a.Deflate = &ws.Deflate{Threshold: o.threshold}
	if o.deflate == "" {
		return nil
	}
	list, err := wsproto.ParseExtensions("permessage-deflate; " + o.deflate)
	if err != nil {
		return usagef("--deflate: %w", err)
	}
	p, err := wsproto.ParseDeflate(list[0])
	if err != nil || len(list) != 1 {
		return usagef("--deflate: must be the parameters of one permessage-deflate: %w", err)
	}
	p.ClientMaxWindowBits = max(p.ClientMaxWindowBits, 0)
	a.Deflate.DeflateParams = p
	return nil
}

// tlsConfig is nil without TLS.
func (o *echoOptions) tlsConfig() (*tls.Config, error) {
	if o.cert == "" {
		if o.clientCA != "" {
			return nil, usagef("--tls-client-ca needs --tls-cert and --tls-key")
		}
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(o.cert, o.key)
	if err != nil {
		return nil, usagef("certificate: %w", err)
	}
	conf := &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}}
	if o.clientCA != "" {
		pem, err := os.ReadFile(o.clientCA)
		if err != nil {
			return nil, usagef("--tls-client-ca: %w", err)
		}
		conf.ClientAuth, conf.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		if !conf.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, usagef("--tls-client-ca %s: no certificate found", o.clientCA)
		}
	}
	return conf, nil
}
