package wstest

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/native"
)

// unknownServer is the name of a server that does not say its own.
const unknownServer = "UnknownServer"

// runFuzzingClient tests servers, one after the other, and writes the reports of
// all at the end, also when it is interrupted.
func runFuzzingClient(ctx context.Context, c *command) error {
	spec, err := c.readSpec(clientTemplate)
	if err != nil {
		return err
	}
	targets, err := c.targets(spec)
	if err != nil {
		return err
	}
	list, excludes, err := c.selection(spec)
	if err != nil {
		return err
	}
	results, err := c.newStore(cmp.Or(spec.OutDir, "./reports/servers/"), list)
	if err != nil {
		return err
	}
	c.say("Ok, will run %d test cases against %d servers", len(list), len(targets))
	for _, t := range targets {
		if ctx.Err() == nil {
			c.test(ctx, t, list, excludes, results)
		}
	}
	err = results.write()
	if ctx.Err() != nil {
		return ErrInterrupted
	}
	return err
}

// A target is a server and the name that it has in the reports, if given.
type target struct {
	native.Target
	agent string
}

func (c *command) targets(spec *Spec) ([]target, error) {
	servers := spec.Servers
	if len(servers) == 0 {
		if c.args.URI == "" {
			return nil, usagef("the configuration names no servers; give one with --wsuri")
		}
		servers = []ServerSpec{{URL: c.args.URI}}
	}
	options := []Options{spec.Options}
	var list []target
	for _, s := range servers {
		u, _, err := parseURL(s.URL, false)
		if err != nil {
			return nil, err
		}
		options = append(options, s.Options)
		list = append(list, target{agent: s.Agent, Target: serverTarget(u, s)})
	}
	return list, c.checkOptions(clientSide, options...)
}

// serverTarget says how to reach a server. Its certificate is verified only
// when it is known which name should be in it.
func serverTarget(u *url.URL, s ServerSpec) native.Target {
	t := native.Target{
		URL: u, Subprotocols: s.Protocols, Header: http.Header{},
		TLS: &tls.Config{ServerName: s.Hostname, InsecureSkipVerify: s.Hostname == ""}, //nolint:gosec // as documented
	}
	if s.Origin != "" {
		t.Header.Set("Origin", s.Origin)
	}
	return t
}

// test runs the cases against one server.
func (c *command) test(ctx context.Context, t target, list []cases.Case, excludes cases.AgentExcludes, results *store) {
	var mu sync.Mutex // guards name
	name := t.agent
	agent := func() string {
		mu.Lock()
		defer mu.Unlock()
		return cmp.Or(name, unknownServer)
	}
	var missing []string
	// What is excluded depends on the name, and that on the server's first
	// response. The cases are handed over before it is known, so those that are
	// excluded are run and their results thrown away, unless the name was given.
	if t.agent != "" {
		list = slices.DeleteFunc(slices.Clone(list), func(k cases.Case) bool { return excludes.Excludes(t.agent, k.ID) })
	}
	c.say("Testing %s", t.URL)
	report, err := native.TestServer(ctx, t.Target, list, native.Options{
		Greeted: func(response string) {
			mu.Lock()
			defer mu.Unlock()
			name = cmp.Or(name, headerField(response, "Server"))
		},
		Started: func(k cases.Case) { c.running(k, agent()) },
	}, func(r harness.Result) {
		if excludes.Excludes(agent(), r.Case) {
			return
		}
		if !r.Outcome.Ran() {
			missing = append(missing, string(r.Case))
			return
		}
		results.add(agent(), r)
		c.concluded(agent(), r)
	})
	if unreachable, ok := errors.AsType[*native.UnreachableError](err); ok {
		c.say("Connection to %s failed (%s); its cases are skipped", t.URL, printable(unreachable.Err.Error()))
		return
	}
	switch {
	case report.Silent:
		c.say("The server at %s has stopped answering; its remaining cases are skipped", t.URL)
	case report.Gone != "":
		c.say("Connection to %s failed after case %s", t.URL, report.Gone)
	}
	if len(missing) > 0 {
		c.warn("%s: %d cases are missing from the reports", printable(agent()), len(missing))
	}
}

// headerField returns the value of a field of an HTTP head.
func headerField(head, name string) string {
	for line := range strings.SplitSeq(head, "\r\n") {
		if field, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(strings.TrimSpace(field), name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
