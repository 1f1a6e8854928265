//go:build linux

package main

import (
	"context"
	"net"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

func gobwasServe(l net.Listener, _ bool) error {
	for {
		nc, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer nc.Close()
			if _, err := ws.Upgrade(nc); err != nil {
				return
			}
			for {
				p, op, err := wsutil.ReadClientData(nc)
				if err != nil {
					return
				}
				if err := wsutil.WriteServerMessage(nc, op, p); err != nil {
					return
				}
			}
		}()
	}
}

func gobwasDrive(url string, w *work) error {
	nc, _, _, err := ws.Dial(context.Background(), url)
	if err != nil {
		return err
	}
	defer nc.Close()
	w.begin()
	for {
		for range w.depth {
			if err := wsutil.WriteClientBinary(nc, w.payload); err != nil {
				return err
			}
		}
		for range w.depth {
			p, err := wsutil.ReadServerBinary(nc)
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
