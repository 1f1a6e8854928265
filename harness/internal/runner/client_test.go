package runner

import (
	"context"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
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

// lonely is an endpoint to which no driver comes.
type lonely struct{}

func (lonely) Expect([]cases.Case) {}
func (lonely) Finished(cases.Case) {}

func (lonely) Late() bool { return false }

func (lonely) Parts(list []cases.Case) [][]cases.Case { return [][]cases.Case{list} }

func (lonely) Serve(context.Context, Driver, []cases.Case, Events) error {
	return syscall.EADDRNOTAVAIL
}

// That a driver cannot be started for want of resources is our fault, also where other
// workers started theirs.
func TestDriverWithoutResources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var got []harness.Outcome
		r := &clientRun{
			endpoint: lonely{}, driver: Driver{Command: []string{"true"}},
			emit: func(r harness.Result) { got = append(got, r.Outcome) }, stop: stop,
		}
		r.report.Agent = "that of another worker"
		r.worker(ctx, []cases.Case{find(t, "1.1.1")})
		if !harness.OutOfResources(r.broken) || r.dead != nil || !slices.Equal(got, []harness.Outcome{harness.NotRun}) {
			t.Errorf("got error %v, outcomes %v, want one that says what we ran out of, and not-run", r.broken, got)
		}
	})
}
