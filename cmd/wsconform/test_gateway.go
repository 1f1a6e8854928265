package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/agent"
	"github.com/wsconform/wsconform/internal/runfile"
)

// gatewayed reports whether a gateway is tested.
func (o *test) gatewayed() bool { return o.via != "" || o.viaURL != "" }

// gatewayOf is the gateway as the agent under test.
func (o *test) gatewayOf(args []string) (harness.Agent, error) {
	agent := harness.Agent{Name: o.agent, Version: o.version, Role: cases.Gateway}
	switch {
	case o.client && o.serverCmd != "":
		return agent, usagef("--client and --server-cmd exclude each other: test one through the gateway, then the other")
	case o.client && len(args) == 0:
		return agent, usagef("--client needs the command that starts the client: wsconform test --via './my-proxy --listen {listen} --to {origin}' --client -- ./my-client {url}")
	case o.client:
	case len(args) > 1 || len(args) == 1 && o.serverCmd != "":
		return agent, usagef("%q is one argument too many: one server at most is behind the gateway", args[len(args)-1])
	case len(args) == 1 && !strings.HasPrefix(args[0], "ws://"):
		return agent, usagef("%q: the server behind the gateway must look like ws://127.0.0.1:9001", args[0])
	}
	switch {
	case o.via != "" && o.viaURL != "":
		return agent, usagef("--via and --via-url exclude each other: the gateway is started, or is running already")
	case o.viaURL != "":
		agent.URL = o.viaURL
		if u, err := url.Parse(o.viaURL); err != nil || u.Hostname() == "" || u.Scheme != "ws" && u.Scheme != "wss" {
			return agent, usagef("--via-url %q: must look like ws://127.0.0.1:8080", o.viaURL)
		}
	default:
		agent.Command, agent.URL = shellCommand(o.via), "ws://127.0.0.1:0" // the port is chosen when it is started
	}
	switch {
	case o.client:
		o.driven = args
	case len(args) == 1:
		o.server = args[0]
	}
	if agent.Name == "" {
		agent.Name = strings.TrimSuffix(agentName(agent), "/")
		if o.via != "" {
			agent.Name = filepath.Base(strings.Fields(o.via + " x")[0])
		}
	}
	return agent, nil
}

// checkGatewayFlags refuses flags that mean nothing for a gateway.
func (o *test) checkGatewayFlags(f *pflag.FlagSet) error {
	for _, name := range []string{"one-shot", "host", "port", "tls", "no-echo", "corpora", "proxy", "http2", "http3"} {
		if f.Changed(name) && (o.client || !strings.HasPrefix(name, "http")) {
			return usagef("--%s has no meaning with --via and --via-url", name)
		}
	}
	if f.Changed("allow-exit") && !o.client {
		return errAllowExit
	}
	if o.engine != runfile.DefaultEngine {
		return usagef("--via and --via-url work with the native engine only")
	}
	if o.http3 {
		return usagef("--http3 does not work with --via and --via-url")
	}
	if f.Changed("via") && !strings.Contains(o.via, "{") {
		return usagef("--via needs {listen} and {origin}, or their parts, in its command: wsconform test --via './my-proxy --listen {listen} --to {origin}'")
	}
	if !o.client && o.behind(f.Args()) {
		if f.Changed("origin-listen") {
			return usagef("--origin-listen is where wsconform itself is the origin, and a server is behind this gateway")
		}
		return nil
	}
	for _, name := range []string{"declare", "parallel", "subprotocol"} {
		if f.Changed(name) && (!o.client || name == "subprotocol") {
			return usagef("--%s needs a server behind the gateway: without one both ends are wsconform's own, and one case is played at a time", name)
		}
	}
	if o.viaURL != "" && !f.Changed("origin-listen") {
		return usagef("--via-url needs --origin-listen: the address that the gateway forwards to, such as 127.0.0.1:9001")
	}
	return nil
}

// behind reports whether a server is behind the gateway, rather than wsconform itself.
func (o *test) behind(args []string) bool { return len(args) > 0 || o.serverCmd != "" }

// played is the role that the cases of this run are for.
func (o *test) played(role cases.Role) cases.Role {
	switch {
	case role != cases.Gateway:
	case o.client:
		return cases.Client
	case o.server != "" || o.serverCmd != "":
		return cases.Server
	}
	return role
}

// passage plays the cases of servers with and without the gateway.
func (o *test) passage(s engine.Subject, log io.Writer) play {
	return func(ctx context.Context, list []cases.Case, emit func(harness.Result)) error {
		options := engine.Options{Options: s.Options, Faithful: s.Faithful, Originals: s.Originals}
		target := engine.Target{URL: s.URL, Header: s.Header, Subprotocols: s.Subprotocols, TLS: s.TLS}
		p := engine.Passage{Server: target, Gateway: target}
		p.Gateway.HTTP2 = o.http2 // in front of HTTP/1.1
		p.Server.URL = &url.URL{Scheme: "ws", Host: "127.0.0.1:0"}
		if o.server != "" {
			u, err := url.Parse(o.server)
			if err != nil {
				return malformed(err)
			}
			p.Server.URL = u
		}
		patience := cmp.Or(o.patience, startPatience)
		if o.serverCmd != "" {
			p.Behind = &agent.Service{Command: shellCommand(o.serverCmd), URL: p.Server.URL, AnyPort: true, Patience: patience, Log: log}
			defer p.Behind.Stop()
			if err := p.Behind.Start(ctx); err != nil {
				return fmt.Errorf("start the server: %w", err)
			}
			p.Server.URL, p.Behind.AnyPort = p.Behind.URL, false // the gateway goes on forwarding there
		}
		way := *p.Gateway.URL // the same resource
		way.Path, way.RawPath, way.RawQuery = p.Server.URL.Path, p.Server.URL.RawPath, p.Server.URL.RawQuery
		p.Gateway.URL = &way
		if o.via != "" {
			options.Service = &agent.Service{
				Command: shellCommand(o.via), URL: &way, AnyPort: true, Patience: patience, Log: log, Origin: p.Server.URL.Host, MostMemory: mostMemory,
			}
			defer options.Service.Stop()
			if err := options.Service.Start(ctx); err != nil {
				return fmt.Errorf("start the gateway: %w", err)
			}
		}
		return engine.TestPassage(ctx, p, list, options, emit)
	}
}

// clientPassage plays the cases of clients with and without the gateway.
func (o *test) clientPassage(s engine.Subject, log io.Writer) play {
	return func(ctx context.Context, list []cases.Case, emit func(harness.Result)) error {
		options := engine.Options{Options: s.Options, Faithful: s.Faithful, Originals: s.Originals}
		p := engine.Passage{
			Gateway: engine.Target{URL: s.URL},
			Client:  engine.Driver{Command: o.driven, AllowedExits: o.allowExit, Log: log},
		}
		var end func()
		var err error
		if p.Origin, options.Service, end, err = o.startGateway(ctx, s.URL, log); err != nil {
			return err
		}
		defer end()
		if options.Service != nil {
			options.Service.AnyPort = false // clients that run already find it again
			p.Gateway.URL = options.Service.URL
		}
		return engine.TestPassage(ctx, p, list, options, emit)
	}
}

// mostMemory is how many bytes of memory a gateway may take while it is tested, beyond what it
// begins with. It is ended before it takes the machine's.
const mostMemory = 2 << 30

// startGateway listens as the origin, and starts the gateway if it does not run already.
func (o *test) startGateway(ctx context.Context, u *url.URL, log io.Writer) (l net.Listener, s *agent.Service, end func(), err error) {
	l, err = new(net.ListenConfig).Listen(ctx, "tcp", o.originListen)
	if err != nil {
		return nil, nil, nil, listenError("test", "--origin-listen "+o.originListen, err)
	}
	if o.via == "" {
		return l, nil, func() {}, nil
	}
	s = &agent.Service{
		Command: shellCommand(o.via), URL: u, AnyPort: true, Patience: cmp.Or(o.patience, startPatience), Log: log, Origin: l.Addr().String(),
		MostMemory: mostMemory,
	}
	if err := s.Start(ctx); err != nil {
		s.Stop()
		return nil, nil, nil, fmt.Errorf("start the gateway: %w", errors.Join(err, l.Close()))
	}
	return l, s, s.Stop, nil
}

// gateway makes the gateway play cases.
func (o *test) gateway(s engine.Subject, log io.Writer) play {
	return func(ctx context.Context, list []cases.Case, emit func(harness.Result)) error {
		l, service, end, err := o.startGateway(ctx, s.URL, log)
		if err != nil {
			return err
		}
		defer end()
		options := engine.Options{Options: s.Options, Faithful: s.Faithful, Originals: s.Originals}
		options.Service = service
		target := engine.Target{URL: s.URL, Socket: s.Socket, Header: s.Header, Subprotocols: s.Subprotocols, TLS: s.TLS, HTTP2: o.http2}
		return engine.TestGateway(ctx, engine.Gateway{Target: target, Origin: l}, list, options, emit)
	}
}
