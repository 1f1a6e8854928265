package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/agent"
	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/owner"
)

// needs are cases that every agent has to pass to be tested at all, and what to
// fix if it does not.
var needs = []struct {
	id        cases.ID
	what, fix string
}{
	{"1.1.2", "echoes a text message", "send every text message back, as text and unchanged"},
	{"1.2.2", "echoes a binary message", "send every binary message back, as binary: many libraries take a flag or another call for that"},
	{"2.2", "answers a ping", "most libraries answer pings by themselves while the program reads: keep reading; if yours hands pings to the program, send a pong with the same payload"},
	{"7.1.1", "answers a close", "when the library reports the end of the connection, leave the loop and let it close; do not end TCP before it has answered"},
}

// A checkup prints the steps of an agent check and counts the failures.
type checkup struct {
	w      io.Writer
	failed int
}

func (k *checkup) step(what string, err error, fix string) {
	if err == nil {
		fmt.Fprintf(k.w, "  ok    %s\n", what)
		return
	}
	k.failed++
	fmt.Fprintf(k.w, "  FAIL  %s: %s\n        to fix: %s\n", what, indent(err.Error()), fix)
}

// cases is the verdict on each of the needs.
func (k *checkup) cases(results map[cases.ID]harness.Result) {
	for _, need := range needs {
		r, played := results[need.id]
		if r.Outcome == harness.Unsupported && r.Transcript == nil {
			continue // it does not echo, as the user said
		}
		var err error
		switch {
		case !played || !r.Outcome.Ran():
			err = errors.New(r.Summary())
		case r.Behavior == cases.Failed || !slices.Contains([]cases.CloseBehavior{cases.CloseOK, cases.CloseFailedByClient, cases.CloseWrongCode}, r.Close):
			err = fmt.Errorf("%s; %s", r.Reason, r.CloseReason)
		}
		k.step(fmt.Sprintf("%s (case %s)", need.what, need.id), err, need.fix)
	}
}

// check proves an agent of the user's own.
func (o *test) check(c *cobra.Command, args []string) error {
	if err := o.checkFlags(c.Flags()); err != nil {
		return err
	}
	about, err := o.agentOf(args)
	if err != nil {
		return err
	}
	options, err := o.options()
	if err != nil {
		return err
	}
	options.Parallel = 1
	options.Control = true
	var peer harness.Peer
	options.Peer = func(p harness.Peer) { peer = p }
	target, err := o.dial.target(about.URL)
	if err != nil {
		return err
	}
	var list []cases.Case
	for _, need := range needs {
		one, _ := catalogue.Find(need.id)
		list = append(list, one)
	}
	fmt.Fprintf(c.OutOrStdout(), "%s, a %s:\n", about.Name, about.Role)
	k := &checkup{w: c.OutOrStdout()}
	var log strings.Builder
	if o.client {
		err = o.checkClient(c.Context(), k, about, list, options, &log)
	} else {
		err = o.checkServer(c.Context(), k, about, *target, list, options, &log)
	}
	switch {
	case err != nil:
		return err
	case k.failed == 0:
		fmt.Fprintf(k.w, "  levels: %v\n", peer)
		fmt.Fprintln(k.w, "it can be tested; failures in a test are those of the library")
		return nil
	case log.Len() > 0:
		fmt.Fprintf(k.w, "  it printed:\n        %s\n", indent(lastLines(log.String(), 20)))
	}
	return &codedError{exitAgent, fmt.Errorf("%s cannot be tested as it is: %d of the steps fail", about.Name, k.failed)}
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func (o *test) checkServer(
	ctx context.Context, k *checkup, about harness.Agent, target engine.Target, list []cases.Case, options engine.Options, log io.Writer,
) error {
	var service *agent.Service
	if o.serverCmd != "" {
		service = &agent.Service{Command: about.Command, URL: target.URL, AnyPort: target.URL.Port() == "0", Patience: o.patience, Log: log}
		err := service.Start(ctx)
		defer service.Stop()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		k.step("starts and listens", err, "the command has to run in the foreground and listen on {host}:{port}, which stand for its address")
		if err != nil {
			return nil
		}
		target.URL = service.URL
	}
	options.AnyPeer = true // what it cannot do is told step by step
	results := map[cases.ID]harness.Result{}
	report, err := engine.TestServer(ctx, target, list, options, func(r harness.Result) { results[r.Case] = r })
	if ctx.Err() != nil {
		return ctx.Err()
	}
	k.step("takes a connection", err, "the server has to listen at the address of the URL and accept one connection after another")
	if err != nil {
		return nil
	}
	opened := slices.ContainsFunc(list, func(c cases.Case) bool {
		t := results[c.ID].Transcript
		return t != nil && t.Opened
	})
	fix := "answer the upgrade request at the path of the URL, for any Host and without an Origin header (RFC 6455 4.2.2)"
	if !opened {
		err = errors.New("no opening handshake was completed")
		if d, _ := target.Diagnose(ctx); d != nil && !d.Echoes {
			err, fix = errors.New(d.Saw), cmp.Or(d.Advice, fix)
		}
	}
	k.step("takes the opening handshake", err, fix)
	if !opened {
		return nil
	}
	k.cases(results)
	err = nil
	if !report.Survived {
		err = errors.New("it did not echo a message afterwards")
	}
	k.step("keeps running after a connection ends", err, "serve more than one connection; the end of one must not end the program")
	if service == nil {
		return nil
	}
	begun := time.Now()
	service.Stop()
	err = nil
	if service.Forced() {
		err = fmt.Errorf("it still ran %.0f s after SIGTERM and was killed", time.Since(begun).Seconds())
	}
	k.step("ends on SIGTERM", err, "let the program end on SIGTERM; a shell script has to exec the server, or to pass the signal on")
	return nil
}

func (o *test) checkClient(ctx context.Context, k *checkup, about harness.Agent, list []cases.Case, options engine.Options, log io.Writer) error {
	dir, err := owner.TempDir("check")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	driver, err := o.driver(about.Command, dir)
	if err != nil {
		return err
	}
	driver.Log = log
	results := map[cases.ID]harness.Result{}
	test := engine.TestClient
	if o.oneShot {
		test = engine.TestOneShot
	}
	report, err := test(ctx, driver, list, options, func(r harness.Result) { results[r.Case] = r })
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, agent.ErrNotStarted) {
		k.step("starts", err, "name a program that can be run, with {url} for the address to connect to")
		return nil
	}
	k.step("starts", nil, "")
	if o.oneShot {
		k.step("connects and answers", err, "{url}, or {host} and {port}, stand in the command for the address to connect to; the program connects there once and keeps reading")
		if err == nil {
			k.cases(results)
		}
		return nil
	}
	k.step("asks for the number of cases and for a case", err,
		"read the number of cases from {url}/getCaseCount, then open {url}/runCase?case=N&agent=NAME for each; {url} stands in the command for the address")
	if err != nil {
		return nil
	}
	k.cases(results)
	err = nil
	if !report.Updated {
		err = errors.New("it did not")
	}
	k.step("asks for the reports at its end", err, "open {url}/updateReports?agent=NAME after the last case: Autobahn writes its reports then")
	err = nil
	if report.Lingered {
		err = errors.New("it still ran some seconds after its last request and was stopped")
	}
	k.step("exits on its own", err, "exit when all cases have been run")
	return nil
}
