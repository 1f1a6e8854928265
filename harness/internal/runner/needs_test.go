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

// A peer that ends connections at one kind of message is not blamed for the other.
func TestRefusesKind(t *testing.T) {
	text := cases.Case{Conns: []cases.Conn{{Steps: []cases.Step{cases.Text("x")}}}}
	binary := cases.Case{Conns: []cases.Conn{{Steps: []cases.Step{cases.Binary("x")}}}}
	for _, test := range []struct {
		c       cases.Case
		refuses []string
		want    bool
	}{
		{text, nil, false},
		{text, []string{"text"}, true},
		{text, []string{"binary"}, false},
		{binary, []string{"text"}, false},
		{binary, []string{"binary"}, true},
	} {
		if got := refusesKind(test.c, harness.Peer{Refuses: test.refuses}); (got != "") != test.want {
			t.Errorf("a peer that refuses %q: got %q, want a reason: %t", test.refuses, got, test.want)
		}
	}
}
