package usercase

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/rawscript"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// Bounds of a script.
const (
	maxScript = 64 << 10 // bytes
	maxSteps  = 2000
)

// Conn turns a raw script into a connection of a case. An await ends at its time and the
// script goes on: what is wanted says whether that is a fault. At the end the connection is
// closed in order, unless the script has ended it.
func Conn(script string) (cases.Conn, error) {
	if len(script) > maxScript {
		return cases.Conn{}, fmt.Errorf("the script has %d bytes, where %d are the most", len(script), maxScript)
	}
	c := conn{}
	n := 0
	for line := range strings.Lines(script) {
		n++
		s, err := rawscript.Parse(strings.TrimRight(line, "\r\n"))
		if err == nil && s != nil {
			err = c.step(s)
		}
		if err == nil && len(c.out.Steps) > maxSteps {
			err = fmt.Errorf("more than %d steps", maxSteps)
		}
		if err != nil {
			return cases.Conn{}, &rawscript.LineError{Line: n, Err: err}
		}
	}
	if c.never {
		return cases.Conn{}, errors.New("open never: bytes must follow, in place of the opening handshake")
	}
	return c.out, nil
}

// A conn is a connection that is being put together.
type conn struct {
	out    cases.Conn
	opened bool            // the handshake is through
	never  bool            // the next bytes stand in its place
	gone   map[string]bool // fields left out, in lower case
	ended  bool            // our direction of TCP is
	over   bool            // behind quit or reset
}

// standard fields are those that every request has (RFC 6455 §4.1).
var standard = []string{"host", "upgrade", "connection", "sec-websocket-key", "sec-websocket-version"}

func (c *conn) step(s rawscript.Step) error {
	if to, ok := s.(rawscript.Connection); ok && to.N > 1 {
		return errors.New("a case of your own has one connection")
	} else if ok || c.over {
		return nil
	}
	switch s := s.(type) {
	case rawscript.Edit:
		if c.opened {
			return errors.New("the opening handshake has begun: its edits come first")
		}
		return c.edit(s)
	case rawscript.Open:
		if c.opened {
			return errors.New("the opening handshake has begun")
		}
		c.opened, c.never = true, s.Never
		if s.NoWait() {
			c.out.Head = append(c.out.Head, cases.Together())
		}
		return nil
	default: // what follows the handshake
	}
	c.opened = true
	b, isBytes := s.(rawscript.Bytes)
	switch {
	case c.never && !isBytes:
		return errors.New("bytes must follow open never")
	case c.never:
		c.never = false
		c.out.Head = append(c.out.Head, cases.Whole(string(b.Data)))
		if n := b.Chop(); n > 0 {
			c.out.Head = append(c.out.Head, cases.Apart(n))
		}
		return nil
	case isBytes:
		c.bytes(b.Data, b.Chop())
		return nil
	}
	switch s := s.(type) {
	case rawscript.Frame:
		return c.frame(s)
	case rawscript.End:
		switch s.Verb {
		case "half-close":
			c.halfClose()
		case "reset":
			c.add(cases.Reset{})
			c.over = true
		default: // quit: without a close frame
			c.halfClose()
			c.over = true
		}
		return nil
	default: // a wait
	}
	if what, d, ok := rawscript.Waits(s); ok {
		switch what {
		case "":
			c.add(cases.Pause{For: d})
		case "head": // every handshake waits for it
		default:
			c.add(cases.Await{For: d, Until: awaited(what)})
		}
		return nil
	}
	return fmt.Errorf("%v has no meaning in a case", s)
}

func (c *conn) add(s cases.Step) { c.out.Steps = append(c.out.Steps, s) }

// fixedKey masks what is written as bytes: a case sends the same each time. It is that of
// the examples in RFC 6455 §5.7.
var fixedKey = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// bytes writes them as they are, n in each write; 0 means all at once.
func (c *conn) bytes(p []byte, n int) {
	if n < 1 {
		n = max(len(p), 1)
	}
	for part := range slices.Chunk(p, n) {
		c.add(cases.Raw(part))
	}
}

// halfClose ends our direction of TCP, unless that is done.
func (c *conn) halfClose() {
	if !c.ended {
		c.add(cases.HalfClose{})
	}
	c.ended = true
}

// awaited are the events that end an await; nil is the end of the connection.
func awaited(what string) []transcript.EventKind {
	switch what {
	case "end":
		return nil
	case "frame":
		return []transcript.EventKind{transcript.GotMessage, transcript.GotPing, transcript.GotPong, transcript.GotClose, transcript.GotOffence}
	case "ping":
		return []transcript.EventKind{transcript.GotPing}
	case "pong":
		return []transcript.EventKind{transcript.GotPong}
	case "close":
		return []transcript.EventKind{transcript.GotClose}
	}
	return []transcript.EventKind{transcript.GotMessage, transcript.GotClose}
}

func (c *conn) edit(e rawscript.Edit) error {
	verb, name, value := e.Parts()
	lower := strings.ToLower(name)
	if c.gone == nil {
		c.gone = map[string]bool{}
	}
	// A case knows what it negotiates, so that messages are decompressed.
	if (verb == "set" || verb == "add") && lower == "sec-websocket-extensions" && strings.HasPrefix(strings.TrimSpace(value), "permessage-deflate") && c.out.Deflate == nil {
		c.out.Deflate = &cases.Deflate{Offers: value}
		return nil
	}
	var edits []cases.Edit
	switch verb {
	case "start":
		edits = []cases.Edit{cases.Start(value)}
	case "without":
		c.gone[lower] = true
		edits = []cases.Edit{cases.Without(name)}
	case "set":
		edits = cases.SetOrAdd(name, value)
		for _, field := range standard {
			if field == lower && !c.gone[lower] {
				edits = []cases.Edit{cases.Set(name, value)}
			}
		}
	case "add":
		edits = []cases.Edit{cases.Add(name, value)}
	case "line":
		edits = []cases.Edit{cases.Line(value)}
	case "segment":
		var n int
		if _, err := fmt.Sscan(value, &n); err != nil {
			return err
		}
		edits = []cases.Edit{cases.Apart(n)}
	default:
		return fmt.Errorf("%s has no meaning in a case", verb)
	}
	c.out.Head = append(c.out.Head, edits...)
	return nil
}

func (c *conn) frame(f rawscript.Frame) error {
	p := f.Parts()
	payload := f.Payload
	if p.Deflate {
		payload = f.Compressed()
		p.RSV |= wsproto.RSV1
	}
	plain := !p.NoFin && p.RSV == 0 && !p.Unmasked && !p.Masked && p.Length == nil && p.Form == 0 && p.Chop == 0 && p.Cut == 0
	switch {
	case p.Length != nil && *p.Length > 0 && !p.Unmasked && !p.Masked && p.Chop == 0 && p.Cut == 0 && p.Form == 0:
		c.add(cases.FrameHeader{Opcode: p.Opcode, NotFin: p.NoFin, RSV: p.RSV, Length: *p.Length})
		if len(payload) > 0 {
			c.add(cases.Octets{Payload: cases.Data(payload)})
		}
		return nil
	case p.Length != nil, p.Cut > 0: // the payload is not what the header says
		_, b := f.Encoded(false, fixedKey)
		c.bytes(b, p.Chop)
		return nil
	case plain && p.Opcode == wsproto.OpClose && len(payload) != 1:
		c.add(closing(payload))
		return nil
	}
	out := cases.Frame{Opcode: p.Opcode, Payload: cases.Data(payload), NotFin: p.NoFin, RSV: p.RSV, Chop: p.Chop, Form: p.Form}
	switch {
	case p.Unmasked:
		out.Masking = cases.MaskNever
	case p.Masked && len(p.Key) == 0: // with a key it is masked by role: the harness is the client
		out.Masking = cases.MaskAlways
	}
	if len(p.Key) == 4 {
		out = out.KeyedBy(string(p.Key))
	}
	c.add(out)
	return nil
}

// closing begins the closing handshake.
func closing(payload []byte) cases.Close {
	if len(payload) < 2 {
		return cases.Close{}
	}
	code := wsproto.StatusCode(uint16(payload[0])<<8 | uint16(payload[1]))
	if code == 0 {
		return cases.Close{Reason: payload}
	}
	return cases.Close{Code: code, Reason: payload[2:]}
}
