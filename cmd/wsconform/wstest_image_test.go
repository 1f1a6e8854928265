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

	"github.com/wsconform/wsconform/harness/docker"
	"github.com/wsconform/wsconform/harness/docker/dockertest"
)

// The image takes the place of the published one: its own command serves what
// /config says and writes to /reports, as any user, and makes the configuration
// where there is none.
func TestWstestImage(t *testing.T) {
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
	defer func() {
		if err := engine.RemoveImage(context.Background(), ref); err != nil {
			t.Error(err)
		}
	}()
	for _, row := range []struct {
		name, config string
		selected     int // by the configuration
	}{
		{"a configuration", `{"outdir": "/reports/clients", "cases": ["1.1.*"], "url": "ws://0.0.0.0:9001"}`, 8},
		{"none", "", 517},
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
			addr := serveImage(t, engine, docker.Spec{
				Image: ref, User: fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid()), Publish: []docker.Port{{Container: 9001}},
				Mounts: []docker.Mount{{Source: config, Target: "/config"}, {Source: reports, Target: "/reports"}},
			})
			var out strings.Builder
			if row.config == "" {
				if code := run(t.Context(), []string{"dump", "ws://" + addr + "/getCaseCount"}, &out, &out); code != exitOK || !strings.Contains(out.String(), fmt.Sprint(row.selected)) {
					t.Errorf("the number of cases: exit code %d, %q, want %d", code, &out, row.selected)
				}
				if _, err := os.Stat(spec); err != nil {
					t.Errorf("the configuration was not made: %v", err)
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
