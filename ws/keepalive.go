package ws

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/wsconform/wsconform/ws/wsproto"
)

const (
	defaultPingInterval = 20 * time.Second
	defaultPingTimeout  = 20 * time.Second
	// lastLook is the end of a ping timeout in which the socket is watched, so
	// that the verdict does not depend on when the program last read.
	lastLook = time.Second
	// farewell bounds the close frame to a peer that is thought dead.
	farewell = 100 * time.Millisecond
)

// ErrPingTimeout says that the peer gave no sign of life after a ping. The
// connection has ended.
var ErrPingTimeout = errors.New("no answer to a ping")

// keepalive is the state behind PingInterval and PingTimeout. What stands below
// arrivals belongs to beat; one runs at a time.
type keepalive struct {
	*connOptions
	timer    *time.Timer
	arrivals atomic.Uint32 // reads that brought something

	ping    *ping         // the last one
	sent    time.Duration // when it was, since guardStart; at first the start
	settled bool          // the peer has lived since
	arrived uint32        // arrivals when it was sent
}

// look is lastLook, or half of a PingTimeout too short for it.
func (k *keepalive) look() time.Duration { return min(lastLook, k.pingTimeout/2) }

func (c *Conn) startKeepalive() {
	if c.pingInterval < 0 {
		return
	}
	c.cl.mu.Lock() // a server that closes may be ending the connection
	defer c.cl.mu.Unlock()
	if c.ended() {
		return
	}
	k := &keepalive{connOptions: c.connOptions, sent: sinceStart(), settled: true}
	c.alive = k
	k.timer = time.AfterFunc(never, c.beat)
	k.timer.Reset(k.pingInterval) // not before the field is set
}

const never = 1<<63 - 1

// stopKeepalive is for the end of the connection.
func (c *Conn) stopKeepalive() {
	if k := c.alive; k != nil && k.timer != nil {
		k.timer.Stop()
	}
}

// beat is what the timer runs: it checks the last ping, sends the
// next when it is due, and sets the timer again unless the connection is over.
func (c *Conn) beat() {
	k := c.alive
	if !k.settled {
		k.settled = k.ping.answered() || k.arrivals.Load() != k.arrived
	}
	if !k.settled && k.pingTimeout > 0 && sinceStart()-k.sent >= k.pingTimeout-k.look() {
		if c.lastLook() != nil {
			return
		}
		k.settled = true
	}
	if (k.settled || k.pingTimeout < 0) && sinceStart()-k.sent >= k.pingInterval {
		if c.sendBeat() != nil {
			return
		}
	}
	k.timer.Reset(k.next())
	if c.ended() { // and has stopped a timer that was not set
		k.timer.Stop()
	}
}

// next is how long it is until there is something to do.
func (k *keepalive) next() time.Duration {
	ping := k.sent + k.pingInterval - sinceStart()
	if k.settled || k.pingTimeout < 0 {
		return ping
	}
	look := k.sent + k.pingTimeout - k.look() - sinceStart()
	if ping > 0 && ping < look {
		return ping
	}
	return look
}

// sendBeat sends a ping. If no call reads it reads the answer. An error is the end
// of the connection, or of its writing side.
func (c *Conn) sendBeat() error {
	k := c.alive
	if k.ping != nil {
		c.forgetPing(k.ping)
	}
	if c.wr.message.tryLock() {
		c.wr.flate.idle()
		c.wr.message.unlock()
	}
	bound := k.pingTimeout
	if bound < 0 {
		bound = k.pingInterval
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), bound, fmt.Errorf("%w: it could not be sent", ErrPingTimeout))
	defer cancel()
	k.sent, k.settled = sinceStart(), true
	if c.wr.frame.lock(ctx) != nil {
		return nil // a frame is being written all the time
	}
	k.arrived = k.arrivals.Load()
	var err error
	if k.ping, err = c.newPing(nil, nil); err != nil {
		c.unlockFrame(ctx)
		return err
	}
	k.sent, k.settled = k.ping.sent.Sub(guardStart), false
	err = c.frameLocked(ctx, wsproto.Header{Fin: true, Opcode: wsproto.OpPing}, []byte(k.ping.payload))
	if err == nil {
		err = c.flushLocked(ctx)
	}
	c.wr.guard.release()
	c.unlockFrame(ctx)
	if err != nil {
		if !errors.Is(err, errCloseSent) && CloseStatus(err) == 0 { // a close handshake ends by itself
			c.end(err)
		}
		return err
	}
	if !c.rd.turn.tryLock() {
		return nil
	}
	return c.readBeat(ctx)
}

// lastLook has the socket watched until the ping times out, by ourselves if
// no other call does. An error is the end of the connection.
func (c *Conn) lastLook() error {
	k := c.alive
	ctx, cancel := context.WithTimeout(context.Background(), k.sent+k.pingTimeout-sinceStart())
	defer cancel()
	turn := c.rd.turn.queue()
	select {
	case <-turn:
		return c.readBeat(ctx)
	case <-k.ping.pong:
	case <-c.cl.ctx.Done():
	case <-ctx.Done():
	}
	c.rd.turn.leave(turn)
	switch {
	case c.ended():
		return c.cl.err
	case k.ping.answered() || k.arrivals.Load() != k.arrived:
		return nil
	default:
		return c.peerIsDead()
	}
}

// readBeat reads control frames until the pong, a message or the end of ctx. It
// has the turn to read and gives it up.
func (c *Conn) readBeat(ctx context.Context) error {
	k := c.alive
	message, err := c.readControl(ctx, k.ping)
	c.rd.guard.release()
	c.rd.turn.unlock()
	if message {
		k.settled = true // the program may not read for long, which is not the peer's fault
	}
	if c.ended() {
		return c.cl.err
	}
	if err != nil && k.pingTimeout > 0 && k.arrivals.Load() == k.arrived {
		return c.peerIsDead()
	}
	return nil
}

func (c *Conn) peerIsDead() error {
	err := fmt.Errorf("%w in %v", ErrPingTimeout, c.alive.pingTimeout)
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	_ = c.sendClose(ctx, StatusInternalError, "no answer to a ping") // the peer may hear of it
	if c.rd.turn.tryLock() {                                         // no call reads: what came before the ping still can be
		c.rd.turn.unlock()
		c.failed(err)
	} else {
		c.end(err)
	}
	return err
}

// Latency is how long the peer took to answer our latest ping that it did answer,
// be it one of [Conn.Ping] or of PingInterval. Zero means that there was none yet.
func (c *Conn) Latency() time.Duration { return time.Duration(c.cl.latency.Load()) }
