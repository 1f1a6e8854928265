package doctor

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// http2 looks at WebSocket over HTTP/2 (RFC 8441): whether the server announces it, and
// whether it works. Browsers use it over TLS only, and so does this probe.
func (e *examination) http2(ctx context.Context) (opened bool) {
	if e.target.URL.Scheme != "wss" {
		return false
	}
	if e.agreed != http2.NextProtoTLS {
		e.found(Finding{Topic: HTTP2, State: Note, Saw: "it does not speak HTTP/2; browsers use HTTP/1.1"})
		return false
	}
	announced, status, err := e.extendedConnect(ctx)
	const rule = "RFC 8441 section 3"
	const advice = "browsers believe the setting: serve extended CONNECT, or do not announce it"
	const fails = "open the WebSocket over HTTP/2 once a page has come over it, and fail"
	switch {
	case err != nil && !announced:
		e.found(Finding{Topic: HTTP2, State: Warning, Saw: "it chooses HTTP/2 by ALPN, and then " + err.Error()})
	case !announced:
		e.found(Finding{Topic: HTTP2, State: OK, Saw: "HTTP/2 without WebSockets: it does not announce the setting of RFC 8441, so browsers open another connection over HTTP/1.1"})
	case err != nil:
		e.found(Finding{Topic: HTTP2, State: Fault, Rule: rule, Saw: "it announces WebSockets over HTTP/2, and then " + err.Error(), Advice: advice})
		e.pagesFail(fails)
	case status == "200":
		e.found(Finding{Topic: HTTP2, State: OK, Saw: "a WebSocket opens over HTTP/2 too (RFC 8441)"})
		return true
	case status == "401" || status == "403" || status == "404":
		e.found(Finding{Topic: HTTP2, State: Note, Saw: "it announces WebSockets over HTTP/2, and answers " + status})
	default:
		e.found(Finding{Topic: HTTP2, State: Fault, Rule: rule, Saw: fmt.Sprintf("it announces WebSockets over HTTP/2, and answers %q to one", status), Advice: advice})
		e.pagesFail(fails)
	}
	return false
}

// extendedConnect opens a connection with HTTP/2 and asks for a WebSocket, if the server
// announces that it may (RFC 8441 §4). The error is the rest of a sentence about it.
func (e *examination) extendedConnect(ctx context.Context) (announced bool, status string, err error) {
	nc, err := e.dial(ctx, e.addr)
	if err != nil {
		return false, "", errors.New("takes no further connection")
	}
	defer nc.Close()
	ctx, cancel := context.WithTimeout(ctx, 2*probeBound)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { nc.SetDeadline(time.Unix(1, 0)) }) //nolint:errcheck // a broken connection shows at once
	defer stop()
	tc := tls.Client(nc, e.tlsConfig(http2.NextProtoTLS))
	if err := tc.HandshakeContext(ctx); err != nil {
		return false, "", errors.New("fails TLS where HTTP/2 alone is offered")
	}
	if _, err := io.WriteString(tc, http2.ClientPreface); err != nil {
		return false, "", errors.New("ends the connection")
	}
	framer := http2.NewFramer(tc, tc)
	framer.SetMaxReadFrameSize(1 << 20)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	framer.MaxHeaderListSize = 64 << 10
	if err := framer.WriteSettings(); err != nil {
		return false, "", errors.New("ends the connection")
	}
	for range 100 { // frames
		frame, err := framer.ReadFrame()
		if err != nil {
			return announced, "", fmt.Errorf("%s", http2End(err))
		}
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if f.IsAck() {
				continue
			}
			if v, ok := f.Value(http2.SettingEnableConnectProtocol); ok && v == 1 {
				announced = true
			}
			if err := framer.WriteSettingsAck(); err != nil || !announced {
				return announced, "", nil
			}
			if err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: e.connectFields()}); err != nil {
				return announced, "", errors.New("ends the connection")
			}
		case *http2.MetaHeadersFrame:
			if s := f.PseudoValue("status"); len(s) == 3 && s[0] != '1' {
				return announced, s, nil
			}
		case *http2.RSTStreamFrame:
			return announced, "", fmt.Errorf("resets the stream with %v", f.ErrCode)
		case *http2.GoAwayFrame:
			return announced, "", fmt.Errorf("ends the connection with %v", f.ErrCode)
		}
	}
	return announced, "", errors.New("does not answer")
}

// http2End says how a connection ended.
func http2End(err error) string {
	if isTimeout(err) {
		return "does not answer"
	}
	return "ends the connection"
}

// connectFields is the request for a WebSocket over HTTP/2 (RFC 8441 §5.1), without key
// and Accept, with the user's fields.
func (e *examination) connectFields() []byte {
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	path := e.target.URL.RequestURI()
	for _, f := range [][2]string{
		{":method", "CONNECT"},
		{":protocol", "websocket"},
		{":scheme", "https"},
		{":path", path},
		{":authority", e.target.URL.Host},
		{"sec-websocket-version", "13"},
	} {
		enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}) //nolint:errcheck // a buffer takes all
	}
	for _, p := range e.target.Subprotocols {
		enc.WriteField(hpack.HeaderField{Name: "sec-websocket-protocol", Value: p}) //nolint:errcheck // a buffer takes all
	}
	for name, values := range e.target.Header {
		for _, v := range values {
			if name != "Host" {
				enc.WriteField(hpack.HeaderField{Name: strings.ToLower(name), Value: v, Sensitive: true}) //nolint:errcheck // a buffer takes all
			}
		}
	}
	return block.Bytes()
}
