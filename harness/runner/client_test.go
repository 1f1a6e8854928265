package runner

import (
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
)

func TestBalance(t *testing.T) {
	list, err := cases.Select(catalogue.All(), []string{"12.*", "13.*"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	place := make(map[cases.ID]int)
	for i, c := range list {
		place[c.ID] = i
	}
	seen, total := 0, 0
	for _, c := range list {
		total += c.Cost()
	}
	for i, hand := range balance(list, 3) {
		load := 0
		for j, c := range hand {
			load += c.Cost()
			if j > 0 && place[c.ID] < place[hand[j-1].ID] {
				t.Errorf("hand %d: %s comes behind %s", i, c.ID, hand[j-1].ID)
			}
		}
		seen += len(hand)
		if share := float64(load) / float64(total); share < 0.32 || share > 0.35 {
			t.Errorf("hand %d has %.2f of the load, want a third", i, share)
		}
	}
	if seen != len(list) {
		t.Errorf("got %d cases, want %d", seen, len(list))
	}
}
