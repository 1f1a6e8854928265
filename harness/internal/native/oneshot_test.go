//go:build unix

package native

import (
	"context"
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/pattern"
	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/h3"
)

// oneShotVariable has the test binary connect once to its last argument.
const oneShotVariable = "WSCONFORM_TEST_ONE_SHOT"

// oneShotClient connects and echoes, or does something else.
func oneShotClient(how, url string) int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if how == "absent" {
		return 3
	}
	if how == "folder" {
		dir := strings.TrimPrefix(os.Args[1], "--folder=")
		if list, err := os.ReadDir(dir); err != nil || len(list) > 0 || os.WriteFile(filepath.Join(dir, "used"), nil, 0o600) != nil {
			return 4
		}
		how = "echo"
	}
	options := &ws.DialOptions{Subprotocols: []string{"mqtt", "chat"}, Options: ws.Options{Deflate: &ws.Deflate{}}}
	switch how {
	case "proxied", "secure":
		if !usesProxy(options, how) {
			return 5
		}
		how = "echo"
	case "http2":
		pool := &ws.HTTP2{Only: true}
		defer pool.Close()
		options.TLS = &tls.Config{InsecureSkipVerify: true}
		options.HTTP2, how = pool, "echo"
	case "http3":
		client := &h3.Client{}
		defer client.Close()
		options.TLS = &tls.Config{InsecureSkipVerify: true}
		options.HTTP3, how = client.Open, "echo"
	}
	c, err := ws.Dial(ctx, url, options)
	if err != nil {
		return 1
	}
	if c.Subprotocol() != "mqtt" {
		return 2
	}
	switch how {
	case "echo":
		_ = ws.Echo(ctx, c)
	case "crash": // at a message that it does not know
		typ, p, err := c.Read(ctx)
		if err == nil && string(p) != "wsconform" {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		_ = c.Write(ctx, typ, p)
		_, _, _ = c.Read(ctx)
	default:
		for err == nil {
			_, _, err = c.Read(ctx)
		}
	}
	return 0
}

// testOneShot plays cases with such a client.
func testOneShot(t *testing.T, how string, o Options, patterns ...string) (map[cases.ID]harness.Result, harness.Peer, error) {
	t.Helper()
	t.Setenv(oneShotVariable, how)
	list, err := pattern.Select(catalogue.All(), patterns, nil)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var peer harness.Peer
	o.Peer = func(p harness.Peer) { peer = p }
	results := map[cases.ID]harness.Result{}
	_, err = TestOneShot(t.Context(), runner.Driver{Command: []string{self, "{url}"}}, list, o, func(r harness.Result) { results[r.Case] = r })
	return results, peer, err
}

func TestOneShotClient(t *testing.T) {
	patterns := []string{"1.1.1", "1.2.3", "5.3", "C.1.8", "H.2.1", "M.2.1", "M.2.4", "P.2.2"}
	for _, row := range []struct {
		how         string
		noEcho      bool
		levels      []harness.PeerLevel
		unsupported []cases.ID
	}{
		{"echo", false, []harness.PeerLevel{harness.Opens, harness.Echoes}, nil},
		{"echo", true, []harness.PeerLevel{harness.Opens}, []cases.ID{"1.1.1", "1.2.3", "5.3"}},
		{"quiet", true, []harness.PeerLevel{harness.Opens}, []cases.ID{"1.1.1", "1.2.3", "5.3"}},
	} {
		results, peer, err := testOneShot(t, row.how, Options{Options: runner.Options{NoEcho: row.noEcho}}, patterns...)
		if err != nil || !slices.Equal(peer.Levels, row.levels) || len(results) != len(patterns) {
			t.Fatalf("%s: got %v, %+v and %d results", row.how, err, peer, len(results))
		}
		for id, r := range results {
			want := harness.Pass
			if slices.Contains(row.unsupported, id) {
				want = harness.Unsupported
			}
			if r.Outcome != want {
				t.Errorf("%s, no echo %t, case %s: got %s, want %s: %s %s\n%s", row.how, row.noEcho, id, r.Outcome, want, r.Reason, r.Note, wireLog(r))
			}
		}
	}
}

// A client that is started for each connection is tested over streams, too.
func TestOneShotStreams(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	secure := func(protocol string) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{testPair()}, NextProtos: []string{protocol}}
	}
	for name, d := range map[string]runner.Driver{
		"HTTP/2":          {HTTP2: true},
		"HTTP/2 with TLS": {HTTP2: true, TLS: secure("h2")},
		"HTTP/3":          {HTTP3: true, TLS: secure("h3")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(oneShotVariable, map[bool]string{true: "http3", false: "http2"}[d.HTTP3])
			own := "H2.2.4"
			if d.HTTP3 {
				own = "H3.2.1"
			}
			list, err := pattern.Select(catalogue.All(), []string{"1.1.1", "5.3", "7.1.1", "C.1.8", "H.2.1", "M.2.1", own}, nil)
			if err != nil {
				t.Fatal(err)
			}
			d.Command = []string{self, "{url}"}
			played := 0
			_, err = TestOneShot(t.Context(), d, list, Options{}, func(r harness.Result) {
				played++
				if r.Outcome != harness.Pass {
					t.Errorf("case %s: got %s: %s %s\n%s", r.Case, r.Outcome, r.Reason, r.Note, wireLog(r))
				}
			})
			if err != nil || played != len(list) {
				t.Errorf("%d of %d cases, %v", played, len(list), err)
			}
		})
	}
}

// {dir} is an empty folder for each start, and gone when the client has ended.
func TestOneShotFolder(t *testing.T) {
	t.Setenv(oneShotVariable, "folder")
	list, err := pattern.Select(catalogue.All(), []string{"1.1.1", "1.1.2", "1.2.1"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	passed := 0
	_, err = TestOneShot(t.Context(), runner.Driver{Command: []string{self, "--folder={dir}", "{url}"}}, list, Options{}, func(r harness.Result) {
		if r.Outcome == harness.Pass {
			passed++
		}
	})
	if err != nil || passed != len(list) {
		t.Errorf("got %v, and %d of %d cases passed", err, passed, len(list))
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("got %v, left in the folder for temporary files: %v", err, left)
	}
}

// A client that does not echo, that does not come, or that dies is told apart.
func TestOneShotClientFails(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a client again and again")
	}
	for how, want := range map[string]string{"quiet": "--no-echo", "absent": "exit status 3"} {
		_, _, err := testOneShot(t, how, Options{}, "1.1.1")
		if !errors.Is(err, harness.ErrUntestable) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want an untestable client and %q", how, err, want)
		}
	}
	results, _, err := testOneShot(t, "crash", Options{}, "1.1.2", "2.2")
	if err != nil || results["1.1.2"].Outcome != harness.Crash || results["2.2"].Outcome != harness.Pass {
		t.Errorf("crash: got %v, %v; want a crash in 1.1.2 alone", err, results)
	}
}
