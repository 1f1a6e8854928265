package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/reports"
)

// A meter shows how far a run has got: on a terminal a bar with counts and the
// time left, else a line where worth says so.
type meter struct {
	w     io.Writer
	bar   *progressbar.ProgressBar
	total int
	worth func(done int, what string) bool
}

func newMeter(w io.Writer, total int, worth func(done int, what string) bool) *meter {
	m := &meter{w: w, total: total, worth: worth}
	if terminal(w) {
		m.bar = progressbar.NewOptions(
			total,
			progressbar.OptionSetWriter(w),
			progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(true),
			progressbar.OptionClearOnFinish(),
			progressbar.OptionThrottle(50*time.Millisecond),
		)
	}
	return m
}

// terminal reports whether w is one.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
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

// line prints a line above the bar.
func (m *meter) line(text string) {
	if m.bar != nil {
		_ = m.bar.Clear()
	}
	fmt.Fprintln(m.w, text)
}

func (m *meter) end() {
	if m.bar != nil {
		_ = m.bar.Finish()
	}
}

// seldom is worth a line every so often, so that a log stays short and a long run
// does not look dead.
func seldom(every time.Duration) func(int, string) bool {
	last := time.Now()
	return func(int, string) bool {
		if time.Since(last) < every {
			return false
		}
		last = time.Now()
		return true
	}
}

// resultLine is what --verbose prints of a case.
func resultLine(r harness.Result, ink inks) string {
	title := ""
	if c, ok := catalogue.Find(r.Case); ok {
		title = c.Title
	}
	s := fmt.Sprintf("%-9s %s %6.0f ms  %s", r.Case, ink.outcome(r.Outcome, fmt.Sprintf("%-12s", r.Outcome)), float64(r.Duration)/1e6, title)
	if r.Outcome != harness.Pass && r.Outcome != harness.Observed {
		s += " (" + reports.Visible(r.Summary()) + ")"
	}
	return s
}

// inks says whether to colour: on a terminal, unless the environment objects
// (NO_COLOR, TERM=dumb).
type inks bool

func inksOf(w io.Writer) inks {
	return inks(terminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb")
}

// outcome colours a text as the outcome.
func (ink inks) outcome(o harness.Outcome, text string) string {
	if !ink {
		return text
	}
	code := "31" // red
	switch o {
	case harness.Pass:
		code = "32"
	case harness.PassLenient:
		code = "33"
	case harness.Unsupported:
		code = "35"
	case harness.Observed:
		code = "34"
	case harness.Fail, harness.Crash, harness.Timeout, harness.Blocked, harness.NotRun, harness.HarnessError:
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
