package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// dumpServer answers by path.
func dumpServer(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refuse" {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, "not \x1b[31myou\nnor others")
			return
		}
		c, err := ws.Accept(w, r, &ws.AcceptOptions{Subprotocols: []string{"chat"}, Deflate: &ws.Deflate{}})
		if err != nil {
			return
		}
		defer c.CloseNow()
		ctx := r.Context()
		switch r.URL.Path {
		case "/policy":
			_ = c.Close(wsproto.StatusPolicyViolation, "go away")
		case "/gone":
			_ = c.CloseNow()
		case "/late":
			_, p, _ := c.Read(ctx)
			time.Sleep(50 * time.Millisecond)
			_ = c.Write(ctx, ws.MessageText, p)
			_ = c.Discard(ctx)
		case "/hostile":
			_ = c.Write(ctx, ws.MessageText, []byte("\x1b]0;title\x07 a\n< b"))
			_ = c.Close(wsproto.StatusNormalClosure, "")
		default:
			_ = ws.Echo(ctx, c)
		}
	}))
	t.Cleanup(srv.Close)
	return "ws" + strings.TrimPrefix(srv.URL, "http")
}

func TestDump(t *testing.T) {
	url := dumpServer(t)
	for _, row := range []struct {
		name, path string
		args       []string
		stdin      string
		code       int
		stdout     string // the whole of it
		stderr     string // a regular expression
	}{
		{name: "lines", stdin: "hello\n/ping\n\nwörld", stdout: "hello\n/ping\n\nwörld\n"},
		{name: "whole", args: []string{"--whole"}, stdin: "a\nb\n", stdout: "a\nb\n\n"},
		{name: "binary", args: []string{"--binary"}, stdin: "ab\n", stdout: "6162\n"},
		{
			name: "commands", args: []string{"--commands", "--send", "/fragments 2 first"},
			stdin: "//slash\n/binary 00 ff\n/ping\n/pong x\n/close 4001 that is all\nnever\n", stdout: "first\n/slash\n00ff\n", stderr: `pong after`,
		},
		{name: "unknown command", args: []string{"--commands"}, stdin: "/dance\nhi\n", stdout: "hi\n", stderr: `no command /dance; /help`},
		{name: "help", args: []string{"--commands"}, stdin: "/help\n", stderr: `\* +/close \[CODE \[REASON\]\] +close the connection`},
		{
			name: "opcodes", args: []string{"-v"}, stdin: "hi\n",
			stdout: "< close: 1000 (normal closure)\n< text: hi\n> close: 1000 (normal closure)\n", stderr: `connected, permessage-deflate`,
		},
		{name: "handshake", args: []string{"-vv", "-H", "X-A: b", "--subprotocol", "chat"}, stderr: `(?s)> GET / HTTP/1.1.*> X-A: b.*< HTTP/1.1 101.*subprotocol chat`, stdout: "*"},
		{name: "timings", args: []string{"--timings"}, stderr: `connect [0-9.]+.s, handshake`},
		{name: "policy", path: "/policy", code: exitFailed, stderr: `peer closed with 1008 \(policy violation\): "go away"`},
		{name: "gone", path: "/gone", code: exitFailed, stderr: `unexpected EOF|reset by peer`}, // our close frame may meet a socket that is closed
		{name: "refused", path: "/refuse", code: exitAgent, stderr: "(?s)< not \uFFFD\\[31myou\n< nor others\n.*HTTP status 403"},
		{name: "late, waited for", path: "/late", args: []string{"--eof-wait", "2s"}, stdin: "x\n", stdout: "x\n"},
		{name: "until it closes", path: "/hostile", args: []string{"--eof-wait", "-1s", "-v"}, stdout: "*", stderr: `peer closed with 1000`},
		{name: "no server", path: "none", code: exitHarness, stderr: "dump: ws: dial ws://127.0.0.1:1: .*refused"},
		{name: "bad --send", args: []string{"--commands", "--send", "/binary 1"}, code: exitUsage, stderr: "hexadecimal digits in pairs are wanted; usage: /binary HEX"},
		{
			name: "raw", args: []string{"--raw", "--send", "/frame ping text:hello there", "--send", "/frame 0x3 rsv2 mask=00000000 hex:0102"},
			stdout: "< [pong fin length=11] \"hello there\"\n< [close fin length=41] 1002 (protocol error) \"reserved bit set that no extension uses\"\n",
			stderr: "ended the connection", // by the server, for the second frame
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			target := url + row.path
			if row.path == "none" {
				target = "ws://127.0.0.1:1"
			}
			args := append([]string{"dump", target, "--proxy", "none"}, row.args...)
			if row.name == "raw" {
				args = append(args, "--eof-wait", "5s")
			}
			code, stdout, stderr := runWith(t, row.stdin, args)
			if code != row.code {
				t.Errorf("exit code %d, want %d: %s", code, row.code, stderr)
			}
			if row.name == "opcodes" { // the answer may come before or after our close frame
				lines := strings.SplitAfter(stdout, "\n")
				slices.Sort(lines)
				stdout = strings.Join(lines, "")
			}
			if row.stdout != "*" && stdout != row.stdout {
				t.Errorf("stdout: got %q, want %q", stdout, row.stdout)
			}
			if !regexp.MustCompile(row.stderr).MatchString(stderr) {
				t.Errorf("stderr: got %q, want %q", stderr, row.stderr)
			}
			if strings.ContainsAny(stderr, "\x1b\x07") || row.code == 0 && row.args != nil && strings.ContainsAny(stdout, "\x1b\x07") {
				t.Errorf("control characters of the server get through: %q, %q", stdout, stderr)
			}
		})
	}
}

// runWith is the command line with an input of its own.
func runWith(t *testing.T, stdin string, args []string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	root := rootCommand()
	root.SetIn(strings.NewReader(stdin))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	code = execute(ctx, root, args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestFrameVerb(t *testing.T) {
	for _, row := range []struct {
		line string
		want string // the frame in octets, or part of the error
	}{
		{"text mask=01020304 text:a b", "8183010203046022" + "61"},
		{"ping nofin nomask", "0900"},
		{"0x0b rsv1 rsv2 rsv3 nomask hex:ff 00", "fb02ff00"},
		{"binary nomask length=70000 hex:aa", "827f0000000000011170" + "aa"},
		{"close nomask form=16 hex:03e8", "887e000203e8"},
		{"16", `"16" is no opcode`},
		{"text mask=0102", "no masking key of four octets"},
		{"text form=8", "no form of a length"},
		{"text length=-1", "no length"},
		{"text fin", `"fin" is no part of a frame`},
		{"text hex:0", "in pairs"},
	} {
		in, err := parseFrameVerb(row.line)
		got := fmt.Sprintf("%x", wsproto.AppendFrame(nil, in.frame))
		if err != nil {
			got = err.Error()
		}
		if got != row.want && (err == nil || !strings.Contains(got, row.want)) {
			t.Errorf("%s: got %s, want %s", row.line, got, row.want)
		}
	}
}

// A server that says nothing after the handshake does not hold up an interrupt.
func TestDumpInterrupt(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		if _, err := ws.AcceptNet(context.Background(), nc, nil); err == nil {
			cancel()
		}
	}()
	root := rootCommand()
	root.SetIn(strings.NewReader(""))
	var out bytes.Buffer
	code := execute(ctx, root, []string{"dump", "ws://" + l.Addr().String(), "--eof-wait", "-1s", "--close-wait", "10ms"}, &out, &out)
	if code != exitInterrupted {
		t.Errorf("exit code %d, want %d: %s", code, exitInterrupted, &out)
	}
}
