package h3

import (
	"container/list"
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// A guest is a connection of QUIC to a [Server].
type guest struct {
	s *Server

	// The Server's mu guards what follows.
	qc    *quic.Conn    // nil during the handshake of QUIC
	place *list.Element // among those without a WebSocket; nil for others
	socks int           // WebSockets
	ended bool

	mu     sync.Mutex    // guards the rest
	spare  float64       // mischief that is left
	filled time.Time     // when there was more of it last
	open   int           // requests under way; WebSockets are none
	leaves chan struct{} // closed once there are none, of a connection that is to end; nil before
}

// guestKey is that of the guest in the context of its connection and requests.
type guestKey struct{}

const (
	// A connection may send this many requests that it resets or that are refused, and as many
	// more each second. Over HTTP/2 it is the same.
	mischief, mischiefEach = 2000, 200
)

var errCrowded = errors.New("too many connections without a WebSocket")

// maxHandshakes is how many connections may be without a WebSocket; negative means no bound.
func (s *Server) maxHandshakes() int {
	if n := s.WebSocket.MaxHandshakes; n != 0 {
		return n
	}
	return defaultMaxHandshakes
}

// arrive takes a connection that begins its handshake of QUIC, at the cost of the oldest one
// without a WebSocket if there are too many. If those are all in that handshake, which has
// its own bound of time, the new one is refused.
func (s *Server) arrive(ctx context.Context, _ *quic.ClientInfo) (context.Context, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if limit := s.maxHandshakes(); limit > 0 {
		for s.lonely.Len() >= limit {
			if !s.crowdOut() {
				return nil, errCrowded
			}
		}
	}
	g := &guest{s: s, spare: s.mischief, filled: time.Now()}
	g.place = s.lonely.PushBack(g)
	s.guests[g] = struct{}{}
	context.AfterFunc(ctx, g.forget) // also where the handshake fails
	return context.WithValue(ctx, guestKey{}, g), nil
}

// crowdOut ends the oldest connection without a WebSocket, with mu held.
func (s *Server) crowdOut() bool {
	for e := s.lonely.Front(); e != nil; e = e.Next() {
		if g := e.Value.(*guest); g.qc != nil { //nolint:forcetypeassert // nothing else is in it
			s.lonely.Remove(e)
			g.place = nil
			go g.end(http3.ErrCodeExcessiveLoad)
			return true
		}
	}
	return false
}

// doubts reports whether a client has to show first that its address is its own, which costs
// it a round trip: when there are many.
func (s *Server) doubts(net.Addr) bool {
	limit := s.maxHandshakes()
	s.mu.Lock()
	defer s.mu.Unlock()
	return limit > 0 && s.lonely.Len() >= limit/2
}

// enter serves a connection.
func (s *Server) enter(qc *quic.Conn) {
	g, ok := qc.Context().Value(guestKey{}).(*guest)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !ok || s.finished || g.ended {
		go qc.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "") //nolint:errcheck // it never fails
		return
	}
	g.qc = qc
	s.serving.Go(func() { g.serve(qc) })
}

// forget is the end of a connection.
func (g *guest) forget() {
	s := g.s
	s.mu.Lock()
	defer s.mu.Unlock()
	g.ended = true
	delete(s.guests, g)
	if g.place != nil {
		s.lonely.Remove(g.place)
		g.place = nil
	}
}

// end ends the connection at once.
func (g *guest) end(code http3.ErrCode) {
	_ = g.qc.CloseWithError(quic.ApplicationErrorCode(code), "") // it never fails
}

// leave ends the connection once its requests were answered and the client has had time to
// read that.
func (g *guest) leave() {
	g.mu.Lock()
	if g.leaves == nil {
		g.leaves = make(chan struct{})
		if g.open == 0 {
			close(g.leaves)
		}
	}
	g.mu.Unlock()
	select {
	case <-g.leaves:
	case <-time.After(lingerTime):
	case <-g.qc.Context().Done():
	}
	select {
	case <-time.After(min(lingerTime, 50*time.Millisecond+3*g.qc.ConnectionStats().SmoothedRTT)):
	case <-g.qc.Context().Done():
	}
	g.end(http3.ErrCodeNoError)
}

// serve takes the streams of the connection.
func (g *guest) serve(qc *quic.Conn) {
	raw, err := g.s.http.NewRawServerConn(qc)
	if err != nil {
		g.end(http3.ErrCodeInternalError)
		return
	}
	defer raw.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "") //nolint:errcheck // it never fails
	go g.serveUni(qc, raw)
	for {
		st, err := qc.AcceptStream(context.Background()) // it ends with the connection
		switch {
		case err != nil:
			return
		case !g.bears():
			g.end(http3.ErrCodeExcessiveLoad)
			return
		case !g.begin():
			st.CancelRead(quic.StreamErrorCode(http3.ErrCodeRequestRejected))
			st.CancelWrite(quic.StreamErrorCode(http3.ErrCodeRequestRejected))
			continue
		}
		if g.s.timeout > 0 {
			_ = st.SetReadDeadline(time.Now().Add(g.s.timeout)) // it never fails
		}
		go func() {
			defer g.finished()
			raw.HandleRequestStream(st)
		}()
	}
}

// begin counts a request, unless the connection is about to end.
func (g *guest) begin() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.leaves != nil {
		return false
	}
	g.open++
	return true
}

// finished is the end of a request, or the begin of a WebSocket.
func (g *guest) finished() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open--; g.open == 0 && g.leaves != nil {
		close(g.leaves)
	}
}

// serveUni takes the streams that go in the client's direction alone. It has few at a time,
// and hardly needs others once those have ended.
func (g *guest) serveUni(qc *quic.Conn, raw *http3.RawServerConn) {
	for n := 0; ; n++ {
		st, err := qc.AcceptUniStream(context.Background()) // as above
		switch {
		case err != nil:
			return
		case n >= uniStreams && !g.bears():
			g.end(http3.ErrCodeExcessiveLoad)
			return
		}
		go raw.HandleUnidirectionalStream(st) // it reads until the connection ends
	}
}

// bears reports whether the connection may send another request. It counts as mischief until
// it has behaved.
func (g *guest) bears() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	g.spare = min(g.s.mischief, g.spare+g.s.again*now.Sub(g.filled).Seconds())
	g.filled = now
	g.spare--
	return g.spare >= 0
}

// behaved takes the mischief of a request back.
func (g *guest) behaved() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.spare++
}

// hold counts a WebSocket. With one the connection is no handshake any more.
func (g *guest) hold() {
	s := g.s
	s.mu.Lock()
	defer s.mu.Unlock()
	g.socks++
	if g.place != nil {
		s.lonely.Remove(g.place)
		g.place = nil
	}
}

// release is the end of a WebSocket.
func (g *guest) release(reset bool) {
	if !reset {
		g.behaved()
	}
	s := g.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.socks--; g.socks == 0 && !g.ended {
		g.place = s.lonely.PushBack(g)
	}
}
