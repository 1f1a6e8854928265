package docker_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"

	"github.com/google/go-cmp/cmp"

	"github.com/wsconform/wsconform/internal/docker"
	"github.com/wsconform/wsconform/internal/docker/dockertest"
)

// owned are containers of all kinds of owners, by what is known of them.
func owned() []container.Summary {
	var list []container.Summary
	for _, c := range []struct{ id, owner string }{
		{"mine", docker.Self()},
		{"pid was used again", docker.ReusedPID()},
		{"no such process", docker.OwnerLabel("", "", 1<<23)}, // above the highest pid
		{"before the last boot", docker.OwnerLabel("", "other-boot", 0)},
		{"other machine", docker.OwnerLabel("elsewhere", "", 1<<23)},
		{"no owner", ""},
		{"nonsense", "a b c d"},
	} {
		list = append(list, container.Summary{ID: c.id, Labels: map[string]string{docker.Label: "1", docker.LabelOwner: c.owner}})
	}
	return list
}

func TestClean(t *testing.T) {
	dead := []string{"before the last boot", "no such process", "pid was used again"}
	kept := []string{"mine", "no owner", "nonsense", "other machine"}
	for _, tt := range []struct {
		name          string
		opts          docker.CleanOptions
		removed, kept []string
	}{
		{"crashed runs", docker.CleanOptions{}, dead, kept},
		{"all", docker.CleanOptions{Force: true}, slices.Sorted(slices.Values(append(dead, kept...))), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			api := &dockertest.API{OnContainerList: func(o container.ListOptions) ([]container.Summary, error) {
				if !o.All || !slices.Equal(o.Filters.Get("label"), []string{"wsconform=1"}) {
					return nil, fmt.Errorf("asked for %+v", o)
				}
				return owned(), nil
			}}
			got, err := docker.New(api).Clean(t.Context(), tt.opts)
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(got.Containers)
			slices.Sort(got.Kept)
			if diff := cmp.Diff(got, docker.Cleaned{Containers: tt.removed, Kept: tt.kept}); diff != "" {
				t.Errorf("(got, want):\n%s", diff)
			}
		})
	}
}

func TestCleanImages(t *testing.T) {
	api := &dockertest.API{
		OnContainerList: func(container.ListOptions) ([]container.Summary, error) { return nil, nil },
		OnImageList: func() ([]image.Summary, error) {
			return []image.Summary{
				{ID: "sha256:1", RepoTags: []string{"a:1", "a:2"}},
				{ID: "sha256:2", RepoTags: []string{"<none>:<none>"}},
				{ID: "sha256:3", RepoTags: []string{"used:1"}},
			}, nil
		},
		OnImageRemove: func(ref string) error {
			if ref == "used:1" {
				return fmt.Errorf("%w: in use", errdefs.ErrConflict)
			}
			return nil
		},
	}
	got, err := docker.New(api).Clean(t.Context(), docker.CleanOptions{Images: true})
	if want := []string{"a:1", "a:2", "sha256:2"}; err != nil || !slices.Equal(got.Images, want) {
		t.Errorf("got %v, %v; want %v", got.Images, err, want)
	}
}

func TestCleanGoesOn(t *testing.T) {
	api := &dockertest.API{
		OnContainerList: func(container.ListOptions) ([]container.Summary, error) {
			return []container.Summary{{ID: "stuck"}, {ID: "fine"}}, nil
		},
		OnContainerRemove: func(_ context.Context, id string) error {
			if id == "stuck" {
				return fmt.Errorf("%w: device busy", errdefs.ErrInternal)
			}
			return nil
		},
	}
	got, err := docker.New(api).Clean(t.Context(), docker.CleanOptions{Force: true})
	if err == nil || !strings.Contains(err.Error(), "device busy") || !slices.Equal(got.Containers, []string{"fine"}) {
		t.Errorf("got %+v, error %v; want the second removed and the first reported", got, err)
	}
}

func TestRemoveRun(t *testing.T) {
	api := &dockertest.API{}
	eng := docker.New(api)
	api.OnContainerList = func(o container.ListOptions) ([]container.Summary, error) {
		if !slices.Contains(o.Filters.Get("label"), docker.LabelRun+"="+eng.RunID()) {
			return nil, errors.New("not only of this run")
		}
		return []container.Summary{{ID: "c1"}}, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := eng.RemoveRun(ctx); err != nil || !slices.Contains(api.Calls(), "ContainerRemove c1") {
		t.Errorf("got calls %v, error %v; want c1 removed", api.Calls(), err)
	}
}

func TestUnavailableError(t *testing.T) {
	missing := t.TempDir() + "/docker.sock"
	tests := []struct {
		name string
		err  error
		want docker.Reason
		text string // in the message
	}{
		{"permission", docker.Unavailable("unix://"+missing, fmt.Errorf("dial: %w", fs.ErrPermission)), docker.PermissionDenied, "usermod"},
		{"remote", docker.Unavailable("tcp://127.0.0.1:1", errors.New("connection refused")), docker.NotRunning, "start it"},
		{"not installed", &docker.UnavailableError{Reason: docker.NotInstalled, Host: "h"}, docker.NotInstalled, "apt-get install docker.io"},
		{"too old", &docker.UnavailableError{Reason: docker.TooOld, Err: errors.New("API 1.24")}, docker.TooOld, "1.41"},
		{"lost", &docker.UnavailableError{Reason: docker.Lost, Err: errors.New("EOF")}, docker.Lost, "went away"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var u *docker.UnavailableError
			if !errors.As(tt.err, &u) || u.Reason != tt.want {
				t.Fatalf("got %#v, want reason %d", tt.err, tt.want)
			}
			if !errors.Is(tt.err, docker.ErrNoEngine) {
				t.Error("does not match ErrNoEngine")
			}
			text := tt.err.Error()
			if strings.Count(text, "\n") != 1 || !strings.Contains(text, tt.text) {
				t.Errorf("got %q, want two lines with %q", text, tt.text)
			}
		})
	}
}

func TestConnectWithoutEngine(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DOCKER_HOST", "unix://"+dir+"/docker.sock")
	t.Setenv("PATH", dir)
	if _, err := docker.Connect(t.Context()); !errors.Is(err, docker.ErrNoEngine) {
		t.Errorf("got error %v, want ErrNoEngine", err)
	}
	t.Setenv("DOCKER_HOST", "nonsense")
	if _, err := docker.Connect(t.Context()); !errors.Is(err, docker.ErrNoEngine) {
		t.Errorf("DOCKER_HOST=nonsense: got error %v, want ErrNoEngine", err)
	}
}
