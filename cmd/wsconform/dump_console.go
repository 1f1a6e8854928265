package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/term"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A console is the user's side of a dump: a terminal with a line editor, or pipes.
type console struct {
	*dumpOptions
	in       io.Reader
	mu       sync.Mutex // guards out and err, which may be the same terminal
	out, err io.Writer
	terminal *term.Terminal // nil in a pipe
	state    *term.State
	human    bool // the output is for eyes: with arrows and without control characters
	start    time.Time
	quit     chan struct{} // closed when no more input is wanted
}

func openConsole(in io.Reader, out, errw io.Writer, o *dumpOptions) (*console, error) {
	con := &console{dumpOptions: o, in: in, out: out, err: errw, start: time.Now(), quit: make(chan struct{})}
	outTerminal := isTerminal(out)
	con.human = outTerminal || o.verbose > 0 || o.raw
	stdin, ok := in.(*os.File)
	if !ok || !outTerminal || !term.IsTerminal(int(stdin.Fd())) || o.whole {
		return con, nil
	}
	state, err := term.MakeRaw(int(stdin.Fd()))
	if err != nil {
		return nil, fmt.Errorf("dump: terminal: %w", err)
	}
	con.state, o.commands = state, true
	con.terminal = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, out}, "> ")
	if width, height, err := term.GetSize(int(stdin.Fd())); err == nil && width > 0 {
		_ = con.terminal.SetSize(width, height) // it is only for the looks
	}
	con.out, con.err = con.terminal, con.terminal
	return con, nil
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (con *console) restore() {
	close(con.quit)
	if con.state == nil {
		return
	}
	con.terminal.SetPrompt("")
	_, _ = con.terminal.Write(nil)                           // draws the line anew: the prompt goes
	_ = term.Restore(int(con.in.(*os.File).Fd()), con.state) // there is no more to be done
}

// lines gives the input line by line, after those that were asked for first, and
// is closed at its end. The goroutine ends with quit, or, should it wait for
// someone to type, with the program.
func (con *console) lines(first []string) <-chan input {
	lines := make(chan input)
	give := func(line string) bool {
		in, err := con.parse(line)
		if err != nil {
			con.note(err.Error())
			return true
		}
		select {
		case lines <- in:
			return true
		case <-con.quit:
			return false
		}
	}
	go func() {
		defer close(lines)
		for _, line := range first {
			if !give(line) {
				return
			}
		}
		switch {
		case con.terminal != nil:
			con.typed(give)
		case con.whole:
			p, err := io.ReadAll(io.LimitReader(con.in, maxMessage))
			if err != nil {
				con.note(err.Error())
			}
			give(string(p))
		default:
			s := bufio.NewScanner(con.in)
			s.Buffer(nil, maxMessage)
			for more := true; more && s.Scan(); {
				more = give(s.Text())
			}
			if s.Err() != nil {
				con.note("input: " + s.Err().Error())
			}
		}
	}()
	return lines
}

func (con *console) typed(give func(string) bool) {
	for {
		line, err := con.terminal.ReadLine()
		if err != nil && !errors.Is(err, term.ErrPasteIndicator) {
			return
		}
		if line != "" && !give(line) {
			return
		}
	}
}

// print writes a line, with the time if that is wanted.
func (con *console) print(w io.Writer, line string) {
	con.mu.Lock()
	defer con.mu.Unlock()
	if con.timings {
		line = fmt.Sprintf("%9.3f ms  %s", float64(time.Since(con.start).Microseconds())/1000, line)
	}
	fmt.Fprintln(w, line)
}

// note is a remark of ours, beside what the server says.
func (con *console) note(s string) { con.print(con.err, "* "+strings.ReplaceAll(s, "\n", "\n* ")) }

// messages prints what comes until the end of the connection, and says why it
// ended.
func (con *console) messages(ctx context.Context, conn *ws.Conn) error {
	for {
		typ, p, err := conn.Read(context.WithoutCancel(ctx))
		if err != nil {
			return err
		}
		con.message(typ, p)
	}
}

func (con *console) message(typ ws.MessageType, p []byte) {
	var s string
	switch {
	case typ == ws.MessageBinary && con.human:
		s = fmt.Sprintf("(%d octets) % x", len(p), p)
	case typ == ws.MessageBinary:
		s = hex.EncodeToString(p)
	case con.human:
		s = strings.ReplaceAll(printable(string(p)), "\n", "\n  ") // a line of its own begins with an arrow
	default:
		s = string(p)
	}
	if con.verbose > 0 {
		s = typ.String() + ": " + s
	}
	if con.human {
		s = "< " + s
	}
	con.print(con.out, s)
}

// printable escapes what a terminal might obey.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// frame shows a frame: control frames from -v on, all of them with -vv.
func (con *console) frame(e ws.FrameEvent) {
	arrow := "< "
	if e.Sent {
		arrow = "> "
	}
	switch {
	case con.verbose > 1:
		con.print(con.out, arrow+frameLine(e.Header, e.Payload))
	case e.Header.Opcode.Control():
		con.print(con.out, arrow+e.Header.Opcode.String()+": "+payloadText(e.Header.Opcode, e.Payload))
	}
}

// frameLine is all of a frame in a line.
func frameLine(h wsproto.Header, payload []byte) string {
	var b strings.Builder
	b.WriteString("[" + h.Opcode.String())
	if h.Fin {
		b.WriteString(" fin")
	}
	for bit, name := range []string{"rsv3", "rsv2", "rsv1"} {
		if h.RSV&(1<<bit) != 0 {
			b.WriteString(" " + name)
		}
	}
	if h.Masked {
		fmt.Fprintf(&b, " mask=%x", h.MaskKey)
	}
	fmt.Fprintf(&b, " length=%d", h.Length)
	if !h.Minimal() {
		fmt.Fprintf(&b, " form=%d", h.Form)
	}
	b.WriteString("] " + payloadText(h.Opcode, payload))
	if uint64(len(payload)) < h.Length {
		b.WriteString(" ...")
	}
	return b.String()
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

// opened shows the handshake.
func (con *console) opened(info *ws.HandshakeInfo, t *timing) {
	if con.timings {
		con.note(t.String())
	}
	if con.verbose > 1 {
		con.head(">", "GET "+info.Request.RequestURI+" HTTP/1.1\nHost: "+info.Request.Host, info.Request.Header)
		con.head("<", "HTTP/1.1 101", info.ResponseHeader)
	}
	if con.verbose > 0 || con.terminal != nil {
		con.note(summary(info))
	}
	if con.terminal != nil {
		con.note("/help lists the commands, Ctrl-D closes")
	}
	con.start = time.Now()
}

func summary(info *ws.HandshakeInfo) string {
	s := "connected"
	if info.Request.TLS != nil {
		s += ", " + tls.VersionName(info.Request.TLS.Version)
	}
	if info.Subprotocol != "" {
		s += ", subprotocol " + info.Subprotocol
	}
	if info.Deflate != nil {
		s += ", " + info.Deflate.Extension().String()
	}
	return s
}

func (con *console) head(arrow, start string, header http.Header) {
	var b strings.Builder
	b.WriteString(start + "\n")
	_ = header.Write(&b) // never fails
	for line := range strings.Lines(strings.ReplaceAll(b.String(), "\r", "")) {
		con.print(con.err, arrow+" "+printable(strings.TrimSuffix(line, "\n")))
	}
}

// refused shows the response of a server or a proxy that did not do its part.
func (con *console) refused(err error) {
	var status int
	var header http.Header
	var body []byte
	if he, ok := errors.AsType[*ws.HandshakeError](err); ok {
		status, header, body = he.Status, he.Header, he.Body
	}
	if pe, ok := errors.AsType[*ws.ProxyError](err); ok {
		status, header, body = pe.Status, pe.Header, pe.Body
	}
	if con.verbose > 0 && header != nil {
		con.head("<", fmt.Sprintf("HTTP %d %s", status, http.StatusText(status)), header)
	}
	if text := strings.TrimSpace(string(body)); text != "" {
		con.print(con.err, "< "+strings.ReplaceAll(printable(text), "\n", "\n< "))
	}
}

// ended says how the connection did.
func (con *console) ended(err error) {
	if con.verbose > 0 || con.terminal != nil {
		con.note("ended: " + strings.TrimPrefix(err.Error(), "ws: "))
	}
}

// timing takes the times of a handshake.
type timing struct {
	mu     sync.Mutex // guards the rest: name servers are asked from other goroutines
	last   time.Time
	phases []string
}

func (t *timing) trace() *httptrace.ClientTrace {
	t.last = time.Now()
	return &httptrace.ClientTrace{
		DNSDone:              func(httptrace.DNSDoneInfo) { t.phase("lookup") },
		ConnectDone:          func(string, string, error) { t.phase("connect") },
		TLSHandshakeDone:     func(tls.ConnectionState, error) { t.phase("TLS") },
		GotFirstResponseByte: func() { t.phase("handshake") },
	}
}

func (t *timing) phase(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.phases = append(t.phases, fmt.Sprintf("%s %v", name, now.Sub(t.last).Round(time.Microsecond)))
	t.last = now
}

func (t *timing) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.phases, ", ")
}
