package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/swarm"

	"github.com/wsconform/wsconform/internal/docker"
	"github.com/wsconform/wsconform/internal/docker/dockertest"
)

// People are told when a node with workers dies.
func TestWatchSwarm(t *testing.T) {
	api := dockertest.NewSwarm()
	job, err := docker.New(api).StartSwarm(t.Context(), docker.SwarmJob{Count: 3})
	if err != nil {
		t.Fatal(err)
	}
	api.Nodes = []swarm.Node{{ID: "a", Status: swarm.NodeStatus{State: swarm.NodeStateReady}}, {ID: "b", Description: swarm.NodeDescription{Hostname: "beta"}}}
	for _, node := range []string{"a", "b", "b"} {
		api.Tasks = append(api.Tasks, swarm.Task{ServiceID: "service-2", NodeID: node, Status: swarm.TaskStatus{State: swarm.TaskStateRunning}})
	}
	ctx, cancel := context.WithCancel(t.Context())
	look, done := make(chan time.Time), make(chan struct{})
	var said strings.Builder
	go func() {
		defer close(done)
		watchSwarm(ctx, &said, job, 3, look)
	}()
	look <- time.Now()
	look <- time.Now() // the first look is over
	cancel()
	<-done
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	api.Nodes[1].Status.State = swarm.NodeStateDown
	done = make(chan struct{})
	go func() {
		defer close(done)
		watchSwarm(ctx, &said, job, 3, look)
	}()
	for range 4 {
		look <- time.Now()
	}
	cancel()
	<-done
	if want := "swarm: 3 of 3 workers run\nswarm: 1 of 3 workers run; nodes that do not answer: beta\n"; said.String() != want {
		t.Errorf("said %q, want %q", said.String(), want)
	}
}
