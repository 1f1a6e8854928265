package native

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/fixtures/mutants"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/h3"
)

// serveHTTP3 serves a mutant over HTTP/3 until the test ends.
func serveHTTP3(t *testing.T, m mutants.Mutant) *url.URL {
	t.Helper()
	l, err := h3.Listen("127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{testPair()}})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- m.OverHTTP3().Serve(t.Context(), l) }()
	t.Cleanup(func() {
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return &url.URL{Scheme: "wss", Host: l.Addr().String(), Path: "/"}
}

// A server that keeps the standard has the verdicts over HTTP/3 that it has over HTTP/1.1. Of
// the suites of Autobahn with many alike, a part is enough: QUIC takes its time.
func TestHTTP3Verdicts(t *testing.T) {
	few := []cases.ID{"9.1.1", "9.2.3", "9.3.4", "9.7.1"} // of those that move megabytes
	list := slices.DeleteFunc(overStream(cases.Server), func(c cases.Case) bool {
		many := strings.HasPrefix(string(c.ID), "12.") || strings.HasPrefix(string(c.ID), "13.")
		return c.Conns[0].HTTP2 != nil || c.Conns[0].HTTP3 || many && !slices.Contains([]cases.ID{"12.1.1", "12.2.2", "13.1.1", "13.3.1"}, c.ID) ||
			c.Heavy() && !many && !slices.Contains(few, c.ID)
	})
	play := func(target Target) map[cases.ID]harness.Result {
		results := map[cases.ID]harness.Result{}
		_, err := TestServer(t.Context(), target, list, Options{}, func(r harness.Result) { results[r.Case] = r })
		if err != nil {
			t.Fatal(err)
		}
		return results
	}
	plain := play(Target{URL: serveMutant(t, mutants.Conformant, false)})
	target := Target{URL: serveHTTP3(t, mutants.Conformant), HTTP3: true, TLS: &tls.Config{InsecureSkipVerify: true}}
	for id, r := range play(target) {
		want := plain[id]
		if r.Outcome != want.Outcome || r.Behavior != want.Behavior || r.Close != want.Close {
			t.Errorf("case %s: got %s, %s, %s, over HTTP/1.1 %s, %s, %s: %s\n%s", id, r.Outcome, r.Behavior, r.Close, want.Outcome, want.Behavior, want.Close, r.Reason, wireLog(r))
		}
	}
	if *onlyCases == "" && len(plain) < 300 {
		t.Errorf("%d cases were played, want hundreds", len(plain))
	}
}

// http3Cases are those about HTTP/3, in a role.
func http3Cases(role cases.Role) []cases.Case {
	return slices.DeleteFunc(catalogue.All(), func(c cases.Case) bool { return !c.For(role) || !slices.Contains(c.Needs, cases.NeedHTTP3) })
}

// Peers that keep the standard pass the cases about HTTP/3.
func TestHTTP3Cases(t *testing.T) {
	for _, m := range []mutants.Mutant{mutants.Conformant, mutants.Chaos} {
		target := Target{URL: serveHTTP3(t, m), HTTP3: true, TLS: &tls.Config{InsecureSkipVerify: true}}
		_, err := TestServer(t.Context(), target, http3Cases(cases.Server), Options{}, func(r harness.Result) {
			if r.Outcome != harness.Pass {
				t.Errorf("%s, case %s: got %s, %s: %s %s\n%s", m.Name, r.Case, r.Outcome, r.Behavior, r.Reason, r.Note, wireLog(r))
			}
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// A client over HTTP/3 that keeps the standard passes cases of both suites, and those about
// HTTP/3.
func TestHTTP3Client(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a client again and again")
	}
	ids := []cases.ID{"1.1.1", "1.2.8", "2.10", "5.15", "6.4.1", "7.1.1", "7.3.3", "12.1.1", "M.2.1", "M.2.3"}
	list := http3Cases(cases.Client)
	for _, id := range ids {
		list = append(list, find(t, id))
	}
	for _, m := range []mutants.Mutant{mutants.Conformant, mutants.Chaos} {
		l, err := h3.Listen("127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{testPair()}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		played := 0
		e := &Endpoint{List: list, Streams: NewStreams(nil), Result: func(_ string, r harness.Result) {
			played++
			if r.Outcome != harness.Pass {
				t.Errorf("%s, case %s: got %s, %s: %s %s\n%s", m.Name, r.Case, r.Outcome, r.Behavior, r.Reason, r.Note, wireLog(r))
			}
		}}
		served := make(chan error, 1)
		go func() { served <- e.Serve(ctx, l) }()
		if err := m.OverHTTP3().Drive(ctx, "wss://"+l.Addr().String(), m.Name); err != nil {
			t.Error(err)
		}
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := e.Streams.Close(); err != nil {
			t.Error(err)
		}
		if played != len(list) {
			t.Errorf("%s: %d of %d cases were played", m.Name, played, len(list))
		}
	}
}

// A server without HTTP/3 is told from one that does not echo.
func TestHTTP3Absent(t *testing.T) {
	target := Target{URL: serveMutant(t, mutants.Conformant, true), HTTP3: true, TLS: &tls.Config{InsecureSkipVerify: true}, Protocol: Protocol{OpenTimeout: 300 * time.Millisecond}}
	_, err := TestServer(t.Context(), target, []cases.Case{find(t, "1.1.1")}, Options{Options: runner.Options{}}, func(harness.Result) {})
	if err == nil || !strings.Contains(err.Error(), "HTTP/3") {
		t.Errorf("got error %v, want that HTTP/3 is missing", err)
	}
	// A peer that need not echo is not asked for its cases either: each would take as long.
	_, err = TestServer(t.Context(), target, []cases.Case{find(t, "1.1.1")}, Options{Options: runner.Options{AnyPeer: true}}, func(harness.Result) {
		t.Error("a case was played")
	})
	if _, ok := errors.AsType[*runner.UnreachableError](err); !ok || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got error %v, want that there is no server", err)
	}
}

// A server that dies in mid-run over HTTP/3 is noticed soon, and so is one that has died before
// the echo that is asked for then.
func TestHTTP3Dies(t *testing.T) {
	pc, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	l, err := h3.ListenPacket(pc, &tls.Config{Certificates: []tls.Certificate{testPair()}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- mutants.Conformant.OverHTTP3().Serve(ctx, l) }()
	defer func() {
		cancel()
		<-served
	}()
	target := Target{URL: &url.URL{Scheme: "wss", Host: pc.LocalAddr().String(), Path: "/"}, HTTP3: true, TLS: &tls.Config{InsecureSkipVerify: true}}
	list := []cases.Case{find(t, "1.1.1"), find(t, "1.1.2"), find(t, "1.1.3"), find(t, "5.15")}
	var begin time.Time
	report, err := TestServer(t.Context(), target, list, Options{Options: runner.Options{Parallel: 1, Started: func(c cases.Case) {
		if c.ID == "1.1.2" {
			begin = time.Now()
			_ = pc.Close() // without a word, as a process that is killed
		}
	}}}, func(harness.Result) {})
	if err != nil {
		t.Fatal(err)
	}
	if report.Trouble() == nil {
		t.Error("nobody notices")
	}
	if took := time.Since(begin); begin.IsZero() || took > 15*time.Second { // it was over 50 s
		t.Errorf("it takes %v", took)
	}
	t.Logf("%v: %v", time.Since(begin), report.Trouble())
}
