//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// clients measures the CPU time of sending a message and taking its echo.
func clients(ctx context.Context, c config, list []library) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer l.Close()
	wg.Go(func() { answerFrames(l, &wg) })

	t := newTable("client: CPU per message", list)
	for _, b := range bursts {
		t.column(b.String())
	}
	for range c.starts {
		if err := clientStart(ctx, c, l.Addr(), t); err != nil {
			return err
		}
	}
	return t.print()
}

// clientStart is what one start of all clients adds to the table.
func clientStart(ctx context.Context, c config, addr net.Addr, t *table) (err error) {
	var all []*process
	defer func() {
		for _, p := range all {
			err = errors.Join(err, p.stop())
		}
	}()
	for _, lib := range t.list {
		p, err := start(ctx, c, "client", lib)
		if err != nil {
			return err
		}
		all = append(all, p)
	}
	for k, b := range bursts {
		for round := range c.rounds + 1 {
			for i, p := range all {
				fields, err := p.ask(fmt.Sprintf("ws://%s/%d %d %d %d %d", addr, b.size, b.size, b.depth, b.conns, c.slice))
				if err != nil {
					return err
				}
				us, err := strconv.ParseFloat(fields[0], 64)
				if err != nil {
					return err
				}
				if round > 0 { // the first is for caches, pools and stacks to grow
					t.columns[k].add(i, us)
				}
			}
		}
	}
	return nil
}

// answerFrames is a server that knows how long the frames are, by the path, and
// so can answer without looking at them.
func answerFrames(l net.Listener, wg *sync.WaitGroup) {
	for {
		nc, err := l.Accept()
		if err != nil {
			return // it was closed
		}
		wg.Go(func() {
			defer nc.Close()
			if err := answerConn(nc); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) &&
				!strings.Contains(err.Error(), "reset") {
				fmt.Println("bench: answering a client:", err)
			}
		})
	}
}

func answerConn(nc net.Conn) error {
	br := bufio.NewReader(nc)
	r, err := http.ReadRequest(br)
	if err != nil {
		return err
	}
	size, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(nc, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: %s\r\n\r\n", wsproto.AcceptKey(r.Header.Get("Sec-WebSocket-Key")))
	if err != nil {
		return err
	}
	p := payload(size)
	frame := len(wsproto.AppendFrame(nil, clientFrame(p)))
	var echo []byte
	one := len(wsproto.AppendFrame(nil, serverFrame(p)))
	for range max(1, 64<<10/one) {
		echo = wsproto.AppendFrame(echo, serverFrame(p))
	}
	buf := make([]byte, 128<<10)
	for have := 0; ; {
		n, err := br.Read(buf)
		if err != nil {
			return err
		}
		have += n
		for have >= frame {
			k := min(have/frame, len(echo)/one)
			if _, err := nc.Write(echo[:k*one]); err != nil {
				return err
			}
			have -= k * frame
		}
	}
}

// A work is what the connections of one client process do in one turn.
type work struct {
	burst
	payload  []byte
	messages atomic.Int64
	over     atomic.Bool

	ready   sync.WaitGroup // those that still connect
	started chan struct{}
	busy    sync.WaitGroup // those that have not finished their last burst
}

// begin waits until all connections are open.
func (w *work) begin() {
	w.ready.Done()
	<-w.started
}

// next says after each burst whether another should follow.
func (w *work) next() bool {
	w.messages.Add(int64(w.depth))
	if w.over.Load() {
		w.busy.Done()
		return false
	}
	return true
}

// driveTurn is one turn in the client's process: the line has URL, size, depth,
// connections and time. The answer is the CPU time in microseconds per message.
func driveTurn(l library, line []string) (string, error) {
	var n [4]int
	for i := range n {
		var err error
		if n[i], err = strconv.Atoi(line[i+1]); err != nil {
			return "", err
		}
	}
	w := &work{burst: burst{n[0], n[1], n[2]}, payload: payload(n[0]), started: make(chan struct{})}
	w.ready.Add(w.conns)
	w.busy.Add(w.conns)
	done := make(chan error, w.conns)
	for range w.conns {
		go func() { done <- l.drive(line[0], w) }()
	}
	finished := make(chan struct{})
	var before, after time.Duration
	go func() {
		w.ready.Wait()
		before = selfCPU()
		close(w.started)
		time.Sleep(time.Duration(n[3]))
		w.over.Store(true)
		w.busy.Wait()
		after = selfCPU()
		close(finished)
	}()
	for range w.conns {
		if err := <-done; err != nil {
			return "", fmt.Errorf("%s: %w", l.name, err)
		}
	}
	<-finished
	return fmt.Sprintf("%f", float64(after-before)/float64(w.messages.Load())/1e3), nil
}

func (w *work) check(n int) error {
	if n != w.size {
		return fmt.Errorf("got an echo of %d bytes, want %d", n, w.size)
	}
	return nil
}
