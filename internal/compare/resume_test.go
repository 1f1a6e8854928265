package compare

import (
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/fixtures/agents"
	"github.com/wsconform/wsconform/harness"
)

// A row is not played again if its run came to an end that would be the same again.
func TestSettled(t *testing.T) {
	some := []harness.Result{{Case: "1.1.1", Outcome: harness.Pass}}
	for _, test := range []struct {
		name string
		run  harness.Run
		want bool
	}{
		{"cut off", harness.Run{Results: some}, false},
		{"invalid", harness.Run{Results: some, Footer: &harness.Footer{State: harness.Invalid}}, false},
		{"at its end", harness.Run{Results: some, Footer: &harness.Footer{State: harness.Complete}}, true},
		{"without a result", harness.Run{Footer: &harness.Footer{State: harness.Complete}}, false},
		{"with an error", harness.Run{Results: some, Footer: &harness.Footer{State: harness.Partial, Error: "interrupted"}}, false},
		{"it crashed", harness.Run{Results: some, Footer: &harness.Footer{State: harness.Partial, Error: "it ended", Cause: harness.CauseCrash}}, true},
		{"it was not built", harness.Run{Results: some, Footer: &harness.Footer{State: harness.Partial, Error: "no compiler", Cause: harness.CauseBuild}}, false},
	} {
		if got := settled(&test.run); got != test.want {
			t.Errorf("%s: got %t, want %t", test.name, got, test.want)
		}
	}
}

// A stored run is reused only if all that identifies it is the same.
func TestSameRun(t *testing.T) {
	about := func() harness.Header {
		return harness.Header{
			Agent:     harness.Agent{Role: cases.Client, About: &harness.Implementation{Hash: "a", Isolation: "process"}},
			Engine:    harness.Engine{Name: "native", Version: "1", Digest: "d", Packages: map[string]string{"x": "1"}},
			Selection: harness.Selection{Catalogue: "c", Selected: []cases.ID{"1.1.1"}},
		}
	}
	if !sameRun(about(), about()) {
		t.Fatal("equal headers: got another run")
	}
	for name, change := range map[string]func(*harness.Header){
		"role":      func(h *harness.Header) { h.Agent.Role = cases.Server },
		"unknown":   func(h *harness.Header) { h.Agent.About = nil },
		"hash":      func(h *harness.Header) { h.Agent.About.Hash = "b" },
		"isolation": func(h *harness.Header) { h.Agent.About.Isolation = "container" },
		"engine":    func(h *harness.Header) { h.Engine.Name = "autobahn" },
		"version":   func(h *harness.Header) { h.Engine.Version = "2" },
		"digest":    func(h *harness.Header) { h.Engine.Digest = "e" },
		"packages":  func(h *harness.Header) { h.Engine.Packages["x"] = "2" },
		"catalogue": func(h *harness.Header) { h.Selection.Catalogue = "d" },
		"selection": func(h *harness.Header) { h.Selection.Selected = nil },
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
	b := &Built{Agent: agents.Agent{Env: map[string]string{"B": "2", "A": "1"}}, Dir: "/agent"}
	bounds := agents.Resources{CPUs: 1.5, Memory: 1 << 30, PIDs: 200}
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
