package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// echoOptions are the flags of echo: each option of a [ws.Server].
type echoOptions struct {
	addr, unix          string
	cert, key, clientCA string

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
}

func (o *echoOptions) flags(f *pflag.FlagSet) {
	f.SortFlags = false
	f.StringVar(&o.addr, "addr", "127.0.0.1:9001", "address to listen on, `HOST:PORT`; port 0 is any free one")
	f.StringVar(&o.unix, "unix", "", "listen on a unix socket at `PATH` instead")
	f.StringVar(&o.cert, "tls-cert", "", "certificate chain for wss, a PEM `FILE`")
	f.StringVar(&o.key, "tls-key", "", "key of the certificate, a PEM `FILE`")
	f.StringVar(&o.clientCA, "tls-client-ca", "", "demand client certificates of this authority, a PEM `FILE`")

	f.StringArrayVar(&o.origins, "origin", []string{"*"}, "`ORIGIN` that browsers may come from, with * for a part of it; may be repeated")
	f.BoolVar(&o.ownOrigin, "own-origin", false, "let browsers come from the host of the request only")
	f.BoolVar(&o.requireOrigin, "require-origin", false, "refuse requests without an Origin")
	f.StringArrayVar(&o.subprotocols, "subprotocol", nil, "`NAME` of a subprotocol to agree on, best first; may be repeated")
	f.StringArrayVar(&o.users, "user", nil, "demand Basic authentication as `USER:PASSWORD`; may be repeated")
	f.StringVar(&o.realm, "realm", "", "what users authenticate for")
	f.StringArrayVarP(&o.headers, "header", "H", nil, "`NAME: VALUE` to add to the response; may be repeated")
	f.StringVar(&o.serverHeader, "server-header", "", "Server header of each response, `TEXT`")
	f.StringVar(&o.health, "health", "", "answer requests for this `PATH` with status 200")

	f.BoolVar(&o.noDeflate, "no-deflate", false, "do not agree on permessage-deflate")
	f.StringVar(&o.deflate, "deflate", "", "`PARAMETERS` of permessage-deflate to hold out for, as they stand in the header")
	f.IntVar(&o.threshold, "deflate-threshold", 0, "do not compress messages of fewer `OCTETS`; 0 is 16, or 64 without context takeover")

	f.Int64Var(&o.maxMessage, "max-message", maxMessage, "largest message in `OCTETS`, inflated; -1 is any")
	f.IntVar(&o.maxHead, "max-head", 0, "largest request head in `OCTETS`; 0 is 16 KiB")
	f.IntVar(&o.maxFields, "max-fields", 0, "most header fields of a request, a `NUMBER`; 0 is 128")
	f.IntVar(&o.maxConns, "max-conns", 0, "most connections at a time, a `NUMBER`; 0 is any")
	f.IntVar(&o.maxHandshakes, "max-handshakes", 0, "most handshakes at a time, a `NUMBER`; 0 is 1024, -1 any")
	f.DurationVar(&o.handshakeTimeout, "handshake-timeout", 0, "`TIME` for the opening handshake; 0 is 10s, -1s any")
	f.DurationVar(&o.readTimeout, "read-timeout", 0, "`TIME` in which a message must come; 0 is any")
	f.DurationVar(&o.writeTimeout, "write-timeout", 0, "`TIME` in which a slow client must take something; 0 is 20s, -1s any")
	f.DurationVar(&o.closeTimeout, "close-timeout", 0, "`TIME` for the closing handshake; 0 is 10s")
	f.DurationVar(&o.pingInterval, "ping-interval", 0, "`TIME` from one ping to the next; 0 is 20s, -1s sends none; Autobahn answers pings in the middle of frames, so less than 5s fails its 6.4.3 and 6.4.4")
	f.DurationVar(&o.pingTimeout, "ping-timeout", 0, "`TIME` for a sign of life after a ping; 0 is 20s, -1s any")

	f.CountVarP(&o.verbose, "verbose", "v", "tell of connections; twice, of frames; three times, of what they carry")
	f.StringVar(&o.fault, "fault", "", "play a faulty server instead, by `NAME`; wsconform faults lists them. The other options then do not count")
}

// server is the server that the flags describe.
func (o *echoOptions) server(log io.Writer) (*ws.Server, error) {
	s := &ws.Server{
		MaxConns: o.maxConns, MaxHandshakes: o.maxHandshakes,
		Accept: ws.AcceptOptions{
			Origins: o.origins, RequireOrigin: o.requireOrigin, Subprotocols: o.subprotocols,
			MaxHeaderBytes: o.maxHead, MaxHeaderFields: o.maxFields, ReadLimit: o.maxMessage,
			HandshakeTimeout: o.handshakeTimeout, ReadTimeout: o.readTimeout, WriteTimeout: o.writeTimeout, CloseTimeout: o.closeTimeout,
			Keepalive: ws.Keepalive{Interval: o.pingInterval, Timeout: o.pingTimeout},
		},
	}
	if o.ownOrigin {
		s.Accept.Origins = nil
	}
	if o.health != "" {
		s.Accept.Intercept = func(r *http.Request) error {
			if r.URL.Path == o.health {
				return &ws.RejectError{Status: http.StatusOK, Body: []byte("OK\n")}
			}
			return nil
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
		level := []slog.Level{slog.LevelInfo, slog.LevelDebug, ws.LevelPayload}[min(o.verbose, 3)-1]
		s.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: level}))
	}
	return s, nil
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
			return usagef("--user wants USER:PASSWORD") // and does not repeat what may be a password
		}
		a.BasicAuth.Users[name] = password
	}
	return nil
}

func (o *echoOptions) setHeaders(a *ws.AcceptOptions) error {
	a.Header = make(http.Header)
	if o.serverHeader != "" {
		a.Header.Set("Server", o.serverHeader)
	}
	for _, h := range o.headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t\r\n") {
			return usagef("--header %q: want NAME: VALUE", h)
		}
		a.Header.Add(name, strings.TrimSpace(value))
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
		return usagef("--deflate: want parameters of one permessage-deflate: %w", err)
	}
	a.Deflate.ServerNoContextTakeover, a.Deflate.ClientNoContextTakeover = p.ServerNoContextTakeover, p.ClientNoContextTakeover
	a.Deflate.ServerMaxWindowBits, a.Deflate.ClientMaxWindowBits = p.ServerMaxWindowBits, max(p.ClientMaxWindowBits, 0)
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
			return nil, usagef("--tls-client-ca %s: there is no certificate in it", o.clientCA)
		}
	}
	return conf, nil
}
