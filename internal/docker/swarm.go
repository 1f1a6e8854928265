package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/swarm"
)

// swarmAPI is the part of [client.Client] that jobs on a swarm use.
type swarmAPI interface {
	SecretCreate(ctx context.Context, secret swarm.SecretSpec) (swarm.SecretCreateResponse, error)
	SecretList(ctx context.Context, o swarm.SecretListOptions) ([]swarm.Secret, error)
	SecretRemove(ctx context.Context, id string) error
	ServiceCreate(ctx context.Context, s swarm.ServiceSpec, o swarm.ServiceCreateOptions) (swarm.ServiceCreateResponse, error)
	ServiceList(ctx context.Context, o swarm.ServiceListOptions) ([]swarm.Service, error)
	ServiceRemove(ctx context.Context, id string) error
	TaskList(ctx context.Context, o swarm.TaskListOptions) ([]swarm.Task, error)
	NodeList(ctx context.Context, o swarm.NodeListOptions) ([]swarm.Node, error)
}

// A SwarmJob keeps the same command at work on several nodes of a Docker Swarm.
type SwarmJob struct {
	Image   string
	Command []string
	Count   int
	Secret  []byte // is at /run/secrets/token
}

// SecretFile is where the secret of a [SwarmJob] is.
const SecretFile = "/run/secrets/" + secretName

const secretName = "token"

// A Swarm is a [SwarmJob] at work.
type Swarm struct {
	engine  *Engine
	api     swarmAPI
	service string
	secret  string
}

// ErrNoSwarm means that the engine manages no swarm.
var ErrNoSwarm = errors.New("the Docker engine manages no swarm; docker swarm init or join makes it one")

// StartSwarm starts a job on the swarm that the engine manages. Its containers use the
// networks of their nodes. The swarm starts another one in place of each that ends, or
// whose node has died. Jobs of processes of this machine that were killed are removed first.
func (e *Engine) StartSwarm(ctx context.Context, job SwarmJob) (*Swarm, error) {
	api, ok := e.api.(swarmAPI)
	if !ok {
		return nil, ErrNoSwarm
	}
	if _, err := e.cleanSwarm(ctx, false); err != nil {
		return nil, err
	}
	s := &Swarm{engine: e, api: api}
	about := swarm.Annotations{Name: "wsconform-" + e.run, Labels: e.labels(nil)}
	secret, err := api.SecretCreate(ctx, swarm.SecretSpec{Annotations: about, Data: job.Secret})
	if errdefs.IsUnavailable(err) {
		return nil, fmt.Errorf("docker: %w", ErrNoSwarm)
	}
	if err != nil {
		return nil, e.wrap(ctx, "create secret", err)
	}
	s.secret = secret.ID
	count, delay := uint64(max(job.Count, 0)), 2*time.Second
	spec := swarm.ServiceSpec{
		Annotations: about,
		// A replicated job would leave its containers behind, and those of a dead node alone.
		Mode: swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &count}},
		TaskTemplate: swarm.TaskSpec{
			ContainerSpec: &swarm.ContainerSpec{
				Image: job.Image, Command: job.Command, Labels: e.labels(nil), Env: []string{"HOME=/tmp"},
				Secrets: []*swarm.SecretReference{{
					SecretID: secret.ID, SecretName: about.Name,
					File: &swarm.SecretReferenceFileTarget{Name: secretName, UID: "0", GID: "0", Mode: os.FileMode(0o444)},
				}},
			},
			RestartPolicy: &swarm.RestartPolicy{Condition: swarm.RestartPolicyConditionAny, Delay: &delay},
			Networks:      []swarm.NetworkAttachmentConfig{{Target: "host"}},
		},
	}
	service, err := api.ServiceCreate(ctx, spec, swarm.ServiceCreateOptions{})
	if err != nil {
		return nil, errors.Join(e.wrap(ctx, "create service", err), s.Remove(ctx))
	}
	s.service = service.ID
	return s, nil
}

// Remove ends the job, on all nodes that answer, and removes what was made. It ignores the
// cancellation of ctx.
func (s *Swarm) Remove(ctx context.Context) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	var errs []error
	if s.service != "" {
		errs = append(errs, s.engine.wrap(ctx, "remove service", s.api.ServiceRemove(ctx, s.service)))
	}
	errs = append(errs, s.engine.wrap(ctx, "remove secret", s.api.SecretRemove(ctx, s.secret)))
	errs = append(errs, s.engine.RemoveRun(ctx)) // the swarm takes its time with containers that have ended
	return errors.Join(errs...)
}

// A SwarmState says how the containers of a job are.
type SwarmState struct {
	Running int      // on nodes that answer
	Down    []string // host names of nodes that do not answer and had containers of the job
	Error   string   // the last one of a container that failed
}

// State looks at the job. A node that has died keeps its containers "running" in the
// engine's eyes until it is removed from the swarm; here they do not count.
func (s *Swarm) State(ctx context.Context) (state SwarmState, err error) {
	nodes, err := s.api.NodeList(ctx, swarm.NodeListOptions{})
	if err != nil {
		return state, s.engine.wrap(ctx, "list nodes", err)
	}
	tasks, err := s.api.TaskList(ctx, swarm.TaskListOptions{Filters: filters.NewArgs(filters.Arg("service", s.service))})
	if err != nil {
		return state, s.engine.wrap(ctx, "list tasks", err)
	}
	down := map[string]string{}
	for _, n := range nodes {
		if n.Status.State == swarm.NodeStateDown {
			down[n.ID] = n.Description.Hostname
		}
	}
	for _, t := range tasks {
		host, lost := down[t.NodeID]
		switch {
		case lost && t.Status.State == swarm.TaskStateRunning:
			state.Down = append(state.Down, host)
		case t.Status.State == swarm.TaskStateRunning:
			state.Running++
		case t.Status.Err != "":
			state.Error = t.Status.Err
		}
	}
	return state, nil
}

// cleanSwarm removes the jobs of runs whose process has ended, or all.
func (e *Engine) cleanSwarm(ctx context.Context, force bool) (removed []string, err error) {
	api, ok := e.api.(swarmAPI)
	if !ok {
		return nil, nil
	}
	services, err := api.ServiceList(ctx, swarm.ServiceListOptions{Filters: ours("")})
	if errdefs.IsUnavailable(err) { // no swarm
		return nil, nil
	}
	if err != nil {
		return nil, e.wrap(ctx, "list services", err)
	}
	var errs []error
	for _, s := range services {
		if !force && leftover(s.ID, s.Spec.Labels).Owned {
			continue
		}
		removed = append(removed, s.ID)
		errs = append(errs, e.wrap(ctx, "remove service", api.ServiceRemove(ctx, s.ID)))
	}
	secrets, err := api.SecretList(ctx, swarm.SecretListOptions{Filters: ours("")})
	errs = append(errs, e.wrap(ctx, "list secrets", err))
	for _, s := range secrets {
		if force || !leftover(s.ID, s.Spec.Labels).Owned {
			errs = append(errs, e.wrap(ctx, "remove secret", api.SecretRemove(ctx, s.ID)))
		}
	}
	return removed, errors.Join(errs...)
}
