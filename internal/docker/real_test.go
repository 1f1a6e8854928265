package docker_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/wsconform/wsconform/internal/docker"
	"github.com/wsconform/wsconform/internal/docker/dockertest"
)

// The image of these tests holds one static program, built here, so that
// nothing has to be pulled. It is made once and removed when all are done.
var box struct {
	once sync.Once
	ref  string
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if box.ref != "" {
		if eng, err := docker.Connect(context.Background()); err == nil {
			_ = eng.RemoveImage(context.Background(), box.ref)
			_ = eng.Close()
		}
	}
	os.Exit(code)
}

// testImage builds the image, if it does not exist. The program in it is testdata/box, which
// does as its arguments say.
func testImage(t *testing.T, eng *docker.Engine) string {
	t.Helper()
	box.once.Do(func() { box.ref, box.err = buildBox(t, eng) })
	if box.err != nil {
		t.Fatal(box.err)
	}
	return box.ref
}

func buildBox(t *testing.T, eng *docker.Engine) (string, error) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "box")
	if out, err := goBuild(t, program); err != nil {
		return "", errors.Join(err, errors.New(out))
	}
	data, err := os.ReadFile(program)
	if err != nil {
		return "", err
	}
	base := "wsconform/test-base:" + strings.ToLower(eng.RunID())
	if _, err := eng.Import(t.Context(), tarOf("box", data), base, map[string]string{"test": "yes"}); err != nil {
		return "", err
	}
	defer eng.RemoveImage(t.Context(), base)
	// A second layer by the builder, in two stages that must leave nothing behind.
	ref := "wsconform/test:" + strings.ToLower(eng.RunID())
	var lines []string
	img, err := eng.Build(t.Context(), fstest.MapFS{"Dockerfile": {Data: []byte(`
FROM ` + base + ` AS stage
ARG WSCONFORM_RUN
ARG WSCONFORM_OWNER
LABEL wsconform=1 wsconform.run=$WSCONFORM_RUN wsconform.owner="$WSCONFORM_OWNER"
ARG TEXT
ENV TEXT=$TEXT
RUN ["/box", "write", "/made", "by the build"]
FROM scratch
COPY --from=stage / /
COPY extra /extra
`)}}, docker.BuildOptions{
		Tag: ref, Network: "none", Args: map[string]string{"TEXT": "hi"}, Labels: map[string]string{"test": "built"},
		Files: map[string][]byte{"extra": []byte("extra")}, Progress: func(l string) { lines = append(lines, l) },
	})
	if err != nil {
		return "", err
	}
	if !slices.Contains(lines, "Step 1/12 : FROM "+base+" AS stage") {
		t.Errorf("progress: got %q, want the first step in it", lines)
	}
	if img.Labels["test"] != "built" || img.Labels[docker.Label] != "1" || img.Labels[docker.LabelOwner] != "" {
		t.Errorf("labels: got %v", img.Labels)
	}
	return ref, nil
}

func run(t *testing.T, eng *docker.Engine, spec docker.Spec, command ...string) *docker.Container {
	t.Helper()
	spec.Image, spec.Command = testImage(t, eng), command
	if spec.Network == "" && spec.Publish == nil {
		spec.Network = "none"
	}
	c, err := eng.Run(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Remove(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestRealExit(t *testing.T) {
	if testing.Short() {
		t.Skip("starts containers")
	}
	eng := dockertest.Connect(t)
	tests := []struct {
		name    string
		spec    docker.Spec
		command []string
		want    docker.Exit
		output  string
	}{
		{"ends well", docker.Spec{Env: []string{"K=v"}}, []string{"/box", "env", "K"}, docker.Exit{}, "v\n"},
		{"status", docker.Spec{}, []string{"/box", "exit", "7"}, docker.Exit{Code: 7}, ""},
		{"read-only root", docker.Spec{ReadOnly: true}, []string{"/box", "write", "/x", "y"}, docker.Exit{Code: 1}, ""},
		{"plain user", docker.Spec{User: "1234:1234"}, []string{"/box", "write", "/x", "y"}, docker.Exit{Code: 1}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := run(t, eng, tt.spec, tt.command...)
			got, err := c.Wait(t.Context())
			if err != nil || got != tt.want {
				t.Errorf("got %+v, %v; want %+v", got, err, tt.want)
			}
			if out, err := c.Output(t.Context(), 1000); tt.output != "" && (err != nil || out != tt.output) {
				t.Errorf("output: got %q, %v; want %q", out, err, tt.output)
			}
		})
	}
}

// TestRealMemoryLimit tries again when the engine does not know why the process
// was killed: the kernel's notice is lost if the container's group is removed
// before it was read, which happens on a busy machine.
func TestRealMemoryLimit(t *testing.T) {
	eng := dockertest.Connect(t)
	want := docker.Exit{Code: 137, OOMKilled: true}
	var got docker.Exit
	for range 3 {
		var err error
		got, err = run(t, eng, docker.Spec{Memory: 32 << 20}, "/box", "eat", "500").Wait(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got.OOMKilled || got.Code != want.Code {
			break
		}
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestRealLogsAndStop(t *testing.T) {
	eng := dockertest.Connect(t)
	c := run(t, eng, docker.Spec{}, "/box", "talk")
	ready, done := make(chan struct{}), make(chan error, 1)
	var got []string
	go func() {
		done <- c.Logs(t.Context(), func(_ docker.Stream, text string) {
			got = append(got, text)
			if text == "ready" {
				close(ready)
			}
		})
	}()
	<-ready
	if running, err := c.Running(t.Context()); err != nil || !running {
		t.Errorf("Running = %v, %v; want true", running, err)
	}
	if err := c.Stop(t.Context(), 20*time.Second); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	slices.Sort(got) // the streams are two
	if want := []string{"an error", "got terminated", "ready"}; !slices.Equal(got, want) {
		t.Errorf("lines: got %q, want %q", got, want)
	}
	if exit, err := c.Wait(t.Context()); err != nil || exit.Code != 5 {
		t.Errorf("Wait = %+v, %v; want code 5", exit, err)
	}
	if err := c.Stop(t.Context(), time.Second); err != nil {
		t.Errorf("second Stop: got error %v, want none", err)
	}
}

func TestRealCopy(t *testing.T) {
	eng := dockertest.Connect(t)
	c, err := eng.Create(t.Context(), docker.Spec{Image: testImage(t, eng), Command: []string{"/box", "hostile", "/out"}, Network: "none"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Remove(t.Context())
	if err := c.CopyIn(t.Context(), "/out", map[string][]byte{"sub/in.txt": []byte("in")}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := c.CopyOut(t.Context(), "/out", dir, docker.Limits{}); err != nil {
		t.Fatal(err)
	}
	if got := tree(t, dir); len(got) != 1 || got["sub/in.txt"] != "in" {
		t.Errorf("copied: got %v, want sub/in.txt", got)
	}
	if got, err := c.ReadFile(t.Context(), "/made", 100); err != nil || string(got) != "by the build" {
		t.Errorf("ReadFile = %q, %v", got, err)
	}
	if _, err := c.ReadFile(t.Context(), "/absent", 100); !errors.Is(err, docker.ErrNotFound) {
		t.Errorf("ReadFile of nothing: got error %v, want ErrNotFound", err)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if exit, err := c.Wait(t.Context()); err != nil || exit.Code != 0 {
		t.Fatalf("Wait = %+v, %v", exit, err)
	}
	if err := c.CopyOut(t.Context(), "/out", dir, docker.Limits{}); !errors.Is(err, docker.ErrUnsafe) {
		t.Errorf("a link: got error %v, want ErrUnsafe", err)
	}
}

func TestRealMountsAndPorts(t *testing.T) {
	eng := dockertest.Connect(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("mounted"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	c := run(t, eng, docker.Spec{
		Mounts: []docker.Mount{{Source: dir, Target: "/m", ReadOnly: true}}, Tmpfs: []string{"/scratch"}, ReadOnly: true,
		Publish: []docker.Port{{Container: 8080}}, CPUs: 0.5, PIDs: 50, Init: true,
	}, "/box", "serve", "8080", "/m/f")
	addr, err := c.Addr(t.Context(), 8080)
	if err != nil || !addr.Addr().IsLoopback() {
		t.Fatalf("Addr = %v, %v; want one of the loopback interface", addr, err)
	}
	if got, err := httpGet(t, "http://"+addr.String()); err != nil || got != "mounted" {
		t.Errorf("got %q, %v; want the mounted file", got, err)
	}
	if _, err := c.Addr(t.Context(), 1); !errors.Is(err, docker.ErrNotFound) {
		t.Errorf("Addr of another port: got error %v, want ErrNotFound", err)
	}
}

func TestRealInterrupted(t *testing.T) {
	eng := dockertest.Connect(t)
	c := run(t, eng, docker.Spec{}, "/box", "talk")
	stop := errors.New("Ctrl-C")
	ctx, cancel := context.WithCancelCause(t.Context())
	err := c.Logs(ctx, func(_ docker.Stream, text string) {
		if text == "ready" {
			cancel(stop)
		}
	})
	if !errors.Is(err, stop) {
		t.Errorf("Logs: got error %v, want the cause", err)
	}
	if _, err := c.Wait(ctx); !errors.Is(err, stop) {
		t.Errorf("Wait: got error %v, want the cause", err)
	}
	if err := c.Remove(ctx); err != nil {
		t.Errorf("Remove: got error %v, want none", err)
	}
	if list, err := eng.List(t.Context(), eng.RunID()); err != nil || len(list) != 0 {
		t.Errorf("List = %v, %v; want nothing left", list, err)
	}
}

func TestRealClean(t *testing.T) {
	eng := dockertest.Connect(t)
	c := run(t, eng, docker.Spec{}, "/box", "talk")
	// Not forced: other tests and other runs share this engine.
	if _, err := eng.Clean(t.Context(), docker.CleanOptions{}); err != nil {
		t.Fatal(err)
	}
	if running, err := c.Running(t.Context()); err != nil || !running {
		t.Errorf("after Clean: running %v, %v; want the container of a live process left alone", running, err)
	}
	list, err := eng.List(t.Context(), eng.RunID())
	if err != nil || len(list) != 1 || !list[0].Owned || list[0].State != "running" {
		t.Errorf("List = %+v, %v; want one owned, running", list, err)
	}
	if err := eng.RemoveRun(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list, err := eng.List(t.Context(), eng.RunID()); err != nil || len(list) != 0 {
		t.Errorf("after RemoveRun: List = %v, %v; want nothing", list, err)
	}
}

func TestRealBuildFails(t *testing.T) {
	eng := dockertest.Connect(t)
	_, err := eng.Build(t.Context(), fstest.MapFS{"Dockerfile": {
		Data: []byte("FROM " + testImage(t, eng) + "\nRUN [\"/box\", \"exit\", \"9\"]\n"),
	}}, docker.BuildOptions{Tag: "wsconform/test-fails:1", Network: "none"})
	var failed *docker.BuildError
	if !errors.As(err, &failed) || !strings.HasPrefix(failed.Step, "Step 2/") || !strings.Contains(failed.Message, "9") {
		t.Errorf("got error %v, want a BuildError of step 2 with status 9", err)
	}
	if _, err := eng.Image(t.Context(), "wsconform/test-fails:1"); !errors.Is(err, docker.ErrNotFound) {
		t.Errorf("Image: got error %v, want ErrNotFound", err)
	}
}

func TestRealAbsent(t *testing.T) {
	eng := dockertest.Connect(t)
	if _, err := eng.Create(t.Context(), docker.Spec{Image: "wsconform/absent:1"}); !errors.Is(err, docker.ErrNotFound) {
		t.Errorf("Create without an image: got error %v, want ErrNotFound", err)
	}
	if err := eng.RemoveImage(t.Context(), "wsconform/absent:1"); err != nil {
		t.Errorf("RemoveImage of nothing: got error %v, want none", err)
	}
}
