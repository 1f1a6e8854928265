package passive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// A Recorder listens, forwards each connection to another address, byte for byte, and
// judges what both ends send.
type Recorder struct {
	To string // host and port
	// Capture, if set, gets the connections as a capture (pcap) with made up packets of
	// TCP, which [Capture] and other programs read.
	Capture io.Writer
	Done    func(*Conn) // gets each connection when it has ended; one at a time

	mu      sync.Mutex // guards Done, and the writer
	packets *writer
	fault   error
}

// dialWait is how long the other address may take to answer.
const dialWait = 10 * time.Second

// Serve forwards connections until ctx ends. It closes l, ends the connections, and returns
// when all were handed to Done. The error is that of the listener or of Capture.
func (r *Recorder) Serve(ctx context.Context, l net.Listener) error {
	if r.Capture != nil {
		var err error
		if r.packets, err = newWriter(r.Capture); err != nil {
			return errors.Join(err, l.Close())
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	context.AfterFunc(ctx, func() { l.Close() })
	err := error(nil)
	for {
		nc, acceptErr := l.Accept()
		if acceptErr != nil {
			if ctx.Err() == nil {
				err = acceptErr
			}
			break
		}
		wg.Go(func() { r.forward(ctx, nc) })
	}
	cancel()
	wg.Wait()
	return errors.Join(err, r.fault)
}

// forward forwards one connection.
func (r *Recorder) forward(ctx context.Context, client net.Conn) {
	defer client.Close()
	dialing, cancel := context.WithTimeout(ctx, dialWait)
	server, err := new(net.Dialer).DialContext(dialing, "tcp", r.To)
	cancel()
	if err != nil {
		reset(client)
		return
	}
	defer server.Close()
	stop := context.AfterFunc(ctx, func() {
		client.SetDeadline(time.Unix(1, 0)) //nolint:errcheck // closed already
		server.SetDeadline(time.Unix(1, 0)) //nolint:errcheck // closed already
	})
	defer stop()
	flow := &flow{r: r, conn: Conn{Name: fmt.Sprintf("%v to %s", client.RemoteAddr(), r.To)}}
	if r.packets != nil {
		flow.wire = r.packets.connection(client.RemoteAddr(), server.RemoteAddr())
	}
	var wg sync.WaitGroup
	wg.Go(func() { flow.copy(Client, server, client) })
	wg.Go(func() { flow.copy(Server, client, server) })
	wg.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.Done != nil {
		r.Done(&flow.conn)
	}
}

// A flow is one connection that is forwarded.
type flow struct {
	r    *Recorder
	mu   sync.Mutex // guards the rest
	conn Conn
	wire *connection // nil without a capture
}

// copy forwards one direction, and how it ends. The other end sees the bytes before they
// are judged, so that nothing waits for us.
func (f *flow) copy(by End, to, from net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			_, writeErr := to.Write(buf[:n])
			f.take(by, buf[:n])
			if writeErr != nil {
				reset(from)
				return
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			f.end(by, false)
			if half, ok := to.(interface{ CloseWrite() error }); ok {
				half.CloseWrite() //nolint:errcheck // it may be gone
			}
			return
		default:
			f.end(by, true)
			reset(to)
			return
		}
	}
}

func (f *flow) take(by End, p []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.write(func(c *connection) error { return c.data(by, p) }) // before they are unmasked
	f.conn.Take(by, p)
}

func (f *flow) end(by End, broken bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.write(func(c *connection) error { return c.end(by, broken) })
	f.conn.End(by)
}

// write adds to the capture. After its first error there is none.
func (f *flow) write(do func(*connection) error) {
	if f.wire == nil {
		return
	}
	f.r.mu.Lock()
	defer f.r.mu.Unlock()
	if f.r.fault == nil {
		if err := do(f.wire); err != nil {
			f.r.fault = fmt.Errorf("write the capture: %w", err)
		}
	}
}

// reset ends a connection so that the other end sees that something is wrong.
func reset(nc net.Conn) {
	if tcp, ok := nc.(*net.TCPConn); ok {
		tcp.SetLinger(0) //nolint:errcheck // then it is an end in order
	}
	nc.Close()
}
