package ui

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
)

// A Request asks for a run.
type Request struct {
	Kind  string `json:"kind"`  // server, command, client, agent or example
	Value string `json:"value"` // a URL, a command, the folder of an agent, or the name of an example
	Role  string `json:"role"`  // of an agent: server or client
	Name  string `json:"name"`  // of the agent in reports; "" is derived
	Selection
	Header   []string `json:"header"` // NAME: VALUE
	Insecure bool     `json:"insecure"`
	NoEcho   bool     `json:"noEcho"`
	Strict   bool     `json:"strict"`
}

// A Selection is the cases of a run.
type Selection struct {
	Cases   string `json:"cases"`   // patterns with commas between; "" means all
	Exclude string `json:"exclude"` // patterns
	Suite   string `json:"suite"`   // "" means all
	Slow    bool   `json:"slow"`
}

// An example is a peer of wsconform's own, which needs nothing else.
type example struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	About string `json:"about"`
	Cases string `json:"cases"` // "" means all
	args  func(program string) []string
}

// examples work at once. To add one, add a row.
var examples = []example{
	{"server", "The reference server", "keeps every rule", "1.*,2.*,3.*,4.*,5.*,7.*,F.*", echoing("")},
	{"server-fault", "A server with a fault", "ignores reserved bits", "3.*,5.*,F.*", echoing("rsv-ignored")},
	{"client", "The reference client", "keeps every rule", "1.*,2.*,3.*,4.*,5.*,7.*", func(p string) []string {
		return []string{"--client", "--agent", "reference client", "--", p, "drive", "{url}"}
	}},
	{"everything", "The reference server, all cases", "517 cases of Autobahn and the RFC suite", "", echoing("")},
}

func echoing(fault string) func(string) []string {
	return func(p string) []string {
		name, command := "reference server", runfile.ShellWord(p)+" echo --addr {host}:{port}"
		if fault != "" {
			name, command = "server with the fault "+fault, command+" --fault "+fault
		}
		return []string{"--agent", name, "--server-cmd", command}
	}
}

// Args are the words behind the program. What the user gives is never taken for a flag.
func (q Request) Args(program []string) ([]string, error) {
	args := append([]string{"test"}, q.Selection.flags()...)
	flag := func(name, value string) {
		if value != "" {
			args = append(args, "--"+name+"="+value)
		}
	}
	flag("agent", q.Name)
	for _, h := range q.Header {
		flag("header", h)
	}
	for _, one := range []struct {
		name string
		on   bool
	}{{"insecure", q.Insecure}, {"no-echo", q.NoEcho}, {"strict", q.Strict}} {
		if one.on {
			args = append(args, "--"+one.name)
		}
	}
	value := strings.TrimSpace(q.Value)
	if value == "" {
		return nil, errors.New("say what to test")
	}
	if strings.ContainsAny(value, "\x00\n") {
		return nil, errors.New("what to test must be one line")
	}
	switch q.Kind {
	case "server":
		if u, err := url.Parse(value); err != nil || !slices.Contains([]string{"ws", "wss", "ws+unix", "wss+unix"}, u.Scheme) {
			return nil, fmt.Errorf("%q is not the URL of a WebSocket server: it must look like ws://127.0.0.1:9001", harness.Clip(value, 100))
		}
		return append(args, value), nil
	case "command":
		flag("server-cmd", value)
		return args, nil
	case "client":
		if !strings.Contains(value, "{url}") {
			return nil, errors.New("the client's command needs {url}, which becomes the address to connect to")
		}
		return append(args, "--client", "--", "/bin/sh", "-c", "exec "+value), nil
	case "agent":
		return q.agent(value)
	case "example":
		for _, e := range examples {
			if e.Name == value {
				if q.Cases == "" && e.Cases != "" {
					flag("cases", e.Cases)
				}
				return append(args, e.args(program[0])...), nil
			}
		}
	}
	return nil, fmt.Errorf("nothing is known of %q", harness.Clip(q.Kind+" "+value, 100))
}

// agentName is that of an agent's folder.
var agentName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

// agent are the words that play one row of a comparison: of an agent in a folder, or of one
// that wsconform brings along.
func (q Request) agent(value string) ([]string, error) {
	name := filepath.Base(value)
	if !agentName.MatchString(name) {
		return nil, fmt.Errorf("%q is not the folder of an agent, such as fixtures/agents/go-gorilla", harness.Clip(value, 100))
	}
	role := q.Role
	if role != "client" {
		role = "server"
	}
	args := append([]string{"compare", name, "--role=" + role}, q.flags()...)
	if value != name {
		args = append(args, "--agents="+filepath.Dir(value))
	}
	return args, nil
}

// runFile is where the results of a command line are, below the folder that it writes to.
func runFile(args []string) string {
	if args[0] != "compare" {
		return "run.jsonl"
	}
	return filepath.Join("runs", args[1]+"-"+strings.TrimPrefix(args[2], "--role=")+"-native.jsonl")
}

func (s Selection) flags() []string {
	var args []string
	for _, one := range []struct{ name, value string }{{"cases", s.Cases}, {"exclude", s.Exclude}, {"suite", s.Suite}} {
		if value := strings.Join(strings.Fields(strings.ReplaceAll(one.value, ",", " ")), ","); value != "" {
			args = append(args, "--"+one.name+"="+value)
		}
	}
	if s.Slow {
		args = append(args, "--slow")
	}
	return args
}

// again are the words that repeat a run with other cases.
func again(args []string, s Selection) []string {
	if args[0] == "dump" { // a script has no other cases
		return slices.Clone(args)
	}
	own := slices.Clone(args[1:])
	end := len(own)
	if i := slices.Index(own, "--"); i >= 0 {
		end = i
	}
	var kept []string
	for _, word := range own[:end] {
		name, _, _ := strings.Cut(word, "=")
		if !slices.Contains([]string{"--cases", "--exclude", "--suite", "--slow", "--user-cases"}, name) {
			kept = append(kept, word)
		}
	}
	if args[0] == "compare" {
		return slices.Concat(args[:1], kept[:2], s.flags(), kept[2:])
	}
	return slices.Concat(args[:1], s.flags(), kept, own[end:])
}

// repeated returns the command line that repeats a run, made from its file alone.
func repeated(h runfile.Header, s Selection) ([]string, error) {
	const mark = "CASE-ID"
	words := runfile.Repeat(h, mark)
	if len(words) < 2 || words[1] != "test" {
		return nil, errors.New("a run of wsconform compare is repeated on the command line")
	}
	if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(w, runfile.Masked) }) {
		return nil, errors.New("passwords and tokens of that run are masked in its file: start it again from the first page")
	}
	if i := slices.Index(words, mark); i > 0 {
		words = slices.Delete(words, i-1, i+1)
	}
	if i := slices.Index(words, "--"); i >= 0 && len(words) > i+1 && words[i+1] == "COMMAND" || slices.Contains(words, "URL") {
		return nil, errors.New("the run does not say how it was started")
	}
	return slices.Concat([]string{"test"}, s.flags(), words[2:]), nil
}
