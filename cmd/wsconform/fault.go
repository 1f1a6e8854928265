package main

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/fixtures/mutants"
	"github.com/wsconform/wsconform/fixtures/mutants/gateway"
)

// roleNames says who can have a fault.
var roleNames = map[mutants.Roles]string{mutants.Server: "server", mutants.Client: "client", mutants.Both: "server, client"}

// findMutant returns the peer with the fault of this name, if it plays the role.
func findMutant(name string, role mutants.Roles) (mutants.Mutant, error) {
	m, ok := mutants.Find(name)
	if !ok {
		return m, usagef("unknown fault %q; wsconform faults lists them", name)
	}
	if !m.Roles.Has(role) {
		return m, usagef("a %[2]s cannot have the fault %[1]q; wsconform faults lists who can", name, roleNames[role])
	}
	return m, nil
}

// serveMutant serves until ctx ends, which is no error.
func serveMutant(ctx context.Context, m mutants.Mutant, l net.Listener) error {
	if err := m.Serve(ctx, l); err != nil && ctx.Err() == nil {
		return fmt.Errorf("echo --fault %s: %w", m.Name, err)
	}
	return nil
}

func faultsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "faults",
		Short: "List the faults that echo, drive and gateway can simulate",
		Args:  args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			for _, m := range mutants.All() {
				fmt.Fprintf(c.OutOrStdout(), "%-22s %-15s %s\n", m.Name, roleNames[m.Roles], m.Title)
				if len(m.Breaks) > 0 {
					fmt.Fprintf(c.OutOrStdout(), "%-38s breaks %s\n", "", strings.Join(m.Breaks, ", "))
				}
			}
			for _, m := range gateway.Catalogue {
				fmt.Fprintf(c.OutOrStdout(), "%-22s %-15s %s\n", m.Name, cases.Gateway, m.Words)
			}
			return nil
		},
	}
}
