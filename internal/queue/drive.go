package queue

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A Job is what a driver wants played.
type Job struct {
	ID    string // of the driver; another driver is refused until this one's job is over
	About string // what workers must have too: version and catalogue
	Tasks []Task
	// Lease is how long a worker may be silent before another one gets its task. 0 means
	// 15 seconds.
	Lease time.Duration
	// Attempts is how many times workers may try a task and fail. 0 means 5. One that
	// cannot play it leaves it to the others, which uses up none.
	Attempts int
	// Patience is how long to wait while nothing is played, for a worker that can play
	// what is left. 0 means 10 minutes.
	Patience time.Duration
	// Began is told when a worker takes a task; Note gets a line for people. Nil ignores it.
	Began func(task, worker string)
	Note  func(line string)
	// Accept takes each result, one at a time. If it returns a [RefusedError], the
	// task is played again; any other error ends the job.
	Accept func(Result) error
}

const (
	defaultLease    = 15 * time.Second
	defaultAttempts = 5
	defaultPatience = 10 * time.Minute
	noteAfter       = 10 * time.Second // without a task in play
	checkEvery      = 500 * time.Millisecond
	probeEvery      = 5 * time.Second
	publishAhead    = 500 // tasks; the client refuses to have thousands on their way
	fetchPatience   = 10 * time.Second
	probePatience   = 30 * time.Second
)

// A RefusedError says why a result does not count.
type RefusedError struct{ Why string }

func (e *RefusedError) Error() string { return "refused: " + e.Why }

// ErrInUse says that the server has a job of another driver.
var ErrInUse = errors.New("another comparison uses the server")

// A driver is at work on one job.
type driver struct {
	Job
	queue   *Queue
	stream  jetstream.Stream
	jobs    jetstream.KeyValue
	tries   jetstream.KeyValue
	results jetstream.KeyValue
	data    jetstream.ObjectStore
	open    map[string]*state // tasks without a result
	playing map[string]*state // those of open that a worker has
	idle    time.Time         // since when none is
	noted   bool
	probed  time.Time // when the server last stored something
	workers map[string]fellow
	news    time.Time // when a worker came, or said that it cannot play a task
	gaveUp  []string  // tasks that nobody has played, CLASS.NAME
}

// A state is what the driver knows of a task that has no result.
type state struct {
	Task
	began    time.Time
	worker   string // that has it, or had it last
	attempts int
	unable   map[string]bool // workers that cannot play it
}

// Drive has the tasks played, and returns when each has been handed to Accept. After a
// crash it continues where the earlier driver of the same ID stopped.
func (q *Queue) Drive(ctx context.Context, j Job) error {
	j.Lease, j.Attempts, j.Patience = cmp.Or(j.Lease, defaultLease), cmp.Or(j.Attempts, defaultAttempts), cmp.Or(j.Patience, defaultPatience)
	if j.Began == nil {
		j.Began = func(string, string) {}
	}
	if j.Note == nil {
		j.Note = func(string) {}
	}
	d := &driver{Job: j, queue: q, open: map[string]*state{}, playing: map[string]*state{}, workers: map[string]fellow{}}
	for _, t := range j.Tasks {
		d.open[t.Name] = &state{Task: t}
	}
	if err := d.prepare(ctx); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	d.idle, d.probed = time.Now(), time.Now() // to queue many tasks takes long
	err := d.run(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return err
	}
	return d.tell(ctx, true)
}

// prepare makes what the job needs on the server, and queues the tasks.
func (d *driver) prepare(ctx context.Context) (err error) {
	js := d.queue.js
	if d.jobs, err = js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: jobBucket}); err != nil {
		return err
	}
	was, err := d.queue.job(ctx)
	if err == nil && !was.Over && was.Driver != d.ID {
		return fmt.Errorf("%w: %s; wait for its end, or continue it there", ErrInUse, was.Driver)
	}
	if d.tries, err = js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: attemptBucket}); err != nil {
		return err
	}
	if d.results, err = js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: resultBucket}); err != nil {
		return err
	}
	if d.data, err = js.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: dataBucket}); err != nil {
		return err
	}
	d.stream, err = js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: taskStream, Subjects: []string{taskSubject + ">"}, Retention: jetstream.WorkQueuePolicy, Compression: jetstream.S2Compression,
	})
	if err != nil {
		return err
	}
	if err := d.consumers(ctx); err != nil {
		return err
	}
	if err := d.enqueue(ctx); err != nil {
		return err
	}
	return d.tell(ctx, false)
}

// consumers makes one for each class of tasks, for workers to pull from.
func (d *driver) consumers(ctx context.Context) error {
	made := map[string]bool{}
	for _, t := range d.Tasks {
		class := t.class()
		if made[class] {
			continue
		}
		made[class] = true
		_, err := d.stream.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
			Durable: class, FilterSubject: taskSubject + class + ".*", AckPolicy: jetstream.AckExplicitPolicy, AckWait: d.Lease,
			MaxDeliver: -1, MaxAckPending: -1, MaxWaiting: 5000, Metadata: map[string]string{"needs": joinNeeds(t.Needs)},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// enqueue queues the tasks that are not in the stream yet, and removes those of an earlier
// job.
func (d *driver) enqueue(ctx context.Context) error {
	info, err := d.stream.Info(ctx, jetstream.WithSubjectFilter(taskSubject+">"))
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	var futures []jetstream.PubAckFuture
	for _, t := range d.Tasks {
		wanted[t.subject()] = true
		if info.State.Subjects[t.subject()] > 0 {
			continue
		}
		text, err := json.Marshal(t)
		if err != nil {
			return err
		}
		future, err := d.queue.js.PublishAsync(t.subject(), text)
		if err != nil {
			return err
		}
		futures = append(futures, future)
		if len(futures) == publishAhead {
			if err := stored(ctx, futures); err != nil {
				return err
			}
			futures = futures[:0]
		}
	}
	for subject := range info.State.Subjects {
		if !wanted[subject] {
			if err := d.stream.Purge(ctx, jetstream.WithPurgeSubject(subject)); err != nil {
				return err
			}
		}
	}
	return stored(ctx, futures)
}

// stored waits until the server has stored what was published.
func stored(ctx context.Context, futures []jetstream.PubAckFuture) error {
	for _, f := range futures {
		select {
		case <-f.Ok():
		case err := <-f.Err():
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// tell tells the workers about the job.
func (d *driver) tell(ctx context.Context, over bool) error {
	text, err := json.Marshal(job{d.ID, d.About, d.Lease, d.Attempts, over, d.gaveUp[:min(len(d.gaveUp), 1000)]})
	if err != nil {
		return err
	}
	_, err = d.jobs.Put(ctx, jobKey, text)
	return err
}

func (d *driver) run(ctx context.Context) error {
	tries, err := d.tries.WatchAll(ctx)
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	defer tries.Stop() //nolint:errcheck // the connection is closed with it
	results, err := d.results.WatchAll(ctx)
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	defer results.Stop() //nolint:errcheck // as above
	here := make(chan *nats.Msg, 1000)
	workers, err := d.queue.nc.ChanSubscribe(presenceSubject, here)
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	defer workers.Unsubscribe() //nolint:errcheck // as above
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for len(d.open) > 0 {
		var err error
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case e, ok := <-tries.Updates():
			if !ok {
				return errors.New("queue: the connection to the server is closed")
			}
			d.attempted(e)
		case e, ok := <-results.Updates():
			if !ok {
				return errors.New("queue: the connection to the server is closed")
			}
			err = d.ended(ctx, e)
		case msg := <-here:
			d.met(msg)
		case <-tick.C:
			err = d.check(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// attempted learns that a worker has taken a task, or given it back.
func (d *driver) attempted(e jetstream.KeyValueEntry) {
	if e == nil || e.Operation() != jetstream.KeyValuePut {
		return
	}
	t := d.open[e.Key()]
	var list []Attempt
	if t == nil || json.Unmarshal(e.Value(), &list) != nil || len(list) == 0 {
		return
	}
	t.unable = map[string]bool{}
	for _, a := range list {
		if a.Unable {
			t.unable[a.Worker] = true
		}
	}
	last := list[len(list)-1]
	switch {
	case last.Trouble != "":
		d.rest(t)
		d.news = time.Now()
		d.Note(fmt.Sprintf("%s could not play %s: %s", last.Worker, t.Name, last.Trouble))
	case len(list) > t.attempts:
		t.began, t.worker = time.Now(), last.Worker
		d.playing[t.Name], d.noted = t, false
		d.Began(t.Name, last.Worker)
	}
	t.attempts = len(list)
}

// rest says that no worker has the task.
func (d *driver) rest(t *state) {
	delete(d.playing, t.Name)
	if len(d.playing) == 0 {
		d.idle = time.Now()
	}
}

// ended takes a result.
func (d *driver) ended(ctx context.Context, e jetstream.KeyValueEntry) error {
	if e == nil || e.Operation() != jetstream.KeyValuePut || d.open[e.Key()] == nil {
		return nil
	}
	t := d.open[e.Key()]
	r := Result{Task: t.Name}
	if err := json.Unmarshal(e.Value(), &r); err != nil {
		return d.refuse(ctx, t, r.Worker, "its result is no result")
	}
	var err error
	if r.Attempts, _, err = d.tried(ctx, t); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	if r.GaveUp != "" {
		return d.giveUp(ctx, t, r.Attempts, r.GaveUp)
	}
	r.Data, err = d.fetch(ctx, r.Object)
	if errors.Is(err, jetstream.ErrObjectNotFound) || errors.Is(err, jetstream.ErrDigestMismatch) {
		return d.refuse(ctx, t, r.Worker, "the data of its result are not there")
	}
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	err = d.Accept(r)
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		return d.refuse(ctx, t, r.Worker, refused.Why)
	}
	if err != nil {
		return err
	}
	d.close(t)
	_ = d.data.Delete(ctx, r.Object) // it takes room only
	return nil
}

// reads is how often to ask a server that does not answer, as when the machine is busy.
const reads = 3

// tried reads the attempts of a task, with patience.
func (d *driver) tried(ctx context.Context, t *state) (list []Attempt, revision uint64, err error) {
	for range reads {
		bounded, cancel := context.WithTimeout(ctx, fetchPatience)
		list, revision, err = attempts(bounded, d.tries, t.Name)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			break
		}
	}
	return list, revision, err
}

// fetch reads the data of a result, with patience.
func (d *driver) fetch(ctx context.Context, object string) ([]byte, error) {
	for i := 1; ; i++ {
		bounded, cancel := context.WithTimeout(ctx, fetchPatience) // without a deadline it does not even mind the end of ctx
		data, err := d.data.GetBytes(bounded, object)
		cancel()
		if err == nil || i == reads || ctx.Err() != nil || errors.Is(err, jetstream.ErrObjectNotFound) {
			return data, err
		}
	}
}

func (d *driver) close(t *state) {
	delete(d.open, t.Name)
	d.rest(t)
}

// refuse removes a result that does not count, and has the task played again.
func (d *driver) refuse(ctx context.Context, t *state, worker, why string) error {
	if err := d.results.Purge(ctx, t.Name); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	return d.again(ctx, t, worker, "its result was refused: "+why)
}

// again takes a task from its worker and puts it back into the queue, unless it has used
// up its attempts.
func (d *driver) again(ctx context.Context, t *state, worker, trouble string) error {
	d.rest(t)
	list, revision, err := d.tried(ctx, t)
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	for i, a := range slices.Backward(list) {
		if a.Worker == worker || worker == "" {
			list[i].Trouble = trouble
			break
		}
	}
	if len(list) > 0 { // one of another driver's time may be gone
		if err := setAttempts(ctx, d.tries, t.Name, list, revision); err != nil {
			return fmt.Errorf("queue: %w", err)
		}
	}
	if err := d.stream.Purge(ctx, jetstream.WithPurgeSubject(t.subject())); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	if used(list) >= d.Attempts {
		return d.giveUp(ctx, t, list, gaveUp(list))
	}
	text, err := json.Marshal(t.Task)
	if err != nil {
		return err
	}
	if _, err := d.queue.js.Publish(ctx, t.subject(), text); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	return nil
}

// giveUp ends a task that nobody has played, with what the first worker that could not
// has said of it.
func (d *driver) giveUp(ctx context.Context, t *state, list []Attempt, why string) error {
	r := Result{Task: t.Name, Attempts: list, GaveUp: why}
	for _, a := range list {
		if a.Object == "" || used(list) > 0 {
			continue
		}
		var err error
		r.Worker = a.Worker
		r.Data, err = d.fetch(ctx, a.Object)
		if err != nil && !errors.Is(err, jetstream.ErrObjectNotFound) && !errors.Is(err, jetstream.ErrDigestMismatch) {
			return fmt.Errorf("queue: %w", err)
		}
		_ = d.data.Delete(ctx, a.Object) // it takes room only
	}
	d.close(t)
	d.gaveUp = append(d.gaveUp, t.class()+"."+t.Name)
	return d.Accept(r)
}

// check takes tasks from workers that are over their limit, gives up what nobody takes,
// and asks whether the server still stores what it is told.
func (d *driver) check(ctx context.Context) error {
	for _, t := range d.playing {
		if time.Since(t.began) > t.Limit+2*d.Lease {
			if err := d.again(ctx, t, "", fmt.Sprintf("it had no result after %v", t.Limit)); err != nil {
				return err
			}
		}
	}
	if err := d.probe(ctx); err != nil {
		return err
	}
	d.forget()
	idle := time.Since(d.idle)
	if len(d.playing) > 0 {
		return nil
	}
	if err := d.abandon(ctx, idle); err != nil || idle < min(noteAfter, d.Patience) {
		return err
	}
	if !d.noted && len(d.open) > 0 {
		d.noted = true
		d.Note(d.waiting())
	}
	if idle < d.Patience {
		return nil
	}
	for _, t := range d.open {
		why := fmt.Sprintf("no worker took it within %v", d.Patience)
		if len(t.Needs) > 0 {
			why += "; it needs " + joinNeeds(t.Needs)
		}
		if err := d.drop(ctx, t, why); err != nil {
			return err
		}
	}
	return nil
}

// abandon ends the tasks that no worker which is there can play, once nothing else is left
// to do and no worker has come for a while.
func (d *driver) abandon(ctx context.Context, idle time.Duration) error {
	grace := min(2*d.Lease, d.Patience)
	if idle < grace || time.Since(d.news) < grace || len(d.workers) == 0 {
		return nil
	}
	var list []*state
	for _, t := range d.open {
		if d.able(t) > 0 {
			return nil
		}
		if len(t.unable) > 0 {
			list = append(list, t)
		}
	}
	for _, t := range list {
		if err := d.drop(ctx, t, ""); err != nil {
			return err
		}
	}
	return nil
}

// drop takes a task out of the queue and gives it up. If workers have said why they cannot
// play it, that is the reason.
func (d *driver) drop(ctx context.Context, t *state, why string) error {
	list, _, err := d.tried(ctx, t)
	if err == nil {
		err = d.stream.Purge(ctx, jetstream.WithPurgeSubject(t.subject()))
	}
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	switch {
	case len(list) > 0 && why != "":
		why = gaveUp(list) + "; " + why
	case len(list) > 0:
		why = gaveUp(list)
	}
	return d.giveUp(ctx, t, list, why)
}

// waiting says what waits for a worker.
func (d *driver) waiting() string {
	var needs []string
	for _, t := range d.open {
		for _, need := range t.Needs {
			if !slices.Contains(needs, need) {
				needs = append(needs, need)
			}
		}
	}
	line := fmt.Sprintf("%d units wait for a worker", len(d.open))
	if len(d.open) == 1 {
		line = "1 unit waits for a worker"
	}
	if len(needs) > 0 {
		line += " that has " + joinNeeds(needs)
	}
	return line
}

// probe stores something every few seconds, since a server whose disk is full tells
// workers only.
func (d *driver) probe(ctx context.Context) error {
	if time.Since(d.probed) < probeEvery {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, probeEvery)
	defer cancel()
	err := d.tell(bounded, false)
	switch {
	case err == nil:
		d.probed = time.Now()
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case time.Since(d.probed) > probePatience:
		return fmt.Errorf("queue: the server stores nothing any more: %w", err)
	}
	return nil
}

// Clear removes everything of the job from the server, for one that others use too.
func (q *Queue) Clear(ctx context.Context) error {
	return errors.Join(
		q.js.DeleteStream(ctx, taskStream), q.js.DeleteKeyValue(ctx, attemptBucket), q.js.DeleteKeyValue(ctx, resultBucket),
		q.js.DeleteObjectStore(ctx, dataBucket), q.js.DeleteKeyValue(ctx, jobBucket),
	)
}
