package native

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/cases/rfc"
	"github.com/wsconform/wsconform/fixtures/mutants"
	"github.com/wsconform/wsconform/internal/ledger"
)

var updateMusts = flag.Bool("musts.update", false, "write the list of requirements without a killing case")

const mustsFile = "testdata/unkilled.golden"

// TestMusts looks for requirements at the level of MUST that a connection shows, and
// that no case proves: a case that names the requirement and kills a mutant that breaks
// it. TestRFC and TestMutants see to it that those kills happen. The list of exceptions
// may only get shorter.
func TestMusts(t *testing.T) {
	killed := map[string]bool{}
	prove := func(requirements []string, name string) {
		m, _ := mutants.Find(name)
		for _, id := range m.Breaks {
			killed[id] = killed[id] || slices.Contains(requirements, id)
		}
	}
	for _, c := range rfc.All() {
		for _, name := range killers[c.ID] {
			prove(c.Requirements, name)
		}
	}
	for _, role := range []mutants.Roles{mutants.Server, mutants.Client} {
		for _, m := range mutants.Catalogue() {
			if !m.Roles.Has(role) {
				continue
			}
			_, differing := readGolden(t, m, role)
			for id, v := range differing {
				if v != nil {
					prove(ledger.Autobahn(string(id)), m.Name)
				}
			}
		}
	}
	var open []string
	all := 0
	for _, r := range ledger.All() {
		if (r.Level == ledger.Must || r.Level == ledger.MustNot) && r.Test == ledger.Wire && r.Role != ledger.Intermediary {
			all++
			if !killed[r.ID] {
				open = append(open, r.ID)
			}
		}
	}
	slices.Sort(open)
	if *updateMusts {
		if err := os.MkdirAll(filepath.Dir(mustsFile), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(mustsFile, []byte(strings.Join(open, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(mustsFile)
	if err != nil {
		t.Fatal(err)
	}
	excused := strings.Fields(string(text))
	for _, id := range open {
		if !slices.Contains(excused, id) {
			t.Errorf("%s: no case that names it kills a mutant that breaks it", id)
		}
	}
	for _, id := range excused {
		if !slices.Contains(open, id) {
			t.Logf("%s has a killing case now: -musts.update takes it off the list", id)
		}
	}
	t.Logf("%d of %d requirements have a killing case, %d wait", all-len(open), all, len(open))
}
