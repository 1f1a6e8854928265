//go:build unix

package native

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/autobahn"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/docker"
	"github.com/wsconform/wsconform/internal/docker/dockertest"
	"github.com/wsconform/wsconform/internal/pattern"
)

// original is Autobahn in Docker, where that is built.
func original(t *testing.T) *autobahn.Engine {
	t.Helper()
	containers := dockertest.Connect(t)
	image, err := containers.Image(t.Context(), autobahn.BuiltRef(""))
	if errors.Is(err, docker.ErrNotFound) {
		t.Skip("wsconform autobahn image has not built the image")
	}
	if err != nil {
		t.Fatal(err)
	}
	return &autobahn.Engine{Docker: containers, Image: image.ID}
}

// The case at which a driver crashes is found under Autobahn too. WSCONFORM_CRASHES=all
// has the driver end in each of the 20 ways of TestClientCrash, which takes minutes.
func TestClientCrashAutobahn(t *testing.T) {
	playsMany(t)
	t.Parallel()
	list, err := pattern.Select(catalogue.All(), []string{"1.1.*", "2.1", "2.2"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	engine := original(t)
	flaws := []struct {
		how, when string
		at        int
	}{{"SEGV", "opened", 3}, {"1", "closed", 8}, {"134", "later", 1}, {"KILL", "end", 5}}
	status := map[string]string{"SEGV": "segmentation fault", "ABRT": "aborted", "KILL": "killed", "1": "exit status 1", "134": "exit status 134"}
	if os.Getenv("WSCONFORM_CRASHES") == "all" {
		flaws = flaws[:0]
		for when := range []string{"opened", "closed", "later", "end"} {
			for i, how := range []string{"SEGV", "ABRT", "KILL", "1", "134"} {
				flaws = append(flaws, struct {
					how, when string
					at        int
				}{how, []string{"opened", "closed", "later", "end"}[when], (3*i + 2*when) % len(list)})
			}
		}
	}
	slots := make(chan struct{}, 4) // drivers mostly wait
	var running sync.WaitGroup
	defer running.Wait()
	for _, row := range flaws {
		f := flaw{Case: list[row.at].ID, When: row.when, How: row.how}
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			t.Run(fmt.Sprintf("%s-%s-%s", f.Case, f.When, f.How), func(t *testing.T) { crashUnderAutobahn(t, engine, f, list, status[f.How]) })
		})
	}
}

// crashUnderAutobahn plays the list with a driver of that flaw, which ends as status says.
func crashUnderAutobahn(t *testing.T, engine *autobahn.Engine, f flaw, list []cases.Case, status string) {
	t.Helper()
	results := map[cases.ID]harness.Result{}
	d := runner.Driver{Command: []string{"env", flawVariable + "=" + f.String(), os.Args[0], "{url}"}}
	_, err := engine.TestClient(t.Context(), "flawed", d, list, runner.Options{}, func(r harness.Result) { results[r.Case] = r })
	if err != nil || len(results) != len(list) {
		t.Errorf("got error %v and %d results, want %d", err, len(results), len(list))
	}
	for id, r := range results {
		switch {
		case id == f.Case && (r.Outcome != harness.Crash || !strings.Contains(r.Note, status)):
			t.Errorf("case %s, at which the driver ends: got %s, want a crash by %s", id, r.Summary(), status)
		case id != f.Case && r.Outcome != harness.Pass:
			t.Errorf("case %s: got %s, want a pass", id, r.Summary())
		}
	}
}

// An exit status that is allowed is no crash under Autobahn either.
func TestClientExitStatusAutobahn(t *testing.T) {
	list, err := pattern.Select(catalogue.All(), []string{"1.1.1", "1.1.2"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	engine := original(t)
	d := runner.Driver{
		Command:      []string{"env", flawVariable + "=" + flaw{When: "end", How: "3"}.String(), os.Args[0], "{url}"},
		AllowedExits: []int{3},
	}
	passed := 0
	_, err = engine.TestClient(t.Context(), "flawed", d, list, runner.Options{}, func(r harness.Result) {
		if r.Outcome == harness.Pass {
			passed++
		}
	})
	if err != nil || passed != len(list) {
		t.Errorf("got error %v and %d passes, want %d", err, passed, len(list))
	}
}
