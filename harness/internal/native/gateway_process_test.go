package native

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/rfc"
	"github.com/wsconform/wsconform/fixtures/mutants"
	"github.com/wsconform/wsconform/fixtures/mutants/gateway"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/agent"
	"github.com/wsconform/wsconform/internal/pattern"
)

const (
	// gatewayVariable lets the test binary be a gateway, as its value says: "fault NAME" is a
	// mutant, "ends TEXT", "hangs TEXT" and "eats TEXT" are sound up to a request with that text.
	gatewayVariable = "WSCONFORM_TEST_GATEWAY"
	// driverVariable lets it be the client of this name that speaks the driver protocol.
	driverVariable = "WSCONFORM_TEST_DRIVER"
)

// gatewayProgram is the gateway as a process of its own.
func gatewayProgram(how, listen, origin string) int {
	verb, word, _ := strings.Cut(how, " ")
	m := gateway.Plain
	if verb == "fault" {
		m, _ = gateway.Find(word)
	}
	l, err := net.Listen("tcp", listen)
	if err == nil {
		if verb != "fault" {
			l = &fateful{Listener: l, verb: verb, word: []byte(word)}
		}
		err = gateway.Serve(context.Background(), l, origin, m)
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// driverProgram is the conformant client, or a faulty one, as a process of its own.
func driverProgram(name, base string) int {
	m, ok := mutants.Find(name)
	if name == mutants.Conformant.Name {
		m, ok = mutants.Conformant, true
	}
	if !ok {
		return 90
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if err := m.Drive(ctx, base, "driven"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// A fateful listener does something to its process at a request with the word, or a frame that
// begins with it.
type fateful struct {
	net.Listener
	verb string
	word []byte
	hung atomic.Bool
	kept []net.Conn
}

func (f *fateful) Accept() (net.Conn, error) {
	for {
		nc, err := f.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if !f.hung.Load() {
			return &fatefulConn{nc, f}, nil
		}
		f.kept = append(f.kept, nc)
	}
}

type fatefulConn struct {
	net.Conn // and no way around Read
	f        *fateful
}

func (c *fatefulConn) CloseWrite() error { return c.Conn.(*net.TCPConn).CloseWrite() }

// eaten keeps what a gateway eats, and eatsMost bounds it, so that the machine outlives
// a harness that does not look.
var eaten [][]byte

const eatsMost = 1 << 30

func (c *fatefulConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if !bytes.HasPrefix(p[:n], c.f.word) && !(bytes.HasPrefix(p[:n], []byte("GET ")) && bytes.Contains(p[:n], c.f.word)) {
		return n, err
	}
	switch c.f.verb {
	case "ends":
		os.Exit(9)
	case "hangs":
		c.f.hung.Store(true)
		select {}
	case "eats":
		for len(eaten) < eatsMost>>20 {
			meal := make([]byte, 1<<20)
			for i := 0; i < len(meal); i += 4096 {
				meal[i] = 1
			}
			eaten = append(eaten, meal)
		}
	}
	return n, err
}

// gatewayService is a gateway in a process of its own, not started yet.
func gatewayService(t *testing.T, how, origin string) *agent.Service {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the test binary is other programs on Unix only")
	}
	s := &agent.Service{
		Command: []string{"/usr/bin/env", gatewayVariable + "=" + how, os.Args[0], "{listen}", "{origin}"},
		URL:     &url.URL{Scheme: "ws", Host: "127.0.0.1:0", Path: "/"}, AnyPort: true, Patience: 30 * time.Second, Origin: origin,
	}
	t.Cleanup(s.Stop)
	return s
}

// throughProcess plays cases through a gateway in a process of its own.
func throughProcess(t *testing.T, how string, most int64, list []cases.Case) (results []harness.Result, err error) {
	t.Helper()
	back := loopback(t)
	s := gatewayService(t, how, back.Addr().String())
	s.MostMemory = most
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	o := Options{}
	o.Service = s
	err = TestGateway(t.Context(), Gateway{Target: Target{URL: s.URL}, Origin: back}, list, o, func(r harness.Result) { results = append(results, r) })
	return results, err
}

// behindProcess plays cases through a mutant gateway in a process of its own.
func behindProcess(t *testing.T, m gateway.Mutant, list []cases.Case) map[cases.ID]harness.Result {
	t.Helper()
	played, err := throughProcess(t, "fault "+m.Name, 0, list)
	results := map[cases.ID]harness.Result{}
	for _, r := range played {
		results[r.Case] = r
	}
	if err != nil {
		results["greeting"] = harness.Result{Case: "greeting", Outcome: harness.Fail, Note: err.Error()}
	}
	return results
}

// A gateway that keeps what it has forwarded does nothing else wrong, and fails by its memory
// alone. The plain one, and one in our own process, whose memory is not looked at, pass.
func TestGatewayMemory(t *testing.T) {
	playsMany(t)
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells the memory of processes")
	}
	list, err := pattern.Select(rfc.All(), []string{"G.7.2", "G.7.3"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, ok := gateway.Find("keeps-all")
	if !ok {
		t.Fatal("no such gateway")
	}
	for _, r := range behindHere(t, m, list) {
		if r.Outcome != harness.Pass {
			t.Errorf("%s, unweighed: got %s: %s", r.Case, r.Outcome, r.Reason)
		}
	}
	for how, want := range map[string]harness.Outcome{"fault plain": harness.Pass, "fault keeps-all": harness.Fail} {
		for _, c := range list { // each with a new process: one keeps memory for the next case
			t.Run(how+" "+string(c.ID), func(t *testing.T) {
				t.Parallel()
				got, err := throughProcess(t, how, 0, []cases.Case{c})
				if err != nil || len(got) != 1 {
					t.Fatalf("got %v, %+v", err, got)
				}
				const most = 48 << 20
				if r := got[0]; r.Outcome != want || (r.Transcript.Grown >= most) != (want == harness.Fail) || strings.Contains(r.Note, "MiB more memory") != (want == harness.Fail) {
					t.Errorf("got %s with %d bytes more, want %s", r.Outcome, r.Transcript.Grown, want)
				}
			})
		}
	}
}

// A gateway that takes more and more memory is ended before the machine is, by name, whatever
// the case comes to. The other cases have their verdicts.
func TestGatewayEats(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells the memory of processes")
	}
	list, err := pattern.Select(rfc.All(), []string{"G.1.2", "G.1.3", "G.1.4"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := throughProcess(t, "eats X-Nobody", 128<<20, list)
	if err != nil || len(got) != 3 || got[0].Outcome != harness.Pass || got[2].Outcome != harness.Pass {
		t.Fatalf("got %v, %+v, want three results, the first and the last of them passes", err, got)
	}
	if r := got[1]; r.Outcome != harness.Crash || !strings.Contains(r.Note, "in each of two plays, the gateway ended while the case was played: the agent exited (ended by wsconform, as it took more than 128 MiB of memory beyond what it began with)") {
		t.Errorf("got %s, %q, want a crash by memory", r.Outcome, r.Note)
	}
}
