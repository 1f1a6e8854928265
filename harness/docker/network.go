package docker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/network"
)

// A Network is made by [Engine.CreateNetwork] and gone after Remove.
type Network struct {
	// Name is the one to put into [Spec.Network].
	Name string
	// Gateway is the address of this machine that containers reach.
	Gateway netip.Addr

	id     string
	engine *Engine
}

// subnetTrials is how often a free range of addresses is looked for. Another
// network may take it before it is used.
const subnetTrials = 5

// CreateNetwork makes a network whose containers reach this machine at the
// address of the gateway, and this machine them, but no other container, no
// other address of this machine, and nothing outside. What listens on all
// addresses of this machine can be reached at the gateway's.
//
// The error is also that this machine has no part in the networks of the
// engine, as with Docker Desktop or a rootless one.
func (e *Engine) CreateNetwork(ctx context.Context) (*Network, error) {
	var err error
	for range subnetTrials {
		var n *Network
		n, err = e.createNetwork(ctx)
		if err == nil || !errdefs.IsPermissionDenied(err) { // which is what the engine says of ranges that overlap
			return n, err
		}
	}
	return nil, err
}

func (e *Engine) createNetwork(ctx context.Context) (*Network, error) {
	subnet, err := e.freeSubnet(ctx)
	if err != nil {
		return nil, err
	}
	// An internal network forwards nothing. Engines before version 27 still give its
	// containers a route to the gateway for all addresses, by which they reach every
	// address of this machine; so the gateway of that route is one that nobody has.
	gateway := subnet.Addr().Next()
	n, err := e.newNetwork(ctx, network.IPAM{Config: []network.IPAMConfig{{
		Subnet: subnet.String(), Gateway: gateway.String(),
		AuxAddress: map[string]string{"DefaultGatewayIPv4": gateway.Next().String()},
	}}})
	if err != nil {
		return nil, err
	}
	n.Gateway = gateway
	if !local(gateway) {
		return nil, errors.Join(fmt.Errorf("docker: network: this machine does not have the address %s of its gateway, "+
			"as with Docker Desktop and rootless engines: containers on it cannot be reached", gateway), n.Remove(ctx))
	}
	return n, nil
}

// freeSubnet returns a range of addresses that the engine would give to a network
// now: it knows those of its networks and those that this machine has routes to.
func (e *Engine) freeSubnet(ctx context.Context) (netip.Prefix, error) {
	n, err := e.newNetwork(ctx, network.IPAM{})
	if err != nil {
		return netip.Prefix{}, err
	}
	r, err := e.api.NetworkInspect(ctx, n.id, network.InspectOptions{})
	if err = errors.Join(e.wrap(ctx, "inspect network", err), n.Remove(ctx)); err != nil {
		return netip.Prefix{}, err
	}
	for _, c := range r.IPAM.Config {
		// There must be room for two gateways and a container.
		if subnet, err := netip.ParsePrefix(c.Subnet); err == nil && subnet.Addr().Is4() && subnet.Bits() <= 29 {
			return subnet.Masked(), nil
		}
	}
	return netip.Prefix{}, fmt.Errorf("docker: the engine gave a network the addresses %v, which is no range of IPv4", r.IPAM.Config)
}

func (e *Engine) newNetwork(ctx context.Context, addresses network.IPAM) (*Network, error) {
	n := &Network{Name: "wsconform-" + rand.Text()[:12], engine: e}
	resp, err := e.api.NetworkCreate(ctx, n.Name, network.CreateOptions{
		Driver: "bridge", Internal: true, IPAM: &addresses, Labels: e.labels(nil),
		Options: map[string]string{"com.docker.network.bridge.enable_icc": "false"}, // no container reaches another
	})
	if err != nil {
		return nil, e.wrap(ctx, "create network", err)
	}
	n.id = resp.ID
	return n, nil
}

// local reports whether the address is one of this machine.
func local(addr netip.Addr) bool {
	list, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(list, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Addr().Unmap() == addr
	})
}

// Remove removes the network, which must have no container any more. It does its
// work also when ctx is cancelled, so that it can be deferred. One that is gone
// already is no error.
func (n *Network) Remove(ctx context.Context) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	return n.engine.removeNetwork(ctx, n.id)
}

func (e *Engine) removeNetwork(ctx context.Context, id string) error {
	err := e.api.NetworkRemove(ctx, id)
	if errdefs.IsNotFound(err) {
		return nil
	}
	return e.wrap(ctx, "remove network "+id[:min(12, len(id))], err)
}

// networks lists those that carry our label, of all runs. If run is not empty,
// only those of that run.
func (e *Engine) networks(ctx context.Context, run string) ([]Leftover, error) {
	list, err := e.api.NetworkList(ctx, network.ListOptions{Filters: ours(run)})
	if err != nil {
		return nil, e.wrap(ctx, "list networks", err)
	}
	var all []Leftover
	for _, s := range list {
		all = append(all, leftover(s.ID, s.Labels))
	}
	return all, nil
}

// A Location says where a running container is found.
type Location struct {
	Addr netip.Addr `json:"addr"` // on its network
	PID  int        `json:"pid"`  // of its first process, as the engine's machine counts
}

// Locate returns where the container is on the network of that name. The error
// matches [ErrNotFound] if it does not run, or is not on that network.
func (c *Container) Locate(ctx context.Context, network string) (Location, error) {
	r, err := c.engine.api.ContainerInspect(ctx, c.ID)
	if err != nil {
		return Location{}, c.engine.wrap(ctx, "locate container", err)
	}
	if r.ContainerJSONBase != nil && r.State != nil && r.State.Running && r.NetworkSettings != nil && r.NetworkSettings.Networks[network] != nil {
		if addr, err := netip.ParseAddr(r.NetworkSettings.Networks[network].IPAddress); err == nil {
			return Location{addr, r.State.Pid}, nil
		}
	}
	return Location{}, fmt.Errorf("docker: container on network %s: %w", network, ErrNotFound)
}
