package native

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/h2"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/internal/wire"
)

// settingsDelay is how late our SETTINGS come on each connection. A client that does not wait
// for them has asked by then (RFC 8441 §3).
const settingsDelay = 10 * time.Millisecond

// serveHTTP2 answers what is asked for on the streams of a connection.
func (e *Endpoint) serveHTTP2(ctx context.Context, nc net.Conn) {
	if tc, ok := nc.(*tls.Conn); ok {
		bounded, cancel := context.WithTimeout(ctx, openTimeout)
		defer cancel()
		if tc.HandshakeContext(bounded) != nil || tc.ConnectionState().NegotiatedProtocol != http2.NextProtoTLS {
			return
		}
	}
	nc.SetDeadline(time.Time{}) //nolint:errcheck // a broken connection shows at once
	var wg sync.WaitGroup
	defer wg.Wait()
	var mu sync.Mutex // guards taps
	taps := map[uint32]*tap{}
	ready := make(chan struct{})
	hc, err := h2.Open(nc, h2.Options{
		Server: true, Delay: settingsDelay,
		Frame: func(f h2.Frame) {
			mu.Lock()
			t := taps[f.Stream]
			if t == nil && f.Stream != 0 && !f.Out && f.Type == http2.FrameHeaders && len(taps) < noted {
				t = new(tap)
				taps[f.Stream] = t
			}
			mu.Unlock()
			if t != nil {
				t.frame(f)
			}
		},
		Accept: func(s *h2.Stream) {
			v := e.arrive()
			mu.Lock()
			t := taps[s.ID]
			mu.Unlock()
			wg.Go(func() {
				<-ready
				defer func() {
					mu.Lock()
					defer mu.Unlock()
					delete(taps, s.ID)
				}()
				defer e.leave(v)
				defer s.Close() //nolint:errcheck // it ends, however it does
				if t == nil {
					t = new(tap)
				}
				e.serveStream(ctx, &answering{answerStream: stream2{s}, tap: t}, v)
			})
		},
	})
	close(ready)
	if err != nil {
		return
	}
	select {
	case <-hc.Done():
	case <-ctx.Done():
	}
	_ = hc.Close() // it ends, however it does
}

// serveStream answers a request over HTTP/2 or HTTP/3.
func (e *Endpoint) serveStream(ctx context.Context, a *answering, v *visit) {
	if e.stream != nil {
		e.leave(v)
		e.stream(ctx, a)
		return
	}
	h, target, refused := a.asked()
	if refused != nil {
		if target != nil && e.Page != "" && h2.Value(a.fields(), ":method") == "GET" {
			refused = &refusal{status: 200, reason: e.Page, header: "Content-Type: text/html; charset=utf-8\r\n"}
		}
		respond(a, refused)
		return
	}
	offers, refused := checkRequest(h, true)
	if refused != nil && !refused.late {
		e.mistaken(ctx, v, h, refused)
		respond(a, refused)
		return
	}
	path, _, _ := strings.Cut(target.EscapedPath(), ";")
	e.route(ctx, a, v, h, path, target.RawQuery, offers, refused)
}

// asked is the request for a WebSocket, or how another one is refused. There is no target where it
// is malformed.
func (a *answering) asked() (h head, target *url.URL, refused *refusal) {
	fields := a.fields()
	h = head{Head: wire.ParseHead(asHTTP1(fields)), text: requestText(a.version(), fields)}
	a.offered = h.List("Sec-WebSocket-Protocol")
	target, err := url.ParseRequestURI(h2.Value(fields, ":path"))
	if h2.Value(fields, ":method") != "CONNECT" || h2.Value(fields, ":protocol") == "" || err != nil {
		refused = refuse(400, "this is a WebSocket server")
	}
	return h, target, refused
}

// asHTTP1 is a request over HTTP/2 as one of HTTP/1.1 would be. What is wrong with it in HTTP/2
// is for the cases to see.
func asHTTP1(fields []hpack.HeaderField) string {
	var b strings.Builder
	b.WriteString("GET " + h2.Value(fields, ":path") + " HTTP/1.1\r\nHost: " + h2.Value(fields, ":authority") + "\r\n")
	b.WriteString("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n")
	clean := strings.NewReplacer("\r", "", "\n", "")
	for _, f := range fields {
		name := strings.ToLower(f.Name)
		if !strings.HasPrefix(name, ":") && !slices.Contains([]string{"host", "upgrade", "connection", "sec-websocket-key"}, name) {
			b.WriteString(clean.Replace(name) + ": " + clean.Replace(f.Value) + "\r\n")
		}
	}
	return b.String() + "\r\n"
}

// An answerStream is a stream of HTTP/2 or HTTP/3 with a request.
type answerStream interface {
	net.Conn
	CloseWrite() error
	SetLinger(sec int) error
	Early() bool // see [h2.Stream.Early]
	version() string
	fields() []hpack.HeaderField
	respond(fields []hpack.HeaderField) error
	below() net.Conn
}

// An answering stream takes the head of a response of HTTP/1.1 and sends the one of HTTP/2 or
// HTTP/3 that means the same; what is written behind it are frames. A field whose name begins with a colon
// takes the place of what the status line says.
type answering struct {
	answerStream
	tap      *tap
	offered  []string
	out      []byte // of the head, as far as it was written
	answered bool
	response string // as it was sent
}

// Beneath is the connection of the stream.
func (a *answering) Beneath() net.Conn { return a.below() }

// Conn is the connection of HTTP/2; nil of HTTP/3.
func (a *answering) Conn() *h2.Conn {
	if s, ok := a.answerStream.(stream2); ok {
		return s.Stream.Conn()
	}
	return nil
}

func (a *answering) Write(p []byte) (int, error) {
	if a.answered {
		return a.answerStream.Write(p)
	}
	a.out = append(a.out, p...)
	i := bytes.Index(a.out, []byte("\r\n\r\n"))
	if i < 0 {
		return len(p), nil
	}
	rest := a.out[i+4:]
	if err := a.answer(string(a.out[:i+4])); err != nil {
		return 0, err
	}
	a.out = nil
	if len(rest) > 0 {
		if _, err := a.answerStream.Write(rest); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// answer sends the head of a response.
func (a *answering) answer(text string) error {
	h := wire.ParseHead(text)
	status := h.Status()
	a.answered = status == "101" || !strings.HasPrefix(status, "1")
	if status == "101" {
		status = "200"
	}
	var fields []hpack.HeaderField
	for _, line := range h.Lines[1:] {
		if rest, ok := strings.CutPrefix(line, ":status: "); ok {
			status = rest
		}
	}
	fields = append(fields, hpack.HeaderField{Name: ":status", Value: status})
	for _, f := range h.Fields {
		name := strings.ToLower(f.Name)
		if name != "" && !slices.Contains([]string{"upgrade", "connection", "sec-websocket-accept", "transfer-encoding", "keep-alive"}, name) {
			fields = append(fields, hpack.HeaderField{Name: name, Value: f.Value})
		}
	}
	a.response += responseText(a.version(), fields)
	return a.respond(fields)
}

// early adds what a case about that has to know: the client did not wait for our SETTINGS.
func (a *answering) early(c cases.Case) []transcript.Event {
	if !a.Early() || !slices.Contains(c.Requirements, "RFC8441-3-client-not-before") {
		return nil
	}
	const words = "extended CONNECT comes before the setting that announces it"
	return []transcript.Event{{Kind: transcript.GotOffence, Section: "RFC 8441 3", Len: len(words), Data: transcript.Octet(words)}}
}
