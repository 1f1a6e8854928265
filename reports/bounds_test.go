package reports_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/hostiletest"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/reports"
	"github.com/wsconform/wsconform/reports/autobahn"
)

// oneFailure is a run of one failed case in which everything is set.
func oneFailure() *runfile.Run {
	r := hostiletest.Result()
	return &runfile.Run{
		Header: runfile.Header{
			Agent:     harness.Agent{Name: "a", Version: "v"},
			Engine:    runfile.Engine{Name: "native", Version: "v"},
			Selection: runfile.Selection{Selected: []cases.ID{r.Case}},
		},
		Results: []harness.Result{r},
		Footer:  &runfile.Footer{State: runfile.Partial, Error: "e", Cause: harness.CauseCrash},
	}
}

// Each value that a peer can choose is tried in each format, at 2 MiB or 65536
// elements: what is written stays small. A new field without a bound is noticed.
func TestEveryValueHasABound(t *testing.T) {
	if testing.Short() {
		t.Skip("fills every field of every transcript")
	}
	run := oneFailure()
	try := func(name string) {
		for _, f := range files() {
			if n := len(write(t, f, run)); n > 400_000 {
				t.Errorf("%s: %s writes %d bytes, want at most 400000", name, f.Name, n)
			}
		}
		dir := t.TempDir()
		if err := autobahn.Write(dir, reports.Input{Run: run}); err != nil {
			t.Fatal(err)
		}
		for _, path := range filesIn(t, dir) {
			if info, err := os.Stat(path); err != nil || info.Size() > 2_000_000 {
				t.Errorf("%s: %s has %v bytes, want at most 2000000", name, filepath.Base(path), info.Size())
			}
		}
	}
	tried := 0
	for _, v := range []any{&run.Results[0], &run.Header.Agent.Name, &run.Header.Agent.Version, &run.Footer.Error} {
		hostiletest.Each(v, func(name string) { try(name); tried++ })
	}
	if tried < 25 {
		t.Errorf("only %d fields were tried", tried)
	}
}

func filesIn(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// everythingLong is a run of all cases in which all that a peer can choose has 20 kB
// and is different in each case.
func everythingLong(c cases.Case, r *harness.Result) {
	long := func(of string) string { return of + string(c.ID) + strings.Repeat("<\u202e\x1b\xff", 3_000) }
	r.Outcome, r.Behavior, r.Close = harness.Fail, cases.Failed, cases.CloseFailed
	r.Reason, r.CloseReason, r.Note = long("reason"), long("close"), long("note")
	t := r.Transcript
	t.Request = strings.Repeat(long("GET")+"\r\n", 4)
	t.Response = strings.Repeat(long("HTTP")+"\r\n", 4)
	t.UncleanReason, t.RemoteClose, t.RemoteReason = long("unclean"), true, transcript.Octet(long("peer"))
	for range 30 {
		t.Events = append(t.Events, transcript.Event{Kind: transcript.GotMessage, Len: 512, Data: transcript.Octet(long("event"))})
		t.Log = append(t.Log, transcript.Entry{Kind: transcript.LogNote, Note: long("note")})
	}
}

// The page stays below its bound also when all values of all cases are long.
func TestHTMLSizeOfAHostilePeer(t *testing.T) {
	if testing.Short() {
		t.Skip("makes pages of 10 MB")
	}
	run := synthetic{agent: server("x", ""), engine: autobahnEngine(), fault: everythingLong}.run()
	got := write(t, format(t, "html"), run)
	if len(got) > 2_000_000 {
		t.Errorf("the page has %d bytes, want less than 2 MB", len(got))
	}
	t.Logf("%d bytes", len(got))
}

// twoHugeValues is a run in which case 5.15 has two values of 10 MB.
func twoHugeValues() *runfile.Run {
	run := hostile()
	run.Results[2].Note = strings.Repeat("a", 10<<20)
	run.Results[2].Transcript.Response = "HTTP/1.1 101 OK\r\nX: " + strings.Repeat("b", 10<<20) + "\r\n\r\n"
	return run
}

// Two values of 10 MB make a page as small as any other, which says how long they
// were and what they were.
func TestTwoHugeValues(t *testing.T) {
	got := write(t, format(t, "html"), twoHugeValues())
	if len(got) > 300_000 {
		t.Errorf("the page has %d bytes, want at most 300000", len(got))
	}
	for _, want := range []string{"(10485760 bytes, SHA-256 ", "(10485784 bytes, SHA-256 "} {
		if !bytes.Contains(got, []byte(want)) {
			t.Errorf("the page does not say %q", want)
		}
	}
}
