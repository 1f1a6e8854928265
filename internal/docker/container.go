package docker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/go-connections/nat"

	"github.com/wsconform/wsconform/internal/owner"
)

// A Spec describes a container. Zero values mean the engine's defaults, except
// where a field says otherwise. The container always runs without capabilities and
// cannot gain any. Its root is bound by file permissions like any other user, so
// mounted files must be readable by User.
type Spec struct {
	Image   string
	Command []string
	Env     []string // "NAME=value"
	Dir     string   // working directory
	User    string   // "uid:gid"
	Mounts  []Mount
	Tmpfs   []string // paths of empty in-memory file systems

	// Network is "" for a bridge, "host" for the machine's network, "none", or
	// the name of a [Network].
	Network string
	DNS     []string // name servers; nil is those of the machine
	// Publish lists TCP ports of the container to publish on the loopback interface;
	// host port 0 picks a free one. Not for Network "host".
	Publish []Port

	Memory   int64   // limit in bytes, including swap; 0 is none
	CPUs     float64 // limit in cores; 0 is none
	PIDs     int64   // limit on processes and threads; 0 is none
	LogSize  int64   // bytes of output that the engine keeps, roughly; 0 is 64 MiB
	ReadOnly bool    // the root file system is read-only
	Init     bool    // process 1 is a small init, which reaps and forwards signals

	Labels map[string]string // in addition to those of the package
}

// A Mount makes a path of the engine's machine visible in a container. Source must
// be absolute and exist.
type Mount struct {
	Source, Target string
	ReadOnly       bool
}

// A Port is a TCP port of a container and the host port that leads to it.
type Port struct {
	Container, Host uint16
}

// A Container is created by [Engine.Create] and gone after Remove.
type Container struct {
	ID       string
	Warnings []string // from the engine, such as that it cannot limit memory here

	engine *Engine
}

// defaultLogSize is 20 times what Autobahn prints in a run of all cases.
const defaultLogSize = 64 << 20

// Create creates a container without starting it. The error matches [ErrNotFound] if
// the image does not exist.
func (e *Engine) Create(ctx context.Context, spec Spec) (*Container, error) {
	logSize := spec.LogSize
	if logSize == 0 {
		logSize = defaultLogSize
	}
	cfg := &container.Config{
		Image:      spec.Image,
		Cmd:        spec.Command,
		Env:        spec.Env,
		WorkingDir: spec.Dir,
		User:       spec.User,
		Labels:     e.labels(spec.Labels),
	}
	host := &container.HostConfig{
		NetworkMode:    container.NetworkMode(spec.Network),
		DNS:            spec.DNS,
		ReadonlyRootfs: spec.ReadOnly,
		CapDrop:        []string{"ALL"},
		SecurityOpt:    []string{"no-new-privileges"},
		// Two files, since a reader that follows may lose lines if there is only one.
		LogConfig: container.LogConfig{Type: "json-file", Config: map[string]string{
			"max-size": strconv.FormatInt(max(logSize/2, 1<<10), 10), "max-file": "2",
		}},
		Resources: container.Resources{
			Memory:     spec.Memory,
			MemorySwap: spec.Memory,
			NanoCPUs:   int64(spec.CPUs * 1e9),
		},
	}
	if spec.PIDs > 0 {
		host.PidsLimit = &spec.PIDs
	}
	if spec.Init {
		host.Init = &spec.Init
	}
	for _, m := range spec.Mounts {
		host.Mounts = append(host.Mounts, mount.Mount{
			Type: mount.TypeBind, Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly,
		})
	}
	for _, path := range spec.Tmpfs {
		host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeTmpfs, Target: path})
	}
	if len(spec.Publish) > 0 {
		cfg.ExposedPorts, host.PortBindings = nat.PortSet{}, nat.PortMap{}
		for _, p := range spec.Publish {
			inside := tcp(p.Container)
			cfg.ExposedPorts[inside] = struct{}{}
			host.PortBindings[inside] = append(host.PortBindings[inside], nat.PortBinding{
				HostIP: "127.0.0.1", HostPort: strconv.Itoa(int(p.Host)),
			})
		}
	}
	resp, err := e.api.ContainerCreate(ctx, cfg, host, nil, nil, "")
	if errdefs.IsNotFound(err) {
		return nil, fmt.Errorf("docker: create container: image %s: %w", spec.Image, ErrNotFound)
	}
	if err != nil {
		return nil, e.wrap(ctx, "create container of "+spec.Image, err)
	}
	return &Container{ID: resp.ID, Warnings: resp.Warnings, engine: e}, nil
}

func tcp(port uint16) nat.Port { return nat.Port(strconv.Itoa(int(port)) + "/tcp") }

// Run creates a container and starts it. If the start fails, Run removes it.
func (e *Engine) Run(ctx context.Context, spec Spec) (*Container, error) {
	c, err := e.Create(ctx, spec)
	if err != nil {
		return nil, err
	}
	if err := c.Start(ctx); err != nil {
		return nil, errors.Join(err, c.Remove(ctx))
	}
	return c, nil
}

// Start starts the container.
func (c *Container) Start(ctx context.Context) error {
	err := c.engine.api.ContainerStart(ctx, c.ID, container.StartOptions{})
	return c.engine.wrap(ctx, "start container", err)
}

// Addr returns the address at which the TCP port of a running container is published.
func (c *Container) Addr(ctx context.Context, port uint16) (netip.AddrPort, error) {
	r, err := c.engine.api.ContainerInspect(ctx, c.ID)
	if err != nil {
		return netip.AddrPort{}, c.engine.wrap(ctx, "address of port "+strconv.Itoa(int(port)), err)
	}
	if r.NetworkSettings != nil {
		for _, b := range r.NetworkSettings.Ports[tcp(port)] {
			if addr, err := netip.ParseAddrPort(b.HostIP + ":" + b.HostPort); err == nil {
				return addr, nil
			}
		}
	}
	return netip.AddrPort{}, fmt.Errorf("docker: port %d is not published: %w", port, ErrNotFound)
}

// An Exit is how a container ended.
type Exit struct {
	Code      int  // 128+n after signal n
	OOMKilled bool // the engine reports that the memory limit was hit
}

// Wait waits until the container has exited. It fails only if ctx ends or the engine
// goes away.
func (c *Container) Wait(ctx context.Context) (Exit, error) {
	// Both channels deliver when ctx ends, so that no sender on the first one is left
	// behind.
	result, failed := c.engine.api.ContainerWait(ctx, c.ID, container.WaitConditionNotRunning)
	var code int
	select {
	case r := <-result:
		if r.Error != nil && r.Error.Message != "" {
			return Exit{}, fmt.Errorf("docker: wait for container: %s", r.Error.Message)
		}
		code = int(r.StatusCode)
	case err := <-failed:
		return Exit{}, c.engine.wrap(ctx, "wait for container", err)
	}
	exit := Exit{Code: code}
	r, err := c.engine.api.ContainerInspect(ctx, c.ID)
	if err != nil {
		return exit, c.engine.wrap(ctx, "state of container", err)
	}
	if r.ContainerJSONBase == nil || r.State == nil {
		return exit, nil
	}
	exit.OOMKilled = r.State.OOMKilled
	if !exit.OOMKilled && exit.Code == killed && r.HostConfig != nil && r.HostConfig.Memory > 0 {
		exit.OOMKilled = c.oomEvent(ctx, r.State.StartedAt)
	}
	return exit, nil
}

// killed is the exit code of a process that SIGKILL ended.
const killed = 128 + 9

// oomPatience bounds the wait for an overdue event. Only a killed container with a
// memory limit costs this time.
const oomPatience = 2 * time.Second

// oomEvent reports whether the engine says that the memory limit was hit. On a busy
// machine the notice of the limit may come after the notice of the exit. The state
// of the container then never shows it, but the event does.
func (c *Container) oomEvent(ctx context.Context, since string) bool {
	ctx, cancel := context.WithTimeout(ctx, oomPatience)
	defer cancel()
	list, failed := c.engine.api.Events(ctx, events.ListOptions{
		Since: since, Filters: filters.NewArgs(filters.Arg("container", c.ID), filters.Arg("event", string(events.ActionOOM))),
	})
	select {
	case <-list:
		return true
	case <-failed: // also when oomPatience is over
		return false
	}
}

// Running reports whether the container is running.
func (c *Container) Running(ctx context.Context) (bool, error) {
	r, err := c.engine.api.ContainerInspect(ctx, c.ID)
	if err != nil {
		return false, c.engine.wrap(ctx, "state of container", err)
	}
	return r.ContainerJSONBase != nil && r.State != nil && r.State.Running, nil
}

// Stop sends the container the stop signal of its image, and kills it if it is still
// running after grace, which is rounded up to seconds. A container that has already
// exited is no error.
func (c *Container) Stop(ctx context.Context, grace time.Duration) error {
	seconds := int((grace + time.Second - 1) / time.Second)
	err := c.engine.api.ContainerStop(ctx, c.ID, container.StopOptions{Timeout: &seconds})
	return c.engine.wrap(ctx, "stop container", err)
}

// Remove kills the container if it is running, and removes it with its anonymous
// volumes. It ignores the cancellation of ctx, so that it can be deferred. A
// container that is already gone is no error.
func (c *Container) Remove(ctx context.Context) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	return c.engine.remove(ctx, c.ID)
}

func (e *Engine) remove(ctx context.Context, id string) error {
	err := e.api.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
	// A conflict means that it is already being removed.
	if errdefs.IsNotFound(err) || errdefs.IsConflict(err) {
		return nil
	}
	return e.wrap(ctx, "remove container "+id[:min(12, len(id))], err)
}

// A Leftover is a container or a network that has our label. A network has no Image,
// State and Networks.
type Leftover struct {
	ID, Image, Run, State string
	Networks              []string // that a container is on, by name
	// Owned is set if the process that created it may still be running.
	Owned bool
}

// List lists the containers that have our label, oldest first: those of the run, or
// of all runs if run is empty.
func (e *Engine) List(ctx context.Context, run string) ([]Leftover, error) {
	list, err := e.api.ContainerList(ctx, container.ListOptions{All: true, Filters: ours(run)})
	if err != nil {
		return nil, e.wrap(ctx, "list containers", err)
	}
	var all []Leftover
	for _, s := range slices.Backward(list) { // the engine lists the newest first
		l := leftover(s.ID, s.Labels)
		l.Image, l.State = s.Image, s.State
		if s.NetworkSettings != nil {
			l.Networks = slices.Sorted(maps.Keys(s.NetworkSettings.Networks))
		}
		all = append(all, l)
	}
	return all, nil
}

func leftover(id string, labels map[string]string) Leftover {
	o, known := owner.Parse(labels[LabelOwner])
	return Leftover{ID: id, Run: labels[LabelRun], Owned: !known || o.MayLive(owner.Self())}
}
