package main

import (
	"fmt"
	"io"
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// A meter shows how far a run has got: a bar on a terminal, else a line where
// worth says so.
type meter struct {
	w     io.Writer
	bar   *progressbar.ProgressBar
	total int
	worth func(done int, what string) bool
}

func newMeter(w io.Writer, total int, worth func(done int, what string) bool) *meter {
	m := &meter{w: w, total: total, worth: worth}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		m.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(w),
			progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(false),
			progressbar.OptionClearOnFinish(),
		)
	}
	return m
}

// step says that the done-th part has begun.
func (m *meter) step(done int, what string) {
	switch {
	case m.bar != nil:
		m.bar.Describe(fmt.Sprintf("%-14s", what))
		_ = m.bar.Set(done - 1) // a bar that cannot be drawn is no reason to stop
	case m.worth(done, what):
		fmt.Fprintf(m.w, "%s (%d of %d)\n", what, done, m.total)
	}
}

func (m *meter) end() {
	if m.bar != nil {
		_ = m.bar.Finish()
	}
}

// every is worth a line every n parts, and at the first.
func every(n int) func(int, string) bool {
	return func(done int, _ string) bool { return done == 1 || done%n == 0 }
}
