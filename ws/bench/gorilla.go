//go:build linux

package main

import (
	"net"
	"net/http"

	"github.com/gorilla/websocket"
)

func gorillaServe(l net.Listener, deflate bool) error {
	upgrader := websocket.Upgrader{EnableCompression: deflate}
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return // it has answered
		}
		defer c.Close()
		for {
			typ, p, err := c.ReadMessage()
			if err != nil {
				return
			}
			if err := c.WriteMessage(typ, p); err != nil {
				return
			}
		}
	}))
}

func gorillaDrive(url string, w *work) error {
	c, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	w.begin()
	for {
		for range w.depth {
			if err := c.WriteMessage(websocket.BinaryMessage, w.payload); err != nil {
				return err
			}
		}
		for range w.depth {
			_, p, err := c.ReadMessage()
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
