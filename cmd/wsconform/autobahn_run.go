package main

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/agent"
	"github.com/wsconform/wsconform/internal/runfile"
)

type autobahnRun struct {
	role      string
	url       string
	agent     string
	out       string
	image     string
	network   string
	expect    expectFlags
	patience  time.Duration
	allowExit []int
	selection selection
	part      part
}

func autobahnRunCommand() *cobra.Command {
	var o autobahnRun
	c := &cobra.Command{
		Use:   "run [-- COMMAND...]",
		Short: "Run Autobahn's cases against an implementation",
		Long: `Runs Autobahn's cases against an implementation: a server at --url, or a command
that is started for the run. In the command, {url}, {host} and {port} stand for
the address where a server should listen or a client should connect. Without
either, the reference server or client is tested. A client is started once for
each part of the cases, because Autobahn writes its reports at the end of a part.

Results go to DIR/run.jsonl, Autobahn's own reports to DIR/autobahn, and what the
agent prints to DIR/agent.log. wsconform.yaml declares what may fail, as for test.

A server or client that ends or hangs in the middle of the run is started again, and
the suspected cases are played one by one to find the one to blame. Verdicts that may
be due to chance are played again; DIR/autobahn has the last play of each case.`,
		Example: `  wsconform autobahn run --role server --url ws://127.0.0.1:9001
  wsconform autobahn run --role server -- ./my-server --port {port}
  wsconform autobahn run --role client --exclude '12.*,13.*' -- ./my-client {url}`,
		RunE: o.run,
	}
	f := c.Flags()
	f.StringVar(&o.role, "role", "server", "role of the implementation: `server` or client")
	f.StringVar(&o.url, "url", "", "address of the server, `ws://HOST:PORT`; with a command, any free port by default")
	f.StringVar(&o.agent, "agent", "", "`NAME` of the implementation in reports")
	f.StringVarP(&o.out, "out", "o", "", "write the results to this folder, `DIR` (default out/autobahn-ROLE)")
	f.StringVar(&o.image, "image", "", "container image with wstest, `REF` (default: the one that autobahn image provides)")
	f.StringVar(&o.network, "network", "host", "container network: `host`, or bridge for Docker Desktop")
	o.expect.flags(f)
	f.DurationVar(&o.patience, "start-timeout", 0, "how long the implementation may take to start (default 30s; 5s without a command)")
	allowExitFlag(f, &o.allowExit)
	o.selection.flags(f)
	o.part.flags(f)
	return c
}

func (o *autobahnRun) run(c *cobra.Command, command []string) error {
	about, err := o.agentOf(command)
	if err != nil {
		return err
	}
	kind, _ := engine.Find(runfile.ReferenceEngine)
	t := test{
		out: o.out, expect: o.expect, patience: o.patience, allowExit: o.allowExit, selection: o.selection, part: o.part,
		setup: engine.Setup{Image: o.image, Network: o.network},
	}
	return t.judge(c, kind, about)
}

// agentOf puts the agent together from the flags and the command.
func (o *autobahnRun) agentOf(command []string) (harness.Agent, error) {
	about := harness.Agent{Name: o.agent, URL: o.url, Command: command}
	if err := about.Role.UnmarshalText([]byte(o.role)); err != nil {
		return about, usagef("--role %q: must be server or client", o.role)
	}
	if about.Role == cases.Client && o.url != "" {
		return about, usagef("--url is for servers: a client is told the address by {url} in its command")
	}
	if about.Role == cases.Server && len(o.allowExit) > 0 {
		return about, errAllowExit
	}
	if o.network != "host" && o.network != "bridge" {
		return about, usagef("--network %q: must be host or bridge", o.network)
	}
	if len(command) == 0 && o.url == "" {
		if err := o.ourselves(&about); err != nil {
			return about, err
		}
	}
	if about.Name == "" {
		about.Name = agentName(about)
	}
	if about.Role == cases.Server && about.URL == "" {
		port, err := agent.FreePort()
		if err != nil {
			return about, err
		}
		about.URL = "ws://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	}
	return about, checkURL(about)
}

func checkURL(agent harness.Agent) error {
	if agent.URL == "" {
		return nil
	}
	u, err := url.Parse(agent.URL)
	if err != nil || u.Hostname() == "" || u.Scheme != "ws" && u.Scheme != "wss" {
		return usagef("--url %q: must look like ws://127.0.0.1:9001", agent.URL)
	}
	return nil
}

// ourselves makes our reference server or client the agent.
func (o *autobahnRun) ourselves(agent *harness.Agent) error {
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find our own program: %w", err)
	}
	agent.Version = toolVersion()
	if agent.Name == "" {
		agent.Name = "wsconform-" + o.role
	}
	agent.Command = []string{exe, "echo", "--addr", "{host}:{port}", "--verbose"}
	if agent.Role == cases.Client {
		agent.Command = []string{exe, "drive", "{url}", "--agent", agent.Name}
	}
	return nil
}

// agentName is how an agent goes by that was not given a name.
func agentName(agent harness.Agent) string {
	if len(agent.Command) > 0 {
		return filepath.Base(agent.Command[0])
	}
	masked := new(runfile.Secrets).Text(agent.URL)
	return strings.TrimPrefix(strings.TrimPrefix(masked, "ws://"), "wss://")
}

// sections is worth a line when the section changes.
func sections() func(int, string) bool {
	last := ""
	return func(_ int, id string) bool {
		section := cases.ID(id).Section()
		changed := section != last
		last = section
		return changed
	}
}

// createLog creates the file for what the agent prints, with the secrets masked
// that it repeats.
func createLog(path string, secrets *runfile.Secrets) (io.WriteCloser, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return secrets.Writer(f), nil
}

func thisHost() runfile.Host {
	return runfile.Host{OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU(), Go: runtime.Version()}
}
