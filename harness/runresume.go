package harness

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// ResumeRun opens the file of a run that did not get to its end, for the cases
// that lack: those of [Run.Missing]. The header is that of what would be run now;
// it must be of the same catalogue, engine and agent, else nothing is touched and
// the error is a [MergeError]. The footer, and a last line that was cut off, are
// taken off the file; what was written before stays as it is.
func ResumeRun(path string, h Header) (*Writer, *Run, error) {
	run, err := OpenRun(path)
	if err != nil {
		return nil, nil, err
	}
	h.Shard = run.Header.Shard // what was to be run is the file's to say
	if differ := differences([]*Run{run, {Header: h}}); len(differ) > 0 {
		return nil, nil, fmt.Errorf("resume %s: %w", path, &MergeError{Differ: differ})
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("run file: %w", err)
	}
	w := &Writer{path: path, file: f, w: f, begun: time.Now().Add(-run.Duration()), tally: run.tally()}
	end, err := resultsEnd(f)
	if err == nil {
		err = f.Truncate(end)
	}
	if err == nil {
		_, err = f.Seek(end, io.SeekStart)
	}
	if err != nil {
		return nil, nil, errors.Join(w.wrap("", err), f.Close())
	}
	run.Footer = nil
	return w, run, nil
}

// resultsEnd returns the offset behind the last line that is the header or a
// case and is whole.
func resultsEnd(r io.Reader) (int64, error) {
	br := bufio.NewReaderSize(r, 64<<10)
	var end, at int64
	for {
		line, err := readLine(br)
		if errors.Is(err, io.EOF) {
			return end, nil
		}
		if err != nil {
			return 0, err
		}
		at += int64(len(line)) + 1
		var k struct {
			Kind string `json:"kind"`
		}
		if len(bytes.TrimSpace(line)) > 0 && json.Unmarshal(line, &k) == nil && (k.Kind == kindHeader || k.Kind == kindCase) {
			end = at
		}
	}
}
