package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/wsconform/wsconform/internal/docker"
	"github.com/wsconform/wsconform/internal/launch"
	"github.com/wsconform/wsconform/internal/queue"
)

// launchOptions are the flags of compare that start workers on other machines.
type launchOptions struct {
	on      string
	image   string
	workers int
}

const (
	onSwarm      = "swarm"
	onKubernetes = "kubernetes"
)

func (o *launchOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.on, "on", "", "start the workers of --serve on a Docker `swarm`, or write the manifests of a Job for kubernetes, DIR/kubernetes.yaml")
	f.StringVar(&o.image, "image", "", "with --on, the `IMAGE` of the workers, with this version of wsconform and the programs of the agents")
	f.IntVar(&o.workers, "workers", 2, "with --on, how many workers, `N`")
}

func (o *launchOptions) check(f *pflag.FlagSet) error {
	switch o.on {
	case "":
		if f.Changed("image") || f.Changed("workers") {
			return usagef("--image and --workers have no effect without --on")
		}
	case onSwarm, onKubernetes:
		if o.image == "" {
			return usagef("--on %s needs --image", o.on)
		}
		if o.workers < 1 {
			return usagef("--workers %d: must be at least 1", o.workers)
		}
	default:
		return usagef("--on %q: it is %s or %s", o.on, onSwarm, onKubernetes)
	}
	return nil
}

// launch starts workers, or writes how to, and returns what ends them.
func (o *launchOptions) launch(c *cobra.Command, dir, agents string, server *queue.Server, token string) (stop func(), err error) {
	w := launch.Workers{Name: "wsconform-workers", Image: o.image, Count: o.workers, URL: server.URL, Pin: server.Pin, Token: token, Agents: agents}
	switch o.on {
	case onKubernetes:
		text, err := w.Kubernetes()
		if err != nil {
			return nil, err
		}
		file := filepath.Join(dir, "kubernetes.yaml")
		if err := os.WriteFile(file, text, 0o600); err != nil { // it has the token
			return nil, err
		}
		fmt.Fprintf(c.ErrOrStderr(), "to start the workers: kubectl apply -f %s\n", file)
		return func() { _ = os.Remove(file) }, nil // its token is good for nothing now
	case onSwarm:
		return startSwarm(c.Context(), c.ErrOrStderr(), w)
	}
	return func() {}, nil
}

// swarmLook is how often to look at the job.
const swarmLook = 3 * time.Second

// startSwarm starts the workers, and tells how they are whenever that changes.
func startSwarm(ctx context.Context, w io.Writer, workers launch.Workers) (stop func(), err error) {
	engine, err := docker.Connect(ctx)
	if err != nil {
		return nil, err
	}
	job, err := engine.StartSwarm(ctx, docker.SwarmJob{
		// The swarm would start those again that have ended.
		Image: workers.Image, Command: append(workers.Command(docker.SecretFile), "--stay"), Count: workers.Count, Secret: []byte(workers.Token),
	})
	if err != nil {
		_ = engine.Close()
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(swarmLook)
		defer tick.Stop()
		watchSwarm(ctx, w, job, workers.Count, tick.C)
	}()
	return func() {
		cancel()
		<-done
		if err := job.Remove(ctx); err != nil {
			fmt.Fprintf(w, "%v; wsconform clean removes it\n", err)
		}
		_ = engine.Close()
	}, nil
}

// watchSwarm tells how the workers are whenever that changes.
func watchSwarm(ctx context.Context, w io.Writer, job *docker.Swarm, count int, look <-chan time.Time) {
	said := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-look:
		}
		state, err := job.State(ctx)
		if err != nil {
			continue // the next look may tell more
		}
		if line := swarmWords(state, count); line != said {
			said = line
			fmt.Fprintln(w, line)
		}
	}
}

func swarmWords(s docker.SwarmState, count int) string {
	line := fmt.Sprintf("swarm: %d of %d workers run", s.Running, count)
	if len(s.Down) > 0 {
		line += "; nodes that do not answer: " + strings.Join(slices.Compact(slices.Sorted(slices.Values(s.Down))), ", ")
	}
	if s.Error != "" {
		line += "; " + s.Error
	}
	return line
}
