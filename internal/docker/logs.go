package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
)

// A Stream is one of the two outputs of a container.
type Stream int

// The streams.
const (
	Stdout Stream = 1
	Stderr Stream = 2
)

// maxLine is where overlong lines are split, so that a container cannot use up our
// memory.
const maxLine = 64 << 10

// Logs calls line for every line that the container has printed or prints, until the
// container exits or ctx ends. Calls do not overlap and are in order within a stream.
// Lines come without line ends and are split at 64 KiB. They are hostile input:
// escape them before they reach a terminal or a page.
func (c *Container) Logs(ctx context.Context, line func(s Stream, text string)) error {
	return c.logs(ctx, true, line)
}

// Output returns the last limit bytes of what the container has printed so far to both
// streams.
func (c *Container) Output(ctx context.Context, limit int) (string, error) {
	var out []byte
	err := c.logs(ctx, false, func(_ Stream, text string) {
		out = append(append(out, text...), '\n')
		if len(out) > 2*limit {
			out = append(out[:0], out[len(out)-limit:]...)
		}
	})
	return string(out[max(0, len(out)-limit):]), err
}

func (c *Container) logs(ctx context.Context, follow bool, line func(Stream, string)) error {
	body, err := c.engine.api.ContainerLogs(ctx, c.ID, container.LogsOptions{
		ShowStdout: true, ShowStderr: true, Follow: follow, Tail: "all",
	})
	if err != nil {
		return c.engine.wrap(ctx, "logs of container", err)
	}
	defer body.Close()
	out := &lineWriter{line: func(s string) { line(Stdout, s) }}
	errs := &lineWriter{line: func(s string) { line(Stderr, s) }}
	_, err = stdcopy.StdCopy(out, errs, body)
	out.flush()
	errs.flush()
	if err != nil {
		return c.engine.wrap(ctx, "logs of container", err)
	}
	// The stream ends when the container exits or the engine shuts down in good order.
	if !follow {
		return nil
	}
	if _, err := c.engine.api.ContainerInspect(ctx, c.ID); err != nil {
		return c.engine.wrap(ctx, "logs of container", err)
	}
	return nil
}

// A lineWriter splits what is written into lines.
type lineWriter struct {
	line func(string)
	rest []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		switch {
		case i >= 0 && len(w.rest)+i <= maxLine:
			w.emit(p[:i])
			p = p[i+1:]
		case i < 0 && len(w.rest)+len(p) < maxLine:
			w.rest = append(w.rest, p...)
			p = nil
		default:
			room := maxLine - len(w.rest)
			w.emit(p[:room])
			p = p[room:]
		}
	}
	return n, nil
}

func (w *lineWriter) emit(p []byte) {
	w.rest = append(w.rest, p...)
	w.line(string(bytes.TrimSuffix(w.rest, []byte("\r"))))
	w.rest = w.rest[:0]
}

func (w *lineWriter) flush() {
	if len(w.rest) > 0 {
		w.emit(nil)
	}
}

// ReadFile returns the content of a regular file of the container, which need not be
// running. The error matches [ErrUnsafe] if the file has more than limit bytes, and
// [ErrNotFound] if it does not exist.
func (c *Container) ReadFile(ctx context.Context, path string, limit int64) ([]byte, error) {
	var data []byte
	err := c.untar(ctx, path, func(e entry) error {
		if !e.regular() {
			return fmt.Errorf("%w: %s is not a regular file", ErrUnsafe, path)
		}
		if e.Size > limit {
			return fmt.Errorf("%w: %s has %d bytes, more than %d", ErrUnsafe, path, e.Size, limit)
		}
		var err error
		data, err = io.ReadAll(e.Content)
		return errors.Join(err, errStop)
	})
	return data, err
}
