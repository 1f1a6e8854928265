package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/agent"
	"github.com/wsconform/wsconform/internal/corpora"
)

func (o *test) agentOf(args []string) (harness.Agent, error) {
	agent := harness.Agent{Name: o.agent, Version: o.version, Role: cases.Server}
	if o.gatewayed() {
		return o.gatewayOf(args)
	}
	switch {
	case o.client && o.serverCmd != "":
		return agent, usagef("--client and --server-cmd exclude each other: test one, then the other")
	case o.client && len(args) == 0:
		return agent, usagef("--client needs the command that starts the client: wsconform test --client -- ./my-client {url}")
	case o.client && strings.Contains(args[0], "://"):
		return agent, usagef("--client tests a client, so it needs a command instead of a URL: wsconform test --client -- ./my-client {url}; " +
			"to test a server leave --client out")
	case o.client:
		agent.Role, agent.Command = cases.Client, args
	case o.serverCmd != "" && len(args) == 0:
		agent.Command = shellCommand(o.serverCmd)
		agent.URL = "ws://127.0.0.1:0" // the port is chosen when it is started
	case len(args) == 1:
		agent.URL = args[0]
		if o.serverCmd != "" {
			agent.Command = shellCommand(o.serverCmd)
		}
		if _, err := url.Parse(args[0]); err != nil {
			return agent, malformed(err)
		}
		if err := checkURL(agent); err != nil && !strings.Contains(args[0], "+unix:") {
			return agent, usagef("%q is not the URL of a WebSocket server: it must look like ws://127.0.0.1:9001", args[0])
		}
	case len(args) > 1:
		return agent, usagef("one server at a time: %q is one argument too many", args[1])
	default:
		return agent, usagef("say what to test: wsconform test ws://127.0.0.1:9001, or wsconform test --client -- ./my-client {url}")
	}
	if agent.Name == "" {
		agent.Name = strings.TrimSuffix(agentName(agent), "/")
		if o.serverCmd != "" {
			agent.Name = filepath.Base(strings.Fields(o.serverCmd + " x")[0])
		}
	}
	return agent, nil
}

// declarable lists what --declare takes.
func declarable() string {
	words := make([]string, len(cases.DeclaredNeeds))
	for i, n := range cases.DeclaredNeeds {
		words[i] = string(n)
	}
	return strings.Join(words, ", ")
}

func (o *test) options() (engine.Options, error) {
	options := engine.Options{Options: engine.RunOptions{Parallel: o.parallel, NoEcho: o.noEcho}, Faithful: o.faithful}
	for _, name := range o.declared {
		if !slices.Contains(cases.DeclaredNeeds, cases.Need(name)) {
			return options, usagef("--declare %q: must be one of %s", name, declarable())
		}
		options.Declared = append(options.Declared, cases.Need(name))
	}
	if i := slices.IndexFunc(o.allowExit, func(code int) bool { return code < 1 }); i >= 0 {
		return options, usagef("--allow-exit %d: must be 1 or more; 0 is always allowed", o.allowExit[i])
	}
	if o.parallel < 0 {
		return options, usagef("--parallel %d: must be at least 1, or 0 to detect automatically", o.parallel)
	}
	if o.corpora == "" {
		return options, nil
	}
	set, err := corpora.Load(o.corpora)
	if err != nil {
		return options, usagef("--corpora: %w", err)
	}
	options.Originals = set
	return options, nil
}

// checkFlags refuses flags that would have no effect.
func (o *test) checkFlags(f *pflag.FlagSet) error {
	o.client = o.client || o.oneShot
	if o.gatewayed() {
		return o.checkGatewayFlags(f)
	}
	if f.Changed("origin-listen") {
		return usagef("--origin-listen is for gateways: it needs --via or --via-url")
	}
	if f.Changed("server-cmd") && strings.TrimSpace(o.serverCmd) == "" {
		return usagef("--server-cmd is empty: it needs the command that starts the server")
	}
	server := []string{"proxy", "header", "subprotocol", "insecure", "skip-hostname", "server-name", "verify-name", "ca"}
	client := []string{"host", "port", "tls"}
	if !o.client && f.Changed("allow-exit") {
		return errAllowExit
	}
	list, why := client, "is for clients; a server is reached as its URL says"
	if o.client {
		list, why = server, "is for servers; a client opens the connection itself"
	}
	for _, name := range list {
		if f.Changed(name) {
			return usagef("--%s %s", name, why)
		}
	}
	if o.http2 && o.http3 {
		return usagef("--http2 and --http3 exclude each other: a run is over one of them")
	}
	if o.client && o.http3 && !o.tls {
		return usagef("--http3 needs --tls: there is no HTTP/3 without TLS")
	}
	if o.client && !o.tls && (f.Changed("cert") || f.Changed("key")) {
		return usagef("--cert and --key are of no use without --tls")
	}
	return nil
}

// subject puts together what the engine is told of the agent.
func (o *test) subject(about harness.Agent) (engine.Subject, error) {
	options, err := o.options()
	if err != nil {
		return engine.Subject{}, err
	}
	target, err := o.target(about.URL)
	if err != nil {
		return engine.Subject{}, err
	}
	return engine.Subject{
		Name: about.Name, Options: options.Options, OneShot: o.oneShot, Faithful: o.faithful, Originals: options.Originals, Patience: o.patience,
		Route: engine.Route{URL: target.URL, Socket: target.Socket, Header: target.Header, Subprotocols: target.Subprotocols, TLS: target.TLS, NetDial: target.NetDial, HTTP2: o.http2, HTTP3: o.http3},
	}, nil
}

// target is the server and the way to it.
func (o *test) target(url string) (*engine.Target, error) {
	o.dial.proxyTLS = strings.HasPrefix(o.proxy, "https:")
	t, err := o.dial.target(url)
	if err == nil {
		t.NetDial, err = netDial(o.proxy, t)
	}
	if err == nil && o.http3 && url != "" && !o.client {
		switch {
		case t.URL.Scheme != "wss" || t.Socket != "":
			err = usagef("--http3 needs a wss URL: there is no HTTP/3 without TLS")
		case t.NetDial != nil:
			err = usagef("--http3 does not go through a proxy")
		}
	}
	return t, err
}

// A play has the agent play cases, and hands each result to emit. Where a case is
// handed over twice the last result counts.
type play func(ctx context.Context, list []cases.Case, emit func(harness.Result)) error

// player starts the agent if asked to, and returns the function that makes it play
// cases, any number of times, and what stops it.
func (o *test) player(
	ctx context.Context, e engine.Engine, s engine.Subject, about harness.Agent, out string, log io.Writer,
) (p play, done func(), err error) {
	done = func() {}
	if about.Role == cases.Gateway {
		switch o.played(about.Role) {
		case cases.Server:
			return o.passage(s, log), done, nil
		case cases.Client:
			return o.clientPassage(s, log), done, nil
		case cases.Gateway:
		}
		return o.gateway(s, log), done, nil
	}
	if about.Role == cases.Client {
		s.Driver, err = o.driver(about.Command, out)
		s.Driver.Log = log
		return func(ctx context.Context, list []cases.Case, emit func(harness.Result)) error {
			s.Cases = list
			return e.Client(ctx, s, emit)
		}, done, err
	}
	if len(about.Command) > 0 {
		s.Service = &agent.Service{
			Command: about.Command, URL: s.URL, AnyPort: s.URL.Port() == "0", Patience: cmp.Or(o.patience, startPatience), Log: log,
		}
		done = s.Service.Stop
		if err := s.Service.Start(ctx); err != nil {
			done()
			return nil, nil, err
		}
	}
	return func(ctx context.Context, list []cases.Case, emit func(harness.Result)) error {
		s.Cases = list
		return e.Server(ctx, s, emit)
	}, done, nil
}

// startPatience is how long an agent may take to start.
const startPatience = 30 * time.Second

// driver is the client under test.
func (o *test) driver(command []string, out string) (engine.Driver, error) {
	d := engine.Driver{Command: command, Host: o.host, Port: o.port, AllowedExits: o.allowExit, HTTP2: o.http2, HTTP3: o.http3}
	if !o.tls {
		return d, nil
	}
	ca := o.dial.tls.CertFile
	var pair tls.Certificate
	var err error
	if ca != "" || o.dial.tls.KeyFile != "" {
		pair, err = tls.LoadX509KeyPair(o.dial.tls.CertFile, o.dial.tls.KeyFile)
		if err != nil {
			return d, usagef("--cert and --key: %w", err)
		}
	} else {
		var pem []byte
		pair, pem, err = engine.Certificate()
		ca = filepath.Join(out, "ca.pem")
		err = errors.Join(err, os.WriteFile(ca, pem, 0o644))
		if err != nil {
			return d, err
		}
	}
	d.Command, err = agent.Expand(command, map[string]string{"ca": ca})
	d.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}}
	if o.http2 {
		d.TLS.NextProtos = []string{"h2"}
	}
	return d, err
}

func allowExitFlag(f *pflag.FlagSet, codes *[]int) {
	f.IntSliceVar(codes, "allow-exit", nil, "exit `CODES` that the client uses on purpose; any other than 0 counts as a crash")
}

var errAllowExit = usagef("--allow-exit is for clients; a server that ends while it is tested has crashed")

// simple commands are a program and its arguments, nothing that a shell does
// itself.
var simple = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\s*[A-Za-z0-9_./-]+(\s[^;&|<>()` + "`" + `\n]*)?$`) })

// shellCommand has a shell run the command line. Where it can the shell gives way
// to the program, so that it is the program's end that is seen.
func shellCommand(line string) []string {
	if simple().MatchString(line) {
		line = "exec " + line
	}
	return []string{"/bin/sh", "-c", line}
}
