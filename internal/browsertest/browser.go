// Package browsertest opens pages in headless Chromium, for tests that look at them
// as a reader does: what text is seen, whether scripts failed, what axe-core has
// against them, when the first paint was. Begin with [Start].
//
// Pages are opened as they are, from disk and under their own policy. What a test
// asks runs through the DevTools protocol, which no policy keeps out.
package browsertest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
)

// patience bounds each step in the browser. Most take a tenth of a second.
const patience = 2 * time.Minute

// A Browser is a Chromium without a window, a profile of its own and a network.
type Browser struct {
	conn   *ws.Conn
	last   int                // id of the last command
	events map[string][]event // by session
}

// An event is what the browser says unasked.
type event struct {
	Method string
	Params json.RawMessage
}

// Start starts Chromium, which ends with the test. It skips the test where there is
// none, and with -short.
func Start(t testing.TB) *Browser {
	t.Helper()
	if testing.Short() {
		t.Skip("opens pages in a browser")
	}
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
		"--hide-scrollbars", "--user-data-dir="+t.TempDir(), "--remote-debugging-port=0", "about:blank")
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
			if _, url, ok := strings.Cut(lines.Text(), "DevTools listening on "); ok {
				address <- strings.TrimSpace(url)
			}
		}
	}()
	b := &Browser{events: map[string][]event{}}
	t.Cleanup(func() {
		if b.conn != nil {
			b.command(t, "", "Browser.close", nil, nil) // so that its children end as well
			b.conn.CloseNow()                           // it ends anyway
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
			t.Fatal("chromium ended at once")
		}
		if b.conn, err = ws.Dial(ctx, url, &ws.DialOptions{Proxy: http.ProxyURL(nil), Options: ws.Options{ReadLimit: -1}}); err != nil {
			t.Fatal(err)
		}
	case <-ctx.Done():
		t.Fatal("chromium did not start")
	}
	return b
}

// command has the browser do something and reads its answer into result. Events
// that come meanwhile are kept.
func (b *Browser) command(t testing.TB, session, method string, params, result any) {
	t.Helper()
	b.last++
	id := b.last
	data, err := json.Marshal(struct {
		ID      int    `json:"id"`
		Session string `json:"sessionId,omitempty"`
		Method  string `json:"method"`
		Params  any    `json:"params,omitempty"`
	}{id, session, method, params})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := b.conn.Write(ctx, ws.MessageText, data); err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	for {
		answer := b.read(ctx, t, method)
		if answer.ID != id {
			continue
		}
		if answer.Error != nil {
			t.Fatalf("%s: %s", method, answer.Error)
		}
		if result != nil {
			if err := json.Unmarshal(answer.Result, result); err != nil {
				t.Fatalf("%s: %v", method, err)
			}
		}
		return
	}
}

// An answer is a message of the browser: to a command, or an event.
type answer struct {
	ID            int
	SessionID     string
	Error, Result json.RawMessage
	event
}

func (b *Browser) read(ctx context.Context, t testing.TB, what string) answer {
	t.Helper()
	_, data, err := b.conn.Read(ctx)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	var a answer
	if err := json.Unmarshal(data, &a); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if a.Method != "" {
		b.events[a.SessionID] = append(b.events[a.SessionID], a.event)
	}
	return a
}

// A View is how a page is looked at.
type View struct {
	Fragment string // behind its address, such as "#case-5.15"
	// Width is that of the window in pixels; zero means 1280. It is 900 high.
	Width int
	Dark  bool
	Print bool
	// Ready is a CSS selector of what must be there first. The page is loaded
	// anyway.
	Ready string
}

// Name says how the page is looked at, for the name of a test.
func (v View) Name() string {
	name := v.Fragment
	if v.Width > 0 {
		name += fmt.Sprintf(" %d px", v.Width)
	}
	if v.Dark {
		name += " dark"
	}
	if v.Print {
		name += " print"
	}
	return name
}

// A Page is open in the browser.
type Page struct {
	browser         *Browser
	target, session string
}

// Open opens a file and waits until it is ready.
func (b *Browser) Open(t testing.TB, file string, v View) *Page {
	t.Helper()
	return b.OpenURL(t, "file://"+file, v)
}

// OpenURL opens an address of this machine in the same way.
func (b *Browser) OpenURL(t testing.TB, url string, v View) *Page {
	t.Helper()
	var target struct{ TargetID string }
	b.command(t, "", "Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.command(t, "", "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	p := &Page{b, target.TargetID, attached.SessionID}
	if v.Width == 0 {
		v.Width = 1280
	}
	scheme, media := "light", "screen"
	if v.Dark {
		scheme = "dark"
	}
	if v.Print {
		media = "print"
	}
	for _, c := range []struct {
		method string
		params map[string]any
	}{
		{"Page.enable", nil},
		{"Runtime.enable", nil},
		{"Log.enable", nil},
		{"Performance.enable", map[string]any{"timeDomain": "threadTicks"}},
		{"Emulation.setDeviceMetricsOverride", map[string]any{"width": v.Width, "height": 900, "deviceScaleFactor": 1, "mobile": false}},
		{"Emulation.setEmulatedMedia", map[string]any{"media": media, "features": []any{map[string]any{"name": "prefers-color-scheme", "value": scheme}}}},
		{"Page.navigate", map[string]any{"url": url + v.Fragment}},
	} {
		b.command(t, p.session, c.method, c.params, nil)
	}
	p.await(t, "Page.loadEventFired")
	if v.Ready != "" {
		selector, err := json.Marshal(v.Ready)
		if err != nil {
			t.Fatal(err)
		}
		p.Eval(t, fmt.Sprintf(`new Promise(done => {
  const look = () => document.querySelector(%s) ? done() : requestAnimationFrame(look);
  look();
})`, selector), nil)
	}
	// What comes near by scrolling is laid out in the frame that follows.
	p.Eval(t, "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))", nil)
	return p
}

// Close closes the page. Those that stay open end with the browser.
func (p *Page) Close(t testing.TB) {
	t.Helper()
	p.browser.command(t, "", "Target.closeTarget", map[string]any{"targetId": p.target}, nil)
	delete(p.browser.events, p.session)
}

// Reload loads the page again, and waits until it is loaded.
func (p *Page) Reload(t testing.TB) {
	t.Helper()
	const loaded = "Page.loadEventFired"
	p.browser.events[p.session] = slices.DeleteFunc(p.browser.events[p.session], func(e event) bool { return e.Method == loaded })
	p.browser.command(t, p.session, "Page.reload", nil, nil)
	p.await(t, loaded)
}

// await waits until the page has said something.
func (p *Page) await(t testing.TB, method string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		for _, e := range p.browser.events[p.session] {
			if e.Method == method {
				return
			}
		}
		p.browser.read(ctx, t, method)
	}
}

// Eval evaluates an expression in the page, waits for it if it is a promise, and
// reads its value into v unless that is nil.
func (p *Page) Eval(t testing.TB, expression string, v any) {
	t.Helper()
	var got struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	p.browser.command(t, p.session, "Runtime.evaluate",
		map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true}, &got)
	if got.ExceptionDetails != nil {
		t.Fatalf("%.200s: %s", expression, got.ExceptionDetails)
	}
	if v != nil {
		if err := json.Unmarshal(got.Result.Value, v); err != nil {
			t.Fatalf("%.200s: %v: %s", expression, err, got.Result.Value)
		}
	}
}

// Press presses keys, each named as in KeyboardEvent.key, such as "j" and "ArrowDown".
func (p *Page) Press(t testing.TB, keys ...string) {
	t.Helper()
	for _, key := range keys {
		text := ""
		switch {
		case len(key) == 1:
			text = key
		case key == "Enter":
			text = "\r"
		}
		down := map[string]any{"type": "keyDown", "key": key, "text": text}
		if code, ok := keyCodes[key]; ok {
			down["windowsVirtualKeyCode"], down["code"] = code, key
		}
		p.browser.command(t, p.session, "Input.dispatchKeyEvent", down, nil)
		p.browser.command(t, p.session, "Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key}, nil)
	}
}

// keyCodes are those of keys that are no character.
var keyCodes = map[string]int{"Enter": 13, "Escape": 27, "Tab": 9, "ArrowUp": 38, "ArrowDown": 40}

// awaiting is an expression that waits until another one is true.
const awaiting = `new Promise(done => {
  const end = performance.now() + 60000, look = () => (%s) ? done(true) : performance.now() > end ? done(false) : setTimeout(look, 20);
  look();
})`

// Await waits until an expression is true in the page. It fails the test if it is not within
// a minute.
func (p *Page) Await(t testing.TB, expression string) {
	t.Helper()
	var ok bool
	p.Eval(t, fmt.Sprintf(awaiting, expression), &ok)
	if !ok {
		t.Fatalf("it did not happen: %s; there is\n%.3000s", expression, p.Text(t))
	}
}

// Screenshot writes the whole page to a PNG file.
func (p *Page) Screenshot(t testing.TB, file string) {
	t.Helper()
	var shot struct{ Data []byte }
	p.browser.command(t, p.session, "Page.captureScreenshot", map[string]any{"captureBeyondViewport": true}, &shot)
	if err := os.WriteFile(file, shot.Data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Text is what a reader sees: the text of the page that is laid out.
func (p *Page) Text(t testing.TB) (text string) {
	t.Helper()
	p.Eval(t, "document.body.innerText", &text)
	return text
}

// Check fails the test unless a reader sees these texts, the scripts of the page do
// without errors, and nothing is wider than the window.
func (p *Page) Check(t testing.TB, texts ...string) {
	t.Helper()
	text := p.Text(t)
	for _, want := range texts {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not to be seen; there is\n%.3000s", want, text)
		}
	}
	if strings.Contains(text, "[object ") {
		t.Error("an object stands where a text should")
	}
	for _, e := range p.Errors() {
		t.Errorf("the page has an error: %.1000s", e)
	}
	var window, width int
	p.Eval(t, "innerWidth", &window)
	p.Eval(t, "document.documentElement.scrollWidth", &width)
	if width > window {
		t.Errorf("the page is %d pixels wide in a window of %d", width, window)
	}
}

// Errors are the exceptions of its scripts, and what the browser has refused, such
// as what the policy of the page forbids.
func (p *Page) Errors() []string {
	var list []string
	for _, e := range p.browser.events[p.session] {
		if e.Method == "Runtime.exceptionThrown" || e.Method == "Log.entryAdded" && strings.Contains(string(e.Params), `"level":"error"`) {
			list = append(list, string(e.Params))
		}
	}
	return list
}

// FirstPaint is the time from the start of the navigation to the first paint with
// content in it, as Chromium measures it.
func (p *Page) FirstPaint(t testing.TB) time.Duration {
	t.Helper()
	var ms float64
	p.Eval(t, `new Promise(done => {
  const look = () => {
    const paint = performance.getEntriesByName("first-contentful-paint")[0];
    paint ? done(paint.startTime) : requestAnimationFrame(look);
  };
  look();
})`, &ms)
	return time.Duration(ms * float64(time.Millisecond))
}

// Work is the processor time that the page's main thread has used, which depends
// less than FirstPaint on what else the machine does.
func (p *Page) Work(t testing.TB) time.Duration {
	t.Helper()
	var got struct {
		Metrics []struct {
			Name  string
			Value float64
		}
	}
	p.browser.command(t, p.session, "Performance.getMetrics", nil, &got)
	for _, m := range got.Metrics {
		if m.Name == "TaskDuration" {
			return time.Duration(m.Value * float64(time.Second))
		}
	}
	t.Fatal("chromium does not tell TaskDuration")
	return 0
}

// A Violation is what axe-core has against a page.
type Violation struct {
	ID, Impact, Help string
	Nodes            []string // their markup
}

// Axe is axe-core, from the file that AXE_CORE names. It skips the test where there
// is none.
func Axe(t testing.TB) string {
	t.Helper()
	axe, err := os.ReadFile(os.Getenv("AXE_CORE"))
	if err != nil {
		t.Skip("AXE_CORE names no axe.min.js; scripts/install-test-programs.sh installs it, and make browser")
	}
	return string(axe)
}

// Violations asks axe-core.
func (p *Page) Violations(t testing.TB, axe string) []Violation {
	t.Helper()
	p.Eval(t, axe+"\n;0", nil)
	var list []Violation
	p.Eval(t, `axe.run({resultTypes: ["violations"]}).then(r =>
  r.violations.map(v => ({ID: v.id, Impact: v.impact, Help: v.help, Nodes: v.nodes.map(n => n.html)})))`, &list)
	return list
}
