//go:build linux

package main

import (
	"net"

	"github.com/lxzan/gws"
)

type gwsEcho struct{ gws.BuiltinEventHandler }

func (gwsEcho) OnMessage(c *gws.Conn, m *gws.Message) {
	defer m.Close()
	_ = c.WriteMessage(m.Opcode, m.Bytes()) // it closes the connection if it fails
}

func gwsServe(l net.Listener, deflate bool) error {
	opts := &gws.ServerOption{CheckUtf8Enabled: true}
	if deflate {
		opts.PermessageDeflate = gws.PermessageDeflate{Enabled: true}
	}
	return gws.NewServer(gwsEcho{}, opts).RunListener(l)
}

// A gwsClient sends the next burst out of the callback that ends the former.
type gwsClient struct {
	gws.BuiltinEventHandler
	w    *work
	left int
	err  error
}

func gwsDrive(url string, w *work) error {
	h := &gwsClient{w: w}
	c, _, err := gws.NewClient(h, &gws.ClientOption{Addr: url, CheckUtf8Enabled: true})
	if err != nil {
		return err
	}
	w.begin()
	if err := h.send(c); err != nil {
		return err
	}
	c.ReadLoop()
	return h.err
}

func (h *gwsClient) send(c *gws.Conn) error {
	h.left = h.w.depth
	for range h.w.depth {
		if err := c.WriteMessage(gws.OpcodeBinary, h.w.payload); err != nil {
			return err
		}
	}
	return nil
}

func (h *gwsClient) OnMessage(c *gws.Conn, m *gws.Message) {
	defer m.Close()
	if h.err = h.w.check(m.Data.Len()); h.err != nil {
		_ = c.NetConn().Close() // ends ReadLoop
		return
	}
	if h.left--; h.left > 0 {
		return
	}
	if h.w.next() {
		h.err = h.send(c)
	} else {
		_ = c.NetConn().Close() // ends ReadLoop
	}
}
