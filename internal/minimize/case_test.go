package minimize_test

import (
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/fixtures/mutants"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/minimize"
	"github.com/wsconform/wsconform/internal/rawscript"
	"github.com/wsconform/wsconform/internal/usercase"
)

// serve serves a mutant.
func serve(t *testing.T, name string) engine.Target {
	t.Helper()
	m, ok := mutants.Find(name)
	if !ok {
		t.Fatalf("there is no mutant %s", name)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		m.Serve(t.Context(), l) // it ends with the test
	}()
	t.Cleanup(func() {
		l.Close()
		<-served
	})
	return engine.Target{URL: &url.URL{Scheme: "ws", Host: l.Addr().String(), Path: "/"}}
}

func play(t *testing.T, target engine.Target, c cases.Case) (got harness.Result) {
	t.Helper()
	o := engine.Options{Options: engine.RunOptions{Parallel: 1, AnyPeer: true}}
	if _, err := engine.TestServer(t.Context(), target, []cases.Case{c}, o, func(r harness.Result) { got = r }); err != nil {
		t.Fatal(err)
	}
	return got
}

// The script that is left still shows the fault of the mutant, a conformant server passes it,
// and it is shorter than the case's own.
func TestCase(t *testing.T) {
	for _, row := range []struct {
		mutant string
		id     cases.ID
		has    string // in the script
	}{
		{"rsv-ignored", "3.4", "rsv1"},
		{"fragments-backwards", "5.3", "nofin"},
		{"close-codes-unchecked", "7.9.3", "frame close"},
		{"echoes-twice", "1.1.2", "frame text"},
	} {
		t.Run(row.mutant+" "+string(row.id), func(t *testing.T) {
			t.Parallel()
			c, ok := catalogue.Find(row.id)
			if !ok {
				t.Fatal("there is no such case")
			}
			target := serve(t, row.mutant)
			seen := play(t, target, c)
			m, err := minimize.Case(t.Context(), target, c, seen, minimize.Bounds{})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%+v", m)
			if m.Why != "" || m.Steps >= m.Of || !strings.Contains(m.Script, row.has) {
				t.Errorf("got %+v, want fewer steps, with %q", m, row.has)
			}
			conn, err := usercase.Conn(m.Script)
			if err != nil {
				t.Fatal(err)
			}
			conn.Want = c.WantOf(0)
			c.Conns = []cases.Conn{conn}
			if got := play(t, target, c); got.Outcome != harness.Fail || got.Behavior != seen.Behavior {
				t.Errorf("the mutant: %s, %s, want what the case shows: %s", got.Outcome, got.Signature(), seen.Signature())
			}
			if got := play(t, serve(t, mutants.Conformant.Name), c); got.Outcome == harness.Fail {
				t.Errorf("a conformant peer fails the script: %s", got.Signature())
			}
		})
	}
}

// A server that opens no connection fails whatever the steps are: none is called the cause,
// and nothing is played.
func TestNotOpened(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			nc, err := l.Accept()
			if err != nil {
				return // it ends with the test
			}
			nc.Close()
		}
	}()
	defer func() { l.Close(); <-served }()
	c, _ := catalogue.Find("3.4")
	target := engine.Target{URL: &url.URL{Scheme: "ws", Host: l.Addr().String(), Path: "/"}}
	m, err := minimize.Case(t.Context(), target, c, play(t, target, c), minimize.Bounds{Plays: 1})
	if err != nil || m.Plays != 0 || m.Steps != m.Of || !strings.Contains(m.Why, "does not complete the opening handshake") {
		t.Errorf("got %+v, %v", m, err)
	}
}

// The case's own script comes back where it cannot be made shorter, with the reason.
func TestKept(t *testing.T) {
	for _, row := range []struct {
		name, mutant string
		id           cases.ID
		bounds       minimize.Bounds
		why          string
	}{
		{"it passes", mutants.Conformant.Name, "3.4", minimize.Bounds{}, "does not fail the case"},
		{"no time", "rsv-ignored", "3.4", minimize.Bounds{Time: time.Nanosecond}, "ended at its bound"},
		{"one play", "rsv-ignored", "3.4", minimize.Bounds{Plays: 1}, "ended at its bound"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c, ok := catalogue.Find(row.id)
			if !ok {
				t.Fatal("there is no such case")
			}
			target := serve(t, row.mutant)
			m, err := minimize.Case(t.Context(), target, c, play(t, target, c), row.bounds)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(m.Why, row.why) || m.Steps != m.Of || rawscript.Check(m.Script) != nil {
				t.Errorf("got %+v, want the whole script because %s", m, row.why)
			}
		})
	}
}
