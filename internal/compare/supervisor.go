package compare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/agent"
	"github.com/wsconform/wsconform/internal/agentfile"
)

// A Supervisor runs a command within bounds, and leaves nothing of it behind. It
// has a process to itself, which "wsconform agent supervise" is: all that this
// process has started is ended with the command, also what has become a daemon.
//
// Where the system tells (Linux), memory and processes are watched, and
// everything is ended once there is too much of either.
type Supervisor struct {
	Dir    string              // where it runs
	Env    []string            // added to the environment, "NAME=value"
	Output io.Writer           // gets what it prints
	Bounds agentfile.Resources // zero fields bound nothing; CPUs is for containers
	// Image makes it run in a container of this image, with the paths of Mounts
	// for reading. "" means that it is a process of the machine.
	Image  string
	Mounts []string
	// Network is the name of the network of the container. Place is a file that gets
	// the container's docker.Location in JSON. "" means none.
	Network, Place string
	// Fate is a file that gets a line of JSON, a [Fate], when the command exceeds
	// its bounds or cannot be started. "" means none.
	Fate string
}

// A Fate says how a supervised command came to its end.
type Fate struct {
	Cause   harness.Cause `json:"cause"`
	Message string        `json:"message"`
}

const (
	// grace is how long a command may take to end after SIGTERM.
	grace = 3 * time.Second
	// watchEvery is how often memory and processes are looked at.
	watchEvery = 100 * time.Millisecond
)

// Run runs the command until it ends, ctx ends, or it exceeds its bounds. The
// error is that of the command, the cause of ctx, or a
// [*harness.UntestableError].
func (k Supervisor) Run(ctx context.Context, command []string) error {
	run := k.run
	if k.Image != "" {
		run = k.runContained
	}
	err := run(ctx, command)
	var u *harness.UntestableError
	if !errors.As(err, &u) || k.Fate == "" {
		return err
	}
	return errors.Join(err, k.tell(Fate{u.Cause, u.Error()}))
}

func (k Supervisor) tell(fate Fate) error {
	line, err := json.Marshal(fate)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(k.Fate, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}

func (k Supervisor) run(ctx context.Context, command []string) error {
	cmd := exec.Command(command[0], command[1:]...) //nolint:noctx // ended in good order below
	cmd.Dir, cmd.Env = k.Dir, append(os.Environ(), k.Env...)
	cmd.Stdout, cmd.Stderr = k.Output, k.Output
	cmd.WaitDelay = grace // a daemon may keep the output open
	adoptOrphans()
	if err := cmd.Start(); err != nil {
		return &harness.UntestableError{Cause: harness.CauseStart, Err: fmt.Errorf("%w: %w", agent.ErrNotStarted, err)}
	}
	preferToEnd(cmd.Process.Pid)
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	ended, err := k.watch(ctx, cmd.Process, done)
	endDescendants(cmd.Process.Pid)
	if !ended {
		<-done
	}
	return err
}

// watch returns when the command has ended, or is to be ended by force.
func (k Supervisor) watch(ctx context.Context, p *os.Process, done <-chan error) (ended bool, err error) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return true, err
		case <-ctx.Done():
			_ = p.Signal(syscall.SIGTERM)
			select {
			case <-done:
				return true, context.Cause(ctx)
			case <-time.After(grace):
				return false, context.Cause(ctx)
			}
		case <-tick.C:
			if err := k.exceeded(agent.FamilyUsage(os.Getpid())); err != nil {
				return false, err
			}
		}
	}
}

func (k Supervisor) exceeded(u agent.Usage) error {
	switch {
	case k.Bounds.Memory > 0 && u.Memory > int64(k.Bounds.Memory):
		return &harness.UntestableError{Cause: harness.CauseMemory, Err: fmt.Errorf(
			"%w: it used %v of memory and may use %v", errEnded, agentfile.Size(u.Memory), k.Bounds.Memory)}
	case k.Bounds.PIDs > 0 && u.Tasks > k.Bounds.PIDs:
		return &harness.UntestableError{Cause: harness.CauseProcess, Err: fmt.Errorf(
			"%w: it had %d processes and threads and may have %d", errEnded, u.Tasks, k.Bounds.PIDs)}
	}
	return nil
}

var errEnded = errors.New("the agent was ended")
