package compare_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
)

// Two agents that insist on one port: the one that gets it does not listen where it
// is asked to, the other says who has it, and neither has the other's verdicts.
func TestTwoAgentsOnOnePort(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for agents that hang")
	}
	needSockets(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	number := port(t, free)
	one := agent(t, `server: ["{wsconform}", server, "{host}", "`+number+`"]`)
	free.Close()
	two := one
	two.Folder = "sh-y"
	mark := fmt.Sprintf("WSCONFORM_TEST_%d_port", os.Getpid())
	t.Setenv(mark, "1")
	r := runner(t)
	r.Parallel, r.StartPatience = 2, 5*time.Second
	var said []string
	for _, d := range play(t, r, one, two) {
		if d.State != runfile.Partial || d.Cause != harness.CauseStart || d.Counts[harness.Pass] > 0 {
			t.Errorf("%s: got %s, %q, %v; want a partial run without a pass that could not start", d.Name(), d.State, d.Cause, d.Counts)
		}
		said = append(said, d.Error)
	}
	slices.Sort(said)
	for i, words := range [][]string{
		{"it listens on port " + number + ", not on the one it was given", "nothing listens"},
		{"port " + number + " is taken by process ", "server 127.0.0.1 " + number + ")", "address already in use"},
	} {
		for _, w := range words {
			if !strings.Contains(said[i], w) {
				t.Errorf("a row says %q, want %q in it", said[i], w)
			}
		}
	}
	if left := withVariable(mark); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
}

// needSockets skips the test where the system does not tell whose a socket is.
func needSockets(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/proc/net/tcp"); err != nil {
		t.Skip("only Linux tells whose a socket is")
	}
}

// serveLate tells somebody at an address on which port it will listen, and waits
// for leave. The connection ends with the process.
func serveLate(addr, host, number string) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(c, number); err != nil {
		return err
	}
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		return err
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, number))
	if err != nil {
		return err
	}
	return echoServer().Serve(l)
}

// A port that was free when the agent was given it, and has a server of somebody
// else's by the time the agent listens: another one is tried, and no verdict is that
// of the other server.
func TestPortOfAnother(t *testing.T) {
	needSockets(t)
	for _, row := range []struct {
		name  string
		often int // how many of the ports somebody else takes
		state runfile.State
		words string // in the error
	}{
		{"once", 1, runfile.Complete, ""},
		{"each time", 99, runfile.Partial, "is taken by process " + fmt.Sprint(os.Getpid())},
	} {
		t.Run(row.name, func(t *testing.T) {
			control, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			var others sync.WaitGroup
			others.Go(func() { takePorts(t, control, row.often) })
			got := play(t, runner(t), agent(t, `server: ["{wsconform}", late, "`+control.Addr().String()+`", "{host}", "{port}"]`))[0]
			control.Close()
			others.Wait()
			if got.State != row.state || !strings.Contains(got.Error, row.words) {
				t.Errorf("got %s, %q; want %s and %q in the error", got.State, got.Error, row.state, row.words)
			}
			if row.words != "" && (got.Cause != harness.CauseStart || got.Counts[harness.Pass] > 0) {
				t.Errorf("got %q, %v; want no pass, and that it cannot be started", got.Cause, got.Counts)
			}
		})
	}
}

// takePorts echoes on the first ports that processes want, and leaves the others to
// them. It returns when there can be no more requests.
func takePorts(t *testing.T, control net.Listener, often int) {
	t.Helper()
	var servers sync.WaitGroup
	defer servers.Wait()
	for i := 0; ; i++ {
		c, err := control.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		number, err := bufio.NewReader(c).ReadString('\n')
		if err != nil {
			t.Error(err)
			return
		}
		if i >= often {
			_, _ = c.Write([]byte{1}) // where that fails, the row says so
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strings.TrimSpace(number)))
		if err != nil {
			t.Error(err)
			return
		}
		other := echoServer()
		defer other.Close()
		servers.Go(func() {
			if err := other.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				t.Error(err)
			}
		})
	}
}
