//go:build unix

package engine_test

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/agent"
	"github.com/wsconform/wsconform/internal/pattern"
)

// Programs that do not echo, as Debian has them.

func selected(t *testing.T, patterns ...string) []cases.Case {
	t.Helper()
	list, err := pattern.Select(catalogue.All(), patterns, nil)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// want compares the outcomes with those of a program of today.
func want(t *testing.T, results map[cases.ID]harness.Result, outcomes map[cases.ID]harness.Outcome) {
	t.Helper()
	for id, o := range outcomes {
		if r := results[id]; r.Outcome != o {
			t.Errorf("case %s: got %s, want %s: %s %s", id, r.Outcome, o, r.Reason, r.Note)
		}
	}
}

// withoutEcho are options for peers that do not echo, and where the levels go.
func withoutEcho() (engine.Options, *harness.Peer) {
	peer := new(harness.Peer)
	return engine.Options{Options: engine.RunOptions{NoEcho: true, Peer: func(p harness.Peer) { *peer = p }}}, peer
}

func TestMosquitto(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a broker")
	}
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		program = "/usr/sbin/mosquitto"
		if _, err := os.Stat(program); err != nil {
			t.Skip("mosquitto is not installed")
		}
	}
	number, err := agent.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(number)
	addr := net.JoinHostPort("127.0.0.1", port)
	conf := filepath.Join(t.TempDir(), "mosquitto.conf")
	// Version 2.0.11 does not start with a WebSocket listener alone.
	text := fmt.Sprintf("listener %s 127.0.0.1\nprotocol websockets\nlistener 0 %s\nallow_anonymous true\nuser root\n", port, filepath.Join(t.TempDir(), "s"))
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	service := &agent.Service{
		Command: []string{program, "-c", conf}, URL: &url.URL{Scheme: "ws", Host: addr, Path: "/"}, Patience: time.Minute,
	}
	defer service.Stop()
	if err := service.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	o, peer := withoutEcho()
	results := map[cases.ID]harness.Result{}
	_, err = engine.TestServer(t.Context(), engine.Target{URL: service.URL, Subprotocols: []string{"mqtt"}},
		selected(t, "1.1.1", "2.2", "2.4", "7.3.1", "H.1.1", "H.1.23", "C.1.8"), o, func(r harness.Result) { results[r.Case] = r })
	if err != nil || peer.Reaches(harness.Echoes) || !peer.Reaches(harness.Opens) {
		t.Fatalf("got %v of %v", err, peer)
	}
	want(t, results, map[cases.ID]harness.Outcome{
		"1.1.1": harness.Unsupported, "2.2": harness.Pass, "2.4": harness.Pass, "H.1.23": harness.Pass, "C.1.8": harness.Pass,
	})
}

// oneShot plays cases with a program that does not echo.
func oneShot(t *testing.T, patterns []string, command ...string) map[cases.ID]harness.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	o, peer := withoutEcho()
	o.Parallel = 1
	results := map[cases.ID]harness.Result{}
	_, err := engine.TestOneShot(ctx, engine.Driver{Command: command}, selected(t, patterns...), o, func(r harness.Result) { results[r.Case] = r })
	if err != nil || !peer.Reaches(harness.Opens) {
		t.Fatalf("got %v of %v", err, peer)
	}
	return results
}

func TestOneShotChromium(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	page := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(page, []byte("<script>new WebSocket(location.hash.slice(1))</script>"), 0o600); err != nil {
		t.Fatal(err)
	}
	results := oneShot(t, []string{"1.1.1", "2.2", "M.2.1", "H.2.4"}, program, "--headless", "--no-sandbox", "--disable-gpu",
		"--disable-background-networking", "--no-first-run", "--user-data-dir="+t.TempDir(), "--remote-debugging-port=0",
		"file://"+page+"#{url}")
	want(t, results, map[cases.ID]harness.Outcome{
		"1.1.1": harness.Unsupported, "2.2": harness.Pass, "M.2.1": harness.Pass, "H.2.4": harness.Pass,
	})
}

// curl is a program that fetches {url} with libcurl: Debian's curl where it speaks
// WebSocket, which those since 8.11 do, or libcurl as Python's pycurl has it.
func curl(t *testing.T) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "curl", "--version").Output()
	if err == nil && regexp.MustCompile(`(?m)^Protocols: .*\bws\b`).Match(out) {
		return []string{"curl", "--no-progress-meter", "{url}"}
	}
	python := cmp.Or(os.Getenv("WSCONFORM_PYTHON"), "python3")
	speaks := `import pycurl, sys; sys.exit("ws" not in pycurl.version_info()[8])`
	if err := exec.CommandContext(t.Context(), python, "-c", speaks).Run(); err != nil {
		t.Skipf("neither curl nor pycurl of %s speaks WebSocket (set WSCONFORM_PYTHON to one that does)", python)
	}
	return []string{python, "-c", `import pycurl, sys
c = pycurl.Curl()
c.setopt(c.URL, sys.argv[1])
c.setopt(c.WRITEFUNCTION, sys.stdout.buffer.write)
c.perform()`, "{url}"}
}

// libcurl answers pings by itself. It does not answer close frames, and does not look at
// Sec-WebSocket-Accept.
func TestOneShotCurl(t *testing.T) {
	results := oneShot(t, []string{"1.1.1", "2.2", "H.2.4", "H.2.5", "M.2.1"}, curl(t)...)
	want(t, results, map[cases.ID]harness.Outcome{
		"1.1.1": harness.Unsupported, "2.2": harness.Fail, "H.2.4": harness.Pass, "H.2.5": harness.Fail, "M.2.1": harness.PassLenient,
	})
	if got := results["2.2"]; got.Behavior != cases.OK || got.Close == cases.CloseOK {
		t.Errorf("case 2.2: got %s and %s, want the pong, and no close frame", got.Behavior, got.Close)
	}
}
