package queue

import (
	"cmp"
	"context"
	crand "crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A Worker plays tasks.
type Worker struct {
	Name  string
	About string // what the driver must have too
	// Able says whether this machine has what a task needs.
	Able func(needs []string) bool
	Once bool // end after one task
	Stay bool // do not end with the job, but wait for another one
	// Patience is how long to wait for a server that does not answer, or has no job. 0
	// means 5 minutes.
	Patience time.Duration
	// Play plays a task. Its error gives the task to another worker. One that is
	// [*UnableError] has this worker leave the task alone from now on, and the data count if
	// nobody can play it; one that is [ErrStop] ends the worker.
	Play func(context.Context, Task) ([]byte, error)
	Note func(line string) // gets a line for people; nil ignores it
}

// ErrStop says that the worker cannot play any task.
var ErrStop = errors.New("the worker cannot go on")

// An UnableError says that the worker cannot play a task, and another one may.
type UnableError struct{ Err error }

func (e *UnableError) Error() string { return e.Err.Error() }
func (e *UnableError) Unwrap() error { return e.Err }

// An UnplayedError lists the tasks that the worker could not play, and no other has.
type UnplayedError struct{ Tasks []string }

func (e *UnplayedError) Error() string {
	const most = 3
	names := strings.Join(e.Tasks[:min(len(e.Tasks), most)], ", ")
	if len(e.Tasks) > most {
		names += ", ..."
	}
	units := "1 unit"
	if len(e.Tasks) > 1 {
		units = fmt.Sprintf("%d units", len(e.Tasks))
	}
	return units + " could be played neither here nor elsewhere: " + names
}

// ErrAway says that the server has not answered for long.
var ErrAway = errors.New("the server does not answer")

// A MismatchError says that the worker is not like the driver.
type MismatchError struct{ Driver, Worker string }

func (e *MismatchError) Error() string {
	return fmt.Sprintf("the comparison was started by %s, and this is %s: workers must be the same version", e.Driver, e.Worker)
}

const (
	defaultWorkerPatience = 5 * time.Minute
	pollLeast             = 25 * time.Millisecond
	pollMost              = time.Second
	pollSkipped           = 2 * time.Second  // while there are only tasks that others can play
	sayAfter              = 10 * time.Second // without an answer
	// answerPatience is how long to wait for an answer before asking again: it is lost with
	// its connection.
	answerPatience = 5 * time.Second
	// slowest is how many bytes of a result at least get through in a second.
	slowest = 256 << 10
)

// A worker is at work.
type worker struct {
	Worker
	queue   *Queue
	job     job
	classes []jetstream.Consumer
	able    map[string]bool // names of the classes
	next    int             // class to ask first
	looked  time.Time       // when the classes were listed
	heard   time.Time       // when the server last answered
	missed  bool            // the worker has said that it does not
	// unable has the tasks that this worker cannot play, and failed those also that it
	// failed to.
	unable, failed map[string]bool
	skipped        bool      // one of them was the last that it was offered
	task           string    // at hand
	announced      time.Time // when the worker last said that it is there
	played         int
}

// Work plays tasks until the job is over, and returns how many. The error is an
// [*UnplayedError] if there were tasks that the worker could not play, and no other has.
func (q *Queue) Work(ctx context.Context, options Worker) (played int, err error) {
	options.Patience = cmp.Or(options.Patience, defaultWorkerPatience)
	if options.Note == nil {
		options.Note = func(string) {}
	}
	w := &worker{Worker: options, queue: q, heard: time.Now(), unable: map[string]bool{}, failed: map[string]bool{}}
	defer w.say(presence{Worker: w.Name, Left: true})
	wait := pollLeast
	for {
		over, took, err := w.step(ctx)
		switch {
		case ctx.Err() != nil:
			return w.played, context.Cause(ctx)
		case errors.Is(err, ErrStop), errors.As(err, new(*MismatchError)):
			return w.played, err
		case err != nil:
			if err := w.miss(err); err != nil {
				return w.played, err
			}
		case over && !w.Stay:
			return w.played, w.unplayed()
		case took && w.Once:
			return w.played, nil
		default:
			w.meet()
		}
		if took {
			wait = pollLeast
			continue
		}
		most := pollMost
		if w.skipped {
			most = pollSkipped
		}
		wait = min(2*wait, most)
		// Workers that ask at the same beat would always find the task in the same hands.
		if !pause(ctx, wait/2+rand.N(wait/2)) {
			return w.played, context.Cause(ctx)
		}
	}
}

// miss bears with a server that does not answer, and returns the error when that has
// lasted for too long.
func (w *worker) miss(err error) error {
	silent := time.Since(w.heard)
	if silent > w.Patience {
		return fmt.Errorf("queue: %w: for %v: %w", ErrAway, w.Patience, err)
	}
	if silent > sayAfter && !w.missed {
		w.missed = true
		w.Note(fmt.Sprintf("the server has not answered for %v, or has nothing to play; this worker waits for it: %v", silent.Round(time.Second), err))
	}
	return nil
}

// meet notes that the server has answered.
func (w *worker) meet() {
	w.heard = time.Now()
	if w.missed {
		w.missed = false
		w.Note("the server answers again")
	}
}

// job reads what the driver says.
func (q *Queue) job(ctx context.Context) (j job, err error) {
	kv, err := q.js.KeyValue(ctx, jobBucket)
	if err != nil {
		return j, err
	}
	entry, err := kv.Get(ctx, jobKey)
	if err != nil {
		return j, err
	}
	return j, json.Unmarshal(entry.Value(), &j)
}

// step takes one task and plays it, if there is one that this machine can play.
func (w *worker) step(ctx context.Context) (over, took bool, err error) {
	begun := w.job.Driver != ""
	bounded, cancel := context.WithTimeout(ctx, answerPatience)
	defer cancel()
	j, err := w.queue.job(bounded)
	switch {
	case errors.Is(err, jetstream.ErrBucketNotFound) && begun: // the driver has cleared it
		return true, false, nil
	case err != nil:
		return false, false, err
	case j.About != w.About:
		return false, false, &MismatchError{j.About, w.About}
	case j.Over:
		w.job = j
		return begun, false, errOver(begun)
	}
	w.job = j
	if err := w.list(bounded); err != nil {
		return false, false, err
	}
	w.announce()
	msg, err := w.take()
	if msg == nil {
		return false, false, err
	}
	left := len(w.unable)
	err = w.handle(ctx, msg)
	return false, len(w.unable) == left, err
}

// unplayed lists the tasks that this worker could not play, and that nobody has.
func (w *worker) unplayed() error {
	var list []string
	for _, subject := range w.job.GaveUp {
		class, name, _ := strings.Cut(subject, ".")
		if w.failed[name] || w.able != nil && !w.able[class] {
			list = append(list, name)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return &UnplayedError{list}
}

// errOver makes a worker that comes late wait for the next job, for a while.
func errOver(begun bool) error {
	if begun {
		return nil
	}
	return errors.New("its comparison is over")
}

// list finds the classes of tasks that this machine can play.
func (w *worker) list(ctx context.Context) error {
	if len(w.classes) > 0 && time.Since(w.looked) < 5*time.Second {
		return nil
	}
	stream, err := w.queue.js.Stream(ctx, taskStream)
	if err != nil {
		return err
	}
	w.classes, w.able = nil, map[string]bool{}
	list := stream.ListConsumers(ctx)
	for info := range list.Info() {
		var needs []string
		if text := info.Config.Metadata["needs"]; text != "" {
			needs = strings.Split(text, ",")
		}
		if !w.Able(needs) {
			continue
		}
		class, err := stream.Consumer(ctx, info.Name)
		if err != nil {
			return err
		}
		w.classes, w.able[info.Name] = append(w.classes, class), true
	}
	w.looked = time.Now()
	return list.Err()
}

// take asks each class for a task, until one has a task that this worker can play.
func (w *worker) take() (jetstream.Msg, error) {
	w.skipped = false
	for range w.classes {
		w.next = (w.next + 1) % len(w.classes)
		for range len(w.unable) + 1 {
			msg, err := fetch(w.classes[w.next])
			if err != nil {
				w.classes = nil
				return nil, err
			}
			if msg == nil {
				break
			}
			if !w.unable[taskOf(msg)] {
				return msg, nil
			}
			w.skipped = true
			if err := msg.NakWithDelay(leave/2 + rand.N(leave/2)); err != nil {
				return nil, err
			}
		}
	}
	return nil, nil //nolint:nilnil // no task
}

// fetch asks for one task; nil if there is none.
func fetch(class jetstream.Consumer) (jetstream.Msg, error) {
	batch, err := class.FetchNoWait(1)
	if err != nil {
		return nil, err
	}
	for msg := range batch.Messages() {
		return msg, nil
	}
	return nil, batch.Error()
}

// leave is how long a worker leaves a task that it cannot play to nobody, so that it is not
// offered to it again at once.
const leave = 500 * time.Millisecond

func taskOf(msg jetstream.Msg) string {
	return msg.Subject()[strings.LastIndexByte(msg.Subject(), '.')+1:]
}

// handle plays the task of a message, unless it has a result, or had too many attempts.
func (w *worker) handle(ctx context.Context, msg jetstream.Msg) error {
	var t Task
	t.Name = taskOf(msg)
	if err := json.Unmarshal(msg.Data(), &t); err != nil {
		return errors.Join(fmt.Errorf("task %s: %w", t.Name, err), msg.Term())
	}
	w.task = t.Name
	defer func() { w.task = "" }()
	beating := w.heartbeat(msg)
	defer beating()
	results, err := w.queue.js.KeyValue(ctx, resultBucket)
	if err != nil {
		return err
	}
	tries, err := w.queue.js.KeyValue(ctx, attemptBucket)
	if err != nil {
		return err
	}
	_, err = results.Get(ctx, t.Name)
	if err == nil {
		return w.ack(ctx, msg)
	}
	if !errors.Is(err, jetstream.ErrKeyNotFound) {
		return err
	}
	list, revision, err := attempts(ctx, tries, t.Name)
	if err != nil {
		return err
	}
	if used(list) >= w.job.Attempts {
		return w.submit(ctx, msg, results, t, Result{Worker: w.Name, GaveUp: gaveUp(list)})
	}
	list = append(list, Attempt{Worker: w.Name})
	if err := setAttempts(ctx, tries, t.Name, list, revision); err != nil {
		_ = msg.NakWithDelay(time.Second) // another worker is at it
		return err
	}
	begun := time.Now()
	bounded, cancel := context.WithTimeoutCause(ctx, t.Limit, fmt.Errorf("it took longer than %v", t.Limit))
	defer cancel()
	data, err := w.Play(bounded, t)
	w.heard = time.Now()
	if err != nil {
		return w.giveBack(ctx, msg, tries, t, data, err)
	}
	w.played++
	return w.submit(ctx, msg, results, t, Result{Worker: w.Name, Took: time.Since(begun), Data: data})
}

// heartbeat tells the server that the worker is at it, until the function is called.
func (w *worker) heartbeat(msg jetstream.Msg) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(w.job.beat())
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				_ = msg.InProgress() // if it does not get through, another worker plays it too
				w.announce()
			}
		}
	}()
	return func() { close(quit); <-done }
}

// giveBack says why the task was not played here, and leaves it to others.
func (w *worker) giveBack(ctx context.Context, msg jetstream.Msg, tries jetstream.KeyValue, t Task, data []byte, trouble error) error {
	a := Attempt{Worker: w.Name, Trouble: trouble.Error()}
	delay := w.job.Lease // others have the first go
	switch {
	case ctx.Err() != nil, errors.Is(trouble, ErrStop):
		a.Stopped, delay = true, 0
	case errors.As(trouble, new(*UnableError)):
		a.Unable, delay = true, 0
		w.unable[t.Name] = true
	}
	w.failed[t.Name] = true
	w.Note(fmt.Sprintf("%s: %v", t.Name, trouble))
	err := w.mark(ctx, tries, t, a, data)
	for begun := time.Now(); err != nil && ctx.Err() == nil && time.Since(begun) < w.Patience; err = w.mark(ctx, tries, t, a, data) {
		if !pause(ctx, pollMost) { // what is not marked is being played for all that others know
			break
		}
	}
	stop := error(nil)
	if errors.Is(trouble, ErrStop) {
		stop = trouble
	}
	return errors.Join(err, msg.NakWithDelay(delay), stop)
}

// mark writes down how the worker's attempt has ended, and what it has said of it.
func (w *worker) mark(ctx context.Context, tries jetstream.KeyValue, t Task, a Attempt, data []byte) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerPatience+transfer(data))
	defer cancel()
	list, revision, err := attempts(ctx, tries, t.Name)
	if err != nil || len(list) == 0 || list[len(list)-1].Worker != w.Name {
		return err
	}
	known := slices.ContainsFunc(list, func(a Attempt) bool { return a.Object != "" })
	if a.Unable && len(data) > 0 && !known {
		if a.Object, err = w.upload(ctx, t, data); err != nil {
			return err
		}
	}
	list[len(list)-1] = a
	return setAttempts(ctx, tries, t.Name, list, revision)
}

// submit stores the result, unless another worker was faster, and acknowledges the task.
func (w *worker) submit(ctx context.Context, msg jetstream.Msg, results jetstream.KeyValue, t Task, r Result) error {
	begun := time.Now()
	for {
		err := w.store(ctx, results, t, r)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if time.Since(begun) > w.Patience {
			return fmt.Errorf("%w: the result of %s could not be stored for %v: %w", ErrStop, t.Name, w.Patience, err)
		}
		w.Note(fmt.Sprintf("%s: the result could not be stored yet: %v", t.Name, err))
		if !pause(ctx, pollMost) {
			return context.Cause(ctx)
		}
	}
	w.heard = time.Now()
	return w.ack(ctx, msg)
}

func (w *worker) store(ctx context.Context, results jetstream.KeyValue, t Task, r Result) error {
	if r.GaveUp == "" {
		bounded, cancel := context.WithTimeout(ctx, answerPatience+transfer(r.Data))
		defer cancel()
		var err error
		if r.Object, err = w.upload(bounded, t, r.Data); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, answerPatience)
	defer cancel()
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = results.Create(ctx, t.Name, text)
	if errors.Is(err, jetstream.ErrKeyExists) {
		return nil // the first one counts
	}
	return err
}

// transfer is how long data may take.
func transfer(data []byte) time.Duration { return time.Duration(len(data)) * time.Second / slowest }

// upload stores data of a task, and returns the name of the object.
func (w *worker) upload(ctx context.Context, t Task, data []byte) (object string, err error) {
	objects, err := w.queue.js.ObjectStore(ctx, dataBucket)
	if err != nil {
		return "", err
	}
	object = t.Name + "." + crand.Text()
	if _, err := objects.PutBytes(ctx, object, data); err != nil {
		return "", err
	}
	return object, nil
}

// ack acknowledges a task. If that is lost, it is delivered again, and then acknowledged.
func (w *worker) ack(ctx context.Context, msg jetstream.Msg) error {
	ctx, cancel := context.WithTimeout(ctx, answerPatience)
	defer cancel()
	return msg.DoubleAck(ctx)
}
