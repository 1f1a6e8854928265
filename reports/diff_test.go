package reports_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/reports"
)

// What peers chose is as harmless in a diff as in a report.
func TestDiffHostile(t *testing.T) {
	old, new := hostile(), hostile()
	new.Header.Agent.Name += "2"
	new.Results[0].Outcome = harness.Crash
	new.Results[3].Outcome, new.Results[3].Verdict = harness.Pass, cases.Verdict{Behavior: cases.OK, Close: cases.CloseOK}
	d := harness.DiffRuns(old, new)
	for _, f := range reports.DiffFormats {
		t.Run(f.Name, func(t *testing.T) {
			var buf bytes.Buffer
			if err := f.Write(&buf, d); err != nil {
				t.Fatal(err)
			}
			got := buf.String()
			if f.Name == "json" {
				if !json.Valid(buf.Bytes()) {
					t.Error("no JSON")
				}
				return
			}
			for _, bad := range []string{"\u202e", "\x1b", "\x07", "\x00", "\xff"} {
				if strings.Contains(got, bad) {
					t.Errorf("holds %q", bad)
				}
			}
			if f.Name == "markdown" && (strings.Contains(got, "<script") || strings.Contains(got, "](javascript")) {
				t.Errorf("markup of the peer:\n%s", got)
			}
		})
	}
}
