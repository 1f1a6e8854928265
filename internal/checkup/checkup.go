// Package checkup tells whether an implementation can be tested at all: it starts, connects,
// echoes, answers pings and closes, and ends. It separates a wrong set-up from a library
// that fails cases.
//
// [Server] and [Client] check a running implementation in steps, and say what to fix.
// [Cases] and [Steps] are the part that comparisons need.
package checkup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/agent"
)

// A Step is one thing that an implementation has to do.
type Step struct {
	What string
	Took time.Duration
	Err  error  // nil: it does
	Fix  string // what to do if it does not
}

// basics are what cases show that every implementation has to do, and what to fix if it
// does not.
var basics = []struct{ shows, what, fix string }{
	{"echoes text", "echoes a text message", "send every text message back, as text and unchanged"},
	{"echoes binary", "echoes a binary message", "send every binary message back, as binary: many libraries take a flag or another call for that"},
	{"answers pings", "answers a ping", "most libraries answer pings by themselves while the program reads: keep reading; if yours hands pings to the program, send a pong with the same payload"},
	{"answers a close", "answers a close", "when the library reports the end of the connection, leave the loop and let it close; do not end TCP before it has answered"},
}

// Cases lists the cases that every implementation has to pass.
func Cases() []cases.Case {
	var list []cases.Case
	for _, c := range catalogue.All() {
		if slices.ContainsFunc(c.Shows, func(shows string) bool { _, basic := find(shows); return basic }) {
			list = append(list, c)
		}
	}
	return list
}

// find returns the index in basics.
func find(shows string) (int, bool) {
	for i, b := range basics {
		if b.shows == shows {
			return i, true
		}
	}
	return 0, false
}

// Steps is what the results of [Cases] say, as far as the peer echoes.
func Steps(results map[cases.ID]harness.Result) []Step {
	var steps []Step
	for _, c := range Cases() {
		r, played := results[c.ID]
		if r.Outcome == harness.Unsupported && r.Transcript == nil {
			continue // it does not echo, as the user said
		}
		i, _ := find(c.Shows[0])
		step := Step{What: fmt.Sprintf("%s (case %s)", basics[i].what, c.ID), Took: r.Duration, Fix: basics[i].fix}
		switch {
		case !played:
			step.Err = errors.New("the case was not played")
		case !r.Outcome.Ran():
			step.Err = errors.New(r.Summary())
		case r.Behavior == cases.Failed || !slices.Contains([]cases.CloseBehavior{cases.CloseOK, cases.CloseFailedByClient, cases.CloseWrongCode}, r.Close):
			step.Err = fmt.Errorf("%s; %s", r.Reason, r.CloseReason)
		}
		steps = append(steps, step)
	}
	return steps
}

// Server checks a server in steps, and hands each to say as it ends. A server of ours is
// started and stopped; a nil service listens at the target already. The error is that of ctx.
func Server(ctx context.Context, target engine.Target, service *agent.Service, o engine.Options, say func(Step)) error {
	if service != nil {
		err := service.Start(ctx)
		defer service.Stop()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		say(Step{What: "starts and listens", Err: err, Fix: "the command has to run in the foreground and listen on {host}:{port}, which stand for its address"})
		if err != nil {
			return nil
		}
		target.URL = service.URL
	}
	o.AnyPeer = true // what it cannot do is told step by step
	results := map[cases.ID]harness.Result{}
	report, err := engine.TestServer(ctx, target, Cases(), o, func(r harness.Result) { results[r.Case] = r })
	if ctx.Err() != nil {
		return ctx.Err()
	}
	say(Step{What: "takes a connection", Err: err, Fix: "the server has to listen at the address of the URL and accept one connection after another"})
	if err != nil {
		return nil
	}
	opening := opens(ctx, target, results)
	if say(opening); opening.Err != nil {
		return nil
	}
	for _, s := range Steps(results) {
		say(s)
	}
	var died error
	if !report.Survived {
		died = errors.New("it did not echo a message afterwards")
	}
	say(Step{What: "keeps running after a connection ends", Err: died, Fix: "serve more than one connection; the end of one must not end the program"})
	if service != nil {
		say(ends(service))
	}
	return nil
}

// opens says whether a handshake was completed.
func opens(ctx context.Context, target engine.Target, results map[cases.ID]harness.Result) Step {
	step := Step{
		What: "takes the opening handshake",
		Fix:  "answer the upgrade request at the path of the URL, for any Host and without an Origin header (RFC 6455 4.2.2)",
	}
	for _, r := range results {
		if r.Transcript != nil && r.Transcript.Opened {
			return step
		}
	}
	step.Err = errors.New("no opening handshake was completed")
	if d, _ := target.Diagnose(ctx); d != nil && !d.Echoes {
		step.Err, step.Fix = errors.New(d.Saw), cmp.Or(d.Advice, step.Fix)
	}
	return step
}

// ends stops a server.
func ends(service *agent.Service) Step {
	step := Step{What: "ends on SIGTERM", Fix: "let the program end on SIGTERM; a shell script has to exec the server, or to pass the signal on"}
	begun := time.Now()
	service.Stop()
	if service.Forced() {
		step.Err = fmt.Errorf("it still ran %.0f s after SIGTERM and was killed", time.Since(begun).Seconds())
	}
	return step
}

// Client checks a client in steps, as [Server] does. A one-shot client is started for each
// connection.
func Client(ctx context.Context, d engine.Driver, oneShot bool, o engine.Options, say func(Step)) error {
	results := map[cases.ID]harness.Result{}
	test := engine.TestClient
	if oneShot {
		test = engine.TestOneShot
	}
	report, err := test(ctx, d, Cases(), o, func(r harness.Result) { results[r.Case] = r })
	if ctx.Err() != nil {
		return ctx.Err()
	}
	starts := Step{What: "starts", Fix: "name a program that can be run, with {url} for the address to connect to"}
	if errors.Is(err, agent.ErrNotStarted) {
		starts.Err = err
	}
	if say(starts); starts.Err != nil {
		return nil //nolint:nilerr // it has been said
	}
	asks := Step{What: "asks for the number of cases and for a case", Err: err, Fix: "read the number of cases from {url}/getCaseCount, then open " +
		"{url}/runCase?case=N&agent=NAME for each; {url} stands in the command for the address"}
	if oneShot {
		asks.What, asks.Fix = "connects and answers", "{url}, or {host} and {port}, stand in the command for the address to connect to; "+
			"the program connects there once and keeps reading"
	}
	if say(asks); err != nil {
		return nil //nolint:nilerr // it has been said
	}
	for _, s := range Steps(results) {
		say(s)
	}
	if oneShot {
		return nil
	}
	var silent, lingers error
	if !report.Updated {
		silent = errors.New("it did not")
	}
	say(Step{What: "asks for the reports at its end", Err: silent, Fix: "open {url}/updateReports?agent=NAME after the last case: Autobahn writes its reports then"})
	if report.Lingered {
		lingers = errors.New("it still ran some seconds after its last request and was stopped")
	}
	say(Step{What: "exits on its own", Err: lingers, Fix: "exit when all cases have been run"})
	return nil
}
