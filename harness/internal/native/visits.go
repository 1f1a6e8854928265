package native

import (
	"context"
	"time"
)

// A client may ask for reports as soon as its last case has ended, or as soon as it
// has given up on it. We may not have noticed yet, or not even have read the request
// for the case. So reports wait for all earlier connections.

// A visit is a connection to an [Endpoint] that may still lead to a result: its
// request has not been read, or its case is running.
type visit struct {
	number int    // in the order of arrival
	agent  string // "" until it is known
}

// settleBound limits how long reports wait for another case to end.
const settleBound = 2 * time.Second

// arrive registers a connection.
func (e *Endpoint) arrive() *visit {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.visits == nil {
		e.visits, e.moved = map[*visit]struct{}{}, make(chan struct{})
	}
	e.arrived++
	v := &visit{number: e.arrived}
	e.visits[v] = struct{}{}
	return v
}

// asks records which agent asks for a case.
func (e *Endpoint) asks(v *visit, agent string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	v.agent = agent
	e.stir()
}

// leave removes a visit, which leads to no further result. It may be called twice.
func (e *Endpoint) leave(v *visit) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.visits[v]; ok {
		delete(e.visits, v)
		e.stir()
	}
}

// stir wakes the goroutines that wait for visits. The caller must hold mu.
func (e *Endpoint) stir() {
	close(e.moved)
	e.moved = make(chan struct{})
}

// settle waits until the cases that the agent asked for before v have ended.
func (e *Endpoint) settle(ctx context.Context, v *visit, agent string) {
	patience := time.NewTimer(settleBound)
	defer patience.Stop()
	for last := 0; ; {
		e.mu.Lock()
		open, moved := 0, e.moved
		for other := range e.visits {
			if other.number < v.number && (other.agent == agent || other.agent == "") {
				open++
			}
		}
		e.mu.Unlock()
		if open == 0 {
			return
		}
		if open < last {
			patience.Reset(settleBound)
		}
		last = open
		select {
		case <-moved:
		case <-patience.C:
			return
		case <-ctx.Done():
			return
		}
	}
}
