package rawscript

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// A verb is a word that a line may begin with.
type verb struct {
	Name, Usage, Help string
	parse             func(rest string) (Step, error)
}

// Verbs lists the language in the order of a script. To add a verb, add a row.
var Verbs = []verb{
	{"start", "LINE", "replace the start line of the handshake", edit("start")},
	{"set", "NAME: VALUE", "set a header field", edit("set")},
	{"add", "NAME: VALUE", "add a header field, even if there is one of that name", edit("add")},
	{"without", "NAME", "leave a header field out", edit("without")},
	{"line", "TEXT", "add a line to the head as it is", edit("line")},
	{"segment", "N", "send the head in writes of N bytes", edit("segment")},
	{"open", "[nowait | never]", "send the handshake and wait for the answer, or not", parseOpen},
	{"text", "TEXT", "send a text message", data(wsproto.OpText)},
	{"binary", "HEX", "send a binary message", parseBinary},
	{"ping", "[TEXT]", "send a ping", data(wsproto.OpPing)},
	{"pong", "[TEXT]", "send a pong", data(wsproto.OpPong)},
	{"close", "[CODE [REASON]]", "send a close frame and listen on", parseClose},
	{
		"frame", "OPCODE [nofin] [rsv1] [rsv2] [rsv3] [nomask | mask | mask=HEX] [length=N] [form=7|16|64] [deflate] [chop=N] [cut=N] [PAYLOAD]",
		"send a frame as it is; PAYLOAD is text:TEXT, hex:HEX, base64:TEXT, fill:N[:HEX] or close:CODE[:REASON]", parseFrame,
	},
	{"bytes", "[chop=N] PAYLOAD", "send bytes as they are", parseBytes},
	{"wait", "TIME", "listen for so long, such as 500ms", parseWait},
	{"await", "WHAT [TIME]", "listen until it comes: head, frame, end or an opcode; fail after TIME, 5s unless given", parseAwait},
	{"connection", "N", "go on with connection N, from 1; a new one is opened, and edits of its handshake may follow", parseConnection},
	{"half-close", "", "send FIN and listen on", end("half-close")},
	{"reset", "", "end the connection with RST", end("reset")},
	{"quit", "", "end the connection without a close frame", end("quit")},
}

// maxPayload is the longest payload that a line may ask for, in bytes.
const maxPayload = 64 << 20

// Parse reads a line. Empty lines and those that begin with # give no step and no
// error.
func Parse(line string) (Step, error) {
	if strings.TrimSpace(line) == "" || line[0] == '#' {
		return nil, nil
	}
	name, rest, _ := strings.Cut(line, " ")
	for _, v := range Verbs {
		if v.Name != name {
			continue
		}
		if v.Usage == "" && strings.TrimSpace(rest) != "" {
			return nil, fmt.Errorf("%s takes no argument", name)
		}
		s, err := v.parse(rest)
		if err != nil {
			return nil, fmt.Errorf("%s: %w; usage: %s", name, err, strings.TrimSpace(v.Name+" "+v.Usage))
		}
		return s, nil
	}
	return nil, fmt.Errorf("unknown step %q", name)
}

// A LineError says which line of a script is wrong.
type LineError struct {
	Line int // from 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns the cause.
func (e *LineError) Unwrap() error { return e.Err }

// Check reports the first line of a script that is not understood, as a [*LineError].
func Check(script string) error {
	n := 0
	for line := range strings.Lines(script) {
		n++
		if _, err := Parse(strings.TrimRight(line, "\r\n")); err != nil {
			return &LineError{n, err}
		}
	}
	return nil
}

func edit(verb string) func(string) (Step, error) {
	return func(rest string) (Step, error) {
		e := Edit{verb: verb, value: rest}
		switch verb {
		case "set", "add":
			var ok bool
			if e.name, e.value, ok = strings.Cut(rest, ":"); !ok {
				return nil, errors.New("missing colon")
			}
			e.value = strings.TrimPrefix(e.value, " ")
		case "without":
			e.name, e.value = strings.TrimSpace(rest), ""
			if e.name == "" {
				return nil, errors.New("missing name")
			}
			return e, nil
		case "segment":
			if _, err := count(rest); err != nil {
				return nil, err
			}
		}
		value, err := unescape(e.value)
		e.value = string(value)
		return e, err
	}
}

func parseOpen(rest string) (Step, error) {
	switch rest {
	case "", "nowait", "never":
		return Open{noWait: rest == "nowait", Never: rest == "never"}, nil
	}
	return nil, fmt.Errorf("%q is neither nowait nor never", rest)
}

func data(op wsproto.Opcode) func(string) (Step, error) {
	return func(rest string) (Step, error) {
		p, err := unescape(rest)
		return Frame{opcode: op, Payload: p}, err
	}
}

func parseBinary(rest string) (Step, error) {
	p, err := ParseHex(rest)
	return Frame{opcode: wsproto.OpBinary, Payload: p}, err
}

func parseClose(rest string) (Step, error) {
	code, reason, _ := strings.Cut(rest, " ")
	if code == "" {
		return Frame{opcode: wsproto.OpClose}, nil
	}
	p, err := closePayload(code, reason)
	return Frame{opcode: wsproto.OpClose, Payload: p}, err
}

func closePayload(code, reason string) ([]byte, error) {
	n, err := strconv.ParseUint(code, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("close code %q is not within 0-65535", code)
	}
	text, err := unescape(reason)
	return append([]byte{byte(n >> 8), byte(n)}, text...), err
}

// parseFrame reads the opcode, flags, and the payload, which takes the rest of the
// line.
func parseFrame(rest string) (Step, error) {
	name, rest, _ := strings.Cut(rest, " ")
	op, known := parseOpcode(name)
	if !known {
		return nil, fmt.Errorf("%q is no opcode", name)
	}
	f := Frame{opcode: op}
	for rest != "" {
		p, ok, err := payload(rest)
		if ok {
			f.Payload = p
			return f, err
		}
		var flag string
		flag, rest, _ = strings.Cut(rest, " ")
		if err := f.set(flag); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *Frame) set(flag string) (err error) {
	name, value, hasValue := strings.Cut(flag, "=")
	switch flag {
	case "":
	case "nofin":
		f.noFin = true
	case "rsv1":
		f.rsv |= wsproto.RSV1
	case "rsv2":
		f.rsv |= wsproto.RSV2
	case "rsv3":
		f.rsv |= wsproto.RSV3
	case "nomask":
		f.mask = maskNone
	case "mask":
		f.mask = maskRandom
	case "deflate":
		f.deflate = true
	case "form=7", "form=16", "form=64":
		n, _ := strconv.Atoi(value)
		f.form = wsproto.LengthForm(n)
	default:
		switch {
		case name == "mask" && hasValue:
			key, err := ParseHex(value)
			if err != nil || len(key) != 4 {
				return fmt.Errorf("masking key %q is not 4 bytes in hexadecimal", value)
			}
			f.mask, f.key = maskKey, [4]byte(key)
		case name == "length" && hasValue:
			n, err := strconv.ParseUint(value, 0, 64)
			if err != nil {
				return fmt.Errorf("length %q is not a number", value)
			}
			f.length = &n
		case name == "chop" && hasValue:
			f.chop, err = count(value)
		case name == "cut" && hasValue:
			f.cut, err = count(value)
		default:
			return fmt.Errorf("unknown part %q", flag)
		}
	}
	return err
}

func parseBytes(rest string) (Step, error) {
	var b Bytes
	if value, ok := strings.CutPrefix(rest, "chop="); ok {
		number, after, _ := strings.Cut(value, " ")
		var err error
		if b.chop, err = count(number); err != nil {
			return nil, err
		}
		rest = after
	}
	p, ok, err := payload(rest)
	if !ok {
		p, err = ParseHex(rest) // the common case, without a prefix
	}
	b.Data = p
	return b, err
}

// payload reads one of the forms of a payload, and reports whether s is one.
func payload(s string) (p []byte, ok bool, err error) {
	kind, rest, ok := strings.Cut(s, ":")
	if !ok {
		return nil, false, nil
	}
	switch kind {
	case "text":
		p, err = unescape(rest)
	case "hex":
		p, err = ParseHex(rest)
	case "base64":
		if p, err = base64.StdEncoding.DecodeString(rest); err != nil {
			err = errors.New("malformed base64")
		}
	case "fill":
		p, err = fill(rest)
	case "close":
		code, reason, _ := strings.Cut(rest, ":")
		p, err = closePayload(code, reason)
	default:
		return nil, false, nil
	}
	return p, true, err
}

// fill repeats a pattern, an asterisk unless another is given.
func fill(s string) ([]byte, error) {
	number, digits, _ := strings.Cut(s, ":")
	n, err := count(number)
	if err != nil {
		return nil, err
	}
	pattern := []byte("*")
	if digits != "" {
		if pattern, err = ParseHex(digits); err != nil {
			return nil, err
		}
	}
	return bytes.Repeat(pattern, n/len(pattern)+1)[:n], nil
}

func count(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxPayload {
		return 0, fmt.Errorf("%q is not a number from 1 to %d", s, maxPayload)
	}
	return n, nil
}

func parseWait(rest string) (Step, error) {
	d, err := duration(rest)
	return wait{d}, err
}

// awaitTime is how long an Await waits unless it says so.
const awaitTime = 5 * time.Second

func parseAwait(rest string) (Step, error) {
	what, limit, hasLimit := strings.Cut(rest, " ")
	a := await{what: what, For: awaitTime}
	if op, ok := parseOpcode(what); ok {
		a.what = opcodeName(op)
	} else if what != "head" && what != "frame" && what != "end" {
		return nil, fmt.Errorf("%q is none of head, frame, end and the opcodes", what)
	}
	var err error
	if hasLimit {
		a.For, err = duration(limit)
	}
	return a, err
}

// maxConnections is how many connections a script may have.
const maxConnections = 64

func parseConnection(rest string) (Step, error) {
	n, err := strconv.Atoi(rest)
	if err != nil || n < 1 || n > maxConnections {
		return nil, fmt.Errorf("%q is not a number from 1 to %d", rest, maxConnections)
	}
	return Connection{n}, nil
}

func duration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is not a time such as 500ms or 2s", s)
	}
	return d, nil
}

func end(verb string) func(string) (Step, error) {
	return func(string) (Step, error) { return End{verb}, nil }
}

// ParseHex reads pairs of hexadecimal digits, with spaces, colons and 0x between
// them as one likes.
func ParseHex(s string) ([]byte, error) {
	p, err := hex.DecodeString(strings.NewReplacer(" ", "", ":", "", "0x", "").Replace(s))
	if err != nil {
		return nil, errors.New("malformed hexadecimal: digits must come in pairs")
	}
	return p, nil
}
