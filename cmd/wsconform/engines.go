package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/docker"
	"github.com/wsconform/wsconform/internal/runfile"
)

// bothEngines is the value of --engine that names the default engine and the reference.
const bothEngines = "both"

// pickEngine returns the engine that --engine names.
func pickEngine(name string) (engine.Kind, error) {
	kind, ok := engine.Find(name)
	if !ok {
		return kind, usagef("--engine %q: must be %s", name, engine.Names())
	}
	return kind, nil
}

// pickEngines returns the engines that --engine names where it may name both.
func pickEngines(name string) ([]engine.Kind, error) {
	if name == bothEngines {
		return slices.DeleteFunc(slices.Clone(engine.Kinds), func(k engine.Kind) bool {
			return k.Name != runfile.DefaultEngine && k.Name != runfile.ReferenceEngine
		}), nil
	}
	kind, ok := engine.Find(name)
	if !ok {
		return nil, usagef("--engine %q: must be %s", name, engine.Names(bothEngines))
	}
	return []engine.Kind{kind}, nil
}

// engineHelp explains the values of --engine.
func engineHelp() string {
	var list []string
	for i, k := range engine.Kinds {
		name := k.Name
		if i == 0 {
			name = "`" + name + "`" // the placeholder in the help
		}
		list = append(list, name+" ("+k.About+")")
	}
	return "engine that plays the cases: " + strings.Join(list, ", ")
}

// able refuses flags for settings that the engine does not have: they are not ignored.
func able(kind engine.Kind, f *pflag.FlagSet) error {
	for _, name := range kind.Unable {
		if f.Changed(name) {
			return usagef("--%s does not work with the %s engine", name, kind.Name)
		}
	}
	return nil
}

// fits makes the selection one of the cases that the engine has. A user who asked for
// others is told.
func (s *selection) fits(kind engine.Kind, f *pflag.FlagSet) error {
	if kind.Suite == "" {
		return nil
	}
	if f.Changed("suite") && !slices.Equal(s.suites, []string{string(kind.Suite)}) {
		return usagef("--suite %s does not work with the %s engine, which has the cases of suite %s only", strings.Join(s.suites, ","), kind.Name, kind.Suite)
	}
	s.suites, s.fixed = []string{string(kind.Suite)}, true
	return nil
}

// openEngine makes an engine ready.
func openEngine(ctx context.Context, kind engine.Kind, s engine.Setup, progress io.Writer) (engine.Engine, error) {
	s.Version = toolVersion()
	s.Progress = func(line string) { fmt.Fprintln(progress, line) }
	e, err := kind.Open(ctx, s)
	if s.Image != "" && errors.Is(err, docker.ErrNotFound) {
		err = usagef("--image: %w here; pull or load it, or omit the flag", err)
	}
	return e, err
}
