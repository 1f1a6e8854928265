// Package dockertest has a fake Docker engine for tests: an [API] whose calls are
// answered by functions of the test. Pass it to docker.New. Tests that need a real
// engine call [Connect].
package dockertest

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// API answers the calls of internal/docker with its hooks, and records them. A call
// without a hook fails as if the engine had refused it, with these exceptions: pings,
// removals and pruning succeed, and there are no networks. API is safe for
// concurrent use if the hooks are.
type API struct {
	OnPing             func() error
	OnImageInspect     func(ref string) (image.InspectResponse, error)
	OnImagePull        func(ctx context.Context, ref string) (io.ReadCloser, error)
	OnImageBuild       func(tar io.Reader, opts build.ImageBuildOptions) (io.ReadCloser, error)
	OnImageImport      func(tar io.Reader, ref string, opts image.ImportOptions) (io.ReadCloser, error)
	OnImageList        func() ([]image.Summary, error)
	OnImageRemove      func(ref string) error
	OnImagesPrune      func(f filters.Args) error
	OnContainerCreate  func(cfg *container.Config, host *container.HostConfig) (container.CreateResponse, error)
	OnContainerStart   func(id string) error
	OnContainerInspect func(id string) (container.InspectResponse, error)
	OnContainerWait    func(ctx context.Context, id string) (container.WaitResponse, error)
	OnContainerLogs    func(ctx context.Context, id string, opts container.LogsOptions) (io.ReadCloser, error)
	OnContainerStop    func(id string, opts container.StopOptions) error
	OnContainerRemove  func(ctx context.Context, id string) error
	OnContainerList    func(opts container.ListOptions) ([]container.Summary, error)
	OnCopyFrom         func(id, path string) (io.ReadCloser, container.PathStat, error)
	OnCopyTo           func(id, path string, tar io.Reader) error
	OnNetworkCreate    func(name string, opts network.CreateOptions) (network.CreateResponse, error)
	OnNetworkInspect   func(id string) (network.Inspect, error)
	OnNetworkList      func(opts network.ListOptions) ([]network.Summary, error)
	OnNetworkRemove    func(ctx context.Context, id string) error
	OnEvents           func(opts events.ListOptions) ([]events.Message, error)

	mu    sync.Mutex // guards calls
	calls []string
}

// Calls returns the calls so far, such as "ContainerStart c1".
func (a *API) Calls() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.calls...)
}

func (a *API) called(name string, args ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = append(a.calls, strings.Join(append([]string{name}, args...), " "))
}

func unexpected(name string) error {
	return fmt.Errorf("%w: dockertest: %s has no hook", errdefs.ErrNotImplemented, name)
}

// NotFound is the engine's error for something that does not exist.
func NotFound(what string) error { return fmt.Errorf("%w: no such %s", errdefs.ErrNotFound, what) }

// JSON is the body of an answer that consists of the given JSON objects.
func JSON(objects ...string) io.ReadCloser {
	return io.NopCloser(strings.NewReader(strings.Join(objects, "\r\n")))
}

// Output is what a container prints, as the engine frames it: stream 1 is standard
// output and stream 2 standard error.
func Output(stream byte, text string) string {
	head := [8]byte{stream}
	binary.BigEndian.PutUint32(head[4:], uint32(len(text)))
	return string(head[:]) + text
}

// DaemonHost returns a made-up address.
func (a *API) DaemonHost() string { return "unix:///fake/docker.sock" }

// ClientVersion returns the API version of the oldest supported engine.
func (a *API) ClientVersion() string { return "1.41" }

// Close does nothing.
func (a *API) Close() error { return nil }

// Ping calls OnPing.
func (a *API) Ping(context.Context) (types.Ping, error) {
	if a.OnPing == nil {
		return types.Ping{}, nil
	}
	return types.Ping{}, a.OnPing()
}

// ImageInspect calls OnImageInspect.
func (a *API) ImageInspect(_ context.Context, ref string, _ ...client.ImageInspectOption) (image.InspectResponse, error) {
	a.called("ImageInspect", ref)
	if a.OnImageInspect == nil {
		return image.InspectResponse{}, unexpected("ImageInspect")
	}
	return a.OnImageInspect(ref)
}

// ImagePull calls OnImagePull.
func (a *API) ImagePull(ctx context.Context, ref string, _ image.PullOptions) (io.ReadCloser, error) {
	a.called("ImagePull", ref)
	if a.OnImagePull == nil {
		return nil, unexpected("ImagePull")
	}
	return a.OnImagePull(ctx, ref)
}

// ImageBuild calls OnImageBuild.
func (a *API) ImageBuild(_ context.Context, tar io.Reader, opts build.ImageBuildOptions) (build.ImageBuildResponse, error) {
	a.called("ImageBuild", opts.Tags...)
	if a.OnImageBuild == nil {
		return build.ImageBuildResponse{}, unexpected("ImageBuild")
	}
	body, err := a.OnImageBuild(tar, opts)
	return build.ImageBuildResponse{Body: body}, err
}

// ImageImport calls OnImageImport.
func (a *API) ImageImport(_ context.Context, src image.ImportSource, ref string, opts image.ImportOptions) (io.ReadCloser, error) {
	a.called("ImageImport", ref)
	if a.OnImageImport == nil {
		return nil, unexpected("ImageImport")
	}
	return a.OnImageImport(src.Source, ref, opts)
}

// ImageList calls OnImageList.
func (a *API) ImageList(context.Context, image.ListOptions) ([]image.Summary, error) {
	a.called("ImageList")
	if a.OnImageList == nil {
		return nil, unexpected("ImageList")
	}
	return a.OnImageList()
}

// ImageRemove calls OnImageRemove.
func (a *API) ImageRemove(_ context.Context, ref string, _ image.RemoveOptions) ([]image.DeleteResponse, error) {
	a.called("ImageRemove", ref)
	if a.OnImageRemove == nil {
		return nil, nil
	}
	return nil, a.OnImageRemove(ref)
}

// ImagesPrune calls OnImagesPrune.
func (a *API) ImagesPrune(_ context.Context, f filters.Args) (image.PruneReport, error) {
	a.called("ImagesPrune", f.Get("label")...)
	if a.OnImagesPrune == nil {
		return image.PruneReport{}, nil
	}
	return image.PruneReport{}, a.OnImagesPrune(f)
}

// ContainerCreate calls OnContainerCreate.
func (a *API) ContainerCreate(_ context.Context, cfg *container.Config, host *container.HostConfig,
	_ *network.NetworkingConfig, _ *ocispec.Platform, _ string,
) (container.CreateResponse, error) {
	a.called("ContainerCreate", cfg.Image)
	if a.OnContainerCreate == nil {
		return container.CreateResponse{}, unexpected("ContainerCreate")
	}
	return a.OnContainerCreate(cfg, host)
}

// ContainerStart calls OnContainerStart.
func (a *API) ContainerStart(_ context.Context, id string, _ container.StartOptions) error {
	a.called("ContainerStart", id)
	if a.OnContainerStart == nil {
		return unexpected("ContainerStart")
	}
	return a.OnContainerStart(id)
}

// ContainerInspect calls OnContainerInspect.
func (a *API) ContainerInspect(_ context.Context, id string) (container.InspectResponse, error) {
	a.called("ContainerInspect", id)
	if a.OnContainerInspect == nil {
		return container.InspectResponse{}, unexpected("ContainerInspect")
	}
	return a.OnContainerInspect(id)
}

// ContainerWait calls OnContainerWait in a goroutine, as the client does. A hook
// that blocks returns when ctx ends.
func (a *API) ContainerWait(ctx context.Context, id string, _ container.WaitCondition) (<-chan container.WaitResponse, <-chan error) {
	a.called("ContainerWait", id)
	result, failed := make(chan container.WaitResponse, 1), make(chan error, 1)
	if a.OnContainerWait == nil {
		failed <- unexpected("ContainerWait")
		return result, failed
	}
	go func() {
		if r, err := a.OnContainerWait(ctx, id); err != nil {
			failed <- err
		} else {
			result <- r
		}
	}()
	return result, failed
}

// ContainerLogs calls OnContainerLogs.
func (a *API) ContainerLogs(ctx context.Context, id string, opts container.LogsOptions) (io.ReadCloser, error) {
	a.called("ContainerLogs", id)
	if a.OnContainerLogs == nil {
		return nil, unexpected("ContainerLogs")
	}
	return a.OnContainerLogs(ctx, id, opts)
}

// ContainerStop calls OnContainerStop.
func (a *API) ContainerStop(_ context.Context, id string, opts container.StopOptions) error {
	a.called("ContainerStop", id)
	if a.OnContainerStop == nil {
		return unexpected("ContainerStop")
	}
	return a.OnContainerStop(id, opts)
}

// ContainerRemove calls OnContainerRemove.
func (a *API) ContainerRemove(ctx context.Context, id string, _ container.RemoveOptions) error {
	a.called("ContainerRemove", id)
	if a.OnContainerRemove == nil {
		return nil
	}
	return a.OnContainerRemove(ctx, id)
}

// ContainerList calls OnContainerList.
func (a *API) ContainerList(_ context.Context, opts container.ListOptions) ([]container.Summary, error) {
	a.called("ContainerList", opts.Filters.Get("label")...)
	if a.OnContainerList == nil {
		return nil, unexpected("ContainerList")
	}
	return a.OnContainerList(opts)
}

// CopyFromContainer calls OnCopyFrom.
func (a *API) CopyFromContainer(_ context.Context, id, path string) (io.ReadCloser, container.PathStat, error) {
	a.called("CopyFromContainer", id, path)
	if a.OnCopyFrom == nil {
		return nil, container.PathStat{}, unexpected("CopyFromContainer")
	}
	return a.OnCopyFrom(id, path)
}

// CopyToContainer calls OnCopyTo.
func (a *API) CopyToContainer(_ context.Context, id, path string, tar io.Reader, _ container.CopyToContainerOptions) error {
	a.called("CopyToContainer", id, path)
	if a.OnCopyTo == nil {
		return unexpected("CopyToContainer")
	}
	return a.OnCopyTo(id, path, tar)
}

// NetworkCreate calls OnNetworkCreate.
func (a *API) NetworkCreate(_ context.Context, name string, opts network.CreateOptions) (network.CreateResponse, error) {
	a.called("NetworkCreate")
	if a.OnNetworkCreate == nil {
		return network.CreateResponse{}, unexpected("NetworkCreate")
	}
	return a.OnNetworkCreate(name, opts)
}

// NetworkInspect calls OnNetworkInspect.
func (a *API) NetworkInspect(_ context.Context, id string, _ network.InspectOptions) (network.Inspect, error) {
	a.called("NetworkInspect", id)
	if a.OnNetworkInspect == nil {
		return network.Inspect{}, unexpected("NetworkInspect")
	}
	return a.OnNetworkInspect(id)
}

// NetworkList calls OnNetworkList.
func (a *API) NetworkList(_ context.Context, opts network.ListOptions) ([]network.Summary, error) {
	a.called("NetworkList", opts.Filters.Get("label")...)
	if a.OnNetworkList == nil {
		return nil, nil
	}
	return a.OnNetworkList(opts)
}

// NetworkRemove calls OnNetworkRemove.
func (a *API) NetworkRemove(ctx context.Context, id string) error {
	a.called("NetworkRemove", id)
	if a.OnNetworkRemove == nil {
		return nil
	}
	return a.OnNetworkRemove(ctx, id)
}

// Events calls OnEvents and streams its events. Then the stream fails with its error,
// or without one stays open until ctx ends.
func (a *API) Events(ctx context.Context, opts events.ListOptions) (<-chan events.Message, <-chan error) {
	a.called("Events", opts.Filters.Get("container")...)
	failed := make(chan error, 1)
	if a.OnEvents == nil {
		failed <- unexpected("Events")
		return nil, failed
	}
	list, err := a.OnEvents(opts)
	messages := make(chan events.Message, len(list))
	for _, m := range list {
		messages <- m
	}
	if err != nil {
		failed <- err
	} else {
		context.AfterFunc(ctx, func() { failed <- ctx.Err() })
	}
	return messages, failed
}
