package native

import (
	"context"
	"time"
)

// A client may ask for reports as soon as it has seen the end of its last case,
// or has given it up, when we have not noticed yet or have not even read the
// request. So reports wait for all connections that came before.

// A visit is a connection to an [Endpoint] that may still bring a result: its
// request was not read yet, or its case is under way.
type visit struct {
	number int    // in the order of arrival
	agent  string // "" until it is known
}

// settleBound is how long reports wait for a case to end since the last one did.
const settleBound = 2 * time.Second

// arrive notes a connection.
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

// asks notes that the visit asks for a case.
func (e *Endpoint) asks(v *visit, agent string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	v.agent = agent
	e.stir()
}

// leave notes that the visit brings no result any more. It may be called twice.
func (e *Endpoint) leave(v *visit) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.visits[v]; ok {
		delete(e.visits, v)
		e.stir()
	}
}

// stir wakes those that wait for visits. It is called with mu held.
func (e *Endpoint) stir() {
	close(e.moved)
	e.moved = make(chan struct{})
}

// settle waits for the agent's cases that were asked for before v came.
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
