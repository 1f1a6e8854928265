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

// A Network is created by [Engine.CreateNetwork] and gone after Remove.
type Network struct {
	// Name is for [Spec.Network].
	Name string
	// Gateway is the address of this machine that containers reach.
	Gateway netip.Addr

	id     string
	engine *Engine
}

// subnetAttempts is how often to look for a free range of addresses. Another network
// may take it first.
const subnetAttempts = 5

// CreateNetwork creates a network whose containers and this machine reach each other,
// at the address of the gateway. Containers reach no other container, no other
// address of this machine, and nothing outside. Programs that listen on all
// addresses of this machine are reachable at the gateway's.
//
// It fails if this machine is not part of the engine's networks, as with Docker
// Desktop or a rootless engine.
func (e *Engine) CreateNetwork(ctx context.Context) (*Network, error) {
	var err error
	for range subnetAttempts {
		var n *Network
		n, err = e.createNetwork(ctx)
		if err == nil || !errdefs.IsPermissionDenied(err) { // the engine's answer for overlapping ranges
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
	// An internal network forwards nothing. But engines before version 27 give its
	// containers a default route through the gateway, by which they reach every
	// address of this machine. So the gateway of that route is an unused address.
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

// freeSubnet returns a range of addresses that the engine would give to a network now.
// The engine knows the ranges of its networks and of this machine's routes.
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

// local reports whether the address belongs to this machine.
func local(addr netip.Addr) bool {
	list, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(list, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Addr().Unmap() == addr
	})
}

// Remove removes the network, which must no longer have containers. It ignores the
// cancellation of ctx, so that it can be deferred. A network that is already gone is
// no error.
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

// networks lists the networks that have our label: those of the run, or of all runs if
// run is empty.
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

// A Location says where to find a running container.
type Location struct {
	Addr netip.Addr `json:"addr"` // on its network
	PID  int        `json:"pid"`  // of its first process, on the engine's machine
}

// Locate returns the location of the container on the named network. The error matches
// [ErrNotFound] if the container is not running, or not on that network.
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
