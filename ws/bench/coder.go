//go:build linux

package main

import (
	"context"
	"net"
	"net/http"

	"github.com/coder/websocket"
)

func coderServe(l net.Listener, deflate bool) error {
	opts := &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled}
	if deflate {
		opts.CompressionMode = websocket.CompressionContextTakeover
	}
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, opts)
		if err != nil {
			return // it has answered
		}
		defer c.CloseNow() //nolint:errcheck // it has nothing to say
		c.SetReadLimit(-1)
		ctx := context.Background()
		for {
			typ, p, err := c.Read(ctx)
			if err != nil {
				return
			}
			if err := c.Write(ctx, typ, p); err != nil {
				return
			}
		}
	}))
}

func coderDrive(url string, w *work) error {
	ctx := context.Background()
	c, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		return err
	}
	defer c.CloseNow() //nolint:errcheck // it has nothing to say
	c.SetReadLimit(-1)
	w.begin()
	for {
		for range w.depth {
			if err := c.Write(ctx, websocket.MessageBinary, w.payload); err != nil {
				return err
			}
		}
		for range w.depth {
			_, p, err := c.Read(ctx)
			if err != nil {
				return err
			}
			if err := w.check(len(p)); err != nil {
				return err
			}
		}
		if !w.next() {
			return nil
		}
	}
}
