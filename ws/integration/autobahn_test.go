//go:build unix

package integration

import (
	"cmp"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
)

// sample is the Autobahn cases that are played over each way, with strict
// verdicts: a few, and one scheme of each proxy, unless WSCONFORM_CASES has
// patterns for more.
func sample() (patterns string, all bool) {
	if s := os.Getenv("WSCONFORM_CASES"); s != "" {
		return s, true
	}
	return "1.1.*,2.*,5.*,7.1.*,9.3.1,12.1.1,13.1.1", false
}

var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "wsconform")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "wsconform")
	out, err := exec.Command("go", "build", "-o", path, "github.com/wsconform/wsconform/cmd/wsconform").CombinedOutput()
	if err != nil {
		err = &buildError{string(out), err}
	}
	return path, err
})

type buildError struct {
	output string
	err    error
}

func (e *buildError) Error() string { return e.err.Error() + "\n" + e.output }

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := build(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

var counts = regexp.MustCompile(`(?m)^.*\bpass.*$`)

// engine is the one that plays them. WSCONFORM_ENGINE may say autobahn, where there
// is a Docker engine.
func engine() string { return cmp.Or(os.Getenv("WSCONFORM_ENGINE"), "native") }

// onlyNative skips a way that takes a flag which Autobahn has no counterpart of.
func onlyNative(t *testing.T, flag string) {
	t.Helper()
	if engine() != "native" {
		t.Skipf("%s is for the native engine", flag)
	}
}

// conforms runs wsconform test, which says 0 if every verdict is as it should be.
func conforms(t *testing.T, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	patterns, _ := sample()
	args = append([]string{"test", "--engine", engine(), "--strict", "--cases", patterns, "-o", t.TempDir()}, args...)
	out, err := exec.CommandContext(ctx, wsconform(t), args...).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
		return
	}
	t.Logf("%s", counts.Find(out))
}

func wsconform(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("it takes a while, and this is -short")
	}
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// The verdicts on our client do not depend on the way to the server.
func TestAutobahnClient(t *testing.T) {
	path := wsconform(t)
	_, all := sample()
	t.Run("straight", func(t *testing.T) {
		conforms(t, "--client", "--", path, "drive", "{url}")
	})
	t.Run("TLS", func(t *testing.T) {
		onlyNative(t, "--tls")
		conforms(t, "--client", "--tls", "--", path, "drive", "{url}", "--ca", "{ca}")
	})
	t.Run("unix socket", func(t *testing.T) {
		onlyNative(t, "--port")
		addr := freeAddr(t)
		socket := filepath.Join(t.TempDir(), "socket")
		relay(t, "unix", socket, "tcp", addr)
		conforms(t, "--client", "--port", portOf(addr), "--", path, "drive", "ws+unix://"+socket)
	})
	for _, row := range proxies {
		t.Run(row.name, func(t *testing.T) {
			p := row.start(t)
			for i, scheme := range p.schemes {
				if i > 0 && !all {
					break
				}
				t.Run(scheme, func(t *testing.T) {
					args := []string{"--client", "--", path, "drive", "{url}", "--proxy", p.url(scheme, "me:secret")}
					if p.trust != nil {
						args = append(args, "--ca", p.ca)
					}
					conforms(t, args...)
				})
			}
		})
	}
}

// Nor do those on our server.
func TestAutobahnServer(t *testing.T) {
	plain, secure := echoServers(t)
	t.Run("straight", func(t *testing.T) { conforms(t, plain.url("127.0.0.1")) })
	t.Run("TLS", func(t *testing.T) {
		args := []string{secure.url("127.0.0.1")}
		if engine() == "native" { // Autobahn takes any certificate
			args = append(args, "--ca", write(t, "ca.pem", pemOf("CERTIFICATE", secure.cert)))
		}
		conforms(t, args...)
	})
	t.Run("unix socket", func(t *testing.T) {
		socket := filepath.Join(t.TempDir(), "socket")
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		s := &ws.Server{Accept: ws.AcceptOptions{Options: ws.Options{Deflate: &ws.Deflate{}, ReadLimit: 64 << 20}}}
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_ = s.Shutdown(ctx)
			<-served
		})
		addr := freeAddr(t)
		relay(t, "tcp", addr, "unix", socket)
		conforms(t, "ws://"+addr)
	})
}

// relay passes on the connections of one address to another.
func relay(t *testing.T, network, addr, toNetwork, to string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), network, addr)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	wg.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer near.Close()
				far, err := new(net.Dialer).DialContext(ctx, toNetwork, to)
				if err != nil {
					return
				}
				defer far.Close()
				defer context.AfterFunc(ctx, func() { near.Close(); far.Close() })()
				var both sync.WaitGroup
				both.Go(func() { pass(far, near) })
				both.Go(func() { pass(near, far) })
				both.Wait()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		cancel()
		wg.Wait()
	})
}

// pass moves bytes one way, and their end.
func pass(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}
