package autobahn_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/autobahn"
	"github.com/wsconform/wsconform/internal/docker"
)

// list is two parts for a server: 1.1.1 to 1.1.4, then 2.1 to 2.3.
func list(t *testing.T) []cases.Case {
	t.Helper()
	l, err := cases.Select(catalogue.All(), []string{"1.1.1", "1.1.2", "1.1.3", "1.1.4", "2.1", "2.2", "2.3"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestEngine(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	type outcomes = map[cases.ID]harness.Outcome
	exit := func(err error) bool { return errors.As(err, new(*harness.AgentExitError)) }
	none := func(err error) bool { return err == nil }
	for _, row := range []struct {
		name    string
		role    cases.Role
		command []string          // of the agent, behind this program
		orders  map[string]string // case: what the agent does in it
		cancel  string            // the case in which the run is interrupted
		err     func(error) bool
		want    outcomes // of the cases that do not pass
		note    string   // is part of that of the first of these
		made    int      // containers
		late    bool     // what Autobahn prints of the cases comes too late to be heard
	}{
		{
			name: "server passes", command: []string{serverAgent, "{port}"},
			err: none, made: 1,
		},
		{
			name: "server dies", command: []string{serverAgent, "{port}"},
			orders: map[string]string{"1.1.3": "die"},
			err:    exit, note: "oh no", made: 1,
			want: outcomes{
				"1.1.3": harness.Crash, "1.1.4": harness.NotRun,
				"2.1": harness.NotRun, "2.2": harness.NotRun, "2.3": harness.NotRun,
			},
		},
		{
			name: "server hangs twice", command: []string{serverAgent, "{port}"},
			orders: map[string]string{"1.1.2": "hang", "2.3": "hang"},
			err:    none, note: "hung in this case", made: 2,
			want: outcomes{"1.1.2": harness.Timeout, "2.3": harness.Timeout},
		},
		{
			name: "interrupted", command: []string{serverAgent, "{port}"},
			orders: map[string]string{"2.2": "hang"}, cancel: "2.2",
			err:  func(err error) bool { return errors.Is(err, context.Canceled) },
			note: "interrupted", made: 1,
			want: outcomes{"2.2": harness.NotRun, "2.3": harness.NotRun},
		},
		{
			name: "server exits at once", command: []string{"agent-server", "-1"},
			err: exit, note: "had exited (exit status 2)", made: 0,
			want: outcomes{
				"1.1.1": harness.NotRun, "1.1.2": harness.NotRun, "1.1.3": harness.NotRun, "1.1.4": harness.NotRun,
				"2.1": harness.NotRun, "2.2": harness.NotRun, "2.3": harness.NotRun,
			},
		},
		{
			name: "client passes", role: cases.Client, command: []string{clientAgent, "{url}", "all"},
			err: none, made: 1,
		},
		{
			name: "client passes before a case is announced", role: cases.Client, command: []string{clientAgent, "{url}", "all"},
			err: none, made: 1, late: true,
		},
		{
			name: "client dies", role: cases.Client, command: []string{clientAgent, "{url}", "die 6"},
			err: exit, note: "oh no", made: 1,
			want: outcomes{"2.2": harness.Crash, "2.3": harness.NotRun},
		},
		{
			name: "client ends early", role: cases.Client, command: []string{clientAgent, "{url}", "stop 6"},
			err: none, note: "its last one was 2.1", made: 1,
			want: outcomes{"2.2": harness.NotRun, "2.3": harness.NotRun},
		},
		{
			name: "client hangs", role: cases.Client, command: []string{clientAgent, "{url}", "all"},
			orders: map[string]string{"1.1.2": "hang"},
			err:    none, note: "hung in this case", made: 2,
			want: outcomes{"1.1.2": harness.Timeout},
		},
		{
			name: "client interrupted", role: cases.Client, command: []string{clientAgent, "{url}", "all"},
			orders: map[string]string{"2.2": "hang"}, cancel: "2.2",
			err:  func(err error) bool { return errors.Is(err, context.Canceled) },
			note: "interrupted", made: 1,
			want: outcomes{"2.2": harness.NotRun, "2.3": harness.NotRun},
		},
		{
			name: "client never comes", role: cases.Client, command: []string{clientAgent, "{url}", "idle"},
			err:  func(err error) bool { return errors.Is(err, autobahn.ErrNoCase) },
			note: "did not run any case", made: 1,
			want: outcomes{
				"1.1.1": harness.Blocked, "1.1.2": harness.Blocked, "1.1.3": harness.Blocked, "1.1.4": harness.Blocked,
				"2.1": harness.Blocked, "2.2": harness.Blocked, "2.3": harness.Blocked,
			},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			f := newFake(t)
			f.orders, f.late = row.orders, row.late
			f.onCase = func(id string) {
				if id == row.cancel {
					cancel()
				}
			}
			agent := harness.Agent{Name: "tester", Role: row.role, Command: append([]string{self}, row.command...)}
			if row.role == cases.Server {
				port, err := harness.FreePort()
				if err != nil {
					t.Fatal(err)
				}
				agent.URL = "ws://127.0.0.1:" + strconv.Itoa(port)
			}
			dir := t.TempDir()
			engine := autobahn.Engine{Docker: docker.New(f), Image: "any", Dir: dir}
			engine.SetIdle(time.Minute)
			if row.note == "hung in this case" {
				engine.SetIdle(2 * time.Second)
			}
			var results []harness.Result
			err := engine.Run(ctx, agent, list(t), func(r harness.Result) { results = append(results, r) })
			if !row.err(err) {
				t.Errorf("Run: unexpected error %v", err)
			}
			got, notes := outcomes{}, ""
			for _, r := range results {
				if r.Outcome != harness.Pass {
					got[r.Case] = r.Outcome
					notes += r.Note + "\n"
					if r.Verdict != (cases.Verdict{}) {
						t.Errorf("case %s: %s, but with a verdict: %v", r.Case, r.Outcome, r.Verdict)
					}
				}
			}
			if row.want == nil {
				row.want = outcomes{}
			}
			if diff := cmp.Diff(got, row.want); diff != "" || len(results) != 7 {
				t.Errorf("%d results, outcomes (-got +want):\n%s", len(results), diff)
			}
			if !strings.Contains(notes, row.note) {
				t.Errorf("notes %q, want %q in them", notes, row.note)
			}
			if len(f.boxes) != row.made {
				t.Errorf("%d containers made, want %d", len(f.boxes), row.made)
			}
			for i, b := range f.boxes {
				select {
				case <-b.removed:
				default:
					t.Errorf("container %d was not removed", i)
				}
			}
			if _, err := os.Stat(filepath.Join(dir, ".part")); err == nil {
				t.Error("a part of the reports is left behind")
			}
			if passed := 7 - len(row.want); passed > 0 {
				kept, err := autobahn.ReadReports(os.DirFS(dir), "tester")
				if err != nil || len(kept) < passed {
					t.Errorf("reports kept: %d, %v; want %d", len(kept), err, passed)
				}
			}
		})
	}
}

// A client comes to the address that it is given, and so does Autobahn.
func TestEngineAddress(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f := newFake(t)
	engine := autobahn.Engine{Docker: docker.New(f), Image: "any", Address: "127.0.0.2"}
	agent := harness.Agent{Name: "tester", Role: cases.Client, Command: []string{self, clientAgent, "{url}", "all"}}
	passed := 0
	err = engine.Run(t.Context(), agent, list(t), func(r harness.Result) {
		if r.Outcome == harness.Pass {
			passed++
		}
	})
	if spec := string(f.box("0").config["server.json"]); err != nil || passed != 7 || !strings.Contains(spec, `"ws://127.0.0.2:`) {
		t.Errorf("%d cases passed, error %v, configuration %s; want 7 at 127.0.0.2", passed, err, spec)
	}
}

// A server that is said to listen is not asked whether it does.
func TestEngineListens(t *testing.T) {
	port, err := harness.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	agent := harness.Agent{Name: "tester", URL: "ws://127.0.0.1:" + strconv.Itoa(port)}
	for _, listens := range []bool{false, true} {
		f := newFake(t)
		engine := autobahn.Engine{Docker: docker.New(f), Image: "any", Listens: listens, Patience: time.Millisecond}
		_ = engine.Run(t.Context(), agent, list(t), func(harness.Result) {}) // nothing listens
		if asked := len(f.boxes) == 0; asked == listens {
			t.Errorf("Listens %t: asked %t", listens, asked)
		}
	}
}

// An engine that goes away in mid-run is the harness's failure, not the agent's.
func TestEngineGone(t *testing.T) {
	f := newFake(t)
	f.goesAway("1.1.2", "0")
	port, err := harness.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	agent := harness.Agent{
		Name: "tester", URL: "ws://127.0.0.1:" + strconv.Itoa(port),
		Command: []string{self, serverAgent, "{port}"},
	}
	engine := autobahn.Engine{Docker: docker.New(f), Image: "any"}
	n := 0
	err = engine.Run(t.Context(), agent, list(t), func(r harness.Result) {
		n++
		if r.Outcome != harness.NotRun {
			t.Errorf("case %s: %s, want not-run", r.Case, r.Outcome)
		}
	})
	if !errors.Is(err, docker.ErrNoEngine) || n != 7 {
		t.Errorf("Run: %v with %d results, want ErrNoEngine and 7", err, n)
	}
}

// With a client, what went before the part under way is kept.
func TestEngineGoneClient(t *testing.T) {
	f := newFake(t)
	f.orders = map[string]string{"9.1.2": "hang"} // so that the agent does not end meanwhile
	f.goesAway("9.1.2", "1")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	list, err := cases.Select(catalogue.All(), []string{"1.1.1", "2.1", "9.1.1", "9.1.2", "9.1.3"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	agent := harness.Agent{Name: "tester", Role: cases.Client, Command: []string{self, clientAgent, "{url}", "all"}}
	dir := t.TempDir()
	engine := autobahn.Engine{Docker: docker.New(f), Image: "any", Dir: dir}
	got := map[cases.ID]harness.Outcome{}
	err = engine.Run(t.Context(), agent, list, func(r harness.Result) { got[r.Case] = r.Outcome })
	want := map[cases.ID]harness.Outcome{
		"1.1.1": harness.Pass, "2.1": harness.Pass,
		"9.1.1": harness.NotRun, "9.1.2": harness.NotRun, "9.1.3": harness.NotRun,
	}
	if diff := cmp.Diff(got, want); !errors.Is(err, docker.ErrNoEngine) || diff != "" {
		t.Errorf("Run: error %v, want ErrNoEngine; outcomes (-got +want):\n%s", err, diff)
	}
	if kept, err := autobahn.ReadReports(os.DirFS(dir), "tester"); err != nil || len(kept) != 2 {
		t.Errorf("reports kept: %d, %v; want 2", len(kept), err)
	}
}

// Reports that cannot be kept, as on a full disk, cost no result: those of the
// parts before stay as they are, and nothing of the part at hand is left.
func TestReportsNotKept(t *testing.T) {
	dir := t.TempDir()
	f := newFake(t)
	f.onCase = func(id string) {
		if id == "2.1" {
			if err := os.Mkdir(filepath.Join(dir, "x_case_2_2.json"), 0o755); err != nil {
				t.Error(err)
			}
		}
	}
	port, err := harness.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	agent := harness.Agent{
		Name: "tester", URL: "ws://127.0.0.1:" + strconv.Itoa(port),
		Command: []string{self, serverAgent, "{port}"},
	}
	engine := autobahn.Engine{Docker: docker.New(f), Image: "any", Dir: dir}
	passed := 0
	err = engine.Run(t.Context(), agent, list(t), func(r harness.Result) {
		if r.Outcome == harness.Pass {
			passed++
		}
	})
	if passed != 7 || err == nil || !strings.Contains(err.Error(), "could not all be kept") {
		t.Errorf("%d cases passed, error %v; want 7, and that reports were not kept", passed, err)
	}
	if err := os.Remove(filepath.Join(dir, "x_case_2_2.json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	kept, err := autobahn.ReadReports(os.DirFS(dir), "tester")
	if err != nil || len(kept) != 4 {
		t.Errorf("reports kept: %d, %v; want 4", len(kept), err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 5 {
		t.Errorf("files: %v, %v; want the index and four reports", files, err)
	}
}
