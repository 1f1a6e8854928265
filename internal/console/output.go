package console

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/term"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A console is what a run holds.
type console struct {
	*Options
	input     <-chan string
	inputOver bool
	quit      chan struct{} // closed when no more input is wanted
	terminal  *term.Terminal
	state     *term.State // of the terminal before
	human     bool        // the output is for eyes: with arrows, without control characters

	mu       sync.Mutex // guards what follows, and the order of the output
	out, err io.Writer
	start    time.Time
	refused  InputError
}

func open(o *Options) (*console, error) {
	c := &console{Options: o, out: o.Out, err: o.Err, start: time.Now(), quit: make(chan struct{})}
	c.human = !o.JSON && (isTerminal(o.Out) || o.Verbose > 0 || o.Raw)
	return c, c.openTerminal()
}

// print writes a line, with the time if that is wanted.
func (c *console) print(w *io.Writer, s string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Timings {
		s = fmt.Sprintf("%9.3f ms  %s", float64(time.Since(c.start).Microseconds())/1000, s)
	}
	fmt.Fprintln(*w, s)
}

// note prints a remark of the console itself.
func (c *console) note(s string) {
	if c.JSON {
		c.record(Record{Event: "note", Text: &s})
		return
	}
	c.print(&c.err, "* "+strings.ReplaceAll(printable(s), "\n", "\n* "))
}

// refuse notes a line that was not sent.
func (c *console) refuse(err error) {
	c.mu.Lock()
	if c.refused.lines++; c.refused.first == nil {
		c.refused.first = err
	}
	c.mu.Unlock()
	if c.JSON {
		c.record(Record{Event: "refused", Error: err.Error()})
		return
	}
	c.note(err.Error())
}

// message prints a message that was received.
func (c *console) message(typ ws.MessageType, p []byte) {
	if c.JSON {
		r := Record{Event: "message", Opcode: typ.String()}
		r.payload(typ == ws.MessageText, p)
		c.record(r)
		return
	}
	var s string
	switch {
	case typ == ws.MessageBinary && c.BinaryAs == Base64:
		s = base64.StdEncoding.EncodeToString(p)
	case typ == ws.MessageBinary && c.human:
		s = fmt.Sprintf("(%d bytes) % x", len(p), p)
	case c.BinaryAs == Bytes:
		c.mu.Lock()
		defer c.mu.Unlock()
		_, _ = c.out.Write(p) // as for lines: the connection goes on
		return
	case typ == ws.MessageBinary:
		s = hex.EncodeToString(p)
	case c.human:
		s = strings.ReplaceAll(printable(string(p)), "\n", "\n  ") // a line of its own begins with an arrow
	default:
		s = string(p)
	}
	if c.Verbose > 0 {
		s = typ.String() + ": " + s
	}
	if c.human {
		s = "< " + s
	} else if c.Delimiter == 0 {
		c.mu.Lock()
		defer c.mu.Unlock()
		_, _ = io.WriteString(c.out, s+"\x00")
		return
	}
	c.print(&c.out, s)
}

// printable replaces what a terminal might obey.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

func arrow(sent bool) string {
	if sent {
		return "> "
	}
	return "< "
}

// frame shows a frame: control frames from -v on, all of them with -vv.
func (c *console) frame(_ *ws.Conn, sent bool, f wsproto.Frame) {
	switch {
	case c.JSON:
		if c.Verbose > 1 || f.Header.Opcode.Control() {
			c.record(frameRecord(sent, f.Header, f.Payload))
		}
	case c.Verbose > 1:
		c.print(&c.out, arrow(sent)+frameLine(f.Header, f.Payload))
	case f.Header.Opcode.Control():
		c.print(&c.out, arrow(sent)+f.Header.Opcode.String()+": "+payloadText(f.Header.Opcode, f.Payload))
	}
}

// frameLine is all of a frame in a line.
func frameLine(h wsproto.Header, payload []byte) string {
	var b strings.Builder
	b.WriteString("[" + h.Opcode.String())
	if h.Fin {
		b.WriteString(" fin")
	}
	for _, name := range rsvNames(h.RSV) {
		b.WriteString(" " + name)
	}
	if h.Masked {
		fmt.Fprintf(&b, " mask=%x", h.MaskKey)
	}
	fmt.Fprintf(&b, " length=%d", h.Length)
	if h.Form != 0 && !h.Minimal() {
		fmt.Fprintf(&b, " form=%d", h.Form)
	}
	b.WriteString("] " + payloadText(h.Opcode, payload))
	if uint64(len(payload)) < h.Length {
		b.WriteString(" ...")
	}
	return b.String()
}

func rsvNames(rsv uint8) (names []string) {
	for bit, name := range []string{"rsv3", "rsv2", "rsv1"} {
		if rsv&(1<<bit) != 0 {
			names = append(names, name)
		}
	}
	return names
}

func payloadText(op wsproto.Opcode, p []byte) string {
	if op == wsproto.OpClose {
		code, reason, err := wsproto.ParseClose(p)
		s := code.String()
		if reason != "" {
			s += " " + strconv.Quote(reason)
		}
		if err != nil {
			s += " (" + err.Error() + ")"
		}
		return s
	}
	return strconv.Quote(string(p))
}

// head shows the head of a request or a response, byte for byte but for control
// characters.
func (c *console) head(sent bool, head []byte) { c.headOn("", 0, sent, head) }

// headOn does so for a further connection of a raw script.
func (c *console) headOn(on string, number int, sent bool, head []byte) {
	if c.JSON {
		r := Record{Event: "head", Sent: sent, Connection: number}
		r.payload(true, head)
		c.record(r)
		return
	}
	for s := range strings.Lines(string(head)) {
		c.print(&c.err, arrow(sent)+on+printable(strings.TrimRight(s, "\r\n")))
	}
}

// opened tells of a new connection.
func (c *console) opened(r *http.Response, t *timing) {
	if c.Timings && t != nil {
		c.note(t.String())
	}
	c.mu.Lock()
	c.start = time.Now()
	c.mu.Unlock()
	if c.JSON {
		c.record(Record{
			Event: "open", Target: r.Request.RequestURI,
			Subprotocol: r.Header.Get("Sec-WebSocket-Protocol"), Extensions: extensions(r),
		})
		return
	}
	if c.Verbose > 0 || c.terminal != nil {
		c.note(summary(r))
	}
	if c.terminal != nil {
		c.note("/help lists the commands, Ctrl-D closes")
	}
}

func summary(r *http.Response) string {
	s := "connected"
	if r.TLS != nil {
		s += ", " + tls.VersionName(r.TLS.Version)
	}
	if name := r.Header.Get("Sec-WebSocket-Protocol"); name != "" {
		s += ", subprotocol " + name
	}
	if agreed := extensions(r); agreed != "" {
		s += ", " + agreed
	}
	return s
}

func extensions(r *http.Response) string {
	return strings.Join(r.Header["Sec-Websocket-Extensions"], ", ")
}

// notOpened shows the answer of a server or a proxy that refused.
func (c *console) notOpened(err error) {
	var status int
	var header http.Header
	var body []byte
	if he, ok := errors.AsType[*ws.HandshakeError](err); ok {
		status, header, body = he.Status, he.Header, he.Body
	}
	mask := c.Mask
	if mask == nil || c.Verbose > 1 || c.Raw {
		mask = func(s string) string { return s }
	}
	body = []byte(mask(string(body)))
	if c.JSON {
		r := Record{Event: "refused", Status: status, Error: mask(err.Error())}
		r.payload(true, body)
		c.record(r)
		return
	}
	if c.Verbose == 1 && header != nil { // with more, the whole head was shown
		var b strings.Builder
		_ = header.Write(&b) // a Builder does not fail
		c.head(false, fmt.Appendf(nil, "HTTP %d %s\r\n%s", status, http.StatusText(status), mask(b.String())))
	}
	if text := strings.TrimSpace(string(body)); text != "" {
		c.print(&c.err, "< "+strings.ReplaceAll(printable(text), "\n", "\n< "))
	}
}

// pong tells of the answer to a ping.
func (c *console) pong(payload []byte, latency time.Duration) {
	if c.JSON {
		ms := float64(latency.Microseconds()) / 1000
		r := Record{Event: "latency", Latency: &ms}
		r.payload(true, payload)
		c.record(r)
		return
	}
	c.note(fmt.Sprintf("pong after %v", latency.Round(time.Microsecond)))
}

// ended says how the connection ended.
func (c *console) ended(err error) {
	if c.JSON {
		r := Record{Event: "end"}
		if ce, ok := errors.AsType[*ws.CloseError](err); ok {
			r.Code, r.Reason = int(ce.Code), ce.Reason
		} else if err != nil {
			r.Error = err.Error()
		}
		c.record(r)
		return
	}
	if (c.Verbose > 0 || c.terminal != nil) && err != nil {
		c.note("ended: " + strings.TrimPrefix(err.Error(), "ws: "))
	}
}
