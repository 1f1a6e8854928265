package main

import (
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/fixtures/mutants/gateway"
)

// gatewayCommand serves the gateway by which the suite for gateways is tested.
func gatewayCommand() *cobra.Command {
	name := ""
	c := &cobra.Command{
		Use:   "gateway LISTEN ORIGIN",
		Short: "Forward to an origin, soundly or with a fault",
		Long: `Runs a small gateway for HTTP/1.1 and WebSocket that listens on the address LISTEN and
forwards to the address ORIGIN, until it is interrupted. With --fault it does one thing
wrong, to see what wsconform test --via says about it.`,
		Example: `  wsconform test --via 'wsconform gateway {listen} {origin}'
  wsconform test --via 'wsconform gateway {listen} {origin} --fault close-lost'`,
		Args: args(cobra.ExactArgs(2)),
		RunE: func(c *cobra.Command, args []string) error {
			m, ok := gateway.Find(name)
			if !ok {
				return usagef("--fault %q: wsconform faults lists those of gateways", name)
			}
			l, err := new(net.ListenConfig).Listen(c.Context(), "tcp", args[0])
			if err != nil {
				return listenError("gateway", args[0], err)
			}
			fmt.Fprintln(c.OutOrStdout(), "listening on "+l.Addr().String())
			return gateway.Serve(c.Context(), l, args[1], m)
		},
	}
	c.Flags().StringVar(&name, "fault", gateway.Plain.Name, "do one thing wrong: the `NAME` of a fault, or pass-through to forward the bytes of TCP")
	return c
}
