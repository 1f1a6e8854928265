package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/fixtures/mutants"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/ws"
)

type driveOptions struct {
	agent     string
	cases     string
	noDeflate bool
	base      string
	client    clientFlags
	fault     string
	control   bool
	obedient  obedient
}

func driveCommand() *cobra.Command {
	var o driveOptions
	c := &cobra.Command{
		Use:   "drive URL",
		Short: "Run the reference client against a fuzzing server",
		Long: `Runs the reference client against a server that speaks Autobahn's driver
protocol, such as Autobahn's fuzzingserver. It asks how many cases there are, opens
a connection for each, echoes every message on it, and asks for the reports. The
server gives the verdicts, also on a handshake that fails, so drive exits 0 when it
has asked for every case and for the reports. It exits 3 if it could not.`,
		Example: "  wsconform drive ws://127.0.0.1:9001 --agent my-client",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, list []string) error {
			if err := checkTarget(list[0]); err != nil {
				return err
			}
			if err := o.client.checkTLS(c.Flags(), list[0]); err != nil {
				return err
			}
			if _, _, err := o.numbers(math.MaxInt); err != nil {
				return err
			}
			if _, err := o.client.options(); err != nil {
				return err
			}
			o.base = strings.TrimSuffix(list[0], "/")
			if scheme, socket, _ := strings.Cut(o.base, "://"); strings.HasSuffix(scheme, "+unix") && !strings.Contains(socket, ":") {
				o.base += ":" // the resource follows
			}
			return o.run(c)
		},
	}
	f := c.Flags()
	f.StringVar(&o.agent, "agent", "wsconform", "`NAME` in the server's reports")
	f.StringVar(&o.cases, "cases", "", "run only these cases, such as 5 or 10-20: `NUMBERS` are positions among the server's cases")
	f.BoolVar(&o.noDeflate, "no-deflate", false, "do not offer permessage-deflate")
	f.BoolVar(&o.control, "control", false, "obey control messages, such as wsconform:close 1001")
	f.StringVar(&o.fault, "fault", "", "play the faulty client of this `NAME` instead; wsconform faults lists them")
	o.client.flags(f, "none")
	return c
}

func (o *driveOptions) run(c *cobra.Command) error {
	ctx := c.Context()
	if o.fault != "" {
		m, err := findMutant(o.fault, mutants.Client)
		if err != nil {
			return err
		}
		return m.Drive(ctx, o.base, o.agent)
	}
	count, err := o.count(ctx)
	if err != nil {
		return fmt.Errorf("drive: %w", err)
	}
	first, last, err := o.numbers(count)
	if err != nil {
		return err
	}
	meter := newMeter(c.ErrOrStderr(), last-first+1, seldom(10*time.Second))
	refused := 0
	for n := first; n <= last; n++ {
		meter.step(n-first+1, fmt.Sprintf("case %d", n))
		err := o.runCase(ctx, n)
		var handshake *ws.HandshakeError
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("drive: %w", context.Cause(ctx))
		case errors.As(err, &handshake), errors.Is(err, io.ErrUnexpectedEOF), // the server knows: it may even be the test
			err != nil && (o.client.http2 != "off" || o.client.http3) && !errors.As(err, new(*net.OpError)): // a stream failed, which is one case
			refused++
		case err != nil:
			return fmt.Errorf("drive: case %d of %d: %w", n, count, err)
		}
	}
	meter.end()
	if err := o.updateReports(ctx); err != nil {
		return fmt.Errorf("drive: update reports: %w", err)
	}
	fmt.Fprintf(c.ErrOrStderr(), "drive: %s run, %d of them without a connection\n", harness.Count(last-first+1, "case"), refused)
	return nil
}

// numbers reads the range of cases to run.
func (o *driveOptions) numbers(count int) (first, last int, err error) {
	if o.cases == "" {
		return 1, count, nil
	}
	from, to, isRange := strings.Cut(o.cases, "-")
	if !isRange {
		to = from
	}
	first, err1 := strconv.Atoi(from)
	last, err2 := strconv.Atoi(to)
	switch {
	case err1 != nil || err2 != nil || first < 1 || last < first:
		return 0, 0, usagef("--cases %q: must be a number or a range, such as 5 or 10-20", o.cases)
	case last > count:
		return 0, 0, usagef("--cases %q: the server has only %d cases", o.cases, count)
	}
	return first, last, nil
}

func (o *driveOptions) dial(ctx context.Context, resource string) (*ws.Conn, error) {
	opts, err := o.client.options()
	if err != nil {
		return nil, err
	}
	if !o.noDeflate {
		opts.Deflate = &ws.Deflate{}
	}
	if list := o.obedient.offers(); list != nil {
		opts.Subprotocols = list
	}
	return ws.Dial(ctx, o.base+resource, opts)
}

func (o *driveOptions) count(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	c, err := o.dial(ctx, "/getCaseCount")
	if err != nil {
		return 0, err
	}
	defer c.CloseNow()
	_, answer, err := c.Read(ctx)
	if err != nil {
		return 0, fmt.Errorf("number of cases: %w", err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(answer)))
	if err != nil || n < 1 {
		return 0, fmt.Errorf("number of cases: the server said %.40q", answer)
	}
	_ = c.Discard(ctx) // the server closes next; how is not ours to judge
	return n, nil
}

// runCase echoes until the connection ends, in whatever way: that is what the
// server judges.
func (o *driveOptions) runCase(ctx context.Context, n int) error {
	c, err := o.dial(ctx, fmt.Sprintf("/runCase?case=%d&agent=%s", n, url.QueryEscape(o.agent)))
	if err != nil {
		o.obedient.failed()
		return err
	}
	defer c.CloseNow()
	echo := ws.Echo
	if o.control {
		o.obedient.client = true
		echo = o.obedient.serve
	}
	_ = echo(ctx, c)
	return nil
}

// updateReports returns when the reports are written.
func (o *driveOptions) updateReports(ctx context.Context) error {
	c, err := o.dial(ctx, "/updateReports?agent="+url.QueryEscape(o.agent))
	if err != nil {
		return err
	}
	defer c.CloseNow()
	if err := c.Discard(ctx); !errors.As(err, new(*ws.CloseError)) {
		return err
	}
	return nil
}
