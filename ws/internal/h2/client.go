package h2

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// ErrFull says that a connection takes no stream now. Another may.
var ErrFull = errors.New("HTTP/2 connection takes no stream")

// NewClient is the client's end.
func NewClient(nc net.Conn, config Config) *Conn { return newConn(nc, nil, config) }

// ServeClient is Serve for a client's end.
func (c *Conn) ServeClient() {
	c.mu.Lock()
	c.startOut()
	c.out = append(c.out, http2.ClientPreface...)
	c.control(func(w *http2.Framer) error {
		return w.WriteSettings(append(c.settings(), http2.Setting{ID: http2.SettingEnablePush, Val: 0})...)
	})
	c.widen()
	c.unlock()
	c.read()
	c.wait()
}

// Announces waits for the server's SETTINGS and reports whether they allow an extended
// CONNECT (RFC 8441 §3).
func (c *Conn) Announces(ctx context.Context) (bool, error) {
	stop := context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.changed.Broadcast()
	})
	defer stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.settled {
		if c.err != nil {
			return false, c.err
		}
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		c.changed.Wait()
	}
	if c.config.IdleTimeout > 0 && c.idle == nil && c.err == nil {
		c.idle = time.AfterFunc(c.config.IdleTimeout, c.timeOut)
	}
	return c.peer.connect, nil
}

// Open sends a request. ErrFull means that there was none.
func (c *Conn) Open(fields []hpack.HeaderField) (*Stream, error) {
	c.mu.Lock()
	defer c.unlock()
	if c.err != nil || c.leaving || c.nextID > maxWindow || uint32(len(c.streams)) >= c.peer.maxStreams { //nolint:gosec // not that many
		return nil, ErrFull
	}
	var size uint32
	for _, f := range fields {
		size += f.Size()
	}
	if size > c.peer.maxHeaders {
		return nil, fmt.Errorf("header of %d bytes exceeds the server's limit of %d", size, c.peer.maxHeaders)
	}
	s := c.newStream(c.nextID)
	s.since = c.frames
	c.nextID += 2
	if err := s.sendHeaders(fields, false); err != nil {
		c.forget(s)
		return nil, err
	}
	return s, nil
}

// Response waits for the final response.
func (s *Stream) Response(ctx context.Context) (status int, fields []hpack.HeaderField, err error) {
	c := s.c
	stop := context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		s.readable.Broadcast()
	})
	defer stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for s.fields == nil {
		switch {
		case s.err != nil:
			return 0, nil, s.err
		case s.remoteEnd:
			return 0, nil, io.ErrUnexpectedEOF
		case ctx.Err() != nil:
			return 0, nil, context.Cause(ctx)
		}
		s.readable.Wait()
	}
	fields, s.fields = s.fields, nil
	status, err = strconv.Atoi(fields[0].Value)
	return status, fields[1:], err
}

// Unanswered says that the response did not come in time. If nothing else came since the
// request, the connection may be dead, and takes no more streams; those that are open go on.
func (s *Stream) Unanswered() {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if s.since == s.c.frames {
		s.c.leaving = true
	}
}

// response is a block of header fields before the final response has come.
func (s *Stream) response(f *http2.MetaHeadersFrame) error {
	pseudo := f.PseudoFields()
	if len(pseudo) != 1 || pseudo[0].Name != ":status" || len(pseudo[0].Value) != 3 || pseudo[0].Value == "101" {
		s.reset(http2.ErrCodeProtocol) // RFC 9113 §8.3.2 and §8.6
		return s.c.spend(1)
	}
	if pseudo[0].Value[0] == '1' {
		if f.StreamEnded() {
			s.reset(http2.ErrCodeProtocol)
		}
		return s.c.spend(1)
	}
	s.answered = true
	s.fields = append([]hpack.HeaderField(nil), f.Fields...)
	s.readable.Broadcast()
	if f.StreamEnded() {
		s.endRemote()
	}
	return nil
}
