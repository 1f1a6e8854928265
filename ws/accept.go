package ws

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
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
// is a handshake (RFC 6455 §4.2.1), Origins, BasicAuth, Subprotocols and Check. The
// first that refuses decides.
type AcceptOptions struct {
	// Intercept sees every request that is well-formed HTTP, handshake or not, and may
	// answer it: a health check, a redirect, a page, whatever a [http.Handler] has to say.
	// If it writes nothing, not even a status, the handshake goes on. The request has no
	// body.
	Intercept func(http.ResponseWriter, *http.Request)
	// Origins that may connect (RFC 6455 §10.2), such as "https://example.com" or
	// "https://*.example.com"; a star stands for any run of characters but colon and
	// slash. A pattern without a scheme is for any, "*" is any origin. Nil means
	// those whose host is the request's Host; an empty list means none. A request
	// without an Origin, not from a browser, always may, unless Check refuses it.
	Origins []string
	// BasicAuth asks for user and password. Nil means no authentication.
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
	// Check has the last word on a valid handshake. An error refuses it: a
	// *RejectError with its own response, any other with status 403. A context it
	// returns gives its values to the Handler of [Server] and to the Request in
	// [Conn.Handshake]; nil means none. The response header shows what was chosen, and
	// Check may add to it, a cookie for example; it cannot change the fields that make
	// up the handshake. The request has no body, and a context that ends with the
	// handshake.
	Check func(r *http.Request, response http.Header) (context.Context, error)
	// Header is added to every response, refusals too, such as Server. Fields that make
	// up the handshake are an error.
	Header http.Header

	// MaxHeaderBytes bounds the request head in bytes; more gets status 431. Zero
	// means 16 KiB. Accept leaves it to the http.Server.
	MaxHeaderBytes int
	// MaxHeaderFields bounds the number of header lines; more gets status 431. Zero
	// means 128.
	MaxHeaderFields int

	Options

	conn *connOptions // those of a Server's connections; nil outside of one
}

// Accept answers a handshake that came through an HTTP server (RFC 6455 §4.2).
// Whatever it refuses it has answered with an HTTP error, and returns a
// [*RejectError].
//
// Over HTTP/2 it takes an extended CONNECT (RFC 8441). The servers of net/http and
// golang.org/x/net pass one on only if the process was started with
// GODEBUG=http2xconnect=1; [Server.Serve] needs nothing of the kind. The handler must
// not return before the Conn has ended. net/http ends the stream, always with
// END_STREAM. The same holds over HTTP/3 (RFC 9220), unless the ResponseWriter is a
// [http.Hijacker], as that of package ws/h3 is.
func Accept(w http.ResponseWriter, r *http.Request, opts *AcceptOptions) (*Conn, error) {
	if opts == nil {
		opts = &AcceptOptions{}
	}
	return opts.accept(w, r, nil)
}

// accept is Accept. opened is as in open.
func (o *AcceptOptions) accept(w http.ResponseWriter, r *http.Request, opened func(*Conn) bool) (*Conn, error) {
	if err := o.Validate(); err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return nil, err
	}
	info, reject := o.decide(r)
	if reject != nil {
		o.reject(w, reject)
		return nil, reject
	}
	if r.ProtoMajor > 1 {
		return o.acceptHandler(w, r, info, opened)
	}
	nc, brw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return nil, fmt.Errorf("ws: accept: %T cannot give up its connection; a middleware that wraps the "+
			"http.ResponseWriter needs an Unwrap method: %w", w, err)
	}
	_ = nc.SetDeadline(time.Time{}) // the http.Server's deadlines end here
	rest, err := brw.Reader.Peek(brw.Reader.Buffered())
	if err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("ws: accept: %w", err)
	}
	c, reject := o.open(nc, slices.Clone(rest), info, opened)
	if reject != nil {
		o.rejectNet(nc, reject, false)
		_ = nc.Close()
		return nil, reject
	}
	ctx, cancel := handshakeContext(context.Background(), o.HandshakeTimeout)
	defer cancel()
	release := bindDeadline(ctx, nc)
	_, err = nc.Write(switching(info))
	if !release() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		err = fmt.Errorf("ws: accept: %w", ctxError(ctx, err))
		c.notOpened(err)
		return nil, err
	}
	c.opened()
	return c, nil
}

// reject answers through an HTTP server.
func (o *AcceptOptions) reject(w http.ResponseWriter, e *RejectError) {
	for _, fields := range []http.Header{o.Header, e.Header} {
		for name, values := range fields {
			w.Header()[wireName(http.CanonicalHeaderKey(name))] = values
		}
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
	return opts.acceptNet(ctx, nc, nil)
}

// headBuffers are for what a connection does not keep.
var headBuffers = sync.Pool{New: func() any { return new([headSize]byte) }}

// acceptNet is AcceptNet. opened is as in open.
func (o *AcceptOptions) acceptNet(ctx context.Context, nc net.Conn, opened func(*Conn) bool) (*Conn, error) {
	c, err := o.shakeHands(ctx, nc, opened)
	if _, ok := errors.AsType[*prefaceError](err); err != nil && !ok {
		_ = nc.Close()
	}
	return c, err
}

func (o *AcceptOptions) shakeHands(ctx context.Context, nc net.Conn, opened func(*Conn) bool) (*Conn, error) {
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
	if err == nil && opened != nil && speaksHTTP2(nc, head) {
		return nil, &prefaceError{append(slices.Clone(head), rest...)}
	}
	var info *handshakeInfo
	var reject *RejectError
	switch {
	case errors.Is(err, errHeadTooLarge):
		reject = refuse(http.StatusRequestHeaderFieldsTooLarge, err.Error())
	case errors.Is(err, errBareLF):
		reject = refuse(http.StatusBadRequest, err.Error())
	case err == nil:
		info, reject = o.checkHead(ctx, nc, head)
	case len(head) > 0 && tookTooLong(context.Cause(ctx)):
		release()
		reject = refuse(http.StatusRequestTimeout, "request took too long")
		o.rejectNow(nc, reject)
		return nil, fmt.Errorf("ws: accept: %w: %w", context.Cause(ctx), reject)
	case len(head) == 0 || !errors.Is(context.Cause(ctx), http.ErrServerClosed):
		return nil, fmt.Errorf("ws: accept: %w", ctxError(ctx, err))
	}
	if errors.Is(context.Cause(ctx), http.ErrServerClosed) {
		reject = shuttingDown()
	}
	var c *Conn
	if reject == nil {
		c, reject = o.open(nc, rest, info, opened)
	}
	if reject != nil {
		release()
		o.rejectNet(nc, reject, isHead(head))
		return nil, reject
	}
	_, err = nc.Write(switching(info))
	if !release() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		err = fmt.Errorf("ws: accept: %w", ctxError(ctx, err))
		c.notOpened(err)
		return nil, err
	}
	c.opened()
	return c, nil
}

// open makes the connection before the response is written: a client that has read
// the response must be in reach of a broadcast. opened registers it, and is false if
// the server has been closed. Until [Conn.opened] nothing is written to it.
func (o *AcceptOptions) open(nc net.Conn, early []byte, info *handshakeInfo, opened func(*Conn) bool) (*Conn, *RejectError) {
	c := newConn(nc, early, info, o.connOptions())
	c.wr.message.tryLock()
	c.wr.frame.tryLock()
	if opened != nil && !opened(c) {
		return nil, shuttingDown()
	}
	return c, nil
}

// opened lets messages follow the response.
func (c *Conn) opened() {
	c.startKeepalive()
	c.unlockFrame(c.cl.ctx)
	c.wr.message.unlock()
}

// notOpened ends a connection whose response could not be written. Who waits to write to
// it, such as a server that shuts down, finds that it is over.
func (c *Conn) notOpened(err error) {
	c.end(err)
	c.wr.guard.release()
	if c.wr.err == nil {
		c.wr.err = c.cl.err
	}
	c.wr.freeOut()
	c.wr.frame.unlock()
	c.wr.message.unlock()
}

// rejectNet answers a raw connection and ends it.
func (o *AcceptOptions) rejectNet(nc net.Conn, e *RejectError, noBody bool) {
	_ = nc.SetDeadline(time.Now().Add(lingerTime)) // fails only on a closed connection
	if _, err := nc.Write(o.rejection(e, noBody)); err == nil {
		hangUp(nc, lingerTime) // a reset would destroy the answer
	}
}

// tookTooLong reports whether a handshake was ended because of its duration.
func tookTooLong(cause error) bool {
	return errors.Is(cause, os.ErrDeadlineExceeded) || errors.Is(cause, errCrowdedOut)
}

// rejectNow answers a client that takes its time, and does not wait for it.
func (o *AcceptOptions) rejectNow(nc net.Conn, e *RejectError) {
	_ = nc.SetDeadline(time.Now().Add(farewell)) // fails only on a closed connection
	_, _ = nc.Write(o.rejection(e, false))       // it may have gone
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

// Validate returns what is wrong with the options: origins that match nothing, a
// realm or user that Basic authentication cannot express, subprotocols that are not
// tokens or occur twice, header fields that cannot be sent, parameters of compression
// out of range. Accept, AcceptNet and Serve return the same error.
func (o *AcceptOptions) Validate() error {
	if err := o.validate(); err != nil {
		return fmt.Errorf("ws: accept: %w", err)
	}
	return nil
}

func (o *AcceptOptions) validate() error {
	for _, pattern := range o.Origins {
		if err := checkOrigin(pattern); err != nil {
			return err
		}
	}
	if o.BasicAuth != nil {
		if err := o.BasicAuth.valid(); err != nil {
			return err
		}
	}
	if err := checkSubprotocols(o.Subprotocols); err != nil {
		return err
	}
	if err := checkOwnFields(o.Header); err != nil {
		return err
	}
	if o.Deflate != nil {
		return o.Deflate.valid()
	}
	return nil
}

func checkSubprotocols(list []string) error {
	for i, p := range list {
		if !token.Is(p) {
			return fmt.Errorf("subprotocol %q is not a token (RFC 6455 §4.1)", p)
		}
		if slices.Contains(list[:i], p) {
			return fmt.Errorf("subprotocol %q occurs twice (RFC 6455 §4.1)", p)
		}
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7F }

func (o *AcceptOptions) connOptions() *connOptions {
	if o.conn != nil {
		return o.conn
	}
	return o.newConnOptions(nil)
}

func (o *AcceptOptions) newConnOptions(b *budget) *connOptions {
	c := o.connection(defaultWriteTimeout)
	c.budget = b
	return c.withDefaults()
}
