package native

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/fixtures/mutants"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/pattern"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// serveEach accepts connections and hands each, with its number from 0, to serve.
func serveEach(t *testing.T, serve func(i int, nc net.Conn)) Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		for i := 0; ; i++ {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer nc.Close()
				serve(i, nc)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		served.Wait()
	})
	return Target{URL: &url.URL{Scheme: "ws", Host: l.Addr().String(), Path: "/"}}
}

// echoing plays an echo server on one connection.
func echoing(nc net.Conn) {
	accepting(func(nc net.Conn, _ *bufio.Reader) { (&wirePeer{nc: nc}).serve(echoes) })(nc, bufio.NewReader(nc))
}

// busy refuses a handshake.
func busy(nc net.Conn) {
	_, _ = readHead(bufio.NewReader(nc))
	_, _ = io.WriteString(nc, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

// dropping completes the handshake, and drops the connection when a frame comes.
func dropping(nc net.Conn) {
	accepting(func(nc net.Conn, _ *bufio.Reader) {
		(&wirePeer{nc: nc}).serve(func(*wirePeer, wsproto.Frame) bool { return false })
	})(nc, bufio.NewReader(nc))
}

// testServer plays cases. The last result of each counts.
func testServer(t *testing.T, target Target, o Options, patterns ...string) (map[cases.ID]harness.Result, runner.Report, error) {
	t.Helper()
	list, err := pattern.Select(catalogue.All(), patterns, nil)
	if err != nil {
		t.Fatal(err)
	}
	results := map[cases.ID]harness.Result{}
	report, err := TestServer(t.Context(), target, list, o, func(r harness.Result) { results[r.Case] = r })
	return results, report, err
}

// A server that never sends anything passes the cases in which nothing is to be sent. It
// is not tested.
func TestServerThatDoesNotEcho(t *testing.T) {
	patterns := []string{"7.9.*", "7.3.2", "7.3.6", "7.5.1"}
	target := serveEach(t, func(_ int, nc net.Conn) { dropping(nc) })
	results, _, err := testServer(t, target, Options{}, patterns...)
	if dead := new(harness.UntestableError); !errors.As(err, &dead) || dead.Cause != harness.CauseEcho || len(results) > 0 {
		t.Errorf("got error %v and %d results, want an UntestableError about the echo and none", err, len(results))
	}
	if results, report, err := testServer(t, target, Options{Options: runner.Options{AnyPeer: true}}, patterns...); err != nil || report.Echoed || len(results) != 12 {
		t.Errorf("any peer: got error %v, echoed %t and %d results, want false and 12", err, report.Echoed, len(results))
	}
}

// One missed echo does not condemn a server.
func TestServerThatMissesAnEcho(t *testing.T) {
	target := serveEach(t, func(i int, nc net.Conn) {
		if i == 0 {
			dropping(nc)
		} else {
			echoing(nc)
		}
	})
	results, report, err := testServer(t, target, Options{}, "1.1.*")
	if counts := count(results); err != nil || !report.Echoed || counts[harness.Pass] != 8 {
		t.Errorf("got %v, error %v, echoed %t, want 8 passes", counts, err, report.Echoed)
	}
}

// A server that refuses connections for want of room fails no case for that.
func TestServerWithLittleRoom(t *testing.T) {
	var open atomic.Int32
	room := func(n int32) func(int, net.Conn) {
		return func(_ int, nc net.Conn) {
			defer open.Add(-1)
			if open.Add(1) > n {
				busy(nc)
			} else {
				echoing(nc)
			}
		}
	}
	for _, test := range []struct {
		name  string
		serve func(i int, nc net.Conn)
	}{
		{"one slot", room(1)},
		{"three slots", room(3)},
		{"every second connection", func(i int, nc net.Conn) {
			if i%2 == 0 {
				echoing(nc)
			} else {
				busy(nc)
			}
		}},
		{"every second connection, reset", func(i int, nc net.Conn) {
			if i%2 == 0 {
				echoing(nc)
			} else {
				reset(nc)
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			results, report, err := testServer(t, serveEach(t, test.serve), Options{}, "1.*")
			if counts := count(results); err != nil || !report.Survived || counts[harness.Pass] != 16 {
				t.Errorf("got %v, error %v, survived %t, want 16 passes", counts, err, report.Survived)
			}
		})
	}
}

// everySecond resets every second connection as soon as it is there.
type everySecond struct {
	net.Listener
	n int
}

func (l *everySecond) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if l.n++; err != nil || l.n%2 == 1 {
			return nc, err
		}
		reset(nc)
		nc.Close()
	}
}

// A conformant server that resets every second connection on arrival fails no case for that,
// whatever the case changes in the handshake, and however many connections it takes.
func TestServerThatResets(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for peers that hang")
	}
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- mutants.Conformant.Serve(ctx, &everySecond{Listener: l}) }()
	defer func() {
		cancel()
		<-served
	}()
	target := Target{URL: &url.URL{Scheme: "ws", Host: l.Addr().String(), Path: "/"}}
	for _, test := range []struct {
		name     string
		parallel int
		patterns []string
	}{
		{"frames", 0, []string{"1.*", "2.*", "5.*", "7.*"}},
		{"handshakes and several connections", 0, []string{"H.*", "X.*", "C.1.*", "D.1.*", "F.*", "M.*"}},
		{"one at a time", 1, []string{"H.*", "X.*", "C.1.7", "C.1.8", "F.1.1", "F.1.10", "M.1.5", "D.1.6"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			results, report, err := testServer(t, target, Options{Options: runner.Options{Parallel: test.parallel}}, test.patterns...)
			if err != nil || !report.Survived {
				t.Errorf("got error %v, survived %t, want neither an error nor an end", err, report.Survived)
			}
			for id, r := range results {
				if r.Outcome == harness.Fail || r.Outcome == harness.NotRun || r.Outcome == harness.Blocked {
					t.Errorf("case %s: got %s, %s, %s, want no failure", id, r.Summary(), r.Reason, r.Note)
				}
			}
		})
	}
}

// A randomReset resets connections on arrival by chance.
type randomReset struct {
	net.Listener
	chance float64
	random *rand.Rand // of Accept, which one goroutine calls
}

func (l *randomReset) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil || l.random.Float64() >= l.chance {
			return nc, err
		}
		reset(nc)
		nc.Close()
	}
}

// A conformant server that resets connections at random fails no case for that either, and is
// not found to be gone or unfit for one unlucky probe.
func TestServerThatResetsAtRandom(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for peers that hang")
	}
	for seed := range *resetSeeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			served := make(chan error, 1)
			random := &randomReset{Listener: l, chance: []float64{0.3, 0.5, 0.1}[seed%3], random: rand.New(rand.NewPCG(uint64(seed), 1))}
			go func() { served <- mutants.Conformant.Serve(ctx, random) }()
			defer func() {
				cancel()
				<-served
			}()
			target := Target{URL: &url.URL{Scheme: "ws", Host: l.Addr().String(), Path: "/"}}
			results, report, err := testServer(t, target, Options{Options: runner.Options{Parallel: []int{0, 1}[seed%2]}}, "H.1.2*", "X.1.1*", "1.1.*", "2.*", "12.1.1", "C.1.7")
			if err != nil || !report.Survived {
				t.Errorf("got error %v, survived %t, want neither an error nor an end", err, report.Survived)
			}
			for id, r := range results {
				if r.Outcome == harness.Fail || r.Outcome == harness.NotRun || r.Outcome == harness.Blocked {
					t.Errorf("case %s: got %s, %s, %s, want no failure", id, r.Summary(), r.Reason, r.Note)
				}
			}
		})
	}
}

var resetSeeds = flag.Int("resets.seeds", 6, "how many random sequences of resets TestServerThatResetsAtRandom plays")

// A server that resets a request that a case has edited fails for it, after a few tries if it
// takes standard ones, and after many if it turns some of these away too.
func TestServerThatResetsRequests(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for peers that hang")
	}
	for _, test := range []struct {
		name     string
		fickle   bool
		min, max int32 // requests that it resets
	}{{"takes standard ones", false, settled, settled}, {"turns every second connection away", true, 3, reopenings + 1}} {
		t.Run(test.name, func(t *testing.T) {
			var resets atomic.Int32
			target := serveEach(t, func(i int, nc net.Conn) {
				if test.fickle && i%2 == 1 {
					reset(nc)
					return
				}
				r := bufio.NewReader(nc)
				h, err := readHead(r)
				if err != nil {
					return
				}
				if value, _ := h.One("Connection"); value == "keep-alive, Upgrade" {
					resets.Add(1)
					reset(nc)
					return
				}
				_, _ = io.WriteString(nc, accepted(h, nil, "", ""))
				(&wirePeer{nc: nc}).serve(echoes)
			})
			results, _, err := testServer(t, target, Options{Options: runner.Options{Parallel: 1}}, "1.1.1", "H.1.23")
			if r := results["H.1.23"]; err != nil || r.Outcome != harness.Fail || (r.Note != "") != test.fickle {
				t.Errorf("got %s, note %q, error %v, want a failure", r.Summary(), r.Note, err)
			}
			if n := resets.Load(); n < test.min || n > test.max {
				t.Errorf("got %d requests, want %d to %d", n, test.min, test.max)
			}
		})
	}
}

// A server that refuses what cases offer is found to do so once.
func TestServerThatRefusesOffers(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for peers that hang")
	}
	var refusals atomic.Int32
	target := serveEach(t, func(_ int, nc net.Conn) {
		r := bufio.NewReader(nc)
		h, err := readHead(r)
		if err != nil {
			return
		}
		if _, ok := h.One("Sec-Websocket-Extensions"); ok {
			refusals.Add(1)
			_, _ = io.WriteString(nc, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			return
		}
		_, _ = io.WriteString(nc, accepted(h, nil, "", ""))
		(&wirePeer{nc: nc}).serve(echoes)
	})
	results, _, err := testServer(t, target, Options{Options: runner.Options{Parallel: 1}}, "1.1.1", "12.1.*")
	if counts := count(results); err != nil || counts[harness.Pass] != 1 || counts[harness.Fail] != 18 {
		t.Errorf("got %v, error %v, want a pass and 18 failures", counts, err)
	}
	if n := refusals.Load(); n > 18+20 {
		t.Errorf("got %d handshakes with offers for 18 cases, want at most 38", n)
	}
}

func count(results map[cases.ID]harness.Result) map[harness.Outcome]int {
	counts := map[harness.Outcome]int{}
	for _, r := range results {
		counts[r.Outcome]++
	}
	return counts
}

// What a server does after its close frame is judged by the cases. It echoes all the same.
func TestServerThatTalksAfterItsClose(t *testing.T) {
	target := serveEach(t, func(_ int, nc net.Conn) {
		accepting(func(nc net.Conn, _ *bufio.Reader) {
			(&wirePeer{nc: nc}).serve(func(p *wirePeer, f wsproto.Frame) bool {
				more := echoes(p, f)
				if f.Opcode == wsproto.OpClose {
					_, _ = nc.Write([]byte("\x81\x04late"))
				}
				return more
			})
		})(nc, bufio.NewReader(nc))
	})
	results, report, err := testServer(t, target, Options{}, "1.1.1", "7.1.1")
	if counts := count(results); err != nil || !report.Survived || counts[harness.Fail] != 2 {
		t.Errorf("got %v, error %v, survived %t, want 2 failures and a server that echoes", counts, err, report.Survived)
	}
}
