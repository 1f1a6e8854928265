package harness

import (
	"slices"
	"testing"

	"github.com/wsconform/wsconform/cases"
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
