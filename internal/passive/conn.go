package passive

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/wsconform/wsconform/internal/wire"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// An End is one of the two ends of a connection.
type End int

// The ends of a connection.
const (
	Client End = iota
	Server
)

func (e End) String() string {
	if e == Client {
		return "client"
	}
	return "server"
}

// An Offence is a rule that an end broke.
type Offence struct {
	Conn    string // the name of the connection
	By      End
	Section string // such as "RFC 6455 5.1"
	Words   string
	Frame   int // the number of the frame of that end, from 1; 0 in the handshake
	Times   int // how often that end did so in this connection
}

func (o Offence) String() string {
	where := "in the handshake"
	if o.Frame > 0 {
		where = fmt.Sprintf("frame %d", o.Frame)
	}
	s := fmt.Sprintf("%s: the %v, %s: %s (%s)", o.Conn, o.By, where, o.Words, o.Section)
	if o.Times > 1 {
		s += fmt.Sprintf(", %d times", o.Times)
	}
	return s
}

const (
	// headBound is the most that a head may measure, and what is kept of a client that
	// sends frames before it has the response.
	headBound = 64 << 10
	// messageBound is the longest compressed message that is looked into, before and after
	// it is inflated.
	messageBound = 16 << 20
	// controlBound is what is kept of a control frame. Legal ones have 125 bytes at most
	// (RFC 6455 §5.5).
	controlBound = 1 << 10
	// offencesBound is how many different offences of a connection are kept.
	offencesBound = 100
)

// A Conn judges one connection. Its memory is bounded, whatever is sent. The zero value
// with a Name is ready. Its methods are for one goroutine at a time.
type Conn struct {
	Name string

	state    connState
	request  wire.Head
	sides    [2]side
	offences []Offence
	blind    string // why the rest is not looked at
}

type connState int

const (
	opening connState = iota // the heads are not whole
	open
	other // it is no WebSocket connection, or cannot be read any more
)

// A side is what one end sends.
type side struct {
	early      []byte // what came before the connection was open
	decoder    wire.Decoder
	inflater   wire.Inflater
	control    []byte
	compressed []byte
	tooLong    bool // the message is not looked into
	badText    bool // said of this message
	frames     int
	closed     bool // it has sent a close frame
	ended      bool // it has ended TCP
}

// Take takes bytes that an end has sent, and changes them.
func (c *Conn) Take(by End, p []byte) {
	switch c.state {
	case opening:
		s := &c.sides[by]
		s.early = append(s.early, p[:min(len(p), headBound+messageBound-len(s.early))]...)
		c.handshake()
	case open:
		c.frames(by, p)
	case other:
	}
}

// Gap says that bytes are missing. What comes behind them cannot be read.
func (c *Conn) Gap(int) {
	if c.state != other {
		c.state, c.blind = other, "bytes are missing in the capture"
	}
}

// End says that an end has ended TCP.
func (c *Conn) End(by End) {
	s := &c.sides[by]
	if s.ended {
		return
	}
	s.ended = true
	if _, inFrame := s.decoder.InFrame(); c.state == open && (inFrame || len(s.decoder.Partial()) > 0) {
		c.offends(by, wire.Offence{Section: "RFC 6455 7.1.1", Words: "TCP ends inside a frame"})
	}
}

// IsWebSocket reports whether the connection was opened as one.
func (c *Conn) IsWebSocket() bool { return c.state == open || c.blind != "" }

// Blind says why the rest of the connection was not looked at, "" if all was.
func (c *Conn) Blind() string { return c.blind }

// Offences lists what the ends did wrong so far, in the order of their first time.
func (c *Conn) Offences() []Offence { return c.offences }

// handshake looks at the heads once both are there.
func (c *Conn) handshake() {
	request, afterRequest, ok := cutHead(c.sides[Client].early)
	if !ok {
		if len(c.sides[Client].early) > headBound {
			c.state = other
		}
		return
	}
	c.request = wire.ParseHead(request)
	if !c.request.Has("Upgrade", "websocket") {
		c.state = other
		return
	}
	response, afterResponse, ok := cutHead(c.sides[Server].early)
	for ok && interim(response) {
		response, afterResponse, ok = cutHead(afterResponse)
	}
	if !ok {
		if len(c.sides[Server].early) > headBound {
			c.state = other
		}
		return
	}
	answer := wire.ParseHead(response)
	for _, o := range wire.RequestOffences(c.request) {
		c.offends(Client, o)
	}
	if answer.Status() != "101" { // a refusal is no offence, but what was refused may be
		c.state = other
		return
	}
	for _, o := range wire.ResponseOffences(c.request, answer) {
		c.offends(Server, o)
	}
	c.begin(answer)
	c.frames(Client, afterRequest)
	c.frames(Server, afterResponse)
	c.sides[Client].early, c.sides[Server].early = nil, nil
}

// begin sets the decoders up for what was agreed.
func (c *Conn) begin(answer wire.Head) {
	c.state = open
	deflate, bits, alone := agreed(answer)
	for by := range c.sides {
		c.sides[by].decoder.Framing = wire.Framing{Client: End(by) == Client, Deflate: deflate}
		c.sides[by].inflater = wire.Inflater{Bits: bits[by], NoTakeover: alone[by]}
	}
}

// agreed reads what the response says of permessage-deflate (RFC 7692 §7.1).
func agreed(answer wire.Head) (deflate bool, bits [2]uint8, alone [2]bool) {
	bits = [2]uint8{15, 15}
	for _, value := range answer.Values("Sec-WebSocket-Extensions") {
		list, err := wsproto.ParseExtensions(value)
		if err != nil {
			continue
		}
		for _, e := range list {
			p, err := wsproto.ParseDeflate(e)
			if err != nil {
				deflate = deflate || strings.EqualFold(e.Name, "permessage-deflate")
				continue
			}
			deflate = true
			alone = [2]bool{p.ClientNoContextTakeover, p.ServerNoContextTakeover}
			if n := p.ClientMaxWindowBits; n >= 8 && n <= 15 {
				bits[Client] = uint8(n)
			}
			if n := p.ServerMaxWindowBits; n >= 8 && n <= 15 {
				bits[Server] = uint8(n)
			}
		}
	}
	return deflate, bits, alone
}

func cutHead(p []byte) (head string, rest []byte, ok bool) {
	i := bytes.Index(p, []byte("\r\n\r\n"))
	if i < 0 || i > headBound {
		return "", nil, false
	}
	return string(p[:i+4]), p[i+4:], true
}

// interim reports whether another response follows (RFC 9110 §15.2).
func interim(response string) bool {
	status := wire.ParseHead(response).Status()
	return len(status) == 3 && status[0] == '1' && status != "101"
}

// frames takes frames apart.
func (c *Conn) frames(by End, p []byte) {
	s := &c.sides[by]
	for {
		t, n := s.decoder.Next(p)
		p = p[n:]
		for _, o := range t.Offences {
			c.offendsIn(by, s.frames+1, o)
		}
		switch t.Kind {
		case wire.NeedMore:
			return
		case wire.FrameBegin:
			c.frameBegin(by, t)
		case wire.FrameData:
			c.frameData(by, t)
		case wire.FrameEnd:
			c.frameEnd(by, t)
		}
	}
}

func (c *Conn) frameBegin(by End, t wire.Token) {
	s := &c.sides[by]
	s.frames++
	if s.closed {
		c.offends(by, wire.Offence{Section: "RFC 6455 5.5.1", Words: "a frame comes behind the close frame"})
	}
	switch {
	case t.Header.Opcode.Control():
		s.control = s.control[:0]
	case t.Header.Opcode != wsproto.OpContinuation:
		s.compressed, s.tooLong, s.badText = s.compressed[:0], s.tooLong && !s.inflater.NoTakeover, false
	}
}

func (c *Conn) frameData(by End, t wire.Token) {
	s := &c.sides[by]
	switch {
	case t.Header.Opcode.Control():
		s.control = append(s.control, t.Data[:min(len(t.Data), controlBound-len(s.control))]...)
		return
	case t.BadText && !s.badText:
		s.badText = true
		c.offends(by, wire.Offence{Section: "RFC 6455 8.1", Words: "text is not valid UTF-8"})
	case !s.decoder.Compressed, s.tooLong:
		return
	}
	if s.decoder.Compressed {
		if s.tooLong = len(s.compressed)+len(t.Data) > messageBound; !s.tooLong {
			s.compressed = append(s.compressed, t.Data...)
		}
	}
}

func (c *Conn) frameEnd(by End, t wire.Token) {
	s := &c.sides[by]
	switch {
	case t.Header.Opcode == wsproto.OpClose:
		s.closed = true
		for _, o := range wire.CloseOffences(s.control, true) {
			c.offends(by, o)
		}
	case !t.MessageEnd:
	case s.decoder.Compressed && !s.tooLong:
		c.inflate(by)
	case t.BadText && !s.badText:
		c.offends(by, wire.Offence{Section: "RFC 6455 8.1", Words: "text ends inside a code point"})
	}
}

// inflate looks into a compressed message.
func (c *Conn) inflate(by End) {
	s := &c.sides[by]
	plain, err := s.inflater.Message(nil, s.compressed, messageBound)
	switch {
	case len(plain) >= messageBound:
		s.tooLong = true // and so are those whose window it is in
	case err != nil:
		c.offends(by, wire.Offence{Section: "RFC 7692 7.2.2", Words: "a message cannot be inflated: " + err.Error()})
		s.tooLong = true
	case !s.decoder.Binary && !utf8.Valid(plain):
		c.offends(by, wire.Offence{Section: "RFC 6455 8.1", Words: "text is not valid UTF-8"})
	}
}

func (c *Conn) offends(by End, o wire.Offence) { c.offendsIn(by, c.sides[by].frames, o) }

// offendsIn notes an offence in a frame. Of equals the first is kept, with their number.
func (c *Conn) offendsIn(by End, frame int, o wire.Offence) {
	for i := range c.offences {
		if old := &c.offences[i]; old.By == by && old.Section == o.Section && old.Words == o.Words {
			old.Times++
			return
		}
	}
	if len(c.offences) < offencesBound {
		c.offences = append(c.offences, Offence{Conn: c.Name, By: by, Section: o.Section, Words: o.Words, Frame: frame, Times: 1})
	}
}
