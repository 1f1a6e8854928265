package runfile_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

var update = flag.Bool("update", false, "write the golden files")

// record writes a run in a bubble, so that its duration is exact.
func record(t *testing.T, h runfile.Header, results []harness.Result, took time.Duration, failure error) []byte {
	t.Helper()
	var buf bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		w, err := runfile.NewWriter(&buf, h)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			if err := w.Case(r); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(took)
		if _, err := w.Close(failure); err != nil {
			t.Fatal(err)
		}
	})
	return buf.Bytes()
}

func header(ids ...cases.ID) runfile.Header {
	return runfile.Header{
		Schema: runfile.SchemaVersion,
		Tool:   "wsconform 0.1.0",
		Engine: runfile.Engine{
			Name: "autobahn", Version: "25.10.1", Image: "wsconform/autobahn:25.10.1",
			Digest:   "sha256:" + strings.Repeat("ab", 32),
			Packages: map[string]string{"autobahn": "0.10.9", "twisted": "19.10.0"},
		},
		Agent: harness.Agent{
			Name: "echo", Version: "1.2.3", Role: cases.Server, URL: "ws://127.0.0.1:9001",
			Command: []string{"./echo", "--port", "9001"},
		},
		Peer: &harness.Peer{
			Levels:   []harness.PeerLevel{harness.Opens, harness.Echoes, harness.Declares, harness.Controls},
			Declared: []cases.Need{cases.NeedSubprotocol}, Control: []string{"close", "ping"}, Refuses: []string{"text"},
		},
		Selection: runfile.Selection{
			Cases: []string{"1.*", "7.*"}, Exclude: []string{"7.13.*"}, Selected: ids,
			Catalogue: strings.Repeat("cd", 32),
		},
		Started:  time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
		Host:     runfile.Host{OS: "linux", Arch: "amd64", CPUs: 2, Go: "go1.26.8"},
		Seed:     42,
		Settings: map[string]any{"network": "host", "parallel": 4.0},
	}
}

func passed(id cases.ID) harness.Result {
	return harness.Result{
		Case: id, Outcome: harness.Pass, Duration: 3 * time.Millisecond,
		Verdict: cases.Verdict{
			Behavior: cases.OK, Reason: "the events received are those wanted for OK",
			Close: cases.CloseOK, CloseReason: "the connection ended as it should",
		},
	}
}

// failed has a transcript in which every field is set.
func failed(id cases.ID) harness.Result {
	return harness.Result{
		Case: id, Outcome: harness.Fail, Duration: 1012 * time.Millisecond, Attempts: 2, Note: "repeated alone after a timeout",
		Verdict: cases.Verdict{
			Behavior: cases.Failed, Reason: "the events received are none of those wanted",
			Close: cases.CloseUnclean, CloseReason: "the closing handshake was not completed",
		},
		Transcript: &transcript.Transcript{
			Role: cases.Server, Opened: true,
			Request:  "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
			Response: "HTTP/1.1 101 Switching Protocols\r\n\r\n",
			Started:  time.Date(2026, 11, 22, 12, 0, 1, 0, time.UTC), Duration: time.Second,
			Events: []transcript.Event{
				{Kind: transcript.GotMessage, Binary: true, Len: 600, Data: bytes.Repeat([]byte{0xfe}, transcript.HeadSize), SHA256: strings.Repeat("0f", 32)},
				{Kind: transcript.GotPong, Len: 2, Data: transcript.Octet("0x")},
				{Kind: transcript.GotTimeout, Data: transcript.Octet("A")},
			},
			Echoes: 3, WrongEcho: true, Deflate: true,
			ClosedByUs: true, FailedByUs: true, DroppedByUs: true, Clean: true, UncleanReason: "peer dropped TCP",
			OpenTimeout: true, CloseTimeout: true, ServerDropExpiry: true,
			LocalCode: wsproto.StatusNormalClosure, LocalReason: transcript.Octet("bye"),
			RemoteClose: true, RemoteCode: 1002, RemoteZero: true, RemoteReason: transcript.Octet("\xff"),
			Traffic: &transcript.Traffic{
				In:  transcript.Flow{Preopen: 129, Wire: 20, Payload: 10, App: 30, Frames: 2, Messages: 1},
				Out: transcript.Flow{Preopen: 200, Wire: 21, Payload: 11, App: 31, Frames: 3, Messages: 2},
			},
			Stats: transcript.Stats{
				RxOctets: map[int]int{129: 1, 20: 1}, TxOctets: map[int]int{200: 1},
				RxFrames: map[int]int{2: 1}, TxFrames: map[int]int{2: 1, 8: 1},
			},
			Log: []transcript.Entry{
				{Kind: transcript.LogFrame, Dir: transcript.Out, At: time.Millisecond, Len: 12, Data: transcript.Octet("Hello, "), Opcode: wsproto.OpText, Fin: true, RSV: 4, Mask: "01020304", Repeat: 12, Chop: 1, Alone: true},
				{Kind: transcript.LogOctets, Dir: transcript.In, At: 2 * time.Millisecond, Len: 2, Data: transcript.Octet("\x88\x00")},
				{Kind: transcript.LogNote, At: time.Second, Note: "the kill timer fired", Timer: transcript.KillFired},
			},
			LogLost: 7,
		},
	}
}

func TestGolden(t *testing.T) {
	tests := []struct {
		name    string
		header  runfile.Header
		results []harness.Result
		failure error
	}{
		{"complete", header("1.1.1", "7.1.1"), []harness.Result{passed("1.1.1"), failed("7.1.1")}, nil},
		{"partial", header("1.1.1", "1.1.2", "1.1.3"), []harness.Result{passed("1.1.1"), {
			Case: "1.1.2", Outcome: harness.Crash, Note: "the agent exited with 139",
		}}, nil},
		{"interrupted", header("1.1.1", "1.1.2"), []harness.Result{passed("1.1.1")}, fmt.Errorf("play: %w", context.Canceled)},
		{"invalid", header("1.1.1"), nil, errors.New("no Docker engine answers")},
		{"least", runfile.Header{Agent: harness.Agent{Role: cases.Client}}, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := record(t, tt.header, tt.results, 1500*time.Millisecond, tt.failure)
			golden(t, filepath.Join("testdata", tt.name+".jsonl"), got)
		})
	}
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got), -update writes it:\n%s", path, diff)
	}
}

func TestState(t *testing.T) {
	tests := []struct {
		file    string
		state   runfile.State
		missing []cases.ID
		counts  map[harness.Outcome]int
	}{
		{"complete", runfile.Complete, nil, map[harness.Outcome]int{harness.Pass: 1, harness.Fail: 1}},
		{"partial", runfile.Partial, []cases.ID{"1.1.2", "1.1.3"}, map[harness.Outcome]int{harness.Pass: 1, harness.Crash: 1, harness.NotRun: 1}},
		{"interrupted", runfile.Partial, []cases.ID{"1.1.2"}, map[harness.Outcome]int{harness.Pass: 1, harness.NotRun: 1}},
		{"invalid", runfile.Invalid, []cases.ID{"1.1.1"}, map[harness.Outcome]int{harness.NotRun: 1}},
		{"least", runfile.Partial, nil, map[harness.Outcome]int{}},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			run, err := runfile.Open(filepath.Join("testdata", tt.file+".jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			if got := run.State(); got != tt.state || run.Footer.State != tt.state {
				t.Errorf("State() = %q, footer %q, want %q", got, run.Footer.State, tt.state)
			}
			if diff := cmp.Diff(tt.missing, run.Missing()); diff != "" {
				t.Errorf("Missing() (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.counts, run.Counts()); diff != "" {
				t.Errorf("Counts() (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.counts, run.Footer.Counts); diff != "" {
				t.Errorf("footer counts (-want +got):\n%s", diff)
			}
		})
	}
}

// A footer cannot make a run complete whose results do not say so.
func TestStateIsNotTakenFromTheFooter(t *testing.T) {
	run := runfile.Run{Header: header("1.1.1", "1.1.2"), Results: []harness.Result{passed("1.1.1")}}
	if got := run.State(); got != runfile.Partial {
		t.Errorf("without a footer: %q, want partial", got)
	}
	run.Footer = &runfile.Footer{State: runfile.Complete}
	if got := run.State(); got != runfile.Partial {
		t.Errorf("with a lying footer: %q, want partial", got)
	}
}

// Whatever the place at which a file is cut off, the cases before are read.
func TestReadCutOff(t *testing.T) {
	whole := record(t, header("1.1.1", "7.1.1"), []harness.Result{passed("1.1.1"), failed("7.1.1")}, 0, nil)
	first := bytes.IndexByte(whole, '\n')
	for n := range whole {
		run, err := runfile.Read(bytes.NewReader(whole[:n]))
		if n < first {
			if err == nil {
				t.Fatalf("%d bytes: no error without a whole header", n)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		lines := bytes.Count(append(whole[:n:n], whole[n]), []byte("\n")) // a line is whole without its newline too
		if got := len(run.Results); got != min(lines-1, 2) {
			t.Fatalf("%d bytes: %d results of %d lines", n, got, lines)
		}
		if n < len(whole)-1 && (run.Footer != nil || run.State() != runfile.Partial) {
			t.Fatalf("%d bytes: footer %v, state %q", n, run.Footer, run.State())
		}
	}
}

func TestReadErrors(t *testing.T) {
	whole := string(record(t, header("1.1.1"), []harness.Result{passed("1.1.1")}, 0, nil))
	head, _, _ := strings.Cut(whole, "\n")
	tests := []struct{ name, in, want string }{
		{"empty", "", "run file: line 1: no header"},
		{"blank", "\n\n", "no header"},
		{"garbage", "hello\n", "line 1: not a line of a run file"},
		{"binary", "\x00\x01\n", "line 1: not a line of a run file"},
		{"array", "[]\n", "line 1: not a line of a run file"},
		{"other JSON", `{"Agent": {}}` + "\n", "the first line is no header"},
		{"newer", `{"kind":"header","schema":3}` + "\n", "the file has version 3, this wsconform reads up to 2: use a newer wsconform"},
		{"version 0", `{"kind":"header"}` + "\n", "version 0, which never was"},
		{"two headers", head + "\n" + head + "\n", "line 2: a second header"},
		{"garbage within", head + "\n{\"kind\":\"ca\n{}\n", "line 2: not a line of a run file"},
		{"unknown kind", head + "\n" + `{"kind":"event"}` + "\n", `line 2: unknown kind of line "event"`},
		{"no id", head + "\n" + `{"kind":"case"}` + "\n", "line 2: a case without an id"},
		{"outcome", head + "\n" + `{"kind":"case","case":"1.1.1","outcome":"PASS"}` + "\n", `line 2: case "1.1.1": unknown outcome "PASS"`},
		{"verdict", head + "\n" + `{"kind":"case","case":"1.1.1","outcome":"pass"}` + "\n", `unknown behavior ""`},
		{"half a verdict", head + "\n" + `{"kind":"case","case":"1.1.1","outcome":"pass","behavior":"OK"}` + "\n", "the closing behavior is missing"},
		{"type", head + "\n" + `{"kind":"case","case":"1.1.1","outcome":7}` + "\n", `line 2: case "1.1.1": json`},
		{"state", head + "\n" + `{"kind":"footer","state":"great"}` + "\n", `footer: unknown state "great"`},
		{"after the footer", whole + `{"kind":"case"}` + "\n", "a line after the footer"},
		{"two runs", whole + whole, "a second header"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := runfile.Read(strings.NewReader(tt.in))
			var bad *runfile.ReadError
			if !errors.As(err, &bad) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want a ReadError with %q", err, tt.want)
			}
		})
	}
}

func TestReadNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bad.jsonl")
	if err := os.WriteFile(path, []byte("hello\nworld\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := runfile.Open(path); err == nil || !strings.Contains(err.Error(), path+":1: ") {
		t.Errorf("got %v, want an error at %s:1", err, path)
	}
}

// zeros is an endless line.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestReadLongLine(t *testing.T) {
	_, err := runfile.Read(zeros{})
	if err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("got %v, want an error about the length", err)
	}
}

// played ignores what a transcript knows while it is judged.
var played = cmpopts.IgnoreUnexported(transcript.Transcript{})

func TestLastResultCounts(t *testing.T) {
	again := failed("1.1.1")
	again.Transcript = nil
	file := record(t, header("1.1.1", "1.1.2"), []harness.Result{again, passed("1.1.2"), passed("1.1.1")}, 0, nil)
	run, err := runfile.Read(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]harness.Result{passed("1.1.1"), passed("1.1.2")}, run.Results, played); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if run.State() != runfile.Complete || run.Footer.Counts[harness.Pass] != 2 {
		t.Errorf("state %q, counts %v; want complete, 2 pass", run.State(), run.Footer.Counts)
	}
}

func TestRoundTrip(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var want []harness.Result
		var ids []cases.ID
		for i := range rnd.IntN(8) {
			r := randomResult(rnd, cases.ID(fmt.Sprintf("%d.%d", rnd.IntN(13)+1, i)))
			want, ids = append(want, r), append(ids, r.Case)
		}
		file := record(t, header(ids...), want, time.Duration(rnd.IntN(1e9)), nil)
		run, err := runfile.Read(bytes.NewReader(file))
		if err != nil {
			t.Fatalf("%v\n%s", err, file)
		}
		if diff := cmp.Diff(want, run.Results, played); diff != "" {
			t.Fatalf("results (-want +got):\n%s", diff)
		}
		again := record(t, run.Header, run.Results, run.Footer.Duration, nil)
		if diff := cmp.Diff(string(file), string(again)); diff != "" {
			t.Fatalf("written again (-want +got):\n%s", diff)
		}
	}
}

func randomResult(rnd *rand.Rand, id cases.ID) harness.Result {
	all := []harness.Outcome{
		harness.Pass, harness.PassLenient, harness.Fail, harness.Unsupported, harness.Observed,
		harness.Crash, harness.Timeout, harness.Blocked, harness.NotRun, harness.HarnessError,
	}
	r := harness.Result{Case: id, Outcome: all[rnd.IntN(len(all))], Duration: time.Duration(rnd.Int64N(1e10))}
	if r.Outcome.Ran() {
		r.Verdict = failed(id).Verdict
	}
	t := *failed(id).Transcript
	t.Log = nil
	for range rnd.IntN(4) {
		p := make([]byte, 1+rnd.IntN(40))
		for i := range p {
			p[i] = byte(rnd.IntN(256) >> rnd.IntN(2))
		}
		t.Log = append(t.Log, transcript.Entry{Kind: transcript.LogOctets, Dir: transcript.In, Len: len(p), Data: p})
	}
	r.Transcript = &t
	return r
}

func TestConcurrentCases(t *testing.T) {
	const n = 50
	var ids []cases.ID
	for i := range n {
		ids = append(ids, cases.ID(fmt.Sprintf("9.%d", i+1)))
	}
	path := filepath.Join(t.TempDir(), "runs", "new", "run.jsonl")
	w, err := runfile.Create(path, header(ids...))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, id := range ids {
		wg.Go(func() {
			if err := w.Case(failed(id)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	foot, err := w.Close(nil)
	if err != nil || foot.State != runfile.Complete {
		t.Fatalf("Close: %v, state %q", err, foot.State)
	}
	run, err := runfile.Open(path)
	if err != nil || len(run.Results) != n || run.State() != runfile.Complete {
		t.Fatalf("read %d results, state %q, error %v", len(run.Results), run.State(), err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o600 != 0o600 {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
}

// A case is in the file when Case returns, not only when the run ends.
func TestCaseIsWrittenAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	w, err := runfile.Create(path, header("1.1.1", "1.1.2"))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Case(passed("1.1.1")); err != nil {
		t.Fatal(err)
	}
	run, err := runfile.Open(path) // as after kill -9
	if err != nil || len(run.Results) != 1 || run.State() != runfile.Partial {
		t.Fatalf("read %v, error %v", run, err)
	}
	if _, err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	if err := w.Case(passed("1.1.2")); err == nil {
		t.Error("Case after Close: no error")
	}
	if _, err := w.Close(nil); err == nil {
		t.Error("second Close: no error")
	}
}

// disk takes so many bytes and is full then.
type disk struct {
	bytes.Buffer
	room int
}

func (d *disk) Write(p []byte) (int, error) {
	n := min(len(p), d.room)
	d.room -= n
	d.Buffer.Write(p[:n])
	if n < len(p) {
		return n, &os.PathError{Op: "write", Path: "run.jsonl", Err: syscall.ENOSPC}
	}
	return n, nil
}

func TestDiskFull(t *testing.T) {
	whole := record(t, header("1.1.1", "7.1.1"), []harness.Result{passed("1.1.1"), failed("7.1.1")}, 0, nil)
	head := bytes.IndexByte(whole, '\n') + 1
	synctest.Test(t, func(t *testing.T) {
		for room := head; room < len(whole); room += 7 {
			d := &disk{room: room}
			w, err := runfile.NewWriter(d, header("1.1.1", "7.1.1"))
			if err != nil {
				t.Fatal(err)
			}
			first := w.Case(passed("1.1.1"))
			second := w.Case(failed("7.1.1"))
			for _, err := range []error{first, second} {
				var full *runfile.WriteError
				if err != nil && (!errors.As(err, &full) || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "no space left on device; what was written before is kept")) {
					t.Fatalf("room for %d: %v", room, err)
				}
			}
			// What is on the disk can be read.
			run, err := runfile.Read(bytes.NewReader(d.Bytes()))
			if err != nil {
				t.Fatalf("room for %d: %v", room, err)
			}
			if first == nil && len(run.Results) == 0 {
				t.Fatalf("room for %d: a case that was written is gone", room)
			}
			// With room again, nothing is lost.
			d.room = len(whole)
			if _, err := w.Close(nil); err != nil {
				t.Fatalf("room for %d: %v", room, err)
			}
			if !bytes.Equal(d.Bytes(), whole) {
				t.Fatalf("room for %d: the file differs after all", room)
			}
		}
	})
}

func TestDevFull(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /dev/full")
	}
	_, err := runfile.Create("/dev/full", header("1.1.1"))
	var full *runfile.WriteError
	if !errors.As(err, &full) || full.Path != "/dev/full" {
		t.Errorf("got %v, want a WriteError that names the path", err)
	}
}

func FuzzReadRun(f *testing.F) {
	names, err := filepath.Glob("testdata/*.jsonl")
	if err != nil || len(names) == 0 {
		f.Fatal("no golden files", err)
	}
	for _, name := range names {
		p, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(p)
		f.Add(p[:len(p)*2/3])
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		run, err := runfile.Read(bytes.NewReader(p))
		if err != nil {
			if _, ok := errors.AsType[*runfile.ReadError](err); !ok {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		if run.State() == runfile.Complete && (run.Footer == nil || len(run.Missing()) > 0) {
			t.Fatal("complete, but not all is there")
		}
		// What was read can be written, and reads the same again.
		again := rewrite(t, run)
		second, err := runfile.Read(bytes.NewReader(again))
		if err != nil {
			t.Fatalf("%v\n%s", err, again)
		}
		if third := rewrite(t, second); !bytes.Equal(again, third) {
			t.Fatalf("written again differs:\n%s\n%s", again, third)
		}
	})
}

// rewrite writes the header and the results.
func rewrite(t *testing.T, run *runfile.Run) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := runfile.NewWriter(&buf, run.Header)
	if err != nil {
		t.Skip(err) // a date beyond the year 9999
	}
	for _, r := range run.Results {
		if err := w.Case(r); err != nil {
			t.Skip(err)
		}
	}
	return buf.Bytes()
}

func ExampleRead() {
	f, err := os.Open("testdata/partial.jsonl")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	run, err := runfile.Read(f)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Header.Agent.Name, run.State(), run.Missing())
	// output: echo partial [1.1.2 1.1.3]
}

func ExampleNewWriter() {
	w, err := runfile.NewWriter(io.Discard, runfile.Header{Selection: runfile.Selection{Selected: []cases.ID{"1.1.1"}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := w.Case(harness.Result{Case: "1.1.1", Outcome: harness.Blocked}); err != nil {
		fmt.Println(err)
	}
	foot, err := w.Close(nil)
	fmt.Println(foot.State, foot.Missing, err)
	// output: partial [1.1.1] <nil>
}

// Files of version 1 read as those of today with the same results, are merged with
// each other, and are written as files of today. None is resumed: a file has one
// version.
func TestVersion1(t *testing.T) {
	for _, name := range []string{"complete", "interrupted", "invalid", "least", "partial"} {
		old, err := runfile.Open(filepath.Join("testdata", "v1", name+".jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		if old.Header.Schema != 1 {
			t.Errorf("%s: version %d, want 1", name, old.Header.Schema)
		}
		today, err := runfile.Open(filepath.Join("testdata", name+".jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "run.jsonl")
		if err := old.Save(path); err != nil {
			t.Fatal(err)
		}
		saved, err := runfile.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		today.Header.Peer = nil // version 1 does not have it
		if diff := cmp.Diff(today, saved, played); diff != "" {
			t.Errorf("%s, written again (-today +old):\n%s", name, diff)
		}
	}
	old, err := runfile.Open("testdata/v1/complete.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if merged, err := runfile.Merge([]*runfile.Run{old, old}); err != nil || merged.State() != runfile.Complete {
		t.Errorf("merged: %v, %v; want a complete run", merged, err)
	}
	path := filepath.Join(t.TempDir(), "run.jsonl")
	before, err := os.ReadFile("testdata/v1/partial.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, before, 0o600); err != nil {
		t.Fatal(err)
	}
	var merge *runfile.MergeError
	if _, err := runfile.Resume(path, header("1.1.1", "1.1.2", "1.1.3")); !errors.As(err, &merge) || !strings.Contains(err.Error(), "version 1") {
		t.Errorf("resumed: error %v, want a MergeError that names the version", err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was touched (%v)", err)
	}
}

// What the agent is found to do goes into the header, unless a result is there already.
func TestWriterPeer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "run.jsonl")
	h := header("1.1.1", "1.1.2")
	h.Peer = nil
	w, err := runfile.Create(file, h)
	if err != nil {
		t.Fatal(err)
	}
	found := harness.NewPeer(false, nil, nil)
	run, err := w.Record(func(emit func(harness.Result)) error {
		if err := w.Peer(found); err != nil {
			return err
		}
		emit(passed("1.1.1"))
		if err := w.Peer(harness.NewPeer(true, nil, nil)); err != nil { // too late
			return err
		}
		emit(passed("1.1.2"))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := runfile.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range []*runfile.Run{run, stored} {
		if got.Header.Peer == nil || !slices.Equal(got.Header.Peer.Levels, found.Levels) || got.State() != runfile.Complete {
			t.Errorf("got %+v and a run that is %s, want %+v and complete", got.Header.Peer, got.State(), found)
		}
	}
}

// Results come in the order of their cases, however they were played, and leave their wire
// logs in the file.
func TestRecordKeepsLittle(t *testing.T) {
	file := filepath.Join(t.TempDir(), "run.jsonl")
	w, err := runfile.Create(file, header("1.1.1", "1.1.2", "1.1.10"))
	if err != nil {
		t.Fatal(err)
	}
	run, err := w.Record(func(emit func(harness.Result)) error {
		for _, id := range []cases.ID{"1.1.10", "1.1.1", "1.1.2"} {
			r := passed(id)
			r.Transcript = &transcript.Transcript{Log: []transcript.Entry{{Kind: transcript.LogNote, Note: "a note"}}}
			emit(r)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []cases.ID
	for _, r := range run.Results {
		got = append(got, r.Case)
		if r.Transcript != nil && len(r.Transcript.Log) > 0 {
			t.Errorf("%s: the wire log is in memory", r.Case)
		}
	}
	if want := []cases.ID{"1.1.1", "1.1.2", "1.1.10"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	stored, err := runfile.Open(file)
	if err != nil || len(stored.Results) != 3 || stored.Results[0].Transcript == nil || len(stored.Results[0].Transcript.Log) != 1 {
		t.Errorf("stored: got %+v, error %v, want three results with wire logs", stored, err)
	}
}
