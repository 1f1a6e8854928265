package docker_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"

	"github.com/google/go-cmp/cmp"

	"github.com/wsconform/wsconform/internal/docker"
	"github.com/wsconform/wsconform/internal/docker/dockertest"
)

// made answers a creation.
func made(*container.Config, *container.HostConfig) (container.CreateResponse, error) {
	return container.CreateResponse{ID: "c1"}, nil
}

func inState(s container.State) func(string) (container.InspectResponse, error) {
	return func(string) (container.InspectResponse, error) {
		return container.InspectResponse{ContainerJSONBase: &container.ContainerJSONBase{State: &s}}, nil
	}
}

func create(t *testing.T, api *dockertest.API) *docker.Container {
	t.Helper()
	if api.OnContainerCreate == nil {
		api.OnContainerCreate = made
	}
	c, err := docker.New(api).Create(t.Context(), docker.Spec{Image: "i"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCreate(t *testing.T) {
	var cfg *container.Config
	var host *container.HostConfig
	eng := docker.New(&dockertest.API{OnContainerCreate: func(c *container.Config, h *container.HostConfig) (container.CreateResponse, error) {
		cfg, host = c, h
		return container.CreateResponse{ID: "c1", Warnings: []string{"w"}}, nil
	}})
	c, err := eng.Create(t.Context(), docker.Spec{
		Image: "i", Command: []string{"a", "b"}, Env: []string{"K=v"}, User: "1:2",
		Mounts:  []docker.Mount{{Source: "/s", Target: "/t", ReadOnly: true}},
		Tmpfs:   []string{"/tmp"},
		Publish: []docker.Port{{Container: 9001}},
		Memory:  1 << 28, CPUs: 1.5, PIDs: 64, LogSize: 1 << 20, ReadOnly: true, Init: true,
		Labels: map[string]string{docker.LabelRun: "forged", "x": "y"},
	})
	if err != nil || c.ID != "c1" || !slices.Equal(c.Warnings, []string{"w"}) {
		t.Fatalf("Create = %+v, %v", c, err)
	}
	wantLabels := map[string]string{
		"x": "y", docker.Label: "1", docker.LabelRun: eng.RunID(), docker.LabelOwner: docker.Self(),
	}
	if diff := cmp.Diff(cfg.Labels, wantLabels); diff != "" {
		t.Errorf("labels (got, want):\n%s", diff)
	}
	checks := []struct {
		name      string
		got, want any
	}{
		{"memory", host.Memory, int64(1 << 28)},
		{"swap", host.MemorySwap, int64(1 << 28)},
		{"CPUs", host.NanoCPUs, int64(1_500_000_000)},
		{"PIDs", *host.PidsLimit, int64(64)},
		{"log size", host.LogConfig.Config["max-size"], "524288"},
		{"log files", host.LogConfig.Config["max-file"], "2"},
		{"read-only root", host.ReadonlyRootfs, true},
		{"init", *host.Init, true},
		{"capabilities", strings.Join(host.CapDrop, " "), "ALL"},
		{"privileges", strings.Join(host.SecurityOpt, " "), "no-new-privileges"},
		{"port", host.PortBindings["9001/tcp"][0].HostIP + ":" + host.PortBindings["9001/tcp"][0].HostPort, "127.0.0.1:0"},
		{"mounts", len(host.Mounts), 2},
		{"user", cfg.User, "1:2"},
	}
	for _, c := range checks {
		if c.got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, c.got, c.want)
		}
	}
}

func TestCreateWithoutImage(t *testing.T) {
	eng := docker.New(&dockertest.API{OnContainerCreate: func(*container.Config, *container.HostConfig) (container.CreateResponse, error) {
		return container.CreateResponse{}, dockertest.NotFound("image")
	}})
	if _, err := eng.Create(t.Context(), docker.Spec{Image: "i"}); !errors.Is(err, docker.ErrNotFound) {
		t.Errorf("got error %v, want ErrNotFound", err)
	}
}

func TestRunRemovesWhatDoesNotStart(t *testing.T) {
	api := &dockertest.API{
		OnContainerCreate: made,
		OnContainerStart:  func(string) error { return dockertest.NotFound("command") },
	}
	if _, err := docker.New(api).Run(t.Context(), docker.Spec{Image: "i"}); err == nil {
		t.Error("got no error")
	}
	want := []string{"ContainerCreate i", "ContainerStart c1", "ContainerRemove c1"}
	if diff := cmp.Diff(api.Calls(), want); diff != "" {
		t.Errorf("calls (got, want):\n%s", diff)
	}
}

// limited is a container with a memory limit.
func limited(s container.State) func(string) (container.InspectResponse, error) {
	return func(string) (container.InspectResponse, error) {
		host := &container.HostConfig{Resources: container.Resources{Memory: 1 << 20}}
		return container.InspectResponse{ContainerJSONBase: &container.ContainerJSONBase{State: &s, HostConfig: host}}, nil
	}
}

// TestWaitForNoticeOfMemory is about an engine that says only after the end of
// a container that its memory limit was hit.
func TestWaitForNoticeOfMemory(t *testing.T) {
	tests := []struct {
		name   string
		code   int64
		state  func(container.State) func(string) (container.InspectResponse, error)
		events []events.Message
		broken error
		want   docker.Exit
		asked  bool
	}{
		{"the event tells", 137, limited, []events.Message{{Action: events.ActionOOM}}, nil, docker.Exit{Code: 137, OOMKilled: true}, true},
		{"no event comes", 137, limited, nil, nil, docker.Exit{Code: 137}, true},
		{"events cannot be had", 137, limited, nil, io.ErrUnexpectedEOF, docker.Exit{Code: 137}, true},
		{"not killed", 1, limited, nil, nil, docker.Exit{Code: 1}, false},
		{"no limit", 137, inState, nil, nil, docker.Exit{Code: 137}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := false
				c := create(t, &dockertest.API{
					OnContainerWait: func(context.Context, string) (container.WaitResponse, error) {
						return container.WaitResponse{StatusCode: tt.code}, nil
					},
					OnContainerInspect: tt.state(container.State{StartedAt: "2026-01-02T03:04:05Z"}),
					OnEvents: func(opts events.ListOptions) ([]events.Message, error) {
						asked = opts.Since == "2026-01-02T03:04:05Z" && opts.Filters.ExactMatch("event", "oom")
						return tt.events, tt.broken
					},
				})
				if got, err := c.Wait(t.Context()); got != tt.want || err != nil || asked != tt.asked {
					t.Errorf("Wait = %+v, %v, events asked for %v; want %+v, %v", got, err, asked, tt.want, tt.asked)
				}
			})
		})
	}
}

func TestWait(t *testing.T) {
	tests := []struct {
		name  string
		wait  func(context.Context, string) (container.WaitResponse, error)
		state container.State
		want  docker.Exit
		fails bool
	}{
		{
			name: "ends", want: docker.Exit{Code: 3},
			wait: func(context.Context, string) (container.WaitResponse, error) {
				return container.WaitResponse{StatusCode: 3}, nil
			},
		},
		{
			name: "out of memory", state: container.State{OOMKilled: true}, want: docker.Exit{Code: 137, OOMKilled: true},
			wait: func(context.Context, string) (container.WaitResponse, error) {
				return container.WaitResponse{StatusCode: 137}, nil
			},
		},
		{
			name: "the engine cannot tell", fails: true,
			wait: func(context.Context, string) (container.WaitResponse, error) {
				return container.WaitResponse{Error: &container.WaitExitError{Message: "bad"}}, nil
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := create(t, &dockertest.API{OnContainerWait: tt.wait, OnContainerInspect: inState(tt.state)})
			got, err := c.Wait(t.Context())
			if got != tt.want || (err != nil) != tt.fails {
				t.Errorf("Wait = %+v, %v; want %+v, error %v", got, err, tt.want, tt.fails)
			}
		})
	}
}

func TestWaitEndsWithContext(t *testing.T) {
	c := create(t, &dockertest.API{OnContainerWait: func(ctx context.Context, _ string) (container.WaitResponse, error) {
		<-ctx.Done()
		return container.WaitResponse{}, ctx.Err()
	}})
	stop := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	if _, err := c.Wait(ctx); !errors.Is(err, stop) {
		t.Errorf("got error %v, want the cause of the context", err)
	}
}

func TestRemoveAfterCancel(t *testing.T) {
	c := create(t, &dockertest.API{OnContainerRemove: func(ctx context.Context, _ string) error {
		if _, bounded := ctx.Deadline(); !bounded {
			return errors.New("no deadline")
		}
		return ctx.Err()
	}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Remove(ctx); err != nil {
		t.Errorf("Remove with a cancelled context: got error %v, want none", err)
	}
}

func TestRemoveTwice(t *testing.T) {
	c := create(t, &dockertest.API{OnContainerRemove: func(context.Context, string) error { return dockertest.NotFound("container") }})
	if err := c.Remove(t.Context()); err != nil {
		t.Errorf("Remove of what is gone: got error %v, want none", err)
	}
}

func TestStop(t *testing.T) {
	seconds := -1
	c := create(t, &dockertest.API{OnContainerStop: func(_ string, o container.StopOptions) error {
		seconds = *o.Timeout
		return nil
	}})
	if err := c.Stop(t.Context(), 1500*time.Millisecond); err != nil || seconds != 2 {
		t.Errorf("Stop: got timeout %d, error %v; want 2, none", seconds, err)
	}
}

func TestLogs(t *testing.T) {
	long := strings.Repeat("x", 64<<10)
	tests := []struct {
		name, stream string
		want         []string
	}{
		{"lines", dockertest.Output(1, "a\nb\n"), []string{"1 a", "1 b"}},
		{"line in pieces", dockertest.Output(1, "hal") + dockertest.Output(1, "f\n"), []string{"1 half"}},
		{"no end of line", dockertest.Output(1, "a"), []string{"1 a"}},
		{"CRLF", dockertest.Output(1, "a\r\n\r\n"), []string{"1 a", "1 "}},
		{"streams do not mix", dockertest.Output(1, "o") + dockertest.Output(2, "e\n") + dockertest.Output(1, "ut\n"), []string{"2 e", "1 out"}},
		{"nothing", "", nil},
		{"overlong", dockertest.Output(1, long+"tail\nnext\n"), []string{"1 " + long, "1 tail", "1 next"}},
		{"just fits", dockertest.Output(1, long+"\n"), []string{"1 " + long}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var opts container.LogsOptions
			c := create(t, &dockertest.API{
				OnContainerLogs: func(_ context.Context, _ string, o container.LogsOptions) (io.ReadCloser, error) {
					opts = o
					return io.NopCloser(strings.NewReader(tt.stream)), nil
				},
				OnContainerInspect: inState(container.State{}),
			})
			var got []string
			err := c.Logs(t.Context(), func(s docker.Stream, text string) {
				got = append(got, string(rune('0'+s))+" "+text)
			})
			if err != nil || !opts.Follow || !slices.Equal(got, tt.want) {
				t.Errorf("got %.80q, error %v, follow %v; want %.80q", got, err, opts.Follow, tt.want)
			}
		})
	}
}

func TestOutputIsBounded(t *testing.T) {
	c := create(t, &dockertest.API{OnContainerLogs: func(_ context.Context, _ string, o container.LogsOptions) (io.ReadCloser, error) {
		if o.Follow {
			return nil, errors.New("would wait")
		}
		return io.NopCloser(strings.NewReader(dockertest.Output(2, strings.Repeat("0123456789\n", 1000)))), nil
	}})
	if got, err := c.Output(t.Context(), 20); err != nil || got != "23456789\n0123456789\n" {
		t.Errorf("got %q, %v; want the last 20 bytes", got, err)
	}
}

// A daemon that goes away shows as all kinds of errors, also as a stream that
// just ends. All of them come out as the same typed one.
func TestEngineLost(t *testing.T) {
	gone := errors.New("error during connect: EOF")
	api := &dockertest.API{
		OnPing: func() error { return gone },
		OnContainerLogs: func(context.Context, string, container.LogsOptions) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(dockertest.Output(1, "a\n"))), nil
		},
		OnContainerInspect: func(string) (container.InspectResponse, error) { return container.InspectResponse{}, gone },
		OnContainerWait: func(context.Context, string) (container.WaitResponse, error) {
			return container.WaitResponse{}, io.ErrUnexpectedEOF
		},
		OnContainerStart: func(string) error { return gone },
		OnCopyFrom: func(string, string) (io.ReadCloser, container.PathStat, error) {
			return io.NopCloser(strings.NewReader("cut")), container.PathStat{}, nil
		},
		OnContainerList: func(container.ListOptions) ([]container.Summary, error) { return nil, gone },
	}
	c := create(t, api)
	calls := map[string]func() error{
		"Start":   func() error { return c.Start(t.Context()) },
		"Wait":    func() error { _, err := c.Wait(t.Context()); return err },
		"Logs":    func() error { return c.Logs(t.Context(), func(docker.Stream, string) {}) },
		"CopyOut": func() error { return c.CopyOut(t.Context(), "/r", t.TempDir(), docker.Limits{}) },
		"Clean":   func() error { _, err := docker.New(api).Clean(t.Context(), docker.CleanOptions{}); return err },
	}
	for name, call := range calls {
		err := call()
		var u *docker.UnavailableError
		if !errors.Is(err, docker.ErrNoEngine) || !errors.As(err, &u) || u.Reason != docker.Lost {
			t.Errorf("%s: got error %v, want the engine lost", name, err)
		}
	}
}

func TestEngineAnswers(t *testing.T) {
	c := create(t, &dockertest.API{
		OnPing:           func() error { return errors.New("must not be asked") },
		OnContainerStart: func(string) error { return dockertest.NotFound("container") },
	})
	if err := c.Start(t.Context()); err == nil || errors.Is(err, docker.ErrNoEngine) {
		t.Errorf("got error %v, want the engine's answer", err)
	}
}
