//go:build linux

// Command bench compares package ws with other Go libraries: the CPU time of an
// echo per message, for servers and for clients, how long a round trip takes,
// and what an idle connection holds of memory.
//
// Each library is a process of its own, pinned to one processor; the load
// comes from this process, on another. All processes live at once and take turns
// in short slices, so that what else the machine does falls on all alike. CPU
// time is what the kernel charged the process. The figures are medians over the
// rounds, the ratios medians of the ratios within a round.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

type config struct {
	parts     string
	libraries string
	sizes     string
	starts    int
	rounds    int
	slice     time.Duration
	idle      int
	pin       bool
	profiles  string
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == childArg {
		if err := child(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	var c config
	flag.StringVar(&c.parts, "parts", "server,client,roundtrip,idle", "what to measure")
	flag.StringVar(&c.libraries, "libraries", "", "which `NAMES` to measure, separated by commas; all if empty")
	flag.StringVar(&c.sizes, "sizes", "", "of the bursts, the `SIZES` to measure, in bytes, separated by commas; all if empty")
	flag.IntVar(&c.starts, "starts", 8, "for server and client, how often each is started")
	flag.IntVar(&c.rounds, "rounds", 3, "how often each takes its turn, for each start")
	flag.DurationVar(&c.slice, "slice", 150*time.Millisecond, "how long a turn is")
	flag.IntVar(&c.idle, "idle", 5000, "how many idle connections to open")
	flag.BoolVar(&c.pin, "pin", true, "give the load and the libraries a processor each")
	flag.StringVar(&c.profiles, "profiles", "", "write a CPU profile of each library to this `DIRECTORY`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, c); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, c config) error {
	list, err := choose(c.libraries)
	if err != nil {
		return err
	}
	if bursts, err = chooseBursts(c.sizes); err != nil {
		return err
	}
	if c.pin {
		if err := pinLoad(); err != nil {
			return err
		}
	}
	parts := map[string]func(context.Context, config, []library) error{
		"server": servers, "client": clients, "roundtrip": roundTrips, "idle": idle,
	}
	for _, name := range strings.Split(c.parts, ",") {
		part, ok := parts[name]
		if !ok {
			return fmt.Errorf("no part %q", name)
		}
		if err := part(ctx, c, list); err != nil {
			return fmt.Errorf("part %s: %w", name, err)
		}
	}
	return nil
}
