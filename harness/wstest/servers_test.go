package wstest_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/wsconform/wsconform/harness/wstest"
	"github.com/wsconform/wsconform/ws"
)

// Servers that behave in other ways than the cases foresee.

// listenLocal returns a listener that is closed at the end of the test, and its
// URL.
func listenLocal(t *testing.T) (net.Listener, string) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, "ws://" + l.Addr().String()
}

// TestMuteServer has a server that answers no opening handshake, or not all:
// however many cases are selected, each has its entry, as in Autobahn.
func TestMuteServer(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for servers that hang")
	}
	for _, tc := range []struct {
		name     string
		answered func(n int64) bool // whether the n-th connection is, from 1
		ok       int                // cases
	}{
		{"never", func(int64) bool { return false }, 0},
		// The first connection asks for the server's name; then come the cases.
		{"after a while", func(n int64) bool { return n > 11 }, 6},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, url := listenLocal(t)
			echo := start(t, "-m", "echoserver", "-w", "ws://h:0").listening(t)
			var connections atomic.Int64
			var serving sync.WaitGroup
			defer serving.Wait()
			defer l.Close()
			serving.Go(func() {
				for {
					nc, err := l.Accept()
					if err != nil {
						return
					}
					if tc.answered(connections.Add(1)) {
						serving.Go(func() { forward(t, nc, strings.TrimPrefix(echo, "ws://")) })
					} else {
						t.Cleanup(func() { nc.Close() })
					}
				}
			})
			spec(t, "s.json", `{"outdir": "out", "cases": ["1.*"], "options": {"openHandshakeTimeout": 0.25}, "servers": [{"url": "`+url+`", "agent": "mute"}]}`)
			p := start(t, "-m", "fuzzingclient", "-s", "s.json")
			if err := p.wait(t); err != nil {
				t.Fatal(err)
			}
			count := map[string]int{}
			for _, r := range readIndex(t)["mute"] {
				count[r.Behavior+"/"+r.BehaviorClose]++
			}
			if got, want := fmt.Sprint(count["OK/OK"], count["FAILED/FAILED"]), fmt.Sprint(tc.ok, 16-tc.ok); got != want {
				t.Errorf("verdicts: got %v, want %s OK and FAILED\n%s", count, want, p.stderr.String())
			}
			if got := p.stderr.String(); got != "" {
				t.Errorf("warnings: got %q, want none", got)
			}
		})
	}
}

// TestNoTLS has a server that does not speak TLS, and answers nothing: Autobahn
// records every case.
func TestNoTLS(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for connections that never end")
	}
	url := start(t, "-m", "echoserver", "-w", "ws://h:0").listening(t)
	spec(t, "s.json", `{"outdir": "out", "cases": ["1.1.*"], "options": {"openHandshakeTimeout": 0.05}, "servers": [{"url": "wss`+strings.TrimPrefix(url, "ws")+`", "agent": "a"}]}`)
	if err := start(t, "-m", "fuzzingclient", "-s", "s.json").wait(t); err != nil {
		t.Fatal(err)
	}
	got := readIndex(t)["a"]
	if len(got) != 8 || got["1.1.8"].Behavior != "FAILED" || got["1.1.8"].BehaviorClose != "FAILED" {
		t.Errorf("index.json: got %d cases, 1.1.8 is %+v, want 8, FAILED", len(got), got["1.1.8"])
	}
}

// TestUnwritableFolder has reports that could not be written: no case is played.
func TestUnwritableFolder(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs a folder that root cannot write to")
	}
	o := observe(t, nil)
	spec(t, "s.json", `{"outdir": "/proc", "cases": ["1.1.*"], "servers": [{"url": "`+o.url+`", "agent": "a"}]}`)
	err := start(t, "-m", "fuzzingclient", "-s", "s.json").wait(t)
	if _, ok := errors.AsType[*wstest.UsageError](err); !ok || !strings.Contains(err.Error(), "the reports cannot be written") {
		t.Errorf("got %v, want a usage error", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.requests) > 0 {
		t.Errorf("connections: got %d, want none", len(o.requests))
	}
}

// TestSecretsOfURL has a token in the address of a server: it is neither printed nor
// in any file.
func TestSecretsOfURL(t *testing.T) {
	o := observe(t, nil)
	const secret = "c0ffee-5ec2e7"
	spec(t, "s.json", `{"outdir": "out", "cases": ["1.1.1"], "servers": [{"url": "`+o.url+`/?token=`+secret+`", "agent": "a"}]}`)
	p := start(t, "-m", "fuzzingclient", "-s", "s.json")
	if err := p.wait(t); err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{"stdout": p.stdout.String(), "stderr": p.stderr.String()}
	files, err := filepath.Glob("out/*")
	if err != nil || len(files) != 4 {
		t.Fatalf("files: got %q, %v, want 4", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[file] = string(text)
	}
	for name, text := range texts {
		if strings.Contains(text, secret) || strings.Contains(text, hex.EncodeToString([]byte(secret))) {
			t.Errorf("%s has the secret:\n%s", name, text)
		}
	}
}

// forward carries a connection to another address until one end closes.
func forward(t *testing.T, nc net.Conn, to string) {
	t.Helper()
	defer nc.Close()
	other, err := new(net.Dialer).DialContext(t.Context(), "tcp", to)
	if err != nil {
		t.Error(err)
		return
	}
	defer other.Close()
	var copying sync.WaitGroup
	defer copying.Wait()
	copying.Go(func() { copyUntilEnd(other, nc) })
	copyUntilEnd(nc, other)
}

// copyUntilEnd copies what comes from src, then closes both ends.
func copyUntilEnd(dst, src net.Conn) {
	defer dst.Close()
	defer src.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := src.Read(buf)
		if _, failed := dst.Write(buf[:n]); err != nil || failed != nil {
			return
		}
	}
}

// TestOneAtATime counts the connections that a server has open at once.
func TestOneAtATime(t *testing.T) {
	for _, tc := range []struct {
		name, spec string
		args       []string
		most       func(n int64) bool
	}{
		{"by default", ``, nil, func(n int64) bool { return n == 1 }},
		{"more by the configuration", `"parallel": 4,`, nil, func(n int64) bool { return n > 1 && n <= 4 }},
		{"more by a flag, which counts more", `"parallel": 1,`, []string{"--parallel=3"}, func(n int64) bool { return n > 1 && n <= 3 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, url := listenLocal(t)
			var open, most atomic.Int64
			server := &ws.Server{Accept: ws.AcceptOptions{Origins: []string{"*"}, Options: ws.Options{ReadLimit: 1 << 24}}}
			counted := &countingListener{Listener: l, open: &open, most: &most}
			served := make(chan struct{})
			go func() {
				defer close(served)
				_ = server.Serve(counted)
			}()
			defer func() { <-served }()
			defer l.Close()
			spec(t, "s.json", `{"outdir": "out", "cases": ["2.*", "4.*"], `+tc.spec+` "servers": [{"url": "`+url+`"}]}`)
			p := start(t, append([]string{"-m", "fuzzingclient", "-s", "s.json"}, tc.args...)...)
			if err := p.wait(t); err != nil {
				t.Fatal(err)
			}
			if n := most.Load(); !tc.most(n) {
				t.Errorf("connections at once: got %d", n)
			}
		})
	}
}

// A countingListener counts the connections that are open. One is closed for us
// when its server has closed it.
type countingListener struct {
	net.Listener
	open, most *atomic.Int64
}

func (l *countingListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	n := l.open.Add(1)
	for {
		if m := l.most.Load(); n <= m || l.most.CompareAndSwap(m, n) {
			break
		}
	}
	return &countedConn{Conn: nc, open: l.open}, nil
}

type countedConn struct {
	net.Conn
	open *atomic.Int64
	once sync.Once
}

func (c *countedConn) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}
