//go:build unix

package engine_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/agent"
	"github.com/wsconform/wsconform/harness/engine"
)

// Programs that do not echo, as Debian has them.

func selected(t *testing.T, patterns ...string) []cases.Case {
	t.Helper()
	list, err := cases.Select(catalogue.All(), patterns, nil)
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
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		program = "/usr/sbin/mosquitto"
		if _, err := os.Stat(program); err != nil {
			t.Skip("mosquitto is not installed")
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	l.Close()
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

func TestOneShotCurl(t *testing.T) {
	out, err := exec.Command("curl", "--version").Output()
	if err != nil {
		t.Skip("curl is not installed")
	}
	protocols := ""
	for line := range strings.Lines(string(out)) {
		if list, ok := strings.CutPrefix(line, "Protocols: "); ok {
			protocols = list
		}
	}
	if !strings.Contains(" "+protocols+" ", " ws ") {
		t.Skip("this curl does not speak WebSocket (8.11 and later do): " + strconv.Quote(protocols))
	}
	results := oneShot(t, []string{"1.1.1", "2.2", "H.2.4"}, "curl", "--no-progress-meter", "{url}")
	want(t, results, map[cases.ID]harness.Outcome{"1.1.1": harness.Unsupported, "2.2": harness.Pass, "H.2.4": harness.Pass})
}
