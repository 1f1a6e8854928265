package labrun

import (
	"fmt"
	"path/filepath"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/user"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/internal/usercase"
)

// ID is the case that a script is in its run file.
const ID cases.ID = "U.lab"

// Title is that of the case.
const Title = "a raw script"

// Header completes the header of a run file: h needs what is known of the tool and the peer.
// Secrets in the script are masked, as in the rest of the file.
func Header(h runfile.Header, script string) runfile.Header {
	h.Selection = runfile.Selection{Cases: []string{string(ID)}, Selected: []cases.ID{ID}}
	h.UserCases = []usercase.Spec{{
		ID: ID, Title: Title, Level: cases.Informing.String(), Script: script, Want: []user.Clause{{Grade: string(cases.Informational), Open: true}},
	}}
	return h
}

// Write writes what was recorded to run.jsonl in the folder. failed is why the script did not
// go as it says, nil if it did.
func (r *Recorder) Write(dir string, h runfile.Header, failed error) error {
	w, err := runfile.Create(filepath.Join(dir, "run.jsonl"), h)
	if err != nil {
		return err
	}
	heard := r.heard() // there was a connection
	one := harness.Result{Case: ID, Outcome: harness.Observed, Transcript: r.Transcript()}
	one.Behavior = cases.Informational
	one.Duration = one.Transcript.Duration
	if failed != nil {
		one.Reason = failed.Error()
		if !heard {
			one.Outcome, one.Behavior, one.Reason, one.Note = harness.Blocked, "", "", failed.Error()
		}
	}
	if err := w.Case(one); err != nil {
		return fmt.Errorf("run file: %w", err)
	}
	_, err = w.Close(nil)
	return err
}

// heard reports whether there was a connection.
func (r *Recorder) heard() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.conns) > 0
}
