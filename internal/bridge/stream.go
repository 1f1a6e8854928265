package bridge

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A stream is an open end.
type stream interface {
	// read returns io.EOF when the end has nothing more to say and ended in order, and
	// write when the end takes nothing more for that reason.
	read(ctx context.Context) (ws.MessageType, []byte, error)
	write(ctx context.Context, typ ws.MessageType, p []byte) error
	// finish says that no write follows. It may wait for answers.
	finish(ctx context.Context) error
	// end closes the end, whatever goes on, and may be called more than once. wait
	// returns after it how the end itself ended.
	end()
	wait() error
}

type webSocket struct {
	*ws.Conn
	eofWait time.Duration
}

func (s *webSocket) read(ctx context.Context) (ws.MessageType, []byte, error) {
	typ, p, err := s.Read(ctx)
	return typ, p, inOrder(err)
}

func (s *webSocket) write(ctx context.Context, typ ws.MessageType, p []byte) error {
	return inOrder(s.Write(ctx, typ, p))
}

// inOrder returns io.EOF in place of a closing handshake that is no error.
func inOrder(err error) error {
	if ce, ok := errors.AsType[*ws.CloseError](err); ok {
		switch ce.Code {
		case ws.StatusNormalClosure, ws.StatusGoingAway, wsproto.StatusNoStatusRcvd:
			return io.EOF
		default: // an error that stays one
		}
	}
	return err
}

func (s *webSocket) finish(ctx context.Context) error {
	var over <-chan time.Time
	if s.eofWait >= 0 {
		timer := time.NewTimer(s.eofWait)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-over:
	case <-s.Done():
		return nil
	case <-ctx.Done():
		return nil
	}
	_ = s.CloseWrite(ctx, ws.StatusNormalClosure, "") // the other direction knows better how it ended
	timer := time.NewTimer(closeTime)
	defer timer.Stop()
	select {
	case <-s.Done():
	case <-ctx.Done():
	case <-timer.C:
		_ = s.CloseNow()
	}
	return nil
}

// closeTime is how long the peer may take to answer a close frame.
const closeTime = 5 * time.Second

func (s *webSocket) end()        { _ = s.CloseNow() }
func (s *webSocket) wait() error { return nil }

// maxLine bounds a line in bytes.
const maxLine = 64 << 20

// chunkSize is the longest message made of a stream without lines.
const chunkSize = 32 << 10

// A byteStream is a socket, a command or the standard streams.
type byteStream struct {
	r      *bufio.Reader
	w      io.Writer
	closer io.Closer // makes a read return
	lines  bool
	once   sync.Once
	cmd    *exec.Cmd // nil but for commands
}

func (o *Options) bytes(e End, r io.Reader, w io.Writer, c io.Closer) *byteStream {
	lines := o.Framing == Lines
	if o.Framing == Auto {
		lines = e.Kind != Socket && (o.From.Kind == WebSocket || o.To.Kind == WebSocket)
	}
	return &byteStream{r: bufio.NewReaderSize(r, chunkSize), w: w, closer: c, lines: lines}
}

func (s *byteStream) read(context.Context) (ws.MessageType, []byte, error) {
	if !s.lines {
		buf := make([]byte, chunkSize)
		n, err := s.r.Read(buf)
		if n > 0 {
			err = nil // it comes again
		}
		return ws.MessageBinary, buf[:n], err
	}
	var line []byte
	for {
		part, err := s.r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull) && len(line) <= maxLine:
			continue
		case errors.Is(err, bufio.ErrBufferFull):
			return 0, nil, fmt.Errorf("line of more than %d bytes", maxLine)
		case err != nil && len(line) == 0:
			return 0, nil, err
		}
		typ := ws.MessageText
		line = bytes.TrimSuffix(line, []byte("\n"))
		if !utf8.Valid(line) {
			typ = ws.MessageBinary
		}
		return typ, line, nil
	}
}

func (s *byteStream) write(_ context.Context, _ ws.MessageType, p []byte) error {
	if s.lines {
		p = append(slices.Clip(p), '\n')
	}
	_, err := s.w.Write(p)
	return err
}

func (s *byteStream) finish(context.Context) error {
	switch w := s.w.(type) {
	case interface{ CloseWrite() error }:
		_ = w.CloseWrite() // a peer that has gone has its end
	case io.Closer:
		_ = w.Close()
	}
	return nil
}

func (s *byteStream) end() {
	s.once.Do(func() {
		_ = s.finish(context.Background())
		_ = s.closer.Close()
	})
}

func (s *byteStream) wait() error {
	if s.cmd == nil {
		return nil
	}
	timer := time.AfterFunc(commandGrace, func() { _ = s.cmd.Process.Kill() })
	defer timer.Stop()
	return s.cmd.Wait()
}
