//go:build unix

package integration

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startTime is how long a program may take until it listens.
const startTime = 20 * time.Second

// A program that runs beside the test.
type program struct {
	name string
	addr string // host and port
	log  log
}

// log takes what a program prints.
type log struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// find returns the path of a program, or skips the test. Debian keeps daemons
// where users do not look.
func find(t *testing.T, name, pkg string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin") {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	t.Skipf("%s is not installed (Debian package %s)", name, pkg)
	return ""
}

// start runs a program that listens on addr until the test ends.
func start(t *testing.T, addr, path string, args ...string) *program {
	t.Helper()
	p := &program{name: filepath.Base(path), addr: addr}
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	cmd.Dir = t.TempDir()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(3 * time.Second):
		}
		// Children of a parent that is gone already.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if t.Failed() {
			t.Logf("%s printed:\n%s", p.name, &p.log)
		}
	})
	p.wait(t, ended)
	return p
}

// wait returns when the program listens.
func (p *program) wait(t *testing.T, ended chan error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTime)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		nc, err := new(net.Dialer).DialContext(ctx, "tcp", p.addr)
		if err == nil {
			_ = nc.Close()
			return
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s ended before it listened: %v", p.name, err)
		case <-ctx.Done():
			t.Fatalf("%s did not listen at %s within %v", p.name, p.addr, startTime)
		case <-tick.C:
		}
	}
}

// freeAddr is a loopback address that nobody listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func portOf(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}

// write makes a file that any user may read: some daemons change theirs.
func write(t *testing.T, name, content string) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, name)
	err := errors.Join(
		os.WriteFile(path, []byte(content), 0o644),
		os.Chmod(dir, 0o755),
		os.Chmod(filepath.Dir(dir), 0o755),
	)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// python is an interpreter that has the module, or the test is skipped.
func python(t *testing.T, module string) string {
	t.Helper()
	path := os.Getenv("WSCONFORM_PYTHON")
	if path == "" {
		path = "python3"
	}
	if err := exec.CommandContext(t.Context(), path, "-c", "import "+module).Run(); err != nil {
		t.Skipf("%s has no module %s (set WSCONFORM_PYTHON to one that has)", strconv.Quote(path), module)
	}
	return path
}
