package runner

import (
	"slices"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
)

func TestPlayable(t *testing.T) {
	list := []cases.Case{
		{ID: "a"},
		{ID: "b", Roles: []cases.Role{cases.Client}},
		{ID: "c", Needs: []cases.Need{cases.NeedDeflate}}, // shown by the negotiation itself
		{ID: "d", Needs: []cases.Need{cases.NeedDeflate, cases.NeedSubprotocol}},
	}
	for _, test := range []struct {
		role     cases.Role
		declared []cases.Need
		want     []cases.ID
	}{
		{cases.Server, nil, []cases.ID{"a", "c"}},
		{cases.Client, nil, []cases.ID{"a", "b", "c"}},
		{cases.Server, []cases.Need{cases.NeedSubprotocol}, []cases.ID{"a", "c", "d"}},
	} {
		play, rest := playable(list, test.role, harness.NewPeer(true, test.declared, nil))
		var got []cases.ID
		for _, c := range play {
			got = append(got, c.ID)
		}
		if !slices.Equal(got, test.want) || len(play)+len(rest) != len(list) {
			t.Errorf("%v with %v: got %v and %d others, want %v", test.role, test.declared, got, len(rest), test.want)
		}
		for _, r := range rest {
			if r.Outcome != harness.Unsupported || !r.Unplayed || r.Note == "" {
				t.Errorf("got %+v, want an unsupported case and why", r)
			}
		}
	}
}
