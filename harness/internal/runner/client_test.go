package runner

import (
	"context"
	"errors"
	"maps"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/pattern"
)

func TestBalance(t *testing.T) {
	list, err := pattern.Select(catalogue.All(), []string{"12.*", "13.*"}, nil)
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

// A failing endpoint serves cases to a driver that needs no server: its URL says how it has
// to end. It fails at the calls of Serve that are named.
type failing struct {
	lonely
	guilty cases.ID // at which the driver crashes
	fails  []int
	calls  int
}

func (*failing) Late() bool { return true }

func (e *failing) Serve(ctx context.Context, _ Driver, list []cases.Case, on Events) error {
	if e.calls++; slices.Contains(e.fails, e.calls) {
		return errors.New("the container did not start")
	}
	url := "ws://127.0.0.1:1/fine"
	if slices.ContainsFunc(list, func(c cases.Case) bool { return c.ID == e.guilty }) {
		url = "ws://127.0.0.1:1/crash"
	}
	for _, c := range list {
		on.Started("driver", c)
	}
	on.Ready(url)
	<-ctx.Done()
	for _, c := range list {
		on.Result("driver", harness.Result{Case: c.ID, Outcome: harness.Pass})
	}
	return nil
}

// A replay at which we fail blames nobody: it is done again. If we fail at that, too, the run
// ends.
func TestReplayFails(t *testing.T) {
	list := []cases.Case{find(t, "1.1.1"), find(t, "1.1.2"), find(t, "1.1.3")}
	for _, test := range []struct {
		fails []int // the first play is 1, then come the usual end, the last case, and those before
		want  map[cases.ID]harness.Outcome
	}{
		{[]int{4}, map[cases.ID]harness.Outcome{"1.1.1": harness.Crash, "1.1.2": harness.Pass, "1.1.3": harness.Pass}},
		{[]int{4, 5}, map[cases.ID]harness.Outcome{"1.1.1": harness.Pass, "1.1.2": harness.Pass, "1.1.3": harness.Pass}},
	} {
		ctx, stop := context.WithCancel(t.Context())
		got := map[cases.ID]harness.Outcome{}
		endpoint := &failing{guilty: "1.1.1", fails: test.fails}
		r := &clientRun{
			run:      run{shared: endpoint, emit: func(r harness.Result) { got[r.Case] = r.Outcome }},
			endpoint: endpoint, stop: stop,
			driver: Driver{Command: []string{"sh", "-c", "case {url} in *crash) exit 134; esac"}},
		}
		r.worker(ctx, list)
		if !maps.Equal(got, test.want) || (r.broken != nil) != (len(test.fails) > 1) {
			t.Errorf("failures at %v: got %v, error %v, want %v", test.fails, got, r.broken, test.want)
		}
		stop()
	}
}

// single is an endpoint that hands out the first of its cases only.
type single struct{ lonely }

func (single) Late() bool { return true }

func (single) Serve(ctx context.Context, _ Driver, list []cases.Case, on Events) error {
	on.Started("driver", list[0])
	on.Ready("ws://127.0.0.1:1")
	<-ctx.Done()
	on.Result("driver", harness.Result{Case: list[0].ID, Outcome: harness.Pass})
	return nil
}

// A driver may play one case per start, as often as that takes.
func TestOneCasePerStart(t *testing.T) {
	list := []cases.Case{find(t, "1.1.1"), find(t, "1.1.2"), find(t, "1.1.3"), find(t, "1.1.4"), find(t, "1.1.5")}
	got := map[cases.ID]harness.Outcome{}
	r := &clientRun{
		run:      run{shared: single{}, emit: func(r harness.Result) { got[r.Case] = r.Outcome }},
		endpoint: single{}, driver: Driver{Command: []string{"true"}},
	}
	r.worker(t.Context(), list)
	for _, c := range list {
		if got[c.ID] != harness.Pass {
			t.Errorf("%s: got %v, want pass", c.ID, got[c.ID])
		}
	}
	if r.failure != nil || r.report.Starts != len(list) {
		t.Errorf("got %d starts, error %v, want %d", r.report.Starts, r.failure, len(list))
	}
}

// That a driver cannot be started for want of resources is our fault, also where other
// workers started theirs.
func TestDriverWithoutResources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var got []harness.Outcome
		r := &clientRun{
			run:      run{shared: lonely{}, emit: func(r harness.Result) { got = append(got, r.Outcome) }},
			endpoint: lonely{}, driver: Driver{Command: []string{"true"}}, stop: stop,
		}
		r.report.Agent = "that of another worker"
		r.worker(ctx, []cases.Case{find(t, "1.1.1")})
		if !harness.OutOfResources(r.broken) || r.dead != nil || !slices.Equal(got, []harness.Outcome{harness.NotRun}) {
			t.Errorf("got error %v, outcomes %v, want one that says what we ran out of, and not-run", r.broken, got)
		}
	})
}

// A driver that is quick asks for reports before its start has returned to us.
func TestReportsBeforeTheStartReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSession(&clientRun{driver: Driver{Command: []string{"/nowhere/driver"}}}, nil, nil)
		s.replay = true
		answered := make(chan error, 1)
		go func() { answered <- s.update("a") }()
		synctest.Wait()
		if len(answered) > 0 {
			t.Errorf("answered before the start had returned")
		}
		if err := s.start("ws://127.0.0.1:1"); err == nil {
			t.Errorf("started a program that does not exist")
		}
		if err := <-answered; err != nil {
			t.Error(err)
		}
	})
}
