package ws

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/wsconform/wsconform/ws/internal/token"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// handshakeInfo is what the opening handshake said and agreed on.
type handshakeInfo struct {
	request     *http.Request
	header      http.Header // of the response
	subprotocol string      // agreed; empty if none
	extensions  []wsproto.Extension
	deflate     *wsproto.DeflateParams // in force; nil without compression

	values context.Context //nolint:containedctx // that Check returned; nil if it did not
	ext    *extended       // nil without extensions but permessage-deflate
}

const (
	// maxHandshake bounds a request or response head in bytes.
	maxHandshake = 16 << 10
	// defaultHeaderFields bounds the header lines of a request.
	defaultHeaderFields = 128
	// defaultHandshakeTimeout bounds the opening handshake.
	defaultHandshakeTimeout = 10 * time.Second
	// defaultReadLimit is twice the longest message of Autobahn's section 9.
	defaultReadLimit = 32 << 20
	// defaultCloseTimeout bounds the closing handshake.
	defaultCloseTimeout = 10 * time.Second
)

// headSize is room for the usual head.
const headSize = 1 << 10

var (
	errHeadTooLarge = errors.New("handshake exceeds")
	errBareLF       = errors.New("line feed without a carriage return in the head")
)

// readHead reads a head with its empty line, of at most limit bytes. What arrived
// behind it, such as the first frames, is the rest. With an error head is what
// there is. All are in buf if that is long enough.
func readHead(r io.Reader, limit int, buf []byte) (head, rest []byte, err error) {
	for {
		from := max(len(buf)-3, 0)
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if i := bytes.Index(buf[from:], []byte("\r\n\r\n")); i >= 0 && from+i+4 <= limit {
			end := from + i + 4
			return buf[:end:end], buf[end:], nil
		}
		if hasBareLF(buf, len(buf)-n) {
			return buf, nil, errBareLF // which would keep us waiting for the empty line
		}
		if len(buf) >= limit {
			return buf, nil, fmt.Errorf("%w %d bytes", errHeadTooLarge, limit)
		}
		if err != nil {
			if err == io.EOF && len(buf) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return buf, nil, err
		}
	}
}

// hasBareLF reports a line feed from an offset on that no carriage return precedes.
func hasBareLF(p []byte, from int) bool {
	for i := from; i < len(p); i++ {
		if p[i] == '\n' && (i == 0 || p[i-1] != '\r') {
			return true
		}
	}
	return false
}

// parseHead takes a head apart: lines that end in CRLF, fields without folding
// and without space in front of the colon (RFC 7230 §3.2.4). net/http is more
// lenient here than a conformance harness can be.
func parseHead(head []byte) (start string, header http.Header, err error) {
	text, ok := strings.CutSuffix(string(head), "\r\n\r\n")
	if !ok {
		return "", nil, errors.New("head does not end in an empty line")
	}
	lines := strings.Split(text, "\r\n")
	header = make(http.Header, len(lines)-1)
	values := make([]string, 0, len(lines)-1) // in one piece, as most fields have one value
	for i, line := range lines {
		for j := range len(line) {
			if c := line[j]; c < ' ' && c != '\t' || c == 0x7F {
				return "", nil, fmt.Errorf("control character %#02x in the head", c)
			}
		}
		if i == 0 {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !token.Is(name) {
			return "", nil, fmt.Errorf("malformed header line %.60q", line)
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		value = strings.Trim(value, " \t")
		if have, ok := header[name]; ok {
			header[name] = append(have, value)
			continue
		}
		values = append(values, value)
		header[name] = values[len(values)-1 : len(values) : len(values)]
	}
	return lines[0], header, nil
}

// checkFields reports a header field that cannot be sent: a name that is not a token,
// or a value with control characters, such as a line break (RFC 9110 §5.5).
func checkFields(header http.Header) error {
	for name, values := range header {
		if !token.Is(name) {
			return fmt.Errorf("header name %q is not a token", name)
		}
		for _, v := range values {
			if !httpguts.ValidHeaderFieldValue(v) {
				return fmt.Errorf("header %s has a value with control characters", name)
			}
		}
	}
	return nil
}

// ownFields are the header fields that make up the handshake.
var ownFields = map[string]string{
	"Upgrade": "", "Connection": "", "Sec-Websocket-Key": "", "Sec-Websocket-Accept": "", "Sec-Websocket-Version": "",
	"Sec-Websocket-Extensions": "use Deflate", "Sec-Websocket-Protocol": "use Subprotocols",
	"Content-Length": "", "Transfer-Encoding": "",
}

// checkOwnFields reports a header field that the handshake sets itself.
func checkOwnFields(header http.Header) error {
	for name := range header {
		instead, own := ownFields[textproto.CanonicalMIMEHeaderKey(name)]
		switch {
		case own && instead != "":
			return fmt.Errorf("header %s is set by the handshake: %s instead", name, instead)
		case own:
			return fmt.Errorf("header %s is set by the handshake", name)
		}
	}
	return checkFields(header)
}

// appendFields appends header fields, sorted by name. They have been checked.
func appendFields(b []byte, header http.Header) []byte {
	var room [16]string
	names := room[:0]
	for name := range header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range header[name] {
			b = append(append(append(append(b, wireName(name)...), ": "...), strings.Trim(v, " \t")...), "\r\n"...)
		}
	}
	return b
}

// wireName spells the name of a WebSocket field as RFC 6455 §11.3 does, where Go's
// canonical form has a small s: some peers compare names byte by byte.
func wireName(name string) string {
	if rest, ok := strings.CutPrefix(name, "Sec-Websocket-"); ok {
		return "Sec-WebSocket-" + rest
	}
	return name
}

// one is the value of a header that must be there exactly once.
func one(header http.Header, name string) (string, bool) {
	v := header[textproto.CanonicalMIMEHeaderKey(name)]
	if len(v) != 1 {
		return "", false
	}
	return v[0], true
}
