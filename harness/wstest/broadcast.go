package wstest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/wsconform/wsconform/ws"
)

const (
	tickTime  = time.Second     // between the ticks of the broadcastserver
	helloTime = 2 * time.Second // between the greetings of the broadcastclient
	// hubQueue is how many messages a slow client may be behind before it is cut.
	hubQueue = 256
)

// A hub sends what one client says to all.
type hub struct {
	mu      sync.Mutex // guards members
	members map[chan broadcast]struct{}
}

type broadcast struct {
	typ  ws.MessageType
	data []byte
}

// tell queues a message for every client. One that is too far behind is dropped.
func (h *hub) tell(m broadcast) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for member := range h.members {
		select {
		case member <- m:
		default:
			close(member)
			delete(h.members, member)
		}
	}
}

func (h *hub) join() chan broadcast {
	h.mu.Lock()
	defer h.mu.Unlock()
	member := make(chan broadcast, hubQueue)
	h.members[member] = struct{}{}
	return member
}

func (h *hub) leave(member chan broadcast) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.members[member]; ok {
		delete(h.members, member)
		close(member)
	}
}

// serve is the handler of one client.
func (h *hub) serve(ctx context.Context, conn *ws.Conn) error {
	member := h.join()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer h.leave(member)
	wg.Go(func() {
		for m := range member {
			if conn.Write(ctx, m.typ, m.data) != nil {
				break
			}
		}
		conn.CloseNow()
	})
	for {
		typ, data, err := conn.Read(ctx)
		if err != nil {
			return err
		}
		h.tell(broadcast{typ, data})
	}
}

// runBroadcastServer sends every message to all clients, and a tick every second.
func runBroadcastServer(ctx context.Context, c *command) error {
	h := &hub{members: map[chan broadcast]struct{}{}}
	ctx, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	wg.Go(func() {
		ticker := time.NewTicker(tickTime)
		defer ticker.Stop()
		for n := 1; ; n++ {
			select {
			case <-ticker.C:
				h.tell(broadcast{ws.MessageText, fmt.Appendf(nil, "tick %d", n)})
			case <-ctx.Done():
				return
			}
		}
	})
	return c.serve(ctx, h.serve, nil, func(l net.Listener, conf *tls.Config) error {
		site := webSite{scheme: schemeOf(conf), port: portOf(l.Addr()), page: "broadcast.tmpl"}
		return c.startWeb(ctx, &wg, site, c.webPort(nil), conf)
	})
}

// runBroadcastClient says hello and prints what it hears until the server ends.
func runBroadcastClient(ctx context.Context, c *command) error {
	conn, err := c.dial(ctx, "", nil)
	if err != nil {
		return c.dialError(err)
	}
	defer conn.CloseNow()
	host, err := os.Hostname()
	if err != nil {
		host = "somewhere"
	}
	hello := fmt.Appendf(nil, "hello from %s, process %d", host, os.Getpid())
	ctx, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	wg.Go(func() {
		ticker := time.NewTicker(helloTime)
		defer ticker.Stop()
		for conn.Write(ctx, ws.MessageText, hello) == nil {
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
		}
	})
	for {
		typ, data, err := conn.Read(ctx)
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				c.tellEnd(ctx, err)
			}
			return nil
		}
		if typ == ws.MessageBinary {
			c.say("Received %d bytes", len(data))
			continue
		}
		c.say("Received: %s", printable(string(data)))
	}
}
