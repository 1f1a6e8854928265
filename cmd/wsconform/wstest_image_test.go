//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/internal/docker"
	"github.com/wsconform/wsconform/internal/docker/dockertest"
)

// TestWstestImage has the image take the place of the published one: its own command
// serves what /config says and writes to /reports, as any user; and lines that run
// the published one in other ways need nothing but its name.
func TestWstestImage(t *testing.T) {
	if testing.Short() {
		t.Skip("builds an image")
	}
	engine := dockertest.Connect(t)
	for _, program := range []string{"docker", "make"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
	ref := fmt.Sprintf("wsconform-test:%d", os.Getpid())
	build := exec.CommandContext(t.Context(), "make", "-C", "../..", "wstest-image", "IMAGE="+ref)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	scratch := ref + "-scratch"
	defer func() {
		if err := errors.Join(engine.RemoveImage(context.Background(), ref), engine.RemoveImage(context.Background(), scratch)); err != nil {
			t.Error(err)
		}
	}()
	t.Run("lines", func(t *testing.T) { testImageLines(t, ref, scratch) })
	t.Run("health", func(t *testing.T) { testImageHealth(t, ref) })
	const config = `{"outdir": "/reports/clients", "cases": ["1.1.*"], "url": "ws://0.0.0.0:9001"}`
	for _, row := range []struct {
		name, image, config string
		selected            int // by the configuration
	}{
		{"a configuration", ref, config, 8},
		{"a configuration, on scratch", scratch, config, 8},
		{"none", ref, "", 517},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			config, reports := filepath.Join(dir, "config"), filepath.Join(dir, "reports")
			spec := filepath.Join(config, "fuzzingserver.json")
			if err := errors.Join(os.Mkdir(config, 0o700), os.Mkdir(reports, 0o700)); err != nil {
				t.Fatal(err)
			}
			if row.config != "" {
				if err := os.WriteFile(spec, []byte(row.config), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			mounts := []docker.Mount{{Source: reports, Target: "/reports"}}
			if row.config != "" {
				mounts = append(mounts, docker.Mount{Source: config, Target: "/config"})
			}
			addr := serveImage(t, engine, docker.Spec{
				Image: row.image, User: fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid()), Publish: []docker.Port{{Container: 9001}}, Mounts: mounts,
			})
			var out strings.Builder
			if row.config == "" {
				if code := run(t.Context(), []string{"dump", "ws://" + addr + "/getCaseCount"}, &out, &out); code != exitOK || !strings.Contains(out.String(), fmt.Sprint(row.selected)) {
					t.Errorf("the number of cases: exit code %d, %q, want %d", code, &out, row.selected)
				}
				return
			}
			if code := run(t.Context(), []string{"drive", "ws://" + addr, "--agent", "image"}, &out, &out); code != exitOK {
				t.Fatalf("exit code %d\n%s", code, &out)
			}
			text, err := os.ReadFile(filepath.Join(reports, "clients", "index.json"))
			if err != nil {
				t.Fatal(err)
			}
			var index map[string]map[string]struct{ Behavior, ReportFile string }
			if err := json.Unmarshal(text, &index); err != nil {
				t.Fatal(err)
			}
			passed := 0
			for _, entry := range index["image"] {
				if _, err := os.Stat(filepath.Join(reports, "clients", entry.ReportFile)); err == nil && entry.Behavior == "OK" {
					passed++
				}
			}
			if passed != row.selected {
				t.Errorf("%d cases are OK and have a file, want %d\n%s", passed, row.selected, text)
			}
		})
	}
}

// testImageLines runs command lines that were written for the published image.
func testImageLines(t *testing.T, ref, scratch string) {
	t.Helper()
	for _, row := range []struct {
		name, image string
		args        []string // behind docker run and the image
		code        int
		want        string // in the output
	}{
		{"a shell", ref, []string{"/bin/bash", "-c", "wstest -a; touch /signalComplete && sleep 0 && echo complete"}, 0, "\ncomplete\n"},
		{"the module", ref, []string{"pypy", "-m", "autobahntestsuite.wstest", "-a"}, 0, "25.10.1"},
		{"the module, unbuffered", ref, []string{"python", "-u", "-m", "autobahntestsuite.wstest", "--autobahnversion"}, 0, "25.10.1"},
		{"the program as a script", ref, []string{"pypy", "/opt/pypy/bin/wstest", "-a"}, 0, "25.10.1"},
		{"the program", ref, []string{"/opt/pypy/bin/wstest", "-a"}, 0, "25.10.1"},
		{"other Python", ref, []string{"python", "-c", "print(1)"}, 1, "no Python in this image"},
		{"wrong usage", ref, []string{"wstest", "-m", "fuzzingclient", "-s", "/none.json"}, 1, "/none.json does not exist"},
		{"the program, on scratch", scratch, []string{"wstest", "-a"}, 0, "25.10.1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			code, out := dockerOutput(t, append([]string{"run", "--rm", "--network", "none", row.image}, row.args...)...)
			if code != row.code || !strings.Contains(out, row.want) {
				t.Errorf("got exit code %d and %q, want %d and %q", code, out, row.code, row.want)
			}
		})
	}
}

// testImageHealth checks a running fuzzing server with a shell in the container, and
// asks it with a client there.
func testImageHealth(t *testing.T, ref string) {
	t.Helper()
	code, out := dockerOutput(t, "run", "-d", "--network", "none", "--health-interval", "1s", "--health-start-period", "30s",
		"--health-cmd", "bash -c '</dev/tcp/127.0.0.1/9001'", ref)
	id := strings.TrimSpace(out)
	if code != 0 {
		t.Fatalf("docker run: exit code %d\n%s", code, out)
	}
	defer func() {
		if out, err := exec.CommandContext(context.Background(), "docker", "rm", "-f", id).CombinedOutput(); err != nil {
			t.Errorf("docker rm: %v\n%s", err, out)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for status := ""; status != "healthy"; {
		select {
		case <-ctx.Done():
			t.Fatalf("health: got %q after a minute, want healthy", status)
		case <-time.After(100 * time.Millisecond): // until the daemon has looked
		}
		_, out := dockerOutput(t, "inspect", "--format", "{{.State.Health.Status}}", id)
		status = strings.TrimSpace(out)
	}
	code, out = dockerOutput(t, "exec", id, "sh", "-c", "wsconform dump ws://127.0.0.1:9001/getCaseCount && ls /config")
	if code != 0 || !strings.Contains(out, "517") || !strings.Contains(out, "fuzzingserver.json") {
		t.Errorf("docker exec: got exit code %d and %q, want 517 cases and the configuration", code, out)
	}
}

// dockerOutput runs a docker command and returns what it prints.
func dockerOutput(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	text, err := exec.CommandContext(t.Context(), "docker", args...).CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), string(text)
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0, string(text)
}

// serveImage starts the image with its own command and waits until it says that it
// listens. The address is that of port 9001.
func serveImage(t *testing.T, engine *docker.Engine, spec docker.Spec) string {
	t.Helper()
	c, err := engine.Run(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(c.Stop(context.Background(), time.Second), c.Remove(context.Background())); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	said, listens := "", errors.New("it listens")
	following, listening := context.WithCancelCause(ctx)
	err = c.Logs(following, func(_ docker.Stream, line string) {
		said += line + "\n"
		if strings.HasPrefix(line, "Listening for WebSocket clients") {
			listening(listens)
		}
	})
	if !errors.Is(context.Cause(following), listens) {
		t.Fatalf("it does not listen: %v\n%s", err, said)
	}
	addr, err := c.Addr(t.Context(), 9001)
	if err != nil {
		t.Fatal(err)
	}
	return addr.String()
}
