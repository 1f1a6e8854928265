package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/wsconform/wsconform/internal/ui"
)

// seeded is what every secret of these tests contains; the last is its Base64.
var seeded = regexp.MustCompile(`seeded|c2VlZGVk`)

// secretTarget is a server that sends back and prints all that it is told, and secrets to
// tell it.
func secretTarget(t *testing.T) ui.Request {
	t.Helper()
	path, err := exec.LookPath("flawed")
	if err != nil {
		t.Fatal(err)
	}
	return ui.Request{
		Kind: "command", Value: path + " --addr {host}:{port} --gossip --token seeded-argument",
		Header: []string{
			"Authorization: Bearer seeded-bearer", "Proxy-Authorization: Basic c2VlZGVkLXVzZXI6c2VlZGVkLXBhc3N3b3Jk", "Cookie: sid=seeded-cookie; b=seeded-second",
			"X-Api-Key: seeded-key", "X-Custom: seeded-custom",
		},
		Selection: ui.Selection{Cases: "1.1.* 7.1.*"},
	}
}

// secretScript has the lab send more of them.
const secretScript = `start GET /chat?token=seeded-query HTTP/1.1
set Authorization: Bearer seeded-script
set Cookie: sid=seeded-crumb
add X-Api-Key: seeded-header
segment 7
text ` + "{125}" + `
await text 2s
`

// No secret gets into what the page is told, or into a file of the run: what was sent and
// received, which a link to an exchange contains, the report, or what was printed. The lab's
// own script is the user's, and says what it says.
func TestUISecrets(t *testing.T) {
	url, dir := serveUI(t)
	told := map[string]string{}
	ask := func(path string, body any) string {
		t.Helper()
		method, r := http.MethodGet, io.Reader(nil)
		if body != nil {
			text, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			method, r = http.MethodPost, bytes.NewReader(text)
		}
		q, err := http.NewRequestWithContext(t.Context(), method, url+"api/"+path, r)
		if err != nil {
			t.Fatal(err)
		}
		if body != nil {
			q.Header.Set("Content-Type", "application/json")
		}
		resp, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v, status %d: %s", path, err, resp.StatusCode, text)
		}
		told[path] = string(text)
		return string(text)
	}
	// finish waits for the end of a run, and asks for all that there is about it.
	finish := func(started string, id string) {
		t.Helper()
		var v struct{ Run string }
		if err := json.Unmarshal([]byte(started), &v); err != nil || v.Run == "" {
			t.Fatalf("%v: %s", err, started)
		}
		if events := ask("runs/"+v.Run+"/events", nil); !strings.Contains(events, `"outcome"`) || !strings.Contains(events, "event: end") {
			t.Fatalf("the run did not play: %s", events)
		}
		if one := ask("runs/"+v.Run+"/cases/"+id, nil); !strings.Contains(one, "***") {
			t.Errorf("case %s: nothing is masked: %s", id, one)
		}
		if id != "U.lab" { // which has no report
			ask("runs/"+v.Run+"/report", nil)
		}
	}
	first := ask("runs", secretTarget(t))
	finish(first, "1.1.4")
	var run struct{ Run string }
	if err := json.Unmarshal([]byte(first), &run); err != nil {
		t.Fatal(err)
	}
	finish(ask("runs/"+run.Run+"/again", ui.Selection{Cases: "1.1.4"}), "1.1.4")
	script := strings.ReplaceAll(secretScript, "{125}", strings.Repeat("x", 125))
	finish(ask("lab", map[string]any{"run": run.Run, "case": map[string]any{"script": script}}), "U.lab")
	ask("state", nil)
	for path, text := range told {
		if m := seeded.FindStringIndex(text); m != nil {
			t.Errorf("%s says %.200q", path, text[max(0, m[0]-80):])
		}
	}
	checkFiles(t, dir, func(path string) bool { return filepath.Base(path) == "script.txt" })
}

// checkFiles checks that no file below the folder contains a secret, but for those that are
// the user's own.
func checkFiles(t *testing.T, dir string, own func(path string) bool) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || own(path) {
			return err
		}
		n++
		text, err := os.ReadFile(path)
		if m := seeded.FindIndex(text); m != nil {
			t.Errorf("%s: %.200q", path, text[max(0, m[0]-80):])
		}
		return err
	})
	if err != nil || n == 0 {
		t.Fatal(fmt.Sprint(n, " files: ", err))
	}
}

// What an assistant is told, and the files of its runs, hold no secret either. The script of
// the lab is the assistant's own.
func TestMCPSecrets(t *testing.T) {
	self, err := exec.LookPath("wsconform") // this program, by that name: see TestMain
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &mcp.CommandTransport{Command: exec.CommandContext(t.Context(), self, "mcp", "-o", dir)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	command := secretTarget(t).Value
	script := strings.ReplaceAll(secretScript, "{125}", strings.Repeat("x", 125))
	for _, row := range []struct {
		tool string
		args map[string]any
		want string
	}{
		{"run", map[string]any{"command": command, "cases": "1.1.4"}, "1.1.4"},
		{"run", map[string]any{"url": "ws://seeded-user:seeded-password@127.0.0.1:1/?token=seeded-token", "cases": "1.1.4"}, `"exit":5`},
		{"lab", map[string]any{"command": command, "script": script}, "what happened"},
	} {
		r, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: row.tool, Arguments: row.args})
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if plain := strings.ReplaceAll(string(text), `\"`, `"`); r.IsError || !strings.Contains(plain, row.want) {
			t.Errorf("%s: %q is missing in %.600s", row.tool, row.want, text)
		}
		if m := seeded.FindIndex(text); m != nil {
			t.Errorf("%s says %.200q", row.tool, text[max(0, m[0]-80):])
		}
	}
	checkFiles(t, dir, func(path string) bool { return filepath.Base(path) == "script.txt" })
}
