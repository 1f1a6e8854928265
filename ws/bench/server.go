//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// A server is a library's process and connections to it.
type server struct {
	library
	*process
	addr string
}

func startServers(ctx context.Context, c config, list []library, deflate bool) ([]*server, error) {
	var all []*server
	for _, l := range list {
		s, err := startServer(ctx, c, l, deflate)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", l.name, err), stopServers(all))
		}
		all = append(all, s)
	}
	return all, nil
}

func startServer(ctx context.Context, c config, l library, deflate bool) (*server, error) {
	p, err := start(ctx, c, "server", l, fmt.Sprint(deflate))
	if err != nil {
		return nil, err
	}
	fields, err := p.answer()
	if err != nil {
		return nil, err
	}
	return &server{l, p, fields[0]}, nil
}

func stopServers(all []*server) error {
	var errs []error
	for _, s := range all {
		errs = append(errs, s.stop())
	}
	return errors.Join(errs...)
}

// servers measures the CPU time of an echo per message.
func servers(ctx context.Context, c config, list []library) error {
	t := newTable("server: CPU per message", list)
	for _, b := range bursts {
		t.column(b.String())
	}
	for range c.starts {
		if err := serverStart(ctx, c, t); err != nil {
			return err
		}
	}
	return t.print()
}

// serverStart is what one start of all servers adds to the table.
func serverStart(ctx context.Context, c config, t *table) (err error) {
	all, err := startServers(ctx, c, t.list, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopServers(all)) }()
	for i, b := range bursts {
		if err := serverBurst(ctx, c, all, b, t.columns[i]); err != nil {
			return err
		}
	}
	return nil
}

func serverBurst(ctx context.Context, c config, all []*server, b burst, col *column) error {
	loads := make([][]*load, len(all))
	defer func() {
		for _, l := range slices.Concat(loads...) {
			_ = l.nc.Close() // it has done its work
		}
	}()
	for i, s := range all {
		for range b.conns {
			l, err := newLoad(s, b)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			loads[i] = append(loads[i], l)
		}
	}
	for round := range c.rounds + 1 {
		for i, s := range all {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			before, err := s.cpu()
			if err != nil {
				return err
			}
			n, err := runLoads(loads[i], c.slice)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			after, err := s.cpu()
			if err != nil {
				return err
			}
			if round > 0 { // the first is for caches, pools and stacks to grow
				col.add(i, float64(after-before)/float64(n)/1e3)
			}
		}
	}
	return nil
}

// A load is one connection to a server. Its bytes are made beforehand.
type load struct {
	nc         net.Conn
	depth      int
	send, want []byte // one burst and its echo
	got        []byte
}

func newLoad(s *server, b burst) (*load, error) {
	l := &load{depth: b.depth}
	p := payload(b.size)
	for range b.depth {
		l.send = wsproto.AppendFrame(l.send, clientFrame(p))
		l.want = wsproto.AppendFrame(l.want, serverFrame(p))
	}
	if s.name == "raw" {
		l.want = l.send
	}
	l.got = make([]byte, len(l.want))
	var err error
	l.nc, err = connect(s, false)
	return l, err
}

// connect opens a connection and does the handshake, if there is one.
func connect(s *server, deflate bool) (net.Conn, error) {
	nc, err := net.Dial("tcp", s.addr)
	if err != nil || s.name == "raw" {
		return nc, err
	}
	offer := ""
	if deflate {
		offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
	}
	_, err = fmt.Fprintf(nc, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n%s\r\n", s.addr, wsproto.NewKey(), offer)
	if err != nil {
		return nil, errors.Join(err, nc.Close())
	}
	r := bufio.NewReader(nc)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return nil, errors.Join(err, nc.Close())
	}
	if resp.StatusCode != http.StatusSwitchingProtocols || r.Buffered() > 0 {
		return nil, errors.Join(fmt.Errorf("handshake answered with %s", resp.Status), nc.Close())
	}
	if deflate && resp.Header.Get("Sec-WebSocket-Extensions") == "" {
		return nil, errors.Join(errors.New("compression was not agreed on"), nc.Close())
	}
	return nc, nil
}

// payload is binary, and the same in every run.
func payload(n int) []byte {
	p := make([]byte, n)
	x := uint32(2463534242)
	for i := range p {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		p[i] = byte(x)
	}
	return p
}

func clientFrame(p []byte) wsproto.Frame {
	f := serverFrame(p)
	f.Masked, f.MaskKey = true, [4]byte{0x12, 0x34, 0x56, 0x78}
	return f
}

func serverFrame(p []byte) wsproto.Frame {
	return wsproto.Frame{Header: wsproto.Header{Fin: true, Opcode: wsproto.OpBinary}, Payload: p}
}

// runLoads keeps the connections busy and says how many messages that was.
func runLoads(loads []*load, d time.Duration) (messages int, err error) {
	var wg sync.WaitGroup
	counts := make([]int, len(loads))
	errs := make([]error, len(loads))
	end := time.Now().Add(d)
	for i, l := range loads {
		wg.Go(func() { counts[i], errs[i] = l.run(end) })
	}
	wg.Wait()
	for _, n := range counts {
		messages += n
	}
	return messages, errors.Join(errs...)
}

// turnTime is how long a single burst may take.
const turnTime = 30 * time.Second

func (l *load) run(end time.Time) (messages int, err error) {
	if err := l.nc.SetDeadline(end.Add(turnTime)); err != nil {
		return 0, err
	}
	// What does not fit into the socket has to be written while the echo is read.
	next, written := make(chan struct{}), make(chan error, 1)
	go func() {
		for range next {
			if _, err := l.nc.Write(l.send); err != nil {
				written <- err
				return
			}
		}
		written <- nil
	}()
	for time.Now().Before(end) && err == nil {
		select {
		case next <- struct{}{}:
			if messages/l.depth%compareEach == 0 {
				err = l.compare()
			} else {
				err = l.discard()
			}
			messages += l.depth
		case err = <-written:
			return messages, err
		}
	}
	close(next)
	return messages, errors.Join(err, <-written)
}

// compareEach is how often the echo of a burst is compared with what was sent: each
// time would make the load slower than the servers, which would wait for it then.
// Waiting costs them more processor time than they take for a large message.
const compareEach = 16

func (l *load) compare() error {
	if _, err := io.ReadFull(l.nc, l.got); err != nil {
		return err
	}
	if !bytes.Equal(l.got, l.want) {
		return errors.New("the echo is not what was sent")
	}
	return nil
}

// discard counts the bytes of the echo without having them copied.
func (l *load) discard() error {
	raw, err := l.nc.(*net.TCPConn).SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	left := l.got
	err = raw.Read(func(fd uintptr) bool {
		for len(left) > 0 {
			n, _, err := unix.Recvfrom(int(fd), left, unix.MSG_TRUNC)
			switch {
			case err == unix.EAGAIN: //nolint:errorlint // an errno
				return false
			case err == unix.EINTR: //nolint:errorlint // an errno
			case err != nil:
				failed = err
				return true
			case n == 0:
				failed = io.ErrUnexpectedEOF
				return true
			default:
				left = left[n:]
			}
		}
		return true
	})
	return errors.Join(err, failed)
}

// roundTrips measures the time of an echo, one connection, one message at a time.
func roundTrips(ctx context.Context, c config, list []library) (err error) {
	all, err := startServers(ctx, c, list, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopServers(all)) }()
	t := newTable("round trip: microseconds", list)
	for _, b := range []burst{{64, 1, 1}, {1 << 10, 1, 1}} {
		half, most := t.column(b.String()+" p50"), t.column(b.String()+" p99")
		loads := make([]*load, len(all))
		for i, s := range all {
			if loads[i], err = newLoad(s, b); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			defer loads[i].nc.Close()
		}
		for round := range 3*c.rounds + 1 {
			for i, l := range loads {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				times, err := l.roundTrips(500)
				if err != nil {
					return fmt.Errorf("%s: %w", all[i].name, err)
				}
				if round > 0 {
					half.add(i, times[len(times)/2].Seconds()*1e6)
					most.add(i, times[len(times)*99/100].Seconds()*1e6)
				}
			}
		}
	}
	return t.print()
}

// roundTrips times n round trips with calls that block, past Go's scheduler, and
// returns the times sorted.
func (l *load) roundTrips(n int) ([]time.Duration, error) {
	raw, err := l.nc.(*net.TCPConn).SyscallConn()
	if err != nil {
		return nil, err
	}
	var times []time.Duration
	var failed error
	err = raw.Control(func(fd uintptr) {
		if failed = unix.SetNonblock(int(fd), false); failed != nil {
			return
		}
		defer unix.SetNonblock(int(fd), true) //nolint:errcheck // it worked the first time
		for range n {
			start := time.Now()
			if _, failed = unix.Write(int(fd), l.send); failed != nil {
				return
			}
			for have := 0; have < len(l.got); {
				k, err := unix.Read(int(fd), l.got[have:])
				if k <= 0 || err != nil {
					failed = errors.Join(io.ErrUnexpectedEOF, err)
					return
				}
				have += k
			}
			times = append(times, time.Since(start))
		}
	})
	slices.Sort(times)
	return times, errors.Join(err, failed)
}
