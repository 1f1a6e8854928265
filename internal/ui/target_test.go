package ui

import (
	"slices"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
)

// What a user gives is a value, never a flag; and the command line starts what was meant.
func TestArgs(t *testing.T) {
	for _, row := range []struct {
		q    request
		want string // "" is an error
	}{
		{request{Kind: "server", Value: "ws://127.0.0.1:1"}, "test ws://127.0.0.1:1"},
		{request{Kind: "server", Value: "ws://h/", selection: selection{Cases: "5.*  7.1.1,1.*", Slow: true}, NoEcho: true}, "test --cases=5.*,7.1.1,1.* --slow --no-echo ws://h/"},
		{request{Kind: "server", Value: "ws://h/", Name: "--client", Header: []string{"A: b"}}, "test --agent=--client --header=A: b ws://h/"},
		{request{Kind: "server", Value: "--client"}, ""},
		{request{Kind: "server", Value: "http://h/"}, ""},
		{request{Kind: "server", Value: " "}, ""},
		{request{Kind: "command", Value: "--x {port}"}, "test --server-cmd=--x {port}"},
		{request{Kind: "client", Value: "./c {url}"}, "test --client -- /bin/sh -c exec ./c {url}"},
		{request{Kind: "client", Value: "./c"}, ""},
		{request{Kind: "client", Value: "./c {url}\nrm"}, ""},
		{request{Kind: "example", Value: "nothing"}, ""},
		{request{Kind: "shell", Value: "x"}, ""},
	} {
		got, err := row.q.args([]string{"w"})
		if strings.Join(got, " ") != row.want || (err == nil) != (row.want != "") {
			t.Errorf("%+v: got %q %v, want %q", row.q, got, err, row.want)
		}
	}
	for _, e := range examples {
		if got, err := (request{Kind: "example", Value: e.Name}).args([]string{"/a b/w"}); err != nil || len(got) < 3 {
			t.Errorf("%s: got %q, %v", e.Name, got, err)
		}
	}
}

// A run is repeated with other cases, and everything else as it was.
func TestAgain(t *testing.T) {
	args := []string{"test", "--cases=1.*", "--slow", "--header=A: b", "--client", "--", "c", "--cases=mine"}
	if got, want := strings.Join(again(args, selection{Cases: "5.1"}), " "), "test --cases=5.1 --header=A: b --client -- c --cases=mine"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	j := job{args: args, out: "DIR"}
	if got := j.line([]string{"w"}); slices.Index(got, "-o") > slices.Index(got, "--") {
		t.Errorf("the folder is an argument of the client: %q", got)
	}
	h := runfile.Header{Engine: runfile.Engine{Name: "native"}, Agent: harness.Agent{Role: cases.Server, URL: "ws://h/"}}
	got, err := repeated(h, selection{Cases: "5.1"})
	if strings.Join(got, " ") != "test --cases=5.1 ws://h/" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	h.Agent.URL = "ws://u:***@h/"
	if got, err := repeated(h, selection{}); err == nil {
		t.Errorf("masked secrets are sent: %q", got)
	}
	h.Agent = harness.Agent{Role: cases.Client}
	if got, err := repeated(h, selection{}); err == nil {
		t.Errorf("a client of which no command is known: %q", got)
	}
}
