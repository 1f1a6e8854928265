package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/gate"
	"github.com/wsconform/wsconform/internal/runfile"
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
	http2     bool
	http3     bool
	oneShot   bool
	part      part
	verbose   bool
	json      bool
	dial      dialFlags
	proxy     string
	setup     engine.Setup // of an engine that needs one

	via, viaURL, originListen string   // of a gateway
	server                    string   // the URL of one behind the gateway
	driven                    []string // the command of a client before the gateway
}

func testCommand() *cobra.Command {
	var o test
	c := &cobra.Command{
		Use:   "test URL | test --client -- COMMAND... | test --via COMMAND",
		Short: "Test a server, a client or a gateway",
		Long: `Plays two suites: the 517 cases of the Autobahn testsuite, without Docker, with the
verdict that Autobahn would give, and cases for the rules of the RFCs that Autobahn
does not test. --suite chooses one of them.

To test a server, give its URL. To test a client, give a command that speaks
Autobahn's driver protocol (getCaseCount, runCase, updateReports); {url} in it
becomes the address to connect to. The command is started several times, each time
with a share of the cases, so that a driver that runs one case after another is
still tested in parallel.

To test a gateway, such as a reverse proxy, give the command that starts it with --via.
{listen} in it becomes the address where it has to listen, {origin} the one that it has
to forward to; {host}, {port} and {origin_port} are their parts. Cases are then played
between a client and an origin of wsconform's own, with and without the gateway: the
results say what it changed. With a server's URL or --server-cmd, the cases
of servers are played against that server, without and with the gateway; with --client,
those of clients are played with that client.

Results go to DIR/run.jsonl, reports to DIR/index.html and the files next to it,
and what the agent prints to DIR/agent.log. By default every case must pass. A case
of the RFC suite about a SHOULD is lenient instead of failed unless --strict is given,
and one about a MAY is only observed. wsconform.yaml declares what may fail, and wsconform
baseline writes it.

Passwords, tokens and header values are masked in all files, unless --show-secrets
is given.`,
		Example: `  wsconform test ws://127.0.0.1:9001
  wsconform test ws+unix:///run/app.sock:/live
  wsconform test ws://127.0.0.1:9001 --cases '5.*' --exclude 5.19,5.20
  wsconform test --server-cmd './my-server --port {port}'
  wsconform test --http2 wss://127.0.0.1:9443
  wsconform test --http3 wss://127.0.0.1:9443
  wsconform test --client -- ./my-client {url}
  wsconform test --via './my-proxy --listen {listen} --to {origin}'
  wsconform test --via './my-proxy --listen {listen} --to {origin}' ws://127.0.0.1:9001
  wsconform test --via './my-proxy --listen {listen} --to {origin}' --client -- ./my-client {url}`,
		RunE: o.run,
	}
	f := c.Flags()
	f.StringVar(&o.engine, "engine", runfile.DefaultEngine, engineHelp())
	o.agentFlags(f)
	f.StringVarP(&o.out, "out", "o", "", "write the results to this folder, `DIR` (default out/server or out/client)")
	o.expect.flags(f)
	f.IntVarP(&o.parallel, "parallel", "p", 0, "how many cases to play at once, or drivers to start, `N`; 0 detects it")
	o.selection.flags(f)
	o.selection.suiteFlag(f)
	o.selection.slowFlag(f)
	o.selection.userFlag(f)
	o.part.flags(f)
	f.BoolVarP(&o.verbose, "verbose", "v", false, "print a line for each case")
	f.BoolVar(&o.json, "json", false, "print the results as JSON in place of the summary")
	return c
}

// agentFlags say what is tested and how it is reached.
func (o *test) agentFlags(f *pflag.FlagSet) {
	f.BoolVar(&o.client, "client", false, "test a client, the command after --")
	f.StringVar(&o.serverCmd, "server-cmd", "", "start the server with this `COMMAND`; {port} becomes a free port, {host} the address")
	f.StringVar(&o.via, "via", "", "test the gateway that this `COMMAND` starts; {listen} becomes the address to listen on, {origin} the one to forward to")
	f.StringVar(&o.viaURL, "via-url", "", "test a gateway that is running already, at this `URL`; it forwards to --origin-listen")
	f.StringVar(&o.originListen, "origin-listen", "127.0.0.1:0", "be the origin of the gateway at this `ADDRESS`")
	f.IntVar(&o.port, "port", 0, "listen for the client on this `PORT`, if the driver has it built in; only one driver is then started")
	f.StringVar(&o.host, "host", "127.0.0.1", "listen for the client on this `ADDRESS`, such as ::1")
	f.BoolVar(&o.tls, "tls", false, "let the client connect with wss; {ca} in its command becomes a PEM file to trust, created for the run unless --cert and --key are given")
	f.StringVar(&o.agent, "agent", "", "`NAME` of the implementation in reports")
	f.StringVar(&o.version, "agent-version", "", "`VERSION` of the implementation in reports")
	f.DurationVar(&o.patience, "start-timeout", startPatience, "how long the server may take to start")
	f.BoolVar(&o.faithful, "faithful", false, "wait as long as Autobahn does, even where the verdict is already certain")
	f.StringVar(&o.corpora, "corpora", "", "use Autobahn's own payload files for sections 12 and 13, from this folder, `DIR`")
	f.BoolVar(&o.oneShot, "one-shot", false, "test a client that connects once for each start, the command after --: any program that takes a URL")
	f.BoolVar(&o.http2, "http2", false, "test WebSocket over HTTP/2 (RFC 8441): by ALPN for wss, with prior knowledge for ws; cases about HTTP/1.1 are unsupported")
	f.BoolVar(&o.http3, "http3", false, "test WebSocket over HTTP/3 (RFC 9220), of a wss server; cases about HTTP/1.1 and HTTP/2 are unsupported")
	f.BoolVar(&o.noEcho, "no-echo", false, "the peer does not echo, like a broker or a chat server: use pings in place of messages; cases that need an echo are unsupported")
	f.StringSliceVar(&o.declared, "declare", nil, "what the peer offers and wsconform cannot find out by itself, comma-separated `NEEDS`: "+declarable())
	allowExitFlag(f, &o.allowExit)
	o.dial.flags(f)
	f.StringVar(&o.proxy, "proxy", "none", "reach the server through a proxy: a `URL` with scheme http, https, socks4, socks4a, socks5 or socks5h, with user and password in it; none uses no proxy")
}

// run plays the cases.
func (o *test) run(c *cobra.Command, args []string) error {
	kind, err := pickEngine(o.engine)
	if err != nil {
		return err
	}
	if err := able(kind, c.Flags()); err != nil {
		return err
	}
	if err := o.selection.fits(kind, c.Flags()); err != nil {
		return err
	}
	if err := o.checkFlags(c.Flags()); err != nil {
		return err
	}
	agent, err := o.agentOf(args)
	if err != nil {
		return err
	}
	return o.judge(c, kind, agent)
}

// judge plays the cases with the engine, and judges the results.
func (o *test) judge(c *cobra.Command, kind engine.Kind, agent harness.Agent) error {
	limitMemory(playMemory)
	limitGarbage(playGarbage)
	list, sel, shard, err := o.part.pick(&o.selection, c.Flags(), o.played(agent.Role))
	if err != nil {
		return err
	}
	files, err := o.expect.load(agent)
	if err != nil {
		return err
	}
	subject, err := o.subject(agent)
	if err != nil {
		return err
	}
	if !slices.Contains(kind.Unable, "declare") {
		subject.Declared = gate.Declared(files, agent, subject.Declared)
	}
	player, err := openEngine(c.Context(), kind, o.setup, c.ErrOrStderr())
	if err != nil {
		return err
	}
	defer player.Close() //nolint:errcheck // wsconform clean finds what it leaves
	out := cmp.Or(o.part.folder(o.out), filepath.Join("out", folderOf(kind, agent.Role)))
	if err := noComparisonIn(out); err != nil {
		return err
	}
	header := runfile.Header{
		Tool: "wsconform " + toolVersion(), Engine: player.About(),
		Agent: agent, Selection: sel, Shard: shard, Started: time.Now().UTC(), Host: thisHost(),
		Settings: o.settings(kind, subject), Added: subject.Header, Secrets: o.part.secretsMode(),
		UserCases: o.selection.ofUser(sel.Selected),
	}
	begun := time.Now()
	secrets := header.Masking()
	file := cmp.Or(o.part.resume, filepath.Join(out, "run.jsonl"))
	run, err := o.part.record(file, header, func(emit func(harness.Result), w *runfile.Writer) error {
		log, err := createLog(filepath.Join(out, "agent.log"), secrets)
		if err != nil {
			return err
		}
		defer log.Close()
		counted, end := o.progress(c.ErrOrStderr(), kind, &subject, len(list), secrets, emit)
		defer end()
		var unwritten error // the header as it should be
		subject.Peer = func(p harness.Peer) { unwritten = w.Peer(p) }
		subject.Secrets, subject.Reports = secrets, filepath.Join(out, o.ownReports(kind))
		play, done, err := o.player(c.Context(), player, subject, agent, out, log)
		if err != nil {
			return err
		}
		defer done()
		return cmp.Or(play(c.Context(), list, counted), unwritten)
	})
	if run == nil {
		return err
	}
	d := gate.Decide(run, files, time.Now())
	if note := secretsNote(header); note != "" {
		d.Notes = append(d.Notes, note)
	}
	return o.conclude(c, &d, secrets, err, file, out, time.Since(begun))
}

// folderOf names the folder of the results of an engine: that of the default one is named
// by the role alone.
func folderOf(kind engine.Kind, role cases.Role) string {
	if kind.Name == runfile.DefaultEngine {
		return role.String()
	}
	return kind.Name + "-" + role.String()
}

// ownReports is the folder for what the engine itself reports of a run. A run that is
// resumed leaves those of the run before in place.
func (o *test) ownReports(kind engine.Kind) string {
	if o.part.resume != "" {
		return kind.Name + "-resumed"
	}
	return kind.Name
}

// settings are what the header says of the engine's settings: of those that it has.
func (o *test) settings(kind engine.Kind, s engine.Subject) map[string]any {
	words := make([]string, len(s.Declared))
	for i, n := range s.Declared {
		words[i] = string(n)
	}
	all := map[string]any{}
	for _, one := range []struct {
		flag, name string
		value      any
	}{
		{"parallel", "parallel", o.parallel},
		{"faithful", "faithful", o.faithful},
		{"no-echo", runfile.SettingNoEcho, o.noEcho},
		{"declare", runfile.SettingDeclare, strings.Join(words, ",")},
		{"http2", runfile.SettingHTTP2, o.http2},
		{"http3", runfile.SettingHTTP3, o.http3},
	} {
		if !slices.Contains(kind.Unable, one.flag) {
			all[one.name] = one.value
		}
	}
	if o.setup.Network != "" {
		all["network"] = o.setup.Network
	}
	return all
}

// progress shows how far a run has got. It returns what gets the results, and what is called
// at the end. A late engine tells it of each case that begins.
func (o *test) progress(
	w io.Writer, kind engine.Kind, s *engine.Subject, total int, secrets *runfile.Secrets, emit func(harness.Result),
) (counted func(harness.Result), end func()) {
	worth := seldom(10 * time.Second)
	if kind.Late {
		worth = sections()
	}
	meter := newMeter(w, total, worth)
	var mu sync.Mutex           // guards seen
	seen := map[cases.ID]bool{} // a case may begin twice, or have two results
	step := func(id cases.ID) {
		mu.Lock()
		defer mu.Unlock()
		seen[id] = true
		meter.step(len(seen), string(id))
	}
	ink := inksOf(w)
	counted = func(r harness.Result) {
		emit(r) // what is told is in the file already
		if !kind.Late {
			step(r.Case)
		}
		if o.verbose {
			meter.line(resultLine(secrets.Result(r), ink))
		}
	}
	if kind.Late {
		s.Started = func(c cases.Case) { step(c.ID) }
	}
	s.Provisional = counted
	return counted, meter.end
}

const (
	// playMemory is a soft limit of memory, in bytes: playing cases has large messages to hold.
	playMemory = 40 << 20
	// playGarbage is how much garbage playing cases may leave, as a percentage of what is in use. The
	// collector counts 5 MB of tables of packet types as such, which nobody but lint looks at.
	playGarbage = 60
	// reportGarbage is how much garbage writing reports may leave, as a percentage of what
	// is in use: they make most of theirs in a second.
	reportGarbage = 35
)

// limitMemory has the collector work harder before the process outgrows small
// machines. What the user says with GOMEMLIMIT goes first.
func limitMemory(bytes int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(bytes)
	}
}

// limitGarbage does the same in proportion to what is in use. GOGC goes first.
func limitGarbage(percent int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// conclude prints the results of the run and writes the reports.
func (o *test) conclude(c *cobra.Command, d *gate.Decision, secrets *runfile.Secrets, failure error, file, out string, took time.Duration) error {
	w := c.OutOrStdout()
	if o.json {
		w = io.Discard
	}
	d.WriteSummary(w)
	fmt.Fprintf(w, "took %.1f s; results: %s\n", took.Seconds(), file)
	limitGarbage(reportGarbage)
	stored, err := runfile.Open(file)
	if err == nil {
		err = reports.Write(out, reports.Input{Run: stored, Gate: d})
	}
	if err == nil {
		fmt.Fprintf(w, "report: %s\n", filepath.Join(out, "index.html"))
	}
	if o.json && stored != nil {
		err = errors.Join(err, reports.WriteJSON(c.OutOrStdout(), reports.Input{Run: stored, Gate: d}))
	}
	again := ""
	if first := d.First(); first != "" {
		again = repeat(c, first, filepath.Join(out, "repeat"), secrets)
	}
	d.Write(w, again)
	log := filepath.Join(out, "agent.log")
	if info, err := os.Stat(log); err == nil && info.Size() > 0 && (failure != nil || d.Exit != gate.Holds) {
		fmt.Fprintf(w, "what the agent printed: %s\n", log)
	}
	switch {
	case exitCode(failure) == exitInterrupted:
		return &codedError{exitInterrupted, fmt.Errorf("interrupted; the results so far are kept: the same command with --resume %s plays the rest", file)}
	case failure != nil:
		return errors.Join(failure, err)
	}
	return errors.Join(gateError(*d), err)
}
