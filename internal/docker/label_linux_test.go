package docker_test

import (
	"os/exec"
	"testing"

	"github.com/docker/docker/api/types/container"
	"golang.org/x/sys/unix"

	"github.com/wsconform/wsconform/internal/docker"
	"github.com/wsconform/wsconform/internal/docker/dockertest"
)

// A process that has ended owns nothing, also before its parent has asked how it
// ended.
func TestOwnerThatIsNotReaped(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	owner := docker.OwnerOf(cmd.Process.Pid)
	eng := docker.New(&dockertest.API{OnContainerList: func(container.ListOptions) ([]container.Summary, error) {
		return []container.Summary{{ID: "c1", Labels: map[string]string{docker.LabelOwner: owner}}}, nil
	}})
	owned := func() bool {
		list, err := eng.List(t.Context(), "")
		return err == nil && len(list) == 1 && list[0].Owned
	}
	if !owned() {
		t.Error("while it runs: not owned")
	}
	_ = in.Close()
	if err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	if owned() {
		t.Error("after its end: owned")
	}
}
