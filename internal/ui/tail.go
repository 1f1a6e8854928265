package ui

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/internal/usercase"
)

// A line is what the page shows of a result before it is opened.
type line struct {
	Case     cases.ID            `json:"case"`
	Outcome  harness.Outcome     `json:"outcome"`
	Behavior cases.Behavior      `json:"behavior"`
	Close    cases.CloseBehavior `json:"close"`
	Note     string              `json:"note"`
	Duration time.Duration       `json:"duration"`
}

// maxNote bounds the note of a line, in bytes.
const maxNote = 300

// A tail reads a run file that may still grow.
type tail struct {
	path   string
	offset int64 // of the first byte that is not read, the begin of a line
	begun  bool  // a result is read, so the header is final
	head   *runfile.Header
	foot   *runfile.Footer
}

// more reads the lines that are whole by now. The header is written again, longer, once the
// peer is known, as long as there is no result; until then the file is read from its begin.
func (t *tail) more() (lines []line, err error) {
	f, err := os.Open(t.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() < t.offset { // another run took its place
		t.offset, t.begun, t.head, t.foot = 0, false, nil, nil
	}
	from := t.offset
	if !t.begun {
		from = 0
	}
	if t.foot != nil || info.Size() == from {
		return nil, nil
	}
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return nil, err
	}
	r := bufio.NewReaderSize(f, 64<<10)
	for {
		text, err := wholeLine(r)
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return lines, err
		}
		from += int64(len(text))
		one, err := t.read(text)
		if err != nil {
			return lines, err
		}
		t.offset = from
		if one != nil {
			lines = append(lines, *one)
		}
	}
}

// wholeLine returns a line with its line break, or io.EOF if it has none yet.
func wholeLine(r *bufio.Reader) ([]byte, error) {
	var all []byte
	for {
		part, err := r.ReadSlice('\n')
		all = append(all, part...)
		switch {
		case len(all) > runfile.MaxLine:
			return nil, errors.New("a line of the run file is too long")
		case err == nil:
			return all, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// read takes a line of the file.
func (t *tail) read(text []byte) (*line, error) {
	var kind struct {
		Kind string `json:"kind"`
	}
	if err := json.Unmarshal(text, &kind); err != nil {
		return nil, fmt.Errorf("not a run file: %w", err)
	}
	switch kind.Kind {
	case "header":
		t.head = &runfile.Header{}
		if err := json.Unmarshal(text, t.head); err != nil {
			return nil, err
		}
		usercase.AddAll(t.head.UserCases)
		return nil, nil
	case "case":
		var one line
		if err := json.Unmarshal(text, &one); err != nil {
			return nil, fmt.Errorf("a result: %w", err)
		}
		t.begun = true
		one.Note = harness.Clip(one.Note, maxNote)
		return &one, nil
	case "footer":
		t.foot = &runfile.Footer{}
		return nil, json.Unmarshal(text, t.foot)
	}
	return nil, errors.New("not a run file: a line of an unknown kind")
}

// findResult reads the last result of a case from a run file, and its header.
func findResult(path string, id cases.ID) (*runfile.Run, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	name, err := json.Marshal(id)
	if err != nil {
		return nil, err
	}
	mark := append([]byte(`"case":`), name...)
	r := bufio.NewReaderSize(f, 64<<10)
	var header, found []byte
	for {
		text, err := wholeLine(r)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		switch {
		case header == nil:
			header = text
		case bytes.Contains(text[:min(len(text), 1<<10)], mark):
			found = text
		}
	}
	if found == nil {
		return nil, errNoResult
	}
	return runfile.Read(bytes.NewReader(append(header, found...)))
}

var errNoResult = errors.New("the case has no result yet")
