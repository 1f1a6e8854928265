package runfile

import (
	"errors"
	"io"
	"slices"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
)

// Record writes each result that play emits to the file as it comes, and ends the
// file with the error that play returns. The run it returns is the one in the
// file, with secrets masked alike, but without wire logs. It is whole even if the
// disk is full: later errors of the file do not stop play, and the writer tries
// again with every result. The error is that of play, of the file, or both.
func (w *Writer) Record(play func(emit func(harness.Result)) error) (*Run, error) {
	run := &Run{Header: w.header}
	if w.earlier != nil {
		run.Results = w.earlier.Results
	}
	index := map[cases.ID]int{}
	for i, r := range run.Results {
		index[r.Case] = i
	}
	failure := play(func(r harness.Result) {
		r = w.secrets.Result(r)
		_ = w.write(r) // Close says so if the file is incomplete
		if r.Transcript != nil {
			short := *r.Transcript
			short.Log = nil
			r.Transcript = &short
		}
		if i, again := index[r.Case]; again {
			run.Results[i] = r
			return
		}
		index[r.Case] = len(run.Results)
		run.Results = append(run.Results, r)
	})
	run.Header = w.Header()
	slices.SortFunc(run.Results, func(a, b harness.Result) int { return a.Case.Compare(b.Case) })
	foot, err := w.Close(failure)
	run.Footer = &foot
	return run, errors.Join(failure, err)
}

// Peer puts what the agent was found to do into the header. It has no effect once a
// result is written, and for a run that is resumed: its header stays as it is.
func (w *Writer) Peer(p harness.Peer) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.started || w.earlier != nil || w.closed {
		return nil
	}
	w.header.Peer = &p
	if w.file == nil {
		return nil
	}
	info, err := w.file.Stat()
	if err != nil || !info.Mode().IsRegular() || len(w.pending) > 0 {
		return w.wrap("", err)
	}
	// The new line is longer than the one it replaces.
	if _, err := w.file.Seek(0, io.SeekStart); err != nil {
		return w.wrap("", err)
	}
	return w.line("", headerLine{kindHeader, w.header})
}

// Header returns the header as it is in the file, with secrets masked.
func (w *Writer) Header() Header {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.header
}
