package wstest

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/native"
	"github.com/wsconform/wsconform/internal/corpora"
	"github.com/wsconform/wsconform/internal/h3"
	"github.com/wsconform/wsconform/internal/runfile"
)

// runFuzzingServer tests clients until it is told to stop.
func runFuzzingServer(ctx context.Context, c *command) error {
	spec, err := c.readSpec(serverTemplate)
	if err != nil {
		return err
	}
	set, ignored, err := spec.Options.settings(spec.file, serverSide, "options")
	if err != nil {
		return err
	}
	c.warnIgnored(ignored)
	raw := cmp.Or(spec.URL, c.args.URI)
	if raw == "" {
		return usagef("%s: key \"url\", the address to listen on, is missing", spec.file.name)
	}
	if _, _, err := parseURL(raw, true); err != nil && spec.URL != "" {
		return spec.file.fault(err, "url")
	}
	list, excludes, err := c.selection(spec)
	if err != nil {
		return err
	}
	results, err := c.newStore(cmp.Or(spec.OutDir, "./reports/clients/"), list)
	if err != nil {
		return err
	}
	defer results.close()
	conf, err := c.certificate(raw, cmp.Or(spec.Key, c.args.Key), cmp.Or(spec.Cert, c.args.Cert))
	if err != nil {
		return err
	}
	l, err := c.listenFuzzing(ctx, raw, conf)
	if err != nil {
		return err
	}
	defer l.Close()

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	if err := c.startWeb(ctx, &wg, webSite{
		scheme: schemeOf(conf), port: portOf(l.Addr()), list: list, outdir: results.dir,
		secret: []string{spec.Key, spec.Cert, c.args.Key, c.args.Cert},
	}, c.webPort(spec), conf); err != nil {
		stop()
		return err
	}
	streams := native.NewStreams(corpora.Set{})
	defer streams.Close() //nolint:errcheck // temporary files
	endpoint := &native.Endpoint{
		List: list, Excludes: excludes, Protocol: set.protocol, Streams: streams, Page: statusPage, HTTP2: c.args.HTTP2,
		Result: func(agent string, r harness.Result) {
			results.add(agent, new(runfile.Secrets).Result(r)) // its cookies and credentials are not for reports
			c.concluded(agent, r)
		},
		Started: func(agent string, k cases.Case) { c.running(k, agent) },
		Update: func(agent string) error {
			c.say("Writing reports, asked for by agent %s", printable(agent))
			return results.write()
		},
		Stop:  stop,
		Other: direct,
	}
	if set.noStatus {
		endpoint.Page = ""
	}
	c.say("Ok, will run %d test cases for any clients connecting", len(list))
	c.say("Listening for WebSocket clients on port %d", portOf(l.Addr()))
	c.ready("ws", l.Addr().String())
	err = endpoint.Serve(ctx, l)
	stop()
	return err
}

// running prints that a case starts, in the form that scripts look for.
func (c *command) running(k cases.Case, agent string) {
	c.say("Running test case ID %s for agent %s", k.ID, printable(agent))
}

// concluded prints the verdict of a case, with --debug.
func (c *command) concluded(agent string, r harness.Result) {
	if c.args.Debug {
		c.say("Case %s of agent %s: %s, closing %s", r.Case, printable(agent), cmp.Or(string(r.Behavior), string(r.Outcome)), cmp.Or(string(r.Close), "unknown"))
	}
}

// webPort returns the port of the page: the one on the command line, else the one in
// the configuration, else the default.
func (c *command) webPort(spec *specification) webPort {
	switch {
	case c.args.WebPortGiven:
		return webPort{c.args.WebPort, true}
	case spec != nil && spec.WebPort != nil:
		return webPort{*spec.WebPort, true}
	}
	return webPort{defaultWebPort, false}
}

// certificate loads the certificate of a wss address. It returns nil for ws.
func (c *command) certificate(raw, key, cert string) (*tls.Config, error) {
	u, _, err := parseURL(raw, true)
	switch {
	case err != nil:
		return nil, err
	case u.Scheme == "ws":
		return nil, nil //nolint:nilnil // no TLS
	case key == "" || cert == "":
		return nil, usagef("address %s needs a key and a certificate", raw)
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, usagef("key and certificate: %v", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}}, nil
}

// listen listens on the port of the address, on all interfaces. The host of the
// address does not matter, as in the original.
func (c *command) listen(ctx context.Context, raw string, conf *tls.Config) (net.Listener, error) {
	_, port, err := parseURL(raw, true)
	if err != nil {
		return nil, err
	}
	return listenPort(ctx, port, conf)
}

// listenFuzzing is listen, or over UDP for HTTP/3.
func (c *command) listenFuzzing(ctx context.Context, raw string, conf *tls.Config) (net.Listener, error) {
	switch {
	case c.args.HTTP2 && conf != nil:
		conf = conf.Clone()
		conf.NextProtos = []string{"h2"}
	case c.args.HTTP3:
		_, port, err := parseURL(raw, true)
		if err != nil {
			return nil, err
		}
		if conf == nil {
			return nil, usagef("--http3 needs a wss address and a certificate: there is no HTTP/3 without TLS")
		}
		l, err := h3.Listen(":"+strconv.Itoa(port), conf)
		if err != nil {
			return nil, usagef("cannot listen on UDP port %d: %v", port, err)
		}
		return l, nil
	}
	return c.listen(ctx, raw, conf)
}

func listenPort(ctx context.Context, port int, conf *tls.Config) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", ":"+strconv.Itoa(port))
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok {
			err = op.Err
		}
		return nil, usagef("cannot listen on port %d: %v", port, err)
	}
	if conf != nil {
		l = tls.NewListener(l, conf)
	}
	return l, nil
}

func schemeOf(conf *tls.Config) string {
	if conf != nil {
		return "wss"
	}
	return "ws"
}

func portOf(a net.Addr) int {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.Port
	case *net.UDPAddr:
		return a.Port
	}
	return 0
}

// statusPage is what a browser sees at the WebSocket port.
var statusPage = fmt.Sprintf(`<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>%[1]s</title><h1>%[1]s</h1>`+
	`<p>This port speaks WebSocket. A client under test asks for /getCaseCount, connects to /runCase?case=N&amp;agent=NAME for each case, and to /updateReports?agent=NAME at the end.</p></html>`,
	"wsconform fuzzing server")
