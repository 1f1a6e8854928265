package queue_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/wsconform/wsconform/internal/queue"
)

// What the queue costs, with as many tasks as WSCONFORM_QUEUE_TASKS says: memory, time per
// task, and the speed-up by workers with tasks that only wait.
func TestMeasure(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("WSCONFORM_QUEUE_TASKS"))
	if n == 0 {
		t.Skip("WSCONFORM_QUEUE_TASKS says how many tasks to queue")
	}
	s := start(t, t.TempDir(), "127.0.0.1:0")
	before := memory()
	list := tasks(n)
	for i := range list {
		list[i].Body = fmt.Appendf(nil, "%0300d", i) // the size of a unit without its cases
	}
	var r results
	j := job(list, &r)
	begun := time.Now()
	queued := make(chan bool, 1)
	j.Lease = 30 * time.Second
	j.Began = func(string, string) {
		select {
		case queued <- true:
		default:
		}
	}
	go func() {
		work(t, connect(t, s.URL), worker("first"))
		<-queued
		t.Logf("%d tasks queued in %v; memory %d MB before, %d MB after", n, time.Since(begun).Round(time.Millisecond), before>>20, memory()>>20)
		for i := range 3 {
			work(t, connect(t, s.URL), worker(fmt.Sprint("w", i)))
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	if err := driver(t, s).Drive(ctx, j); err != nil {
		t.Fatal(err)
	}
	r.check(t, list)
	took := time.Since(begun)
	t.Logf("%d tasks by 4 workers in %v: %v each; memory %d MB", n, took.Round(time.Millisecond), took/time.Duration(n), memory()>>20)
}

// memory is what the process has from the system, in bytes.
func memory() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Sys - m.HeapReleased
}

// Workers share tasks that wait: twice as many take half the time, and each task costs
// a few milliseconds beyond its own.
func TestSpeedUp(t *testing.T) {
	if os.Getenv("WSCONFORM_QUEUE_TASKS") == "" {
		t.Skip("WSCONFORM_QUEUE_TASKS asks for it")
	}
	const wait, n = 100 * time.Millisecond, 80
	for _, workers := range []int{1, 2, 4} {
		s := start(t, t.TempDir(), "127.0.0.1:0")
		for i := range workers {
			w := worker(fmt.Sprint("w", i))
			w.Play = func(ctx context.Context, task queue.Task) ([]byte, error) {
				time.Sleep(wait)
				return play(ctx, task)
			}
			work(t, connect(t, s.URL), w)
		}
		var r results
		list := tasks(n)
		begun := time.Now()
		drive(t, driver(t, s), job(list, &r))
		r.check(t, list)
		took := time.Since(begun)
		ideal := wait * n / time.Duration(workers)
		t.Logf("%d workers: %v for %d tasks of %v, %.1f ms of overhead per task", workers, took.Round(time.Millisecond), n, wait,
			float64(took-ideal)/float64(time.Millisecond)*float64(workers)/n)
	}
}
