package autobahn_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/reports/autobahn"
	"github.com/wsconform/wsconform/ws/wsproto"
)

var update = flag.Bool("update", false, "write the golden files")

// evilAgent has everything in its name that means something somewhere.
const evilAgent = `Evil/1.0 <script>alert("x")</script> é`

// newReport has an agent for each role, and one with an evil name, in a few
// cases of each kind.
func newReport(t *testing.T) *autobahn.Report {
	t.Helper()
	r := &autobahn.Report{
		Tool: "wsconform 1.0.0", Written: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC),
		Results: map[string]map[cases.ID]harness.Result{"a server": {}, "client": {}, evilAgent: {}},
	}
	for _, id := range []cases.ID{"2.10", "5.19", "6.4.1", "7.1.1", "7.5.1", "7.9.1", "9.7.1", "12.1.1", "13.1.1"} {
		c, ok := catalogue.Find(id)
		if !ok {
			t.Fatalf("no case %s", id)
		}
		r.List = append(r.List, c)
	}
	add := func(agent string, id cases.ID, tr transcript.Transcript) {
		c, _ := catalogue.Find(id)
		v := c.Judge(tr)
		r.Results[agent][id] = harness.Result{Case: id, Outcome: harness.OutcomeOf(v), Verdict: v, Transcript: &tr}
	}
	started := time.Date(2026, 3, 4, 5, 0, 0, 123_456_789, time.UTC)
	ms := time.Millisecond
	add("client", "6.4.1", transcript.Transcript{
		Role: cases.Client, Opened: true, Request: "GET /runCase HTTP/1.1\r\n\r\n", Response: "HTTP/1.1 101 Switching Protocols\r\n\r\n",
		Started: started, Duration: 1500*ms + 700*time.Microsecond,
		Events: []transcript.Event{transcript.TimedOut("A")}, RemoteClose: true, RemoteCode: 1007, RemoteReason: transcript.Octet("ungültig 😀"),
		Clean: true, DroppedByUs: true, LocalCode: 1000,
		Stats: transcript.Stats{
			RxOctets: map[int]int{130: 2, 9: 1}, TxOctets: map[int]int{13: 1}, RxFrames: map[int]int{8: 1}, TxFrames: map[int]int{1: 1, 0: 1, 8: 1},
		},
		Log: []transcript.Entry{
			{Kind: transcript.LogFrame, Dir: transcript.Out, Len: 11, Data: transcript.Octet("κόσμε"), Opcode: wsproto.OpText},
			{Kind: transcript.LogNote, Timer: transcript.PauseBegins, Note: "we wait 1s"},
			{At: 1000 * ms, Kind: transcript.LogNote, Timer: transcript.PauseEnds, Note: "we go on"},
			{At: 1001 * ms, Kind: transcript.LogFrame, Dir: transcript.Out, Len: 4, Data: transcript.Octet("\xf4\x90\x80\x80")},
			{At: 1001 * ms, Kind: transcript.LogNote, Timer: transcript.PauseBegins, Note: "we wait 1s"},
			{At: 1010 * ms, Kind: transcript.LogFrame, Dir: transcript.In, Len: 2, Data: transcript.Octet("\x03\xef"), Opcode: wsproto.OpClose, Fin: true, Mask: "01020304"},
			{At: 1010 * ms, Kind: transcript.LogNote, Note: "we end TCP"},
		},
	})
	add("client", "7.5.1", transcript.Transcript{
		Role: cases.Client, Opened: true, Started: started, ClosedByUs: true, CloseTimeout: true,
		LocalCode: 1000, LocalReason: transcript.Octet("\xff\xfe"), UncleanReason: "no answer",
	})
	add("client", "7.9.1", transcript.Transcript{
		Role: cases.Client, Opened: true, Started: started, ClosedByUs: true, Clean: true,
		LocalReason: transcript.Octet("\x00\x00"), RemoteClose: true, RemoteZero: true,
	})
	add("client", "2.10", transcript.Transcript{Role: cases.Client, Started: started, DroppedByUs: true})
	long := cases.GotText(cases.Repeat("ä", 200))
	add("a server", "7.1.1", transcript.Transcript{
		Role: cases.Server, Opened: true, Started: started, Events: []transcript.Event{long}, ClosedByUs: true, LocalCode: 1000,
		Log: []transcript.Entry{
			{Kind: transcript.LogFrame, Dir: transcript.Out, Len: 61, Data: bytes.Repeat([]byte{'*'}, 61), Opcode: wsproto.OpPing, Fin: true, RSV: 4, Mask: "00000000", Chop: 40},
			{Kind: transcript.LogNote, Timer: transcript.KillArmed, Note: "1s"},
			{Kind: transcript.LogNote, Timer: transcript.KillFired, Note: "1s"},
		},
		LogLost: 3,
	})
	add("a server", "12.1.1", transcript.Transcript{
		Role: cases.Server, Opened: true, Deflate: true, Started: started, Duration: 88 * ms, Echoes: 1000, ClosedByUs: true, Clean: true,
		Traffic: &transcript.Traffic{
			In:  transcript.Flow{Preopen: 1, Wire: 30, Payload: 20, App: 40, Frames: 5, Messages: 6},
			Out: transcript.Flow{Preopen: 2, Wire: 60, Payload: 30, App: 90, Frames: 7, Messages: 8},
		},
	})
	add("a server", "13.1.1", transcript.Transcript{Role: cases.Server, Opened: true, Started: started, ClosedByUs: true, Clean: true})
	add(evilAgent, "5.19", transcript.Transcript{
		Role: cases.Client, Opened: true, Started: started, UncleanReason: "</pre><script>", Request: "<b>&\x1b[31m\r\n\r\n",
		Events: []transcript.Event{{Kind: transcript.GotPong, Len: 8, Data: transcript.Octet(`"</div>"`)}},
		Log:    []transcript.Entry{{Kind: transcript.LogFrame, Dir: transcript.In, Len: 9, Data: transcript.Octet("<script>\x00"), Opcode: wsproto.OpText, Fin: true}},
	})
	r.Results["client"]["9.7.1"] = harness.Result{Case: "9.7.1", Outcome: harness.Blocked, Note: "refused"}
	return r
}

// TestAutobahnWords has the explanations that judges of other projects compare
// word by word.
func TestWords(t *testing.T) {
	closed := transcript.Transcript{Role: cases.Client, Opened: true, RemoteClose: true, RemoteCode: 1000, Clean: true}
	for _, row := range []struct {
		id                  cases.ID
		t                   transcript.Transcript
		result, resultClose string // "" is anything
	}{
		{"7.9.5", transcript.Transcript{Role: cases.Client, Opened: true, ClosedByUs: true, RemoteClose: true, RemoteCode: 1000, Clean: true}, "The close code should have been 1002 or empty", "The close code should have been 1002 or empty"},
		{"3.1", closed, "", "The close code should have been 1002 or empty"},
		{"9.1.5", transcript.Transcript{Role: cases.Server, Opened: true, ClosedByUs: true, Clean: true}, "Did not receive message within 100 seconds.", ""},
		{"9.1.1", transcript.Transcript{Role: cases.Server, Opened: true, ClosedByUs: true, Clean: true}, "Did not receive message within 10 seconds.", ""},
	} {
		t.Run(string(row.id), func(t *testing.T) {
			c, _ := catalogue.Find(row.id)
			v := c.Judge(row.t)
			report := autobahn.Report{
				List: []cases.Case{c}, Results: map[string]map[cases.ID]harness.Result{"a": {c.ID: {Case: c.ID, Outcome: harness.OutcomeOf(v), Verdict: v, Transcript: &row.t}}},
			}
			dir := t.TempDir()
			if err := report.Write(dir); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(filepath.Join(dir, "a_case_"+strings.ReplaceAll(string(row.id), ".", "_")+".json"))
			if err != nil {
				t.Fatal(err)
			}
			var got struct{ Result, ResultClose string }
			if err := json.Unmarshal(text, &got); err != nil {
				t.Fatal(err)
			}
			if row.result != "" && got.Result != row.result || row.resultClose != "" && got.ResultClose != row.resultClose {
				t.Errorf("got %+v, want %q and %q", got, row.result, row.resultClose)
			}
		})
	}
}

func TestGolden(t *testing.T) {
	dir := t.TempDir()
	if err := newReport(t).Write(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"index.json", "client_case_6_4_1.json", "client_case_7_5_1.json", "client_case_7_9_1.json", "client_case_2_10.json",
		"a_server_case_7_1_1.json", "a_server_case_12_1_1.json", "client_case_6_4_1.html",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(golden, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
			if strings.HasSuffix(name, ".json") && !json.Valid(got) {
				t.Errorf("no JSON:\n%s", got)
			}
		})
	}
}

// TestAutobahnJudges reads the folder as the scripts of projects do.
func TestJudges(t *testing.T) {
	dir := t.TempDir()
	r := newReport(t)
	if err := r.Write(dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, pattern string
		want          int
	}{
		{"grep for failures", `"behavior": "FAILED"`, 4},
		{"a line for each verdict", `(?m)^         "behavior": "[A-Z-]+",$`, 8},
		{"a line for each closing", `(?m)^         "behaviorClose": "[A-Z ]+",$`, 8},
		{"unimplemented", `(?i)"behavior": "unimpl`, 1},
		{"file names", `"reportfile": "[a-z0-9_]+\.json"`, 8},
		{"no blanks at the end of a line", `[ \t]\n`, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := len(regexp.MustCompile(tc.pattern).FindAll(text, -1)); got != tc.want {
				t.Errorf("%s: got %d, want %d in\n%s", tc.pattern, got, tc.want, text)
			}
		})
	}
	var index map[string]map[string]struct{ ReportFile string }
	if err := json.Unmarshal(text, &index); err != nil {
		t.Fatal(err)
	}
	for agent, list := range index {
		for id, entry := range list {
			var one map[string]any
			data, err := os.ReadFile(filepath.Join(dir, entry.ReportFile))
			if err == nil {
				err = json.Unmarshal(data, &one)
			}
			if err != nil || one["id"] != id || one["agent"] != agent || len(one) != 39 {
				t.Errorf("%s: got id %v of %v with %d fields, %v; want %s of %s with 39", entry.ReportFile, one["id"], one["agent"], len(one), err, id, agent)
			}
		}
	}
}

// TestAutobahnFailedCells counts case_failed as cowboy and gun do: more than two
// mean that something has failed.
func TestFailedCells(t *testing.T) {
	for _, tc := range []struct {
		name  string
		agent string
		want  int
	}{
		{"nothing failed", "none", 2},
		{"two cases failed, one in both halves", "client", 2 + 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newReport(t)
			for agent := range r.Results {
				if agent != tc.agent {
					delete(r.Results, agent)
				}
			}
			if tc.agent == "none" {
				c, _ := catalogue.Find("7.1.1")
				v := cases.Verdict{Behavior: cases.OK, Close: cases.CloseOK}
				r.Results["none"] = map[cases.ID]harness.Result{c.ID: {Case: c.ID, Outcome: harness.Pass, Verdict: v}}
			}
			dir := t.TempDir()
			if err := r.Write(dir); err != nil {
				t.Fatal(err)
			}
			page, err := os.ReadFile(filepath.Join(dir, "index.html"))
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Count(string(page), "case_failed"); got != tc.want {
				t.Errorf("case_failed: got %d, want %d", got, tc.want)
			}
			if got := strings.Count(string(page), `id="case_desc_`); got != 517 {
				t.Errorf("descriptions: got %d, want 517", got)
			}
		})
	}
}

func TestPagesAreSafe(t *testing.T) {
	dir := t.TempDir()
	if err := newReport(t).Write(dir); err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.html"))
	if err != nil || len(pages) != 9 {
		t.Fatalf("pages: got %d, %v, want 9", len(pages), err)
	}
	link := regexp.MustCompile(`(?:href|src)="([^"]*)"`)
	for _, name := range pages {
		page, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"<script>alert", "<script>\x00", "</pre><script>", "</div>\"", "\x1b", "http://", "https://"} {
			if bytes.Contains(page, []byte(bad)) {
				t.Errorf("%s holds %q", filepath.Base(name), bad)
			}
		}
		for _, m := range link.FindAllSubmatch(page, -1) {
			file, _, _ := strings.Cut(string(m[1]), "#")
			if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
				t.Errorf("%s: link to %q: %v", filepath.Base(name), m[1], err)
			}
		}
	}
}

// A page leads to the cases before and after of the same agent.
func TestNeighbours(t *testing.T) {
	r := &autobahn.Report{Results: map[string]map[cases.ID]harness.Result{}}
	v := cases.Verdict{Behavior: cases.OK, Close: cases.CloseOK}
	for _, agent := range []string{"a", "b"} {
		r.Results[agent] = map[cases.ID]harness.Result{}
		for _, id := range []cases.ID{"1.1.1", "1.1.2"} {
			r.Results[agent][id] = harness.Result{Case: id, Outcome: harness.Pass, Verdict: v}
		}
	}
	dir := t.TempDir()
	if err := r.Write(dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"a_case_1_1_1.html": "a_case_1_1_2.html", "a_case_1_1_2.html": "a_case_1_1_1.html",
		"b_case_1_1_1.html": "b_case_1_1_2.html", "b_case_1_1_2.html": "b_case_1_1_1.html",
	} {
		page, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range regexp.MustCompile(`href="([ab]_case[^"]*)"`).FindAllSubmatch(page, -1) {
			got = append(got, string(m[1]))
		}
		if len(got) != 1 || got[0] != want {
			t.Errorf("%s leads to %v, want %s", name, got, want)
		}
	}
}

func TestClashes(t *testing.T) {
	r := &autobahn.Report{Results: map[string]map[cases.ID]harness.Result{"A/b": nil, "a b": nil, " a.B ": nil, "c": nil}}
	if got, want := fmt.Sprint(r.Clashes()), "[[ a.B  A/b a b]]"; got != want {
		t.Errorf("Clashes: got %s, want %s", got, want)
	}
}

// No agent's files take the place of another's: index.json leads to each.
func TestClashesLoseNothing(t *testing.T) {
	r := &autobahn.Report{Results: map[string]map[cases.ID]harness.Result{}}
	agents := []string{"A+B", "A B", "a/b 2", "A_B"}
	for _, agent := range agents {
		r.Results[agent] = map[cases.ID]harness.Result{"1.1.1": {Case: "1.1.1", Outcome: harness.Fail, Verdict: cases.Verdict{
			Behavior: cases.Failed, Reason: "the reason of " + agent, Close: cases.CloseOK,
		}}}
	}
	dir := t.TempDir()
	if err := r.Write(dir); err != nil {
		t.Fatal(err)
	}
	read := func(name string, v any) {
		p, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			err = json.Unmarshal(p, v)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var index map[string]map[string]struct{ ReportFile string }
	read("index.json", &index)
	for _, agent := range agents {
		var report struct{ Agent, Result string }
		read(index[agent]["1.1.1"].ReportFile, &report)
		if report.Agent != agent || !strings.Contains(report.Result, " reason of "+agent) {
			t.Errorf("%q: %s is that of %q: %q", agent, index[agent]["1.1.1"].ReportFile, report.Agent, report.Result)
		}
	}
	if got, want := index["A B"]["1.1.1"].ReportFile, "a_b_case_1_1_1.json"; got != want { // as Autobahn names it
		t.Errorf("the first is %s, want %s", got, want)
	}
}

func ExampleReport_Write() {
	dir, err := os.MkdirTemp("", "autobahn")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	r := &autobahn.Report{Results: map[string]map[cases.ID]harness.Result{"me": {
		"1.1.1": {Case: "1.1.1", Outcome: harness.Pass, Verdict: cases.Verdict{Behavior: cases.OK, Close: cases.CloseOK}},
	}}}
	if err := r.Write(dir); err != nil {
		fmt.Println(err)
		return
	}
	index, _ := os.ReadFile(filepath.Join(dir, "index.json"))
	fmt.Println(string(index))
	// Output:
	// {
	//    "me": {
	//       "1.1.1": {
	//          "behavior": "OK",
	//          "behaviorClose": "OK",
	//          "duration": 0,
	//          "remoteCloseCode": null,
	//          "reportfile": "me_case_1_1_1.json"
	//       }
	//    }
	// }
}
