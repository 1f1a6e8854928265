package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/wsconform/wsconform/internal/atomicfile"
	"github.com/wsconform/wsconform/internal/doctor"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/reports/examination"
)

const doctorHelp = `Examines a live WebSocket address in a few seconds: names, TCP, TLS and certificate,
the opening handshake over HTTP/1.1 and HTTP/2, subprotocols, compression, origins,
pings, masks, and whether an idle connection is cut. For each it says what was seen,
and what to do if something is wrong.

The server need not echo. doctor sends no message: only opening handshakes, pings and
close frames, one of the pings without a mask, as a server must refuse it. It makes at
most 30 connections, mostly under 15. If the address is refused it also tries the
paths /ws, /websocket, /socket and / of the same server.

Exit codes: 0 no fault; 1 a fault was found; 2 wrong usage; 3 the page of --html
cannot be written; 130 interrupted.`

func doctorCommand() *cobra.Command {
	var o dialFlags
	var opts doctor.Options
	var asJSON bool
	var page, proxy string
	c := &cobra.Command{
		Use:   "doctor URL",
		Short: "Examine a live address: why does it not connect, what will trouble clients",
		Long:  doctorHelp,
		Example: `  wsconform doctor wss://example.com/live
  wsconform doctor wss://example.com/live -H 'Authorization: Bearer TOKEN' --idle 90s
  wsconform doctor wss://example.com/live --proxy http://proxy.example:3128
  wsconform doctor ws://127.0.0.1:9001 --json`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, list []string) error {
			o.proxyTLS = strings.HasPrefix(proxy, "https:") || proxy == "env"
			target, err := o.target(list[0])
			if err != nil {
				return err
			}
			opts.Environment, err = environmentProxy(target.URL)
			if err == nil {
				opts.Proxy, err = chosenProxy(proxy, opts.Environment)
			}
			if err != nil {
				return err
			}
			opts.ProxyTLS = proxyTLS(target.TLS)
			switch {
			case target.Socket != "":
				return usagef("doctor examines ws and wss addresses, not sockets")
			case target.URL.Scheme != "ws" && target.URL.Scheme != "wss" || target.URL.Hostname() == "":
				return usagef("URL %s: it must look like wss://HOST/PATH", target.URL.Redacted())
			case c.Flags().Changed("idle") && opts.Idle < 0:
				return usagef("--idle %v: must be 0 or more", opts.Idle)
			case opts.Idle == 0:
				opts.Idle = -1
			}
			r, err := doctor.Examine(c.Context(), *target, opts)
			if err != nil {
				return err
			}
			r.Mask(runfile.NewSecrets(list[0], target.Header))
			if asJSON {
				e := json.NewEncoder(c.OutOrStdout())
				e.SetIndent("", "  ")
				err = e.Encode(r)
			} else {
				err = doctor.WriteText(c.OutOrStdout(), r, columns())
			}
			if page != "" { // the report is printed even if its page cannot be written
				if err := atomicfile.Write(page, func(w io.Writer) error { return examination.WritePage(w, r) }); err != nil {
					return fmt.Errorf("--html: %w", err)
				}
			}
			if err == nil && r.Worst() == doctor.Fault {
				err = &codedError{exitFailed, errors.New("a fault was found")}
			}
			return err
		},
	}
	f := c.Flags()
	o.flags(f)
	f.DurationVar(&opts.Idle, "idle", 5*time.Second, "how long to leave a connection idle, to see whether it is cut; 0 skips that")
	f.StringVarP(&proxy, "proxy", "p", "none", "go through a proxy: a `URL` with scheme http, https, socks4, socks4a, socks5 or socks5h, with user and password in it; env uses the environment, none no proxy")
	f.StringVar(&page, "html", "", "also write a page to this `FILE`")
	f.BoolVar(&asJSON, "json", false, "write JSON")
	return c
}

// columns is the width of the terminal, 0 if there is none.
func columns() int {
	n, _, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil {
		return 0
	}
	return min(n, 110)
}
