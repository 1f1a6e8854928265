package autobahn_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/autobahn"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// reports is a folder with one agent and the files given, by the last part of
// their names.
func reports(index string, files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{"index.json": {Data: []byte(index)}}
	for name, data := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(data)}
	}
	return fsys
}

const oneCase = `{"a": {"1.1.1": {"behavior": "OK", "behaviorClose": "OK", "reportfile": "a_case_1_1_1.json"}}}`

func TestReadReportsOfRealRun(t *testing.T) {
	got, err := autobahn.ReadReports(os.DirFS("testdata/reports"), "")
	if err != nil {
		t.Fatal(err)
	}
	var ids []cases.ID
	for _, r := range got {
		ids = append(ids, r.Case)
		c, _ := catalogue.Find(r.Case)
		if v := c.Judge(*r.Transcript); v.Behavior != r.Behavior || v.Close != r.Close {
			t.Errorf("case %s: our judge says %s / %s of Autobahn's transcript, Autobahn %s / %s",
				r.Case, v.Behavior, v.Close, r.Behavior, r.Close)
		}
	}
	want := []cases.ID{"1.1.1", "2.5", "3.3", "6.4.3", "7.5.1", "9.1.1", "9.7.1", "12.1.1"}
	if diff := cmp.Diff(ids, want); diff != "" {
		t.Errorf("cases (-got +want):\n%s", diff)
	}
}

func TestReadReportsTranscript(t *testing.T) {
	long := strings.Repeat("*", 64) + " ..."
	got, err := autobahn.ReadReports(reports(oneCase, map[string]string{"a_case_1_1_1.json": `{
		"id": "1.1.1", "agent": "a", "behavior": "OK", "behaviorClose": "OK", "result": "fine", "resultClose": "too",
		"started": "2026-11-22T17:14:13.942Z", "duration": 12, "isServer": true,
		"httpRequest": "GET / HTTP/1.1\r\n\r\n", "httpResponse": "HTTP/1.1 101 x\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
		"received": [["message", "` + long + `", true], ["pong", "0xff"], ["timeout", "A"]],
		"closedByMe": true, "wasClean": true, "localCloseCode": 1000, "remoteCloseCode": 1000, "remoteCloseReason": "bye",
		"rxFrameStats": {"2": 1, "8": 1}, "rxOctetStats": {"4": 1},
		"wirelog": [
			["TO", [2, "0a0b"], true],
			["RF", [100, "` + long + `"], 2, true, 4, true, "01020304"],
			["RF", [1, "0xff"], 10, true, 0, false, null],
			["TF", [1, "*"], 1, false, 0, null, 70000, 997, false],
			["CT", 0.5, "A"], ["CTE", "A"], ["KL", 1], ["KLE"], ["TI", 60], ["TIE"], ["WLM", false], ["WLM", true]
		]}`}), "a")
	if err != nil || len(got) != 1 {
		t.Fatalf("%d results, %v; want 1", len(got), err)
	}
	head := transcript.Octet(strings.Repeat("*", 64))
	want := harness.Result{
		Case: "1.1.1", Outcome: harness.Pass, Duration: 12 * time.Millisecond,
		Verdict: cases.Verdict{Behavior: cases.OK, Close: cases.CloseOK, Reason: "fine", CloseReason: "too"},
		Transcript: &transcript.Transcript{
			Role: cases.Client, Opened: true, Deflate: true, ClosedByUs: true, Clean: true,
			Request:  "GET / HTTP/1.1\r\n\r\n",
			Response: "HTTP/1.1 101 x\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
			Started:  time.Date(2026, 11, 22, 17, 14, 13, 942e6, time.UTC), Duration: 12 * time.Millisecond,
			Events: []transcript.Event{
				{Kind: transcript.GotMessage, Binary: true, Len: 100, Data: head},
				{Kind: transcript.GotPong, Len: 1, Data: transcript.Octet{0xff}},
				{Kind: transcript.GotTimeout, Data: transcript.Octet("A")},
			},
			LocalCode: 1000, RemoteClose: true, RemoteCode: 1000, RemoteReason: transcript.Octet("bye"),
			Stats: transcript.Stats{RxFrames: map[int]int{2: 1, 8: 1}, RxOctets: map[int]int{4: 1}},
			Log: []transcript.Entry{
				{Kind: transcript.LogOctets, Dir: transcript.Out, Len: 2, Data: transcript.Octet{10, 11}, Alone: true},
				{Kind: transcript.LogFrame, Dir: transcript.In, Len: 100, Data: head, Opcode: wsproto.OpBinary, Fin: true, RSV: 4, Mask: "01020304"},
				{Kind: transcript.LogFrame, Dir: transcript.In, Len: 1, Data: transcript.Octet{0xff}, Opcode: wsproto.OpPong, Fin: true},
				{Kind: transcript.LogFrame, Dir: transcript.Out, Len: 70000, Repeat: 70000, Data: transcript.Octet("*"), Opcode: wsproto.OpText, Chop: 997},
				{Kind: transcript.LogNote, Note: "pause of 0.5 s begins (A)", Timer: transcript.PauseBegins},
				{Kind: transcript.LogNote, Note: "pause ends (A)", Timer: transcript.PauseEnds},
				{Kind: transcript.LogNote, Note: "fail the connection in 1 s", Timer: transcript.KillArmed},
				{Kind: transcript.LogNote, Note: "time is up: failing the connection", Timer: transcript.KillFired},
				{Kind: transcript.LogNote, Note: "close in 60 s", Timer: transcript.CloseArmed},
				{Kind: transcript.LogNote, Note: "time is up: closing", Timer: transcript.CloseFired},
				{Kind: transcript.LogNote, Note: "wire log off"},
				{Kind: transcript.LogNote, Note: "wire log on"},
			},
		},
	}
	if diff := cmp.Diff(got[0], want, cmpopts.IgnoreUnexported(transcript.Transcript{})); diff != "" {
		t.Errorf("result (-got +want):\n%s", diff)
	}
}

func TestReadReportsOfHandshakeThatFailed(t *testing.T) {
	got, err := autobahn.ReadReports(reports(
		`{"a": {"1.1.1": {"behavior": "FAILED", "behaviorClose": "FAILED", "reportfile": "a_case_1_1_1.json"}}}`,
		map[string]string{"a_case_1_1_1.json": `{"id": "1.1.1", "behavior": "FAILED", "behaviorClose": "FAILED",
			"duration": 1700000000000, "httpResponse": "?", "localCloseReason": null}`}), "a")
	if err != nil {
		t.Fatal(err)
	}
	if r := got[0]; r.Transcript.Opened || r.Duration != 0 || r.Transcript.Response != "" || r.Outcome != harness.Fail {
		t.Errorf("got %+v, want a failure without a connection", r)
	}
}

func TestReadReportsErrors(t *testing.T) {
	good := `{"id": "1.1.1", "behavior": "OK", "behaviorClose": "OK"}`
	for _, row := range []struct {
		name, index, file, want string
	}{
		{"no index", "", good, "index.json"},
		{"half an index", `{"a": {`, good, "index.json"},
		{"other agent", `{"b": {}}`, good, "no report of the agent"},
		{"no case file yet", oneCase, "", "a_case_1_1_1.json"},
		{"half a case file", oneCase, good[:20], "a_case_1_1_1.json"},
		{"file of another case", oneCase, strings.Replace(good, "1.1.1", "1.1.2", 1), `about case "1.1.2"`},
		{"file of an earlier run", oneCase, strings.Replace(good, "OK", "FAILED", 1), `says "FAILED"`},
		{"path in a name", strings.Replace(oneCase, "a_case", "../a_case", 1), good, "not the name of a report"},
		{"not an id", strings.Replace(oneCase, "1.1.1", "1/../1", 1), good, "not a case id"},
		{"too large", oneCase, strings.Repeat(" ", autobahn.MaxFile) + good, "more than"},
		{"opcode out of range", oneCase, good[:len(good)-1] + `, "wirelog": [["RF", [0, ""], 16, true, 0, false, null]]}`, "not within"},
	} {
		t.Run(row.name, func(t *testing.T) {
			fsys := fstest.MapFS{}
			if row.index != "" {
				fsys["index.json"] = &fstest.MapFile{Data: []byte(row.index)}
			}
			if row.file != "" {
				fsys["a_case_1_1_1.json"] = &fstest.MapFile{Data: []byte(row.file)}
			}
			got, err := autobahn.ReadReports(fsys, "a")
			if err == nil || !strings.Contains(err.Error(), row.want) || len(got) > 0 {
				t.Errorf("%d results, error %v; want none and %q", len(got), err, row.want)
			}
		})
	}
}

func TestReadReportsKeepsWhatIsGood(t *testing.T) {
	got, err := autobahn.ReadReports(reports(
		`{"a": {"1.1.1": {"behavior": "OK", "behaviorClose": "OK", "reportfile": "a_case_1_1_1.json"},
			"1.1.2": {"behavior": "GREAT", "behaviorClose": "OK", "reportfile": "a_case_1_1_2.json"},
			"1.1.3": {"behavior": "OK", "behaviorClose": "OK", "reportfile": "a_case_1_1_3.json"}}}`,
		map[string]string{
			"a_case_1_1_1.json": `{"id": "1.1.1", "behavior": "OK", "behaviorClose": "OK"}`,
			"a_case_1_1_2.json": `{"id": "1.1.2", "behavior": "GREAT", "behaviorClose": "OK"}`,
		}), "")
	if !errors.Is(err, fs.ErrNotExist) || len(got) != 2 {
		t.Fatalf("%d results, error %v; want 2 and an error about a missing file", len(got), err)
	}
	if got[0].Outcome != harness.Pass || got[1].Outcome != harness.HarnessError || got[1].Behavior != "" {
		t.Errorf("outcomes %s and %s (%s), want pass, and harness-error for an unknown word",
			got[0].Outcome, got[1].Outcome, got[1].Behavior)
	}
}

func TestBytesOf(t *testing.T) {
	for _, row := range []struct {
		name, text string
		length     int
		want       string
		cut        bool
	}{
		{"text", "abc", 3, "abc", false},
		{"hex", "0x00ff", 2, "\x00\xff", false},
		{"text that looks like hex", "0x00ff", 6, "0x00ff", false},
		{"hex of unknown length", "0x00ff", -1, "\x00\xff", false},
		{"cut text", strings.Repeat("a", 64) + " ...", 1000, strings.Repeat("a", 64), true},
		{"cut hex", "0x" + strings.Repeat("fe", 64) + " ...", 1000, strings.Repeat("\xfe", 64), true},
		{"whole text that ends like a cut one", "abc ...", 7, "abc ...", false},
		{"61 bytes, marked though whole", strings.Repeat("a", 61) + " ...", 61, strings.Repeat("a", 61), true},
	} {
		got, cut := autobahn.BytesOf(row.text, row.length)
		if string(got) != row.want || cut != row.cut {
			t.Errorf("%s: %q, cut %v; want %q, %v", row.name, got, cut, row.want, row.cut)
		}
	}
}

// Whatever a peer gets into the reports: no panic, bounded results.
func FuzzReadReports(f *testing.F) {
	sample, err := os.ReadFile("testdata/reports/tester_case_6_4_3.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(oneCase), []byte(`{"id": "1.1.1", "behavior": "OK", "behaviorClose": "OK"}`))
	f.Add([]byte(`{"a": {"6.4.3": {"behavior": "OK", "behaviorClose": "OK", "reportfile": "a_case_1_1_1.json"}}}`), sample)
	f.Fuzz(func(t *testing.T, index, file []byte) {
		results, err := autobahn.ReadReports(fstest.MapFS{
			"index.json": {Data: index}, "a_case_1_1_1.json": {Data: file},
		}, "")
		for _, r := range results {
			if len(r.Transcript.Log) > autobahn.MaxEntries {
				t.Errorf("%d log entries, want at most %d", len(r.Transcript.Log), autobahn.MaxEntries)
			}
			if _, err := json.Marshal(r); err != nil {
				t.Errorf("result cannot be written: %v", err)
			}
			if r.Outcome.Ran() && r.Behavior == "" {
				t.Error("an outcome without a verdict")
			}
		}
		_ = err // any error will do
	})
}

func TestImport(t *testing.T) {
	run, err := autobahn.Import(os.DirFS("testdata/reports"), "tester", runfile.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	if run.State() != runfile.Complete || len(run.Results) != 8 || len(run.Header.Selection.Selected) != 8 {
		t.Errorf("%s with %d results of %v; want a complete run of 8", run.State(), len(run.Results), run.Header.Selection.Selected)
	}
	if h := run.Header; h.Engine.Name != "autobahn" || h.Engine.Version != "25.10.1" || h.Agent.Name != "tester" || h.Started.IsZero() {
		t.Errorf("header %+v, want the facts of the reports", h)
	}
	run, err = autobahn.Import(os.DirFS("testdata/reports"), "tester", runfile.Selection{Cases: []string{"1.1.1", "1.1.2"}, Selected: []cases.ID{"1.1.1", "1.1.2"}})
	if err != nil || run.State() != runfile.Partial || len(run.Missing()) != 1 || len(run.Results) != 1 {
		t.Errorf("%+v, %v; want a partial run", run, err)
	}
	if _, err = autobahn.Import(os.DirFS("testdata/reports"), "other", runfile.Selection{}); !errors.Is(err, autobahn.ErrNoReport) {
		t.Errorf("error %v, want ErrNoReport", err)
	}
	run, err = autobahn.Import(reports(oneCase, nil), "a", runfile.Selection{})
	if err == nil || run == nil || run.State() != runfile.Partial {
		t.Errorf("%v, %v; want a partial run and an error about the missing case file", run, err)
	}
}
