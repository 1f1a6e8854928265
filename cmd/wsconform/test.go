package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/fixtures/corpora"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/harness/gate"
	"github.com/wsconform/wsconform/reports"
)

type test struct {
	engine    string
	client    bool
	serverCmd string
	host      string
	port      int
	tls       bool
	agent     string
	version   string // of the agent
	out       string
	expect    expectFlags
	patience  time.Duration
	parallel  int
	faithful  bool
	corpora   string
	allowExit []int
	selection selection
	declared  []string
	noEcho    bool
	oneShot   bool
	part      part
	verbose   bool
	dial      dialFlags
}

func testCommand() *cobra.Command {
	var o test
	c := &cobra.Command{
		Use:   "test URL | test --client -- COMMAND...",
		Short: "Test a server or a client",
		Long: `Plays two suites: the 517 cases of the Autobahn testsuite, without Docker, with the
verdict that Autobahn would give, and cases for the rules of the RFCs that Autobahn
does not test. --suite chooses one of them.

To test a server, give its URL. To test a client, give a command that speaks
Autobahn's driver protocol (getCaseCount, runCase, updateReports); {url} in it
becomes the address to connect to. The command is started several times, each time
with a share of the cases, so that a driver that runs one case after another is
still tested in parallel.

Results go to DIR/run.jsonl, reports to DIR/index.html and the files next to it,
and what the agent prints to DIR/agent.log. By default every case must pass. A case
of the RFC suite about a SHOULD is lenient instead of failed unless --strict is given,
and one about a MAY only observes. wsconform.yaml declares what may fail, and wsconform
baseline writes it.

Passwords, tokens and header values are masked in all files, unless --show-secrets
is given.`,
		Example: `  wsconform test ws://127.0.0.1:9001
  wsconform test ws+unix:///run/app.sock:/live
  wsconform test ws://127.0.0.1:9001 --cases '5.*' --exclude 5.19,5.20
  wsconform test --server-cmd './my-server --port {port}'
  wsconform test --client -- ./my-client {url}`,
		RunE: o.run,
	}
	f := c.Flags()
	f.StringVar(&o.engine, "engine", harness.Engines[0].Name, engineHelp())
	o.agentFlags(f)
	f.StringVarP(&o.out, "out", "o", "", "write the results to this folder, `DIR` (default out/server or out/client)")
	o.expect.flags(f)
	f.IntVarP(&o.parallel, "parallel", "p", 0, "how many cases to play at once, or drivers to start, `N`; 0 detects it")
	o.selection.flags(f)
	o.selection.suiteFlag(f)
	o.part.flags(f)
	f.BoolVarP(&o.verbose, "verbose", "v", false, "print a line for each case")
	return c
}

// agentFlags say what is tested and how it is reached.
func (o *test) agentFlags(f *pflag.FlagSet) {
	f.BoolVar(&o.client, "client", false, "test a client, the command after --")
	f.StringVar(&o.serverCmd, "server-cmd", "", "start the server with this `COMMAND`; {port} becomes a free port, {host} the address")
	f.IntVar(&o.port, "port", 0, "listen for the client on this `PORT`, if the driver has it built in; only one driver is then started")
	f.StringVar(&o.host, "host", "127.0.0.1", "listen for the client on this `ADDRESS`, such as ::1")
	f.BoolVar(&o.tls, "tls", false, "let the client connect with wss; {ca} in its command becomes a PEM file to trust, created for the run unless --cert and --key are given")
	f.StringVar(&o.agent, "agent", "", "`NAME` of the implementation in reports")
	f.StringVar(&o.version, "agent-version", "", "`VERSION` of the implementation in reports")
	f.DurationVar(&o.patience, "start-timeout", 30*time.Second, "how long the server may take to start")
	f.BoolVar(&o.faithful, "faithful", false, "wait as long as Autobahn does, even where the verdict is already certain")
	f.StringVar(&o.corpora, "corpora", "", "use Autobahn's own payload files for sections 12 and 13, from this folder, `DIR`")
	f.BoolVar(&o.oneShot, "one-shot", false, "test a client that connects once for each start, the command after --: any program that takes a URL")
	f.BoolVar(&o.noEcho, "no-echo", false, "the peer does not echo, as a broker or a chat server: use pings in place of messages; cases that need an echo are unsupported")
	f.StringSliceVar(&o.declared, "declare", nil, "what the peer offers that trying does not tell, comma-separated `NEEDS`: "+declarable())
	allowExitFlag(f, &o.allowExit)
	o.dial.flags(f)
}

func (o *test) run(c *cobra.Command, args []string) error {
	engines, err := pickEngines(o.engine, false)
	if err != nil {
		return err
	}
	return engines[0].test(o, c, args)
}

// native plays the cases itself.
func (o *test) native(c *cobra.Command, args []string) error {
	limitMemory()
	list, sel, shard, err := o.part.pick(&o.selection, c.Flags())
	if err != nil {
		return err
	}
	if err := o.checkFlags(c.Flags()); err != nil {
		return err
	}
	agent, err := o.agentOf(args)
	if err != nil {
		return err
	}
	if list, err = inRole(list, &sel, agent.Role); err != nil {
		return err
	}
	files, err := o.expect.load(agent)
	if err != nil {
		return err
	}
	options, err := o.options()
	if err != nil {
		return err
	}
	options.Declared = gate.Declared(files, agent, options.Declared)
	target, err := o.dial.target(agent.URL)
	if err != nil {
		return err
	}
	out := o.part.folder(o.out)
	if out == "" {
		out = filepath.Join("out", agent.Role.String())
	}
	header := harness.Header{
		Tool: "wsconform " + toolVersion(), Engine: harness.Engine{Name: harness.NativeEngine.Name, Version: toolVersion()},
		Agent: agent, Selection: sel, Shard: shard, Started: time.Now().UTC(), Host: thisHost(),
		Settings: o.settings(options), Added: target.Header, Secrets: o.part.secretsMode(),
	}
	begun := time.Now()
	meter := newMeter(c.ErrOrStderr(), len(list), seldom(10*time.Second))
	ink := inksOf(c.ErrOrStderr())
	secrets := header.Masking()
	known := map[cases.ID]bool{} // a case may have two results
	file := cmp.Or(o.part.resume, filepath.Join(out, "run.jsonl"))
	run, err := o.part.record(file, header, func(emit func(harness.Result), w *harness.Writer) error {
		defer meter.end()
		log, err := createLog(filepath.Join(out, "agent.log"), secrets)
		if err != nil {
			return err
		}
		defer log.Close()
		counted := func(r harness.Result) {
			emit(r) // what is told is in the file already
			known[r.Case] = true
			meter.step(len(known), string(r.Case))
			if o.verbose {
				meter.line(resultLine(secrets.Result(r), ink))
			}
		}
		options.Provisional = counted
		var unwritten error // the header as it should be
		options.Peer = func(p harness.Peer) { unwritten = w.Peer(p) }
		play, done, err := o.player(c.Context(), agent, *target, options, out, log)
		if err != nil {
			return err
		}
		defer done()
		return cmp.Or(play(c.Context(), list, counted), unwritten)
	})
	if run == nil {
		return err
	}
	v := verdict{run: run, decision: gate.Decide(run, files, time.Now()), files: files, secrets: secrets}
	if note := secretsNote(header); note != "" {
		v.decision.Notes = append(v.decision.Notes, note)
	}
	return o.conclude(c, &v, err, file, out, time.Since(begun))
}

// A play has the agent play cases, and hands each result to emit. Where a case is
// handed over twice the last result counts.
type play func(ctx context.Context, list []cases.Case, emit func(harness.Result)) error

// player starts the agent if asked to, and returns the function that makes it play
// cases, any number of times, and what stops it.
func (o *test) player(
	ctx context.Context, agent harness.Agent, target engine.Target, options engine.Options, out string, log io.Writer,
) (p play, done func(), err error) {
	if o.client {
		driver, err := o.driver(agent.Command, out)
		driver.Log = log
		return func(ctx context.Context, list []cases.Case, emit func(harness.Result)) error {
			test := engine.TestClient
			if o.oneShot {
				test = engine.TestOneShot
			}
			_, err := test(ctx, driver, list, options, emit)
			return err
		}, func() {}, err
	}
	done = func() {}
	if o.serverCmd != "" {
		options.Service = &harness.Service{
			Command: agent.Command, URL: target.URL, AnyPort: target.URL.Port() == "0", Patience: o.patience, Log: log,
		}
		done = options.Service.Stop
		if err := options.Service.Start(ctx); err != nil {
			done()
			return nil, nil, err
		}
	}
	return func(ctx context.Context, list []cases.Case, emit func(harness.Result)) error {
		if options.Service != nil {
			target.URL = options.Service.URL
		}
		return testServer(ctx, target, list, options, emit)
	}, done, nil
}

// limitMemory has the collector work harder before the process outgrows small
// machines: reports of all cases make most of their garbage in a second. What the
// user says with GOMEMLIMIT goes first.
func limitMemory() {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(40 << 20)
	}
}

func allowExitFlag(f *pflag.FlagSet, codes *[]int) {
	f.IntSliceVar(codes, "allow-exit", nil, "exit `CODES` that the client uses on purpose; any other than 0 counts as a crash")
}

var errAllowExit = usagef("--allow-exit is for clients; a server that ends while it is tested has crashed")

// driver is the client under test.
func (o *test) driver(command []string, out string) (engine.Driver, error) {
	d := engine.Driver{Command: command, Host: o.host, Port: o.port, AllowedExits: o.allowExit}
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
	d.Command, err = harness.Expand(command, map[string]string{"ca": ca})
	d.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}}
	return d, err
}

// original has Autobahn play the cases. Flags that only the native engine can
// honour are an error, not ignored.
func (o *test) original(c *cobra.Command, args []string) error {
	for _, name := range []string{
		"parallel", "faithful", "no-echo", "one-shot", "declare", "corpora", "verbose", "agent-version", "host", "port", "tls", "header", "subprotocol", "insecure", "server-name", "ca", "cert", "key",
	} {
		if c.Flags().Changed(name) {
			return usagef("--%s works with the native engine only", name)
		}
	}
	if err := o.selection.onlyAutobahn(c.Flags()); err != nil {
		return err
	}
	agent, err := o.agentOf(args)
	if err != nil {
		return err
	}
	r := autobahnRun{
		role: agent.Role.String(), agent: agent.Name, out: o.out, network: "host", expect: o.expect, patience: o.patience, allowExit: o.allowExit, selection: o.selection, part: o.part,
	}
	if agent.Role == cases.Server && len(args) == 1 {
		r.url = agent.URL
	}
	return r.run(c, agent.Command)
}

// testServer tests a server that listens, and tells one that died or does not
// echo from one that fails cases.
func testServer(ctx context.Context, target engine.Target, list []cases.Case, options engine.Options, emit func(harness.Result)) error {
	report, err := engine.TestServer(ctx, target, list, options, emit)
	return cmp.Or(err, report.Trouble())
}

// conclude prints the results of the run and writes the reports.
func (o *test) conclude(c *cobra.Command, v *verdict, failure error, file, out string, took time.Duration) error {
	w := c.OutOrStdout()
	v.summary(w)
	fmt.Fprintf(w, "took %.1f s; results: %s\n", took.Seconds(), file)
	stored, err := harness.OpenRun(file)
	if err == nil {
		err = reports.Write(out, reports.Input{Run: stored, Gate: &v.decision})
	}
	if err == nil {
		fmt.Fprintf(w, "report: %s\n", filepath.Join(out, "index.html"))
	}
	v.conclude(w, v.again(c, out))
	log := filepath.Join(out, "agent.log")
	if info, err := os.Stat(log); err == nil && info.Size() > 0 && (failure != nil || v.decision.Exit != gate.Holds) {
		fmt.Fprintf(w, "what the agent printed: %s\n", log)
	}
	switch {
	case exitCode(failure) == exitInterrupted:
		return &codedError{exitInterrupted, fmt.Errorf("interrupted; the results so far are kept: the same command with --resume %s plays the rest", file)}
	case failure != nil:
		return errors.Join(failure, err)
	}
	return errors.Join(v.err(), err)
}

func (o *test) agentOf(args []string) (harness.Agent, error) {
	agent := harness.Agent{Name: o.agent, Version: o.version, Role: cases.Server}
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

// settings are what the header of the run file says of the options.
func (o *test) settings(options engine.Options) map[string]any {
	words := make([]string, len(options.Declared))
	for i, n := range options.Declared {
		words[i] = string(n)
	}
	return map[string]any{
		"parallel": o.parallel, "faithful": o.faithful, harness.SettingNoEcho: o.noEcho, harness.SettingDeclare: strings.Join(words, ","),
	}
}

// checkFlags refuses flags that would have no effect.
func (o *test) checkFlags(f *pflag.FlagSet) error {
	o.client = o.client || o.oneShot
	if f.Changed("server-cmd") && strings.TrimSpace(o.serverCmd) == "" {
		return usagef("--server-cmd is empty: it needs the command that starts the server")
	}
	server := []string{"header", "subprotocol", "insecure", "skip-hostname", "server-name", "verify-name", "ca"}
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
	if o.client && !o.tls && (f.Changed("cert") || f.Changed("key")) {
		return usagef("--cert and --key are of no use without --tls")
	}
	return nil
}

// dialFlags say how a server is reached.
type dialFlags struct {
	headers      []string
	subprotocols []string
	tls          tlsFlags
}

func (d *dialFlags) flags(f *pflag.FlagSet) {
	f.StringArrayVarP(&d.headers, "header", "H", nil, "add this field to the handshake request, `'Name: value'`; Host replaces the one from the URL")
	f.Var((*commaList)(&d.subprotocols), "subprotocol", "offer these subprotocols, comma-separated `NAMES`; may be repeated")
	d.tls.flags(f)
}

// target puts the flags together. A client under test has no URL; the flags
// then mean nothing.
func (d *dialFlags) target(raw string) (*engine.Target, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, malformed(err)
	}
	if strings.ContainsRune(u.RawQuery, ' ') { // it would end the request line's target
		return nil, usagef("URL %s: write %%20 for the space in its query", u.Redacted())
	}
	header, err := parseHeaders(d.headers)
	if err == nil {
		err = checkPort(u, 0) // --server-cmd chooses one for 0
	}
	if err == nil {
		err = checkSubprotocols(d.subprotocols)
	}
	if err != nil {
		return nil, err
	}
	t := &engine.Target{Header: header, Subprotocols: d.subprotocols}
	if t.Socket, t.URL, err = splitSocket(u); err != nil {
		return nil, err
	}
	if flag := d.tls.given(); flag != "" && t.URL.Scheme == "ws" && raw != "" {
		return nil, usagef("--%s is about TLS, and %s is without: did you mean wss?", flag, new(harness.Secrets).Text(raw))
	}
	t.TLS, err = d.tls.config()
	return t, err
}

// simple commands are a program and its arguments, nothing that a shell does
// itself.
var simple = regexp.MustCompile(`^\s*[A-Za-z0-9_./-]+(\s[^;&|<>()` + "`" + `\n]*)?$`)

// shellCommand has a shell run the command line. Where it can the shell gives way
// to the program, so that it is the program's end that is seen.
func shellCommand(line string) []string {
	if simple.MatchString(line) {
		line = "exec " + line
	}
	return []string{"/bin/sh", "-c", line}
}
