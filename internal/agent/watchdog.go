package agent

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
)

// A watchdog is a process that lives a little longer than this one. It is told which
// agents run, over a pipe that ends with this process, and then ends them.
type watchdog struct {
	mu      sync.Mutex // guards the rest
	program []string
	tried   bool     // to start it
	pipe    *os.File // nil if there is none
}

var dog watchdog

// watchdogVariable is set for a watchdog, which never starts another one, whatever
// program it turns out to be.
const watchdogVariable = "WSCONFORM_WATCHDOG"

// UseWatchdog has a watchdog started along with the first agent. It is a process of the
// program given, which has to call [Watch] with its standard input, and sees to it that
// agents and all that they have started end with this process however that ends. Without
// one only the processes that Start has started itself do.
func UseWatchdog(program ...string) {
	dog.mu.Lock()
	defer dog.mu.Unlock()
	dog.program = program
}

// start starts the watchdog, if there is to be one, and reports whether there is.
func (d *watchdog) start() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.tried || len(d.program) == 0 || os.Getenv(watchdogVariable) != "" {
		return d.pipe != nil
	}
	d.tried = true
	r, w, err := os.Pipe()
	if err != nil {
		return false
	}
	defer r.Close()
	cmd := exec.Command(d.program[0], d.program[1:]...) //nolint:noctx // it outlives us
	cmd.Stdin = r
	cmd.Env = append(os.Environ(), watchdogVariable+"=1")
	ownSession(cmd)
	if cmd.Start() != nil {
		w.Close()
		return false
	}
	go cmd.Wait() //nolint:errcheck // it ends with us
	d.pipe = w
	return true
}

// tell writes a line to the watchdog.
func (d *watchdog) tell(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pipe != nil {
		fmt.Fprintf(d.pipe, format, args...)
	}
}

// Watch is a watchdog: it ends the agents that r names once r has ended.
func Watch(r io.Reader) {
	agents := map[string]int{} // process groups, by mark
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var mark string
		var pid int
		if _, err := fmt.Sscanf(lines.Text(), "+ %s %d", &mark, &pid); err == nil {
			agents[mark] = pid
		} else if _, err := fmt.Sscanf(lines.Text(), "- %s", &mark); err == nil {
			delete(agents, mark)
		}
	}
	endWatched(agents)
}
