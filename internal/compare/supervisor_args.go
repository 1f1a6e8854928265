package compare

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/wsconform/wsconform/internal/agentfile"
)

// A confinement says what a supervisor does beyond keeping bounds. The zero value is
// nothing.
type confinement struct {
	network     string // of the container that it runs the command in; "" is none
	fate, place string // files; see [Supervisor]
}

// supervise is the command that runs another one in a supervisor. [ParseSupervisor] reads its
// arguments.
func (w *Workshop) supervise(b *Built, bounds agentfile.Resources, in confinement, command []string) []string {
	args := slices.Clone(w.Program)
	if len(args) == 0 {
		args = []string{ourProgram(), "agent", "supervise"}
	}
	args = append(args, "--dir", b.Dir, "--memory", fmt.Sprint(int64(bounds.Memory)), "--pids", fmt.Sprint(bounds.PIDs))
	if in.fate != "" {
		args = append(args, "--fate", in.fate)
	}
	if in.network != "" {
		args = append(args, "--image", rootImage, "--network", in.network, "--cpus", fmt.Sprint(bounds.CPUs))
		if in.place != "" {
			args = append(args, "--place", in.place)
		}
		for _, path := range b.mounts() {
			args = append(args, "--mount", path)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.Env)) {
		args = append(args, "--env", name+"="+b.Env[name])
	}
	return append(append(args, "--"), command...)
}

// ParseSupervisor reads the arguments of a supervisor's process: what it is to be, and
// the command to keep.
func ParseSupervisor(args []string) (k Supervisor, command []string, err error) {
	f := flag.NewFlagSet("supervise", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&k.Dir, "dir", "", "")
	f.Int64Var((*int64)(&k.Bounds.Memory), "memory", 0, "")
	f.Int64Var(&k.Bounds.PIDs, "pids", 0, "")
	f.StringVar(&k.Fate, "fate", "", "")
	f.Float64Var(&k.Bounds.CPUs, "cpus", 0, "")
	f.StringVar(&k.Image, "image", "", "")
	f.StringVar(&k.Network, "network", "", "")
	f.StringVar(&k.Place, "place", "", "")
	f.Func("mount", "", func(s string) error { k.Mounts = append(k.Mounts, s); return nil })
	f.Func("env", "", func(s string) error { k.Env = append(k.Env, s); return nil })
	if err := f.Parse(args); err != nil {
		return k, nil, err
	}
	if f.NArg() == 0 {
		return k, nil, fmt.Errorf("no command to keep")
	}
	return k, f.Args(), nil
}
