package reports_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/reports"
)

// TestLook writes pages to look at into the folder that WSCONFORM_LOOK names.
func TestLook(t *testing.T) {
	dir := os.Getenv("WSCONFORM_LOOK")
	if dir == "" {
		t.Skip("WSCONFORM_LOOK names no folder")
	}
	client := harness.Agent{Name: "hostile </script> ../../x \u202eabc\u0007", Version: "\u05d0\u05d1\u05d2", Role: cases.Client, Command: []string{"./drive", "{url}", "it's"}}
	runs := map[string]*runfile.Run{
		"good":    synthetic{agent: server("wsconform reference", "0.1.0"), engine: autobahnEngine()}.run(),
		"faults":  synthetic{agent: server("fragile-ws", "4.2.1"), engine: autobahnEngine(), fault: someFaults}.run(),
		"partial": synthetic{agent: client, engine: runfile.Engine{Name: "native", Version: "0.1.0"}, cutOff: 317}.run(),
		"suites":  twoSuites(),
		"worst":   synthetic{agent: server("worst", ""), engine: autobahnEngine(), fault: everyFault}.run(),
	}
	var all []reports.Input
	for _, name := range []string{"good", "faults", "partial", "worst", "suites"} {
		if err := reports.Write(filepath.Join(dir, name), reports.Input{Run: runs[name]}); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(dir, name, "index.html"))
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes", name, info.Size())
		all = append(all, reports.Input{Run: runs[name]})
	}
	if err := reports.WriteSite(filepath.Join(dir, "site"), all); err != nil {
		t.Fatal(err)
	}
}
