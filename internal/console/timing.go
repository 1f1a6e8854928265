package console

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http/httptrace"
	"strings"
	"sync"
	"time"
)

// timing measures the phases of a handshake.
type timing struct {
	mu     sync.Mutex // guards the rest: name servers are asked from other goroutines
	last   time.Time
	phases []string
}

func (t *timing) trace(ctx context.Context) context.Context {
	t.last = time.Now()
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSDone:              func(httptrace.DNSDoneInfo) { t.phase("lookup") },
		ConnectDone:          func(string, string, error) { t.phase("connect") },
		TLSHandshakeDone:     func(tls.ConnectionState, error) { t.phase("TLS") },
		GotFirstResponseByte: func() { t.phase("handshake") },
	})
}

func (t *timing) phase(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.phases = append(t.phases, fmt.Sprintf("%s %v", name, now.Sub(t.last).Round(time.Microsecond)))
	t.last = now
}

func (t *timing) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.phases, ", ")
}
