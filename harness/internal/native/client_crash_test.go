//go:build unix

package native

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/pattern"
)

// crashesInRow is how often a driver may crash without a verdict in between; see package
// runner.
const crashesInRow = 10

// testFlawed plays cases against a driver with a flaw. The last result of each case
// counts.
func testFlawed(t *testing.T, f flaw, d runner.Driver, o Options, patterns ...string) (map[cases.ID]harness.Result, error) {
	t.Helper()
	list, err := pattern.Select(catalogue.All(), patterns, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.Command = []string{"env", flawVariable + "=" + f.String(), os.Args[0], "{url}"}
	results := map[cases.ID]harness.Result{}
	_, err = TestClient(t.Context(), d, list, o, func(r harness.Result) { results[r.Case] = r })
	if len(results) != len(list) {
		t.Errorf("got results of %d cases, want %d", len(results), len(list))
	}
	return results, err
}

// The case at which a driver crashes is found, whatever the way in which it ends and
// however late, and no other is blamed.
func TestClientCrash(t *testing.T) {
	playsMany(t)
	list, err := pattern.Select(catalogue.All(), []string{"1.*", "5.*"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	status := map[string]string{"SEGV": "segmentation fault", "ABRT": "aborted", "KILL": "killed", "1": "exit status 1", "134": "exit status 134"}
	slots := make(chan struct{}, 5) // drivers mostly wait
	var running sync.WaitGroup
	defer running.Wait()
	for _, when := range []string{"opened", "closed", "later", "end"} {
		for _, how := range slices.Sorted(maps.Keys(status)) {
			f := flaw{Case: list[random.IntN(len(list))].ID, When: when, How: how}
			slots <- struct{}{}
			running.Go(func() {
				defer func() { <-slots }()
				results, err := testFlawed(t, f, runner.Driver{}, Options{}, "1.*", "5.*")
				if err != nil {
					t.Errorf("%v: got error %v", f, err)
				}
				for id, r := range results {
					switch {
					case id == f.Case && (r.Outcome != harness.Crash || !strings.Contains(r.Note, status[how])):
						t.Errorf("%v: case %s, at which the driver ends: got %s, want a crash by %s", f, id, r.Summary(), status[how])
					case id != f.Case && r.Outcome != harness.Pass:
						t.Errorf("%v: case %s: got %s, want a pass", f, id, r.Summary())
					}
				}
			})
		}
	}
}

// The case is found also if it is the one that shows first how the driver usually ends.
func TestClientCrashLaterInFirst(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a client again and again")
	}
	f := flaw{Case: "1.1.1", When: "later", How: "KILL"}
	results, err := testFlawed(t, f, runner.Driver{}, Options{Options: runner.Options{Parallel: 1}}, "1.1.*")
	if r := results["1.1.1"]; err != nil || r.Outcome != harness.Crash {
		t.Errorf("got %s, error %v, want a crash", r.Summary(), err)
	}
	if counts := count(results); counts[harness.Pass] != len(results)-1 {
		t.Errorf("got %v, want passes for the others", counts)
	}
}

// A driver that ends after each case is given up.
func TestClientCrashesAlways(t *testing.T) {
	results, err := testFlawed(t, flaw{When: "closed", How: "SEGV"}, runner.Driver{}, Options{Options: runner.Options{Parallel: 1}}, "1.*")
	counts := count(results)
	if dead := new(harness.UntestableError); !errors.As(err, &dead) || dead.Cause != harness.CauseCrash {
		t.Errorf("got error %v, want an UntestableError of a crash", err)
	}
	if most := crashesInRow + 1; counts[harness.Crash] != most || counts[harness.NotRun] != 16-most {
		t.Errorf("got %v, want %d crashes and the rest not run", counts, most)
	}
}

// One that crashes often and comes to verdicts in between is not.
func TestClientCrashesOften(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a client again and again")
	}
	results, err := testFlawed(t, flaw{Every: 3, When: "opened", How: "SEGV"}, runner.Driver{}, Options{Options: runner.Options{Parallel: 1}}, "1.*", "2.*", "5.*", "7.1.*")
	counts := count(results)
	if err != nil || counts[harness.Crash] <= crashesInRow || counts[harness.Crash]+counts[harness.Pass] != len(results) {
		t.Errorf("got %v, error %v, want more than %d crashes and passes for the rest", counts, err, crashesInRow)
	}
}

// An exit status that says nothing of a case is no crash of one.
func TestClientExitStatus(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a client again and again")
	}
	always := flaw{When: "end", How: "3"}
	results, err := testFlawed(t, always, runner.Driver{}, Options{}, "1.*")
	if dead := new(harness.UntestableError); !errors.As(err, &dead) || !strings.Contains(err.Error(), "--allow-exit 3") {
		t.Errorf("got error %v, want an UntestableError that says what to do", err)
	}
	if counts := count(results); counts[harness.Pass] != 16 {
		t.Errorf("got %v, want 16 passes", counts)
	}
	results, err = testFlawed(t, always, runner.Driver{AllowedExits: []int{3}}, Options{}, "1.*")
	if counts := count(results); err != nil || counts[harness.Pass] != 16 {
		t.Errorf("an exit status that is allowed: got %v, error %v, want 16 passes", counts, err)
	}
	results, err = testFlawed(t, flaw{Case: "1.1.3", When: "closed", How: "4"}, runner.Driver{AllowedExits: []int{3}}, Options{}, "1.*")
	if counts := count(results); err != nil || results["1.1.3"].Outcome != harness.Crash || counts[harness.Pass] != 15 {
		t.Errorf("another exit status: got %v, error %v, want a crash and 15 passes", counts, err)
	}
}

// A crash that does not come again is still named, at the case under way.
func TestClientCrashesOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a client again and again")
	}
	f := flaw{Case: "1.1.5", When: "opened", How: "ABRT", After: filepath.Join(t.TempDir(), "crashed")}
	results, err := testFlawed(t, f, runner.Driver{}, Options{Options: runner.Options{Parallel: 1}}, "1.*")
	if r := results["1.1.5"]; err != nil || r.Outcome != harness.Crash || !strings.Contains(r.Note, "did not when they were played again") {
		t.Errorf("got %s, error %v, want a crash that did not come again", r.Summary(), err)
	}
	if counts := count(results); counts[harness.Pass] != 15 {
		t.Errorf("got %v, want 15 passes", counts)
	}
}

// The first verdict of a case that a driver plays twice counts.
func TestClientPlaysTwice(t *testing.T) {
	list, err := pattern.Select(catalogue.All(), []string{"1.1.*"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	d := runner.Driver{Command: []string{"env", flawVariable + "=" + flaw{When: "never", Again: true}.String(), os.Args[0], "{url}"}}
	times := map[cases.ID]int{}
	if _, err = TestClient(t.Context(), d, list, Options{Options: runner.Options{Parallel: 1}}, func(r harness.Result) { times[r.Case]++ }); err != nil {
		t.Error(err)
	}
	for _, c := range list {
		if times[c.ID] != 1 {
			t.Errorf("case %s: got %d results, want 1", c.ID, times[c.ID])
		}
	}
}

// The end of a run that is interrupted is no crash of the cases under way.
func TestClientInterrupted(t *testing.T) {
	list, err := pattern.Select(catalogue.All(), []string{"6.4.*"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	d := runner.Driver{Command: []string{"env", flawVariable + "=" + flaw{When: "never"}.String(), os.Args[0], "{url}"}}
	counts := map[harness.Outcome]int{}
	_, err = TestClient(ctx, d, list, Options{Options: runner.Options{Started: func(cases.Case) { cancel() }}}, func(r harness.Result) { counts[r.Outcome]++ })
	if !errors.Is(err, context.Canceled) || counts[harness.NotRun] != len(list) || len(counts) != 1 {
		t.Errorf("got %v, error %v, want %d cases that were not run", counts, err, len(list))
	}
}
