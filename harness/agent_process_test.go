//go:build unix

package harness_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wsconform/wsconform/harness"
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
		got, err := harness.Expand(row.in, vars)
		if diff := cmp.Diff(got, row.want); diff != "" || (err != nil) != row.wantError {
			t.Errorf("%s: error %v (-got +want):\n%s", row.name, err, diff)
		}
	}
}

func start(t *testing.T, script string, vars map[string]string) *harness.Process {
	t.Helper()
	p, err := harness.StartAgent([]string{"sh", "-c", script}, vars, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p
}

func freeAddr(t *testing.T) string {
	t.Helper()
	port, err := harness.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

func TestStartAgentThatIsNotThere(t *testing.T) {
	_, err := harness.StartAgent([]string{"./no-such-agent"}, nil, nil)
	if !errors.Is(err, harness.ErrNotStarted) || !errors.Is(err, os.ErrNotExist) {
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
		if err := harness.WaitListening(t.Context(), nil, l.Addr().String(), time.Minute); err != nil {
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
		err := harness.WaitListening(t.Context(), p, freeAddr(t), 300*time.Millisecond)
		if !errors.Is(err, harness.ErrNotListening) || !strings.Contains(err.Error(), "port 17") {
			t.Errorf("error %v, want ErrNotListening and the output", err)
		}
		if p.Ended() != nil {
			t.Errorf("ended: %v, want that it runs", p.Ended())
		}
	})
	t.Run("ends", func(t *testing.T) {
		p := start(t, "echo no configuration >&2; exit 7", nil)
		var exit *harness.AgentExitError
		err := harness.WaitListening(t.Context(), p, freeAddr(t), time.Minute)
		if !errors.As(err, &exit) || exit.Status != "exit status 7" || exit.Output != "no configuration" {
			t.Errorf("error %v, want the status and the output", err)
		}
		if p.Success() {
			t.Error("success, want none")
		}
	})
	t.Run("nobody", func(t *testing.T) {
		err := harness.WaitListening(t.Context(), nil, freeAddr(t), time.Millisecond)
		if !errors.Is(err, harness.ErrNotListening) {
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
	p, err := harness.StartAgent([]string{"sh", "-c", "sleep 1000 & echo child $!; wait"}, nil, w)
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
	var exit *harness.AgentExitError
	if !errors.As(p.Ended(), &exit) {
		t.Fatalf("ended %v, want an AgentExitError", p.Ended())
	}
	lines := strings.Split(exit.Output, "\n")
	if len(lines) != 10 || lines[9] != "line 19999" {
		t.Errorf("%d lines, the last one %q; want 10 and the end", len(lines), lines[len(lines)-1])
	}
}
