package runfile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/atomicfile"
)

// A run file is JSON Lines. The kind member of each line says which it is.
const (
	kindHeader = "header"
	kindCase   = "case"
	kindFooter = "footer"
)

type headerLine struct {
	Kind string `json:"kind"`
	Header
}

type caseLine struct {
	Kind string `json:"kind"`
	harness.Result
}

type footerLine struct {
	Kind string `json:"kind"`
	Footer
}

// A Writer writes a run file, each line as soon as it is known, so that a run
// that is killed loses only the cases in flight. Its methods may be called from
// several goroutines.
type Writer struct {
	path    string // of the file, for messages; "" if there is none
	file    *os.File
	begun   time.Time
	header  Header   // as written
	secrets *Secrets // masks what is written; nil shows secrets
	earlier *Run     // that is resumed; nil for a new run

	mu      sync.Mutex // guards what follows, and the header
	w       io.Writer
	pending []byte // bytes that a failed write left unwritten
	tally   *tally
	started bool // a result is written
	closed  bool
}

// Create creates the file, or empties it if it exists, and writes the header.
// It creates the folder if it is missing. A file that another process is writing
// is left alone, and the error is a [BusyError].
func Create(path string, h Header) (*Writer, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("run file: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("run file: %w", err)
	}
	if err := claim(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		if err := f.Truncate(0); err != nil {
			return nil, errors.Join(fmt.Errorf("run file: %w", err), f.Close())
		}
	}
	w := &Writer{path: path, file: f, w: f}
	if err := w.start(h); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return w, nil
}

// NewWriter writes the header to w.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	run := &Writer{w: w}
	if err := run.start(h); err != nil {
		return nil, err
	}
	return run, nil
}

func (w *Writer) start(h Header) error {
	w.secrets = h.Masking()
	h = w.secrets.header(h)
	h.Schema = SchemaVersion
	if h.Selection.Cases == nil {
		h.Selection.Cases = []string{}
	}
	if h.Selection.Selected == nil {
		h.Selection.Selected = []cases.ID{}
	}
	h.Agent = h.Agent.Bounded()
	w.begun = time.Now()
	w.tally = newTally(h.Selection.Selected)
	w.header = h
	return w.line("", headerLine{kindHeader, h})
}

// Case writes a result, with its secrets masked. A second result of the same case
// takes the place of the first. After a [WriteError] the run may go on: the result
// is kept, and every later call tries again to write it. What a peer can choose is
// cut where it is long, and the line says how long it was (bounds.go).
func (w *Writer) Case(r harness.Result) error { return w.write(w.secrets.Result(r)) }

// write writes a result as it is, within its bounds.
func (w *Writer) write(r harness.Result) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return fmt.Errorf("run file: case %s: the run has ended", r.Case)
	}
	w.started = true
	w.tally.add(r.Case, r.Outcome)
	return w.line(r.Case, caseLine{kindCase, r.Bounded()})
}

// Close writes the footer and ends the file. A failure of the harness makes the
// run invalid; a cancelled context is no failure, it leaves the run partial.
func (w *Writer) Close(failure error) (Footer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return Footer{}, errors.New("run file: closed twice")
	}
	w.closed = true
	foot := w.footer(failure)
	err := w.line("", footerLine{kindFooter, foot})
	if w.file != nil {
		err = errors.Join(err, w.wrap("", syncFile(w.file)), w.wrap("", w.file.Close()))
	}
	return foot, err
}

// Save writes the whole run to the file at the path: header, results and footer,
// with secrets masked unless the header says otherwise. A file that cannot be
// written whole is not written at all. One that another process is writing is left
// alone, and the error is a [BusyError].
func (r *Run) Save(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("run file: %w", err)
	}
	if old, err := os.OpenFile(path, os.O_RDWR, 0); err == nil {
		defer old.Close()
		if err := claim(old); err != nil {
			return err
		}
	}
	if err := atomicfile.WriteSync(path, r.encode); err != nil {
		return fmt.Errorf("run file: %w", err)
	}
	return nil
}

// encode writes the run as a run file.
func (r *Run) encode(w io.Writer) error {
	out, err := NewWriter(w, r.Header)
	if err != nil {
		return err
	}
	for _, res := range r.Results {
		if err := out.Case(res); err != nil {
			return err
		}
	}
	if r.Footer != nil {
		if err := out.line("", footerLine{kindFooter, out.secrets.footer(*r.Footer)}); err != nil {
			return err
		}
	}
	return nil
}

// syncFile puts the file on the disk. Pipes and terminals cannot do that and
// need not.
func syncFile(f *os.File) error {
	if info, err := f.Stat(); err == nil && !info.Mode().IsRegular() {
		return nil
	}
	return f.Sync()
}

// maxError bounds the error in a footer, in bytes.
const maxError = 4 << 10

func (w *Writer) footer(failure error) Footer {
	foot := Footer{
		State:    Complete,
		Counts:   w.tally.counts(),
		Missing:  w.tally.missing(),
		Duration: time.Since(w.begun),
	}
	if len(foot.Missing) > 0 || len(foot.Counts) == 0 {
		foot.State = Partial
	}
	switch {
	case failure == nil:
	case foot.blame(failure):
	case errors.Is(failure, context.Canceled):
		foot.State, foot.Error = Partial, "interrupted"
	default:
		foot.State, foot.Error = Invalid, failure.Error()
	}
	foot = w.secrets.footer(foot)
	foot.Error = harness.Clip(foot.Error, maxError)
	return foot
}

// blame puts the cause of a failure into the footer, if the implementation under
// test caused it.
func (f *Footer) blame(failure error) bool {
	if harness.OutOfResources(failure) || !errors.Is(failure, harness.ErrUntestable) {
		return false
	}
	f.State, f.Error, f.Cause = Partial, failure.Error(), harness.CauseStart
	if u, ok := errors.AsType[*harness.UntestableError](failure); ok {
		f.Error, f.Cause = u.Error(), u.Cause
	}
	return true
}

// line writes v as one line, after what is still pending. A line that could not
// be written whole stays pending from where it broke off.
func (w *Writer) line(id cases.ID, v any) error {
	p, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("run file: case %s: %w", id, err)
	}
	w.pending = append(append(w.pending, p...), '\n')
	n, err := w.w.Write(w.pending)
	if err == nil && n < len(w.pending) {
		err = io.ErrShortWrite
	}
	w.pending = w.pending[max(n, 0):]
	if len(w.pending) == 0 {
		w.pending = nil
	}
	return w.wrap(id, err)
}

func (w *Writer) wrap(id cases.ID, err error) error {
	if err == nil {
		return nil
	}
	if in, ok := errors.AsType[*os.PathError](err); ok {
		err = in.Err // the path is named already
	}
	return &WriteError{Path: w.path, Case: id, err: err}
}

// A WriteError says that a line of a run file could not be written.
type WriteError struct {
	Path string   // of the run file; "" if it is not a file
	Case cases.ID // whose result it was; "" for the header and the footer
	err  error
}

func (e *WriteError) Error() string {
	s := "run file"
	if e.Path != "" {
		s += " " + e.Path
	}
	if e.Case != "" {
		s += ": case " + string(e.Case)
	}
	return fmt.Sprintf("%s: %v; what was written before is kept: make room or choose another folder, "+
		"then run the missing cases (--resume)", s, e.err)
}

// Unwrap returns the cause.
func (e *WriteError) Unwrap() error { return e.err }
