package main

import (
	"errors"
	"slices"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
)

// record writes what play emits to a run file, and returns it. The results it
// returns are whole but for the wire log, whatever the disk does. It is nil if the
// file could not be begun; later errors of the file do not stop the run: the
// writer tries again with every result.
func record(file string, header harness.Header, play func(emit func(harness.Result)) error) (*harness.Run, error) {
	w, err := harness.CreateRun(file, header)
	if err != nil {
		return nil, err
	}
	return recordTo(w, &harness.Run{Header: header}, play)
}

// recordTo adds what play emits to the run and its file, and ends both.
func recordTo(w *harness.Writer, run *harness.Run, play func(emit func(harness.Result)) error) (*harness.Run, error) {
	index := map[cases.ID]int{}
	for i, r := range run.Results {
		index[r.Case] = i
	}
	failure := play(func(r harness.Result) {
		_ = w.Case(r) // Close says so if the file lacks anything
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
	slices.SortFunc(run.Results, func(a, b harness.Result) int { return a.Case.Compare(b.Case) })
	// An agent that cannot be tested leaves a partial run, not an invalid one.
	reason := failure
	if exitCode(failure) == exitAgent && !errors.As(failure, new(*harness.UntestableError)) {
		reason = &harness.UntestableError{Cause: harness.CauseStart, Err: failure}
	}
	foot, err := w.Close(reason)
	run.Footer = &foot
	return run, errors.Join(failure, err)
}
