package ws

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// ErrTooLarge says that a message exceeded the read limit. The peer has been
// told [wsproto.StatusMessageTooBig] and the connection has ended.
var ErrTooLarge = errors.New("message exceeds the read limit")

// A CloseError is the peer's close frame (RFC 6455 §5.5.1). It ends every connection
// that ends in order.
type CloseError struct {
	Code   wsproto.StatusCode // wsproto.StatusNoStatusRcvd if the frame was empty
	Reason string
	// Local is true if our close frame came first and the peer's is the answer; see
	// [Conn.CloseFrames].
	Local bool
}

func (e *CloseError) Error() string {
	s := fmt.Sprintf("ws: peer closed with %v", e.Code)
	if e.Local {
		s = fmt.Sprintf("ws: closed by us, peer answered with %v", e.Code)
	}
	if e.Reason != "" {
		s += fmt.Sprintf(": %q", e.Reason)
	}
	return s
}

// CloseStatus returns the code of the peer's close frame if err is, or wraps, a
// [*CloseError], and otherwise 0.
func CloseStatus(err error) wsproto.StatusCode {
	if ce, ok := errors.AsType[*CloseError](err); ok {
		return ce.Code
	}
	return 0
}

// ClosedOK reports whether err says that the peer closed in order: a [*CloseError]
// with StatusNormalClosure, StatusGoingAway or no code. Any other error, such as a
// connection that broke, is a failure.
func ClosedOK(err error) bool {
	switch CloseStatus(err) {
	case StatusNormalClosure, StatusGoingAway, wsproto.StatusNoStatusRcvd:
		return true
	default:
		return false
	}
}

// A HandshakeError says why an opening handshake failed: the server or a proxy refused
// or broke a rule, or a proxy could not be reached.
type HandshakeError struct {
	URL    string // of the server, without password and query
	Proxy  string // the proxy that failed, such as "socks5://127.0.0.1:1080"; empty: the server did
	Reason string

	// Status is that of the HTTP response, or the code of a SOCKS4 reply; zero if there
	// was none. Header and Body, at most 4 KiB of it, are those of the HTTP response.
	Status int
	Header http.Header
	Body   []byte

	Err error // what happened below; may be nil
}

func (e *HandshakeError) Error() string {
	s := "ws: dial " + e.URL + ": "
	if e.Proxy != "" {
		s += "proxy " + e.Proxy + ": "
	}
	s += e.Reason
	if e.Header != nil && e.Status != 0 {
		s += " (" + strings.TrimSpace(fmt.Sprintf("HTTP status %d %s", e.Status, http.StatusText(e.Status))) + ")"
	}
	if line := firstLine(e.Body); line != "" {
		s += ": " + strconv.Quote(line)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *HandshakeError) Unwrap() error { return e.Err }

// firstLine is the first line of a body that says something, cut to 120 characters.
func firstLine(body []byte) string {
	for line := range strings.Lines(string(body)) {
		line = strings.TrimSpace(strings.ToValidUTF8(line, "\uFFFD"))
		if r := []rune(line); len(r) > 120 {
			line = string(r[:120]) + "…"
		}
		if line != "" {
			return line
		}
	}
	return ""
}

// A RejectError is an HTTP response instead of the handshake. An
// [AcceptOptions.Check] hook returns one to answer as it likes; [Accept] and
// [AcceptNet] return one whenever they turned a request away.
type RejectError struct {
	Status int         // zero means 403
	Header http.Header // added to the response
	Body   []byte      // its first line goes into the error message, too

	reason string // for that message, instead
}

func (e *RejectError) Error() string {
	status := e.Status
	if status == 0 {
		status = http.StatusForbidden
	}
	reason := e.reason
	if reason == "" {
		reason = firstLine(e.Body)
	}
	if reason == "" {
		return fmt.Sprintf("ws: handshake refused with HTTP status %d", status)
	}
	return fmt.Sprintf("ws: handshake refused with HTTP status %d: %s", status, reason)
}
