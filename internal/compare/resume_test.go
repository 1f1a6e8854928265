package compare

import (
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/agentfile"
	"github.com/wsconform/wsconform/internal/runfile"
)

// A row is not played again if its run came to an end that would be the same again.
func TestSettled(t *testing.T) {
	some := []harness.Result{{Case: "1.1.1", Outcome: harness.Pass}}
	for _, test := range []struct {
		name string
		run  runfile.Run
		want bool
	}{
		{"cut off", runfile.Run{Results: some}, false},
		{"invalid", runfile.Run{Results: some, Footer: &runfile.Footer{State: runfile.Invalid}}, false},
		{"at its end", runfile.Run{Results: some, Footer: &runfile.Footer{State: runfile.Complete}}, true},
		{"without a result", runfile.Run{Footer: &runfile.Footer{State: runfile.Complete}}, false},
		{"with an error", runfile.Run{Results: some, Footer: &runfile.Footer{State: runfile.Partial, Error: "interrupted"}}, false},
		{"it crashed", runfile.Run{Results: some, Footer: &runfile.Footer{State: runfile.Partial, Error: "it ended", Cause: harness.CauseCrash}}, true},
		{"it was not built", runfile.Run{Results: some, Footer: &runfile.Footer{State: runfile.Partial, Error: "no compiler", Cause: harness.CauseBuild}}, false},
	} {
		if got := settled(&test.run); got != test.want {
			t.Errorf("%s: got %t, want %t", test.name, got, test.want)
		}
	}
}

// A stored run is reused only if all that identifies it is the same.
func TestSameRun(t *testing.T) {
	about := func() runfile.Header {
		return runfile.Header{
			Agent:     harness.Agent{Role: cases.Client, About: &harness.Implementation{Hash: "a", Isolation: "process"}},
			Engine:    runfile.Engine{Name: "native", Version: "1", Digest: "d", Packages: map[string]string{"x": "1"}},
			Selection: runfile.Selection{Catalogue: "c", Selected: []cases.ID{"1.1.1"}},
		}
	}
	if !sameRun(about(), about()) {
		t.Fatal("equal headers: got another run")
	}
	for name, change := range map[string]func(*runfile.Header){
		"role":      func(h *runfile.Header) { h.Agent.Role = cases.Server },
		"unknown":   func(h *runfile.Header) { h.Agent.About = nil },
		"hash":      func(h *runfile.Header) { h.Agent.About.Hash = "b" },
		"isolation": func(h *runfile.Header) { h.Agent.About.Isolation = "container" },
		"engine":    func(h *runfile.Header) { h.Engine.Name = "autobahn" },
		"version":   func(h *runfile.Header) { h.Engine.Version = "2" },
		"digest":    func(h *runfile.Header) { h.Engine.Digest = "e" },
		"packages":  func(h *runfile.Header) { h.Engine.Packages["x"] = "2" },
		"catalogue": func(h *runfile.Header) { h.Selection.Catalogue = "d" },
		"selection": func(h *runfile.Header) { h.Selection.Selected = nil },
	} {
		h := about()
		change(&h)
		if sameRun(about(), h) || sameRun(h, about()) {
			t.Errorf("another %s: got the same run", name)
		}
	}
}

// A supervisor reads what it is started with.
func TestSuperviseArguments(t *testing.T) {
	w := &Workshop{Program: []string{"program", "agent", "supervise"}}
	b := &Built{Agent: agentfile.Agent{Env: map[string]string{"B": "2", "A": "1"}}, Dir: "/agent"}
	bounds := agentfile.Resources{CPUs: 1.5, Memory: 1 << 30, PIDs: 200}
	args := w.supervise(b, bounds, confinement{fate: "fate", network: "net", place: "place"}, []string{"./agent", "--dir", "x"})
	k, command, err := ParseSupervisor(args[3:])
	if err != nil {
		t.Fatal(err)
	}
	if k.Bounds != bounds {
		t.Errorf("got the bounds %+v, want %+v", k.Bounds, bounds)
	}
	if k.Dir != "/agent" || k.Fate != "fate" || k.Network != "net" || k.Place != "place" || k.Image != rootImage {
		t.Errorf("got %+v", k)
	}
	if len(command) != 3 || command[0] != "./agent" || command[2] != "x" {
		t.Errorf("got the command %q", command)
	}
	if len(k.Env) != 2 || k.Env[0] != "A=1" || k.Env[1] != "B=2" {
		t.Errorf("got the environment %q", k.Env)
	}
}
