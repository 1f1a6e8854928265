package native

import (
	"cmp"
	"errors"
	"fmt"
	"net"
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

// A sole stream is the only one of its connection, which ends with it.
type sole struct {
	*h2.Stream
}

// Close ends the stream and then the connection.
func (s sole) Close() error {
	err := s.Stream.Close()
	if err == nil && s.Conn().Err() == nil {
		s.Conn().GoAway(0, http2.ErrCodeNo) //nolint:errcheck // the connection is over
	}
	return cmp.Or(err, s.Conn().Close())
}

// Beneath is the connection of the stream.
func (s sole) Beneath() net.Conn { return s.Conn().NetConn() }

// A tap takes the frames of HTTP/2 of a connection to its log: to that of the player, once
// there is one.
type tap struct {
	only uint32 // the stream whose frames count; 0 means all
	mu   sync.Mutex
	list []transcript.Entry
	off  []transcript.Event // offences
	p    *player
}

// noted is how many frames are kept before there is a player.
const noted = 60

// frame takes a frame. DATA is left out unless there is something odd about it: its bytes are
// frames of WebSocket, which the player logs.
func (t *tap) frame(f h2.Frame) {
	if t.only != 0 && f.Stream != 0 && f.Stream != t.only {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	e, off := entryOf(f), offencesOf(f)
	plain := f.Type == http2.FrameData && !f.Padded && !f.EndStream() || f.Type == http2.FrameWindowUpdate
	if !plain || len(off) > 0 {
		t.note(e, off)
	}
}

// note takes an entry of the log, and offences, with mu held.
func (t *tap) note(e transcript.Entry, off []transcript.Event) {
	if t.p != nil {
		t.p.frameHTTP2(e, off)
		return
	}
	if len(t.list) < noted {
		t.list, t.off = append(t.list, e), append(t.off, off...)
	}
}

// attach hands what was noted to the player, and from then on what comes. Nil ends that.
func (t *tap) attach(p *player) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.p = p
	if p == nil {
		return
	}
	for _, e := range t.list {
		e.At = 0 // it was before the opening handshake was over
		p.t.Log = append(p.t.Log, e)
	}
	p.t.Events = append(p.t.Events, t.off...)
	t.list, t.off = nil, nil
}

func (t *tap) entries() []transcript.Entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.list)
}

func entryOf(f h2.Frame) transcript.Entry {
	e := transcript.Entry{Kind: transcript.LogHTTP2, Dir: transcript.In, Len: f.Len, Note: f.String()}
	if f.Out {
		e.Dir = transcript.Out
	}
	return e
}

func offencesOf(f h2.Frame) []transcript.Event {
	var list []transcript.Event
	for _, o := range f.Offences {
		list = append(list, transcript.Event{Kind: transcript.GotOffence, Section: o.Section, Len: len(o.Words), Data: transcript.Octet(o.Words)})
	}
	return list
}

// frameHTTP2 logs a frame of HTTP/2, and records what is wrong with it.
func (p *player) frameHTTP2(e transcript.Entry, off []transcript.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log(e)
	for _, o := range off {
		p.record(o)
	}
}

// fieldsHTTP2 are those of a request for a WebSocket over HTTP/2 (RFC 8441 §5.1).
func (t *Target) fieldsHTTP2(conn cases.Conn) []cases.Field {
	host, scheme := t.URL.Host, "http"
	if h := t.Header.Get("Host"); h != "" {
		host = h
	}
	if t.URL.Scheme == "wss" {
		scheme = "https"
	}
	fields := []cases.Field{
		{Name: ":method", Value: "CONNECT"},
		{Name: ":protocol", Value: "websocket"},
		{Name: ":scheme", Value: scheme},
		{Name: ":path", Value: t.URL.RequestURI()},
		{Name: ":authority", Value: host},
		{Name: "user-agent", Value: userAgent},
		{Name: "pragma", Value: "no-cache"},
		{Name: "cache-control", Value: "no-cache"},
	}
	if len(t.Subprotocols) > 0 {
		fields = append(fields, cases.Field{Name: "sec-websocket-protocol", Value: strings.Join(t.Subprotocols, ",")})
	}
	if conn.Deflate != nil {
		fields = append(fields, cases.Field{Name: "sec-websocket-extensions", Value: conn.Deflate.Offers})
	}
	fields = append(fields, cases.Field{Name: "sec-websocket-version", Value: "13"})
	for name, values := range t.Header {
		for _, v := range values {
			if name != "Host" {
				fields = append(fields, cases.Field{Name: strings.ToLower(name), Value: v})
			}
		}
	}
	edits := conn.Head.Fill("{host}", host).Fill("{target}", t.URL.RequestURI())
	return edits.Fields(fields)
}

// block is the fields as HPACK takes them.
func block(fields []cases.Field) []hpack.HeaderField {
	list := make([]hpack.HeaderField, len(fields))
	for i, f := range fields {
		list[i] = hpack.HeaderField{Name: f.Name, Value: f.Value, Sensitive: strings.EqualFold(f.Name, "authorization") || strings.EqualFold(f.Name, "cookie")}
	}
	return list
}

// requestText is a request over HTTP/2 or HTTP/3 as the transcript shows it.
func requestText(version string, fields []hpack.HeaderField) string {
	start := fmt.Sprintf("%s %s %s", cmp.Or(h2.Value(fields, ":method"), "-"), cmp.Or(h2.Value(fields, ":path"), "-"), version)
	return h2.Text(start, fields)
}

// responseText is a response over HTTP/2 or HTTP/3 as the transcript shows it.
func responseText(version string, fields []hpack.HeaderField) string {
	return h2.Text(version+" "+h2.Value(fields, ":status"), fields)
}

var (
	errNoHTTP2    = errors.New("the server does not choose HTTP/2 by ALPN")
	errNoConnect  = errors.New("the server does not announce extended CONNECT (SETTINGS_ENABLE_CONNECT_PROTOCOL, RFC 8441 3)")
	errNoSettings = errors.New("the server sends no SETTINGS")
)

// openHTTP2 begins HTTP/2 on nc. Deadline bounds the wait for SETTINGS.
func openHTTP2(nc net.Conn, o h2.Options, deadline time.Time) (*h2.Conn, error) {
	if s := secured(nc); s != nil && s.Protocol != http2.NextProtoTLS {
		return nil, errNoHTTP2
	}
	hc, err := h2.Open(nc, o)
	if err != nil {
		return nil, err
	}
	switch settings, connect := hc.Announced(deadline); {
	case !settings && hc.Err() != nil:
		err = hc.Err()
	case !settings:
		err = errNoSettings
	case !connect:
		err = errNoConnect
	}
	return hc, err
}

// ask opens connection n of a case as a stream of HTTP/2. What it returns tells how far it came,
// also with an error.
func (t *Target) ask(nc net.Conn, c cases.Case, n int) (opened conn, err error) {
	it := c.Conns[n]
	opened = conn{Conn: nc, protocol: t.Protocol, tap: new(tap)}
	bound, _ := limit(t.Protocol.OpenTimeout, openTimeout)
	deadline := time.Now().Add(bound)
	hc, err := openHTTP2(nc, h2.Options{Frame: opened.tap.frame}, deadline)
	if hc == nil {
		return opened, err
	}
	stream := sole{hc.NewStream()}
	opened.Conn = stream
	if err != nil {
		return opened, err
	}
	request := t.fieldsHTTP2(it)
	for i := range request {
		request[i].Name = strings.ToLower(request[i].Name)
	}
	fields := block(request)
	opened.request = bounded(requestText("HTTP/2", fields))
	start := time.Now()
	if err := stream.Headers(fields, h2.HeadersForm{}); err != nil {
		return opened, err
	}
	got, err := stream.Head(deadline)
	at := time.Since(start)
	if err != nil {
		if !isTimeout(err) {
			opened.opened = append(opened.opened, transcript.Event{Kind: transcript.GotReset, At: at})
		}
		return opened, err
	}
	return opened, t.answered(&opened, responseText("HTTP/2", got), c, n, at)
}

// answered takes the response to a request for a stream.
func (t *Target) answered(opened *conn, response string, c cases.Case, n int, at time.Duration) (err error) {
	opened.response = bounded(response)
	h := head{Head: wire.ParseHead(opened.response), text: opened.response}
	opened.read, opened.written = len(opened.response), len(opened.request)
	status := statusOf(h)
	opened.opened = append(opened.opened, transcript.Event{Kind: transcript.GotAnswer, Status: status, At: at})
	if status < 200 || status > 299 {
		return fmt.Errorf("the server answered %d, not 200", status)
	}
	opened.deflate, err = agreed(h, c.Conns[n].Deflate, t.Subprotocols, c.Suite.OneGrade())
	return err
}
