package native

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/fixtures/mutants"
	"github.com/wsconform/wsconform/fixtures/mutants/gateway"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/agent"
	"github.com/wsconform/wsconform/internal/pattern"
)

// clientPassage plays cases with a client before a gateway, a mutant in this process or one
// that is started.
func clientPassage(t *testing.T, client string, m gateway.Mutant, how string, list []cases.Case) (results []harness.Result, err error) {
	t.Helper()
	back := loopback(t)
	var o Options
	s := gatewayService(t, how, back.Addr().String())
	var at *url.URL
	if how == "" {
		ctx, cancel := context.WithCancel(t.Context())
		front := loopback(t)
		at = &url.URL{Scheme: "ws", Host: front.Addr().String(), Path: "/"}
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := gateway.Serve(ctx, front, back.Addr().String(), m); err != nil {
				t.Error(err)
			}
		})
		defer wg.Wait()
		defer cancel()
	} else {
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.AnyPort, o.Service, at = false, s, s.URL
	}
	p := Passage{
		Gateway: Target{URL: at}, Origin: back,
		Client: runner.Driver{Command: []string{"/usr/bin/env", driverVariable + "=" + client, os.Args[0], "{url}"}, Idle: 15 * time.Second},
	}
	err = TestPassage(t.Context(), p, list, o, func(r harness.Result) { results = append(results, r) })
	return results, err
}

// clientSample is every nth case of both suites that clients play, and 5.15, of those that
// are light.
func clientSample(n int) []cases.Case {
	var list []cases.Case
	for i, c := range catalogue.All() {
		if (i%n == 0 || c.ID == "5.15") && c.For(cases.Client) && c.Load == cases.Light && !c.Slow {
			list = append(list, c)
		}
	}
	return list
}

// What forwards the bytes of TCP, and a sound gateway, change no verdict on a client, be it
// sound or faulty. What they may change is named.
func TestClientsThroughGateway(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for peers that hang")
	}
	t.Parallel()
	for _, row := range []struct {
		client string
		m      gateway.Mutant
	}{
		{mutants.Conformant.Name, gateway.Passthrough}, {mutants.Conformant.Name, gateway.Plain}, {"orphan-skipped", gateway.Passthrough},
	} {
		t.Run(row.client+" "+row.m.Name, func(t *testing.T) {
			t.Parallel()
			list := clientSample(7)
			results, err := clientPassage(t, row.client, row.m, "", list)
			if err != nil || len(results) != len(list) {
				t.Fatalf("got error %v and %d results, want %d", err, len(results), len(list))
			}
			fails, added := 0, false
			for _, r := range results {
				if r.Outcome.Ran() && !r.Unplayed && r.Behavior != r.Without || r.Outcome == harness.Fail || !r.Outcome.Ran() {
					t.Errorf("case %s: %s, %s; without the gateway %s: %s", r.Case, r.Outcome, r.Behavior, r.Without, r.Note)
				}
				if strings.HasPrefix(r.Note, "the client fails the case without the gateway, too") {
					fails++
				}
				added = added || strings.Contains(r.Note, "the gateway: added the field X-Forwarded-For")
			}
			if want := row.client != mutants.Conformant.Name; want != (fails > 0) {
				t.Errorf("the client fails %d cases with and without the gateway", fails)
			}
			if want := row.m.Name == gateway.Plain.Name; want != added {
				t.Errorf("that the gateway adds a field is said: %t", added)
			}
		})
	}
}

// What a gateway breaks fails the case, and the result says what the client does without it.
func TestClientsThroughGatewayChanged(t *testing.T) {
	t.Parallel()
	m, ok := gateway.Find("pongs-lost")
	if !ok {
		t.Fatal("no such gateway")
	}
	list, err := pattern.Select(catalogue.All(), []string{"1.1.1", "2.2"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	results, err := clientPassage(t, mutants.Conformant.Name, m, "", list)
	if err != nil || len(results) != 2 {
		t.Fatalf("got error %v and %d results, want 2", err, len(results))
	}
	if r := results[0]; r.Outcome != harness.Pass || r.Without != cases.OK {
		t.Errorf("case 1.1.1: got %s, without %s", r.Outcome, r.Without)
	}
	if r := results[1]; r.Outcome != harness.Fail || r.Without != cases.OK || !strings.Contains(r.Note, "without the gateway: pass, OK") || !strings.Contains(r.Note, "lost pong") {
		t.Errorf("case 2.2: got %s, without %s: %s", r.Outcome, r.Without, r.Note)
	}
}

// A gateway that ends or hangs in a case is named, and not the client, which ends with it or
// waits. The other cases have their verdicts.
func TestClientsGatewayEnds(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for peers that hang")
	}
	t.Parallel()
	list, err := pattern.Select(catalogue.All(), []string{"1.1.1", "1.1.2", "1.1.3"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for verb, want := range map[string]struct {
		outcome harness.Outcome
		note    string
	}{
		"ends":  {harness.Crash, "in each of two plays, the gateway ended while the case was played: the agent exited (exit status 9)"},
		"hangs": {harness.Timeout, "in each of two plays, the gateway hangs: it forwards neither the case nor a plain message behind it"},
	} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			results, err := clientPassage(t, mutants.Conformant.Name, gateway.Mutant{}, verb+" \x81\xfd", list) // the echo of 125 bytes
			if end, ok := errors.AsType[*harness.UntestableError](err); ok && verb == "hangs" && end.Cause == harness.CauseHang {
				t.Log("a busy machine has seen more hangs than are borne; the gateway is blamed for them, too")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := map[cases.ID]harness.Result{}
			for _, r := range results {
				got[r.Case] = r
			}
			for _, id := range []cases.ID{"1.1.1", "1.1.3"} {
				if r := got[id]; r.Outcome != harness.Pass {
					t.Errorf("case %s: got %s: %s", id, r.Outcome, r.Note)
				}
			}
			if r := got["1.1.2"]; r.Outcome != want.outcome || !strings.Contains(r.Note, want.note) {
				t.Errorf("case 1.1.2: got %s: %s", r.Outcome, r.Note)
			}
		})
	}
}

// A gateway that forwards nothing cannot be tested, and says why.
func TestClientsGatewayForwardsNothing(t *testing.T) {
	t.Parallel()
	list, err := pattern.Select(catalogue.All(), []string{"1.1.1"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	back := loopback(t)
	port, err := agent.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	p := Passage{Gateway: Target{URL: &url.URL{Scheme: "ws", Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}}, Origin: back, Client: runner.Driver{Command: []string{"none"}}}
	err = TestPassage(t.Context(), p, list, Options{}, func(r harness.Result) { t.Errorf("got %+v", r) })
	var end *harness.UntestableError
	if !errors.As(err, &end) || end.Cause != harness.CauseEcho || !strings.Contains(err.Error(), "it forwards no client to the origin") {
		t.Errorf("got %v, want that it forwards nothing", err)
	}
}

// Requests find their endpoint by the first part of the path, whatever a gateway puts before
// it. One without it goes to the only endpoint, or is refused.
func TestJunction(t *testing.T) {
	t.Parallel()
	j := newJunction(loopback(t))
	defer j.close()
	one := j.branch()
	request := func(path string) net.Conn {
		nc, err := net.Dial("tcp", one.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		nc.SetDeadline(time.Now().Add(20 * time.Second))
		io.WriteString(nc, "GET "+path+" HTTP/1.1\r\nHost: x\r\n")
		return nc
	}
	accept := func(b *branch, want string) {
		t.Helper()
		nc, err := b.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		buf := make([]byte, len(want))
		if _, err := io.ReadFull(nc, buf); err != nil || string(buf) != want {
			t.Errorf("got %q, %v, want %q", buf, err, want)
		}
	}
	defer request("/runCase").Close()
	accept(one, "GET /runCase HTTP/1.1\r\nHost: x\r\n")
	two := j.branch()
	for _, path := range []string{two.prefix + "/runCase?case=1", "/app" + two.prefix + "/x", "http://x" + two.prefix + "/x"} {
		defer request(path).Close()
		accept(two, "GET "+path+" ")
	}
	defer request(one.prefix + "/y").Close()
	accept(one, "GET "+one.prefix+"/y ")
	for _, path := range []string{"/runCase", "/wsconform-99/x"} {
		nc := request(path)
		answer, _ := io.ReadAll(nc)
		if !strings.HasPrefix(string(answer), "HTTP/1.1 503 ") {
			t.Errorf("%s: got %q", path, answer)
		}
		nc.Close()
	}
	if err := errors.Join(one.Close(), two.Close(), two.Close()); err != nil {
		t.Error(err)
	}
	if _, err := two.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("behind its end: got %v", err)
	}
	if len(j.branches) != 0 || !slices.Equal([]string{one.prefix, two.prefix}, []string{"/wsconform-1", "/wsconform-2"}) {
		t.Errorf("got %v, %s and %s", j.branches, one.prefix, two.prefix)
	}
}
