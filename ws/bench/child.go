//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// childArg as the first argument makes the program one library's process.
const childArg = "child"

// A process is a child seen from outside. It answers one line per line.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// start runs a library in one of its roles, pinned to the last processor.
func start(ctx context.Context, c config, role string, l library, args ...string) (*process, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	profile := ""
	if c.profiles != "" {
		profile = filepath.Join(c.profiles, role+"-"+strings.ReplaceAll(l.name, " ", "-")+".pprof")
	}
	cmd := exec.CommandContext(ctx, exe, append([]string{childArg, role, l.name, profile}, args...)...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if c.pin {
		// A child has the processor of the thread that forked it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := pin(0, runtime.NumCPU()-1); err != nil {
			return nil, err
		}
		defer pin(0, 0) //nolint:errcheck // it worked the first time
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &process{cmd, in, bufio.NewReader(out)}, nil
}

// ask sends a line and returns the fields of the answer.
func (p *process) ask(line string) ([]string, error) {
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		return nil, err
	}
	return p.answer()
}

func (p *process) answer() ([]string, error) {
	line, err := p.out.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("%s: %w", strings.Join(p.cmd.Args[1:], " "), err)
	}
	return strings.Fields(line), nil
}

// cpu is the processor time of the child so far.
func (p *process) cpu() (time.Duration, error) {
	fields, err := p.ask("cpu")
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(fields[0], 10, 64)
	return time.Duration(n), err
}

// resident is the memory of the child in bytes.
func (p *process) resident() (int64, error) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "smaps_rollup"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if fields := strings.Fields(line); fields[0] == "Rss:" {
			n, err := strconv.ParseInt(fields[1], 10, 64)
			return n << 10, err
		}
	}
	return 0, errors.New("no Rss in smaps_rollup")
}

// stop ends the child, which ends with its input.
func (p *process) stop() error {
	return errors.Join(p.in.Close(), p.cmd.Wait())
}

// pinLoad gives all threads of this process the first processor.
func pinLoad() error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range tasks {
		tid, err := strconv.Atoi(t.Name())
		if err != nil {
			return err
		}
		if err := pin(tid, 0); err != nil {
			return err
		}
	}
	return nil
}

func pin(tid, cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	return unix.SchedSetaffinity(tid, &set)
}

// child is the other side of process: "server LIBRARY PROFILE DEFLATE" or "client
// LIBRARY PROFILE". An empty PROFILE means none.
func child(args []string) error {
	l, err := find(args[1])
	if err != nil {
		return err
	}
	if args[2] != "" {
		f, err := os.Create(args[2])
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	if args[0] == "client" {
		return answer(func(line []string) (string, error) { return driveTurn(l, line) })
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- l.serve(ln, args[3] == "true") }()
	fmt.Println(ln.Addr())
	return answer(func([]string) (string, error) {
		select {
		case err := <-failed:
			return "", err
		default:
			return "", nil
		}
	})
}

// answer serves the lines of the parent until there are no more: "cpu", "free",
// and what more knows.
func answer(more func(line []string) (string, error)) error {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var reply string
		var err error
		switch fields := strings.Fields(in.Text()); fields[0] {
		case "cpu":
			reply = strconv.FormatInt(int64(selfCPU()), 10)
		case "free":
			debug.FreeOSMemory()
			reply = "ok"
		default:
			if reply, err = more(fields); err != nil {
				return err
			}
		}
		fmt.Println(reply)
	}
	return in.Err()
}

func selfCPU() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err) // it has no way to fail
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
