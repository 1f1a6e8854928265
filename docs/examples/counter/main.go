// Command counter keeps a number that every client sees and may change. It does what
// the counter of websockets' quick start does.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net/http"
	"sync"

	"github.com/wsconform/wsconform/ws"
)

type counter struct {
	ws.Server
	mu           sync.Mutex // guards the rest, and the order of what is told
	users, value int
}

func newCounter() *counter {
	c := &counter{}
	c.Handler = c.serve
	return c
}

func (n *counter) serve(ctx context.Context, c *ws.Conn) error {
	n.change(1, 0)
	defer n.change(-1, 0)
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		var event struct{ Action string }
		if err := json.Unmarshal(m.Data, &event); err != nil {
			return c.Close(ws.StatusUnsupportedData, "not JSON")
		}
		switch event.Action {
		case "plus":
			n.change(0, 1)
		case "minus":
			n.change(0, -1)
		default:
			log.Printf("unsupported event: %s", m.Data)
		}
	}
	return nil
}

// change tells everybody the new numbers.
func (n *counter) change(users, value int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.users, n.value = n.users+users, n.value+value
	for _, text := range []string{fmt.Sprintf(`{"type":"users","count":%d}`, n.users), fmt.Sprintf(`{"type":"value","value":%d}`, n.value)} {
		_, _ = ws.Broadcast(n.Conns(), ws.MessageText, []byte(text)) // who cannot be told has gone
	}
}

func main() {
	addr := flag.String("addr", "127.0.0.1:6789", "address to listen on")
	flag.Parse()
	log.Fatal(http.ListenAndServe(*addr, newCounter()))
}
