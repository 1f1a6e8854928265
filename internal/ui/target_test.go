package ui

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/user"
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

// A script of the lab goes to the peer of a run, on the same way.
func TestDump(t *testing.T) {
	const begin = "dump --raw --eof-wait=1s "
	for _, row := range []struct{ args, want string }{
		{"test --cases=1.* --slow ws://h/", begin + "ws://h/"},
		{"test --suite=rfc --header=A:b --insecure --ca=c.pem --no-echo wss://h/", begin + "--header=A:b --insecure --ca=c.pem wss://h/"},
		{"test --engine native --header A:b --server-cmd cmd", begin + "--header=A:b --server-cmd=cmd"},
		{"test --agent=x --server-cmd=cmd", begin + "--server-cmd=cmd"},
		{"test --client --agent x -- p drive {url}", begin + "--listen=127.0.0.1:0 --oneshot --client-cmd=p drive {url}"},
		{begin + "--script=old ws://h/", begin + "ws://h/"},
		{"compare x --role=server", ""},
	} {
		got, err := Dump(strings.Fields(row.args))
		if strings.Join(got, " ") != row.want || (err == nil) != (row.want != "") {
			t.Errorf("%s: got %q, %v, want %q", row.args, got, err, row.want)
		}
	}
	got, err := Dump([]string{"test", "--client", "--", "/bin/sh", "-c", "exec ./my client {url}"})
	if err != nil || got[len(got)-1] != "--client-cmd=./my client {url}" {
		t.Errorf("got %q, %v", got, err)
	}
	r := Reach{Cert: "c", Key: "k", Insecure: true, Header: "A: b"}
	if got, want := strings.Join(r.flags(false), " "), "--header=A: b --cert=c --key=k --insecure"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if r.Insecure = false; strings.Join(r.flags(true), " ") != "--header=A: b --tls-cert=c --tls-key=k" || !listens(got) {
		t.Errorf("for a client: got %q", r.flags(true))
	}
	j := job{args: []string{"dump", "--raw", "ws://h/"}, out: "DIR"}
	if got := strings.Join(j.line([]string{"w"}), " "); got != "w dump --raw ws://h/ --record DIR" {
		t.Errorf("got %q", got)
	}
}

// A script is made shorter by a case, the one it began with or one of the user's checks.
func TestCaseWords(t *testing.T) {
	s := &server{dir: t.TempDir()}
	var q labRequest
	q.Case.ID = "3.4"
	got, err := s.caseWords(q, []string{"test", "--header=A: b", "--server-cmd=cmd"})
	if want := []string{"case", "3.4", "--json", "--minimize", "--header=A: b", "--server-cmd=cmd"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	q.Case.Script, q.Case.Want = "text a\n", []user.Clause{{Quiet: true}}
	got, err = s.caseWords(q, []string{"test", "ws://h/"})
	if err != nil || got[1] != "U.lab" || !strings.HasPrefix(got[4], "--user-cases=") || got[5] != "--against=ws://h/" {
		t.Errorf("got %q, %v", got, err)
	}
	for _, args := range [][]string{{"test", "--client", "--", "c"}, {"compare", "x", "--role=server"}, {"test", "--proxy=http://p:1", "ws://h/"}} {
		if got, err := s.caseWords(q, args); err == nil {
			t.Errorf("%q: got %q, want an error", args, got)
		}
	}
	if got, err := s.caseWords(labRequest{}, []string{"test", "ws://h/"}); err == nil {
		t.Errorf("neither a case nor checks: got %q", got)
	}
}
