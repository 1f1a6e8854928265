//go:build linux

package ws_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
)

// WSCONFORM_LOAD_CONNS has TestLoad open so many connections, for
// WSCONFORM_LOAD_TIME, a minute if it is not set. Without it the test is skipped:
// it is for a machine that has little else to do. Each side is a process of its own
// and needs as many open files, and some. It raises its limit of them, which takes
// CAP_SYS_RESOURCE beyond the hard one.
const (
	loadConnsVar = "WSCONFORM_LOAD_CONNS"
	loadTimeVar  = "WSCONFORM_LOAD_TIME"
	loadAddrsVar = "WSCONFORM_LOAD_ADDRS" // set for the process of the clients
)

const (
	loadPings      = 10 * time.Second
	loadBroadcasts = 2 * time.Second
)

// loadReport is what the clients saw.
type loadReport struct {
	Messages, Failed, Left int // Left are goroutines
	Delays                 spread
}

// TestLoad keeps many connections for a while, with pings and broadcasts, and wants
// the server's memory to stay as it is and nothing to be left in the end.
func TestLoad(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv(loadConnsVar))
	if n <= 0 || os.Getenv(loadAddrsVar) != "" {
		t.Skipf("%s is not set", loadConnsVar)
	}
	long := time.Minute
	if s := os.Getenv(loadTimeVar); s != "" {
		var err error
		if long, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	needFiles(t, n)
	before := runtime.NumGoroutine()
	base := settledMemory()

	s := &ws.Server{
		Handler: func(ctx context.Context, c *ws.Conn) error { _ = c.Discard(ctx); return nil },
		Accept:  ws.AcceptOptions{Options: ws.Options{PingInterval: loadPings}},
	}
	served := make(chan error, 2)
	var addrs []string
	for range 2 { // one address has not the ports for so many connections
		l := listen(t, "tcp", "127.0.0.1:0")
		addrs = append(addrs, l.Addr().String())
		go func() { served <- s.Serve(l) }()
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestLoadClients$", "-test.v")
	cmd.Env = append(os.Environ(), loadAddrsVar+"="+strings.Join(addrs, ","))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	next := func(prefix string) string {
		for lines.Scan() {
			if s, ok := strings.CutPrefix(lines.Text(), prefix); ok {
				return s
			}
			t.Log("clients: " + lines.Text())
		}
		t.Fatalf("got no %q from the clients", prefix)
		return ""
	}
	t.Logf("%d connections opened in %s", n, next("opened in "))

	tick := time.NewTicker(loadBroadcasts)
	defer tick.Stop()
	p := bytes.Repeat([]byte("x"), 128)
	var memory []int
	var took []time.Duration
	rounds := 0
	for begin, sample := time.Now(), time.Duration(0); time.Since(begin) < long; rounds++ {
		<-tick.C
		now := time.Now()
		binary.BigEndian.PutUint64(p, uint64(now.UnixNano()))
		if _, err := ws.Broadcast(s.Conns(), ws.MessageBinary, p); err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(now))
		if now.Sub(begin) >= sample {
			memory = append(memory, settledMemory()-base)
			sample += long / 6
		}
	}
	var latencies []time.Duration
	for c := range s.Conns() {
		latencies = append(latencies, c.Latency())
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	stop := time.Now()
	if err := s.Shutdown(ctx); err != nil {
		t.Errorf("got error %v of Shutdown", err)
	}
	for range 2 {
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}
	t.Logf("all closed in %v", time.Since(stop).Round(time.Millisecond))
	var report loadReport
	if err := json.Unmarshal([]byte(next("report ")), &report); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	t.Logf("broadcast every %v: sent in %v; arrived after %v", loadBroadcasts, percentiles(took), report.Delays)
	t.Logf("ping every %v: latency %v", loadPings, percentiles(latencies))
	for i, m := range memory {
		t.Logf("memory of the server, %d: %d MiB, %d bytes for each connection", i, m>>20, m/n)
	}
	if len(latencies) != n || report.Messages != n*rounds || report.Failed != 0 {
		t.Errorf("got %d connections in the end, %d messages, %d failures; want %d, %d, 0",
			len(latencies), report.Messages, report.Failed, n, n*rounds)
	}
	if long > 2*loadPings && slices.Contains(latencies, 0) {
		t.Error("got a connection without a pong")
	}
	// The first sample is from before the first pings.
	if early, last := memory[min(1, len(memory)-1)], memory[len(memory)-1]; last > early+early/10+1<<20 {
		t.Errorf("memory grew from %d to %d bytes", early, last)
	}
	if left := goroutinesLeft(before); left > 0 || report.Left > 0 {
		t.Errorf("got %d goroutines left, %d of the clients", left, report.Left)
	}
}

// TestLoadClients is the other process of TestLoad.
func TestLoadClients(t *testing.T) {
	if os.Getenv(loadAddrsVar) == "" {
		t.Skip("it is a part of TestLoad")
	}
	addrs := strings.Split(os.Getenv(loadAddrsVar), ",")
	n, _ := strconv.Atoi(os.Getenv(loadConnsVar))
	needFiles(t, n)
	before := runtime.NumGoroutine()
	var (
		readers, dialing sync.WaitGroup
		failed           atomic.Int64
		mu               sync.Mutex // guards delays
		delays           []time.Duration
	)
	read := func(c *ws.Conn) {
		var buf []byte
		for {
			_, p, err := c.ReadAppend(context.Background(), buf[:0])
			if err != nil {
				var ce *ws.CloseError
				if !errors.As(err, &ce) || ce.Code != ws.StatusGoingAway {
					failed.Add(1)
				}
				return
			}
			buf = p
			sent := time.Unix(0, int64(binary.BigEndian.Uint64(p)))
			mu.Lock()
			delays = append(delays, time.Since(sent))
			mu.Unlock()
		}
	}
	start := time.Now()
	turns := make(chan struct{}, 64)
	for i := range n {
		turns <- struct{}{}
		dialing.Go(func() {
			defer func() { <-turns }()
			c, err := ws.Dial(t.Context(), "ws://"+addrs[i%len(addrs)], &ws.DialOptions{
				Options: ws.Options{
					PingInterval:     -1,
					HandshakeTimeout: time.Minute,
				},
			})
			if err != nil {
				failed.Add(1)
				t.Error(err)
				return
			}
			readers.Go(func() { read(c) })
		})
	}
	dialing.Wait()
	fmt.Println("opened in", time.Since(start).Round(time.Millisecond))
	readers.Wait()
	report := loadReport{len(delays), int(failed.Load()), goroutinesLeft(before), percentiles(delays)}
	b, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("report", string(b))
}

// moreFiles is what a process needs beside its connections.
const moreFiles = 50

// needFiles lets the process open a file for each connection, or skips the test.
func needFiles(t *testing.T, n int) {
	t.Helper()
	var have syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &have); err != nil {
		t.Fatal(err)
	}
	need := uint64(n + moreFiles)
	if have.Cur >= need {
		return
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: need, Max: max(need, have.Max)}); err != nil {
		t.Skipf("%d connections need %d open files, and to raise the limit of %d: %v; without that, %s can be %d",
			n, need, have.Max, err, loadConnsVar, max(have.Max, moreFiles)-moreFiles)
	}
}

// goroutinesLeft gives those that are about to end the time to.
func goroutinesLeft(before int) int {
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(deadline); {
		runtime.GC() // takes its time
	}
	return max(runtime.NumGoroutine()-before, 0)
}

// settledMemory is what the process holds once the collector has run.
func settledMemory() int {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapInuse + m.StackInuse + m.MSpanInuse + m.MCacheInuse)
}

// spread is some percentiles.
type spread struct{ P50, P90, P99, Max time.Duration }

func (s spread) String() string {
	return fmt.Sprintf("p50 %v, p90 %v, p99 %v, max %v", s.P50, s.P90, s.P99, s.Max)
}

func percentiles(all []time.Duration) spread {
	if len(all) == 0 {
		return spread{}
	}
	slices.Sort(all)
	at := func(p int) time.Duration { return all[(len(all)-1)*p/100].Round(10 * time.Microsecond) }
	return spread{at(50), at(90), at(99), at(100)}
}
