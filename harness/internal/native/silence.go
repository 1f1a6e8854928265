package native

import (
	"context"
	"net"
	"sync/atomic"
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

// headPatience bounds the time in which a response comes bit by bit.
const headPatience = 30 * time.Second

// A halfCloser can end one direction.
type halfCloser interface{ CloseWrite() error }

// A listened connection counts the reads that brought something. Where bound is set, each of
// them gives the server as much time again, up to headPatience in all: a head that comes in
// many pieces takes as long as the machine is busy.
type listened struct {
	net.Conn
	ctx   context.Context //nolint:containedctx // that of the handshake, which it does not outlive
	bound time.Duration
	reads atomic.Int64
	start time.Time    // of the request
	fin   atomic.Int64 // nanoseconds from then to the end of our direction; 0 if it was not ended
}

func (l *listened) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	if n > 0 {
		l.reads.Add(1)
		if l.bound > 0 && time.Since(l.start) < headPatience-l.bound {
			l.Conn.SetReadDeadline(time.Now().Add(l.bound)) //nolint:errcheck // a broken connection shows in the next call
			if l.ctx.Err() != nil {
				l.Conn.SetReadDeadline(time.Unix(1, 0)) //nolint:errcheck // as above
			}
		}
	}
	return n, err
}

// endSilence ends our direction of nc after a while without a byte from the server, unless
// it is stopped before. A server that is silent after that hangs; one that is slow to
// answer is not silent.
func (t *Target) endSilence(ctx context.Context, nc *listened, half halfCloser) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			before := nc.reads.Load()
			if !sleep(ctx, finAfter) || !sleep(ctx, t.lag(ctx)) {
				return
			}
			if nc.reads.Load() == before {
				nc.fin.Store(int64(time.Since(nc.start)))
				half.CloseWrite() //nolint:errcheck // a broken connection shows at once
				return
			}
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
