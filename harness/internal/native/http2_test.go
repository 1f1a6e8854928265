package native

import (
	"context"
	"crypto/tls"
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
	"github.com/wsconform/wsconform/internal/pattern"
)

// overStream are the cases of a role that make sense over a stream.
func overStream(role cases.Role) []cases.Case {
	var list []cases.Case
	for _, c := range catalogue.All() {
		if *onlyCases != "" && len(pattern.Unmatched([]cases.Case{c}, strings.Split(*onlyCases, ","))) == len(strings.Split(*onlyCases, ",")) {
			continue
		}
		if c.For(role) && c.OverStream() == "" && !c.Slow {
			list = append(list, c)
		}
	}
	return list
}

// serveMutant serves a mutant until the test ends.
func serveMutant(t *testing.T, m mutants.Mutant, secure bool) *url.URL {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	scheme := "ws"
	if secure {
		scheme = "wss"
		go func() { served <- m.ServeTLS(t.Context(), l, testPair()) }()
	} else {
		go func() { served <- m.Serve(t.Context(), l) }()
	}
	t.Cleanup(func() {
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return &url.URL{Scheme: scheme, Host: l.Addr().String(), Path: "/"}
}

// A server that keeps the standard has the verdicts over HTTP/2 that it has over HTTP/1.1.
func TestHTTP2Verdicts(t *testing.T) {
	playsMany(t)
	few := []cases.ID{"9.1.1", "9.2.3", "9.3.4", "9.7.1", "12.1.1", "13.1.1", "13.3.1"} // of those that move megabytes
	list := slices.DeleteFunc(overStream(cases.Server), func(c cases.Case) bool { return c.Conns[0].HTTP2 != nil || c.Heavy() && !slices.Contains(few, c.ID) })
	play := func(target Target) map[cases.ID]harness.Result {
		results := map[cases.ID]harness.Result{}
		begin := time.Now()
		_, err := TestServer(t.Context(), target, list, Options{Options: runner.Options{}}, func(r harness.Result) { results[r.Case] = r })
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d cases over %v in %v", len(results), target.URL.Scheme, time.Since(begin))
		return results
	}
	plain := play(Target{URL: serveMutant(t, mutants.Conformant, false)})
	for _, secure := range []bool{false, true} {
		target := Target{URL: serveMutant(t, mutants.Conformant.OverHTTP2(), secure), HTTP2: true, TLS: &tls.Config{InsecureSkipVerify: true}}
		for id, r := range play(target) {
			want := plain[id]
			if r.Outcome != want.Outcome || r.Behavior != want.Behavior || r.Close != want.Close {
				t.Errorf("TLS %t, case %s: got %s, %s, %s, over HTTP/1.1 %s, %s, %s: %s\n%s", secure, id, r.Outcome, r.Behavior, r.Close, want.Outcome, want.Behavior, want.Close, r.Reason, wireLog(r))
			}
		}
	}
}

// http2Cases are those that are played frame by frame of HTTP/2, in a role.
func http2Cases(role cases.Role) []cases.Case {
	return slices.DeleteFunc(overStream(role), func(c cases.Case) bool { return c.Conns[0].HTTP2 == nil })
}

// Peers that keep the standard pass the cases about HTTP/2.
func TestHTTP2Cases(t *testing.T) {
	if testing.Short() {
		t.Skip("plays whole suites")
	}
	for _, m := range []mutants.Mutant{mutants.Conformant, mutants.Chaos} {
		for _, secure := range []bool{false, true} {
			target := Target{URL: serveMutant(t, m.OverHTTP2(), secure), HTTP2: true, TLS: &tls.Config{InsecureSkipVerify: true}}
			begin := time.Now()
			_, err := TestServer(t.Context(), target, http2Cases(cases.Server), Options{Options: runner.Options{Declared: []cases.Need{cases.NeedSubprotocol}}}, func(r harness.Result) {
				if r.Duration > 300*time.Millisecond {
					t.Logf("%s: %v", r.Case, r.Duration)
				}
				if r.Outcome != harness.Pass {
					t.Errorf("%s, TLS %t, case %s: got %s, %s: %s %s\n%s", m.Name, secure, r.Case, r.Outcome, r.Behavior, r.Reason, r.Note, wireLog(r))
				}
			})
			if err != nil {
				t.Error(err)
			}
			t.Logf("%s, TLS %t: %v", m.Name, secure, time.Since(begin))
		}
	}
}

// A server without HTTP/2 is told from one that does not echo.
func TestHTTP2Absent(t *testing.T) {
	l := loopback(t)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- mutants.Conformant.Serve(ctx, l) }()
	target := Target{URL: &url.URL{Scheme: "ws", Host: l.Addr().String(), Path: "/"}, HTTP2: true}
	_, err := TestServer(t.Context(), target, []cases.Case{find(t, "1.1.1")}, Options{}, func(harness.Result) {})
	if err == nil || !strings.Contains(err.Error(), "opens no WebSocket over HTTP/2") {
		t.Errorf("got error %v, want that HTTP/2 is missing", err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
