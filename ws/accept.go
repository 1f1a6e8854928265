package ws

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wsconform/wsconform/ws/internal/token"
)

// AcceptOptions configures [Accept], [AcceptNet] and [Server]. The zero value,
// and nil, mean the defaults: any path, browsers from the same host only, no
// subprotocol, no compression, and the limits below.
//
// A request is looked at in the order of the fields: Intercept, then whether it
// is a handshake (RFC 6455 §4.2.1), Origins, BasicAuth, Subprotocols, Check and
// Respond. The first that refuses has the say.
type AcceptOptions struct {
	// Intercept sees every request that is well-formed HTTP, handshake or not, and
	// may answer it: a health check, a redirect, a page. An error is the answer, as
	// in Check. The request has no body.
	Intercept func(*http.Request) error
	// Origins that may connect (RFC 6455 §10.2), such as "https://example.com" or
	// "https://*.example.com"; a star stands for any run of characters but colon and
	// slash. A pattern without a scheme is for any, "*" is any origin. Nil means
	// those whose host is the request's Host; an empty list means none. A request
	// without an Origin, not from a browser, always may: see RequireOrigin.
	Origins []string
	// RequireOrigin refuses requests without an Origin.
	RequireOrigin bool
	// BasicAuth asks for user and password. Nil means that nobody is asked.
	BasicAuth *BasicAuth
	// Subprotocols the server speaks, best first (RFC 6455 §1.9). Of those that the
	// client offers too, the one is chosen that both together prefer: the sum of its
	// places in the two lists is the least, and the server's list decides between
	// equals. None means no subprotocol, which is legal even if the client offers
	// some; a browser, however, ends a connection without one that it asked for.
	Subprotocols []string
	// SelectSubprotocol chooses instead, from what the client offered, in its order.
	// Empty means none. An error refuses the request, as in Check.
	SelectSubprotocol func(r *http.Request, offered []string) (string, error)
	// Check looks at the request once it is known to be a valid handshake. An
	// error refuses it: a *RejectError with its own response, any other with 403.
	// The request has no body, and a context that ends with the handshake.
	Check func(*http.Request) error
	// Header is added to the response that opens the connection.
	Header http.Header
	// Respond sees the handshake as it was decided, and may add to its
	// ResponseHeader, a cookie for example. An error refuses the request, as in
	// Check. The headers that make up the handshake are set after it.
	Respond func(*http.Request, *HandshakeInfo) error
	// ServerHeader is the Server header of every response, refusals too. Empty
	// means none.
	ServerHeader string

	// Deflate turns permessage-deflate on (RFC 7692). Nil means off. It says what
	// memory compression takes.
	Deflate *Deflate

	// MaxHeaderBytes bounds the request head in octets; more gets status 431. Zero
	// means 16 KiB. Accept leaves it to the http.Server.
	MaxHeaderBytes int
	// MaxHeaderFields bounds the number of header lines; more gets status 431. Zero
	// means 128.
	MaxHeaderFields int
	// ReadLimit is the largest message in octets, after inflating; a larger one
	// ends the connection with StatusMessageTooBig. A message may have as many empty
	// fragments. Zero means 32 MiB, a negative value no limit.
	ReadLimit int64

	// HandshakeTimeout bounds the opening handshake, with that of TLS. Zero means 10
	// s, a negative value no bound. Accept leaves it to the http.Server.
	HandshakeTimeout time.Duration
	// ReadTimeout bounds each call that reads. What arrived of a message comes
	// with the next call. Zero means no bound but the context. It costs no memory.
	// A call that has a ping to answer or a batch to flush, which the peer does not
	// take, ends within 1.25 times as long, and nothing can be written then.
	ReadTimeout time.Duration
	// WriteTimeout is how long a peer that reads slowly may take nothing of what is
	// being written, a quarter of it more at most. Then the connection ends with a
	// [*TimeoutError]. Where a deadline loses count of what was written, with TLS,
	// each 64 KiB have that time. Zero means 20 s, a negative value for ever.
	WriteTimeout time.Duration
	// QueueLimit is how many messages of [Conn.Send] and [Broadcast] may wait for a
	// peer that reads slowly. Zero means 64.
	QueueLimit int
	// QueueBytes is how many octets those messages may have together, before they are
	// compressed. A message that is longer by itself is refused with [ErrQueueFull].
	// Zero means no bound: what waits is the program's own memory, of which no copies
	// are made, and a broadcast is in the queues of all its receivers but in memory
	// once.
	QueueBytes int64
	// CloseTimeout bounds the closing handshake. Zero means 10 s.
	CloseTimeout time.Duration
	// Keepalive pings the peer. The zero value means every 20 s, with 20 s to
	// answer.
	Keepalive Keepalive

	// OnFrame hears of every frame as it is sent or received, in order in each
	// direction. It must not call the Conn. Nil means nobody does.
	OnFrame func(FrameEvent)
	// Logger hears of every frame at [slog.LevelDebug], and at [LevelPayload] of
	// what frames carry. It is that of [Conn.Logger] too. Nil means silence.
	Logger *slog.Logger
}

// Accept answers a handshake that came through an HTTP server (RFC 6455 §4.2).
// Whatever it refuses it has answered with an HTTP error, and returns a
// [*RejectError]. HTTP/2 and HTTP/3 have no such handshake: they get status
// 505.
func Accept(w http.ResponseWriter, r *http.Request, opts *AcceptOptions) (*Conn, error) {
	if opts == nil {
		opts = &AcceptOptions{}
	}
	if err := opts.Validate(); err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return nil, err
	}
	info, reject := opts.decide(r)
	if reject != nil {
		opts.reject(w, reject)
		return nil, reject
	}
	nc, brw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return nil, fmt.Errorf("ws: accept: %w", err)
	}
	_ = nc.SetDeadline(time.Time{}) // the http.Server's deadlines end here
	rest, err := brw.Reader.Peek(brw.Reader.Buffered())
	if err == nil {
		_, err = nc.Write(switching(info))
	}
	if err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("ws: accept: %w", err)
	}
	return newConn(nc, slices.Clone(rest), info, opts.connOptions()), nil
}

// reject answers through an HTTP server.
func (o *AcceptOptions) reject(w http.ResponseWriter, e *RejectError) {
	for name, values := range e.Header {
		w.Header()[wireName(http.CanonicalHeaderKey(name))] = values
	}
	if o.ServerHeader != "" {
		w.Header().Set("Server", o.ServerHeader)
	}
	w.WriteHeader(e.Status)
	_, _ = w.Write(e.Body) // the refusal is the error that counts
}

// AcceptNet answers a handshake (RFC 6455 §4.2) on a connection that nothing
// was read from: TCP, TLS, a unix socket, a pipe. ctx bounds the handshake
// only. On an error the connection has been closed; a request that was refused
// was answered and gives a [*RejectError].
func AcceptNet(ctx context.Context, nc net.Conn, opts *AcceptOptions) (*Conn, error) {
	if opts == nil {
		opts = &AcceptOptions{}
	}
	c, err := opts.acceptNet(ctx, nc)
	if err != nil {
		_ = nc.Close()
	}
	return c, err
}

// headBuffers are for what a connection does not keep.
var headBuffers = sync.Pool{New: func() any { return new([headSize]byte) }}

func (o *AcceptOptions) acceptNet(ctx context.Context, nc net.Conn) (*Conn, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	ctx, cancel := handshakeContext(ctx, o.HandshakeTimeout)
	defer cancel()
	release := bindDeadline(ctx, nc)
	defer release()

	buf := headBuffers.Get().(*[headSize]byte)
	defer headBuffers.Put(buf)
	head, rest, err := readHead(nc, o.maxHeaderBytes(), buf[:0])
	var info *HandshakeInfo
	var reject *RejectError
	switch {
	case errors.Is(err, errHeadTooLarge):
		reject = refuse(http.StatusRequestHeaderFieldsTooLarge, err.Error())
	case err == nil:
		info, reject = o.checkHead(ctx, nc, head)
	case len(head) == 0 || !errors.Is(context.Cause(ctx), ErrServerClosed):
		return nil, fmt.Errorf("ws: accept: %w", ctxError(ctx, err))
	}
	if errors.Is(context.Cause(ctx), ErrServerClosed) {
		reject = shuttingDown()
	}
	if reject != nil {
		release()
		o.rejectNet(nc, reject, isHead(head))
		return nil, reject
	}
	if _, err := nc.Write(switching(info)); err != nil {
		return nil, fmt.Errorf("ws: accept: %w", ctxError(ctx, err))
	}
	if !release() {
		return nil, fmt.Errorf("ws: accept: %w", context.Cause(ctx))
	}
	return newConn(nc, rest, info, o.connOptions()), nil
}

// rejectNet answers a raw connection and ends it.
func (o *AcceptOptions) rejectNet(nc net.Conn, e *RejectError, noBody bool) {
	_ = nc.SetDeadline(time.Now().Add(lingerTime)) // fails only on a closed connection
	if _, err := nc.Write(o.rejection(e, noBody)); err == nil {
		hangUp(nc, lingerTime) // a reset would destroy the answer
	}
}

// isHead reports whether a request has the method whose answers have no body.
func isHead(head []byte) bool { return strings.HasPrefix(string(head), http.MethodHead+" ") }

// tlsState is that of a connection whose TLS handshake is done, or nil.
func tlsState(nc net.Conn) *tls.ConnectionState {
	tc, ok := nc.(interface{ ConnectionState() tls.ConnectionState })
	if !ok {
		return nil
	}
	state := tc.ConnectionState()
	return &state
}

func (o *AcceptOptions) maxHeaderFields() int {
	if o.MaxHeaderFields > 0 {
		return o.MaxHeaderFields
	}
	return defaultHeaderFields
}

func (o *AcceptOptions) maxHeaderBytes() int {
	if o.MaxHeaderBytes > 0 {
		return o.MaxHeaderBytes
	}
	return maxHandshake
}

// Validate says what is wrong with the options: a subprotocol that is not a token
// or there twice, a realm with control characters, parameters of compression that
// do not exist. Accept and AcceptNet refuse to work with such.
func (o *AcceptOptions) Validate() error {
	for i, p := range o.Subprotocols {
		if !token.Is(p) || slices.Contains(o.Subprotocols[:i], p) {
			return fmt.Errorf("ws: accept: subprotocol %q is not a token or there twice", p)
		}
	}
	if o.BasicAuth != nil && strings.ContainsFunc(o.BasicAuth.Realm, isControl) {
		return fmt.Errorf("ws: accept: control character in realm %q", o.BasicAuth.Realm)
	}
	if o.Deflate != nil {
		return o.Deflate.valid()
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7F }

func (o *AcceptOptions) connOptions() connOptions {
	write := o.WriteTimeout
	if write == 0 {
		write = defaultWriteTimeout
	}
	return connOptions{
		deflate: o.Deflate, readLimit: o.ReadLimit,
		readTimeout: o.ReadTimeout, writeTimeout: max(write, 0), closeTimeout: o.CloseTimeout, keepalive: o.Keepalive,
		queueLimit: o.QueueLimit, queueBytes: o.QueueBytes, onFrame: o.OnFrame, logger: o.Logger,
	}
}
