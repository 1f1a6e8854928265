package console

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/wsconform/wsconform/internal/rawscript"
	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A line of the input, parsed.
type line struct {
	verb string // send, ping, pong, close or help
	typ  ws.MessageType
	data []byte // of send, ping, pong; the reason of close
	size int    // of fragments; zero means one frame
	code wsproto.StatusCode
}

// A command is a line that begins with a slash. To add one, add a row.
type command struct {
	name, usage, help string
	parse             func(rest string) (line, error)
}

var commands = []command{
	{"text", "TEXT", "send a text message", func(rest string) (line, error) {
		return line{verb: "send", typ: ws.MessageText, data: []byte(rest)}, nil
	}},
	{"binary", "HEX", "send a binary message", func(rest string) (line, error) {
		data, err := rawscript.ParseHex(rest)
		return line{verb: "send", typ: ws.MessageBinary, data: data}, err
	}},
	{"base64", "TEXT", "send a binary message", func(rest string) (line, error) {
		data, err := parseBase64(rest)
		return line{verb: "send", typ: ws.MessageBinary, data: data}, err
	}},
	{"file", "PATH", "send a file as a binary message", func(rest string) (line, error) {
		data, err := os.ReadFile(rest)
		return line{verb: "send", typ: ws.MessageBinary, data: data}, err
	}},
	{"fragments", "SIZE TEXT", "send a text message in frames of SIZE bytes", parseFragments},
	{"ping", "[TEXT]", "send a ping and print when the pong comes", func(rest string) (line, error) {
		return control("ping", rest)
	}},
	{"pong", "[TEXT]", "send an unsolicited pong", func(rest string) (line, error) {
		return control("pong", rest)
	}},
	{"close", "[CODE [REASON]]", "close the connection", parseClose},
	{"help", "", "print this list", func(string) (line, error) { return line{verb: "help"}, nil }},
}

func commandHelp() string {
	var b strings.Builder
	b.WriteString("commands; // sends a message that begins with a slash")
	for _, c := range commands {
		fmt.Fprintf(&b, "\n  /%-28s %s", strings.TrimSpace(c.name+" "+c.usage), c.help)
	}
	return b.String()
}

// parse reads a line of the input.
func (o *Options) parse(s string) (line, error) {
	if !o.Commands || !strings.HasPrefix(s, "/") {
		return o.message(s)
	}
	if strings.HasPrefix(s, "//") {
		return o.message(s[1:])
	}
	name, rest, _ := strings.Cut(s[1:], " ")
	for _, c := range commands {
		if c.name == name {
			l, err := c.parse(rest)
			if err != nil {
				err = fmt.Errorf("/%s: %w; usage: /%s", name, err, strings.TrimSpace(c.name+" "+c.usage))
			}
			return l, err
		}
	}
	return line{}, fmt.Errorf("unknown command /%s; /help lists them", name)
}

// message is a line that is not a command.
func (o *Options) message(s string) (line, error) {
	l := line{verb: "send", typ: ws.MessageBinary, data: []byte(s)}
	var err error
	switch o.Input {
	case text:
		l.typ = ws.MessageText
	case Hex:
		l.data, err = rawscript.ParseHex(s)
	case Base64:
		l.data, err = parseBase64(s)
	case Binary, Bytes:
	}
	return l, err
}

func parseBase64(s string) ([]byte, error) {
	data, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, errors.New("malformed base64")
	}
	return data, nil
}

func control(verb, rest string) (line, error) {
	if len(rest) > wsproto.MaxControlPayload {
		return line{}, fmt.Errorf("%d bytes are too many: a control frame carries at most %d", len(rest), wsproto.MaxControlPayload)
	}
	return line{verb: verb, data: []byte(rest)}, nil
}

func parseFragments(rest string) (line, error) {
	number, text, _ := strings.Cut(rest, " ")
	size, err := strconv.Atoi(number)
	if err != nil || size < 1 {
		return line{}, fmt.Errorf("%q is not a size", number)
	}
	return line{verb: "send", typ: ws.MessageText, data: []byte(text), size: size}, nil
}

func parseClose(rest string) (line, error) {
	l := line{verb: "close", code: ws.StatusNormalClosure}
	number, reason, _ := strings.Cut(rest, " ")
	if number == "" {
		return l, nil
	}
	code, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return l, fmt.Errorf("%q is not a close code", number)
	}
	l.code, l.data = wsproto.StatusCode(code), []byte(reason)
	return l, nil
}
