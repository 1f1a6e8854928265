// Package doctor examines a live WebSocket address: whether a client gets there, whether
// the connection opens, over HTTP/1.1 and HTTP/2, and how the server behaves once it is
// open. It needs no echo, sends no message, and makes few connections.
//
// [Examine] makes the probes and returns a [Report] of findings, in the order in which a
// connection comes about. reach.go gets to the server (names, TCP, TLS), proxy.go through a
// proxy, opening.go opens connections, http2.go does so over HTTP/2, behavior.go looks at what follows, and
// browsers.go says what that means for a web page.
package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/ws"
)

// MaxConns is how many connections an examination makes at most.
const MaxConns = 30

// probeBound is how long one probe waits for an answer.
const probeBound = 2 * time.Second

// A State says how much a finding matters.
type State string

// The states of a finding.
const (
	OK      State = "ok"      // as it should be
	Note    State = "note"    // neither good nor bad, worth knowing
	Warning State = "warning" // works, but some clients or some uses will have trouble
	Fault   State = "fault"   // no connection, or a rule of an RFC is broken
)

// A Topic is what a finding is about.
type Topic string

// The topics, in the order of a report.
const (
	Names       Topic = "name"
	Proxy       Topic = "proxy"
	TCP         Topic = "TCP"
	TLS         Topic = "TLS"
	Opening     Topic = "opening"
	HTTP2       Topic = "HTTP/2"
	Subprotocol Topic = "subprotocol"
	Compression Topic = "compression"
	Origin      Topic = "origin"
	FirstFrame  Topic = "first frame"
	Ping        Topic = "ping"
	Masking     Topic = "masking"
	Idle        Topic = "idle"
	Browsers    Topic = "browsers"
)

var topics = []Topic{Names, Proxy, TCP, TLS, Opening, HTTP2, Subprotocol, Compression, Origin, FirstFrame, Ping, Masking, Idle, Browsers}

// A Finding is one thing that was seen.
type Finding struct {
	Topic  Topic  `json:"topic"`
	State  State  `json:"state"`
	Saw    string `json:"saw"`
	Advice string `json:"advice,omitempty"` // what to do; "" if there is nothing to do
	Rule   string `json:"rule,omitempty"`   // of an RFC, such as "RFC 6455 section 5.1"
}

// A Report is the result of an examination.
type Report struct {
	Schema   int       `json:"schema"` // of this format: 1
	URL      string    `json:"url"`
	Proxy    string    `json:"proxy,omitempty"` // that connections go through, without user and password
	Started  time.Time `json:"started"`
	Took     float64   `json:"seconds"`
	Opened   bool      `json:"opened"`      // a WebSocket connection was opened in some way
	Conns    int       `json:"connections"` // how many TCP connections were made
	Findings []Finding `json:"findings"`
}

// Worst is the state of the worst finding.
func (r *Report) Worst() State {
	for _, s := range []State{Fault, Warning, Note} {
		for _, f := range r.Findings {
			if f.State == s {
				return s
			}
		}
	}
	return OK
}

// Mask replaces the secrets in a report.
func (r *Report) Mask(s *runfile.Secrets) {
	r.URL = s.Text(r.URL)
	for i, f := range r.Findings {
		r.Findings[i].Saw, r.Findings[i].Advice = s.Text(f.Saw), s.Text(f.Advice)
	}
}

// Options says how an examination is made.
type Options struct {
	// Idle is how long to leave a connection alone to see whether it is cut. Zero means
	// 5 s, a negative value not at all.
	Idle time.Duration
	// Resolver looks names up. Nil means that of the system.
	Resolver *net.Resolver
	// Proxy is what connections go through, a URL as of [ws.ProxyURL]. Nil means none.
	Proxy *url.URL
	// ProxyTLS is the TLS to a proxy of scheme https. Nil means the usual.
	ProxyTLS *tls.Config
	// Environment is the proxy that the environment names for the address. Nil means none.
	Environment *url.URL
}

// idle is the time that applies, 0 for none.
func (o Options) idle() time.Duration {
	switch {
	case o.Idle < 0:
		return 0
	case o.Idle == 0:
		return 5 * time.Second
	}
	return o.Idle
}

// errTooMany ends an examination that would make more than MaxConns connections.
var errTooMany = errors.New("too many connections for one examination")

// An examination is one in progress.
type examination struct {
	target engine.Target
	opts   Options
	addr   string // host and port that was reached
	agreed string // the ALPN protocol where HTTP/2 and HTTP/1.1 are offered

	mu       sync.Mutex
	conns    int
	findings map[Topic][]Finding
	noPage   []string // why a page cannot connect, each the rest of a sentence about browsers
}

// Examine looks at the server. The target's URL must have scheme ws or wss and a host.
// What is wrong with the server is a finding; the error is that of ctx.
func Examine(ctx context.Context, target engine.Target, opts Options) (*Report, error) {
	e := &examination{target: target, opts: opts, findings: map[Topic][]Finding{}}
	r := &Report{Schema: 1, URL: target.URL.String(), Started: time.Now().UTC().Truncate(time.Millisecond)}
	if opts.Proxy != nil {
		r.Proxy = hop(opts.Proxy)
	}
	e.environment()
	if e.reach(ctx) {
		r.Opened = e.examine(ctx)
	}
	for _, t := range topics {
		r.Findings = append(r.Findings, e.findings[t]...)
	}
	r.Conns = e.conns
	r.Took = time.Since(r.Started).Round(time.Millisecond).Seconds()
	return r, ctx.Err()
}

// examine opens connections, and if that works looks at what they do.
func (e *examination) examine(ctx context.Context) (opened bool) {
	var wg sync.WaitGroup
	var overHTTP2 bool
	wg.Go(func() { overHTTP2 = e.http2(ctx) })
	if e.opts.Proxy != nil {
		wg.Go(func() { e.compare(ctx) })
	}
	opened = e.open(ctx)
	if opened {
		for _, probe := range []func(context.Context){
			e.subprotocol, e.compression, e.origin, e.firstFrame, e.ping, e.masking, e.idle,
		} {
			wg.Go(func() { probe(ctx) })
		}
	}
	wg.Wait()
	switch {
	case !opened || ctx.Err() != nil:
	case e.gone(ctx):
		e.lost()
	default:
		e.browsers()
	}
	return opened || overHTTP2
}

// gone reports whether the server no longer takes connections.
func (e *examination) gone(ctx context.Context) bool {
	nc, err := e.dial(ctx, e.addr)
	if err == nil {
		nc.Close()
	}
	return err != nil
}

// lost says that the server ended while it was examined. What seemed wrong with it may be
// that alone, and is not said.
func (e *examination) lost() {
	for t, list := range e.findings {
		if t != Names && t != Proxy && t != TCP && t != TLS {
			e.findings[t] = slices.DeleteFunc(list, func(f Finding) bool { return f.State == Warning || f.State == Fault })
		}
	}
	e.found(Finding{Topic: Opening, State: Fault, Saw: "the server ended during the examination: it takes no more connections", Advice: "it may have crashed or been stopped: its log may say why"})
}

// found adds a finding. Its values are what a peer says: they are bounded and lose what
// a terminal would obey.
func (e *examination) found(f Finding) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f.Saw, f.Advice = plain(f.Saw), plain(f.Advice)
	e.findings[f.Topic] = append(e.findings[f.Topic], f)
}

// pagesFail notes why no page can connect, as the rest of a sentence about browsers.
func (e *examination) pagesFail(why string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.noPage = append(e.noPage, why)
}

// plain makes one line of what may come from a peer, 600 bytes at most.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) > 600 {
		s = strings.ToValidUTF8(s[:600], "") + "…"
	}
	return s
}

// spend counts a connection that is about to be made.
func (e *examination) spend() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.conns++; e.conns > MaxConns {
		return errTooMany
	}
	return nil
}

// dial makes a TCP connection to the address that was reached, through the proxy if there
// is one.
func (e *examination) dial(ctx context.Context, addr string) (net.Conn, error) {
	if err := e.spend(); err != nil {
		return nil, err
	}
	if e.opts.Proxy != nil {
		return e.dialProxy(ctx, addr)
	}
	d := net.Dialer{Timeout: probeBound}
	return d.DialContext(ctx, "tcp", addr)
}

// options are those of a connection of our client to the server. What a probe changes
// in them is its own.
func (e *examination) options() *ws.DialOptions {
	header := make(http.Header)
	maps.Copy(header, e.target.Header.Clone())
	o := &ws.DialOptions{
		Header:       header,
		Subprotocols: e.target.Subprotocols,
		Options: ws.Options{
			HandshakeTimeout: 2 * probeBound,
			CloseTimeout:     probeBound / 2,
			PingInterval:     -1,
			ReadLimit:        1 << 20,
		},

		Proxy: http.ProxyURL(nil),
		NetDial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return e.dial(ctx, e.addr)
		},
	}
	if e.target.URL.Scheme == "wss" {
		o.TLS = e.tlsConfig("http/1.1")
	}
	return o
}

// connect opens a connection.
func (e *examination) connect(ctx context.Context, o *ws.DialOptions) (*ws.Conn, error) {
	return ws.Dial(ctx, e.target.URL.String(), o)
}

// refusal describes a handshake that failed in a few words.
func refusal(err error) string {
	if h, ok := errors.AsType[*ws.HandshakeError](err); ok && h.Status != 0 && h.Status != http.StatusSwitchingProtocols {
		return fmt.Sprintf("status %d %s", h.Status, http.StatusText(h.Status))
	}
	return err.Error()
}
