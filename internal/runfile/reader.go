package runfile

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/usercase"
)

// MaxLine bounds the length of a line of a run file, in bytes. A transcript is
// far smaller.
const MaxLine = 64 << 20

// Open reads the run file at the path; see [Read].
func Open(path string) (*Run, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("run file: %w", err)
	}
	defer f.Close()
	return Read(f)
}

// Read reads a run file. A last line that was cut off is left out, and the
// run then has no footer. Secrets in a file of an earlier version are masked.
// Everything else that is not a run file is a [ReadError] that names the line.
func Read(r io.Reader) (*Run, error) {
	in := reader{run: &Run{}, index: map[cases.ID]int{}}
	if f, ok := r.(interface{ Name() string }); ok {
		in.name = f.Name()
	}
	br := bufio.NewReaderSize(r, 64<<10)
	var buf []byte
	for {
		line, err := readLine(br, buf[:0])
		buf = line
		in.line++
		last := errors.Is(err, io.EOF)
		if err != nil && !last {
			return nil, in.wrap(err)
		}
		if len(bytes.TrimSpace(line)) > 0 {
			if last && !json.Valid(line) { // cut off
				break
			}
			if err := in.add(line); err != nil {
				return nil, in.wrap(err)
			}
		}
		if last {
			break
		}
	}
	if !in.begun {
		return nil, in.wrap(errors.New("no header: the file is empty or cut off in its first line"))
	}
	in.run.mask()
	return in.run, nil
}

// mask masks the secrets in a run that does not say whether it has any: earlier
// versions of wsconform wrote them into the file.
func (r *Run) mask() {
	if r.Header.Secrets != "" {
		return
	}
	s := r.Header.Masking()
	r.Header = s.header(r.Header)
	for i := range r.Results {
		r.Results[i] = s.Result(r.Results[i])
	}
	if r.Footer != nil {
		*r.Footer = s.footer(*r.Footer)
	}
}

var errLong = fmt.Errorf("longer than %d bytes", MaxLine)

// readLine returns the next line without its newline, and io.EOF with the last
// one, which has none.
// readLine appends the next line to a buffer, without its line break.
func readLine(br *bufio.Reader, line []byte) ([]byte, error) {
	for {
		part, err := br.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > MaxLine:
			return nil, errLong
		case err == nil:
			return line[:len(line)-1], nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return line, err
		}
	}
}

// A reader puts a run together, line by line.
type reader struct {
	name  string
	line  int
	begun bool // the header was read
	run   *Run
	index map[cases.ID]int // of the results
}

func (in *reader) add(line []byte) error {
	var k struct {
		Kind   string `json:"kind"`
		Schema int    `json:"schema"`
	}
	if err := json.Unmarshal(line, &k); err != nil {
		return fmt.Errorf("not a line of a run file: %w", err)
	}
	switch {
	case k.Kind == kindHeader && in.begun:
		return errors.New("a second header: a run file holds one run")
	case k.Kind == kindHeader && k.Schema > SchemaVersion:
		return fmt.Errorf("the file has version %d, this wsconform reads up to %d: use a newer wsconform", k.Schema, SchemaVersion)
	case k.Kind == kindHeader && k.Schema < 1:
		return fmt.Errorf("the file has version %d, which never was", k.Schema)
	case k.Kind == kindHeader:
		in.begun = true
		if err := json.Unmarshal(line, &in.run.Header); err != nil {
			return err
		}
		usercase.AddAll(in.run.Header.UserCases)
		return nil
	case !in.begun:
		return errors.New("not a run file: the first line is no header")
	case in.run.Footer != nil:
		return errors.New("a line after the footer: a run file holds one run")
	case k.Kind == kindCase:
		return in.addCase(line)
	case k.Kind == kindFooter:
		return in.addFooter(line)
	}
	return fmt.Errorf("unknown kind of line %q", k.Kind)
}

// maxID bounds the id of a case, in bytes. A file with a longer one is refused.
const maxID = 256

func (in *reader) addCase(line []byte) error {
	var r harness.Result
	if err := json.Unmarshal(line, &r); err != nil {
		return fmt.Errorf("case %q: %w", harness.Clip(string(r.Case), maxID), err)
	}
	if r.Case == "" {
		return errors.New("a case without an id")
	}
	if len(r.Case) > maxID {
		return fmt.Errorf("a case whose id has %d bytes, where %d are the most", len(r.Case), maxID)
	}
	if err := checkWords(r); err != nil {
		return fmt.Errorf("case %q: %w", r.Case, err)
	}
	if i, again := in.index[r.Case]; again {
		in.run.Results[i] = r
		return nil
	}
	in.index[r.Case] = len(in.run.Results)
	in.run.Results = append(in.run.Results, r)
	return nil
}

// checkWords refuses words that are no outcome or no verdict: a reader that took
// them for a pass would be worse than none.
func checkWords(r harness.Result) error {
	switch r.Outcome {
	case harness.Pass, harness.PassLenient, harness.Fail, harness.Unsupported, harness.Observed:
	case harness.Crash, harness.Timeout, harness.Blocked, harness.NotRun, harness.HarnessError:
		return nil
	default:
		return fmt.Errorf("unknown outcome %q", r.Outcome)
	}
	switch r.Behavior {
	case cases.OK, cases.NonStrict, cases.Informational, cases.Unimplemented, cases.Failed:
	default:
		return fmt.Errorf("unknown behavior %q", r.Behavior)
	}
	switch r.Close {
	case cases.CloseOK, cases.CloseFailedByClient, cases.CloseWrongCode, cases.CloseUnclean,
		cases.CloseFailed, cases.CloseInformational:
	case "": // one grade; the cases of Autobahn, whose ids are dotted numbers, have two
		if r.Case[0] >= '0' && r.Case[0] <= '9' {
			return errors.New("the closing behavior is missing")
		}
	default:
		return fmt.Errorf("unknown closing behavior %q", r.Close)
	}
	return nil
}

func (in *reader) addFooter(line []byte) error {
	var foot Footer
	if err := json.Unmarshal(line, &foot); err != nil {
		return fmt.Errorf("footer: %w", err)
	}
	switch foot.State {
	case Complete, Partial, Invalid:
	default:
		return fmt.Errorf("footer: unknown state %q", foot.State)
	}
	in.run.Footer = &foot
	return nil
}

func (in *reader) wrap(err error) error {
	return &ReadError{name: in.name, line: in.line, err: err}
}

// A ReadError says why something is not a run file.
type ReadError struct {
	name string // of the file; "" if there is none
	line int
	err  error
}

func (e *ReadError) Error() string {
	if e.name == "" {
		return fmt.Sprintf("run file: line %d: %v", e.line, e.err)
	}
	return fmt.Sprintf("run file %s:%d: %v", e.name, e.line, e.err)
}

// Unwrap returns the cause.
func (e *ReadError) Unwrap() error { return e.err }
