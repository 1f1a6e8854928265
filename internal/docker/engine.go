package docker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wsconform/wsconform/internal/owner"
)

// MinAPI is the oldest supported engine API, that of Docker 20.10.
const MinAPI = "1.41"

// API is the part of [client.Client] that this package uses. Tests put a fake in its
// place (see dockertest).
type API interface {
	Ping(ctx context.Context) (types.Ping, error)
	DaemonHost() string
	ClientVersion() string
	Close() error

	ImageInspect(ctx context.Context, ref string, opts ...client.ImageInspectOption) (image.InspectResponse, error)
	ImagePull(ctx context.Context, ref string, opts image.PullOptions) (io.ReadCloser, error)
	ImageBuild(ctx context.Context, tar io.Reader, opts build.ImageBuildOptions) (build.ImageBuildResponse, error)
	ImageImport(ctx context.Context, src image.ImportSource, ref string, opts image.ImportOptions) (io.ReadCloser, error)
	ImageList(ctx context.Context, opts image.ListOptions) ([]image.Summary, error)
	ImageRemove(ctx context.Context, ref string, opts image.RemoveOptions) ([]image.DeleteResponse, error)
	ImagesPrune(ctx context.Context, f filters.Args) (image.PruneReport, error)

	ContainerCreate(ctx context.Context, cfg *container.Config, host *container.HostConfig, net *network.NetworkingConfig,
		platform *ocispec.Platform, name string) (container.CreateResponse, error)
	ContainerStart(ctx context.Context, id string, opts container.StartOptions) error
	ContainerInspect(ctx context.Context, id string) (container.InspectResponse, error)
	ContainerWait(ctx context.Context, id string, cond container.WaitCondition) (<-chan container.WaitResponse, <-chan error)
	ContainerLogs(ctx context.Context, id string, opts container.LogsOptions) (io.ReadCloser, error)
	ContainerStop(ctx context.Context, id string, opts container.StopOptions) error
	ContainerRemove(ctx context.Context, id string, opts container.RemoveOptions) error
	ContainerList(ctx context.Context, opts container.ListOptions) ([]container.Summary, error)
	CopyFromContainer(ctx context.Context, id, path string) (io.ReadCloser, container.PathStat, error)
	CopyToContainer(ctx context.Context, id, path string, tar io.Reader, opts container.CopyToContainerOptions) error
	NetworkCreate(ctx context.Context, name string, opts network.CreateOptions) (network.CreateResponse, error)
	NetworkInspect(ctx context.Context, id string, opts network.InspectOptions) (network.Inspect, error)
	NetworkList(ctx context.Context, opts network.ListOptions) ([]network.Summary, error)
	NetworkRemove(ctx context.Context, id string) error
	Events(ctx context.Context, opts events.ListOptions) (<-chan events.Message, <-chan error)
}

// An Engine makes images and containers. It is safe for concurrent use.
type Engine struct {
	api   API
	run   string
	owner string
}

// Connect finds an engine. It tries the one that the environment names (DOCKER_HOST
// and related variables), then the usual socket, that of a rootless engine, and that
// of Docker Desktop. If none answers the error is an [*UnavailableError], which
// matches [ErrNoEngine].
func Connect(ctx context.Context) (*Engine, error) {
	var first error
	for _, opts := range candidates() {
		e, err := dial(ctx, opts)
		if err == nil {
			return e, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("docker: connect: %w", context.Cause(ctx))
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// candidates are the client options for each engine to try, in order.
func candidates() [][]client.Opt {
	list := [][]client.Opt{{client.FromEnv}}
	if os.Getenv(client.EnvOverrideHost) != "" {
		return list
	}
	var sockets []string
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		sockets = append(sockets, filepath.Join(dir, "docker.sock"))
	}
	if home, err := os.UserHomeDir(); err == nil {
		sockets = append(sockets, filepath.Join(home, ".docker", "run", "docker.sock"))
	}
	for _, s := range sockets {
		if _, err := os.Stat(s); err == nil {
			list = append(list, []client.Opt{client.FromEnv, client.WithHost("unix://" + s)})
		}
	}
	return list
}

func dial(ctx context.Context, opts []client.Opt) (*Engine, error) {
	cli, err := client.NewClientWithOpts(append(opts, client.WithAPIVersionNegotiation())...)
	if err != nil {
		return nil, &UnavailableError{Reason: NotRunning, Host: os.Getenv(client.EnvOverrideHost), Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	ping, err := cli.Ping(ctx)
	if err != nil {
		_ = cli.Close()
		return nil, unavailable(cli.DaemonHost(), err)
	}
	cli.NegotiateAPIVersionPing(ping)
	if versions.LessThan(cli.ClientVersion(), MinAPI) {
		_ = cli.Close()
		return nil, &UnavailableError{
			Reason: TooOld, Host: cli.DaemonHost(),
			Err: fmt.Errorf("the engine speaks API %s", cli.ClientVersion()),
		}
	}
	return New(cli), nil
}

// New returns an engine over api, with a run id of its own. It is for tests;
// programs call [Connect].
func New(api API) *Engine {
	return &Engine{api: api, run: rand.Text()[:12], owner: owner.Self().String()}
}

// RunID is the value of [LabelRun] on everything that e makes.
func (e *Engine) RunID() string { return e.run }

// Host is where the engine listens, such as "unix:///var/run/docker.sock".
func (e *Engine) Host() string { return e.api.DaemonHost() }

// Close gives the connection up. It removes nothing. The error is never one to
// act on.
func (e *Engine) Close() error { return e.api.Close() }

// cleanupTime bounds what is removed on the way out. The engine waits up to
// 10 s for a container that ignores signals.
const cleanupTime = 30 * time.Second

// detached returns a context for removing things: ctx may be cancelled already,
// and that is just when removal matters.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
}

// wrap names the operation of a failed call, and finds out whether the engine
// has gone: the ways in which a connection breaks are many, so any error that
// is not an answer of the engine is settled by asking it for a sign of life.
func (e *Engine) wrap(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("docker: %s: %w", op, context.Cause(ctx))
	}
	if !answered(err) {
		ping, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		if _, perr := e.api.Ping(ping); perr != nil && ctx.Err() == nil {
			return fmt.Errorf("docker: %s: %w", op, &UnavailableError{Reason: Lost, Host: e.Host(), Err: errors.Join(err, perr)})
		}
	}
	return fmt.Errorf("docker: %s: %w", op, err)
}
