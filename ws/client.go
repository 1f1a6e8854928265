package ws

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/net/http2"

	"github.com/wsconform/wsconform/ws/internal/h2"
)

// A Client keeps a connection to one server: it dials, hands the connection to its
// Handler, and dials again when the connection has ended, also if the server closed it
// in order, as servers do that restart. The pause in front grows with each failed
// attempt. For a single connection [Dial] is enough.
//
// The fields must not change while Run runs.
type Client struct {
	// URL of the server; see the function Dial.
	URL string
	// Dial opens each connection. Nil means Dial(ctx, URL, nil). A function may set
	// options, and others for each attempt, such as a token that expires.
	Dial func(ctx context.Context) (*Conn, error)
	// Handler has the connection until it returns, then the connection is closed if it
	// is still open. Run dials again, whatever Handler returned, unless that is, or
	// wraps, [ErrStop]. The context is that of Run: it outlives the connection, whose end
	// [Conn.Done] tells. Nil means a Handler that discards what comes; others may write,
	// see Conn.
	Handler func(context.Context, *Conn) error

	// Retry is called with the reason when an attempt has failed or a connection has ended;
	// it may log that, and returns how long to wait before the next attempt; a negative
	// pause ends Run with the error. failed is how many attempts in a row have failed, where
	// a connection that lasted less than 10 s counts as failed. pause is what Run would do
	// without a Retry:
	//
	// The first pause is 500 ms. Each further attempt doubles it, up to a minute, and each
	// pause is shortened at random by up to one half, so that the clients of a server that
	// restarts do not all come back at once. A server that answers 429 or 503 may ask for
	// more with Retry-After, up to a minute. The pause is negative after errors of Dial that
	// will not pass: neither those of the network, nor timeouts, nor HTTP status 408, 425,
	// 429, 500, 502, 503 and 504.
	Retry func(err error, failed int, pause time.Duration) time.Duration

	mu      sync.Mutex // guards the rest
	conn    *Conn      // nil: there is none
	changed chan struct{}
}

const (
	minPause = 500 * time.Millisecond
	maxPause = time.Minute
	// stableAfter is how long a connection lasts that was not a failed attempt.
	stableAfter = 10 * time.Second
)

// ErrStop is returned by the Handler of a [Client] to end Run without an error.
var ErrStop = errors.New("ws: client is done")

// Run connects and connects again, until Handler returns [ErrStop], ctx ends or
// Retry says so. The error is nil, the cause of ctx, or the last error.
// One Run at a time.
func (cl *Client) Run(ctx context.Context) error {
	for inVain := 0; ; {
		start, connected := time.Now(), false
		err := cl.once(ctx, &connected)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if errors.Is(err, ErrStop) {
			return nil
		}
		if connected && time.Since(start) >= stableAfter {
			inVain = 0
		}
		inVain++
		pause := time.Duration(-1)
		if connected || mayPass(err) {
			pause = max(pauseAfter(inVain), min(retryAfter(err), maxPause))
		}
		if cl.Retry != nil {
			pause = cl.Retry(err, inVain, pause)
		}
		if pause < 0 {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// once makes one attempt to connect, and serves the connection until it ends.
func (cl *Client) once(ctx context.Context, connected *bool) error {
	dial := cl.Dial
	if dial == nil {
		dial = func(ctx context.Context) (*Conn, error) { return Dial(ctx, cl.URL, nil) }
	}
	c, err := dial(ctx)
	if err != nil {
		return err
	}
	*connected = true
	cl.set(c)
	defer cl.set(nil)
	if cl.Handler == nil {
		err = c.Discard(ctx)
	} else {
		err = cl.Handler(ctx, c)
	}
	cl.set(nil)
	select {
	case <-c.Done():
	default:
		code := StatusNormalClosure
		if ctx.Err() != nil {
			code = StatusGoingAway
		}
		_ = c.Close(code, "") // why it is not needed any more is the error that counts
	}
	if err == nil {
		err = c.Err()
	}
	return err
}

func (cl *Client) set(c *Conn) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.conn = c
	if cl.changed != nil {
		close(cl.changed)
		cl.changed = nil
	}
}

// Conn returns the open connection and waits until there is one. The connection may end
// at any moment: a write then fails, and the next call of Conn returns its successor.
func (cl *Client) Conn(ctx context.Context) (*Conn, error) {
	for {
		cl.mu.Lock()
		c := cl.conn
		open := c != nil && !c.ended()
		if !open && cl.changed == nil {
			cl.changed = make(chan struct{})
		}
		changed := cl.changed
		cl.mu.Unlock()
		if open {
			return c, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, opError("wait for a connection", context.Cause(ctx))
		}
	}
}

// pauseAfter is how long to wait after n attempts in vain.
func pauseAfter(n int) time.Duration {
	d := minPause
	for ; n > 1 && d < maxPause; n-- {
		d = min(2*d, maxPause)
	}
	return d - rand.N(d/2+1)
}

// retryAfter is how long the server asks to wait (RFC 9110 §10.2.3).
func retryAfter(err error) time.Duration {
	he, ok := errors.AsType[*HandshakeError](err)
	if !ok {
		return 0
	}
	value := he.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return time.Until(at)
	}
	return 0
}

// mayPass reports whether an error of Dial may be gone at the next attempt.
func mayPass(err error) bool {
	if he, ok := errors.AsType[*HandshakeError](err); ok && he.Err == nil {
		return passingStatus(he.Status)
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return false
	}
	if reset, ok := errors.AsType[*h2.ResetError](err); ok {
		return reset.Code == http2.ErrCodeRefusedStream
	}
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errNoStreams)
}

func passingStatus(status int) bool {
	return slices.Contains([]int{
		http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
	}, status)
}
