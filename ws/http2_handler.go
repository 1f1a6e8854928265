package ws

import (
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"time"
)

// A handlerConn is a stream of HTTP/2 or HTTP/3 as an [http.Handler] has it: a request body and a
// ResponseWriter. They have deadlines that cannot be taken back, so there is a pipe for
// each direction, with a goroutine that copies.
type handlerConn struct {
	in, out       net.Conn // our ends
	local, remote net.Addr
	rc            *http.ResponseController
	written       chan struct{} // closed when nothing is written to the ResponseWriter any more
}

type handlerAddr string

func (handlerAddr) Network() string  { return "tcp" }
func (a handlerAddr) String() string { return string(a) }

// newHandlerConn takes over a request that was answered with 200. What it starts ends
// with Close or, at the latest, with the handler.
func newHandlerConn(w http.ResponseWriter, r *http.Request) *handlerConn {
	in, fromPeer := net.Pipe()
	out, toPeer := net.Pipe()
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		local = handlerAddr("")
	}
	c := &handlerConn{
		in: in, out: out, local: local, remote: handlerAddr(r.RemoteAddr),
		rc: http.NewResponseController(w), written: make(chan struct{}),
	}
	body := r.Body
	go func() {
		_, _ = io.Copy(struct{ io.Writer }{fromPeer}, body) // whatever ends it, the peer is gone
		_ = fromPeer.Close()
	}()
	go c.write(w, toPeer)
	context.AfterFunc(r.Context(), func() {
		_ = toPeer.Close()
		_ = fromPeer.Close()
	})
	return c
}

func (c *handlerConn) write(w http.ResponseWriter, from net.Conn) {
	defer close(c.written)
	defer from.Close()
	// Who returns from the handler with a Conn that is in use has net/http panic.
	defer func() { _ = recover() }()
	p := make([]byte, 16<<10)
	for {
		n, err := from.Read(p)
		if err != nil {
			return
		}
		if _, err = w.Write(p[:n]); err != nil {
			return
		}
		if err = c.rc.Flush(); err != nil {
			return
		}
	}
}

func (c *handlerConn) Read(p []byte) (int, error)  { return c.in.Read(p) }
func (c *handlerConn) Write(p []byte) (int, error) { return c.out.Write(p) }
func (c *handlerConn) LocalAddr() net.Addr         { return c.local }
func (c *handlerConn) RemoteAddr() net.Addr        { return c.remote }

// Close has the handler's return end the stream.
func (c *handlerConn) Close() error {
	_ = c.in.Close()
	_ = c.out.Close()
	_ = c.rc.SetWriteDeadline(time.Now().Add(lingerTime)) // a peer that reads nothing
	<-c.written
	return nil
}

func (c *handlerConn) SetReadDeadline(t time.Time) error  { return c.in.SetReadDeadline(t) }
func (c *handlerConn) SetWriteDeadline(t time.Time) error { return c.out.SetWriteDeadline(t) }

func (c *handlerConn) SetDeadline(t time.Time) error {
	_ = c.in.SetReadDeadline(t)
	return c.out.SetWriteDeadline(t)
}

// acceptHandler is accept over HTTP/2 and HTTP/3.
func (o *AcceptOptions) acceptHandler(w http.ResponseWriter, r *http.Request, info *handshakeInfo, opened func(*Conn) bool) (*Conn, error) {
	header := w.Header()
	maps.Copy(header, info.header)
	w.WriteHeader(http.StatusOK)
	rc := http.NewResponseController(w)
	if err := rc.Flush(); err != nil {
		return nil, opError("accept", err)
	}
	var nc net.Conn
	if r.ProtoMajor == 3 {
		nc, _, _ = rc.Hijack() // it may not be for us to have
	}
	if nc == nil {
		nc = newHandlerConn(w, r)
	}
	c, reject := o.open(nc, nil, info, opened)
	if reject != nil {
		_ = nc.Close()
		return nil, reject
	}
	c.opened()
	return c, nil
}
