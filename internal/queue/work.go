package queue

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
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
	// Patience is how long to wait for a server that does not answer, or has no job. 0
	// means 5 minutes.
	Patience time.Duration
	// Play plays a task. Its error gives the task to another worker; one that is
	// [ErrStop] ends this one too.
	Play func(context.Context, Task) ([]byte, error)
	Note func(line string) // gets a line for people; nil ignores it
}

// ErrStop says that the worker cannot play any task.
var ErrStop = errors.New("the worker cannot go on")

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
	next    int       // class to ask first
	looked  time.Time // when the classes were listed
	heard   time.Time // when the server last answered
	played  int
}

// Work plays tasks until the job is over, and returns how many.
func (q *Queue) Work(ctx context.Context, options Worker) (played int, err error) {
	options.Patience = cmp.Or(options.Patience, defaultWorkerPatience)
	if options.Note == nil {
		options.Note = func(string) {}
	}
	w := &worker{Worker: options, queue: q, heard: time.Now()}
	wait := pollLeast
	for {
		over, took, err := w.step(ctx)
		switch {
		case ctx.Err() != nil:
			return w.played, context.Cause(ctx)
		case errors.Is(err, ErrStop), errors.As(err, new(*MismatchError)):
			return w.played, err
		case err != nil:
			if time.Since(w.heard) > w.Patience {
				return w.played, fmt.Errorf("queue: %w: for %v: %w", ErrAway, w.Patience, err)
			}
		case over, took && w.Once:
			return w.played, nil
		default:
			w.heard = time.Now()
		}
		if took {
			wait = pollLeast
			continue
		}
		if !pause(ctx, wait) {
			return w.played, context.Cause(ctx)
		}
		wait = min(2*wait, pollMost)
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
		return begun, false, errOver(begun)
	}
	w.job = j
	if err := w.list(bounded); err != nil {
		return false, false, err
	}
	msg, err := w.take()
	if msg == nil {
		return false, false, err
	}
	return false, true, w.handle(ctx, msg)
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
	w.classes = nil
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
		w.classes = append(w.classes, class)
	}
	w.looked = time.Now()
	return list.Err()
}

// take asks each class once for a task.
func (w *worker) take() (jetstream.Msg, error) {
	for range w.classes {
		w.next = (w.next + 1) % len(w.classes)
		batch, err := w.classes[w.next].FetchNoWait(1)
		if err != nil {
			return nil, err
		}
		for msg := range batch.Messages() {
			return msg, nil
		}
		if err := batch.Error(); err != nil {
			w.classes = nil
			return nil, err
		}
	}
	return nil, nil //nolint:nilnil // no task
}

// handle plays the task of a message, unless it has a result, or had too many attempts.
func (w *worker) handle(ctx context.Context, msg jetstream.Msg) error {
	var t Task
	t.Name = msg.Subject()[strings.LastIndexByte(msg.Subject(), '.')+1:]
	if err := json.Unmarshal(msg.Data(), &t); err != nil {
		return errors.Join(fmt.Errorf("task %s: %w", t.Name, err), msg.Term())
	}
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
	if len(list) >= w.job.Attempts {
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
		return w.giveBack(ctx, msg, tries, t, err)
	}
	w.played++
	return w.submit(ctx, msg, results, t, Result{Worker: w.Name, Took: time.Since(begun), Data: data})
}

// heartbeat tells the server that the worker is at it, until the function is called.
func (w *worker) heartbeat(msg jetstream.Msg) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(max(w.job.Lease/4, 10*time.Millisecond))
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				_ = msg.InProgress() // if it does not get through, another worker plays it too
			}
		}
	}()
	return func() { close(quit); <-done }
}

// giveBack says why the task was not played here, and leaves it to others.
func (w *worker) giveBack(ctx context.Context, msg jetstream.Msg, tries jetstream.KeyValue, t Task, trouble error) error {
	delay := w.job.Lease  // others have the first go
	if ctx.Err() != nil { // we were told to end
		delay = 0
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerPatience)
	defer cancel()
	w.Note(fmt.Sprintf("%s: %v", t.Name, trouble))
	list, revision, err := attempts(bounded, tries, t.Name)
	if err == nil && len(list) > 0 && list[len(list)-1].Worker == w.Name {
		list[len(list)-1].Trouble = trouble.Error()
		err = setAttempts(bounded, tries, t.Name, list, revision)
	}
	stop := error(nil)
	if errors.Is(trouble, ErrStop) {
		stop = trouble
	}
	return errors.Join(err, msg.NakWithDelay(delay), stop)
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
		bounded, cancel := context.WithTimeout(ctx, answerPatience+time.Duration(len(r.Data))*time.Second/slowest)
		defer cancel()
		objects, err := w.queue.js.ObjectStore(bounded, dataBucket)
		if err != nil {
			return err
		}
		r.Object = t.Name + "." + rand.Text()
		if _, err := objects.PutBytes(bounded, r.Object, r.Data); err != nil {
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

// ack acknowledges a task. If that is lost, it is delivered again, and then acknowledged.
func (w *worker) ack(ctx context.Context, msg jetstream.Msg) error {
	ctx, cancel := context.WithTimeout(ctx, answerPatience)
	defer cancel()
	return msg.DoubleAck(ctx)
}
