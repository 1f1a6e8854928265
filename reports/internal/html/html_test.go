package html

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/reports/internal/summary"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// Failures without a card are counted, those that a card does not name among them.
func TestUnlisted(t *testing.T) {
	run := &runfile.Run{}
	fail := func(id string, code wsproto.StatusCode) {
		run.Results = append(run.Results, harness.Result{
			Case: cases.ID(id), Outcome: harness.Fail, Verdict: cases.Verdict{Behavior: cases.Failed, Close: cases.CloseFailed},
			Transcript: &transcript.Transcript{Opened: true, RemoteClose: true, RemoteCode: code},
		})
	}
	for i := range maxCards { // each with a card of its own
		fail(fmt.Sprintf("98.%d", i), wsproto.StatusCode(3000+i))
	}
	for i := range maxOthers + 100 { // one card, which does not name them all
		fail(fmt.Sprintf("99.%d", i), 4000)
	}
	p := page{Summary: summary.Of(summary.Input{Run: run})}
	if got, want := p.Unlisted(), maxOthers+100; got != want {
		t.Errorf("got %d failures without a card, want %d", got, want)
	}
}

// The middle of a long log is left out, but for the peer's first offence.
func TestFirstOffenceOfALongLog(t *testing.T) {
	tr := &transcript.Transcript{Role: cases.Client, Opened: true}
	for i := range 600 {
		e := transcript.Entry{Kind: transcript.LogFrame, Dir: transcript.In, Opcode: 2, Fin: true, Mask: "01020304"}
		if i == 300 {
			e.Mask = "" // a client has to mask
		}
		tr.Log = append(tr.Log, e)
	}
	v := cases.Verdict{Behavior: cases.Failed, Close: cases.CloseFailed}
	var page bytes.Buffer
	if err := Write(&page, summary.Input{Run: &runfile.Run{Results: []harness.Result{{Case: "99.1", Outcome: harness.Fail, Verdict: v, Transcript: tr}}}}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(page.String(), "is not masked") {
		t.Error("the page does not show the frame that breaks a rule")
	}
	if got := strings.Count(page.String(), `["fin",`); got != 401 {
		t.Errorf("the page has %d frames, want 400 and the one that breaks a rule", got)
	}
}

// The overview lists sections in the order of numbers, then those with letters.
func TestOrderOfSections(t *testing.T) {
	run := &runfile.Run{}
	for _, id := range []cases.ID{"H2.1.1", "10.1.1", "H.1.1", "2.1", "C.1.1"} {
		v := cases.Verdict{Behavior: cases.OK, Close: cases.CloseOK}
		run.Results = append(run.Results, harness.Result{Case: id, Outcome: harness.Pass, Verdict: v})
	}
	dir := t.TempDir()
	if err := WriteSite(dir, []summary.Input{{Run: run}}); err != nil {
		t.Fatal(err)
	}
	index, err := os.ReadFile(filepath.Join(dir, "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	at := -1
	for _, id := range []string{"2", "10", "C", "H", "H2"} {
		i := bytes.Index(index, fmt.Appendf(nil, `<th scope="row"><span class="num">%s</span>`, id))
		if i < at || i < 0 {
			t.Errorf("section %s is not where it should be", id)
		}
		at = i
	}
}

// Both suites have a section about framing, so a page with both says which is whose.
func TestSuitesAreNamed(t *testing.T) {
	heads := func(ids ...cases.ID) int {
		run := &runfile.Run{}
		for _, id := range ids {
			v := cases.Verdict{Behavior: cases.OK, Close: cases.CloseOK}
			run.Results = append(run.Results, harness.Result{Case: id, Outcome: harness.Pass, Verdict: v})
		}
		var page bytes.Buffer
		if err := Write(&page, summary.Input{Run: run}); err != nil {
			t.Fatal(err)
		}
		return bytes.Count(page.Bytes(), []byte(`<tr class="suite">`))
	}
	for _, test := range []struct {
		name string
		ids  []cases.ID
		want int
	}{
		{"one suite", []cases.ID{"1.1.1", "2.1"}, 0},
		{"two suites", []cases.ID{"1.1.1", "2.1", "F.1.4", "H.1.1"}, 2},
	} {
		if got := heads(test.ids...); got != test.want {
			t.Errorf("%s: got %d headings, want %d", test.name, got, test.want)
		}
	}
}
