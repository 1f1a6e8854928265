package rawscript_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/internal/rawscript"
)

// Each line and the canonical form of its step, or a part of the error.
func TestParse(t *testing.T) {
	for _, row := range []struct{ line, want string }{
		{"start GET /chat HTTP/1.0", "start GET /chat HTTP/1.0"},
		{"set Upgrade: h2c", "set Upgrade: h2c"},
		{"set Upgrade:h2c", "set Upgrade: h2c"},
		{`add X: a\r\n b`, `add X: a\r\n b`},
		{"without  Host", "without Host"},
		{"line no colon here", "line no colon here"},
		{"segment 3", "segment 3"},
		{"open", "open"},
		{"open nowait", "open nowait"},
		{"open never", "open never"},
		{"text a b", "frame text text:a b"},
		{`text \xff\u00fc\\`, `frame text text:\xffü\\`},
		{"text", "frame text"},
		{"binary 00 ff", `frame binary text:\x00\xff`},
		{"ping", "frame ping"},
		{"pong x", "frame pong text:x"},
		{"close", "frame close"},
		{"close 1000 bye", `frame close text:\x03\xe8bye`},
		{"close 0", `frame close text:\x00\x00`},
		{"frame text mask=01020304 text:a b", "frame text mask=01020304 text:a b"},
		{"frame 0x0b rsv1 rsv2 rsv3 nomask hex:ff 00", `frame 0xb rsv1 rsv2 rsv3 nomask text:\xff\x00`},
		{"frame continuation nofin mask length=0xffffffffffffffff form=64 base64:aGk=", "frame continuation nofin mask length=18446744073709551615 form=64 text:hi"},
		{"frame close nomask form=16 close:1002:why not", `frame close nomask form=16 text:\x03\xeawhy not`},
		{"frame text length=0 deflate chop=2 cut=3 fill:5", "frame text length=0 deflate chop=2 cut=3 text:*****"},
		{"frame binary fill:5:0102", `frame binary text:\x01\x02\x01\x02\x01`},
		{"bytes 8100", `bytes text:\x81\x00`},
		{`bytes chop=1 text:GET / HTTP/1.1\r\n`, `bytes chop=1 text:GET / HTTP/1.1\r\n`},
		{"wait 1.5s", "wait 1.5s"},
		{"await pong", "await pong 5s"},
		{"await 0x9 100ms", "await ping 100ms"},
		{"await end", "await end 5s"},
		{"half-close", "half-close"},
		{"reset", "reset"},
		{"quit", "quit"},
		{"", ""},
		{"  ", ""},
		{"# a remark", ""},

		{"dance", `error: unknown step "dance"`},
		{"set Upgrade h2c", "error: set: missing colon; usage: set NAME: VALUE"},
		{"without", "error: without: missing name"},
		{"segment 0", "error: segment: \"0\" is not a number from 1"},
		{"open late", "error: neither nowait nor never"},
		{"binary 1", "error: digits must come in pairs"},
		{`text \q`, `error: a backslash is written \\`},
		{"close 70000", "error: close code \"70000\""},
		{"frame 16", `error: "16" is no opcode`},
		{"frame text mask=0102", "error: not 4 bytes"},
		{"frame text form=8", `error: unknown part "form=8"`},
		{"frame text length=-1", "error: not a number"},
		{"frame text chop=x", `error: "x" is not a number`},
		{"frame text fin", `error: unknown part "fin"`},
		{"frame text hex:0", "error: in pairs"},
		{"frame text base64:?", "error: malformed base64"},
		{"frame text fill:x", "error: not a number"},
		{"frame text fill:99999999", "error: not a number"},
		{"frame text fill:1:z", "error: in pairs"},
		{"bytes", ""},
		{"bytes chop=0 00", "error: not a number"},
		{"wait soon", "error: not a time"},
		{"wait -1s", "error: not a time"},
		{"await love", "error: none of head, frame, end and the opcodes"},
		{"await pong x", "error: not a time"},
		{"quit now", "error: quit takes no argument"},
	} {
		s, err := rawscript.Parse(row.line)
		part, wantErr := strings.CutPrefix(row.want, "error: ")
		switch {
		case wantErr:
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%q: got %v, error %v; want %s", row.line, s, err, part)
			}
		case err != nil:
			t.Errorf("%q: %v", row.line, err)
		case s == nil:
			if row.want != "" {
				t.Errorf("%q: got nothing, want %s", row.line, row.want)
			}
		case row.line == "bytes":
			if b, ok := s.(rawscript.Bytes); !ok || len(b.Data) > 0 {
				t.Errorf("bytes of nothing: got %#v", s)
			}
		case s.String() != row.want:
			t.Errorf("%q: got %s, want %s", row.line, s, row.want)
		}
	}
}

// The canonical form of a step is read as the same step.
func FuzzParse(f *testing.F) {
	for _, line := range []string{
		"set A: b", `line \x00`, "open nowait", `frame 3 rsv1 nofin mask=00000000 length=9 form=64 deflate chop=1 cut=2 text:\\a`,
		"bytes chop=4 00ff", "wait 3s", "await text 1ms", "reset", "close 1005", "frame text fill:7:61",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		s, err := rawscript.Parse(line)
		if s == nil || err != nil {
			return
		}
		again, err := rawscript.Parse(s.String())
		if err != nil || !reflect.DeepEqual(normal(s), normal(again)) {
			t.Errorf("%q is %#v, whose form %q is read as %#v, error %v", line, s, s.String(), again, err)
		}
	})
}

// normal makes empty payloads alike.
func normal(s rawscript.Step) rawscript.Step {
	switch s := s.(type) {
	case rawscript.Frame:
		if len(s.Payload) == 0 {
			s.Payload = nil
		}
		return s
	case rawscript.Bytes:
		if len(s.Data) == 0 {
			s.Data = nil
		}
		return s
	}
	return s
}

// The page about the language has every verb, and its scripts parse.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/raw.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range rawscript.Verbs {
		if !strings.Contains(string(page), "`"+v.Name+" ") && !strings.Contains(string(page), "`"+v.Name+"`") {
			t.Errorf("docs/raw.md: no %s", v.Name)
		}
	}
	n, script := 0, false
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "```") {
			script = line == "```script"
		} else if script {
			n++
			if _, err := rawscript.Parse(line); err != nil {
				t.Errorf("docs/raw.md: %v", err)
			}
		}
	}
	if n < 20 {
		t.Errorf("found %d lines of scripts, want 20 or more", n)
	}
}
