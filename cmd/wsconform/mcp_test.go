package main

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// An assistant lists, explains, runs and sends scripts, over the pipes of the command.
func TestMCP(t *testing.T) {
	if testing.Short() {
		t.Skip("plays cases")
	}
	self, err := exec.LookPath("wsconform") // this program, by that name: see TestMain
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "mcp", "-o", t.TempDir())
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &mcp.CommandTransport{Command: cmd}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	tools, err := session.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, tool := range tools.Tools {
		names = append(names, tool.Name)
	}
	if slices.Sort(names); !slices.Equal(names, []string{"explain", "lab", "list", "run"}) {
		t.Errorf("the tools are %q", names)
	}
	call := func(tool string, args map[string]any) (text string, failed bool) {
		t.Helper()
		r, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: args})
		if err != nil {
			return err.Error(), true
		}
		for _, c := range r.Content {
			if c, ok := c.(*mcp.TextContent); ok {
				text += c.Text
			}
		}
		return text, r.IsError
	}
	faulty := self + " echo --addr {host}:{port} --fault rsv-ignored"
	for _, row := range []struct {
		tool   string
		args   map[string]any
		failed bool
		want   []string
	}{
		{"list", map[string]any{"cases": "3.*"}, false, []string{`"id":"3.1"`, "a text message with RSV 1"}},
		{"list", map[string]any{"cases": "99.*"}, true, []string{"no case matches"}},
		{"explain", map[string]any{"case": "3.1"}, false, []string{"RFC6455-5.2-rsv-fail", "frame text rsv3"}},
		{"explain", map[string]any{"case": "99.1"}, true, []string{"unknown case"}},
		{"lab", map[string]any{"command": faulty, "script": "frame text rsv1 text:Hello\nawait text 2s"}, false, []string{"RSV", "Hello", "what happened"}},
		{"lab", map[string]any{"command": faulty, "script": "tekst"}, true, []string{"line 1", "unknown step"}},
		{"lab", map[string]any{"client": self + " drive {url}", "script": "connection 1\ntext 1\nclose 1000\nawait close 5s\nquit\nconnection 2\ntext Hi there\nawait text 5s"}, false, []string{"what happened on connection 2", "Hi there"}},
		{"lab", map[string]any{"url": "ws://127.0.0.1:1", "script": "text a"}, true, []string{"refused"}},
		{"lab", map[string]any{"script": "text a"}, true, []string{"url or command"}},
		{"run", map[string]any{"url": "--client"}, true, []string{"not the URL"}},
		{"run", map[string]any{"url": "ws://127.0.0.1:1", "cases": "1.1.1"}, false, []string{`"exit":5`}},
	} {
		text, failed := call(row.tool, row.args)
		if failed != row.failed {
			t.Errorf("%s %v: failed %v, want %v: %.600s", row.tool, row.args, failed, row.failed, text)
		}
		for _, want := range row.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s %v: %q is missing in %.1000s", row.tool, row.args, want, text)
			}
		}
	}

	text, _ := call("run", map[string]any{"command": faulty, "cases": "3.1 5.3"})
	var got struct {
		Exit     int
		Counts   map[string]int
		Failures []struct {
			Case, Script, Repeat   string
			Requirements, Sections []string
		}
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%v: %.500s", err, text)
	}
	if got.Exit != exitFailed || got.Counts["pass"] != 1 || len(got.Failures) != 1 {
		t.Fatalf("got %+v", got)
	}
	if f := got.Failures[0]; f.Case != "3.1" || len(f.Requirements) == 0 || len(f.Sections) == 0 || !strings.Contains(f.Script, "rsv3") || !strings.Contains(f.Repeat, "--cases 3.1") {
		t.Errorf("got %+v", f)
	}
}
