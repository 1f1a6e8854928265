package native

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A Target is the server under test and how to reach it.
type Target struct {
	URL          *url.URL    // ws or wss; path and query are kept
	Socket       string      // path of the unix socket to connect to instead of the URL's host
	Header       http.Header // added to the request; Host replaces the one of the URL
	Subprotocols []string
	TLS          *tls.Config // nil means the defaults
	Protocol     Protocol
}

// userAgent is how the harness names itself in handshakes.
const userAgent = "wsconform"

// String is where the server is, for messages.
func (t *Target) String() string {
	if t.Socket != "" {
		return "the socket " + t.Socket
	}
	return t.URL.String()
}

// errRefused says that there is no connection to the server: nothing was tested.
var errRefused = errors.New("the server cannot be reached")

// dialPlain connects, without TLS.
func (t *Target) dialPlain(ctx context.Context) (net.Conn, error) {
	port := t.URL.Port()
	if port == "" {
		port = map[string]string{"ws": "80", "wss": "443"}[t.URL.Scheme]
	}
	network, addr := "tcp", net.JoinHostPort(t.URL.Hostname(), port)
	if t.Socket != "" {
		network, addr = "unix", t.Socket
	}
	nc, err := new(net.Dialer).DialContext(ctx, network, addr)
	if harness.OutOfResources(err) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRefused, err)
	}
	return nc, nil
}

// tlsConfig is what the connection to a wss server is made with.
func (t *Target) tlsConfig() *tls.Config {
	conf := t.TLS.Clone()
	if conf == nil {
		conf = &tls.Config{}
	}
	if conf.ServerName == "" {
		conf.ServerName = t.URL.Hostname()
	}
	conf.NextProtos = []string{"http/1.1"}
	return conf
}

// dialBelow connects, through TLS if the URL says so.
func (t *Target) dialBelow(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	nc, err := t.dialPlain(ctx)
	if err != nil || t.URL.Scheme != "wss" {
		return nc, err
	}
	tc := tls.Client(nc, t.tlsConfig())
	if err := tc.HandshakeContext(ctx); err != nil {
		nc.Close()
		return nil, fmt.Errorf("%w: TLS: %w", errRefused, err)
	}
	return tc, nil
}

// request is the opening handshake as sent (RFC 6455 §4.1).
func (t *Target) request(key string, c cases.Case) string {
	var b strings.Builder
	host := t.URL.Host
	if h := t.Header.Get("Host"); h != "" {
		host = h
	}
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nUser-Agent: %s\r\nHost: %s\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n",
		t.URL.RequestURI(), userAgent, host)
	fmt.Fprintf(&b, "Pragma: no-cache\r\nCache-Control: no-cache\r\nSec-WebSocket-Key: %s\r\n", key)
	if len(t.Subprotocols) > 0 {
		fmt.Fprintf(&b, "Sec-WebSocket-Protocol: %s\r\n", strings.Join(t.Subprotocols, ","))
	}
	if c.Deflate != nil {
		fmt.Fprintf(&b, "Sec-WebSocket-Extensions: %s\r\n", c.Deflate.Offers)
	}
	b.WriteString("Sec-WebSocket-Version: 13\r\n")
	for name, values := range t.Header {
		for _, v := range values {
			if name != "Host" {
				fmt.Fprintf(&b, "%s: %s\r\n", name, v)
			}
		}
	}
	b.WriteString("\r\n")
	return b.String()
}

// open makes the opening handshake for a case. The error is errRefused where
// TCP could not be opened; else the transcript says what went wrong.
func (t *Target) open(ctx context.Context, c cases.Case) (conn, cases.Transcript, error) {
	failed := cases.Transcript{Role: cases.Server, Started: time.Now().UTC()}
	nc, err := t.dialBelow(ctx)
	if errors.Is(err, syscall.ECONNRESET) { // it accepted, and thought better of it at once
		failed.UncleanReason = t.openFailure(err)
		return conn{}, failed, ctx.Err()
	}
	if err != nil {
		return conn{}, failed, err
	}
	t.Protocol.setOpenDeadline(nc)
	stop := context.AfterFunc(ctx, func() { nc.SetDeadline(time.Unix(1, 0)) }) //nolint:errcheck // likewise
	defer stop()
	key := wsproto.NewKey()
	request := t.request(key, c)
	failed.Request = request
	if _, err = nc.Write([]byte(request)); err == nil {
		var h head
		h, err = readHead(nc)
		failed.Response = h.text
		if err == nil {
			var agreed *agreement
			if agreed, err = checkResponse(h, key, c, t.Subprotocols); err == nil {
				nc.SetDeadline(time.Time{}) //nolint:errcheck // likewise
				return conn{
					Conn: nc, early: h.early, request: request, response: h.text, deflate: agreed, protocol: t.Protocol,
					read: len(h.text), written: len(request),
				}, cases.Transcript{}, ctx.Err()
			}
		}
	}
	nc.Close()
	failed.DroppedByUs = true
	failed.UncleanReason = t.openFailure(err)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		failed.OpenTimeout = true
	}
	return conn{}, failed, ctx.Err()
}

func (t *Target) openFailure(err error) string {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		d, _ := limit(t.Protocol.OpenTimeout, openTimeout)
		return fmt.Sprintf("the opening handshake was not completed in %g s", d.Seconds())
	}
	return "the opening handshake failed: " + netReason(err)
}

// playServer plays c once against the target.
func (t *Target) playServer(ctx context.Context, c cases.Case, how manner) harness.Result {
	nc, failed, err := t.open(ctx, c)
	switch {
	case harness.OutOfResources(err):
		return harness.Result{Case: c.ID, Outcome: harness.HarnessError, Note: err.Error()}
	case errors.Is(err, errRefused):
		return harness.Result{Case: c.ID, Outcome: harness.Blocked, Note: netReason(err)}
	case err != nil:
		if nc.Conn != nil {
			nc.Close()
		}
		return harness.Result{Case: c.ID, Outcome: harness.NotRun, Note: "the run was interrupted"}
	case nc.Conn == nil:
		return judged(c, failed)
	}
	tr, err := play(ctx, nc, c, cases.Server, how)
	return concluded(ctx, c, tr, err)
}

// concluded is the result of a case that was played.
func concluded(ctx context.Context, c cases.Case, tr cases.Transcript, err error) harness.Result {
	switch {
	case err != nil:
		return harness.Result{Case: c.ID, Outcome: harness.HarnessError, Note: err.Error(), Transcript: &tr}
	case ctx.Err() != nil:
		return harness.Result{Case: c.ID, Outcome: harness.NotRun, Note: "the run was interrupted"}
	}
	return judged(c, tr)
}

func judged(c cases.Case, tr cases.Transcript) harness.Result {
	v := c.Judge(tr)
	return harness.Result{
		Case: c.ID, Outcome: harness.OutcomeOf(v), Verdict: v, Duration: tr.Duration, Transcript: &tr,
	}
}
