package ledger_test

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/fixtures/mutants"
	"github.com/wsconform/wsconform/internal/ledger"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares lines with those of a file in testdata.
func golden(t *testing.T, name string, lines []string) {
	t.Helper()
	got := strings.Join(lines, "\n") + "\n"
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got), -update writes it:\n%s", path, diff)
	}
}

// Ids are names that files of users may hold: none is ever lost or changed.
func TestIDsAreFrozen(t *testing.T) {
	var ids []string
	for _, r := range ledger.All() {
		ids = append(ids, fmt.Sprintf("%s %s %s %s %s", r.ID, r.Ref, r.Level, r.Role, r.Test))
	}
	slices.Sort(ids)
	golden(t, "ids.golden", ids)
	for i, line := range ids[1:] {
		if id, _, _ := strings.Cut(line, " "); strings.HasPrefix(ids[i], id+" ") {
			t.Errorf("%s is there twice", id)
		}
	}
}

func TestRequirements(t *testing.T) {
	levels := []ledger.Level{ledger.Must, ledger.MustNot, ledger.Should, ledger.ShouldNot, ledger.May}
	roles := []ledger.Role{ledger.Client, ledger.Server, ledger.Both, ledger.Intermediary}
	words := map[string]string{}
	for _, r := range ledger.All() {
		if !regexp.MustCompile(`^(RFC|ERRATA)\d+-[A-Za-z0-9.-]+$|^(IANA-CLOSE|WHATWG-WS)-[a-z0-9-]+$`).MatchString(r.ID) {
			t.Errorf("%s: not an id", r.ID)
		}
		if document, ok := strings.CutPrefix(r.Ref, "RFC "); ok {
			number, _, _ := strings.Cut(document, " ")
			if !strings.HasPrefix(r.ID, "RFC"+number+"-") && !strings.HasPrefix(r.ID, "ERRATA"+number+"-") {
				t.Errorf("%s stands in %s", r.ID, r.Ref)
			}
			if ledger.URL(r.Ref) == "" {
				t.Errorf("%s: %q is not the name of a section", r.ID, r.Ref)
			}
		}
		if !slices.Contains(levels, r.Level) || !slices.Contains(roles, r.Role) {
			t.Errorf("%s: level %q, role %q", r.ID, r.Level, r.Role)
		}
		if (r.Test == ledger.Never) != (ledger.Unobservable(r.ID) != "") {
			t.Errorf("%s: its test is %s, and the reason %q", r.ID, r.Test, ledger.Unobservable(r.ID))
		}
		if !strings.HasSuffix(r.Words, ".") && !strings.HasSuffix(r.Words, ").") || len(r.Words) > 200 {
			t.Errorf("%s: its words are no sentence: %q", r.ID, r.Words)
		}
		if other := words[r.Words]; other != "" {
			t.Errorf("%s has the words of %s", r.ID, other)
		}
		words[r.Words] = r.ID
		if found, ok := ledger.Find(r.ID); !ok || found != r {
			t.Errorf("%s is not found", r.ID)
		}
	}
	if _, ok := ledger.Find("RFC6455-99-nothing"); ok {
		t.Error("a requirement is found that is not there")
	}
}

// sources are the Go files of the module but those of this folder.
func sources(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "ledger" || d.Name() == "agents" || strings.HasPrefix(d.Name(), ".") && len(d.Name()) > 2) {
			return fs.SkipDir
		}
		if filepath.Ext(path) == ".go" {
			p, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			files[path] = string(p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Whatever names a requirement or a section, in any file, names one that there is.
func TestNamesExist(t *testing.T) {
	id := regexp.MustCompile(`"((?:RFC\d+|ERRATA\d+|IANA-CLOSE|WHATWG-WS)-[A-Za-z0-9.-]+)"`)
	ref := regexp.MustCompile(`"(RFC \d{4} \d[\d.]*)"`)
	ids, refs := 0, 0
	for path, text := range sources(t) {
		for _, m := range id.FindAllStringSubmatch(text, -1) {
			ids++
			if _, ok := ledger.Find(m[1]); !ok {
				t.Errorf("%s: there is no requirement %s", path, m[1])
			}
		}
		for _, m := range ref.FindAllStringSubmatch(text, -1) {
			refs++
			if !holds(m[1]) {
				t.Errorf("%s: no requirement stands in %s", path, m[1])
			}
		}
	}
	if ids < 100 || refs < 30 {
		t.Errorf("found %d ids and %d sections, want more: are the sources still there?", ids, refs)
	}
}

// holds reports whether a section or a part of it has a requirement.
func holds(ref string) bool {
	return slices.ContainsFunc(ledger.All(), func(r ledger.Requirement) bool {
		return r.Ref == ref || strings.HasPrefix(r.Ref, ref+".")
	}) || ledger.Section(ref) != ""
}

// Each section that decides a case has words for the reports.
func TestSectionsOfCases(t *testing.T) {
	for _, c := range catalogue.All() {
		for _, ref := range c.RFC {
			if ledger.Section(ref) == "" {
				t.Errorf("case %s: there are no words for %s", c.ID, ref)
			}
		}
	}
}

func TestAutobahn(t *testing.T) {
	decided := map[string]bool{}
	for _, c := range catalogue.All() {
		for _, id := range ledger.Autobahn(string(c.ID)) {
			decided[id] = true
			if _, ok := ledger.Find(id); !ok {
				t.Errorf("case %s: there is no requirement %s", c.ID, id)
			}
		}
	}
	if len(decided) != 66 {
		t.Errorf("Autobahn's cases decide %d requirements, want 66", len(decided))
	}
	want := []string{"RFC6455-5.4-no-interleave", "RFC6455-5.4-fragment-type"}
	if diff := cmp.Diff(want, ledger.Autobahn("5.18")); diff != "" {
		t.Errorf("case 5.18 (-want +got):\n%s", diff)
	}
}

// What nothing looks at is listed. A requirement that can be observed leaves the list
// when a case decides it or a mutant breaks it, and none joins it unnoticed.
func TestUncovered(t *testing.T) {
	covered := map[string]bool{}
	for _, m := range mutants.All() {
		for _, id := range m.Breaks {
			covered[id] = true
		}
	}
	for _, c := range catalogue.All() {
		for _, id := range slices.Concat(c.Requirements, ledger.Autobahn(string(c.ID))) {
			covered[id] = true
		}
	}
	var list []string
	for _, r := range ledger.All() {
		if !covered[r.ID] && r.Test != ledger.Never {
			list = append(list, fmt.Sprintf("%s %s", r.ID, r.Level))
		}
	}
	slices.Sort(list)
	golden(t, "uncovered.golden", list)
	t.Logf("%d of %d requirements are covered, %d cannot be, %d wait", len(ledger.All())-len(list)-22, len(ledger.All()), 22, len(list))
}

func Example() {
	r, _ := ledger.Find("RFC6455-5.4-no-interleave")
	fmt.Println(r.Ref, r.Level, r.Role)
	fmt.Println(r.Words)
	// Output:
	// RFC 6455 5.4 MUST NOT both
	// One message ends before the next begins, unless an extension changes that.
}
