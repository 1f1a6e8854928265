package browsertest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
)

// A Firefox is one without a window, driven by WebDriver BiDi. It does less than [Browser]:
// it opens pages and evaluates expressions in them.
type Firefox struct {
	conn    *ws.Conn
	last    int
	context string // the tab
}

// StartFirefox starts Firefox with a tab, which ends with the test. It skips the test where
// there is none, and with -short.
func StartFirefox(t testing.TB) *Firefox {
	t.Helper()
	if testing.Short() {
		t.Skip("opens pages in a browser")
	}
	program, err := exec.LookPath("firefox-esr")
	if err != nil {
		if program, err = exec.LookPath("firefox"); err != nil {
			t.Skip("firefox is not installed")
		}
	}
	profile := t.TempDir()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port=0", "about:blank")
	cmd.Env = append(cmd.Environ(), "HOME="+profile, "MOZ_CRASHREPORTER_DISABLE=1")
	cmd.WaitDelay = 10 * time.Second
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address, drained := make(chan string, 1), make(chan struct{})
	go func() { // ends with the process
		defer close(drained)
		defer close(address)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			if _, url, ok := strings.Cut(lines.Text(), "WebDriver BiDi listening on "); ok {
				address <- strings.TrimSpace(url)
			}
		}
	}()
	f := &Firefox{}
	t.Cleanup(func() {
		if f.conn != nil {
			f.command(t, "browser.close", nil, nil)
			f.conn.CloseNow() // it ends anyway
		} else {
			cmd.Process.Kill() //nolint:errcheck // it may have ended
		}
		<-drained
		cmd.Wait() //nolint:errcheck // how it ends says nothing
	})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	select {
	case url, ok := <-address:
		if !ok {
			t.Fatal("firefox ended at once")
		}
		if f.conn, err = ws.Dial(ctx, url+"/session", &ws.DialOptions{Proxy: http.ProxyURL(nil), Options: ws.Options{ReadLimit: -1}}); err != nil {
			t.Fatal(err)
		}
	case <-ctx.Done():
		t.Fatal("firefox did not start")
	}
	f.command(t, "session.new", map[string]any{"capabilities": map[string]any{}}, nil)
	var tab struct{ Context string }
	f.command(t, "browsingContext.create", map[string]any{"type": "tab"}, &tab)
	f.context = tab.Context
	return f
}

// command has the browser do something and reads its answer into result.
func (f *Firefox) command(t testing.TB, method string, params, result any) {
	t.Helper()
	f.last++
	id := f.last
	if params == nil {
		params = map[string]any{}
	}
	data, err := json.Marshal(map[string]any{"id": id, "method": method, "params": params})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := f.conn.Write(ctx, ws.MessageText, data); err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	for {
		_, data, err := f.conn.Read(ctx)
		if err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		var a struct {
			ID      int
			Type    string
			Message string
			Result  json.RawMessage
		}
		if err := json.Unmarshal(data, &a); err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		if a.ID != id {
			continue // an event
		}
		if a.Type == "error" {
			t.Fatalf("%s: %s", method, a.Message)
		}
		if result != nil {
			if err := json.Unmarshal(a.Result, result); err != nil {
				t.Fatalf("%s: %v", method, err)
			}
		}
		return
	}
}

// Open opens an address of this machine and waits until it is loaded.
func (f *Firefox) Open(t testing.TB, url string) {
	t.Helper()
	f.command(t, "browsingContext.navigate", map[string]any{"context": f.context, "url": url, "wait": "complete"}, nil)
}

// Eval evaluates an expression in the page, waits for it if it is a promise, and reads its
// value into v unless that is nil.
func (f *Firefox) Eval(t testing.TB, expression string, v any) {
	t.Helper()
	var got struct {
		Type             string
		Result           struct{ Value string }
		ExceptionDetails struct{ Text string }
	}
	f.command(t, "script.evaluate", map[string]any{
		"expression": "(async () => JSON.stringify(await (" + expression + ") ?? null))()", "awaitPromise": true, "target": map[string]any{"context": f.context},
	}, &got)
	if got.Type != "success" {
		t.Fatalf("%.200s: %s", expression, got.ExceptionDetails.Text)
	}
	if v != nil {
		if err := json.Unmarshal([]byte(got.Result.Value), v); err != nil {
			t.Fatalf("%.200s: %v: %s", expression, err, got.Result.Value)
		}
	}
}

// Await waits until an expression is true in the page, as [Page.Await] does.
func (f *Firefox) Await(t testing.TB, expression string) {
	t.Helper()
	var ok bool
	f.Eval(t, fmt.Sprintf(awaiting, expression), &ok)
	if !ok {
		var text string
		f.Eval(t, "document.body.innerText", &text)
		t.Fatalf("it did not happen: %s; there is\n%.3000s", expression, text)
	}
}
