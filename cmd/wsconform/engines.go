package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/compare"
	"github.com/wsconform/wsconform/internal/docker"
)

// An engineRow says how commands use an engine.
type engineRow struct {
	harness.EngineKind
	test func(o *test, c *cobra.Command, args []string) error
	// compare makes the engine ready for a comparison, and returns what to call after it.
	compare func(c *cobra.Command) (compare.Engine, func(), error)
}

// engineTable has the engines in the order of [harness.Engines], the default first.
func engineTable() []engineRow {
	return []engineRow{
		{harness.NativeEngine, (*test).native, compareNative},
		{harness.AutobahnEngine, (*test).original, compareAutobahn},
	}
}

// bothEngines is the value of --engine that names all of them.
const bothEngines = "both"

// pickEngines returns the engines that --engine names: one, or several if that is allowed.
func pickEngines(name string, several bool) ([]engineRow, error) {
	table := engineTable()
	if name == bothEngines && several {
		return table, nil
	}
	i := slices.IndexFunc(table, func(e engineRow) bool { return e.Name == name })
	switch {
	case i >= 0:
		return table[i : i+1], nil
	case several:
		return nil, usagef("--engine %q: must be %s or %s", name, strings.ReplaceAll(harness.EngineNames(), " or ", ", "), bothEngines)
	}
	return nil, usagef("--engine %q: must be %s", name, harness.EngineNames())
}

// engineHelp explains the values of --engine.
func engineHelp() string {
	var list []string
	for i, e := range harness.Engines {
		name := e.Name
		if i == 0 {
			name = "`" + name + "`" // the placeholder in the help
		}
		list = append(list, name+" ("+e.About+")")
	}
	return "engine that plays the cases: " + strings.Join(list, ", ")
}

func compareNative(*cobra.Command) (compare.Engine, func(), error) {
	return compare.Native{Version: toolVersion()}, func() {}, nil
}

func compareAutobahn(c *cobra.Command) (compare.Engine, func(), error) {
	containers, err := docker.Connect(c.Context())
	if err != nil {
		return nil, nil, err
	}
	image, err := new(autobahnRun).imageOf(c.Context(), containers, c.ErrOrStderr())
	if err != nil {
		return nil, nil, errors.Join(err, containers.Close())
	}
	return compare.Autobahn{Docker: containers, Image: image}, func() {
		_ = containers.RemoveRun(context.WithoutCancel(c.Context())) // none is left if all went well
		_ = containers.Close()
	}, nil
}
