package comparison_test

import (
	"encoding/json"
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
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/reports/comparison"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A written site, and what stands in its overview.
type written struct {
	dir, page string
	data      struct {
		Cases []struct{ ID string }
		Rows  []map[string]any
		Pairs []struct {
			Agree  int
			Differ []struct{ Race string }
		}
		Reasons []string
	}
}

func write(t *testing.T, runs ...*runfile.Run) written {
	t.Helper()
	dir := t.TempDir()
	var files []string
	for i, run := range runs {
		file := filepath.Join(dir, fmt.Sprintf("in/%d.jsonl", i))
		w, err := runfile.Create(file, run.Header)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range run.Results {
			if err := w.Case(r); err != nil {
				t.Fatal(err)
			}
		}
		var failure error
		if run.Footer != nil {
			failure = &harness.UntestableError{Cause: run.Footer.Cause, Err: fmt.Errorf("%s", run.Footer.Error)}
		}
		if _, err := w.Close(failure); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return siteOf(t, filepath.Join(dir, "site"), files...)
}

// siteOf writes the site of run files into dir.
func siteOf(t *testing.T, dir string, files ...string) written {
	t.Helper()
	site := written{dir: dir}
	if _, err := comparison.Write(site.dir, files, nil); err != nil {
		t.Fatal(err)
	}
	p, err := os.ReadFile(filepath.Join(site.dir, "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	site.page = string(p)
	_, rest, _ := strings.Cut(site.page, `id="data">`)
	text, _, _ := strings.Cut(rest, "</script>")
	if err := json.Unmarshal([]byte(text), &site.data); err != nil {
		t.Fatalf("the data of the page: %v", err)
	}
	return site
}

func run(name, engine string, results ...harness.Result) *runfile.Run {
	h := runfile.Header{
		Engine: runfile.Engine{Name: engine, Version: "1"}, Started: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC),
		Agent: harness.Agent{Name: name, Version: "v1.2.3", Role: cases.Server, About: &harness.Implementation{
			Folder: "go-" + name, Hash: "abc", Language: "Go", Library: name, Licence: "MIT", Homepage: "https://example.org", Isolation: "none",
		}},
	}
	for _, r := range results {
		h.Selection.Selected = append(h.Selection.Selected, r.Case)
	}
	return &runfile.Run{Header: h, Results: results}
}

// result is the case with this verdict, and a transcript of it.
func result(id cases.ID, b cases.Behavior, c cases.CloseBehavior, tr transcript.Transcript) harness.Result {
	v := cases.Verdict{Behavior: b, Close: c, Reason: "why " + string(id), CloseReason: "how " + string(id)}
	tr.Opened = true
	return harness.Result{Case: id, Outcome: harness.OutcomeOf(v), Verdict: v, Duration: 1500 * time.Millisecond, Transcript: &tr}
}

func TestRow(t *testing.T) {
	r := result("3.2", cases.NonStrict, cases.CloseWrongCode, transcript.Transcript{RemoteClose: true, RemoteCode: 1000})
	r.Varied = []cases.Verdict{{Behavior: cases.OK, Close: cases.CloseOK}, r.Verdict}
	site := write(t, run("x", "native",
		result("1.1.1", cases.OK, cases.CloseOK, transcript.Transcript{}), r,
		harness.Result{Case: "5.1", Outcome: harness.Crash, Note: "it ended"},
	))
	row := site.data.Rows[0]
	at := map[string]int{}
	for i, c := range site.data.Cases {
		at[c.ID] = i
	}
	behavior, closing := row["b"].(string), row["c"].(string)
	for _, want := range []struct {
		id     string
		letter [2]byte
	}{{"1.1.1", [2]byte{'o', 'o'}}, {"3.2", [2]byte{'n', 'w'}}, {"5.1", [2]byte{'C', '.'}}, {"5.2", [2]byte{'.', '.'}}} {
		if got := [2]byte{behavior[at[want.id]], closing[at[want.id]]}; got != want.letter {
			t.Errorf("case %s: got %q, want %q", want.id, got[:], want.letter[:])
		}
	}
	if got := row["version"]; got != "1.2.3" {
		t.Errorf("version: got %v, want 1.2.3", got)
	}
	if got := row["codes"].(map[string]any)[fmt.Sprint(at["3.2"])]; got != 1000.0 {
		t.Errorf("close code of 3.2: got %v, want 1000", got)
	}
	why := row["why"].(map[string]any)[fmt.Sprint(at["3.2"])].([]any)
	if len(why) != 2 || site.data.Reasons[int(why[0].(float64))] != "why 3.2" {
		t.Errorf("reasons of 3.2: got %v of %q", why, site.data.Reasons)
	}
	varied := row["varied"].(map[string]any)[fmt.Sprint(at["3.2"])].(float64)
	if got := site.data.Reasons[int(varied)]; got != "OK / OK, NON-STRICT / WRONG CODE" {
		t.Errorf("verdicts of 3.2: got %q", got)
	}
}

// An agent that could not be built is in the matrix, and says why.
func TestRowWithoutVerdicts(t *testing.T) {
	broken := run("x", "native")
	broken.Header.Selection.Selected = []cases.ID{"1.1.1"}
	broken.Footer = &runfile.Footer{Cause: harness.CauseBuild, Error: "exit status 1"}
	row := write(t, broken).data.Rows[0]
	if row["cause"] != "build" || row["error"] != "exit status 1" || row["page"] != nil {
		t.Errorf("got cause %v, error %v, page %v; want build, exit status 1 and no page", row["cause"], row["error"], row["page"])
	}
}

// TestRepeat copies the command of a row, with its selection, into a shell.
func TestRepeat(t *testing.T) {
	few := run("x", "native", result("1.1.1", cases.OK, cases.CloseOK, transcript.Transcript{}))
	few.Header.Selection.Cases, few.Header.Selection.Exclude = []string{"1.*", "12.*.1$"}, []string{"it's"}
	for _, test := range []struct {
		name string
		run  *runfile.Run
		want string
	}{
		{"all", run("x", "native"), "wsconform compare go-x --role server --engine native --again"},
		{"some", few, `wsconform compare go-x --role server --engine native --cases '1.*,12.*.1$' --exclude 'it'\''s' --again`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := write(t, test.run).data.Rows[0]["repeat"]; got != test.want {
				t.Errorf("got %v, want %s", got, test.want)
			}
		})
	}
}

// A run that is played right now has no footer, and perhaps no verdict yet.
func TestRowWithoutFooter(t *testing.T) {
	file := filepath.Join(t.TempDir(), "run.jsonl")
	w, err := runfile.Create(file, run("x", "native").Header)
	if err != nil {
		t.Fatal(err)
	}
	row := siteOf(t, t.TempDir(), file).data.Rows[0]
	if _, err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	if want := "the run was interrupted or has not ended"; row["error"] != want {
		t.Errorf("got error %v, want %q", row["error"], want)
	}
}

func TestTraits(t *testing.T) {
	echoed := []transcript.Event{{Kind: transcript.GotMessage}}
	site := write(t, run("x", "native",
		result("3.2", cases.OK, cases.CloseOK, transcript.Transcript{Events: echoed, RemoteClose: true, RemoteCode: 1002, Clean: true}),
		result("3.3", cases.NonStrict, cases.CloseOK, transcript.Transcript{RemoteClose: true, RemoteCode: 1002}),
		result("4.1.1", cases.OK, cases.CloseOK, transcript.Transcript{}),
		result("6.4.1", cases.OK, cases.CloseOK, transcript.Transcript{RemoteClose: true, RemoteCode: 1007}),
		result("6.4.3", cases.NonStrict, cases.CloseOK, transcript.Transcript{RemoteClose: true}),
		result("7.7.1", cases.OK, cases.CloseOK, transcript.Transcript{LocalCode: 1000, RemoteClose: true, RemoteCode: 1000}),
		result("7.7.2", cases.OK, cases.CloseOK, transcript.Transcript{LocalCode: 1001, RemoteClose: true, RemoteCode: 1001}),
	))
	got := map[string]string{}
	for _, x := range site.data.Rows[0]["traits"].([]any) {
		got[x.(map[string]any)["id"].(string)] = x.(map[string]any)["value"].(string)
	}
	for id, want := range map[string]string{
		"utf8": "at the end of the frame", "echo": "in 1 of 2 cases", "protocol": "1002 ×2, TCP only ×1", "text": "1007 ×1, no code ×1",
		"close": "same code", "tcp": "the server",
	} {
		if got[id] != want {
			t.Errorf("%s: got %q, want %q", id, got[id], want)
		}
	}
}

// A server that answers every close with 1000 does not answer with the same code, though
// it is the same in the case that sends 1000.
func TestCloseReplyOf1000(t *testing.T) {
	reply := func(id cases.ID, sent wsproto.StatusCode) harness.Result {
		return result(id, cases.OK, cases.CloseOK, transcript.Transcript{LocalCode: sent, RemoteClose: true, RemoteCode: 1000})
	}
	site := write(t, run("x", "native", reply("7.7.1", 1000), reply("7.7.2", 1001), reply("7.7.3", 1002)))
	for _, x := range site.data.Rows[0]["traits"].([]any) {
		if trait := x.(map[string]any); trait["id"] == "close" && trait["value"] != "1000" {
			t.Errorf("got %v, want 1000", trait["value"])
		}
	}
}

// One close that is answered with its own code says nothing of 1000.
func TestCloseReplyOfOneCase(t *testing.T) {
	site := write(t, run("x", "native", result("7.7.2", cases.OK, cases.CloseOK, transcript.Transcript{LocalCode: 1001, RemoteClose: true, RemoteCode: 1001})))
	found := false
	for _, x := range site.data.Rows[0]["traits"].([]any) {
		if trait := x.(map[string]any); trait["id"] == "close" {
			found = true
			if trait["value"] != "same code" {
				t.Errorf("got %v, want the same code", trait["value"])
			}
		}
	}
	if !found {
		t.Error("the trait is missing")
	}
}

// The code -1 is that of a close frame without one, and the time of a heavy section is
// that of the cases that passed.
func TestCodesAndSpeed(t *testing.T) {
	row := write(t, run("x", "native",
		result("9.1.1", cases.OK, cases.CloseOK, transcript.Transcript{RemoteClose: true}),
		result("9.1.2", cases.Failed, cases.CloseFailed, transcript.Transcript{RemoteClose: true, RemoteZero: true}),
	)).data.Rows[0]
	codes := map[float64]int{}
	for _, code := range row["codes"].(map[string]any) {
		codes[code.(float64)]++
	}
	if codes[-1] != 1 || codes[0] != 1 {
		t.Errorf("got the codes %v, want -1 and 0", row["codes"])
	}
	speed := row["speed"].([]any)[0].(map[string]any)
	if speed["cases"] != 1.0 || speed["total"] != 2.0 || speed["seconds"] != 1.5 {
		t.Errorf("got %v, want 1 of 2 cases in 1.5 s", speed)
	}
}

func TestDeflateAndLimits(t *testing.T) {
	const offer = "permessage-deflate; server_max_window_bits=9"
	head := transcript.Transcript{Deflate: true, Request: "GET / HTTP/1.1\r\nsec-websocket-extensions: " + offer + "\r\n\r\n", Response: "HTTP/1.1 101\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"}
	row := write(t, run("x", "native",
		result("13.3.1", cases.OK, cases.CloseOK, head), result("13.3.2", cases.Failed, cases.CloseOK, head), result("13.3.3", cases.NonStrict, cases.CloseOK, head),
		result("9.1.1", cases.OK, cases.CloseOK, transcript.Transcript{}),
		result("9.1.6", cases.Failed, cases.CloseFailed, transcript.Transcript{RemoteClose: true, RemoteCode: wsproto.StatusMessageTooBig}),
	)).data.Rows[0]
	d := row["offers"].([]any)[0].(map[string]any)
	if d["offer"] != offer || d["answer"] != "permessage-deflate" || d["agreed"] != true || d["kept"] != 2.0 || d["total"] != 3.0 {
		t.Errorf("deflate: got %v", d)
	}
	l := row["largest"].([]any)[0].(map[string]any)
	if l["kind"] != "text" || l["passed"] != 65536.0 || l["failed"] != 16777216.0 || l["code"] != 1009.0 {
		t.Errorf("limits: got %v", l)
	}
}

func TestPairs(t *testing.T) {
	site := write(t,
		run("x", "native", result("1.1.1", cases.OK, cases.CloseOK, transcript.Transcript{}), result("3.2", cases.OK, cases.CloseOK, transcript.Transcript{}), result("7.1.1", cases.OK, cases.CloseOK, transcript.Transcript{})),
		run("x", "autobahn", result("1.1.1", cases.OK, cases.CloseOK, transcript.Transcript{}), result("3.2", cases.NonStrict, cases.CloseOK, transcript.Transcript{}), result("7.1.1", cases.Failed, cases.CloseOK, transcript.Transcript{})),
	)
	if len(site.data.Pairs) != 1 {
		t.Fatalf("got %d pairs, want 1", len(site.data.Pairs))
	}
	p := site.data.Pairs[0]
	if p.Agree != 1 || len(p.Differ) != 2 || p.Differ[0].Race == "" || p.Differ[1].Race != "" {
		t.Errorf("got %+v; want 1 that agrees, a race, and a difference without excuse", p)
	}
}

// What a package or a peer calls itself is no markup and no path.
func TestHostile(t *testing.T) {
	const evil = "</script><img src=x onerror=alert(1)>\u202e\x1b[2J"
	bad := run("../../x", "native", result("1.1.1", cases.Failed, cases.CloseFailed, transcript.Transcript{Response: evil}))
	a := bad.Header.Agent.About
	bad.Header.Agent.Name, bad.Header.Agent.Version, a.Folder, a.Language, a.Notes = evil, evil, "../../../x", evil, evil
	bad.Results[0].Reason = evil
	bad.Header.Engine.Name = "../" + evil
	site := write(t, bad, bad)
	if strings.Contains(site.page, "<img") || strings.Contains(site.page, "\u202e") || strings.Contains(site.page, "\x1b") {
		t.Error("something hostile stands in the page as it is")
	}
	pages, err := os.ReadDir(filepath.Join(site.dir, "runs"))
	if err != nil || len(pages) != 2 {
		t.Errorf("got %d pages and %v, want 2", len(pages), err)
	}
	above, err := os.ReadDir(filepath.Dir(site.dir))
	if err != nil || len(above) != 2 { // in and site
		t.Errorf("something was written beside the site: %v %v", above, err)
	}
}

// The page of a run links to the page of exchanges, which is there.
func TestExchangePage(t *testing.T) {
	site := write(t, run("x", "native", result("1.1.1", cases.OK, cases.CloseOK, transcript.Transcript{})))
	pages, err := filepath.Glob(filepath.Join(site.dir, "runs", "*.html"))
	if err != nil || len(pages) != 1 {
		t.Fatalf("got the pages %q, %v", pages, err)
	}
	page, err := os.ReadFile(pages[0])
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`data-exchange="([\w./-]+)"`).FindSubmatch(page)
	if m == nil {
		t.Fatal("the page of the run links to no page of exchanges")
	}
	if _, err := os.Stat(filepath.Join(site.dir, "runs", string(m[1]))); err != nil {
		t.Error(err)
	}
}

// The same files give the same bytes, and many rows a page that loads.
func TestPure(t *testing.T) {
	if testing.Short() {
		t.Skip("makes the pages twice")
	}
	var runs []*runfile.Run
	var results []harness.Result
	for _, c := range catalogue.All() {
		results = append(results, result(c.ID, cases.Failed, cases.CloseUnclean, transcript.Transcript{RemoteClose: true, RemoteCode: 1002}))
	}
	for i := range 3 {
		runs = append(runs, run(fmt.Sprintf("x%d", i), "native", results...))
	}
	many := write(t, runs...)
	files, err := filepath.Glob(filepath.Join(filepath.Dir(many.dir), "in", "*"))
	if err != nil {
		t.Fatal(err)
	}
	again := t.TempDir()
	if _, err := comparison.Write(again, files, nil); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(again, "index.html"))
	if err != nil || string(page) != many.page {
		t.Errorf("two sites of the same runs differ (%v)", err)
	}
	perRow := (len(many.page) - len(write(t, runs[0]).page)) / (len(runs) - 1)
	if most := 48 * len(results); perRow > most { // so that 160 rows of 517 cases stay below 4 MB
		t.Errorf("a row of %d failures takes %d bytes of the page, want at most %d", len(results), perRow, most)
	}
}
