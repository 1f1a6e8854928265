package autobahn

import (
	"slices"
	"testing"

	"github.com/wsconform/wsconform/cases"
)

// Each place of the tables has cases.
func TestTables(t *testing.T) {
	lost := func(place string) bool {
		return !slices.ContainsFunc(All(), func(c cases.Case) bool { return in(c.ID, []string{place}) })
	}
	for _, s := range shows {
		if i := slices.IndexFunc(s.in, lost); i >= 0 {
			t.Errorf("%s: no case is in %s", s.what, s.in[i])
		}
	}
	for _, d := range disputed {
		if i := slices.IndexFunc(d.in, lost); i >= 0 {
			t.Errorf("%q: no case is in %s", d.words, d.in[i])
		}
	}
	for id, want := range map[cases.ID][]string{"1.1.1": nil, "1.1.2": {"echoes text"}, "2.10": {"pongs"}, "2.1": nil, "6.4.1": {"bad text", "bad text in a frame of its own"}, "6.2.1": nil} {
		if c, _ := Find(id); !slices.Equal(c.Shows, want) {
			t.Errorf("case %s shows %q, want %q", id, c.Shows, want)
		}
	}
}

// The reason of one case is no text.
func TestHexReason(t *testing.T) {
	for _, c := range All() {
		if got, want := HexReason(c), c.ID == "7.5.1"; got != want {
			t.Errorf("case %s: got %t, want %t", c.ID, got, want)
		}
	}
}

// Echoes are counted in sections 9, 12 and 13.
func TestCounts(t *testing.T) {
	for _, c := range All() {
		if got, want := Counts(c), slices.Contains([]string{"9", "12", "13"}, c.ID.Section()); got != want {
			t.Errorf("case %s: got %t, want %t", c.ID, got, want)
		}
	}
}
