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
		c, err := ws.Accept(w, r, &ws.AcceptOptions{Subprotocols: []string{"chat"}, Options: ws.Options{Deflate: &ws.Deflate{}}})
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
		case "/slow": // answers a while after the end of the input
			_, p, _ := c.Read(ctx)
			timer := time.AfterFunc(100*time.Millisecond, func() { _ = c.Write(ctx, ws.MessageText, p) })
			defer timer.Stop()
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
			stdin: "//slash\n/binary 00 ff\n/base64 AP4=\n/ping\n/pong x\n/close 4001 that is all\nnever\n", stdout: "first\n/slash\n00ff\n00fe\n", stderr: `pong after`,
		},
		{name: "unknown command", args: []string{"--commands"}, stdin: "/dance\n/binary 1\nhi\n", stdout: "hi\n", code: exitUsage, stderr: `(?s)unknown command /dance; /help.*2 lines refused, the first: unknown`},
		{name: "close code that must not be sent", args: []string{"--commands"}, stdin: "/close 999\n", code: exitFailed, stderr: `999`},
		{name: "ping with a payload", args: []string{"--commands", "-v"}, stdin: "/ping abc\n", stdout: "> ping: \"abc\"\n< pong: \"abc\"\n> close: 1000 (normal closure)\n< close: 1000 (normal closure)\n", stderr: "pong after"},
		{name: "CR", stdin: "a\r\n\rb\r", stdout: "a\r\n\rb\r\n"},
		{name: "null", args: []string{"-0"}, stdin: "a\nb\x00c", stdout: "a\nb\x00c\x00"},
		{name: "hex", args: []string{"--hex"}, stdin: "00ff\n", stdout: "00ff\n"},
		{name: "malformed hex", args: []string{"--hex"}, stdin: "0\n", code: exitUsage, stderr: "digits must come in pairs"},
		{name: "base64", args: []string{"--base64"}, stdin: "AP8=\n", stdout: "AP8=\n"},
		{name: "bytes", args: []string{"--bytes"}, stdin: "a\nb\x00", stdout: "a\nb\x00"},
		{name: "one message", args: []string{"-1"}, stdin: "a\nb\n", stdout: "a\n"},
		{name: "text first", args: []string{"-t", "/x", "-t", "y"}, stdin: "z\n", stdout: "/x\ny\nz\n"},
		{name: "the end of the input", path: "/slow", stdin: "x\n", stdout: "x\n"},
		{name: "names of wsdump", args: []string{"-s", "chat", "-p", "none", "--headers", "X-A: 1,X-B: 2", "--eof-wait", "0", "-vv"}, stdout: "*", stderr: `(?s)> X-A: 1.*> X-B: 2.*subprotocol chat`},
		{name: "help", args: []string{"--commands"}, stdin: "/help\n", stderr: `\* +/close \[CODE \[REASON\]\] +close the connection`},
		{
			name: "opcodes", args: []string{"-v"}, stdin: "hi\n",
			stdout: "< close: 1000 (normal closure)\n< text: hi\n> close: 1000 (normal closure)\n", stderr: `connected, permessage-deflate`,
		},
		{name: "handshake", args: []string{"-vv", "-H", "X-A: b", "--subprotocol", "chat"}, stderr: `(?s)> GET / HTTP/1.1.*> Sec-WebSocket-Key: .*> X-A: b.*< HTTP/1.1 101 Switching Protocols.*< Sec-WebSocket-Accept: .*subprotocol chat`, stdout: "*"},
		{name: "timings", args: []string{"--timings"}, stderr: `connect [0-9.]+.s, handshake`},
		{name: "policy", path: "/policy", args: []string{"--eof-wait", "5s"}, code: exitFailed, stderr: `peer closed with 1008 \(policy violation\): "go away"`},
		{name: "gone", path: "/gone", args: []string{"--eof-wait", "5s"}, code: exitFailed, stderr: `unexpected EOF|reset by peer`}, // our close frame may meet a socket that is closed
		{name: "refused", path: "/refuse", code: exitAgent, stderr: "(?s)< not \uFFFD\\[31myou\n< nor others\n.*HTTP status 403"},
		{name: "late, waited for", path: "/late", args: []string{"--eof-wait", "2s"}, stdin: "x\n", stdout: "x\n"},
		{name: "until it closes", path: "/hostile", args: []string{"--eof-wait", "-1s", "-v"}, stdout: "*", stderr: `peer closed with 1000`},
		{name: "no server", path: "none", code: exitHarness, stderr: "dump: ws: dial ws://127.0.0.1:1: .*refused"},
		{name: "bad --send", args: []string{"--commands", "--send", "/binary 1"}, code: exitUsage, stderr: "digits must come in pairs; usage: /binary HEX"},
		{
			name: "raw", args: []string{"--raw", "--send", "/frame ping text:hello there", "--send", "frame 0x3 rsv2 mask=00000000 hex:0102"},
			stdout: "< [pong fin length=11] \"hello there\"\n< [close fin length=41] 1002 (protocol error) \"reserved bit set that no extension uses\"\n",
			stderr: "the peer ended the connection", // for the second frame
		},
		{
			name: "raw script", args: []string{"--raw", "-v"}, stdin: "# a remark\nset Host: x.test\nadd X-A: 1\ntext hi\nawait text\nclose 4000\nawait close 10s\nawait end 10s\n",
			stdout: "*", stderr: `(?s)> GET / HTTP/1.1.*> Host: x.test.*> X-A: 1.*< HTTP/1.1 101 `,
		},
		{name: "raw script that waits in vain", args: []string{"--raw", "--eof-wait", "0"}, stdin: "await text 1ms\n", code: exitFailed, stderr: "await text: not received within 1ms"},
		{name: "raw script with a mistake", args: []string{"--raw", "--eof-wait", "0"}, stdin: "dance\nquit\n", code: exitUsage, stderr: `unknown step "dance"`},
		{name: "raw and refused", path: "/refuse", args: []string{"--raw"}, stdin: "text x\n", code: exitAgent, stderr: `handshake refused with HTTP status 403`, stdout: "*"},
		{name: "raw head", args: []string{"--raw"}, stdin: "without Upgrade\n", code: exitAgent, stderr: `refused with HTTP status 426`, stdout: "*"},
		{name: "raw, no server", path: "none", args: []string{"--raw"}, code: exitHarness, stderr: "dial ws://127.0.0.1:1: .*refused"},
	} {
		t.Run(row.name, func(t *testing.T) {
			target := url + row.path
			if row.path == "none" {
				target = "ws://127.0.0.1:1"
			}
			args := append([]string{"dump", target, "--proxy", "none"}, row.args...)
			switch row.name {
			case "raw":
				args = append(args, "--eof-wait", "5s")
			case "the end of the input", "one message":
			default: // an echo comes in front of the answer to our close frame
				args = append([]string{"dump", target, "--eof-wait", "0", "--proxy", "none"}, row.args...)
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

// An interrupt while a server starts is an interrupt, and no fault of the server.
func TestInterruptedStart(t *testing.T) {
	for _, words := range [][]string{{"dump", "--raw"}, {"case", "3.4"}} {
		t.Run(words[0], func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			root := rootCommand()
			root.SetIn(strings.NewReader(""))
			var out bytes.Buffer
			code := execute(ctx, root, append(words, "--server-cmd", "sleep 60"), &out, &out)
			if code != exitInterrupted {
				t.Errorf("exit code %d, want %d: %s", code, exitInterrupted, &out)
			}
		})
	}
}
