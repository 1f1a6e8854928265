package runfile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
)

func TestQuick(t *testing.T) {
	all := []cases.Case{{ID: "1.1.1"}, {ID: "L.1.1", Slow: true}, {ID: "L.1.3"}, {ID: "L.2.4", Slow: true}}
	for _, test := range []struct {
		name             string
		include, exclude []string
		want             []cases.ID
	}{
		{"no pattern", []string{"*"}, nil, []cases.ID{"1.1.1", "L.1.3"}},
		{"a pattern", []string{"L.*"}, nil, []cases.ID{"L.1.1", "L.1.3", "L.2.4"}},
		{"an id beside the star", []string{"*", "L.1.1"}, nil, []cases.ID{"1.1.1", "L.1.1", "L.1.3"}},
		{"one excluded by name", []string{"*"}, []string{"L.1.1"}, []cases.ID{"1.1.1", "L.1.3"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			list, sel, err := Select(slices.Clone(all), test.include, test.exclude)
			if err != nil {
				t.Fatal(err)
			}
			if got := idsOf(sel.Quick(list)); !slices.Equal(got, test.want) || !slices.Equal(sel.Selected, test.want) {
				t.Errorf("got %v, selected %v, want %v", got, sel.Selected, test.want)
			}
		})
	}
}

func TestSelect(t *testing.T) {
	all := []cases.Case{{ID: "1.1.1"}, {ID: "1.1.2"}, {ID: "7.1.1"}}
	list, sel, err := Select(all, []string{"1.*", "7.1.1"}, []string{"1.1.2"})
	want := []cases.ID{"1.1.1", "7.1.1"}
	if err != nil || !slices.Equal(idsOf(list), want) || !slices.Equal(sel.Selected, want) {
		t.Fatalf("got %v, selected %v, %v; want %v", idsOf(list), sel.Selected, err, want)
	}
	if !slices.Equal(sel.Cases, []string{"1.*", "7.1.1"}) || !slices.Equal(sel.Exclude, []string{"1.1.2"}) {
		t.Errorf("the header says %v without %v", sel.Cases, sel.Exclude)
	}
	if len(sel.Catalogue) != 64 || sel.Catalogue != fingerprint([]cases.ID{"9.1.1"}) {
		t.Errorf("catalogue %q is not that of the cases' suite", sel.Catalogue)
	}
	for _, test := range []struct {
		name             string
		include, exclude []string
		unmatched        []string // nil: another error
	}{
		{"an id that is not there", []string{"1.1.1", "1.1.9"}, nil, []string{"1.1.9"}},
		{"a section without a star", []string{"7"}, nil, []string{"7"}},
		{"an exclusion that matches nothing", []string{"*"}, []string{"8.*"}, []string{"8.*"}},
		{"nothing is left", []string{"7.*"}, []string{"7.1.1"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			list, sel, err := Select(all, test.include, test.exclude)
			var lost *UnmatchedError
			switch {
			case list != nil || sel.Selected != nil:
				t.Errorf("selected %v with an error", sel.Selected)
			case test.unmatched == nil && !errors.Is(err, ErrNoCase):
				t.Errorf("got %v, want ErrNoCase", err)
			case test.unmatched != nil && (!errors.As(err, &lost) || !slices.Equal(lost.Patterns, test.unmatched)):
				t.Errorf("got %v, want %v unmatched", err, test.unmatched)
			case test.unmatched != nil && !strings.Contains(err.Error(), test.unmatched[0]):
				t.Errorf("%q does not name the pattern", err)
			}
		})
	}
}

func TestSelectionFor(t *testing.T) {
	server, client := find(t, "M.1.1"), find(t, "M.2.1") // for servers alone, for clients alone
	for _, test := range []struct {
		role cases.Role
		want []cases.ID
	}{
		{cases.Server, []cases.ID{"1.1.1", "M.1.1"}},
		{cases.Client, []cases.ID{"1.1.1", "M.2.1"}},
	} {
		list := []cases.Case{find(t, "1.1.1"), server, client}
		sel := Selection{Selected: append(idsOf(list), "X.99")} // a case that this version does not have stays
		if got := idsOf(sel.For(test.role, list)); !slices.Equal(got, test.want) {
			t.Errorf("%v: got %v, want %v", test.role, got, test.want)
		}
		if want := append(slices.Clone(test.want), "X.99"); !slices.Equal(sel.Selected, want) {
			t.Errorf("%v: selected %v, want %v", test.role, sel.Selected, want)
		}
	}
}

// The shards of a selection are disjoint, together the whole, and each knows the whole.
func TestSelectionCut(t *testing.T) {
	all := catalogue.All()[:10]
	var together []cases.ID
	for k := 1; k <= 3; k++ {
		shard, err := ParseShard(fmt.Sprintf("%d/3", k))
		if err != nil {
			t.Fatal(err)
		}
		sel := Selection{Selected: idsOf(all)}
		list := sel.Cut(&shard, slices.Clone(all))
		if !slices.Equal(sel.Selected, idsOf(list)) || len(list) == 0 {
			t.Errorf("shard %d: selected %v of %v", k, sel.Selected, idsOf(list))
		}
		if !slices.Equal(shard.Whole, idsOf(all)) {
			t.Errorf("shard %d: the whole is %v", k, shard.Whole)
		}
		together = append(together, sel.Selected...)
	}
	slices.SortFunc(together, cases.ID.Compare)
	if !slices.Equal(together, idsOf(all)) {
		t.Errorf("together %v, want %v", together, idsOf(all))
	}
}

func TestRest(t *testing.T) {
	ids := []cases.ID{"1.1.1", "1.1.2", "1.1.3"}
	run := func(played ...cases.ID) *Run {
		r := &Run{Header: Header{Selection: Selection{Selected: ids, Catalogue: "old"}}}
		for _, id := range played {
			r.Results = append(r.Results, harness.Result{Case: id, Outcome: harness.Pass})
		}
		return r
	}
	cut := run("1.1.2")
	cut.Header.Shard = &Shard{Whole: []cases.ID{"1.1.1", "1.1.2", "1.1.3", "H.1.1"}}
	complete := run(ids...)
	complete.Footer = &Footer{}
	killed := run(ids...) // every case was played, the footer was not written
	strange := run("1.1.1")
	strange.Header.Selection.Selected = append(slices.Clone(ids), "X.99")
	for _, test := range []struct {
		name  string
		run   *Run
		want  []cases.ID
		whole []cases.ID // whose suites the fingerprint is of
		err   string
	}{
		{"one was played", run("1.1.2"), []cases.ID{"1.1.1", "1.1.3"}, ids, ""},
		{"none was played", run(), ids, ids, ""},
		{"a shard", cut, []cases.ID{"1.1.1", "1.1.3"}, cut.Header.Shard.Whole, ""},
		{"only the footer is missing", killed, nil, ids, ""},
		{"a complete run", complete, nil, nil, "already complete"},
		{"a case of another version", strange, nil, nil, "does not have all its cases"},
	} {
		t.Run(test.name, func(t *testing.T) {
			list, sel, err := test.run.Rest()
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("got %v, want %q", err, test.err)
				}
				return
			}
			if err != nil || !slices.Equal(idsOf(list), test.want) {
				t.Errorf("got %v, %v; want %v", idsOf(list), err, test.want)
			}
			if !slices.Equal(sel.Selected, ids) || sel.Catalogue != fingerprint(test.whole) {
				t.Errorf("the header has %v of catalogue %.8s, want %v of %.8s", sel.Selected, sel.Catalogue, ids, fingerprint(test.whole))
			}
		})
	}
}

func find(t *testing.T, id cases.ID) cases.Case {
	t.Helper()
	c, ok := catalogue.Find(id)
	if !ok {
		t.Fatalf("there is no case %s", id)
	}
	return c
}
