package compare_test

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/compare"
	"github.com/wsconform/wsconform/internal/docker/dockertest"
	"github.com/wsconform/wsconform/internal/runfile"
)

const client = `client: ["{wsconform}", client, "{url}"]`

// In a container an agent is tested as outside, its bounds are kept by the
// kernel, it reaches nothing but the harness, and no container is left.
func TestContainers(t *testing.T) {
	if testing.Short() {
		t.Skip("starts containers")
	}
	engine := dockertest.Connect(t)
	if err := compare.EnsureRoot(t.Context(), engine); err != nil {
		t.Fatal(err)
	}
	network, err := engine.CreateNetwork(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := network.Remove(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	outside, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer outside.Close()
	for _, row := range []struct {
		name, agent string
		cause       harness.Cause
		words       string
	}{
		{"good", server + "\n" + client, "", ""},
		{"good one by one", server + "\n" + client + "\nserial: true", "", ""},
		{"listens on its loopback interface only", `server: ["{wsconform}", server, "127.0.0.1", "{port}"]`, harness.CauseStart, "refused"},
		{"never listens", `server: [sleep, "97"]`, harness.CauseStart, "nothing listens on port 9001"},
		{"looks for us", `server: ["{wsconform}", reach, "` + outside.Addr().String() + `"]`, harness.CauseStart, "refused"},
		{"eats memory", "server: [\"{wsconform}\", eat]\nresources: {memory: 64MiB}", harness.CauseMemory, "64MiB"},
		{"fork bomb", "server: [sh, -c, \"while :; do sleep 97 & done\"]\nresources: {pids: 50}", harness.CauseProcess, "may have 50"},
		{"fork bomb that goes on", "server: [bash, -c, \"b() { b | b & }; b; sleep 97\"]\nresources: {pids: 50}", harness.CauseProcess, "may have 50"},
		{"writes", `server: [sh, -c, "echo x > /tmp/x && echo x > x"]`, harness.CauseStart, "Read-only file system"},
		{"reads what is not its own", `server: [sh, -c, "ls /root /home /var"]`, harness.CauseStart, "No such file"},
		{"no such program", `server: ["./nothing"]`, harness.CauseStart, "nothing"},
		{"a program behind a shim", "needs: [env]\n" + `server: [env, "{wsconform}", server, "{host}", "{port}"]`, "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.name == "a program behind a shim" {
				t.Setenv("PATH", shim(t, "env")+string(filepath.ListSeparator)+os.Getenv("PATH"))
			}
			r := runner(t)
			r.Network = network
			if row.name == "never listens" || row.name == "fork bomb that goes on" {
				r.StartPatience = 5 * time.Second
			}
			for _, got := range play(t, r, agent(t, row.agent)) {
				if got.Cause != row.cause || !strings.Contains(got.Error, row.words) || (got.State == runfile.Complete) != (row.cause == "") {
					t.Errorf("%s: got %s, %q, %q; want %q and %q in the error", got.Name(), got.State, got.Cause, got.Error, row.cause, row.words)
				}
			}
		})
	}
	left, err := engine.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range left {
		if slices.Contains(c.Networks, network.Name) { // else it is of another comparison
			t.Errorf("container %s is left, %s", c.ID, c.State)
		}
	}
}

// shim makes a folder in which the program is a script that starts a version
// manager, which no container has, and returns it.
func shim(t *testing.T, program string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "shims")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\nexec " + filepath.Join(t.TempDir(), "manager") + " exec " + program + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(dir, program), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
