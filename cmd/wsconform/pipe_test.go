package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/ws"
)

// The command's exit codes: how an end or a command ended is told.
func TestPipe(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refuse" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		c, err := ws.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		if r.URL.Path == "/policy" {
			_ = c.Close(ws.StatusPolicyViolation, "go away")
			return
		}
		_ = ws.Echo(context.Background(), c)
	}))
	defer srv.Close()
	url := "ws" + strings.TrimPrefix(srv.URL, "http")
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh")
	}
	for _, row := range []struct {
		name   string
		args   []string
		stdin  string
		code   int
		stdout string
		stderr string
	}{
		{name: "lines", args: []string{url}, stdin: "a\nb", stdout: "a\nb\n"},
		{name: "the other way round", args: []string{"-", url}, stdin: "a\n", stdout: "a\n"},
		{name: "bytes", args: []string{url, "--bytes"}, stdin: "a\nb", stdout: "a\nb"},
		{name: "command", args: []string{url, "--", sh, "-c", "echo ping; read x; echo got $x >&2"}, stderr: "got ping\n"},
		{name: "command that fails", args: []string{url, "--", sh, "-c", "exit 3"}, code: exitFailed, stderr: "command: exit status 3"},
		{name: "refused", args: []string{url + "/refuse"}, code: exitAgent, stderr: "403"},
		{name: "closed with an error", args: []string{url + "/policy"}, stdin: "a\n", code: exitFailed, stderr: "1008"},
	} {
		t.Run(row.name, func(t *testing.T) {
			code, stdout, stderr := runWith(t, row.stdin, append([]string{"pipe", "--proxy", "none"}, row.args...))
			if code != row.code || stdout != row.stdout || !strings.Contains(stderr, row.stderr) {
				t.Errorf("got exit code %d, %q and %q; want %d, %q and %q", code, stdout, stderr, row.code, row.stdout, row.stderr)
			}
		})
	}
}
