package docker_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/docker/docker/api/types/swarm"
	"github.com/google/go-cmp/cmp"

	"github.com/wsconform/wsconform/internal/docker"
	"github.com/wsconform/wsconform/internal/docker/dockertest"
)

func task(service, node string, state swarm.TaskState, err string) swarm.Task {
	return swarm.Task{ServiceID: service, NodeID: node, Status: swarm.TaskStatus{State: state, Err: err}}
}

func node(id, host string, state swarm.NodeState) swarm.Node {
	return swarm.Node{ID: id, Description: swarm.NodeDescription{Hostname: host}, Status: swarm.NodeStatus{State: state}}
}

// A job counts the containers of nodes that answer, and nothing of it stays.
func TestSwarm(t *testing.T) {
	api := dockertest.NewSwarm()
	job, err := docker.New(api).StartSwarm(t.Context(), docker.SwarmJob{Image: "workers:1", Command: []string{"work"}, Count: 4, Secret: []byte("token")})
	if err != nil {
		t.Fatal(err)
	}
	api.Nodes = []swarm.Node{node("a", "alpha", swarm.NodeStateReady), node("b", "beta", swarm.NodeStateDown)}
	api.Tasks = []swarm.Task{
		task("service-2", "a", swarm.TaskStateRunning, ""), task("service-2", "a", swarm.TaskStateComplete, ""),
		task("service-2", "b", swarm.TaskStateRunning, ""), task("service-2", "b", swarm.TaskStateRunning, ""),
		task("service-2", "b", swarm.TaskStateComplete, ""), task("service-2", "a", swarm.TaskStateFailed, "exit 3"),
		task("another", "a", swarm.TaskStateRunning, ""),
	}
	want := docker.SwarmState{Running: 1, Down: []string{"beta", "beta"}, Error: "exit 3"}
	if got, err := job.State(t.Context()); err != nil || !cmp.Equal(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	spec := api.Services["service-2"]
	if c := spec.TaskTemplate.ContainerSpec; c.Image != "workers:1" || *spec.Mode.Replicated.Replicas != 4 || c.Secrets[0].SecretID != "secret-1" {
		t.Errorf("got %+v", spec)
	}
	if err := job.Remove(t.Context()); err != nil || len(api.Services)+len(api.Secrets) > 0 {
		t.Errorf("left: %v, %v, %v", api.Services, api.Secrets, err)
	}
}

// A job removes those of processes that were killed, and no others.
func TestSwarmLeftovers(t *testing.T) {
	api := dockertest.NewSwarm()
	for id, owner := range map[string]string{"dead": docker.OwnerLabel("", "", 1<<23), "mine": docker.Self(), "elsewhere": docker.OwnerLabel("elsewhere", "", 1<<23)} {
		about := swarm.Annotations{Name: id, Labels: map[string]string{docker.Label: "1", docker.LabelOwner: owner}}
		api.Services[id], api.Secrets[id] = swarm.ServiceSpec{Annotations: about}, swarm.SecretSpec{Annotations: about}
	}
	if _, err := docker.New(api).StartSwarm(t.Context(), docker.SwarmJob{Count: 1}); err != nil {
		t.Fatal(err)
	}
	if got, want := slices.Sorted(maps.Keys(api.Services)), []string{"elsewhere", "mine", "service-2"}; !slices.Equal(got, want) {
		t.Errorf("got the services %v, want %v", got, want)
	}
	if got, want := slices.Sorted(maps.Keys(api.Secrets)), []string{"elsewhere", "mine", "secret-1"}; !slices.Equal(got, want) {
		t.Errorf("got the secrets %v, want %v", got, want)
	}
}

// An engine without a swarm is told apart, and a job that cannot be started leaves nothing.
func TestNoSwarm(t *testing.T) {
	api := dockertest.NewSwarm()
	api.None = true
	if _, err := docker.New(api).StartSwarm(t.Context(), docker.SwarmJob{Count: 1}); !errors.Is(err, docker.ErrNoSwarm) {
		t.Errorf("got %v, want %v", err, docker.ErrNoSwarm)
	}
	if _, err := docker.New(&dockertest.API{}).StartSwarm(t.Context(), docker.SwarmJob{Count: 1}); !errors.Is(err, docker.ErrNoSwarm) {
		t.Errorf("an engine that knows no swarms: got %v, want %v", err, docker.ErrNoSwarm)
	}
	api = dockertest.NewSwarm()
	api.Refuse = true
	if _, err := docker.New(api).StartSwarm(t.Context(), docker.SwarmJob{Count: 1}); err == nil || len(api.Secrets) > 0 {
		t.Errorf("got %v, and the secrets %v are left", err, api.Secrets)
	}
}
