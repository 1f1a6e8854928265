//go:build unix

package agent_test

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wsconform/wsconform/internal/agent"
)

func TestExpand(t *testing.T) {
	vars := map[string]string{"port": "9001", "url": "ws://x:9001"}
	for _, row := range []struct {
		name      string
		in, want  []string
		wantError bool
	}{
		{"whole argument", []string{"run", "{url}"}, []string{"run", "ws://x:9001"}, false},
		{"within an argument", []string{"run", "--addr=:{port}/{port}"}, []string{"run", "--addr=:9001/9001"}, false},
		{"unknown placeholder", []string{"sh", "-c", "echo ${x} {y}"}, []string{"sh", "-c", "echo ${x} {y}"}, false},
		{"nothing", nil, nil, true},
		{"empty command", []string{""}, nil, true},
	} {
		got, err := agent.Expand(row.in, vars)
		if diff := cmp.Diff(got, row.want); diff != "" || (err != nil) != row.wantError {
			t.Errorf("%s: error %v (-got +want):\n%s", row.name, err, diff)
		}
	}
}

func start(t *testing.T, script string, vars map[string]string) *agent.Process {
	t.Helper()
	p, err := agent.Start([]string{"sh", "-c", script}, vars, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p
}

func freeAddr(t *testing.T) string {
	t.Helper()
	port, err := agent.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

func TestStartThatIsNotThere(t *testing.T) {
	_, err := agent.Start([]string{"./no-such-agent"}, nil, nil)
	if !errors.Is(err, agent.ErrNotStarted) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want ErrNotStarted and why", err)
	}
}

func TestWaitListening(t *testing.T) {
	t.Run("listens", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if err := agent.WaitListening(t.Context(), nil, l.Addr().String(), time.Minute); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat("/proc/net/tcp"); err != nil {
			t.Skip("only Linux tells without a connection")
		}
		_ = l.(*net.TCPListener).SetDeadline(time.Now()) // a connection would be in the queue by now
		if c, err := l.Accept(); err == nil {
			t.Errorf("%s connected, want no connection at all", c.RemoteAddr())
		}
	})
	t.Run("never listens", func(t *testing.T) {
		p := start(t, "echo port {port}; exec sleep 1000", map[string]string{"port": "17"})
		err := agent.WaitListening(t.Context(), p, freeAddr(t), 300*time.Millisecond)
		if !errors.Is(err, agent.ErrNotListening) || !strings.Contains(err.Error(), "port 17") {
			t.Errorf("error %v, want ErrNotListening and the output", err)
		}
		if p.Ended() != nil {
			t.Errorf("ended: %v, want that it runs", p.Ended())
		}
	})
	t.Run("ends", func(t *testing.T) {
		p := start(t, "echo no configuration >&2; exit 7", nil)
		var exit *agent.ExitError
		err := agent.WaitListening(t.Context(), p, freeAddr(t), time.Minute)
		if !errors.As(err, &exit) || exit.Status != "exit status 7" || exit.Output != "no configuration" {
			t.Errorf("error %v, want the status and the output", err)
		}
		if p.Success() {
			t.Error("success, want none")
		}
	})
	t.Run("nobody", func(t *testing.T) {
		err := agent.WaitListening(t.Context(), nil, freeAddr(t), time.Millisecond)
		if !errors.Is(err, agent.ErrNotListening) {
			t.Errorf("error %v, want ErrNotListening", err)
		}
	})
}

// Stop ends what the agent has started too, and is not taken for a crash.
func TestStopEndsTheGroup(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p, err := agent.Start([]string{"sh", "-c", "sleep 1000 & echo child $!; wait"}, nil, w)
	if err != nil {
		t.Fatal(err)
	}
	var child int
	if _, err := fmt.Fscanf(r, "child %d\n", &child); err != nil {
		t.Fatal(err)
	}
	p.Stop()
	if p.Ended() != nil {
		t.Errorf("ended by itself: %v, want by us", p.Ended())
	}
	for deadline := time.Now().Add(10 * time.Second); running(child); {
		if time.Now().After(deadline) {
			t.Fatalf("process %d, started by the agent, still runs", child)
		}
	}
}

// running reports whether a process is there and more than a zombie.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func TestOutputIsBounded(t *testing.T) {
	p := start(t, `i=0; while [ $i -lt 20000 ]; do echo "line $i"; i=$((i+1)); done; exit 1`, nil)
	<-p.Done()
	var exit *agent.ExitError
	if !errors.As(p.Ended(), &exit) {
		t.Fatalf("ended %v, want an ExitError", p.Ended())
	}
	lines := strings.Split(exit.Output, "\n")
	if len(lines) != 10 || lines[9] != "line 19999" {
		t.Errorf("%d lines, the last one %q; want 10 and the end", len(lines), lines[len(lines)-1])
	}
}

// A daemon has left the group, the session and the standard output of the agent.
func TestStopEndsDaemons(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux lets us find them")
	}
	if _, err := exec.LookPath("setsid"); err != nil {
		t.Skip("setsid is not installed")
	}
	file := filepath.Join(t.TempDir(), "pid")
	p := start(t, "setsid sh -c 'echo $$ > {file}.new; mv {file}.new {file}; exec sleep 1000' >/dev/null 2>&1 & sleep 1000", map[string]string{"file": file})
	var child int
	for deadline := time.Now().Add(10 * time.Second); child == 0; {
		if text, err := os.ReadFile(file); err == nil {
			child, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		}
		if time.Now().After(deadline) {
			t.Fatal("the daemon has not started")
		}
	}
	if !running(child) {
		t.Fatalf("process %d does not run", child)
	}
	p.Stop()
	if running(child) {
		t.Errorf("process %d, a daemon that the agent has started, still runs", child)
	}
}

// A log that cannot be written does not stop the agent.
func TestLogThatFails(t *testing.T) {
	p, err := agent.Start([]string{"sh", "-c", "i=0; while [ $i -lt 2000 ]; do echo $i 0123456789012345678901234567890123456789; i=$((i+1)); done; exit 3"}, nil, brokenWriter{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	<-p.Done()
	var exit *agent.ExitError
	if !errors.As(p.Ended(), &exit) || exit.Status != "exit status 3" || !strings.Contains(exit.Output, "1999 ") {
		t.Errorf("ended %v, want status 3 and all of the output", p.Ended())
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("the disk is full") }

func TestServiceStartsAgain(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("python3 is not installed")
	}
	u := &url.URL{Scheme: "ws", Host: "127.0.0.1:0"}
	s := &agent.Service{
		Command: []string{"python3", "-c", "import socket, sys\ns = socket.create_server((sys.argv[1], int(sys.argv[2])))\ns.accept()\nsys.exit(9)", "{host}", "{port}"},
		URL:     u, AnyPort: true, Patience: time.Minute,
	}
	defer s.Stop()
	for range 2 {
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s.Ended() != nil || s.URL.Port() == "0" {
			t.Fatalf("ended %v, at %s; want that it listens on a port", s.Ended(), s.URL)
		}
		c, err := net.Dial("tcp", s.URL.Host)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		var exit *agent.ExitError
		if !s.EndedWithin(time.Minute) || !errors.As(s.Ended(), &exit) || exit.Status != "exit status 9" {
			t.Errorf("ended %v, want status 9", s.Ended())
		}
	}
	if u.Host != "127.0.0.1:0" {
		t.Errorf("the caller's URL became %s", u)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := &agent.Service{Command: s.Command, URL: &url.URL{Scheme: "ws", Host: l.Addr().String()}, Patience: time.Minute}
	if err := taken.Start(t.Context()); !errors.Is(err, agent.ErrNotStarted) {
		taken.Stop()
		t.Errorf("a port that is taken: %v, want ErrNotStarted", err)
	}
}

// A signal that a shell reports is named.
func TestExitOfAShell(t *testing.T) {
	for command, want := range map[string]string{
		"exit 7":                      "exit status 7",
		"sh -c 'kill -SEGV $$'; exit": "exit status 139, which is signal 11, segmentation fault",
	} {
		p, err := agent.Start([]string{"sh", "-c", command}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		<-p.Done()
		exit, ok := errors.AsType[*agent.ExitError](p.Ended())
		if !ok || exit.Status != want {
			t.Errorf("%s: %v, want status %q", command, p.Ended(), want)
		}
		p.Stop()
	}
}
