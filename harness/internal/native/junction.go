package native

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/wsconform/wsconform/harness"
)

// A junction listens for the clients of any number of endpoints at one address, as a gateway
// forwards to one only. The first part of the path says which endpoint is meant; what has
// none goes to the only one that there is.
type junction struct {
	l  net.Listener
	wg sync.WaitGroup

	mu       sync.Mutex // guards the rest
	branches map[string]*branch
	made     int // branches so far
}

func newJunction(l net.Listener) *junction {
	j := &junction{l: l, branches: map[string]*branch{}}
	j.wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				if !harness.OutOfResources(err) {
					return
				}
				time.Sleep(maxAcceptPause)
				continue
			}
			j.wg.Go(func() { j.assign(nc) })
		}
	})
	return j
}

// close ends the junction when all of its branches are closed.
func (j *junction) close() {
	j.l.Close()
	j.wg.Wait()
}

// branch makes the listener of an endpoint.
func (j *junction) branch() *branch {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.made++
	b := &branch{junction: j, prefix: fmt.Sprintf("/wsconform-%d", j.made), conns: make(chan net.Conn), closed: make(chan struct{})}
	j.branches[b.prefix] = b
	return b
}

// assign hands a connection over once the first line of its request has come.
func (j *junction) assign(nc net.Conn) {
	nc.SetReadDeadline(time.Now().Add(openTimeout)) //nolint:errcheck // a broken connection shows in the next call
	line, err := readLine(nc)
	b := j.meant(line)
	if err != nil && len(line) == 0 || b == nil {
		if len(line) > 0 {
			respond(nc, refuse(503, "no case waits for this"))
		}
		nc.Close()
		return
	}
	nc.SetReadDeadline(time.Time{}) //nolint:errcheck // as above
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		nc.Close()
		return
	}
	select {
	case b.conns <- &replayed{TCPConn: tcp, early: line}:
	case <-b.closed:
		nc.Close()
	}
}

// readLine reads the first line of a request, and what comes along with it.
func readLine(nc net.Conn) ([]byte, error) {
	buf := make([]byte, 0, headBound)
	for bytes.IndexByte(buf, '\n') < 0 && len(buf) < headBound {
		n, err := nc.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err != nil {
			return buf, err
		}
	}
	return buf, nil
}

// meant is the branch that a request is for, nil if there is none.
func (j *junction) meant(request []byte) *branch {
	line, _, _ := strings.Cut(string(request), "\n")
	j.mu.Lock()
	defer j.mu.Unlock()
	_, rest, ok := strings.Cut(line, "/wsconform-")
	number, _, more := strings.Cut(rest, "/")
	if b := j.branches["/wsconform-"+number]; ok && more && b != nil {
		return b
	}
	if len(j.branches) == 1 {
		for _, b := range j.branches {
			return b
		}
	}
	return nil
}

// A branch is the listener of one endpoint at a [junction].
type branch struct {
	*junction
	prefix string // of its paths
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

// Accept returns the next connection that is for the endpoint.
func (b *branch) Accept() (net.Conn, error) {
	select {
	case nc := <-b.conns:
		return nc, nil
	case <-b.closed:
		return nil, net.ErrClosed
	}
}

// Close ends the branch, and not the junction.
func (b *branch) Close() error {
	b.once.Do(func() {
		close(b.closed)
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.branches, b.prefix)
	})
	return nil
}

// Addr is the address of the junction.
func (b *branch) Addr() net.Addr { return b.l.Addr() }

// A replayed connection reads what was read of it before once more.
type replayed struct {
	*net.TCPConn
	early []byte
}

func (r *replayed) Read(p []byte) (int, error) {
	if len(r.early) > 0 {
		n := copy(p, r.early)
		r.early = r.early[n:]
		return n, nil
	}
	return r.TCPConn.Read(p)
}
