package docker_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/google/go-cmp/cmp"

	"github.com/wsconform/wsconform/internal/docker"
	"github.com/wsconform/wsconform/internal/docker/dockertest"
)

// networks is an engine that gives networks the range of addresses, and refuses
// the first ones that ask for it.
func networks(subnet string, refused int) (api *dockertest.API, made *[]network.CreateOptions) {
	made = new([]network.CreateOptions)
	return &dockertest.API{
		OnNetworkCreate: func(_ string, opts network.CreateOptions) (network.CreateResponse, error) {
			if len(opts.IPAM.Config) > 0 && refused > 0 {
				refused--
				return network.CreateResponse{}, fmt.Errorf("%w: Pool overlaps with other one on this address space", errdefs.ErrPermissionDenied)
			}
			*made = append(*made, opts)
			return network.CreateResponse{ID: fmt.Sprintf("n%d", len(*made))}, nil
		},
		OnNetworkInspect: func(string) (network.Inspect, error) {
			return network.Inspect{IPAM: network.IPAM{Config: []network.IPAMConfig{{Subnet: subnet}}}}, nil
		},
	}, made
}

func TestCreateNetwork(t *testing.T) {
	api, made := networks("127.0.0.0/24", 0) // whose first address is one of this machine
	eng := docker.New(api)
	n, err := eng.CreateNetwork(t.Context())
	if err != nil || n.Gateway != netip.MustParseAddr("127.0.0.1") || !strings.HasPrefix(n.Name, "wsconform-") {
		t.Fatalf("CreateNetwork = %+v, %v", n, err)
	}
	last := (*made)[len(*made)-1]
	want := network.CreateOptions{
		Driver: "bridge", Internal: true,
		Options: map[string]string{"com.docker.network.bridge.enable_icc": "false"},
		Labels:  map[string]string{docker.Label: "1", docker.LabelRun: eng.RunID(), docker.LabelOwner: docker.Self()},
		IPAM: &network.IPAM{Config: []network.IPAMConfig{{
			Subnet: "127.0.0.0/24", Gateway: "127.0.0.1", AuxAddress: map[string]string{"DefaultGatewayIPv4": "127.0.0.2"},
		}}},
	}
	if diff := cmp.Diff(last, want); diff != "" {
		t.Errorf("network (got, want):\n%s", diff)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.Remove(ctx); err != nil {
		t.Errorf("Remove: got error %v, want none", err)
	}
	calls := []string{"NetworkCreate", "NetworkInspect n1", "NetworkRemove n1", "NetworkCreate", "NetworkRemove n2"}
	if diff := cmp.Diff(api.Calls(), calls); diff != "" {
		t.Errorf("calls (got, want):\n%s", diff)
	}
}

func TestCreateNetworkFails(t *testing.T) {
	for _, tt := range []struct {
		name, subnet string
		refused      int
		words        string // in the error; "" is none
	}{
		{"addresses taken meanwhile", "127.0.0.0/24", 2, ""},
		{"addresses always taken", "127.0.0.0/24", 100, "overlaps"},
		{"gateway of another machine", "192.0.2.128/25", 0, "192.0.2.129"},
		{"no room", "127.0.0.0/31", 0, "no range"},
		{"no IPv4", "fd00::/64", 0, "no range"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			api, made := networks(tt.subnet, tt.refused)
			_, err := docker.New(api).CreateNetwork(t.Context())
			if (err == nil) != (tt.words == "") || err != nil && !strings.Contains(err.Error(), tt.words) {
				t.Errorf("got error %v, want %q in it", err, tt.words)
			}
			left := len(*made)
			for _, call := range api.Calls() {
				if strings.HasPrefix(call, "NetworkRemove") {
					left--
				}
			}
			if err != nil && left != 0 {
				t.Errorf("%d networks are left", left)
			}
		})
	}
}

// Networks are cleaned like containers; one that a container is on stays.
func TestCleanNetworks(t *testing.T) {
	dead := docker.OwnerLabel("", "other-boot", 0)
	api := &dockertest.API{
		OnContainerList: func(container.ListOptions) ([]container.Summary, error) { return nil, nil },
		OnNetworkList: func(o network.ListOptions) ([]network.Summary, error) {
			if !slices.Contains(o.Filters.Get("label"), docker.Label+"=1") {
				return nil, errors.New("not only ours")
			}
			return []network.Summary{
				{ID: "mine", Labels: map[string]string{docker.LabelOwner: docker.Self()}},
				{ID: "dead", Labels: map[string]string{docker.LabelOwner: dead}},
				{ID: "used", Labels: map[string]string{docker.LabelOwner: dead}},
			}, nil
		},
		OnNetworkRemove: func(_ context.Context, id string) error {
			if id == "used" {
				return fmt.Errorf("%w: network has active endpoints", errdefs.ErrPermissionDenied)
			}
			return nil
		},
	}
	got, err := docker.New(api).Clean(t.Context(), docker.CleanOptions{})
	want := docker.Cleaned{Networks: []string{"dead"}, Kept: []string{"mine", "used"}}
	if diff := cmp.Diff(got, want); err != nil || diff != "" {
		t.Errorf("error %v (got, want):\n%s", err, diff)
	}
}

func TestLocate(t *testing.T) {
	at := func(running bool, addr string) func(string) (container.InspectResponse, error) {
		return func(string) (container.InspectResponse, error) {
			return container.InspectResponse{
				ContainerJSONBase: &container.ContainerJSONBase{State: &container.State{Running: running, Pid: 7}},
				NetworkSettings:   &container.NetworkSettings{Networks: map[string]*network.EndpointSettings{"n": {IPAddress: addr}}},
			}, nil
		}
	}
	c := create(t, &dockertest.API{OnContainerInspect: at(true, "127.0.0.3")})
	if got, err := c.Locate(t.Context(), "n"); err != nil || got != (docker.Location{Addr: netip.MustParseAddr("127.0.0.3"), PID: 7}) {
		t.Errorf("Locate = %v, %v", got, err)
	}
	if _, err := c.Locate(t.Context(), "other"); !errors.Is(err, docker.ErrNotFound) {
		t.Errorf("on another network: got error %v, want ErrNotFound", err)
	}
	ended := create(t, &dockertest.API{OnContainerInspect: at(false, "")})
	if _, err := ended.Locate(t.Context(), "n"); !errors.Is(err, docker.ErrNotFound) {
		t.Errorf("ended: got error %v, want ErrNotFound", err)
	}
}

// A container on a network reaches this machine at the gateway and nothing else,
// and is reached.
func TestRealNetwork(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a network of containers")
	}
	eng := dockertest.Connect(t)
	n, err := eng.CreateNetwork(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(eng.RemoveRun(t.Context()), n.Remove(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	server := run(t, eng, docker.Spec{Network: n.Name}, "/box", "serve", "8080", "/made")
	at, err := server.Locate(t.Context(), n.Name)
	if err != nil {
		t.Fatal(err)
	}
	inside := netip.AddrPortFrom(at.Addr, 8080).String()
	if got, err := httpGet(t, "http://"+inside); err != nil || got != "by the build" {
		t.Errorf("from this machine: got %q, %v", got, err)
	}
	want := []string{"cut off from " + inside} // of another container
	addrs := []string{inside}
	for _, ip := range ownAddresses(t) {
		l, err := net.Listen("tcp", net.JoinHostPort(ip.String(), "0"))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		addrs = append(addrs, l.Addr().String())
		if ip == n.Gateway {
			want = append(want, "reached "+l.Addr().String())
		} else {
			want = append(want, "cut off from "+l.Addr().String())
		}
	}
	client := run(t, eng, docker.Spec{Network: n.Name}, append([]string{"/box", "dial"}, addrs...)...)
	var got []string
	if err := client.Logs(t.Context(), func(_ docker.Stream, line string) { got = append(got, line) }); err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(got, want); diff != "" || !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "reached") }) {
		t.Errorf("(got, want):\n%s", diff)
	}
}

// ownAddresses are those of this machine that something else could reach.
func ownAddresses(t *testing.T) (list []netip.Addr) {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() {
			list = append(list, p.Addr())
		}
	}
	return list
}
