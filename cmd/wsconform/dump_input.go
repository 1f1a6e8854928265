package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// An input is a line that was typed, taken apart.
type input struct {
	verb  string // send, ping, pong, close, help; with --raw frame, octets, close, help
	typ   ws.MessageType
	data  []byte // of send, pong, octets; the reason of close
	size  int    // of fragments; zero means one frame
	code  wsproto.StatusCode
	frame wsproto.Frame
}

// A dumpVerb is a command of the input. To add one, add a row.
type dumpVerb struct {
	name, usage, help string
	raw, cooked       bool // with --raw, without
	parse             func(rest string) (input, error)
}

var dumpVerbs = []dumpVerb{
	{"text", "TEXT", "send a text message", false, true, func(rest string) (input, error) {
		return input{verb: "send", typ: ws.MessageText, data: []byte(rest)}, nil
	}},
	{"binary", "HEX", "send a binary message", false, true, func(rest string) (input, error) {
		data, err := parseHex(rest)
		return input{verb: "send", typ: ws.MessageBinary, data: data}, err
	}},
	{"file", "PATH", "send a file as a binary message", false, true, func(rest string) (input, error) {
		data, err := os.ReadFile(rest)
		return input{verb: "send", typ: ws.MessageBinary, data: data}, err
	}},
	{"fragments", "SIZE TEXT", "send a text message in frames of SIZE octets", false, true, parseFragments},
	{"ping", "", "send a ping and wait for the pong", false, true, func(string) (input, error) {
		return input{verb: "ping"}, nil
	}},
	{"pong", "[TEXT]", "send a pong that nobody asked for", false, true, func(rest string) (input, error) {
		return input{verb: "pong", data: []byte(rest)}, nil
	}},
	{"close", "[CODE [REASON]]", "close the connection", false, true, parseCloseVerb},
	{"frame", "OPCODE [nofin] [rsv1] [rsv2] [rsv3] [nomask] [mask=HEX] [length=N] [form=16|64] [text:TEXT or hex:HEX]", "send a frame as it is", true, false, parseFrameVerb},
	{"octets", "HEX", "send octets", true, false, func(rest string) (input, error) {
		data, err := parseHex(rest)
		return input{verb: "octets", data: data}, err
	}},
	{"quit", "", "hang up", true, false, func(string) (input, error) { return input{verb: "close"}, nil }},
	{"help", "", "this list", true, true, func(string) (input, error) { return input{verb: "help"}, nil }},
}

func commandHelp(raw bool) string {
	var b strings.Builder
	b.WriteString("commands; a line that begins with two slashes is sent with one")
	for _, v := range dumpVerbs {
		if raw && v.raw || !raw && v.cooked {
			fmt.Fprintf(&b, "\n  /%-28s %s", strings.TrimSpace(v.name+" "+v.usage), v.help)
		}
	}
	return b.String()
}

// parse takes a line apart.
func (o *dumpOptions) parse(line string) (input, error) {
	if !o.commands || !strings.HasPrefix(line, "/") {
		return o.message(line)
	}
	if strings.HasPrefix(line, "//") {
		return o.message(line[1:])
	}
	name, rest, _ := strings.Cut(line[1:], " ")
	for _, v := range dumpVerbs {
		if v.name == name && (o.raw && v.raw || !o.raw && v.cooked) {
			in, err := v.parse(rest)
			if err != nil {
				err = fmt.Errorf("/%s: %w; usage: /%s", name, err, strings.TrimSpace(v.name+" "+v.usage))
			}
			return in, err
		}
	}
	return input{}, fmt.Errorf("there is no command /%s; /help lists them", name)
}

// message is a line that is none but itself.
func (o *dumpOptions) message(line string) (input, error) {
	in := input{verb: "send", typ: ws.MessageText, data: []byte(line)}
	if o.binary {
		in.typ = ws.MessageBinary
	}
	if o.raw {
		in.verb = "frame"
		in.frame = wsproto.Frame{Header: clientHeader(wsproto.Opcode(in.typ)), Payload: in.data}
	}
	return in, nil
}

// clientHeader is that of a legal frame, with a masking key of its own.
func clientHeader(op wsproto.Opcode) wsproto.Header {
	h := wsproto.Header{Fin: true, Opcode: op, Masked: true}
	rand.Read(h.MaskKey[:]) // never fails
	return h
}

func parseHex(s string) ([]byte, error) {
	data, err := hex.DecodeString(strings.NewReplacer(" ", "", ":", "", "0x", "").Replace(s))
	if err != nil {
		return nil, errors.New("hexadecimal digits in pairs are wanted")
	}
	return data, nil
}

func parseFragments(rest string) (input, error) {
	number, text, _ := strings.Cut(rest, " ")
	size, err := strconv.Atoi(number)
	if err != nil || size < 1 {
		return input{}, fmt.Errorf("%q is no size", number)
	}
	return input{verb: "send", typ: ws.MessageText, data: []byte(text), size: size}, nil
}

func parseCloseVerb(rest string) (input, error) {
	in := input{verb: "close", code: wsproto.StatusNormalClosure}
	number, reason, _ := strings.Cut(rest, " ")
	if number == "" {
		return in, nil
	}
	code, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return in, fmt.Errorf("%q is no code", number)
	}
	in.code, in.data = wsproto.StatusCode(code), []byte(reason)
	return in, nil
}

var opcodes = map[string]wsproto.Opcode{
	"continuation": wsproto.OpContinuation, "text": wsproto.OpText, "binary": wsproto.OpBinary,
	"close": wsproto.OpClose, "ping": wsproto.OpPing, "pong": wsproto.OpPong,
}

// parseFrameVerb reads a frame: the opcode by name or number, flags, and the
// payload, which takes the rest of the line.
func parseFrameVerb(rest string) (input, error) {
	name, rest, _ := strings.Cut(rest, " ")
	op, known := opcodes[name]
	if !known {
		n, err := strconv.ParseUint(name, 0, 4)
		if err != nil {
			return input{}, fmt.Errorf("%q is no opcode", name)
		}
		op = wsproto.Opcode(n)
	}
	f := wsproto.Frame{Header: clientHeader(op)}
	for rest != "" {
		if text, ok := strings.CutPrefix(rest, "text:"); ok {
			f.Payload = []byte(text)
			break
		}
		if digits, ok := strings.CutPrefix(rest, "hex:"); ok {
			var err error
			if f.Payload, err = parseHex(digits); err != nil {
				return input{}, err
			}
			break
		}
		var flag string
		flag, rest, _ = strings.Cut(rest, " ")
		if err := setFlag(&f.Header, flag); err != nil {
			return input{}, err
		}
	}
	return input{verb: "frame", frame: f}, nil
}

func setFlag(h *wsproto.Header, flag string) error {
	name, value, _ := strings.Cut(flag, "=")
	switch name {
	case "":
	case "nofin":
		h.Fin = false
	case "rsv1":
		h.RSV |= wsproto.RSV1
	case "rsv2":
		h.RSV |= wsproto.RSV2
	case "rsv3":
		h.RSV |= wsproto.RSV3
	case "nomask":
		h.Masked = false
	case "mask":
		key, err := parseHex(value)
		if err != nil || len(key) != 4 {
			return fmt.Errorf("%q is no masking key of four octets", value)
		}
		h.MaskKey = [4]byte(key)
	case "length":
		n, err := strconv.ParseUint(value, 0, 64)
		if err != nil {
			return fmt.Errorf("%q is no length", value)
		}
		h.Length = n
	case "form":
		forms := map[string]wsproto.LengthForm{"7": wsproto.Form7, "16": wsproto.Form16, "64": wsproto.Form64}
		form, ok := forms[value]
		if !ok {
			return fmt.Errorf("%q is no form of a length", value)
		}
		h.Form = form
	default:
		return fmt.Errorf("%q is no part of a frame", flag)
	}
	return nil
}
