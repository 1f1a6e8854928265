package h3

import (
	"bufio"
	"cmp"
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/wsconform/wsconform/ws"
)

// A Server serves WebSockets over HTTP/3. Its fields must not change once it is in use.
type Server struct {
	// WebSocket answers the requests and has the connections. It may serve HTTP/1.1 and
	// HTTP/2 as well. Its MaxConns, MaxHandshakes, Accept.MaxHeaderBytes and
	// Accept.HandshakeTimeout hold. Required.
	WebSocket *ws.Server
	// TLS has the certificate. NextProtos is filled in. Required.
	TLS *tls.Config
	// MaxStreams bounds the requests of a connection that are open at a time. Zero means 256.
	MaxStreams int

	mu       sync.Mutex // guards the rest
	http     *http3.Server
	ctx      context.Context //nolint:containedctx // ends when no more connections are taken
	stop     context.CancelFunc
	guests   map[*guest]struct{} // connections of QUIC, those in their handshake included
	lonely   *list.List          // of *guest: those without a WebSocket, the oldest first
	serving  sync.WaitGroup      // connections
	timeout  time.Duration       // of a handshake; zero means no bound
	mischief float64             // that a connection may do at once
	again    float64             // and each second
	finished bool                // Shutdown or Close were called
}

const (
	defaultMaxStreams       = 256
	defaultMaxHandshakes    = 1024
	defaultHandshakeTimeout = 10 * time.Second
	// idleTime is how long a connection of a client may be without a WebSocket.
	idleTime = 10 * time.Second
	// keepAlive is how often a quiet connection shows that it is there: a peer of QUIC
	// takes 30 s of silence for the end.
	keepAlive = 10 * time.Second
	// streamWindow is how much of a stream may wait to be read, connWindow of all of a
	// connection.
	streamWindow, connWindow = 256 << 10, 9 << 20
	// uniStreams is how many streams in one direction the peer has at a time. HTTP/3 needs
	// three.
	uniStreams = 8
	// lingerTime is how long an end may take.
	lingerTime = time.Second
	// maxHeaderBytes bounds a request where the options do not, and a response.
	maxHeaderBytes = 16 << 10
)

// config is that of QUIC on both sides.
func config(streams int) *quic.Config {
	return &quic.Config{
		InitialStreamReceiveWindow: streamWindow, MaxStreamReceiveWindow: streamWindow,
		InitialConnectionReceiveWindow: 1 << 20, MaxConnectionReceiveWindow: connWindow,
		MaxIncomingStreams: int64(streams), MaxIncomingUniStreams: uniStreams,
		KeepAlivePeriod: keepAlive,
	}
}

// start makes the server, once.
func (s *Server) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.finished {
		return http.ErrServerClosed
	}
	if s.http != nil {
		return nil
	}
	if s.TLS == nil || s.WebSocket == nil {
		return errors.New("ws/h3: Server without TLS or WebSocket")
	}
	if err := s.WebSocket.Accept.Validate(); err != nil {
		return err
	}
	header := s.WebSocket.Accept.MaxHeaderBytes
	if header <= 0 {
		header = maxHeaderBytes
	}
	s.timeout = max(cmp.Or(s.WebSocket.Accept.HandshakeTimeout, defaultHandshakeTimeout), 0)
	s.mischief, s.again = cmp.Or(s.mischief, mischief), cmp.Or(s.again, mischiefEach)
	s.http = &http3.Server{Handler: Handler(s.WebSocket), MaxHeaderBytes: header, IdleTimeout: s.timeout}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.guests, s.lonely = make(map[*guest]struct{}), list.New()
	return nil
}

// Serve serves the clients of a UDP socket until Shutdown or Close is called, and then
// returns [http.ErrServerClosed]. The caller closes the socket.
func (s *Server) Serve(pc net.PacketConn) error {
	if err := s.start(); err != nil {
		return err
	}
	streams := s.MaxStreams
	if streams <= 0 {
		streams = defaultMaxStreams
	}
	conf := config(streams)
	conf.HandshakeIdleTimeout = s.timeout / 2 // QUIC gives up after twice as long
	transport := &quic.Transport{Conn: pc, ConnContext: s.arrive, VerifySourceAddress: s.doubts}
	defer transport.Close() //nolint:errcheck // the socket is the caller's
	ln, err := transport.ListenEarly(http3.ConfigureTLSConfig(s.TLS), conf)
	if err != nil {
		return err
	}
	defer ln.Close() //nolint:errcheck // as above
	for {
		qc, err := ln.Accept(s.ctx)
		if err == nil {
			s.enter(qc)
			continue
		}
		if s.ctx.Err() == nil {
			return err
		}
		within(2*lingerTime, s.serving.Wait) // until Shutdown or Close have ended the connections
		return http.ErrServerClosed
	}
}

// Shutdown closes the WebSockets as [ws.Server.Shutdown] does, those over other versions of
// HTTP included, and then the connections. It returns at most 3 s after ctx has ended.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.WebSocket.Shutdown(ctx)
	s.finish((*guest).leave)
	return err
}

// Close cuts all WebSockets and connections, and does not wait for handlers.
func (s *Server) Close() error {
	err := s.WebSocket.Close()
	s.finish(func(g *guest) { g.end(http3.ErrCodeNoError) })
	return err
}

// finish takes no more connections, and ends those there are.
func (s *Server) finish(end func(*guest)) {
	s.mu.Lock()
	s.finished = true
	if s.stop != nil {
		s.stop()
	}
	for g := range s.guests {
		if g.qc != nil { // others end with Serve
			go end(g)
		}
	}
	s.mu.Unlock()
	within(2*lingerTime, s.serving.Wait)
}

// within waits for f, no longer than that: handlers may hang.
func within(d time.Duration, f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(d):
	}
}

// Handler wraps h, a [ws.Server] or a handler that calls [ws.Accept], for an http3.Server
// of your own. With it h may return before a WebSocket has ended, and a WebSocket that is
// cut ends with a stream error.
func Handler(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		streamer, ok := w.(http3.HTTPStreamer)
		if !ok {
			h.ServeHTTP(w, r)
			return
		}
		own := &responseWriter{ResponseWriter: w, streamer: streamer, request: r}
		if g, ok := r.Context().Value(guestKey{}).(*guest); ok {
			own.guest = g
			own.bound()
			defer own.done()
		}
		h.ServeHTTP(own, r)
	})
}

// A responseWriter is a [http.Hijacker] for [ws.Accept].
type responseWriter struct {
	http.ResponseWriter
	streamer http3.HTTPStreamer
	request  *http.Request
	guest    *guest // nil on an http3.Server that is not ours
	status   int    // of the answer; 0 means 200, if there was one
	hijacked bool
}

// Unwrap is for [http.ResponseController].
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader begins the answer.
func (w *responseWriter) WriteHeader(status int) {
	if status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// bound bounds the rest of a request whose head has come, and the answer.
func (w *responseWriter) bound() {
	var read, write time.Time
	if d := w.guest.s.timeout; d > 0 {
		read = time.Now().Add(d)
		write = read.Add(lingerTime)
	}
	rc := http.NewResponseController(w.ResponseWriter)
	_ = errors.Join(rc.SetReadDeadline(read), rc.SetWriteDeadline(write)) // which a stream has
}

// done is the end of the handler.
func (w *responseWriter) done() {
	if !w.hijacked && w.status < 400 {
		w.guest.behaved()
	}
}

// Hijack gives the stream, once the response was flushed.
func (w *responseWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	ctx := w.request.Context()
	local, okLocal := ctx.Value(http.LocalAddrContextKey).(net.Addr)
	remote, okRemote := ctx.Value(http3.RemoteAddrContextKey).(net.Addr)
	if !okLocal || !okRemote {
		return nil, nil, errors.New("ws/h3: request without addresses")
	}
	st, err := w.streamer.HTTPStream()
	if err != nil {
		return nil, nil, err
	}
	w.hijacked = true
	w.request.Trailer = nil // those it has announced
	s := &stream{framed: st, local: local, remote: remote, trailers: &w.request.Trailer}
	if w.guest != nil {
		_ = s.SetDeadline(time.Time{}) // it never fails
		w.guest.hold()
		s.release, s.refuse = w.guest.release, w.guest.end
	}
	return &waiting{s, st.QUICStream()}, nil, nil
}
