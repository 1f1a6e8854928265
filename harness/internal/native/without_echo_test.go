package native

import (
	"context"
	"flag"
	"net"
	"net/url"
	"slices"
	"sync"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/cases/rfc"
	"github.com/wsconform/wsconform/fixtures/mutants"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws"
)

// serveWith starts the reference server with a handler of its own.
func serveWith(t *testing.T, handler func(context.Context, *ws.Conn) error) Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &ws.Server{Handler: handler, Accept: ws.AcceptOptions{Options: ws.Options{Deflate: &ws.Deflate{}}}}
	var serving sync.WaitGroup
	serving.Go(func() { s.Serve(l) })
	t.Cleanup(func() {
		l.Close()
		serving.Wait()
	})
	return Target{URL: &url.URL{Scheme: "ws", Host: l.Addr().String(), Path: "/"}}
}

// chat greets, reads, and now and then says something of its own.
func chat(ctx context.Context, c *ws.Conn) error {
	if err := c.Write(ctx, ws.MessageText, []byte(`{"hello":"you"}`)); err != nil {
		return err
	}
	for {
		if _, _, err := c.Read(ctx); err != nil {
			return err
		}
		if err := c.Write(ctx, ws.MessageText, []byte(`{"heard":"something"}`)); err != nil {
			return err
		}
	}
}

// picky ends the connection at any message.
func picky(ctx context.Context, c *ws.Conn) error {
	if _, _, err := c.Read(ctx); err != nil {
		return err
	}
	return c.Close(ws.StatusUnsupportedData, "what is that?")
}

// withoutEcho plays everything against a server that does not echo.
func withoutEcho(t *testing.T, target Target) (map[harness.Outcome]int, harness.Peer) {
	t.Helper()
	var peer harness.Peer
	results, _, err := testServer(t, target, Options{Options: runner.Options{
		NoEcho: true, Parallel: 8, Peer: func(p harness.Peer) { peer = p },
	}}, "*")
	if err != nil {
		t.Fatal(err)
	}
	counts := map[harness.Outcome]int{}
	for id, r := range results {
		counts[r.Outcome]++
		if r.Outcome != harness.Pass && r.Outcome != harness.Unsupported && r.Outcome != harness.Observed {
			t.Errorf("case %s: got %s, %s; %s\n%s", id, r.Outcome, r.Behavior, r.Reason, wireLog(r))
		}
		if r.Outcome == harness.Unsupported && r.Note == "" {
			t.Errorf("case %s: unsupported without a reason", id)
		}
	}
	return counts, peer
}

// A server that keeps the standard and does not echo passes what can be judged of it.
func TestWithoutEcho(t *testing.T) {
	if testing.Short() {
		t.Skip("plays whole suites")
	}
	counts, peer := withoutEcho(t, serveWith(t, chat))
	if counts[harness.Pass] < 240 || !slices.Equal(peer.Levels, []harness.PeerLevel{harness.Opens}) || len(peer.Refuses) > 0 {
		t.Errorf("got %v of %+v, want at least 240 passes of one that only opens", counts, peer)
	}
}

// One that ends connections at messages that it does not understand is played no case
// that sends such.
func TestWithoutEchoPicky(t *testing.T) {
	if testing.Short() {
		t.Skip("plays whole suites")
	}
	counts, peer := withoutEcho(t, serveWith(t, picky))
	if counts[harness.Pass] < 140 || !slices.Equal(peer.Refuses, []string{"text", "binary"}) {
		t.Errorf("got %v of %+v, want at least 140 passes of one that refuses text and binary messages", counts, peer)
	}
}

// A server that echoes is not taken for one that does not, nor the other way round.
func TestLevels(t *testing.T) {
	if testing.Short() {
		t.Skip("plays whole suites")
	}
	var got harness.Peer
	o := Options{Options: runner.Options{Peer: func(p harness.Peer) { got = p }, Declared: []cases.Need{cases.NeedSubprotocol}}}
	if _, _, err := testServer(t, serveWith(t, nil), o, "1.1.1"); err != nil {
		t.Fatal(err)
	}
	if want := []harness.PeerLevel{harness.Opens, harness.Echoes, harness.Declares}; !slices.Equal(got.Levels, want) || len(got.Control) > 0 {
		t.Errorf("got %+v, want the levels %v", got, want)
	}
	if _, _, err := testServer(t, serveWith(t, chat), Options{}, "1.1.1"); err == nil {
		t.Error("a server that does not echo was tested as if it did")
	}
}

// onlyEchoing are mutants whose fault shows in nothing but an echo.
var onlyEchoing = []string{"sum-ends", "length-wraps", "reset-spills"}

var everyUnechoed = flag.Bool("unechoed.all", false, "play every pair of a case without an echo and a mutant, not every sixth")

// TestWithoutEchoKills plays the RFC cases without an echo against the mutants that they
// kill with one. All the pairs take minutes, most of them spent waiting.
func TestWithoutEchoKills(t *testing.T) {
	if testing.Short() {
		t.Skip("plays whole suites")
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, 16)
	for i, c := range rfc.All() {
		un, ok := c.WithoutEcho()
		if !ok || i%6 != 0 && !*everyUnechoed {
			continue
		}
		for role, as := range map[mutants.Roles]cases.Role{mutants.Server: cases.Server, mutants.Client: cases.Client} {
			for _, name := range killers[c.ID] {
				m, _ := mutants.Find(name)
				if !c.For(as) || !m.Roles.Has(role) || slices.Contains(onlyEchoing, name) {
					continue
				}
				slots <- struct{}{}
				wg.Go(func() {
					defer func() { <-slots }()
					for range 3 {
						if r := playOne(t, m, role, hurry(un)); r.Outcome.Ran() && r.Behavior != cases.OK {
							return
						}
					}
					t.Errorf("%s %s, case %s: not killed", roleName(role), name, c.ID)
				})
			}
		}
	}
	wg.Wait()
}

// Every case of both catalogues is either played as it is, or says why it cannot be.
func TestUnechoedCases(t *testing.T) {
	n := map[bool]int{}
	for _, c := range catalogue.All() {
		un, ok := c.WithoutEcho()
		n[ok]++
		if ok == slices.Contains(c.Requires(), cases.NeedEcho) {
			t.Errorf("case %s: it needs %v, and can be played without an echo: %t", c.ID, c.Requires(), ok)
		}
		if !ok {
			continue
		}
		for _, op := range un.Ops() {
			if w, wait := op.(cases.WaitOp); wait && slices.Contains(w.Until, transcript.GotMessage) {
				t.Errorf("case %s: it waits for a message", c.ID)
			}
		}
		if _, again := un.WithoutEcho(); !again {
			t.Errorf("case %s: what is played needs an echo", c.ID)
		}
	}
	if n[true] < 250 {
		t.Errorf("%d cases of %d can be played", n[true], n[true]+n[false])
	}
}
