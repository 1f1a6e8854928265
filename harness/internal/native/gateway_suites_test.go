package native

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/fixtures/mutants"
	"github.com/wsconform/wsconform/fixtures/mutants/gateway"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/pattern"
)

// passage plays cases against a server behind a gateway, both in this process.
func passage(t *testing.T, server mutants.Mutant, g gateway.Mutant, list []cases.Case) []harness.Result {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	front, back := loopback(t), loopback(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := server.Serve(ctx, back); err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		if err := gateway.Serve(ctx, front, back.Addr().String(), g); err != nil {
			t.Error(err)
		}
	})
	defer wg.Wait()
	defer cancel()
	at := func(addr string) Target { return Target{URL: &url.URL{Scheme: "ws", Host: addr, Path: "/"}} }
	var results []harness.Result
	err := TestPassage(t.Context(), Passage{Server: at(back.Addr().String()), Gateway: at(front.Addr().String())}, list, Options{}, func(r harness.Result) {
		results = append(results, r)
	})
	if err != nil {
		t.Error(err)
	}
	return results
}

// sampleOf is every nth case of both suites that servers play, and 5.15, of those that are
// light.
func sampleOf(n int) []cases.Case {
	var list []cases.Case
	for i, c := range catalogue.All() {
		if (i%n == 0 || c.ID == "5.15") && c.For(cases.Server) && c.Load == cases.Light && !c.Slow {
			list = append(list, c)
		}
	}
	return list
}

// What forwards the bytes of TCP, and a sound gateway, change no verdict on a server, be it
// sound or faulty.
func TestThroughGateway(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for peers that hang")
	}
	t.Parallel()
	for _, row := range []struct {
		server string
		m      gateway.Mutant
	}{
		{mutants.Conformant.Name, gateway.Passthrough}, {mutants.Conformant.Name, gateway.Plain}, {"orphan-skipped", gateway.Passthrough},
	} {
		name := row.server
		t.Run(name+" "+row.m.Name, func(t *testing.T) {
			t.Parallel()
			server, ok := mutants.Find(name)
			if name == mutants.Conformant.Name {
				server, ok = mutants.Conformant, true
			}
			if !ok {
				t.Fatal("no such server")
			}
			list := sampleOf(7)
			results := passage(t, server, row.m, list)
			if len(results) != len(list) {
				t.Errorf("got %d results, want %d", len(results), len(list))
			}
			fails := 0
			for _, r := range results {
				if r.Outcome.Ran() && !r.Unplayed && r.Behavior != r.Without {
					t.Errorf("case %s: %s, %s; without the gateway %s: %s", r.Case, r.Outcome, r.Behavior, r.Without, r.Note)
				}
				if r.Outcome == harness.Fail {
					t.Errorf("case %s fails: %s", r.Case, r.Note)
				}
				if strings.HasPrefix(r.Note, "the server fails the case") {
					fails++
				}
			}
			if want := name != mutants.Conformant.Name; want != (fails > 0) {
				t.Errorf("the server fails %d cases with and without the gateway", fails)
			}
		})
	}
}

// What a gateway breaks fails the case, and the result says what the server does without it.
func TestThroughGatewayChanged(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for peers that hang")
	}
	t.Parallel()
	g, ok := gateway.Find("pings-lost")
	if !ok {
		t.Fatal("no such gateway")
	}
	list, err := pattern.Select(catalogue.All(), []string{"1.1.1", "2.2"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	results := passage(t, mutants.Conformant, g, list)
	if len(results) != 2 {
		t.Fatalf("got %d results, want 2: %+v", len(results), results)
	}
	if r := results[0]; r.Outcome != harness.Pass || r.Without != cases.OK {
		t.Errorf("case 1.1.1: got %s, without %s", r.Outcome, r.Without)
	}
	r := results[1]
	if r.Outcome != harness.Fail || r.Without != cases.OK || !strings.Contains(r.Note, "without the gateway: pass, OK") || !strings.Contains(r.Note, "lost pong") {
		t.Errorf("case 2.2: got %s, without %s: %s", r.Outcome, r.Without, r.Note)
	}
}
