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
	case len(args) > 0:
		return agent, usagef("%q is one argument too many: with --via and --via-url both ends are wsconform's own", args[0])
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
	for _, name := range []string{
		"client", "one-shot", "server-cmd", "host", "port", "tls", "no-echo", "declare", "allow-exit", "corpora", "parallel", "subprotocol", "proxy",
	} {
		if f.Changed(name) {
			return usagef("--%s has no meaning with --via and --via-url: both ends are wsconform's own, and one case is played at a time", name)
		}
	}
	if o.engine != runfile.DefaultEngine {
		return usagef("--via and --via-url work with the native engine only")
	}
	if f.Changed("via") && !strings.Contains(o.via, "{") {
		return usagef("--via needs {listen} and {origin}, or their parts, in its command: wsconform test --via './my-proxy --listen {listen} --to {origin}'")
	}
	if o.viaURL != "" && !f.Changed("origin-listen") {
		return usagef("--via-url needs --origin-listen: the address that the gateway forwards to, such as 127.0.0.1:9001")
	}
	return nil
}

// gateway makes the gateway play cases.
func (o *test) gateway(s engine.Subject, log io.Writer) play {
	return func(ctx context.Context, list []cases.Case, emit func(harness.Result)) error {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", o.originListen)
		if err != nil {
			return listenError("test", "--origin-listen "+o.originListen, err)
		}
		options := engine.Options{Options: s.Options, Faithful: s.Faithful, Originals: s.Originals}
		if o.via != "" {
			options.Service = &agent.Service{
				Command: shellCommand(o.via), URL: s.URL, AnyPort: true, Patience: cmp.Or(o.patience, startPatience), Log: log, Origin: l.Addr().String(),
			}
			defer options.Service.Stop()
			if err := options.Service.Start(ctx); err != nil {
				return fmt.Errorf("start the gateway: %w", errors.Join(err, l.Close()))
			}
		}
		target := engine.Target{URL: s.URL, Socket: s.Socket, Header: s.Header, Subprotocols: s.Subprotocols, TLS: s.TLS}
		return engine.TestGateway(ctx, engine.Gateway{Target: target, Origin: l}, list, options, emit)
	}
}
