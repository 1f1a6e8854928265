//go:build linux

package main

import (
	"net"
	"net/http"
	"sync"

	"github.com/lesismal/nbio/logging"
	"github.com/lesismal/nbio/nbhttp"
	"github.com/lesismal/nbio/nbhttp/websocket"
)

// nbioFrame is the largest frame nbio is to write. Its own limit of 32 KiB would
// break the echoes of larger messages in pieces.
const nbioFrame = 16 << 20

func nbioServe(l net.Listener, deflate bool) error {
	logging.SetLevel(logging.LevelError)
	u := websocket.NewUpgrader()
	u.EnableCompression(deflate)
	u.OnMessage(func(c *websocket.Conn, typ websocket.MessageType, p []byte) {
		_ = c.WriteMessage(typ, p) // it closes the connection if it fails
	})
	engine := nbhttp.NewEngine(nbhttp.Config{
		Network:                 "tcp",
		Addrs:                   []string{l.Addr().String()},
		Listen:                  func(string, string) (net.Listener, error) { return l, nil },
		MaxLoad:                 1 << 20,
		ReleaseWebsocketPayload: true,

		MaxWebsocketFramePayloadSize: nbioFrame,

		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = u.Upgrade(w, r, nil) // it has answered
		}),
	})
	if err := engine.Start(); err != nil {
		return err
	}
	select {}
}

// nbioEngine is one for all clients of the process.
var nbioEngine = sync.OnceValues(func() (*nbhttp.Engine, error) {
	logging.SetLevel(logging.LevelError)
	e := nbhttp.NewEngine(nbhttp.Config{ReleaseWebsocketPayload: true, MaxWebsocketFramePayloadSize: nbioFrame})
	return e, e.Start()
})

func nbioDrive(url string, w *work) error {
	engine, err := nbioEngine()
	if err != nil {
		return err
	}
	left, done := w.depth, make(chan error, 1)
	send := func(c *websocket.Conn) error {
		for range w.depth {
			if err := c.WriteMessage(websocket.BinaryMessage, w.payload); err != nil {
				return err
			}
		}
		return nil
	}
	u := websocket.NewUpgrader()
	u.OnMessage(func(c *websocket.Conn, _ websocket.MessageType, p []byte) {
		err := w.check(len(p))
		if left--; left == 0 && err == nil {
			left = w.depth
			if !w.next() {
				done <- nil
				return
			}
			err = send(c)
		}
		if err != nil {
			done <- err
		}
	})
	c, _, err := (&websocket.Dialer{Engine: engine, Upgrader: u}).Dial(url, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	w.begin()
	if err := send(c); err != nil {
		return err
	}
	return <-done
}
