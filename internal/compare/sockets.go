package compare

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"sync"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/agent"
)

// errTaken means that another process has the port that the agent was given.
var errTaken = errors.New("the port is not the agent's")

// whose makes sure that it is the agent that listens on the port it was given, as
// WaitListening has found or not; and says of an agent that insists on a port of its
// own where it listens, or who has that one.
func (s *session) whose(port string, err error) error {
	var exit *agent.ExitError
	errors.As(err, &exit)
	idle := errors.Is(err, agent.ErrNotListening)
	if err != nil && exit == nil && !idle {
		return err
	}
	for _, socket := range s.process.Sockets() {
		name := strconv.Itoa(int(socket.Port))
		switch {
		case socket.Own && idle:
			return unstartable("it listens on port %s, not on the one it was given: %w", name, err)
		case socket.Own:
		case err == nil && name == port:
			return unstartable("port %s is taken by %s: %w", name, socket.Holder, errTaken)
		case exit != nil && complainsOf(exit.Output, name) && name == port:
			return unstartable("port %s is taken by %s: %w: %w", name, socket.Holder, errTaken, err)
		case exit != nil && complainsOf(exit.Output, name):
			return unstartable("port %s is taken by %s: %w", name, socket.Holder, err)
		}
	}
	return err
}

func unstartable(format string, args ...any) error {
	return &harness.UntestableError{Cause: harness.CauseStart, Err: fmt.Errorf(format, args...)}
}

// inUse is how programs say that an address is taken (EADDRINUSE).
var inUse = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)address already in use|EADDRINUSE|address in use`)
})

// complainsOf reports whether the output says that an address is taken, and names
// the port.
func complainsOf(output, port string) bool {
	return inUse().MatchString(output) && regexp.MustCompile(`\b`+port+`\b`).MatchString(output)
}
