package wstest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/wsconform/wsconform/ws"
)

// maxMessage is the longest message that our peers accept. The longest message of
// any case has 16 MiB.
const maxMessage = 64 << 20

// graceTime is how long connections may take to close when a server stops.
const graceTime = 2 * time.Second

// runTesteeServer echoes messages, with compression.
func runTesteeServer(ctx context.Context, c *command) error {
	return c.serve(ctx, nil, &ws.Deflate{}, nil)
}

// runEchoServer echoes messages, without compression.
func runEchoServer(ctx context.Context, c *command) error { return c.serve(ctx, nil, nil, nil) }

// serve runs a server until ctx ends. A nil handler echoes. listening, if set, is
// called with the listener first.
func (c *command) serve(ctx context.Context, handler func(context.Context, *ws.Conn) error, deflate *ws.Deflate, listening func(net.Listener, *tls.Config) error) error {
	conf, err := c.certificate(c.args.URI, c.args.Key, c.args.Cert)
	if err != nil {
		return err
	}
	l, err := c.listen(ctx, c.args.URI, conf)
	if err != nil {
		return err
	}
	if listening != nil {
		if err := listening(l, conf); err != nil {
			l.Close()
			return err
		}
	}
	server := &ws.Server{Handler: handler, Accept: ws.AcceptOptions{
		Origins: []string{"*"}, Options: ws.Options{
			ReadLimit: maxMessage,
			Deflate:   deflate,
		},
		Header: http.Header{"Server": {"wsconform " + c.env.Version}},
	}}
	c.say("Listening for WebSocket clients on port %d", portOf(l.Addr()))
	c.ready("ws", l.Addr().String())
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceTime)
	defer cancel()
	_ = server.Shutdown(grace) // connections that outlast the grace are cut
	<-served
	return nil
}

// dial connects to the address, or to a resource below it.
func (c *command) dial(ctx context.Context, resource string, deflate *ws.Deflate) (*ws.Conn, error) {
	u, _, err := parseURL(c.args.URI, false)
	if err != nil {
		return nil, err
	}
	raw := u.String()
	if resource != "" {
		raw = strings.TrimSuffix(raw, "/") + resource
	}
	return ws.Dial(ctx, raw, &ws.DialOptions{
		Header: http.Header{"User-Agent": {"wsconform " + c.env.Version}}, Options: ws.Options{
			Deflate:   deflate,
			ReadLimit: maxMessage,
		},
		Proxy: http.ProxyURL(nil),                    // the original knows none
		TLS:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // as the original does
	})
}

// runEchoClient echoes what a server sends until the server closes.
func runEchoClient(ctx context.Context, c *command) error {
	conn, err := c.dial(ctx, "", nil)
	if err != nil {
		return c.dialError(err)
	}
	defer conn.CloseNow()
	c.say("Connected to %s", c.args.URI)
	c.tellEnd(ctx, ws.Echo(ctx, conn))
	return nil
}

// dialError wraps an error of dial, unless it is a usage error.
func (c *command) dialError(err error) error {
	if _, ok := errors.AsType[*usageError](err); ok {
		return err
	}
	return fmt.Errorf("cannot connect to %s: %w", c.args.URI, err)
}

// tellEnd prints how a connection ended.
func (c *command) tellEnd(ctx context.Context, err error) {
	if said, ok := errors.AsType[*ws.CloseError](err); ok {
		c.say("The server closed the connection with %d %s", said.Code, printable(said.Reason))
		return
	}
	if ctx.Err() == nil {
		c.say("The connection ended: %s", printable(err.Error()))
	}
}

// runTesteeClient runs all cases of a fuzzing server, then asks it for reports.
func runTesteeClient(ctx context.Context, c *command) error {
	agent := c.args.Ident
	if agent == "" {
		agent = "wsconform " + c.env.Version
	}
	count, err := c.caseCount(ctx)
	if err != nil {
		return c.dialError(err)
	}
	c.say("Ok, will run %d test cases", count)
	name := url.QueryEscape(agent)
	for n := 1; n <= count && ctx.Err() == nil; n++ {
		c.say("Running test case %d of %d as agent %s", n, count, printable(agent))
		if err := c.echoCase(ctx, fmt.Sprintf("/runCase?case=%d&agent=%s", n, name)); err != nil {
			return c.dialError(err)
		}
	}
	if ctx.Err() != nil {
		return ErrInterrupted
	}
	conn, err := c.dial(ctx, "/updateReports?agent="+name, nil)
	if err != nil {
		return c.dialError(err)
	}
	defer conn.CloseNow()
	err = conn.Discard(ctx)
	if _, closed := errors.AsType[*ws.CloseError](err); !closed {
		return fmt.Errorf("update reports: %w", err)
	}
	return nil
}

func (c *command) caseCount(ctx context.Context) (int, error) {
	conn, err := c.dial(ctx, "/getCaseCount", nil)
	if err != nil {
		return 0, err
	}
	defer conn.CloseNow()
	_, answer, err := conn.Read(ctx)
	if err != nil {
		return 0, fmt.Errorf("number of cases: %w", err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(answer)))
	if err != nil || n < 0 {
		return 0, fmt.Errorf("number of cases: the server answered %.40q", answer)
	}
	_ = conn.Discard(ctx) // the server closes next
	return n, nil
}

// echoCase plays one case. A refused handshake is no error: the server judges it.
func (c *command) echoCase(ctx context.Context, resource string) error {
	conn, err := c.dial(ctx, resource, &ws.Deflate{})
	if err != nil {
		if _, refused := errors.AsType[*ws.HandshakeError](err); refused || ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer conn.CloseNow()
	_ = ws.Echo(ctx, conn)
	return nil
}
