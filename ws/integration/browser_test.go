//go:build unix

package integration

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
)

// page has a browser open connections, each of them a row, and report what became
// of them.
const page = `<!doctype html><meta charset="utf-8"><title>test</title><script>
const big = "grüße, 世界 ".repeat(20000);
function run(name, path, protocols, script) {
	return new Promise(resolve => {
		const seen = [];
		let c;
		try { c = new WebSocket("ws://" + location.host + path, protocols); } catch (e) { resolve(name + ": " + e.name); return; }
		c.binaryType = "arraybuffer";
		c.onopen = () => { seen.push("open " + c.protocol + (c.extensions ? " deflate" : "")); if (script) script(c); };
		c.onmessage = e => {
			if (typeof e.data === "string") seen.push(e.data === big ? "big" : "text " + e.data.slice(0, 20));
			else seen.push("binary " + new Uint8Array(e.data).join(" "));
			if (e.data === "last") c.close(4001, "over");
		};
		c.onclose = e => resolve(name + ": " + [...seen, "close " + e.code + " " + e.reason + (e.wasClean ? "" : " unclean")].join(", "));
	});
}
const echo = c => { c.send("hello"); c.send(new Uint8Array([1, 2, 255])); c.send(big); c.send("last"); };
(async () => {
	const results = [
		await run("plain", "/echo", [], echo),
		await run("subprotocol", "/echo", ["superchat", "chat"], echo),
		await run("no subprotocol in common", "/echo", ["other"], echo),
		await run("refused", "/refuse", []),
		await run("server closes", "/bye", []),
		await run("not at this origin", "/elsewhere", []),
		await run("cookie", "/cookie", []),
		await run("fragments", "/pieces", []),
	];
	await fetch("/result", {method: "POST", body: results.join("\n")});
})();
</script>`

func TestChromium(t *testing.T) {
	path := find(t, "chromium", "chromium")
	browse(t, chromium(t, path), "close 1006  unclean") // it insists on an answer
}

func chromium(t *testing.T, path string, more ...string) *exec.Cmd {
	t.Helper()
	return exec.Command(path, append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
		"--disable-dev-shm-usage", "--no-first-run", "--user-data-dir=" + t.TempDir(), "--remote-debugging-port=0",
	}, more...)...)
}

func TestFirefox(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	path := find(t, "firefox-esr", "firefox-esr")
	home := t.TempDir()
	// Nothing but the page is to use the network.
	var prefs strings.Builder
	for _, name := range []string{
		"app.normandy.enabled", "app.update.enabled", "browser.safebrowsing.malware.enabled", "browser.safebrowsing.phishing.enabled",
		"datareporting.policy.dataSubmissionEnabled", "extensions.update.enabled", "network.captive-portal-service.enabled",
		"network.connectivity-service.enabled", "toolkit.telemetry.enabled",
	} {
		fmt.Fprintf(&prefs, "user_pref(%q, false);\n", name)
	}
	if err := os.WriteFile(filepath.Join(home, "user.js"), []byte(prefs.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "--headless", "--no-remote", "--profile", home)
	cmd.Env = append(os.Environ(), "HOME="+home)
	browse(t, cmd, "open  deflate, "+all)
}

// all is what the page reports of /echo; the answer to its close frame has no reason.
const all = "text hello, binary 1 2 255, big, text last, close 4001 "

// browse has a browser run the page, whose address becomes its last argument.
// noCommon is what it reports when no subprotocol is agreed on.
func browse(t *testing.T, cmd *exec.Cmd, noCommon string) {
	t.Helper()
	echo := &ws.Server{Accept: ws.AcceptOptions{Subprotocols: []string{"chat"}, Options: ws.Options{Deflate: &ws.Deflate{}}}}
	elsewhere := &ws.Server{Accept: ws.AcceptOptions{Origins: []string{"https://elsewhere.test"}}}
	refuse := &ws.Server{Accept: ws.AcceptOptions{Check: func(_ *http.Request, _ http.Header) (context.Context, error) {
		return nil, &ws.RejectError{Status: 401}
	}}}
	bye := &ws.Server{Handler: func(_ context.Context, c *ws.Conn) error { _ = c.Close(ws.StatusGoingAway, "later"); return nil }}
	cookie := &ws.Server{Handler: func(ctx context.Context, c *ws.Conn) error {
		_ = c.Write(ctx, ws.MessageText, []byte(c.Handshake().Request.Header.Get("Cookie")))
		return nil
	}}
	pieces := &ws.Server{Handler: func(ctx context.Context, c *ws.Conn) error {
		if err := c.WriteFragments(ctx, ws.MessageText, []byte("grüße in pieces"), 3); err != nil {
			return err
		}
		return c.Close(4002, "later")
	}}
	result := make(chan string, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "id", Value: "7"})
		_, _ = io.WriteString(w, page)
	})
	mux.HandleFunc("/result", func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		select {
		case result <- string(b):
		default:
		}
	})
	for pattern, s := range map[string]*ws.Server{"/echo": echo, "/elsewhere": elsewhere, "/refuse": refuse, "/bye": bye, "/cookie": cookie, "/pieces": pieces} {
		mux.Handle(pattern, s)
	}
	srv := httptest.NewServer(mux)
	defer srv.Close()

	got := report(t, cmd, srv.URL+"/", result)
	want := []string{
		"plain: open  deflate, " + all,
		"subprotocol: open chat deflate, " + all,
		"no subprotocol in common: " + noCommon,
		"refused: close 1006  unclean",
		"server closes: open , close 1001 later",
		"not at this origin: close 1006  unclean",
		"cookie: open , text id=7, close 1000 ",
		"fragments: open , text grüße in pieces, close 4002 later",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// report has a browser open a page, and returns the lines that it reports.
func report(t *testing.T, cmd *exec.Cmd, url string, result <-chan string) []string {
	t.Helper()
	var out log
	cmd.Args = append(cmd.Args, url)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	select {
	case r := <-result:
		return strings.Split(r, "\n")
	case <-time.After(90 * time.Second):
		t.Fatalf("the browser reported nothing in 90s; it printed:\n%s", &out)
		return nil
	}
}
