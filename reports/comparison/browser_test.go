package comparison_test

import (
	"path/filepath"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/browsertest"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// writeForBrowser writes a site of an agent under both engines, which differ, one
// that could not be built, and one that is being played.
func writeForBrowser(t *testing.T) written {
	t.Helper()
	good, bad := transcript.Transcript{}, transcript.Transcript{RemoteClose: true, RemoteCode: wsproto.StatusProtocolError}
	flaky := result("3.2", cases.NonStrict, cases.CloseWrongCode, bad)
	flaky.Varied = []cases.Verdict{{Behavior: cases.OK, Close: cases.CloseOK}, flaky.Verdict}
	native := run("gopher", "native", result("1.1.1", cases.OK, cases.CloseOK, good), flaky, result("5.15", cases.Failed, cases.CloseFailed, bad), result("9.1.1", cases.OK, cases.CloseOK, good),
		harness.Result{Case: "12.1.1", Outcome: harness.Timeout, Note: "no verdict in time"})
	autobahn := run("gopher", "autobahn", result("1.1.1", cases.OK, cases.CloseOK, good), result("5.15", cases.OK, cases.CloseOK, bad))
	other := run("badger", "native", result("1.1.1", cases.OK, cases.CloseOK, good), result("5.15", cases.Unimplemented, cases.CloseOK, good), result("H.1.3", cases.Failed, "", good))
	broken := run("crab", "native")
	broken.Header.Selection.Selected = []cases.ID{"1.1.1"}
	broken.Footer = &runfile.Footer{Cause: harness.CauseBuild, Error: "exit status 1"}
	running := filepath.Join(t.TempDir(), "run.jsonl")
	w, err := runfile.Create(running, run("snail", "native").Header)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := w.Close(nil); err != nil {
			t.Error(err)
		}
	})
	files := []string{running}
	for _, r := range []*runfile.Run{native, autobahn, other, broken} {
		inputs, err := filepath.Glob(filepath.Join(filepath.Dir(write(t, r).dir), "in", "*"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, inputs...)
	}
	return siteOf(t, t.TempDir(), files...)
}

// looks are the views of the site, and what a reader must see there.
var looks = []struct {
	view browsertest.View
	want []string
}{
	{browsertest.View{}, []string{"gopher", "badger", "crab", "snail", "it does not build", "the run was interrupted or has not ended"}},
	{browsertest.View{Width: 400, Dark: true}, []string{"gopher", "badger", "crab", "snail"}},
	{browsertest.View{Fragment: "#row=go-gopher-server-native"}, []string{"gopher 1.2.3, server", "5.15", "why 5.15", "Provenance"}},
	{browsertest.View{Fragment: "#case=5.15", Dark: true}, []string{"Case 5.15", "FAILED / FAILED", "gopher", "badger"}},
	{browsertest.View{Fragment: "#section=5"}, []string{"Section 5: Fragmentation", "gopher", "5.15"}},
	{browsertest.View{Fragment: "#case=H.1.3"}, []string{"Case H.1.3", "badger", "why H.1.3", "Opening handshake"}},
	{browsertest.View{Fragment: "#suite=rfc"}, []string{"badger", "Suite", "0.0 %"}},
	{browsertest.View{Fragment: "#rfc"}, []string{"RFC 6455 5.4"}},
	{browsertest.View{Fragment: "#faults"}, []string{"Why cases fail"}},
	{browsertest.View{Fragment: "#behavior", Width: 400}, []string{"How they behave", "gopher"}},
	{browsertest.View{Fragment: "#deflate"}, []string{"Compression parameters"}},
	{browsertest.View{Fragment: "#limits"}, []string{"Limits and speed", "gopher"}},
	{browsertest.View{Fragment: "#engines"}, []string{"gopher", "FAILED / FAILED"}},
}

// Each view is there to be seen, without an error of a script.
func TestBrowserShows(t *testing.T) {
	browser := browsertest.Start(t)
	site := writeForBrowser(t)
	for _, row := range looks {
		t.Run("index"+row.view.Name(), func(t *testing.T) {
			browser.Open(t, filepath.Join(site.dir, "index.html"), row.view).Check(t, row.want...)
		})
	}
	alone := filepath.Join(t.TempDir(), "none.jsonl")
	w, err := runfile.Create(alone, run("snail", "native").Header)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close(nil) // it has no verdict
	t.Run("the first row has no verdict yet", func(t *testing.T) {
		lone := siteOf(t, t.TempDir(), alone)
		browser.Open(t, filepath.Join(lone.dir, "index.html"), browsertest.View{}).Check(t, "snail", "has not ended")
	})
}

func TestBrowserAccessibility(t *testing.T) {
	axe := browsertest.Axe(t)
	browser := browsertest.Start(t)
	site := writeForBrowser(t)
	for _, row := range looks {
		t.Run("index"+row.view.Name(), func(t *testing.T) {
			for _, v := range browser.Open(t, filepath.Join(site.dir, "index.html"), row.view).Violations(t, axe) {
				t.Errorf("%s (%s): %d elements, such as %.200s", v.ID, v.Impact, len(v.Nodes), v.Nodes[0])
			}
		})
	}
}
