//go:build linux

package main

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/wsconform/wsconform/ws"
)

func newServer(deflate bool, handler func(context.Context, *ws.Conn) error) *ws.Server {
	s := &ws.Server{Handler: handler}
	s.Accept.PingInterval = time.Hour // the load answers no pings
	if deflate {
		s.Accept.Deflate = &ws.Deflate{}
	}
	return s
}

// wsBatchServe gathers answers for as long as there is more to read.
func wsBatchServe(l net.Listener, deflate bool) error {
	return newServer(deflate, nil).Serve(l) // no handler means ws.Echo
}

var wsBuffers = sync.Pool{New: func() any { return new([]byte) }}

// wsServe writes each answer at once.
func wsServe(l net.Listener, deflate bool) error {
	return newServer(deflate, func(ctx context.Context, c *ws.Conn) error {
		for {
			if err := c.Wait(ctx); err != nil {
				return err
			}
			buf := wsBuffers.Get().(*[]byte)
			typ, p, err := c.ReadAppend(ctx, (*buf)[:0])
			if err != nil {
				return err
			}
			if err := c.Write(ctx, typ, p); err != nil {
				return err
			}
			*buf = p
			wsBuffers.Put(buf)
		}
	}).Serve(l)
}

func wsBatchDrive(url string, w *work) error { return driveWS(url, w, true) }

func wsDrive(url string, w *work) error { return driveWS(url, w, false) }

func driveWS(url string, w *work, batch bool) error {
	ctx := context.Background()
	c, err := ws.Dial(ctx, url, nil)
	if err != nil {
		return err
	}
	defer c.CloseNow() //nolint:errcheck // it has nothing to say
	if err := c.SetBatch(ctx, batch); err != nil {
		return err
	}
	var buf []byte
	w.begin()
	for {
		for range w.depth {
			if err := c.Write(ctx, ws.MessageBinary, w.payload); err != nil {
				return err
			}
		}
		for range w.depth {
			if _, buf, err = c.ReadAppend(ctx, buf[:0]); err != nil {
				return err
			}
			if err := w.check(len(buf)); err != nil {
				return err
			}
		}
		if !w.next() {
			return nil
		}
	}
}
