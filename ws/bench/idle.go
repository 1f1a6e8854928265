//go:build linux

package main

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// idle measures the resident memory per connection that has echoed one message
// and then does nothing: at once, and when the collector has run.
func idle(ctx context.Context, c config, list []library) error {
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(c.idle) + 200, Max: uint64(c.idle) + 200}); err != nil {
		return fmt.Errorf("%d open files: %w", c.idle, err)
	}
	t := newTable(fmt.Sprintf("idle: bytes of memory per connection, of %d", c.idle), list)
	for _, deflate := range []bool{false, true} {
		name := "plain"
		if deflate {
			name = "deflate"
		}
		now, later := t.column(name), t.column(name+", collected")
		for i, l := range list {
			if deflate && (l.name == "raw" || l.name == "gobwas") {
				continue // they have none
			}
			before, after, err := idleServer(ctx, c, l, deflate)
			if err != nil {
				return fmt.Errorf("%s: %w", l.name, err)
			}
			now.add(i, before)
			later.add(i, after)
		}
	}
	return t.print()
}

func idleServer(ctx context.Context, c config, l library, deflate bool) (now, later float64, err error) {
	s, err := startServer(ctx, c, l, deflate)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	conns := make([]net.Conn, c.idle)
	defer func() {
		for _, nc := range conns {
			if nc != nil {
				_ = nc.Close() // nothing was left to send
			}
		}
	}()
	// The first connections pay for what all share.
	for range 10 {
		nc, err := idleConn(s, deflate)
		if err != nil {
			return 0, 0, err
		}
		defer nc.Close()
	}
	if _, err := s.ask("free"); err != nil {
		return 0, 0, err
	}
	base, err := s.resident()
	if err != nil {
		return 0, 0, err
	}
	g, _ := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for i := range conns {
		g.Go(func() (err error) {
			conns[i], err = idleConn(s, deflate)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return 0, 0, err
	}
	peak, err := s.resident()
	if err != nil {
		return 0, 0, err
	}
	if _, err := s.ask("free"); err != nil {
		return 0, 0, err
	}
	rest, err := s.resident()
	if err != nil {
		return 0, 0, err
	}
	per := func(n int64) float64 { return float64(n-base) / float64(c.idle) }
	return per(peak), per(rest), nil
}

// idleConn opens a connection and has one text echoed, compressed on its way to
// the server where that was agreed.
func idleConn(s *server, deflate bool) (net.Conn, error) {
	nc, err := connect(s, deflate)
	if err != nil {
		return nil, err
	}
	p := []byte(`{"type":"subscribe","channels":["ticker","depth","trades"],"symbols":["AAA-BBB","CCC-DDD","EEE-FFF"],"id":1}`)
	f := clientFrame(p)
	f.Opcode = wsproto.OpText
	if deflate {
		f.RSV = wsproto.RSV1
		if f.Payload, err = compress(p); err != nil {
			return nil, errors.Join(err, nc.Close())
		}
	}
	if _, err := nc.Write(wsproto.AppendFrame(nil, f)); err != nil {
		return nil, errors.Join(err, nc.Close())
	}
	if s.name == "raw" {
		_, err = io.ReadFull(nc, make([]byte, len(wsproto.AppendFrame(nil, f))))
		return nc, err
	}
	h, err := wsproto.ReadHeader(nc)
	if err == nil {
		_, err = io.CopyN(io.Discard, nc, int64(h.Length))
	}
	if err == nil && h.Opcode != wsproto.OpText {
		err = fmt.Errorf("got a %v for an echo", h.Opcode)
	}
	return nc, err
}

// compress is RFC 7692 §7.2.1 with the standard library.
func compress(p []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.DefaultCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(p); err != nil {
		return nil, err
	}
	if err := w.Flush(); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{0, 0, 0xFF, 0xFF}), nil
}
