package wstest

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

const massTemplate = `{
   "options": {
      "connections": 10000,
      "batchsize": 100,
      "batchdelay": 10,
      "retrydelay": 10
   },
   "servers": [
      {
         "name": "local",
         "uri": "ws://127.0.0.1:9000",
         "desc": "a server on this machine"
      }
   ]
}
`

// A massSpec is the configuration of massconnect. Times are in milliseconds.
type massSpec struct {
	Options massOptions `json:"options"`
	Servers []struct {
		Name string `json:"name"`
		URI  string `json:"uri"`
		Desc string `json:"desc"`
	} `json:"servers"`
}

type massOptions struct {
	Connections int `json:"connections"`
	BatchSize   int `json:"batchsize"`
	BatchDelay  int `json:"batchdelay"`
	RetryDelay  int `json:"retrydelay"`
}

// Bounds of massconnect: of connections to a server, of those being opened at
// once, of a delay and of attempts that fail in a row.
const (
	maxMassConnections = 100_000
	maxMassBatch       = 1000
	maxMassDelay       = 60_000
	maxMassFailures    = 100
)

func (o massOptions) check() error {
	switch {
	case o.Connections < 1 || o.Connections > maxMassConnections:
		return usagef("connections %d is not within 1 and %d", o.Connections, maxMassConnections)
	case o.BatchSize < 1 || o.BatchSize > maxMassBatch:
		return usagef("batchsize %d is not within 1 and %d", o.BatchSize, maxMassBatch)
	case o.BatchDelay < 0 || o.RetryDelay < 0 || o.BatchDelay > maxMassDelay || o.RetryDelay > maxMassDelay:
		return usagef("a delay is not within 0 and %d ms", maxMassDelay)
	}
	return nil
}

// runMassConnect opens many connections to each server in turn.
func runMassConnect(ctx context.Context, c *command) error {
	file, err := c.readConfig(massTemplate)
	if err != nil {
		return err
	}
	var spec massSpec
	if err := file.decode(&spec); err != nil {
		return err
	}
	if err := spec.Options.check(); err != nil {
		return err
	}
	for i, s := range spec.Servers {
		if _, _, err := parseURL(s.URI, false); err != nil {
			return file.fault(err, serverKey(i, "uri")...)
		}
	}
	for _, s := range spec.Servers {
		m := mass{c: c, uri: s.URI, massOptions: spec.Options}
		c.say("Opening %d connections to %s (%s)", m.Connections, printable(s.Name), s.URI)
		start := time.Now()
		err := m.open(ctx)
		c.say("")
		c.say("%d of %d connections are open, %d attempts failed, %d ms", len(m.conns), m.Connections, m.failures, time.Since(start).Milliseconds())
		m.close()
		if ctx.Err() != nil {
			return ErrInterrupted
		}
		if err != nil {
			c.warn("%s: %v", printable(s.Name), err)
		}
	}
	return nil
}

// mass is the connections to one server.
type mass struct {
	massOptions
	c   *command
	uri string

	mu       sync.Mutex // guards the rest
	conns    []*ws.Conn
	failures int
	row      int // failures since the last success
	last     error
}

// open opens the connections in batches. It gives up when too many attempts
// have failed in a row.
func (m *mass) open(ctx context.Context) error {
	for left := m.Connections; left > 0 && ctx.Err() == nil; {
		n := min(left, m.BatchSize)
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() { m.one(ctx) })
		}
		wg.Wait()
		m.mark(".")
		if m.row >= maxMassFailures {
			return fmt.Errorf("given up after %d failures in a row: %w", m.row, m.last)
		}
		left -= n
		pause(ctx, m.BatchDelay)
	}
	return nil
}

// one opens a connection, however often that takes.
func (m *mass) one(ctx context.Context) {
	for ctx.Err() == nil {
		conn, err := ws.Dial(ctx, m.uri, &ws.DialOptions{Proxy: http.ProxyURL(nil), TLS: &tls.Config{InsecureSkipVerify: true}}) //nolint:gosec // as the original does
		m.mu.Lock()
		if err == nil {
			m.conns = append(m.conns, conn)
			m.row = 0
			m.mu.Unlock()
			return
		}
		m.failures++
		m.row++
		m.last = err
		hopeless := m.row >= maxMassFailures
		m.mu.Unlock()
		m.mark("!")
		if hopeless {
			return
		}
		pause(ctx, m.RetryDelay)
	}
}

func (m *mass) mark(s string) {
	m.c.mu.Lock()
	defer m.c.mu.Unlock()
	fmt.Fprint(m.c.env.Stdout, s)
}

// close ends all connections.
func (m *mass) close() {
	var wg sync.WaitGroup
	slots := make(chan struct{}, m.BatchSize)
	for _, conn := range m.conns {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if conn.Close(wsproto.StatusNormalClosure, "") != nil {
				conn.CloseNow()
			}
		})
	}
	wg.Wait()
}

// pause waits so many milliseconds, unless ctx ends.
func pause(ctx context.Context, ms int) {
	select {
	case <-time.After(time.Duration(ms) * time.Millisecond):
	case <-ctx.Done():
	}
}
