package queue

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
)

// presenceSubject is where workers say that they are there. The server stores none of it:
// a message that is lost is followed by another.
const presenceSubject = "wsconform.worker"

// A presence is what a worker says of itself.
type presence struct {
	Worker  string   `json:"worker"`
	Classes []string `json:"classes,omitempty"` // of tasks whose programs it has
	Task    string   `json:"task,omitempty"`    // at hand
	Left    bool     `json:"left,omitempty"`
}

// beat is how often a worker says that it is there, and has its task.
func (j job) beat() time.Duration { return max(j.Lease/4, 10*time.Millisecond) }

// announce says that the worker is there, if it has not just said so.
func (w *worker) announce() {
	if time.Since(w.announced) < w.job.beat() {
		return
	}
	w.announced = time.Now()
	w.say(presence{Worker: w.Name, Task: w.task, Classes: slices.Sorted(maps.Keys(w.able))})
}

func (w *worker) say(p presence) {
	if text, err := json.Marshal(p); err == nil {
		_ = w.queue.nc.Publish(presenceSubject, text) // the next one may get through
	}
}

// A fellow is a worker that the driver knows of.
type fellow struct {
	classes []string
	task    string
	heard   time.Time
}

// met learns that a worker is there, or leaves.
func (d *driver) met(msg *nats.Msg) {
	var p presence
	if json.Unmarshal(msg.Data, &p) != nil || p.Worker == "" {
		return
	}
	if p.Left {
		delete(d.workers, p.Worker)
		return
	}
	if _, known := d.workers[p.Worker]; !known {
		d.news = time.Now()
	}
	d.workers[p.Worker] = fellow{p.Classes, p.Task, time.Now()}
}

// silence is how long nothing is heard of a worker that is there, at most.
func (d *driver) silence() time.Duration { return max(2*d.Lease, 3*pollMost) }

// forget drops the workers that have not been heard of, and rests the tasks that nobody
// has: their attempts have no end, since what told of it was lost.
func (d *driver) forget() {
	for _, t := range d.playing {
		if time.Since(t.began) > d.silence() && d.workers[t.worker].task != t.Name {
			d.rest(t)
		}
	}
	for name, f := range d.workers {
		if silent := time.Since(f.heard); silent > d.silence() {
			delete(d.workers, name)
			d.Note(fmt.Sprintf("%s has not been heard of for %v", name, silent.Round(time.Second)))
		}
	}
}

// able counts the workers that are there and may play the task.
func (d *driver) able(t *state) (n int) {
	class := t.class()
	for name, f := range d.workers {
		if slices.Contains(f.classes, class) && !t.unable[name] {
			n++
		}
	}
	return n
}
