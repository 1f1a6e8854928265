package native

import "time"

// An alarm is a timer of the connection model. Alarms that are due together go
// off in the order of their times, so that which of two decides does not hang
// on the scheduler (T1, T2).
type alarm struct {
	at      time.Time
	f       func()
	stopped bool
}

func (a *alarm) stop() {
	if a != nil {
		a.stopped = true
	}
}

// after arms an alarm. Its function runs under mu unless the connection is closed.
func (p *player) after(d time.Duration, f func()) *alarm {
	a := &alarm{at: time.Now().Add(d), f: f}
	p.alarms = append(p.alarms, a)
	p.setClock()
	return a
}

// setClock makes the clock strike for the next alarm.
func (p *player) setClock() {
	var next *alarm
	for _, a := range p.alarms {
		if !a.stopped && (next == nil || a.at.Before(next.at)) {
			next = a
		}
	}
	switch {
	case next == nil:
	case p.clock == nil:
		p.clock = time.AfterFunc(time.Until(next.at), p.strike)
	default:
		p.clock.Reset(time.Until(next.at))
	}
}

// strike sets off every alarm that is due.
func (p *player) strike() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.state != stateClosed {
		now := time.Now()
		var due *alarm
		for _, a := range p.alarms {
			if !a.stopped && !a.at.After(now) && (due == nil || a.at.Before(due.at)) {
				due = a
			}
		}
		if due == nil {
			p.setClock()
			return
		}
		due.stopped = true
		due.f()
	}
}

func (p *player) stopClock() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.clock != nil {
		p.clock.Stop()
	}
}
