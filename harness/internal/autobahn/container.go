package autobahn

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/wsconform/wsconform/internal/docker"
)

// open starts a container in which Autobahn plays the specification in a mode of wstest.
// The log stays small: one line per case.
func (e *Engine) open(ctx context.Context, mode string, spec any, publish []docker.Port) (*box, error) {
	network := e.Network
	switch network {
	case "":
		network = "host"
	case "bridge":
		network = ""
	}
	if network == "host" {
		publish = nil
	}
	config, err := encodeSpec(spec)
	if err != nil {
		return nil, err
	}
	c, err := e.Docker.Create(ctx, docker.Spec{
		Image:   e.Image,
		Command: []string{"wstest", "-m", mode, "-s", configDir + "/" + specFile, "-u", "0"},
		Env:     []string{"PYTHONUNBUFFERED=1"}, // progress must appear when it happens
		Dir:     "/",
		Network: network,
		Publish: publish,
		Memory:  memoryLimit,
		PIDs:    256,
	})
	if err != nil {
		return nil, err
	}
	err = c.CopyIn(ctx, configDir, map[string][]byte{specFile: config})
	if err == nil {
		err = c.Start(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, c.Remove(ctx))
	}
	// An interrupt does not end this: later output still matters.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	b := &box{Container: c, lines: make(chan line), cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(b.done)
		defer close(b.lines)
		b.err = c.Logs(ctx, func(_ docker.Stream, text string) {
			select {
			case b.lines <- parseLine(text):
			case <-ctx.Done():
			}
		})
	}()
	return b, nil
}

// A box is a container in which Autobahn plays, and its output as a stream of meanings.
type box struct {
	*docker.Container
	lines  chan line // closed when the container exits or the engine goes away; exit tells which
	cancel context.CancelFunc
	done   chan struct{}
	err    error    // of the stream; read after done
	tail   []string // last lines without a meaning, for error messages
}

// keep remembers the line for an error message.
func (b *box) keep(text string) {
	if len(b.tail) == 10 {
		b.tail = append(b.tail[:0], b.tail[1:]...)
	}
	b.tail = append(b.tail, clip(text, 500))
}

// said returns the last output of the container, to add to an error message.
func (b *box) said() string {
	if len(b.tail) == 0 {
		return ""
	}
	return "; it last said:\n" + strings.Join(b.tail, "\n")
}

// close removes the container. The error of doing so is added to err.
func (b *box) close(ctx context.Context, err *error) {
	b.cancel()
	*err = errors.Join(*err, b.Remove(ctx))
	<-b.done
}

// ended reports whether the container has exited, or the engine has gone away.
func (b *box) ended() bool {
	select {
	case <-b.done:
		return true
	default:
		return false
	}
}

// exit returns the status of a container that has exited, after all its output. The error
// says why it is none of wstest.
func (b *box) exit(ctx context.Context) (int, error) {
	<-b.done
	if b.err != nil {
		return 0, b.err
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	exit, err := b.Wait(ctx)
	switch {
	case err != nil:
		return 0, err
	case exit.OOMKilled:
		return 0, fmt.Errorf("the container was killed: out of memory%s", b.said())
	}
	return exit.Code, nil
}
