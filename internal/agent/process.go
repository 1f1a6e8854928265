package agent

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/owner"
)

// A Process is an agent that we have started. It has a process group of its
// own, so that a Ctrl-C in the terminal does not reach it before we have kept
// the results, and so that stopping it stops what it has started too. On Linux
// that holds also for what has left the group, and all of it ends with us if we
// are killed; see [UseWatchdog].
type Process struct {
	cmd  *exec.Cmd
	mark string // in the environment of it and all that it starts
	tail *tail
	done chan struct{} // closed when the process has ended

	endedAt time.Time // read after done

	stopOnce sync.Once
	mu       sync.Mutex // guards the rest but watching
	stopped  bool       // by us
	forced   bool       // it did not end on SIGTERM
	outgrown string     // why we ended it by force: it took too much
	watching sync.WaitGroup
}

// An ExitError says that the agent ended when it should not have.
type ExitError struct {
	Status string // such as "exit status 2" or "signal: killed"
	Output string // its last lines
}

func (e *ExitError) Error() string {
	msg := "the agent exited (" + e.Status + ")"
	if e.Output != "" {
		msg += "; it last said:\n" + e.Output
	}
	return msg
}

// Is makes it an [harness.ErrUntestable].
func (e *ExitError) Is(target error) bool { return target == harness.ErrUntestable }

// A startError says why an agent has not started. It is a [harness.ErrUntestable].
type startError string

func (e startError) Error() string { return string(e) }

// Is makes it an [harness.ErrUntestable].
func (e startError) Is(target error) bool { return target == harness.ErrUntestable }

// ErrNotStarted means that the agent's command cannot be run.
const ErrNotStarted = startError("the agent cannot be started")

// stopGrace is how long an agent may take to end after SIGTERM, and its output
// to close after that.
const stopGrace = 5 * time.Second

// Start starts a command, after putting in the values of placeholders such
// as {port} and {url}. What it prints goes to log too, unless that is nil.
func Start(command []string, vars map[string]string, log io.Writer) (*Process, error) {
	return start(command, vars, log, nil)
}

// StartTerminal is like [Start], but the command can read from its standard input
// until it is stopped, though nothing comes: programs for a terminal end where that ends.
func StartTerminal(command []string, vars map[string]string, log io.Writer) (*Process, error) {
	in, held, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotStarted, err)
	}
	defer in.Close()
	p, err := start(command, vars, log, in)
	if err != nil {
		return nil, errors.Join(err, held.Close())
	}
	go func() {
		<-p.done
		held.Close()
	}()
	return p, nil
}

func start(command []string, vars map[string]string, log io.Writer, stdin *os.File) (*Process, error) {
	args, err := Expand(command, vars)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotStarted, err)
	}
	cmd := exec.Command(args[0], args[1:]...) //nolint:noctx // Stop ends it, in good order
	p := &Process{cmd: cmd, tail: &tail{}, done: make(chan struct{})}
	var out io.Writer = p.tail
	if log != nil {
		out = io.MultiWriter(p.tail, &boundedLog{w: log, left: maxLog})
	}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	if stdin != nil {
		p.cmd.Stdin = stdin
	}
	p.cmd.WaitDelay = stopGrace // a grandchild may keep the output open
	p.mark = markPrefix + rand.Text()
	p.cmd.Env = append(os.Environ(), p.mark+"="+owner.Self().String())
	ownGroup(p.cmd, dog.start())
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // the kernel ends the agent with the thread that started it
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		_ = p.cmd.Wait() // the process state says it
		p.endedAt = time.Now()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotStarted, err)
	}
	dog.tell("+ %s %d\n", p.mark, p.cmd.Process.Pid)
	return p, nil
}

// markPrefix begins the name of the variable that is in the environment of an agent and
// of all that it starts. Its value is the process that started the agent.
const markPrefix = "WSCONFORM_AGENT_"

// Expand puts values in place of placeholders: {port} becomes vars["port"]. An
// unknown placeholder stays, since braces mean something to other programs.
func Expand(command []string, vars map[string]string) ([]string, error) {
	if len(command) == 0 || command[0] == "" {
		return nil, errors.New("no command")
	}
	pairs := make([]string, 0, 2*len(vars))
	for name, value := range vars {
		pairs = append(pairs, "{"+name+"}", value)
	}
	replacer := strings.NewReplacer(pairs...)
	args := make([]string, len(command))
	for i, arg := range command {
		args[i] = replacer.Replace(arg)
	}
	return args, nil
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Ended says how the process exited on its own, as an [*ExitError]. Nil
// means that it runs, or that Stop ended it.
func (p *Process) Ended() error {
	select {
	case <-p.done:
	default:
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return nil
	}
	return &ExitError{Status: cmp.Or(p.outgrown, statusText(p.cmd.ProcessState)), Output: p.tail.lastLines(10)}
}

// statusText says how a process ended. A shell reports a signal to what it started as
// 128 and its number.
func statusText(state *os.ProcessState) string {
	const fromShell, signals = 128, 32
	text := state.String()
	if n := state.ExitCode() - fromShell; n > 0 && n < signals {
		text += fmt.Sprintf(", which is signal %d, %v", n, syscall.Signal(n))
	}
	return text
}

// Signalled reports whether the process was ended by a signal that we did not send.
func (p *Process) Signalled() bool {
	if p.Ended() == nil {
		return false
	}
	const fromShell, signals = 128, 32
	code := p.cmd.ProcessState.ExitCode()
	return code == -1 || code > fromShell && code < fromShell+signals
}

// Success reports whether the process exited on its own with status 0.
func (p *Process) Success() bool { return p.Ended() != nil && p.cmd.ProcessState.Success() }

// ExitCode returns the exit status of a process that has ended; -1 if it runs, or a
// signal ended it.
func (p *Process) ExitCode() int {
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	default:
		return -1
	}
}

// EndedWithin waits until the process has ended, but no longer than d. It reports
// whether it has, other than by Stop.
func (p *Process) EndedWithin(d time.Duration) bool {
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-p.done:
		case <-timer.C:
		}
	}
	return p.Ended() != nil
}

// EndedAt is when the process ended; it waits for that.
func (p *Process) EndedAt() time.Time {
	<-p.done
	return p.endedAt
}

// Output returns the last lines that the process has printed.
func (p *Process) Output() string { return p.tail.lastLines(10) }

// Stop ends the process and everything in its group: politely first, then by
// force. When it returns, they are gone.
func (p *Process) Stop() {
	p.stopOnce.Do(func() {
		select {
		case <-p.done: // by itself
		default:
			p.mu.Lock()
			p.stopped = true
			p.mu.Unlock()
			terminate(p.cmd)
			timer := time.NewTimer(stopGrace)
			defer timer.Stop()
			select {
			case <-p.done:
			case <-timer.C:
				p.mu.Lock()
				p.forced = true
				p.mu.Unlock()
			}
		}
		killGroup(p.cmd) // also what the process has left behind
		killMarked(p.mark)
		dog.tell("- %s\n", p.mark)
	})
	<-p.done
	p.watching.Wait()
}

// Forced reports whether Stop had to use force, since the process did not end
// when asked to.
func (p *Process) Forced() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.forced
}

// WaitListening waits until something listens on the TCP address, without
// connecting to it where that can be avoided: an agent may serve a single
// connection and end. The agent may be nil, for one that somebody else has
// started. After the patience is used up the error is [ErrNotListening].
func WaitListening(ctx context.Context, p *Process, addr string, patience time.Duration) error {
	err := WaitUntil(ctx, p, addr, patience, func() bool { return Listening(ctx, addr) })
	if p == nil && errors.Is(err, ErrNotListening) && connects(ctx, addr) { // forwarded by the kernel, with no socket to be seen
		return nil
	}
	return err
}

// WaitUntil is [WaitListening] for an agent whose sockets are to be looked for
// elsewhere: it waits until listening reports true. The address is for errors.
func WaitUntil(ctx context.Context, p *Process, addr string, patience time.Duration, listening func() bool) error {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	var ended <-chan struct{}
	if p != nil {
		ended = p.done
	}
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		if listening() {
			return nil
		}
		select {
		case <-ended:
			if listening() { // it went into the background
				return nil
			}
			return p.Ended()
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", addr, context.Cause(ctx))
		case <-deadline.C:
			return notListening(p, addr, patience)
		case <-poll.C:
		}
	}
}

func notListening(p *Process, addr string, patience time.Duration) error {
	if p == nil {
		return fmt.Errorf("%w on %s", ErrNotListening, addr)
	}
	err := fmt.Errorf("%w on %s after %v, though the agent runs", ErrNotListening, addr, patience)
	if out := p.Output(); out != "" {
		err = fmt.Errorf("%w; it last said:\n%s", err, out)
	}
	return err
}

// maxLog bounds the log of an agent, in bytes.
const maxLog = 64 << 20

// A boundedLog hands on what an agent prints as long as there is room. It takes
// everything, so that neither a chatty agent nor a full disk stops the agent.
type boundedLog struct {
	w    io.Writer
	left int
}

func (l *boundedLog) Write(p []byte) (int, error) {
	if l.left <= 0 {
		return len(p), nil
	}
	q := p[:min(len(p), l.left)]
	l.left -= len(q)
	if _, err := l.w.Write(q); err != nil {
		l.left = 0
	} else if l.left == 0 {
		_, _ = fmt.Fprintf(l.w, "\n... cut off here: the agent printed more than %d bytes\n", maxLog)
	}
	return len(p), nil
}

// tailSize is how much of an agent's output is kept for messages.
const tailSize = 8 << 10

// A tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex // guards buf
	buf []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(p)
	p = p[max(0, len(p)-tailSize):]
	t.buf = append(t.buf, p...)
	if len(t.buf) > 2*tailSize {
		t.buf = append(t.buf[:0], t.buf[len(t.buf)-tailSize:]...)
	}
	return n, nil
}

func (t *tail) lastLines(n int) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := bytes.Split(bytes.TrimSpace(t.buf), []byte{'\n'})
	lines = lines[max(0, len(lines)-n):]
	return strings.ToValidUTF8(string(bytes.Join(lines, []byte{'\n'})), "\uFFFD")
}
