package ui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxJobs is how many runs may go on at once.
const maxJobs = 4

// stopPatience is how long an interrupted run may take to write its footer and reports.
const stopPatience = 20 * time.Second

// A job is a run that was started here: a wsconform of its own.
type job struct {
	args   []string // behind the program, without -o
	out    string   // the folder of its results
	file   string   // its run file
	cancel context.CancelFunc
	done   chan struct{} // closed when it has ended
	said   clipped       // what it printed
	exit   int           // once done; -1 if it could not be started
}

type jobs struct {
	ctx  context.Context // of the server: its end ends the jobs
	mu   sync.Mutex      // guards list
	list []*job
	all  sync.WaitGroup
}

var errBusy = fmt.Errorf("%d runs are going on: wait for one, or stop it", maxJobs)

// start starts a run whose results go to a new folder below dir.
func (js *jobs) start(program, args []string, dir, name string) (*job, error) {
	js.mu.Lock()
	defer js.mu.Unlock()
	going := 0
	for _, j := range js.list {
		if !j.ended() {
			going++
		}
	}
	if going >= maxJobs {
		return nil, errBusy
	}
	out, err := newFolder(dir, name)
	if err != nil {
		return nil, fmt.Errorf("the folder of the run: %w", err)
	}
	if out, err = filepath.Abs(out); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(js.ctx)
	j := &job{args: args, out: out, file: filepath.Join(out, runFile(args)), cancel: cancel, done: make(chan struct{})}
	cmd := exec.CommandContext(ctx, program[0], j.line(program)[1:]...) //nolint:gosec // wsconform itself
	cmd.Stdout, cmd.Stderr = &j.said, &j.said
	if args[0] == "dump" { // what it prints is in its record, where secrets are masked
		cmd.Stdout = nil
	}
	cmd.WaitDelay = stopPatience
	cmd.Cancel = func() error {
		if err := cmd.Process.Signal(os.Interrupt); err != nil { // Windows has no interrupts
			return cmd.Process.Kill()
		}
		return nil
	}
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, err
	}
	js.list = append(js.list, j)
	js.all.Go(func() {
		defer close(j.done)
		defer cancel()
		err := cmd.Wait()
		j.exit = cmd.ProcessState.ExitCode()
		if err != nil && j.exit < 0 {
			fmt.Fprintln(&j.said, err)
		}
	})
	return j, nil
}

// line is the whole command line. The folder goes before the command of a client.
func (j *job) line(program []string) []string {
	at := len(j.args)
	if i := slices.Index(j.args, "--"); i >= 0 {
		at = i
	}
	flag := "-o"
	if j.args[0] == "dump" {
		flag = "--record"
	}
	return slices.Concat(program, slices.Insert(slices.Clone(j.args), at, flag, j.out))
}

// newFolder makes a folder that did not exist, named after the time.
func newFolder(dir, name string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	base := time.Now().Format("0102-150405") + "-" + name
	for n := 1; ; n++ {
		out := filepath.Join(dir, base)
		if n > 1 {
			out = fmt.Sprintf("%s-%d", out, n)
		}
		err := os.Mkdir(out, 0o755)
		if !errors.Is(err, os.ErrExist) || n > 1000 {
			return out, err
		}
	}
}

func (j *job) ended() bool {
	select {
	case <-j.done:
		return true
	default:
		return false
	}
}

// find returns the job that writes the file, or nil.
func (js *jobs) find(file string) *job {
	js.mu.Lock()
	defer js.mu.Unlock()
	for _, j := range js.list {
		if j.file == file {
			return j
		}
	}
	return nil
}

func (js *jobs) running(file string) bool {
	j := js.find(file)
	return j != nil && !j.ended()
}

// wait waits until all jobs have ended.
func (js *jobs) wait() { js.all.Wait() }

// A clipped keeps the end of what is written to it.
type clipped struct {
	mu   sync.Mutex
	text []byte
}

// maxSaid is how much of what a run prints is kept, in bytes.
const maxSaid = 8 << 10

func (c *clipped) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text = append(c.text, p...)
	if more := len(c.text) - maxSaid; more > 0 {
		c.text = slices.Clone(c.text[more:])
	}
	return len(p), nil
}

func (c *clipped) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.ToValidUTF8(string(c.text), "\uFFFD")
}
