package queue_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wsconform/wsconform/internal/queue"
)

// unable is a worker that cannot play the first task, and counts how often it tried.
func unable(name string) (w queue.Worker, tries *atomic.Int32) {
	w, tries = worker(name), new(atomic.Int32)
	w.Play = func(ctx context.Context, task queue.Task) ([]byte, error) {
		if task.Name == "task-000" {
			tries.Add(1)
			return []byte("no compiler at " + name), &queue.UnableError{Err: errors.New("there is no compiler")}
		}
		return play(ctx, task)
	}
	return w, tries
}

// A task that workers cannot play is left to others, and uses up no attempt.
func TestUnable(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "127.0.0.1:0")
	poor, tries := unable("poor")
	once, onceTries := unable("once")
	once.Once = true
	ends := []<-chan error{work(t, connect(t, s.URL), poor), work(t, connect(t, s.URL), once)}
	var r results
	list := tasks(5)
	j := job(list, &r)
	j.Attempts, j.Lease = 1, 5*time.Second // the worker that can has so long to come
	j.Accept = func(res queue.Result) error {
		if err := r.accept(res); err != nil || len(r.list) < 4 {
			return err
		}
		go func() { work(t, connect(t, s.URL), worker("rich")) }()
		return nil
	}
	drive(t, driver(t, s), j)
	r.check(t, list)
	for _, end := range ends {
		if err := <-end; err != nil {
			t.Errorf("a worker ended with %v; another one has played the task", err)
		}
	}
	got := r.list["task-000"][0]
	if got.Worker != "rich" || tries.Load() > 1 || onceTries.Load() > 1 || tries.Load()+onceTries.Load() == 0 {
		t.Errorf("played by %s; the others tried %d and %d times; want once at most", got.Worker, tries.Load(), onceTries.Load())
	}
	for _, a := range got.Attempts[:len(got.Attempts)-1] {
		if !a.Unable || a.Trouble != "there is no compiler" {
			t.Errorf("got the attempt %+v, want one that was not able", a)
		}
	}
}

// A task that no worker can play ends once all have said so, with what the first has said,
// and each of them says it too.
func TestNobodyCan(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "127.0.0.1:0")
	var ends []<-chan error
	var all []*atomic.Int32
	for i := range 3 {
		w, tries := unable(fmt.Sprint("w", i))
		ends, all = append(ends, work(t, connect(t, s.URL), w)), append(all, tries)
	}
	var r results
	list := tasks(6)
	j := job(list, &r)
	j.Patience, j.Attempts, j.Lease = time.Minute, 2, 3*time.Second
	begun := time.Now()
	drive(t, driver(t, s), j)
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("it took %v; nothing was to be waited for", took)
	}
	got := r.list["task-000"]
	if len(got) != 1 || len(got[0].Attempts) != 3 {
		t.Fatalf("got %+v, want one result after 3 attempts", got)
	}
	first := got[0].Attempts[0].Worker
	why := "no worker could play it"
	for _, a := range got[0].Attempts {
		why += "; " + a.Worker + ": there is no compiler"
	}
	if got[0].GaveUp != why || string(got[0].Data) != "no compiler at "+first {
		t.Errorf("got %q with %q, want %q and the data of %s", got[0].GaveUp, got[0].Data, why, first)
	}
	for i, end := range ends {
		var unplayed *queue.UnplayedError
		if err := <-end; !errors.As(err, &unplayed) || !slices.Equal(unplayed.Tasks, []string{"task-000"}) {
			t.Errorf("worker %d ended with %v, want the task that nobody could play", i, err)
		}
		if n := all[i].Load(); n != 1 {
			t.Errorf("worker %d tried %d times, want once", i, n)
		}
	}
	delete(r.list, "task-000")
	r.check(t, list[1:])
}

// A worker that fails a task until its attempts are used up says so in the end. One whose
// programs it needs is one that could not.
func TestFailedWorker(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "127.0.0.1:0")
	w := worker("w")
	w.Able = func(needs []string) bool { return len(needs) == 0 }
	w.Play = func(ctx context.Context, task queue.Task) ([]byte, error) {
		if task.Name == "task-000" {
			return nil, errors.New("the engine is on fire")
		}
		return play(ctx, task)
	}
	end := work(t, connect(t, s.URL), w)
	var r results
	list := tasks(3)
	list[1].Needs = []string{"ghc"}
	j := job(list, &r)
	j.Lease, j.Attempts, j.Patience = 100*time.Millisecond, 2, 2*time.Second
	drive(t, driver(t, s), j)
	var unplayed *queue.UnplayedError
	if err := <-end; !errors.As(err, &unplayed) || !slices.Equal(slices.Sorted(slices.Values(unplayed.Tasks)), []string{"task-000", "task-001"}) {
		t.Errorf("the worker ended with %v, want the tasks that nobody has played", err)
	}
}

// A worker that is told to end, or cannot go on, gives its task back without using up an
// attempt.
func TestStopped(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "127.0.0.1:0")
	full := worker("full")
	full.Play = func(context.Context, queue.Task) ([]byte, error) {
		return nil, fmt.Errorf("%w: the disk is full", queue.ErrStop)
	}
	told := worker("told")
	began := make(chan bool, 1)
	told.Play = func(ctx context.Context, _ queue.Task) ([]byte, error) {
		began <- true
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	go func() {
		if err := <-work(t, connect(t, s.URL), full); !errors.Is(err, queue.ErrStop) {
			t.Errorf("a worker with a full disk ended with %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		q := connect(t, s.URL)
		go func() { _, err := q.Work(ctx, told); ended <- err }()
		<-began
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("a worker that was told to end ended with %v", err)
		}
		work(t, connect(t, s.URL), worker("w"))
	}()
	var r results
	list := tasks(1)
	j := job(list, &r)
	j.Attempts = 1
	drive(t, driver(t, s), j)
	r.check(t, list)
	got := r.list["task-000"][0].Attempts
	if len(got) != 3 || !got[0].Stopped || !got[1].Stopped || got[2].Stopped {
		t.Errorf("got the attempts %+v, want two that stopped", got)
	}
}

// A worker that stays plays one job after the other.
func TestStay(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "127.0.0.1:0")
	w := worker("w")
	w.Stay = true
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	q := connect(t, s.URL)
	go func() { _, err := q.Work(ctx, w); ended <- err }()
	for _, id := range []string{"first", "second"} {
		var r results
		list := tasks(3)
		for i := range list {
			list[i].Name = id + list[i].Name
		}
		j := job(list, &r)
		j.ID = id
		drive(t, driver(t, s), j)
		r.check(t, list)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v, want that it was told to", err)
	}
}

// What is wrong with an access is said before anything is connected, without its password.
func TestAccess(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ url, pin, want string }{
		{"nats://127.0.0.1:4222", "", ""},
		{"tls://user:secret@nats.example", "", ""},
		{"nats://[::1]:4222,nats://10.0.0.2:4222", "", ""},
		{"127.0.0.1:4222", "", "the URL must be nats://HOST:PORT or tls://HOST:PORT"},
		{"http://127.0.0.1:4222", "", "the URL must be nats://HOST:PORT or tls://HOST:PORT"},
		{"ws://u:secret@127.0.0.1", "", "the URL must be nats://HOST:PORT or tls://HOST:PORT"},
		{"nats://u:secret%zz@127.0.0.1", "", "the URL must be nats://HOST:PORT or tls://HOST:PORT"},
		{"nats://127.0.0.1/stream", "", "the URL must be nats://HOST:PORT or tls://HOST:PORT"},
		{"nats://127.0.0.1:4222,", "", "the URL must be nats://HOST:PORT or tls://HOST:PORT"},
		{"nats://127.0.0.1:70000", "", "the URL's port must be from 1 to 65535"},
		{"tls://127.0.0.1", "3f0c", "the pin must be a SHA-256 hash, 64 hex digits"},
		{"tls://127.0.0.1", "x", "the pin must be a SHA-256 hash, 64 hex digits"},
	} {
		got := ""
		if err := (queue.Access{URL: row.url, Pin: row.pin}).Check(); err != nil {
			got = err.Error()
		}
		if got != row.want {
			t.Errorf("%s, pin %q: got %q, want %q", row.url, row.pin, got, row.want)
		}
	}
}
