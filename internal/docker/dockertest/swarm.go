package dockertest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/swarm"
)

// A Swarm is an [API] that manages a swarm. The ids of what it makes are "secret-1",
// "service-2" and so on. It is not safe for concurrent use.
type Swarm struct {
	API
	Services map[string]swarm.ServiceSpec // by id, as are the secrets
	Secrets  map[string]swarm.SecretSpec
	Tasks    []swarm.Task
	Nodes    []swarm.Node
	None     bool // it manages none
	Refuse   bool // to make services
	made     int
}

// NewSwarm returns one without nodes and containers.
func NewSwarm() *Swarm {
	s := &Swarm{Services: map[string]swarm.ServiceSpec{}, Secrets: map[string]swarm.SecretSpec{}}
	s.OnContainerList = func(container.ListOptions) ([]container.Summary, error) { return nil, nil }
	return s
}

// SecretCreate is a method of [client.Client].
func (f *Swarm) SecretCreate(_ context.Context, s swarm.SecretSpec) (swarm.SecretCreateResponse, error) {
	if f.None {
		return swarm.SecretCreateResponse{}, errdefs.ErrUnavailable
	}
	f.made++
	id := fmt.Sprint("secret-", f.made)
	f.Secrets[id] = s
	return swarm.SecretCreateResponse{ID: id}, nil
}

// SecretList is a method of [client.Client].
func (f *Swarm) SecretList(context.Context, swarm.SecretListOptions) (list []swarm.Secret, err error) {
	for _, id := range slices.Sorted(maps.Keys(f.Secrets)) {
		list = append(list, swarm.Secret{ID: id, Spec: f.Secrets[id]})
	}
	return list, nil
}

// SecretRemove is a method of [client.Client].
func (f *Swarm) SecretRemove(_ context.Context, id string) error {
	delete(f.Secrets, id)
	return nil
}

// ServiceCreate is a method of [client.Client].
func (f *Swarm) ServiceCreate(_ context.Context, s swarm.ServiceSpec, _ swarm.ServiceCreateOptions) (swarm.ServiceCreateResponse, error) {
	if f.Refuse {
		return swarm.ServiceCreateResponse{}, errors.New("refused")
	}
	f.made++
	id := fmt.Sprint("service-", f.made)
	f.Services[id] = s
	return swarm.ServiceCreateResponse{ID: id}, nil
}

// ServiceList is a method of [client.Client].
func (f *Swarm) ServiceList(context.Context, swarm.ServiceListOptions) (list []swarm.Service, err error) {
	if f.None {
		return nil, errdefs.ErrUnavailable
	}
	for _, id := range slices.Sorted(maps.Keys(f.Services)) {
		list = append(list, swarm.Service{ID: id, Spec: f.Services[id]})
	}
	return list, nil
}

// ServiceRemove is a method of [client.Client].
func (f *Swarm) ServiceRemove(_ context.Context, id string) error {
	delete(f.Services, id)
	return nil
}

// TaskList is a method of [client.Client].
func (f *Swarm) TaskList(_ context.Context, o swarm.TaskListOptions) (list []swarm.Task, err error) {
	for _, t := range f.Tasks {
		if o.Filters.ExactMatch("service", t.ServiceID) {
			list = append(list, t)
		}
	}
	return list, nil
}

// NodeList is a method of [client.Client].
func (f *Swarm) NodeList(context.Context, swarm.NodeListOptions) ([]swarm.Node, error) {
	return f.Nodes, nil
}
