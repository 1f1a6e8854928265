package main

import (
	"slices"
	"testing"

	"github.com/wsconform/wsconform/reports"
)

// The words of --fail-on.
func TestChangeKinds(t *testing.T) {
	for _, test := range []struct {
		words []string
		want  []reports.ChangeKind
		bad   bool
	}{
		{[]string{"none"}, nil, false},
		{[]string{"any"}, reports.ChangeKinds, false},
		{[]string{"new"}, []reports.ChangeKind{"new"}, false},
		{[]string{"fixed", "gone"}, []reports.ChangeKind{"fixed", "gone"}, false},
		{[]string{"any", "new"}, nil, true},
		{[]string{"worse"}, nil, true},
	} {
		got, err := changeKinds(test.words)
		if !slices.Equal(got, test.want) || (err != nil) != test.bad {
			t.Errorf("%q: got %q, error %v; want %q", test.words, got, err, test.want)
		}
	}
	flag := diffCommand().Flags().Lookup("fail-on")
	if flag.DefValue != "[regressed,gone]" {
		t.Errorf("--fail-on is %s unless given, want regressed and gone", flag.DefValue)
	}
}
