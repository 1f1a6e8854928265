package native

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A Diagnosis says what a server does in place of echoing a message.
type Diagnosis struct {
	Echoes bool   // it does echo, and nothing is wrong
	Saw    string // what came instead, the rest of a sentence about the server
	Advice string // what to do, "" if nothing is known
	// Pongs is set if the server does not echo, but answers pings.
	Pongs bool
	// Refused is set if the server, or something in front of it, turned the handshake
	// down in a way that may be different the next time.
	Refused bool
}

func (d *Diagnosis) String() string {
	if d.Advice == "" {
		return d.Saw
	}
	return d.Saw + ": " + d.Advice
}

// diagnoseBound is how long each part of a diagnosis may take: TLS, the opening
// handshake, the echo, and a look at whether the other scheme works.
const diagnoseBound = 2 * time.Second

// Diagnose opens a connection to the server, asks for an echo, and finds out why
// none comes. It mostly takes a round trip, and 8 s at most. The error is that of
// connecting, or of ctx; without the former there is a diagnosis, as far as it got.
func (t *Target) Diagnose(ctx context.Context) (*Diagnosis, error) {
	return t.diagnose(ctx, func(nc net.Conn, h head) *Diagnosis { return notEchoed(nc, h.early) })
}

// DiagnoseOpening is like Diagnose, but sends nothing once the connection is open, and
// ends it: the diagnosis is nil then.
func (t *Target) DiagnoseOpening(ctx context.Context) (*Diagnosis, error) {
	return t.diagnose(ctx, func(net.Conn, head) *Diagnosis { return nil })
}

// diagnose opens a connection and hands it over, each within its bound.
func (t *Target) diagnose(ctx context.Context, opened func(net.Conn, head) *Diagnosis) (*Diagnosis, error) {
	nc, err := t.dialPlain(ctx)
	if errors.Is(err, syscall.ECONNRESET) { // it accepted, and thought better of it at once
		return cutOffUnread(), ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	stop := context.AfterFunc(ctx, func() { nc.SetDeadline(time.Unix(1, 0)) }) //nolint:errcheck // a broken connection shows at once
	defer stop()
	patience := func() { nc.SetDeadline(time.Now().Add(diagnoseBound)) } //nolint:errcheck // a broken connection shows in the next call
	if t.URL.Scheme == "wss" {
		patience()
		tc := tls.Client(nc, t.tlsConfig())
		if err := tc.HandshakeContext(ctx); err != nil {
			return t.withoutTLS(ctx, err), ctx.Err()
		}
		nc = tc
	}
	patience()
	key := wsproto.NewKey()
	if _, err := io.WriteString(nc, t.request(key, cases.Conn{})); err != nil {
		return cutOffUnread(), ctx.Err()
	}
	h, err := readHead(nc)
	if err == nil {
		_, err = checkResponse(h, key, nil, t.Subprotocols, true)
	}
	if err != nil {
		return t.notOpened(ctx, nc, h, err), ctx.Err()
	}
	patience()
	return opened(nc, h), ctx.Err()
}

// cutOffUnread is the diagnosis of a server that ends a connection at once. It may take the
// next one.
func cutOffUnread() *Diagnosis {
	return &Diagnosis{Saw: "it takes connections, and ends them before it has read the opening handshake", Refused: true}
}

// notOpened says what came instead of a response that opens the connection.
func (t *Target) notOpened(ctx context.Context, nc net.Conn, h head, err error) *Diagnosis {
	raw := []byte(h.text)
	var timeout net.Error
	late := errors.As(err, &timeout) && timeout.Timeout()
	switch {
	case len(raw) == 0 && late:
		return &Diagnosis{
			Saw:    "it takes connections and answers no opening handshake",
			Advice: "is this the port of the WebSocket server, and is it not busy with something else?",
		}
	case len(raw) == 0 && t.URL.Scheme == "ws" && t.speaksTLS(ctx):
		return &Diagnosis{Saw: "it expects TLS", Advice: t.use("wss")}
	case len(raw) == 0:
		return &Diagnosis{
			Saw: "it ends the connection without answering the opening handshake", Refused: true,
			Advice: "its log may say why",
		}
	case bytes.HasPrefix(raw, []byte{0x15, 0x03}), bytes.HasPrefix(raw, []byte{0x16, 0x03}): // alert, handshake (RFC 8446 §5.1)
		return &Diagnosis{Saw: "it answers with TLS", Advice: t.use("wss")}
	case isHTTP2(raw):
		return &Diagnosis{Saw: "it answers with HTTP/2 frames", Advice: "it must speak HTTP/1.1 here: use a port or a setting with HTTP/1.1, since a ws URL cannot negotiate the version"}
	case !bytes.HasPrefix(raw, []byte("HTTP/")):
		return &Diagnosis{Saw: fmt.Sprintf("it answers with %q, which is not HTTP", firstText(raw)), Advice: "is this the port of the WebSocket server?"}
	case errors.Is(err, errHeadTooLong):
		return &Diagnosis{Saw: fmt.Sprintf("the head of its answer %q does not end within 64 KiB", firstText(raw)), Advice: "a head ends with an empty line (RFC 9112 section 2.1)"}
	case late:
		return &Diagnosis{Saw: fmt.Sprintf("the head of its answer %q does not end within %v", firstText(raw), diagnoseBound), Advice: "a head ends with an empty line (RFC 9112 section 2.1)"}
	}
	if status, _, _ := strings.Cut(afterVersion(h.Start()), " "); len(status) == 3 && status != "101" {
		d := t.status(nc, h, status)
		if status == "400" && t.URL.Scheme == "ws" && t.speaksTLS(ctx) { // a courtesy of net/http, nginx and Apache
			d.Saw += "; it expects TLS"
			d.Advice = t.use("wss")
		}
		return d
	}
	return &Diagnosis{Saw: fmt.Sprintf("it answers %q, but %s", clip(afterVersion(h.Start())), netReason(err))}
}

// afterVersion returns the status code and reason of a status line.
func afterVersion(line string) string {
	_, rest, _ := strings.Cut(line, " ")
	return rest
}

// isHTTP2 reports whether a server began with a frame that a connection of HTTP/2
// begins with: SETTINGS, or GOAWAY if it did not like the preface (RFC 9113 §3.4), or
// sent the preface of a client.
func isHTTP2(raw []byte) bool {
	const settings, goAway = 4, 7
	frame := len(raw) >= 9 && raw[0] == 0 && (raw[3] == settings || raw[3] == goAway) && bytes.Equal(raw[5:9], []byte{0, 0, 0, 0})
	return frame || bytes.HasPrefix(raw, []byte("PRI * HTTP/2"))
}

// use advises to take another scheme.
func (t *Target) use(scheme string) string {
	u := *t.URL
	u.Scheme = scheme
	return "use " + u.Redacted()
}

// status says which status came in place of 101, and what usually helps.
func (t *Target) status(nc net.Conn, h head, status string) *Diagnosis {
	saw := fmt.Sprintf("it answers the opening handshake with %q", clip(afterVersion(h.Start())))
	if line := bodyLine(nc, h); line != "" {
		saw += fmt.Sprintf(" and %q", line)
	}
	d := &Diagnosis{Saw: saw, Refused: status == "429" || status[0] == '5'}
	switch location, _ := h.One("Location"); {
	case status == "401", status == "407":
		d.Advice = "give it credentials, such as -H 'Authorization: Bearer TOKEN'"
	case status == "403":
		d.Advice = "it may want a token, a cookie or an origin: add them with -H 'Name: value'"
	case status == "404", status == "410":
		d.Advice = fmt.Sprintf("is %s the path of the WebSocket endpoint?", t.URL.EscapedPath())
		if t.URL.EscapedPath() == "" {
			d.Advice = "the URL has no path: add that of the WebSocket endpoint"
		}
	case status[0] == '3' && location != "":
		d.Advice = "test the address that it names, " + redirect(t.URL, location)
	case status[0] == '3':
		d.Advice = "test the address that it redirects to"
	case status == "426":
		d.Advice = "it did not take the request for version 13 of WebSocket; something in between may have removed Upgrade or Connection"
	case status == "429", status == "503":
		d.Advice = "it has no room: wait, raise its limits, or play fewer cases at once with --parallel 1"
	case status == "505":
		d.Advice = "something in between may speak HTTP/1.0 to it: a WebSocket needs HTTP/1.1 all the way"
	case status == "502", status == "504":
		d.Advice = "a gateway answers, and the server behind it does not"
	case status[0] == '2':
		d.Advice = "this path serves plain HTTP: is it the path of the WebSocket endpoint?"
	case status[0] == '5':
		d.Advice = "its log may say why"
	default:
		d.Advice = "it may want another path, a subprotocol (--subprotocol) or other fields (-H)"
	}
	return d
}

// redirect is where a Location leads, as a ws URL.
func redirect(from *url.URL, location string) string {
	to, err := from.Parse(location)
	if err != nil {
		return clip(location)
	}
	switch to.Scheme {
	case "http":
		to.Scheme = "ws"
	case "https":
		to.Scheme = "wss"
	}
	return clip(to.Redacted())
}

// bodyLine is the first line of a response's body, if it is text and comes soon.
func bodyLine(nc net.Conn, h head) string {
	resp, err := http.ReadResponse(bufio.NewReader(io.MultiReader(strings.NewReader(h.text), bytes.NewReader(h.early), nc)), nil)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	nc.SetReadDeadline(time.Now().Add(diagnoseBound / 4)) //nolint:errcheck // a broken connection shows at once
	body := make([]byte, 1<<10)
	n, _ := io.ReadFull(resp.Body, body) // what came in time will do
	return firstText(body[:n])
}

// firstText is the first line that is not blank, of at most 120 bytes, without what
// a terminal would obey.
func firstText(p []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(p), []byte("\n"))
	line = bytes.TrimSpace(line)
	if len(line) > 120 {
		line = append(bytes.Clone(line[:120]), "…"...)
	}
	return strings.ToValidUTF8(string(line), "\uFFFD")
}

// notEchoed asks for an echo and a pong, and says what came instead of the echo.
func notEchoed(nc net.Conn, early []byte) *Diagnosis {
	const message = "wsconform"
	var out []byte
	for _, f := range []wsproto.Frame{
		{Header: wsproto.Header{Fin: true, Opcode: wsproto.OpText, Masked: true}, Payload: []byte(message)},
		{Header: wsproto.Header{Fin: true, Opcode: wsproto.OpPing, Masked: true}, Payload: []byte(message)},
	} {
		out = wsproto.AppendFrame(out, f)
	}
	d := &Diagnosis{}
	if _, err := nc.Write(out); err != nil {
		d.Saw = "it ends the connection right after the opening handshake"
		return d
	}
	r := bufio.NewReader(io.MultiReader(bytes.NewReader(early), nc))
	var got []string
	var state wsproto.State
	for {
		h, err := d.header(r, &state)
		if d.Saw != "" {
			return d
		}
		var payload []byte
		if err == nil {
			payload = make([]byte, min(h.Length, 1<<10))
			_, err = io.ReadFull(r, payload)
		}
		if err == nil && h.Length > uint64(len(payload)) {
			_, err = io.CopyN(io.Discard, r, int64(min(h.Length, 1<<40))-int64(len(payload)))
		}
		if err != nil {
			d.ended(got, err)
			return d
		}
		switch {
		case h.Opcode == wsproto.OpPong:
			d.Pongs = true
		case h.Opcode == wsproto.OpClose:
			d.closed(payload)
			return d
		case !h.Opcode.Control() && h.Fin && string(payload) == message:
			d.Echoes = true
			return d
		case !h.Opcode.Control() && len(got) < 3:
			got = append(got, fmt.Sprintf("%q", firstText(payload)))
		}
	}
}

// header reads the header of a frame, and says what is wrong if it breaks the protocol,
// as soon as its first two bytes tell.
func (d *Diagnosis) header(r *bufio.Reader, state *wsproto.State) (h wsproto.Header, err error) {
	start, err := r.Peek(2)
	seen, _ := r.Peek(min(r.Buffered(), 16))
	seen = bytes.Clone(seen)
	if err == nil {
		err = wsproto.CheckStart(start[0], start[1], *state)
	}
	if err == nil {
		h, err = wsproto.ReadHeader(r)
	}
	if err == nil {
		err = wsproto.CheckHeader(h, *state)
	}
	if bad, ok := errors.AsType[*wsproto.ProtocolError](err); ok {
		d.malformed(seen, bad)
	}
	if err == nil && !h.Opcode.Control() {
		state.Open = !h.Fin
	}
	return h, err
}

// malformed says that what came is no frame, or one that breaks the protocol.
func (d *Diagnosis) malformed(seen []byte, bad *wsproto.ProtocolError) {
	d.Saw = fmt.Sprintf("it sends a malformed frame in place of an echo: %s (RFC %d section %s); the bytes are %q", bad.Reason, bad.RFC, bad.Section, seen)
	d.Advice = "after the opening handshake it must send frames only, unmasked and as RFC 6455 section 5.2 says"
}

// closed says that the server sent a close frame.
func (d *Diagnosis) closed(payload []byte) {
	d.Saw = "it closes the connection in place of an echo"
	if code, reason, err := wsproto.ParseClose(payload); err == nil && code != wsproto.StatusNoStatusRcvd {
		d.Saw += fmt.Sprintf(", with code %d", code)
		if reason != "" {
			d.Saw += fmt.Sprintf(" and the reason %q", clip(reason))
		}
	}
	d.Advice = noEchoAdvice
}

// noEchoAdvice is for servers that open connections and do something else.
const noEchoAdvice = "it must send every message back; test a server that does not echo with --no-echo"

// ended says how it went if there was no echo in time, or the connection ended.
func (d *Diagnosis) ended(got []string, err error) {
	var timeout net.Error
	late := errors.As(err, &timeout) && timeout.Timeout()
	switch {
	case len(got) > 0:
		d.Saw = "it does not echo messages, but sends " + strings.Join(got, ", ")
	case d.Pongs:
		d.Saw = "it answers pings, but does not echo messages"
	case late:
		d.Saw = "it opens the connection, and answers neither a message nor a ping"
	default:
		d.Saw = "it opens the connection, and ends TCP in place of an echo"
	}
	d.Advice = "it must send every message back"
	if d.Pongs || !late {
		d.Advice = noEchoAdvice
	}
}

// withoutTLS says why there is no TLS with the server.
func (t *Target) withoutTLS(ctx context.Context, err error) *Diagnosis {
	var (
		record    tls.RecordHeaderError
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		alert     tls.AlertError
		timeout   net.Error
	)
	d := &Diagnosis{Saw: "there is no TLS with it: " + netReason(err)}
	switch {
	case errors.As(err, &record):
		d.Saw = fmt.Sprintf("it answers a TLS handshake in plain text (%q)", firstText(record.RecordHeader[:]))
		d.Advice = t.use("ws")
	case errors.As(err, &authority):
		d.Advice = "trust its certificate with --ca FILE, or any with --insecure"
	case errors.As(err, &name):
		d.Advice = "name the host that is in its certificate with --server-name, or take any with --skip-hostname"
	case errors.As(err, &invalid):
		d.Advice = "give it a valid certificate, or take any with --insecure"
	case errors.As(err, &alert):
		d.Advice = "it may want a client certificate (--cert, --key), another name (--server-name) or a version of TLS that this program does not offer"
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		d.Saw = "it does not answer a TLS handshake"
		if t.plainHTTP(ctx) {
			d.Saw += ", and speaks HTTP without TLS"
			d.Advice = t.use("ws")
		}
	}
	return d
}

// speaksTLS reports whether the server completes a TLS handshake, or refuses one in
// the manner of TLS.
func (t *Target) speaksTLS(ctx context.Context) bool {
	nc, err := t.dialPlain(ctx)
	if err != nil {
		return false
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(diagnoseBound)) //nolint:errcheck // a broken connection shows at once
	conf := t.tlsConfig()
	conf.InsecureSkipVerify = true //nolint:gosec // nothing is sent
	err = tls.Client(nc, conf).HandshakeContext(ctx)
	return err == nil || errors.As(err, new(tls.AlertError))
}

// plainHTTP reports whether the server answers a request without TLS.
func (t *Target) plainHTTP(ctx context.Context) bool {
	nc, err := t.dialPlain(ctx)
	if err != nil {
		return false
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(diagnoseBound)) //nolint:errcheck // a broken connection shows at once
	if _, err := io.WriteString(nc, t.request(wsproto.NewKey(), cases.Conn{})); err != nil {
		return false
	}
	answer := make([]byte, 5)
	_, err = io.ReadFull(nc, answer)
	return err == nil && string(answer) == "HTTP/"
}
