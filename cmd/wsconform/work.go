package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/agentfile"
	"github.com/wsconform/wsconform/internal/compare"
	"github.com/wsconform/wsconform/internal/docker"
	"github.com/wsconform/wsconform/internal/queue"
)

// workOptions are the flags of work, and what a worker has opened.
type workOptions struct {
	agents    agentFlags
	tokenFile string
	pin       string
	name      string
	tags      []string
	once      bool
	stay      bool
	wait      time.Duration

	engines map[string]engine.Engine
	docker  func() bool // whether an engine answers
	network *docker.Network
	close   []func()
}

func workCommand() *cobra.Command {
	var o workOptions
	c := &cobra.Command{
		Use:   "work URL",
		Short: "Play a part of a comparison that another machine has started",
		Long: `Connects to a comparison that was started with wsconform compare --serve, which prints
the URL, and plays one unit after the other until the comparison is over: an agent in
one role, or a shard of that. It takes only units whose programs are installed here.

It builds and runs nothing but agents of its own catalogue, the built-in one or the
folder --agents, and only if their content is the same as where the comparison was
started. The version of wsconform must be the same too.

A unit that cannot be played here, as when its agent cannot be built, is left to other
workers.

Exit codes: 0 the comparison is over, 2 usage error or another version, 3 the server
does not answer or refuses the token, 4 it is over, and a unit could be played neither
here nor elsewhere, 130 interrupted.`,
		Example: `  wsconform work nats://127.0.0.1:4222 --token-file out/compare/queue/token
  wsconform work tls://10.0.0.1:4222 --token-file token --pin 3f0c... --tags go,python3
  wsconform work tls://alice@nats.example:4222 --token-file password`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, list []string) error { return o.run(c, list[0]) },
	}
	f := c.Flags()
	f.StringVar(&o.tokenFile, "token-file", "", "connect with the token in this `FILE`: the password of the user in the URL, if that has one")
	f.StringVar(&o.pin, "pin", "", "accept only the server whose certificate has this SHA-256 `HASH`")
	f.StringVar(&o.name, "name", "", "`NAME` of this worker (default the name of the machine, and random letters)")
	f.StringSliceVar(&o.tags, "tags", nil, "take only units that need nothing but these `PROGRAMS`, such as go,docker (default all that are installed)")
	f.BoolVar(&o.once, "once", false, "end after one unit")
	f.BoolVar(&o.stay, "stay", false, "when the comparison is over, wait for another one")
	f.DurationVar(&o.wait, "wait", 5*time.Minute, "how long to wait for a server that does not answer or has nothing to play yet")
	o.agents.flags(f)
	return c
}

func (o *workOptions) run(c *cobra.Command, url string) error {
	access := queue.Access{URL: url, Pin: o.pin, Name: o.worker(), Patience: o.wait}
	if err := access.Check(); err != nil {
		return usagef("%w", err)
	}
	if o.wait <= 0 {
		return usagef("--wait %v: must be more than 0", o.wait)
	}
	if o.tokenFile != "" {
		var err error
		if access.Token, err = readToken(o.tokenFile); err != nil {
			return err
		}
	}
	q, err := queue.Connect(c.Context(), access)
	if err != nil {
		return err
	}
	defer q.Close()
	o.engines = map[string]engine.Engine{}
	o.docker = sync.OnceValue(func() bool {
		e, err := docker.Connect(c.Context())
		if err != nil {
			return false
		}
		_ = e.Close()
		return true
	})
	defer func() {
		for _, done := range slices.Backward(o.close) {
			done()
		}
	}()
	player := &compare.Player{Workshop: &o.agents.workshop, Agent: o.agent, Open: func(ctx context.Context, name string) (engine.Engine, error) {
		return o.open(ctx, c, name)
	}, Tool: "wsconform " + toolVersion(), Host: thisHost()}
	played, err := q.Work(c.Context(), queue.Worker{
		Name: access.Name, About: about(), Able: o.able, Once: o.once, Stay: o.stay, Patience: o.wait,
		Play: func(ctx context.Context, t queue.Task) ([]byte, error) { return o.play(ctx, c, player, t) },
		Note: func(line string) { fmt.Fprintln(c.ErrOrStderr(), line) },
	})
	fmt.Fprintf(c.OutOrStdout(), "played %s\n", harness.Count(played, "unit"))
	switch {
	case errors.As(err, new(*queue.MismatchError)):
		return &codedError{exitUsage, err}
	case errors.As(err, new(*queue.UnplayedError)):
		return &codedError{exitIncomplete, err}
	}
	return err
}

// worker is the name that the comparison shows.
func (o *workOptions) worker() string {
	if o.name != "" {
		return o.name
	}
	host, err := os.Hostname()
	if err != nil {
		host = "worker"
	}
	return host + "-" + strings.ToLower(rand.Text()[:6]) // two containers of a machine may have its name, and the same pid
}

// able says whether this machine has what a unit needs.
func (o *workOptions) able(needs []string) bool {
	for _, need := range needs {
		if o.tags != nil && !slices.Contains(o.tags, need) {
			return false
		}
		if need == compare.NeedsDocker {
			if !o.docker() {
				return false
			}
			continue
		}
		if _, err := exec.LookPath(need); err != nil {
			return false
		}
	}
	return true
}

// play plays one unit.
func (o *workOptions) play(ctx context.Context, c *cobra.Command, p *compare.Player, t queue.Task) ([]byte, error) {
	var u compare.Unit
	if err := json.Unmarshal(t.Body, &u); err != nil {
		return nil, fmt.Errorf("read the unit: %w", err)
	}
	if u.Isolation == compare.InContainer && o.network == nil {
		network, done, err := compare.Contain(ctx)
		if err != nil {
			return nil, &queue.UnableError{Err: err}
		}
		o.network, o.close = network, append(o.close, done)
	}
	p.Network = o.network
	begun := time.Now()
	fmt.Fprintf(c.ErrOrStderr(), "unit %s\n", t.Name)
	data, err := p.Play(ctx, u)
	switch {
	case harness.OutOfResources(err), errors.Is(err, syscall.ENOSPC):
		err = fmt.Errorf("%w: %w", queue.ErrStop, err)
	case errors.As(err, new(*compare.UnableError)):
		err = &queue.UnableError{Err: err}
	case err == nil:
		fmt.Fprintf(c.ErrOrStderr(), "unit %s: played (%.1f s)\n", t.Name, time.Since(begun).Seconds())
	}
	return data, err
}

// agent finds the agent of a unit in the own catalogue.
func (o *workOptions) agent(u compare.Unit) (agentfile.Agent, error) {
	flags := o.agents
	flags.gateways = u.Gateway
	if !agentfile.ValidName(u.Agent) {
		return agentfile.Agent{}, fmt.Errorf("%q is no agent", u.Agent)
	}
	list, err := flags.pick([]string{u.Agent})
	if err != nil {
		return agentfile.Agent{}, err
	}
	return list[0], nil
}

// open makes an engine ready, once.
func (o *workOptions) open(ctx context.Context, c *cobra.Command, name string) (engine.Engine, error) {
	if e := o.engines[name]; e != nil {
		return e, nil
	}
	kind, ok := engine.Find(name)
	if !ok {
		return nil, fmt.Errorf("no engine %q here", name)
	}
	e, err := openEngine(ctx, kind, engine.Setup{}, c.ErrOrStderr())
	if err != nil {
		return nil, err
	}
	o.engines[name] = e
	o.close = append(o.close, func() { _ = e.Close() }) // wsconform clean removes what this cannot
	return e, nil
}
