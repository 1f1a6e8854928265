package autobahn

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	fixture "github.com/wsconform/wsconform/fixtures/autobahn"
	"github.com/wsconform/wsconform/internal/docker"
	"github.com/wsconform/wsconform/internal/docker/dockertest"
)

// A registry is a fake engine that has some images, can pull some, and builds
// whatever is asked for.
type registry struct {
	here, remote []string
	prints       string // by a container that is asked for its versions
	buildOutput  []string
	labels       map[string]map[string]string
	dockerfiles  []string
	args         map[string]*string
}

func (r *registry) engine() (*docker.Engine, *dockertest.API) {
	r.labels = map[string]map[string]string{}
	api := &dockertest.API{
		OnImageInspect: func(ref string) (image.InspectResponse, error) {
			if !slices.Contains(r.here, ref) {
				return image.InspectResponse{}, dockertest.NotFound("image " + ref)
			}
			config := &dockerspec.DockerOCIImageConfig{}
			config.Labels = r.labels[ref]
			return image.InspectResponse{ID: "sha256:id", Config: config}, nil
		},
		OnImagePull: func(_ context.Context, ref string) (io.ReadCloser, error) {
			if !slices.Contains(r.remote, ref) {
				return nil, errors.New("dial tcp: lookup registry.test: no such host")
			}
			r.here = append(r.here, ref)
			return dockertest.JSON(`{"status":"Pulled"}`), nil
		},
		OnImageBuild: func(in io.Reader, o build.ImageBuildOptions) (io.ReadCloser, error) {
			for tr := tar.NewReader(in); ; {
				h, err := tr.Next()
				if err != nil {
					break
				}
				if data, _ := io.ReadAll(tr); h.Name == "Dockerfile" {
					r.dockerfiles = append(r.dockerfiles, string(data))
				}
			}
			if r.args == nil {
				r.args = o.BuildArgs
			}
			if r.buildOutput == nil {
				r.here, r.labels[o.Tags[0]] = append(r.here, o.Tags[0]), o.Labels
			}
			return dockertest.JSON(r.buildOutput...), nil
		},
		OnContainerCreate: func(*container.Config, *container.HostConfig) (container.CreateResponse, error) {
			return container.CreateResponse{ID: "c1"}, nil
		},
		OnContainerStart: func(string) error { return nil },
		OnContainerWait: func(context.Context, string) (container.WaitResponse, error) {
			return container.WaitResponse{}, nil
		},
		OnContainerInspect: func(string) (container.InspectResponse, error) { return container.InspectResponse{}, nil },
		OnContainerLogs: func(context.Context, string, container.LogsOptions) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(dockertest.Output(1, r.prints))), nil
		},
	}
	return docker.New(api), api
}

const someVersions = "python==2.7.18\nTwisted==19.10.0\nautobahntestsuite==" + fixture.Version + "\n"

// nowhere is a machine without settings.
var nowhere = docker.Host{Getenv: func(string) string { return "" }, Root: "/nonexistent", AptConfig: func() []byte { return nil }}

func TestEnsureImageThere(t *testing.T) {
	r := &registry{here: []string{BuiltRef("")}}
	eng, api := r.engine()
	img, err := EnsureImage(t.Context(), eng, ImageOptions{})
	if err != nil || img.Ref != BuiltRef("") || img.Digest != "sha256:id" {
		t.Fatalf("got %+v, %v", img, err)
	}
	if got, want := api.Calls(), []string{"ImageInspect " + BuiltRef("")}; !slices.Equal(got, want) {
		t.Errorf("calls: got %q, want %q", got, want)
	}
}

func TestEnsureImagePulls(t *testing.T) {
	r := &registry{remote: []string{fixture.Official}, prints: someVersions}
	eng, api := r.engine()
	img, err := EnsureImage(t.Context(), eng, ImageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if img.Ref != pulledRef || img.Source != Pulled || img.Digest != fixture.Official || img.Versions["twisted"] != "19.10.0" {
		t.Errorf("got %+v", img)
	}
	if !strings.HasPrefix(r.dockerfiles[0], "FROM "+fixture.Official+"\n") || !strings.Contains(r.dockerfiles[0], "PYTHONUNBUFFERED=1") {
		t.Errorf("Dockerfile: got %q", r.dockerfiles[0])
	}
	if !slices.Contains(api.Calls(), "ContainerRemove c1") {
		t.Error("the container that was asked for its versions stays")
	}
	again, err := EnsureImage(t.Context(), eng, ImageOptions{})
	if err != nil || again.Digest != img.Digest || again.Versions["python"] != "2.7.18" {
		t.Errorf("the second time: got %+v, %v; want the same", again, err)
	}
}

func TestEnsureImageBuilds(t *testing.T) {
	tests := []struct {
		name         string
		here, remote []string
		opts         ImageOptions
		base         string
	}{
		{name: "base is there", here: []string{fixture.Base}, base: fixture.Base},
		{name: "base made before", here: []string{baseName}, base: baseName},
		{name: "base is pulled", remote: []string{fixture.Base}, opts: ImageOptions{Source: Built}, base: fixture.Base},
		{name: "other base", remote: []string{"my/base:1"}, opts: ImageOptions{Base: "my/base:1"}, base: "my/base:1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &registry{here: tt.here, remote: tt.remote, prints: someVersions}
			eng, api := r.engine()
			tt.opts.Host = nowhere
			img, err := EnsureImage(t.Context(), eng, tt.opts)
			if err != nil {
				t.Fatal(err)
			}
			if img.Ref != BuiltRef(tt.opts.Base) || img.Source != Built || img.Base != tt.base || *r.args["BASE"] != tt.base {
				t.Errorf("got %+v with base %s; want it built on %s", img, *r.args["BASE"], tt.base)
			}
			draft := "ImageRemove " + imageName + ":draft-" + strings.ToLower(eng.RunID())
			if !slices.Contains(api.Calls(), draft) {
				t.Errorf("calls: got %q, want %q", api.Calls(), draft)
			}
		})
	}
}

func TestEnsureImageFails(t *testing.T) {
	tests := []struct {
		name string
		r    registry
		opts ImageOptions
		want error
		text string
	}{
		{
			name: "pull only, no network", opts: ImageOptions{Source: Pulled},
			want: docker.ErrNetwork, text: "docker save " + BuiltRef(""),
		},
		{
			name: "base only elsewhere, no network", opts: ImageOptions{Source: Built, Base: "my/base:1"},
			want: docker.ErrNetwork, text: "docker save " + BuiltRef("my/base:1"),
		},
		{
			name: "TLS intercepted",
			r: registry{here: []string{fixture.Base}, buildOutput: []string{
				`{"stream":"CERTIFICATE_VERIFY_FAILED\n"}`, `{"error":"non-zero code: 1"}`,
			}},
			want: docker.ErrCertificate, text: "SSL_CERT_FILE",
		},
		{
			name: "another version", r: registry{here: []string{fixture.Base}, prints: "autobahntestsuite==0.8.2\n"},
			text: `autobahntestsuite is "0.8.2", want "25.10.1"`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			eng, _ := tt.r.engine()
			tt.opts.Host = nowhere
			_, err := EnsureImage(t.Context(), eng, tt.opts)
			if failed := (*ImageError)(nil); !errors.As(err, &failed) {
				t.Fatalf("got error %v, want an *ImageError", err)
			}
			if tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("got error %v, want one that matches %v", err, tt.want)
			}
			if !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got error %q, want %q in it", err, tt.text)
			}
			if slices.Contains(tt.r.here, BuiltRef("")) {
				t.Error("an image that is not complete has its final name")
			}
		})
	}
}

func TestEnsureImageEngineLost(t *testing.T) {
	api := &dockertest.API{
		OnPing:         func() error { return errors.New("EOF") },
		OnImageInspect: func(string) (image.InspectResponse, error) { return image.InspectResponse{}, io.ErrUnexpectedEOF },
	}
	if _, err := EnsureImage(t.Context(), docker.New(api), ImageOptions{}); !errors.Is(err, docker.ErrNoEngine) {
		t.Errorf("got error %v, want ErrNoEngine", err)
	}
}

// The real image, built if it is not there, which takes minutes. Skipped where
// there is no engine, and with -short unless it is there.
func TestEnsureImageReal(t *testing.T) {
	eng := dockertest.Connect(t)
	if _, err := eng.Image(t.Context(), BuiltRef("")); err != nil && testing.Short() {
		t.Skip("the image is not there, and building it takes minutes")
	}
	img, err := EnsureImage(t.Context(), eng, ImageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for name, version := range map[string]string{"autobahntestsuite": fixture.Version, "autobahn": "0.10.9", "wsaccel": "0.6.6"} {
		if got := img.Versions[name]; img.Source == Built && got != version {
			t.Errorf("%s: got %q, want %q", name, got, version)
		}
	}
	start := time.Now()
	again, err := EnsureImage(t.Context(), eng, ImageOptions{})
	if took := time.Since(start); err != nil || again.ID != img.ID || took > 5*time.Second {
		t.Errorf("the second time: got %s after %v, %v; want %s at once", again.ID, took, err, img.ID)
	}
	t.Logf("%s, %s, found in %v", img.Ref, img.Source, time.Since(start))
}
