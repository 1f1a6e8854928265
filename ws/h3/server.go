package h3

import (
	"bufio"
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
	// HTTP/2 as well. Its MaxConns and Accept.MaxHeaderBytes hold. Required.
	WebSocket *ws.Server
	// TLS has the certificate. NextProtos is filled in. Required.
	TLS *tls.Config
	// MaxStreams bounds the requests of a connection that are open at a time. Zero means 256.
	MaxStreams int

	mu     sync.Mutex // guards the rest
	server *http3.Server
	ending chan struct{} // closed when Close or Shutdown end the connections
	closed bool
}

const (
	defaultMaxStreams = 256
	// idleTime is how long a connection may be without a request.
	idleTime = 10 * time.Second
	// keepAlive is how often a quiet connection shows that it is there: a peer of QUIC
	// takes 30 s of silence for the end.
	keepAlive = 10 * time.Second
	// streamWindow is how much of a stream may wait to be read, connWindow of all of a
	// connection.
	streamWindow, connWindow = 256 << 10, 9 << 20
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
		MaxIncomingStreams: int64(streams), MaxIncomingUniStreams: 8,
		KeepAlivePeriod: keepAlive,
	}
}

// start makes the server, once.
func (s *Server) start() (*http3.Server, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, http.ErrServerClosed
	}
	if s.server != nil {
		return s.server, nil
	}
	if s.TLS == nil || s.WebSocket == nil {
		return nil, errors.New("ws/h3: Server without TLS or WebSocket")
	}
	if err := s.WebSocket.Accept.Validate(); err != nil {
		return nil, err
	}
	streams, header := s.MaxStreams, s.WebSocket.Accept.MaxHeaderBytes
	if streams <= 0 {
		streams = defaultMaxStreams
	}
	if header <= 0 {
		header = maxHeaderBytes
	}
	s.server = &http3.Server{
		Handler: Handler(s.WebSocket), TLSConfig: http3.ConfigureTLSConfig(s.TLS), QUICConfig: config(streams),
		MaxHeaderBytes: header, IdleTimeout: idleTime,
	}
	s.ending = make(chan struct{})
	return s.server, nil
}

// Serve serves the clients of a UDP socket until Shutdown or Close is called, and then
// returns [http.ErrServerClosed]. The caller closes the socket.
func (s *Server) Serve(pc net.PacketConn) error {
	server, err := s.start()
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(pc) }()
	select {
	case err := <-served:
		return err
	case <-s.ending:
	}
	select {
	case err := <-served:
		return err
	case <-time.After(2 * lingerTime): // it waits for the handlers
		return http.ErrServerClosed
	}
}

// Shutdown closes the WebSockets as [ws.Server.Shutdown] does, those over other versions of
// HTTP included, and then the connections. It returns at most 3 s after ctx has ended.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.WebSocket.Shutdown(ctx)
	server := s.stop()
	if server == nil {
		return err
	}
	return errors.Join(err, within(2*lingerTime, func() error {
		ctx, cancel := context.WithTimeout(ctx, lingerTime)
		defer cancel()
		_ = server.Shutdown(ctx) // clients may take longer than that
		return server.Close()
	}))
}

// Close cuts all WebSockets and connections. It waits at most 1 s for their handlers.
func (s *Server) Close() error {
	err := s.WebSocket.Close()
	if server := s.stop(); server != nil {
		err = errors.Join(err, within(lingerTime, server.Close))
	}
	return err
}

// within runs what ends the http3.Server, which waits for all handlers, and does not wait
// longer than that.
func within(d time.Duration, end func() error) error {
	ended := make(chan error, 1)
	go func() { ended <- end() }()
	select {
	case err := <-ended:
		return err
	case <-time.After(d):
		return nil
	}
}

func (s *Server) stop() *http3.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed && s.ending != nil {
		close(s.ending)
	}
	s.closed = true
	return s.server
}

// Handler wraps h, a [ws.Server] or a handler that calls [ws.Accept], for an http3.Server
// of your own. With it h may return before a WebSocket has ended, and a WebSocket that is
// cut ends with a stream error.
func Handler(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if streamer, ok := w.(http3.HTTPStreamer); ok {
			w = &responseWriter{w, streamer, r.Context()}
		}
		h.ServeHTTP(w, r)
	})
}

// A responseWriter is a [http.Hijacker] for [ws.Accept].
type responseWriter struct {
	http.ResponseWriter
	streamer http3.HTTPStreamer
	ctx      context.Context //nolint:containedctx // for its values
}

// Unwrap is for [http.ResponseController].
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack gives the stream, once the response was flushed.
func (w *responseWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	local, okLocal := w.ctx.Value(http.LocalAddrContextKey).(net.Addr)
	remote, okRemote := w.ctx.Value(http3.RemoteAddrContextKey).(net.Addr)
	if !okLocal || !okRemote {
		return nil, nil, errors.New("ws/h3: request without addresses")
	}
	st, err := w.streamer.HTTPStream()
	if err != nil {
		return nil, nil, err
	}
	return &stream{framed: st, local: local, remote: remote}, nil, nil
}
