package autobahn_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/autobahn"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestCatalogueGolden(t *testing.T) {
	var b strings.Builder
	for _, c := range autobahn.All() {
		fmt.Fprintf(&b, "%s %s\n", c.ID, c.Title)
		for _, s := range c.Steps() {
			fmt.Fprintf(&b, "\t%v\n", s)
		}
	}
	const path = "testdata/catalogue.golden"
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, want := strings.Split(b.String(), "\n"), strings.Split(string(golden), "\n")
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("%s:%d:\n got %s\nwant %s", path, i+1, got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %d lines, want %d", len(got), len(want))
	}
}

func TestCatalogueIsComplete(t *testing.T) {
	list := autobahn.All()
	ids, titles := map[cases.ID]bool{}, map[string]cases.ID{}
	for i, c := range list {
		if ids[c.ID] {
			t.Errorf("case %s: id used twice", c.ID)
		}
		ids[c.ID] = true
		if other, used := titles[c.Title]; used {
			t.Errorf("case %s: title of case %s too: %q", c.ID, other, c.Title)
		}
		titles[c.Title] = c.ID
		for field, text := range map[string]string{"Title": c.Title, "Expect": c.Expect} {
			if text == "" || strings.HasSuffix(text, ".") || strings.Contains(text, "%!") || text != strings.TrimSpace(text) {
				t.Errorf("case %s: %s is %q", c.ID, field, text)
			}
		}
		if len(c.RFC) == 0 || len(c.Steps()) == 0 || len(autobahn.Of(c).Codes) == 0 {
			t.Errorf("case %s: got %d RFC sections, %d steps, %d codes; want some of each",
				c.ID, len(c.RFC), len(c.Steps()), len(autobahn.Of(c).Codes))
		}
		if byEvents := autobahn.Of(c).Rule < autobahn.EchoLength; byEvents != (len(autobahn.Of(c).Events) > 0) {
			t.Errorf("case %s: got %d readings under rule %d", c.ID, len(autobahn.Of(c).Events), autobahn.Of(c).Rule)
		}
		if i > 0 && list[i-1].ID.Compare(c.ID) >= 0 {
			t.Errorf("case %s comes after %s", c.ID, list[i-1].ID)
		}
	}
}

func TestSections(t *testing.T) {
	var got []string
	for _, s := range autobahn.Sections() {
		if s.Title == "" {
			t.Errorf("section %s has no title", s.ID)
		}
		got = append(got, s.ID)
	}
	var want []string
	for _, c := range autobahn.All() {
		for _, id := range []string{c.ID.Section(), c.ID.Group()} {
			if !slices.Contains(want, id) {
				want = append(want, id)
			}
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got sections %v, want %v", got, want)
	}
}

func TestFind(t *testing.T) {
	for _, id := range []cases.ID{"1.1.1", "2.10", "6.22.34", "7.13.2", "13.7.18"} {
		if c, ok := autobahn.Find(id); !ok || c.ID != id {
			t.Errorf("Find(%q) = %q, %v", id, c.ID, ok)
		}
	}
	for _, id := range []cases.ID{"", "1.1", "8.1", "14.1.1", "x"} {
		if c, ok := autobahn.Find(id); ok {
			t.Errorf("Find(%q) = %q, want none", id, c.ID)
		}
	}
}

func TestAllIsFresh(t *testing.T) {
	first := autobahn.All()
	first[0].Conns[0].Steps[0] = cases.Ping("")
	autobahn.Of(first[0]).Codes[0] = 0
	autobahn.Of(first[0]).Events[0].Events[0].Len = 7
	first[400].Deflate().Accept[0].MaxWindowBits = 8
	first[0].RFC[0] = ""
	again := autobahn.All()
	if again[0].Steps()[0].String() == "send ping frame, empty" || autobahn.Of(again[0]).Codes[0] == 0 ||
		autobahn.Of(again[0]).Events[0].Events[0].Len == 7 ||
		again[400].Deflate().Accept[0].MaxWindowBits == 8 || again[0].RFC[0] == "" {
		t.Error("a change to one catalogue shows in the next")
	}
}

// Only the order of events decides 5.19, so its pause may end early; in 6.4
// the pause is what the case measures.
func TestPauses(t *testing.T) {
	for _, c := range autobahn.All() {
		for _, s := range c.Steps() {
			pause, ok := s.(cases.Pause)
			if !ok {
				continue
			}
			want := 0
			if c.ID.Section() == "5" {
				want = 1
			}
			if pause.Until != want {
				t.Errorf("case %s: got Until %d, want %d", c.ID, pause.Until, want)
			}
		}
	}
}

func BenchmarkAll(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		autobahn.All()
	}
}

func ExampleFind() {
	c, _ := autobahn.Find("5.15")
	fmt.Println(c.Title)
	for _, s := range c.Steps() {
		fmt.Println("-", s)
	}
	// Output:
	// a message in two fragments, a continuation of nothing, a message
	// - send text frame, "fragment1", FIN clear
	// - send continuation frame, "fragment2"
	// - send continuation frame, "fragment3", FIN clear
	// - send text frame, "fragment4"
	// - fail the connection with 1001 after 1s
}
