package queue_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wsconform/wsconform/internal/queue"
)

// small is a folder on a file system of its own, with room for so much ("12m").
func small(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("wsconform-test", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("mount a small file system: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// A server whose disk is full ends its job with an error, and continues once there is room.
func TestServerDiskFull(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for servers that restart")
	}
	t.Parallel()
	dir := small(t, "12m")
	s := start(t, dir, "127.0.0.1:0")
	address := strings.TrimPrefix(s.URL, "nats://")
	w := worker("w")
	w.Play = func(context.Context, queue.Task) ([]byte, error) {
		data := make([]byte, 600<<10)
		_, _ = rand.Read(data)
		return data, nil
	}
	work(t, connect(t, s.URL), w)
	var r results
	list := tasks(8)
	j := job(list, &r)
	j.Accept = func(res queue.Result) error { // the driver's own files are elsewhere, and grow too
		if len(r.list) == 1 {
			fill := make([]byte, 64<<10)
			for writeMore(t, dir, fill) {
			}
		}
		return r.accept(res)
	}
	bounded, cancel := context.WithTimeout(t.Context(), 50*time.Second)
	defer cancel()
	ctx, release := s.Guard(bounded)
	defer release()
	if err := driver(t, s).Drive(ctx, j); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(s.Trouble(), "space") {
		t.Fatalf("got %v; the server said %q; want that the disk is full", err, s.Trouble())
	}
	if err := errors.Join(s.Discard(), os.Remove(filepath.Join(dir, "fill"))); err != nil {
		t.Fatal(err)
	}
	again := start(t, dir, address)
	j.Tasks = slices.DeleteFunc(list, func(task queue.Task) bool { return r.list[task.Name] != nil })
	j.Accept = r.accept
	drive(t, driver(t, again), j)
	if len(r.list) != 8 {
		t.Errorf("%d tasks have results, want 8", len(r.list))
	}
}

// writeMore appends to a file, and reports whether there was room.
func writeMore(t *testing.T, dir string, p []byte) bool {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "fill"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return false
	}
	_, err = f.Write(p)
	return errors.Join(err, f.Close()) == nil
}
