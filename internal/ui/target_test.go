package ui

import (
	"path/filepath"
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
		q    Request
		want string // "" is an error
	}{
		{Request{Kind: "server", Value: "ws://127.0.0.1:1"}, "test ws://127.0.0.1:1"},
		{Request{Kind: "server", Value: "ws://h/", Selection: Selection{Cases: "5.*  7.1.1,1.*", Slow: true}, NoEcho: true}, "test --cases=5.*,7.1.1,1.* --slow --no-echo ws://h/"},
		{Request{Kind: "server", Value: "ws://h/", Name: "--client", Header: []string{"A: b"}}, "test --agent=--client --header=A: b ws://h/"},
		{Request{Kind: "server", Value: "--client"}, ""},
		{Request{Kind: "server", Value: "http://h/"}, ""},
		{Request{Kind: "server", Value: " "}, ""},
		{Request{Kind: "command", Value: "--x {port}"}, "test --server-cmd=--x {port}"},
		{Request{Kind: "client", Value: "./c {url}"}, "test --client -- /bin/sh -c exec ./c {url}"},
		{Request{Kind: "client", Value: "./c"}, ""},
		{Request{Kind: "client", Value: "./c {url}\nrm"}, ""},
		{Request{Kind: "example", Value: "nothing"}, ""},
		{Request{Kind: "agent", Value: "go-gorilla", Selection: Selection{Cases: "1.*"}}, "compare go-gorilla --role=server --cases=1.*"},
		{Request{Kind: "agent", Value: "my/agents/x", Role: "client"}, "compare x --role=client --agents=my/agents"},
		{Request{Kind: "agent", Value: "--again"}, ""},
		{Request{Kind: "agent", Value: "../.."}, ""},
		{Request{Kind: "shell", Value: "x"}, ""},
	} {
		got, err := row.q.Args([]string{"w"})
		if strings.Join(got, " ") != row.want || (err == nil) != (row.want != "") {
			t.Errorf("%+v: got %q %v, want %q", row.q, got, err, row.want)
		}
	}
	for _, e := range examples {
		if got, err := (Request{Kind: "example", Value: e.Name}).Args([]string{"/a b/w"}); err != nil || len(got) < 3 {
			t.Errorf("%s: got %q, %v", e.Name, got, err)
		}
	}
}

// A run is repeated with other cases, and everything else as it was.
func TestAgain(t *testing.T) {
	args := []string{"test", "--cases=1.*", "--slow", "--header=A: b", "--client", "--", "c", "--cases=mine"}
	if got, want := strings.Join(again(args, Selection{Cases: "5.1"}), " "), "test --cases=5.1 --header=A: b --client -- c --cases=mine"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	row := []string{"compare", "x", "--role=client", "--cases=1.*", "--agents=a"}
	if got, want := strings.Join(again(row, Selection{Cases: "5.1"}), " "), "compare x --role=client --cases=5.1 --agents=a"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := filepath.ToSlash(runFile(row)), "runs/x-client-native.jsonl"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	j := job{args: args, out: "DIR"}
	if got := j.line([]string{"w"}); slices.Index(got, "-o") > slices.Index(got, "--") {
		t.Errorf("the folder is an argument of the client: %q", got)
	}
	h := runfile.Header{Engine: runfile.Engine{Name: "native"}, Agent: harness.Agent{Role: cases.Server, URL: "ws://h/"}}
	got, err := repeated(h, Selection{Cases: "5.1"})
	if strings.Join(got, " ") != "test --cases=5.1 ws://h/" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	h.Agent.URL = "ws://u:***@h/"
	if got, err := repeated(h, Selection{}); err == nil {
		t.Errorf("masked secrets are sent: %q", got)
	}
	h.Agent = harness.Agent{Role: cases.Client}
	if got, err := repeated(h, Selection{}); err == nil {
		t.Errorf("a client of which no command is known: %q", got)
	}
}
