// Package ui is `wsconform ui`: a page on this machine that starts runs and shows them while
// they go on. Start at [Serve].
//
// A run is a `wsconform test` of its own, which writes an ordinary run file (jobs.go). The
// page reads that file as it grows (tail.go, events.go), so a reload loses nothing, two tabs
// show the same, and a run that was started on the command line looks no different.
// guard.go keeps other sites and other users out. What is shown of a peer is text that the
// page never parses; the page is in the folder web.
package ui

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"
)

// Options says what is served.
type Options struct {
	// Program is the command line of wsconform itself, to which arguments are added.
	Program []string
	// Dir is the folder of runs: those below it are listed, new ones are written to its
	// subfolder ui.
	Dir string
	// Runs are run files to list first.
	Runs []string
	// Ready is called with the URL, which contains the token, once the page is served.
	Ready func(url string)
}

// A server is what the handlers share.
type server struct {
	program []string
	dir     string
	named   []string
	token   string
	address string // host and port
	jobs    jobs
	runs    registry
	relays  registry // of run files, to the folders of their relays
	drivers drivers

	minimizing sync.Mutex // held while a script is minimised
}

// Serve serves the page on a free port of the loopback interface until ctx ends. The runs
// that it has started are then interrupted, and it waits for them.
func Serve(ctx context.Context, o Options) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("ui: %w", err)
	}
	s := newServer(ctx, o, l.Addr().String())
	web := &http.Server{
		Handler: s.guard(s.routes()), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 32 << 10,
		BaseContext: func(net.Listener) context.Context { return ctx }, // ends the event streams
		ErrorLog:    slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	stop := context.AfterFunc(ctx, func() { _ = web.Close() })
	defer stop()
	if o.Ready != nil {
		o.Ready("http://" + s.address + "/" + s.token + "/")
	}
	err = web.Serve(l)
	s.jobs.wait()
	if ctx.Err() != nil && errors.Is(err, http.ErrServerClosed) {
		return context.Cause(ctx)
	}
	return fmt.Errorf("ui: %w", err)
}

func newServer(ctx context.Context, o Options, address string) *server {
	s := &server{program: o.Program, dir: o.Dir, token: rand.Text(), address: address}
	for _, file := range o.Runs {
		if path, err := filepath.Abs(file); err == nil {
			file = path
		}
		s.named = append(s.named, file)
	}
	s.jobs.ctx = ctx //nolint:fatcontext // it is that of the server, which owns the jobs
	return s
}
