package native

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/http2"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/h3"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/internal/wire"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A Target is the server under test and how to reach it.
type Target struct {
	URL          *url.URL    // ws or wss; path and query are kept
	Socket       string      // path of the unix socket to connect to instead of the URL's host
	Header       http.Header // added to the request; Host replaces the one of the URL
	Subprotocols []string
	TLS          *tls.Config // nil means the defaults
	// NetDial opens the connections to the server, below TLS. Nil means a net.Dialer.
	NetDial  func(ctx context.Context, network, addr string) (net.Conn, error)
	Protocol Protocol
	// FailTLS counts a TLS handshake that fails as an opening handshake that fails.
	// Without it, the server cannot be reached, and nothing is tested.
	FailTLS bool
	// HTTP2 opens each connection as a stream of HTTP/2, by ALPN for wss, else with prior
	// knowledge (RFC 8441, RFC 9113 §3.3).
	HTTP2 bool
	// HTTP3 opens each connection as a stream of HTTP/3 (RFC 9220). The URL is wss; NetDial and
	// Socket are of no use.
	HTTP3 bool

	accepts   *acceptance // nil outside a run
	readsBody bool        // what comes behind a response that opens nothing is an event
	beside    *url.URL    // where a probe beside a case goes; nil means URL
}

// userAgent is how the harness names itself in handshakes.
const userAgent = "wsconform"

// String is where the server is, for messages.
func (t *Target) String() string {
	if t.Socket != "" {
		return "the socket " + t.Socket
	}
	return t.URL.String()
}

// errRefused says that there is no connection to the server: nothing was tested.
var errRefused = errors.New("the server cannot be reached")

// errTLS says that there is no TLS with the server.
var errTLS = errors.New("TLS")

// dialPlain connects, without TLS.
func (t *Target) dialPlain(ctx context.Context) (net.Conn, error) {
	port := t.URL.Port()
	if port == "" {
		port = map[string]string{"ws": "80", "wss": "443"}[t.URL.Scheme]
	}
	network, addr := "tcp", net.JoinHostPort(t.URL.Hostname(), port)
	if t.Socket != "" {
		network, addr = "unix", t.Socket
	}
	dial := t.NetDial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	nc, err := dial(ctx, network, addr)
	if harness.OutOfResources(err) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRefused, err)
	}
	return nc, nil
}

// tlsConfig is what the connection to a wss server is made with.
func (t *Target) tlsConfig() *tls.Config {
	conf := t.TLS.Clone()
	if conf == nil {
		conf = &tls.Config{}
	}
	if conf.ServerName == "" {
		conf.ServerName = t.URL.Hostname()
	}
	conf.NextProtos = []string{"http/1.1"}
	switch {
	case t.HTTP2:
		conf.NextProtos = []string{http2.NextProtoTLS}
	case t.HTTP3:
		conf.NextProtos = []string{h3.NextProto}
	}
	return conf
}

// dialBelow connects, through TLS if the URL says so, with what a case changes in that.
func (t *Target) dialBelow(ctx context.Context, change *cases.TLS) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if t.HTTP3 {
		return t.dialQUIC(ctx)
	}
	nc, err := t.dialPlain(ctx)
	if err != nil || t.URL.Scheme != "wss" || change != nil && change.Plain {
		return nc, err
	}
	if d, ok := limit(t.Protocol.OpenTimeout, openTimeout); ok && (t.FailTLS || change != nil) {
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	tc := tls.Client(watch(nc), changed(t.tlsConfig(), change))
	if err := tc.HandshakeContext(ctx); err != nil {
		nc.Close()
		return nil, fmt.Errorf("%w: %w: %w", errRefused, errTLS, err)
	}
	return tc, nil
}

// request is the opening handshake as sent (RFC 6455 §4.1).
func (t *Target) request(key string, conn cases.Conn) string {
	host := t.URL.Host
	if h := t.Header.Get("Host"); h != "" {
		host = h
	}
	fields := []cases.Field{
		{Name: "User-Agent", Value: userAgent},
		{Name: "Host", Value: host},
		{Name: "Upgrade", Value: "WebSocket"},
		{Name: "Connection", Value: "Upgrade"},
		{Name: "Pragma", Value: "no-cache"},
		{Name: "Cache-Control", Value: "no-cache"},
		{Name: "Sec-WebSocket-Key", Value: key},
	}
	if len(t.Subprotocols) > 0 {
		fields = append(fields, cases.Field{Name: "Sec-WebSocket-Protocol", Value: strings.Join(t.Subprotocols, ",")})
	}
	if conn.Deflate != nil {
		fields = append(fields, cases.Field{Name: "Sec-WebSocket-Extensions", Value: conn.Deflate.Offers})
	}
	fields = append(fields, cases.Field{Name: "Sec-WebSocket-Version", Value: "13"})
	for name, values := range t.Header {
		for _, v := range values {
			if name != "Host" {
				fields = append(fields, cases.Field{Name: name, Value: v})
			}
		}
	}
	edits := conn.Head.Fill("{key}", wsproto.NewKey()).Fill("{host}", host).Fill("{target}", t.URL.RequestURI())
	return edits.Text("GET "+t.URL.RequestURI()+" HTTP/1.1", fields)
}

// open makes the opening handshake of connection n of a case. The error is
// errRefused where TCP could not be opened; else the transcript says what went
// wrong.
func (t *Target) open(ctx context.Context, c cases.Case, n int) (conn, transcript.Transcript, error) {
	nc, failed, err := t.openOnce(ctx, c, n)
	if err == nil && (nc.Conn != nil || turnedAway(failed)) {
		t.heed(c.Conns[n], nc.Conn != nil)
	}
	return nc, failed, err
}

func (t *Target) openOnce(ctx context.Context, c cases.Case, n int) (conn, transcript.Transcript, error) {
	failed := transcript.Transcript{Role: cases.Server, Started: time.Now().UTC()}
	nc, err := t.dialBelow(ctx, c.Conns[n].TLS)
	if errors.Is(err, syscall.ECONNRESET) { // it accepted, and thought better of it at once
		failed.UncleanReason = t.openFailure(err)
		failed.Events = []transcript.Event{{Kind: transcript.GotReset}}
		return conn{}, failed, ctx.Err()
	}
	if (t.FailTLS || c.Conns[n].TLS != nil) && errors.Is(err, errTLS) {
		failed.DroppedByUs = true
		failed.Events = tlsEnd(err)
		failed.UncleanReason = t.openFailure(err)
		failed.OpenTimeout = isTimeout(err)
		return conn{}, failed, ctx.Err()
	}
	if err != nil {
		failed.OpenTimeout = errors.Is(err, errNoAnswer3) // it is not asked again and again
		return conn{}, failed, err
	}
	t.Protocol.setOpenDeadline(nc)
	stop := context.AfterFunc(ctx, func() { nc.SetDeadline(time.Unix(1, 0)) }) //nolint:errcheck // a broken connection shows in the next call
	defer stop()
	var opened conn
	switch {
	case t.HTTP2:
		opened, err = t.ask(nc, c, n)
	case t.HTTP3:
		opened, err = t.askHTTP3(nc, c, n)
	default:
		opened, err = t.exchange(ctx, nc, wsproto.NewKey(), c, n)
	}
	if err == nil {
		nc.SetDeadline(time.Time{}) //nolint:errcheck // a broken connection shows in the next call
		return opened, transcript.Transcript{}, ctx.Err()
	}
	if opened.Conn != nil && opened.Conn != nc {
		opened.Close()
	}
	nc.Close()
	failed.TLS = secured(nc)
	if opened.tap != nil {
		failed.Stream, failed.Log = true, opened.tap.entries()
	}
	failed.Request, failed.Response, failed.Events, failed.Left = opened.request, opened.response, opened.opened, opened.left
	failed.DroppedByUs = true
	failed.UncleanReason = t.openFailure(err)
	failed.OpenTimeout = isTimeout(err)
	failed.Duration = time.Since(failed.Started)
	return conn{}, failed, ctx.Err()
}

// exchange sends the request and reads the response. What it returns tells how far
// it came, also with an error.
func (t *Target) exchange(ctx context.Context, nc net.Conn, key string, c cases.Case, n int) (opened conn, err error) {
	it := c.Conns[n]
	opened = conn{Conn: nc, request: t.request(key, it), protocol: t.Protocol}
	if sent, ok := wire.ParseHead(opened.request).One("Sec-WebSocket-Key"); ok {
		key = sent
	}
	if without, ok := it.Head.Find(cases.EditRefused); ok {
		done, err := t.refusedFirst(nc, &opened, it, without.Name)
		if done || err != nil {
			return opened, cmp.Or(err, errNoMore)
		}
	}
	out := []byte(opened.request)
	if _, ok := it.Head.Find(cases.EditTogether); ok {
		opened.ahead = firstFrames(c, n)
		out = withFrames(out, opened.ahead, true)
	}
	start := time.Now()
	err = writeHead(nc, out, it.Head)
	if _, ok := it.Head.Find(cases.EditTrickle); ok && err != nil {
		for _, e := range endsOf(nc, err) {
			if !errors.Is(err, errTrickled) {
				e.At = time.Since(start)
				opened.opened = append(opened.opened, e)
			}
		}
		return opened, err
	}
	if err != nil && len(it.Head) == 0 { // one that was refused meanwhile may have been answered
		return opened, err
	}
	heard := &listened{Conn: nc, ctx: ctx, start: start}
	if d, ok := limit(t.Protocol.OpenTimeout, openTimeout); ok && c.Suite.OneGrade() {
		heard.bound = d
	}
	if half, ok := nc.(halfCloser); ok && (len(it.Head) > 0 || it.TLS != nil) {
		stop := t.endSilence(ctx, heard, half)
		defer func() {
			stop()
			opened.left = time.Duration(heard.fin.Load())
		}()
	}
	h, err := readHead(heard)
	for err == nil && (len(it.Head) > 0 || c.Suite.OneGrade()) && interim(statusOf(h)) {
		h, err = readHead(io.MultiReader(bytes.NewReader(h.early), heard))
	}
	opened.request = bounded(opened.request)
	opened.response, opened.early = h.text, h.early
	opened.read, opened.written = len(h.text), len(out)
	switch status := statusOf(h); {
	case status != 0:
		opened.opened = append(opened.opened, transcript.Event{Kind: transcript.GotAnswer, Status: status, At: time.Since(start)})
	case err != nil && !isTimeout(err):
		for _, e := range endsOf(nc, err) {
			e.At = time.Since(start)
			opened.opened = append(opened.opened, e)
		}
	}
	if status := statusOf(h); t.readsBody && err == nil && status != 0 && status != 101 {
		opened.opened = append(opened.opened, bodyOf(nc, h))
	}
	if err == nil {
		opened.deflate, err = checkResponse(h, key, it.Deflate, t.Subprotocols, c.Suite.OneGrade())
	}
	return opened, err
}

// bodyWait is how long the body of a response may take that opens nothing.
const bodyWait = 2 * time.Second

// bodyOf reads the body of a response, as far as it comes.
func bodyOf(nc net.Conn, h head) transcript.Event {
	e := transcript.Event{Kind: transcript.GotBody}
	resp, err := http.ReadResponse(bufio.NewReader(io.MultiReader(strings.NewReader(h.text), bytes.NewReader(h.early), nc)), nil)
	if err != nil {
		return e
	}
	defer resp.Body.Close()
	nc.SetReadDeadline(time.Now().Add(bodyWait))                           //nolint:errcheck // a broken connection shows at once
	e.Data, _ = io.ReadAll(io.LimitReader(resp.Body, transcript.HeadSize)) // what is cut off is missing from it
	e.Len = len(e.Data)
	return e
}

// interim reports whether another response follows (RFC 9110 §15.2).
func interim(status int) bool { return status >= 100 && status < 200 && status != 101 }

// withFrames appends the frames to a head.
func withFrames(head []byte, list []outgoing, masked bool) []byte {
	w := writer{masked: masked, buf: head}
	for _, o := range list {
		w.frames(o)
	}
	return w.buf
}

// statusOf is the status of a response, 0 if it has none.
func statusOf(h head) int {
	_, rest, _ := strings.Cut(h.Start(), " ")
	status, _, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(status)
	if err != nil || n < 100 || n > 999 {
		return 0
	}
	return n
}

// firstFrames are the frames with which the script of a connection begins, as the
// player will log them.
func firstFrames(c cases.Case, n int) []outgoing {
	keys := newKeys(c.ID, n)
	var list []outgoing
	for _, op := range c.Conns[n].Ops() {
		sent, ok := op.(cases.WriteOp)
		if !ok || sent.Part != cases.WholeFrame {
			break
		}
		o := frames(sent)
		if key := keys.frame(); !o.fixed {
			o.key = key
		}
		list = append(list, o)
	}
	return list
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func (t *Target) openFailure(err error) string {
	if isTimeout(err) {
		d, _ := limit(t.Protocol.OpenTimeout, openTimeout)
		return fmt.Sprintf("the opening handshake was not completed in %g s", d.Seconds())
	}
	return "the opening handshake failed: " + netReason(err)
}
