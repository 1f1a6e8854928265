package native

import (
	"context"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/ws/wsproto"
)

const (
	// finAfter is how long a server may be silent before we end our direction, where a
	// case has changed the request: a strict server may wait for more of it.
	finAfter = time.Second
	// lagFactor is how many times the round trip of a probe beside it the silence takes at
	// least, and lagBound the most that this adds. Where the machine is so busy that a
	// plain request takes long, a second of silence says nothing.
	lagFactor = 20
	lagBound  = 2 * time.Second
)

// A halfCloser can end one direction.
type halfCloser interface{ CloseWrite() error }

// endSilence ends our direction after a while, unless it is stopped before. A server that
// is silent after that hangs.
func (t *Target) endSilence(ctx context.Context, nc halfCloser) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if sleep(ctx, finAfter) && sleep(ctx, t.lag(ctx)) {
			nc.CloseWrite() //nolint:errcheck // a broken connection shows at once
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// lag is how much longer the silence has to be on a machine as busy as this one: it makes
// an opening handshake beside the silent one. A server that takes one connection at a
// time does not answer it, and gets no more time.
func (t *Target) lag(ctx context.Context) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, finAfter)
	defer cancel()
	begin := time.Now()
	nc, err := t.dialBelow(ctx, nil)
	if err != nil {
		return 0
	}
	defer nc.Close()
	defer context.AfterFunc(ctx, func() { nc.Close() })()
	probe := *t
	if t.beside != nil {
		probe.URL = t.beside
	}
	if _, err := nc.Write([]byte(probe.request(wsproto.NewKey(), cases.Conn{}))); err != nil {
		return 0
	}
	if _, err := readHead(nc); err != nil {
		return 0
	}
	return min(max(lagFactor*time.Since(begin)-finAfter, 0), lagBound)
}

// sleep waits, and reports whether ctx did not end meanwhile.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
