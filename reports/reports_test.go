package reports_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/gate"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/reports"
	"github.com/wsconform/wsconform/ws/wsproto"
)

var update = flag.Bool("update", false, "write the golden files")

// evil is what a peer might call itself, or send.
const evil = "</script><script>alert(1)</script>\" onload='x' ../../x A|B `c` [l](javascript:d) \u202egnp.exe \u05d0\u05d1 \x00\x07\x1b[31m\xff ]]> &amp; <!--"

// hostile is a small run in which the peer chose everything that it can.
func hostile() *runfile.Run {
	ids := []cases.ID{"1.1.1", "2.1", "5.15", "6.3.1", "7.1.1", "7.1.6", "7.9.3", "9.1.1", "12.1.1", cases.ID("99." + evil)}
	run := &runfile.Run{Header: runfile.Header{
		Schema: 1, Tool: "wsconform " + evil,
		Engine:    runfile.Engine{Name: "autobahn", Version: evil, Image: evil, Digest: evil, Packages: map[string]string{evil: evil, "a": "1"}},
		Agent:     harness.Agent{Name: evil, Version: evil, Role: cases.Server, URL: "ws://h/" + evil, Command: []string{evil}},
		Selection: runfile.Selection{Cases: []string{evil}, Selected: ids, Catalogue: evil},
		Started:   time.Date(2026, 11, 22, 14, 3, 0, 0, time.UTC), Host: runfile.Host{OS: evil, Arch: "amd64", CPUs: 1, Go: "go1.26"},
		Settings: map[string]any{evil: evil},
	}}
	for i, id := range ids[:9] {
		r := harness.Result{
			Case: id, Outcome: harness.Fail, Duration: time.Duration(i) * 50 * time.Millisecond, Note: evil,
			Verdict: cases.Verdict{Behavior: cases.Failed, Reason: evil, Close: cases.CloseUnclean, CloseReason: evil},
			Transcript: &transcript.Transcript{
				Role: cases.Server, Opened: true, Request: "GET / HTTP/1.1\r\nX: " + evil + "\r\n\r\n",
				Response: "HTTP/1.1 101 OK\r\nX: " + strings.Repeat(evil, 40) + "\r\n\r\n",
				Events:   []transcript.Event{{Kind: transcript.GotMessage, Len: len(evil), Data: transcript.Octet(evil)}},
				Clean:    true, UncleanReason: evil, RemoteClose: true, RemoteCode: 4999, RemoteReason: transcript.Octet(evil),
				Log: []transcript.Entry{
					{Kind: transcript.LogFrame, Dir: transcript.In, Len: len(evil), Data: transcript.Octet(evil), Opcode: wsproto.OpText, Fin: true, Mask: evil},
					{Kind: transcript.LogOctets, Dir: transcript.In, Len: 9, Data: transcript.Octet("</script>")},
					{Kind: transcript.LogNote, At: time.Second, Note: evil},
					{Kind: "</script>", Dir: transcript.Direction(evil), Opcode: 255, RSV: 255},
				},
			},
		}
		run.Results = append(run.Results, r)
	}
	run.Results[0].Outcome, run.Results[0].Verdict = harness.Pass, cases.Verdict{Behavior: cases.OK, Close: cases.CloseOK, Reason: evil, CloseReason: evil}
	run.Results[1].Outcome, run.Results[1].Verdict = harness.Crash, cases.Verdict{}
	run.Results[8].Outcome = harness.Unsupported
	run.Results[8].Behavior = cases.Unimplemented
	return run
}

// gated is the hostile run, held against expectations that are as hostile.
func gated() reports.Input {
	run := hostile()
	entry := func(pattern string, verdict gate.Word, expires string) gate.Entry {
		e := gate.Entry{Case: pattern, Verdict: verdict, Reason: evil, Link: "javascript:alert(1)", Owner: evil}
		if expires != "" {
			day, err := time.Parse(time.DateOnly, expires)
			if err != nil {
				panic(err)
			}
			e.Expires = gate.Date{Time: day}
		}
		return e
	}
	d := gate.Decide(run, []gate.Expectations{{
		File: "wsconform.yaml", Version: gate.Version,
		Policy: gate.Policy{MinExecuted: gate.Minimum{Cases: 100}},
		Expect: []gate.Entry{
			entry("1.1.1", gate.WantFail, ""), // it passes
			entry("2.1", gate.WantCrash, "2027-01-31"),
			entry("5.15", gate.WantFail, ""),
			entry("6.3.1", gate.WantFail, "2026-01-31"), // over
			entry("7.1.1", gate.WantFlaky, ""),
			entry("7.1.6", gate.WantCrash, ""), // fails in another way
			entry("7.9.3", gate.WantFail, ""),
			entry("7.9.3", gate.WantFail, ""), // twice
		},
	}}, time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC))
	d.Cases["5.15"].Entry.Link = "https://example.org/issues/1?a=%22<b>"
	return reports.Input{Run: run, Gate: &d}
}

func write(t *testing.T, f reports.Format, run *runfile.Run) []byte {
	t.Helper()
	return writeInput(t, f, reports.Input{Run: run})
}

func writeInput(t *testing.T, f reports.Format, in reports.Input) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := f.Write(&buf, in); err != nil {
		t.Fatalf("%s: %v", f.Name, err)
	}
	return buf.Bytes()
}

// files lists the formats that are one file.
func files() []reports.Format {
	var list []reports.Format
	for _, f := range reports.Formats {
		if f.Write != nil {
			list = append(list, f)
		}
	}
	return list
}

var inlined = regexp.MustCompile(`(?s)<style>.*?</style>|<script>.*?</script>|'sha256-[^']*'`)

func TestGolden(t *testing.T) {
	inputs := map[string]reports.Input{
		"hostile": {Run: hostile()},
		"empty":   {Run: &runfile.Run{Header: runfile.Header{Agent: harness.Agent{Role: cases.Client}}}},
		"gated":   gated(),
	}
	for name, in := range inputs {
		for _, f := range files() {
			t.Run(name+"/"+f.Name, func(t *testing.T) {
				got := writeInput(t, f, in)
				if again := writeInput(t, f, in); !bytes.Equal(got, again) {
					t.Error("the same run gave other bytes")
				}
				got = inlined.ReplaceAll(got, []byte("[inlined]"))
				path := filepath.Join("testdata", name, f.File)
				if *update {
					if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
						t.Fatal(err)
					}
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
			})
		}
	}
}

// Nothing that a peer chose reaches a reader raw, in any format.
func TestHostile(t *testing.T) {
	for _, f := range files() {
		t.Run(f.Name, func(t *testing.T) {
			got := string(writeInput(t, f, gated())) + string(write(t, f, hostile()))
			if !utf8.ValidString(got) {
				t.Error("not UTF-8")
			}
			if f.Name == "json" { // JSON escapes them; what a reader does is its own business
				return
			}
			if f.Name == "annotations" { // plain text, a command each line
				for line := range strings.Lines(got) {
					if !regexp.MustCompile(`^::(error|warning|notice) title=[^:,]*::[^\r]+$`).MatchString(line) {
						t.Errorf("no workflow command: %q", line)
					}
				}
				got = regexp.MustCompile(`[<>]`).ReplaceAllString(got, "")
			}
			for _, bad := range []string{`href="javascript:`, "<script>alert", "</script><script>a", "<!-- ", "\u202e"} {
				if strings.Contains(got, bad) {
					t.Errorf("holds %q", bad)
				}
			}
			if f.Name == "markdown" && strings.Contains(got, "](javascript") {
				t.Error("holds a link of the peer")
			}
			for i, r := range got {
				if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.In(r, unicode.Cf) {
					t.Fatalf("holds %U: %q", r, got[max(0, i-30):i+10])
				}
			}
		})
	}
}

func TestWellFormed(t *testing.T) {
	for _, f := range files() {
		got := write(t, f, hostile())
		switch filepath.Ext(f.File) {
		case ".xml", ".svg":
			dec := xml.NewDecoder(bytes.NewReader(got))
			for {
				_, err := dec.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatalf("%s: %v", f.Name, err)
				}
			}
		case ".json":
			if !json.Valid(got) {
				t.Errorf("%s: no JSON", f.Name)
			}
		}
	}
}

// A run that is not complete is red in each format that CI looks at.
func TestPartialIsNeverGreen(t *testing.T) {
	run := synthetic{agent: server("half", "1"), engine: autobahnEngine(), cutOff: 317}.run()
	for name, want := range map[string]string{
		"html":       `role="alert"><p><strong>200 of 517 cases have no verdict</strong>`,
		"junit":      `<error message="not-run: the run ended before the case did" type="not-run">`,
		"markdown":   "> **Incomplete.** 200 of 517 cases have no verdict",
		"json":       `"state": "partial"`,
		"badge":      "incomplete, 317 of 517",
		"badge-json": "incomplete, 317 of 517",

		"annotations": "::error title=half 1%3A incomplete::200 of 517 cases have no verdict. Missing:",
	} {
		if got := string(write(t, format(t, name), run)); !strings.Contains(got, want) {
			t.Errorf("%s does not hold %q:\n%.2000s", name, want, got)
		}
	}
	var suites struct {
		Tests  int `xml:"tests,attr"`
		Errors int `xml:"errors,attr"`
	}
	if err := xml.Unmarshal(write(t, format(t, "junit"), run), &suites); err != nil {
		t.Fatal(err)
	}
	if suites.Tests != 518 || suites.Errors != 201 { // and one for the run itself
		t.Errorf("JUnit counts %+v, want 518 tests and 201 errors", suites)
	}
}

func format(t *testing.T, name string) reports.Format {
	t.Helper()
	for _, f := range reports.Formats {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no format %q", name)
	return reports.Format{}
}

func TestHTMLSize(t *testing.T) {
	for name, fault := range map[string]func(cases.Case, *harness.Result){"good": nil, "some faults": someFaults, "all fail": everyFault} {
		run := synthetic{agent: server("x", ""), engine: autobahnEngine(), fault: fault}.run()
		if len(run.Results) != 517 {
			t.Errorf("%s: %d cases, want 517", name, len(run.Results))
		}
		if got := len(write(t, format(t, "html"), run)); got > 2_000_000 {
			t.Errorf("%s: %d bytes, want less than 2 MB", name, got)
		} else {
			t.Logf("%s: %d bytes", name, got)
		}
	}
}

func TestHTMLNeedsNothing(t *testing.T) {
	got := string(write(t, format(t, "html"), hostile()))
	for _, bad := range []string{"<link", "<img", "<iframe", "src=", "@import", "url(", " style=\"", "javascript:", "http-equiv=\"refresh\""} {
		outside := regexp.MustCompile(`(?s)<script type="application/json".*?</script>`).ReplaceAllString(got, "")
		if i := strings.Index(outside, bad); i >= 0 && !strings.Contains(bad, "javascript") {
			t.Errorf("holds %q: %.80s", bad, outside[i:])
		}
	}
	if n := strings.Count(got, "</script>"); n != 2 {
		t.Errorf("%d ends of scripts, want 2", n)
	}
	if !strings.Contains(got, "default-src &#39;none&#39;; style-src &#39;sha256-") {
		t.Error("no strict policy")
	}
}

// A header of 10 MB is cut, its length is told.
func TestHugeHeader(t *testing.T) {
	run := hostile()
	run.Results[2].Transcript.Response = "HTTP/1.1 101 OK\r\nX: " + strings.Repeat("\x1b<", 5<<20) + "\r\n\r\n"
	for _, f := range files() {
		got := write(t, f, run)
		if len(got) > 500_000 {
			t.Errorf("%s: %d bytes", f.Name, len(got))
		}
		if f.Name == "html" && !bytes.Contains(got, []byte("… (10485784 bytes, SHA-256 ")) {
			t.Error("html: the length is not told")
		}
	}
}

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "site")
	if err := reports.Write(dir, reports.Input{Run: hostile()}); err != nil {
		t.Fatal(err)
	}
	for _, f := range reports.Formats {
		if f.Extra {
			continue
		}
		if info, err := os.Stat(filepath.Join(dir, f.File)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", f.File, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".wsconform-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	other := t.TempDir()
	if err := reports.Write(other, reports.Input{Run: hostile()}, "junit", "badge"); err != nil {
		t.Fatal(err)
	}
	if list, err := os.ReadDir(other); err != nil || len(list) != 2 {
		t.Errorf("%v, %v: want two files", list, err)
	}
	if err := reports.Write(other, reports.Input{Run: hostile()}, "pdf"); err == nil || !strings.Contains(err.Error(), `no format "pdf": there are html, junit`) {
		t.Errorf("got %v, want an error that lists the formats", err)
	}
	blocked := filepath.Join(other, "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := reports.Write(blocked, reports.Input{Run: hostile()}); err == nil {
		t.Error("no error where the folder is a file")
	}
}

func TestWriteSite(t *testing.T) {
	dir := t.TempDir()
	agent := func(name string) *runfile.Run {
		run := hostile()
		run.Header.Agent = harness.Agent{Name: name, Role: cases.Server}
		return run
	}
	names := []string{"A+B", "A B", "a-b", evil, "../../x", "", "index", strings.Repeat("long", 100), "\u05d0"}
	var runs []reports.Input
	for _, name := range names {
		runs = append(runs, reports.Input{Run: agent(name)})
	}
	if err := reports.WriteSite(dir, runs); err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range list {
		if f.Name() == "cases" || f.Name() == "exchange.html" { // the pages about cases; the page for links
			continue
		}
		got = append(got, f.Name())
		if !regexp.MustCompile(`^[a-z0-9-]{1,90}\.html$`).MatchString(f.Name()) {
			t.Errorf("file name %q", f.Name())
		}
	}
	if len(got) != len(names)+1 {
		t.Errorf("%d files, want %d and the index: %v", len(got), len(names), got)
	}
	index, err := os.ReadFile(filepath.Join(dir, "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range got {
		if name != "index.html" && !bytes.Contains(index, []byte(`href="`+name+`"`)) {
			t.Errorf("the index does not link to %s", name)
		}
	}
	for _, bad := range []string{"<script>alert", "\u202e"} {
		if bytes.Contains(index, []byte(bad)) {
			t.Errorf("the index holds %q", bad)
		}
	}
	first, err := os.ReadFile(filepath.Join(dir, "a-b-server-autobahn.html"))
	if err != nil || !bytes.Contains(first, []byte("<bdi>A&#43;B</bdi>")) {
		t.Errorf("the first page is not that of A+B: %v", err)
	}
}

func ExampleWrite() {
	run, err := runfile.Open("../internal/runfile/testdata/complete.jsonl")
	if err != nil {
		fmt.Println(err)
		return
	}
	dir, err := os.MkdirTemp("", "report")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	if err := reports.Write(dir, reports.Input{Run: run}, "html", "junit"); err != nil {
		fmt.Println(err)
		return
	}
	files, err := os.ReadDir(dir)
	fmt.Println(files, err)
	// Output: [- index.html - junit.xml] <nil>
}

// An expected failure is none, in any format; a pass that was not expected is one.
func TestExpected(t *testing.T) {
	run := synthetic{agent: server("fragile-ws", "4.2.1"), engine: autobahnEngine(), fault: someFaults}.run()
	entry := func(pattern string, verdict gate.Word) gate.Entry {
		return gate.Entry{Case: pattern, Verdict: verdict, Reason: "issue 7"}
	}
	file := gate.Expectations{Version: gate.Version, Expect: []gate.Entry{
		entry("5.15", gate.WantFail), entry("6.3.1", gate.WantFail), entry("6.20.1", gate.WantFail), entry("7.9.4", gate.WantFail),
		entry("2.10", gate.WantFail), entry("9.3.1", gate.WantTimeout), entry("13.3.*", gate.WantUnsupported),
	}}
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	d := gate.Decide(run, []gate.Expectations{file}, now)
	in := reports.Input{Run: run, Gate: &d}
	if d.Exit != gate.Holds {
		t.Fatalf("%v", d.Violations)
	}
	for name, want := range map[string]string{
		"html":        "<h2>All 517 cases are as expected</h2>",
		"junit":       `tests="517" failures="0" errors="0" skipped="24"`,
		"markdown":    "24 failures as expected",
		"json":        `"exit": 0`,
		"badge":       "All 517 cases are as expected",
		"badge-json":  "#1b7a49",
		"annotations": "::notice title=fragile-ws 4.2.1::All 517 cases are as expected",
	} {
		if got := string(writeInput(t, format(t, name), in)); !strings.Contains(got, want) {
			t.Errorf("%s does not hold %q:\n%.1500s", name, want, got)
		}
	}

	file.Expect = append(file.Expect, entry("1.1.1", gate.WantFail))
	d = gate.Decide(run, []gate.Expectations{file}, now)
	for name, want := range map[string]string{
		"html":        "<h2>1 of 517 cases is not as expected</h2>",
		"junit":       `tests="517" failures="1" errors="0"`,
		"markdown":    "| 1.1.1 | a text message without payload | OK | OK | 1.1.1 passes (pass), but",
		"json":        `"mark": "unexpected-pass"`,
		"badge":       "1 of 517 cases is not as expected",
		"badge-json":  "#b3261e",
		"annotations": "::error title=fragile-ws 4.2.1%3A case 1.1.1::1.1.1 passes (pass), but",
	} {
		if got := string(writeInput(t, format(t, name), in)); !strings.Contains(got, want) {
			t.Errorf("unexpected pass: %s does not hold %q:\n%.1500s", name, want, got)
		}
	}
}

// A partial run with one failure is red, also on the badge.
func TestBadgeOfAPartialRun(t *testing.T) {
	failed := cases.Verdict{Behavior: cases.Failed, Close: cases.CloseOK}
	run := &runfile.Run{Results: []harness.Result{
		{Case: "1.1.1", Outcome: harness.Fail, Verdict: failed}, {Case: "1.1.2", Outcome: harness.Crash},
	}}
	if got, want := string(write(t, format(t, "badge-json"), run)), `"message": "1 of 2 fail, incomplete"`; !strings.Contains(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

// GitHub shows ten annotations of a step; the others are counted.
func TestAnnotationsCountTheRest(t *testing.T) {
	for n, want := range map[int]string{10: "", 11: "1 more case fails", 12: "2 more cases fail"} {
		run := &runfile.Run{}
		for i := range n {
			v := cases.Verdict{Behavior: cases.Failed, Close: cases.CloseOK}
			run.Results = append(run.Results, harness.Result{Case: cases.ID(fmt.Sprintf("6.2.%d", i)), Outcome: harness.Fail, Verdict: v})
		}
		got := string(write(t, format(t, "annotations"), run))
		if want == "" && strings.Contains(got, "more case") || !strings.Contains(got, want) {
			t.Errorf("%d failures: got %s, want %q", n, got, want)
		}
	}
}
