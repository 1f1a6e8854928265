package docker_test

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/image"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"github.com/google/go-cmp/cmp"

	"github.com/wsconform/wsconform/internal/docker"
	"github.com/wsconform/wsconform/internal/docker/dockertest"
)

// has answers every inspection of an image.
func has(id string, labels map[string]string) func(string) (image.InspectResponse, error) {
	return func(string) (image.InspectResponse, error) {
		config := &dockerspec.DockerOCIImageConfig{}
		config.Labels = labels
		return image.InspectResponse{ID: id, Config: config}, nil
	}
}

func TestImage(t *testing.T) {
	api := &dockertest.API{OnImageInspect: func(ref string) (image.InspectResponse, error) {
		if ref == "there" {
			return image.InspectResponse{ID: "sha256:1", RepoDigests: []string{"x@sha256:2"}}, nil
		}
		return image.InspectResponse{}, dockertest.NotFound("image " + ref)
	}}
	eng := docker.New(api)
	img, err := eng.Image(t.Context(), "there")
	if err != nil || img.ID != "sha256:1" || img.Digest != "x@sha256:2" {
		t.Errorf("Image(there) = %+v, %v; want sha256:1 and its digest", img, err)
	}
	if _, err := eng.Image(t.Context(), "absent"); !errors.Is(err, docker.ErrNotFound) {
		t.Errorf("Image(absent): got error %v, want ErrNotFound", err)
	}
}

func TestBuild(t *testing.T) {
	files := map[string]string{}
	var opts build.ImageBuildOptions
	api := &dockertest.API{
		OnImageBuild: func(r io.Reader, o build.ImageBuildOptions) (io.ReadCloser, error) {
			opts = o
			for tr := tar.NewReader(r); ; {
				h, err := tr.Next()
				if errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					return nil, err
				}
				data, _ := io.ReadAll(tr)
				files[h.Name] = string(data)
			}
			return dockertest.JSON(
				`{"stream":"Step 1/2 : FROM x\n"}`, `{"stream":"half a "}`,
				`{"stream":"line\n\u001b[91mred\u001b[0m\n"}`, `{"aux":{"ID":"sha256:9"}}`), nil
		},
		OnImageInspect: has("sha256:9", nil),
	}
	eng := docker.New(api)
	var lines []string
	img, err := eng.Build(t.Context(), fstest.MapFS{
		"Dockerfile": {Data: []byte("FROM x")}, "sub/file": {Data: []byte("old")},
	}, docker.BuildOptions{
		Tag: "t:1", Labels: map[string]string{"a": "b", docker.Label: "0"}, Args: map[string]string{"K": "v"}, Network: "host",
		Files:    map[string][]byte{"sub/file": []byte("new"), "ca.pem": []byte("pem")},
		Progress: func(l string) { lines = append(lines, l) },
	})
	if err != nil || img.ID != "sha256:9" {
		t.Fatalf("Build = %+v, %v; want sha256:9", img, err)
	}
	if diff := cmp.Diff(files, map[string]string{"Dockerfile": "FROM x", "sub/file": "new", "ca.pem": "pem"}); diff != "" {
		t.Errorf("context (got, want):\n%s", diff)
	}
	if diff := cmp.Diff(lines, []string{"Step 1/2 : FROM x", "half a line", "red"}); diff != "" {
		t.Errorf("progress (got, want):\n%s", diff)
	}
	wantLabels := map[string]string{"a": "b", docker.Label: "1"} // and no owner, which containers would inherit
	if diff := cmp.Diff(opts.Labels, wantLabels); diff != "" {
		t.Errorf("labels (got, want):\n%s", diff)
	}
	if got := *opts.BuildArgs["K"] + " " + *opts.BuildArgs["WSCONFORM_RUN"]; got != "v "+eng.RunID() {
		t.Errorf("build args: got %q", got)
	}
	if opts.NetworkMode != "host" || opts.Version != build.BuilderV1 || !opts.ForceRemove {
		t.Errorf("options: got %+v", opts)
	}
	calls := api.Calls()
	if got, want := calls[len(calls)-1], "ImagesPrune wsconform.run="+eng.RunID(); got != want {
		t.Errorf("last call: got %q, want %q, so that no stage is left", got, want)
	}
}

func TestBuildErrors(t *testing.T) {
	tests := []struct {
		name   string
		stream []string
		want   error
		text   string
	}{
		{
			name: "a step fails",
			stream: []string{
				`{"stream":"Step 2/2 : RUN false\n"}`, `{"stream":"oh no\n"}`,
				`{"errorDetail":{"code":1,"message":"The command 'false' returned a non-zero code: 1"},"error":"returned a non-zero code: 1"}`,
			},
			text: "docker: build t:1: Step 2/2 : RUN false: returned a non-zero code: 1\n    oh no",
		},
		{
			name:   "no network",
			stream: []string{`{"stream":"Temporary failure resolving 'mirror'\n"}`, `{"error":"returned a non-zero code: 100"}`},
			want:   docker.ErrNetwork,
		},
		{
			name:   "TLS intercepted",
			stream: []string{`{"stream":"SSLError: CERTIFICATE_VERIFY_FAILED, Could not connect to\n"}`, `{"error":"code: 1"}`},
			want:   docker.ErrCertificate,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			eng := docker.New(&dockertest.API{OnImageBuild: func(r io.Reader, _ build.ImageBuildOptions) (io.ReadCloser, error) {
				_, _ = io.Copy(io.Discard, r)
				return dockertest.JSON(tt.stream...), nil
			}})
			_, err := eng.Build(t.Context(), fstest.MapFS{}, docker.BuildOptions{Tag: "t:1"})
			if failed := (*docker.BuildError)(nil); !errors.As(err, &failed) {
				t.Fatalf("got error %v, want a *BuildError", err)
			}
			if tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("got error %v, want one that matches %v", err, tt.want)
			}
			if tt.text != "" && err.Error() != tt.text {
				t.Errorf("got text\n%s\nwant\n%s", err, tt.text)
			}
		})
	}
}

// The engine refuses a build before it has read the context: the goroutine that writes it
// must not be left behind.
func TestBuildRefused(t *testing.T) {
	eng := docker.New(&dockertest.API{OnImageBuild: func(io.Reader, build.ImageBuildOptions) (io.ReadCloser, error) {
		return nil, dockertest.NotFound("base")
	}})
	_, err := eng.Build(t.Context(), fstest.MapFS{"big": {Data: make([]byte, 1<<20)}}, docker.BuildOptions{Tag: "t"})
	if err == nil || !strings.Contains(err.Error(), "no such base") {
		t.Errorf("got error %v, want the engine's", err)
	}
}

func TestPull(t *testing.T) {
	tests := []struct {
		name  string
		body  []string
		err   error
		want  error
		lines []string
	}{
		{
			name: "layers",
			body: []string{
				`{"status":"Pulling from x/y","id":"latest"}`, `{"status":"Waiting","id":"a"}`,
				`{"status":"Downloading","id":"a","progressDetail":{"current":1000000,"total":10000000}}`,
				`{"status":"Downloading","id":"a","progressDetail":{"current":1000001,"total":10000000}}`,
				`{"status":"Download complete","id":"a"}`, `{"status":"Digest: sha256:1"}`,
			},
			lines: []string{"Pulling from x/y", "downloaded 1.0 of 10.0 MB", "downloaded 10.0 of 10.0 MB", "Digest: sha256:1"},
		},
		{name: "no such host", err: errors.New("dial tcp: lookup registry: no such host"), want: docker.ErrNetwork},
		{name: "no such image", err: dockertest.NotFound("manifest"), want: docker.ErrNotFound},
		{name: "fails in the middle", body: []string{`{"error":"unexpected EOF: i/o timeout"}`}, want: docker.ErrNetwork},
		{name: "TLS intercepted", err: errors.New("x509: certificate signed by unknown authority"), want: docker.ErrCertificate},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			eng := docker.New(&dockertest.API{
				OnImagePull: func(context.Context, string) (io.ReadCloser, error) {
					return dockertest.JSON(tt.body...), tt.err
				},
				OnImageInspect: has("sha256:1", nil),
			})
			var lines []string
			_, err := eng.Pull(t.Context(), "x/y", func(l string) { lines = append(lines, l) })
			if !errors.Is(err, tt.want) {
				t.Errorf("got error %v, want one that matches %v", err, tt.want)
			}
			if diff := cmp.Diff(lines, tt.lines); tt.lines != nil && diff != "" {
				t.Errorf("progress (got, want):\n%s", diff)
			}
		})
	}
}

func TestImport(t *testing.T) {
	var changes []string
	var content string
	eng := docker.New(&dockertest.API{
		OnImageImport: func(r io.Reader, _ string, o image.ImportOptions) (io.ReadCloser, error) {
			data, err := io.ReadAll(r)
			content, changes = string(data), o.Changes
			return dockertest.JSON(`{"status":"sha256:5"}`), err
		},
		OnImageInspect: has("sha256:5", nil),
	})
	img, err := eng.Import(t.Context(), strings.NewReader("a tar"), "base:1", map[string]string{"q": `say "hi"`})
	if err != nil || img.ID != "sha256:5" || content != "a tar" {
		t.Fatalf("Import = %+v, %v with content %q", img, err, content)
	}
	want := []string{`LABEL q="say \"hi\""`, `LABEL wsconform="1"`}
	if diff := cmp.Diff(changes, want); diff != "" {
		t.Errorf("changes (got, want):\n%s", diff)
	}
}

func TestProgressLines(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "abc", "abc"},
		{"colour", "\x1b[1;31mred\x1b[0m!", "red!"},
		{"cut escape", "a\x1b[31", "a"},
		{"bar drawn over", "10%\r50%\r100%\r", "100%"},
		{"bell and C1", "a\x07b\u009bc", "abc"},
		{"tab", "a\tb", "a b"},
		{"not UTF-8", "a\xffb", "a\uFFFDb"},
		{"long", strings.Repeat("x", 600), strings.Repeat("x", 500) + " …"},
	}
	for _, tt := range tests {
		if got := docker.CleanLine(tt.in); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
