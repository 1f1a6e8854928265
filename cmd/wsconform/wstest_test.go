package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
)

// TestWstestExit runs both ways into wstest: as a command and as a program of
// that name.
func TestWstestExit(t *testing.T) {
	for _, tc := range []struct {
		name   string
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{"help", []string{"--help"}, exitOK, "fuzzingclient", ""},
		{"versions", []string{"-a"}, exitOK, "wsconform ", ""},
		{"no mode", nil, 1, "", "wstest: no mode given"},
		{"unknown mode", []string{"-m", "x"}, 1, "", `wstest: there is no mode "x"`},
		{"bad web port", []string{"-m", "fuzzingserver", "-u", "99999"}, 1, "", `wstest: web port "99999"`},
		{"no server", []string{"-m", "echoclient", "-w", "ws://127.0.0.1:1"}, 1, "", "wstest: cannot connect"},
		{"serializer", []string{"-m", "serializer"}, 1, "", "not part of this program"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for way, main := range map[string]func() (int, string, string){
				"program": func() (int, string, string) { return wstestOutput(t, wstestMain, tc.args) },
				"command": func() (int, string, string) { return wstestOutput(t, run, append([]string{"wstest"}, tc.args...)) },
			} {
				code, stdout, stderr := main()
				if code != tc.code {
					t.Errorf("%s: got exit code %d, want %d", way, code, tc.code)
				}
				if !strings.Contains(stdout, tc.stdout) || !strings.Contains(stderr, tc.stderr) {
					t.Errorf("%s: got %q and %q, want %q and %q", way, stdout, stderr, tc.stdout, tc.stderr)
				}
			}
		})
	}
}

func wstestOutput(t *testing.T, main func(context.Context, []string, io.Writer, io.Writer) int, args []string) (code int, out, errors string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = main(t.Context(), args, &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}
