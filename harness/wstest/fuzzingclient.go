package wstest

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/native"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/pattern"
	"github.com/wsconform/wsconform/internal/runfile"
)

// unknownServer is the name of a server whose response has no Server field.
const unknownServer = "UnknownServer"

// runFuzzingClient tests servers one after the other, and writes all reports at the
// end, or when it is interrupted.
func runFuzzingClient(ctx context.Context, c *command) error {
	spec, err := c.readSpec(clientTemplate)
	if err != nil {
		return err
	}
	targets, err := c.targets(spec)
	if err != nil {
		return err
	}
	parallel := 1
	switch {
	case c.args.Parallel > 0:
		parallel = c.args.Parallel
	case spec.Parallel != nil:
		parallel = *spec.Parallel
	}
	list, excludes, err := c.selection(spec)
	if err != nil {
		return err
	}
	results, err := c.newStore(cmp.Or(spec.OutDir, "./reports/servers/"), list)
	if err != nil {
		return err
	}
	defer results.close()
	c.say("Ok, will run %d test cases against %d servers", len(list), len(targets))
	for _, t := range targets {
		if ctx.Err() == nil {
			c.test(ctx, t, list, excludes, parallel, results)
		}
	}
	err = results.write()
	if ctx.Err() != nil {
		return ErrInterrupted
	}
	return err
}

// A target is a server and its name in the reports, if one was given.
type target struct {
	native.Target
	agent   string
	secrets *runfile.Secrets // of the URL; nil if there are none
}

func (c *command) targets(spec *specification) ([]target, error) {
	_, ignored, err := spec.Options.settings(spec.file, clientSide, "options")
	if err != nil {
		return nil, err
	}
	servers, given := spec.Servers, len(spec.Servers) > 0
	switch {
	case !given && c.args.URI == "":
		return nil, usagef("%s names no servers; give one with --wsuri", spec.file.name)
	case !given:
		servers = []serverSpec{{URL: c.args.URI}}
	case c.args.URI != "":
		c.warn("--wsuri is ignored, because %s names servers", spec.file.name)
	}
	var list []target
	for i, s := range servers {
		u, _, err := parseURL(s.URL, false)
		if err != nil {
			if given {
				err = spec.file.fault(err, serverKey(i, "url")...)
			}
			return nil, err
		}
		_, more, err := s.Options.settings(spec.file, clientSide, serverKey(i, "options")...)
		if err != nil {
			return nil, err
		}
		ignored = append(ignored, more...)
		options := options{}
		maps.Copy(options, spec.Options)
		maps.Copy(options, s.Options)
		set, _, err := options.settings(spec.file, clientSide)
		if err != nil {
			return nil, err
		}
		if err := checkFields(spec.file, i, s); err != nil {
			return nil, err
		}
		t := target{agent: s.Agent, Target: serverTarget(u, s)}
		t.Protocol, t.FailTLS = set.protocol, true
		t.HTTP2, t.HTTP3 = c.args.HTTP2, c.args.HTTP3
		if t.HTTP3 && u.Scheme != "wss" {
			return nil, usagef("--http3 needs wss addresses, and %s is none: there is no HTTP/3 without TLS", s.URL)
		}
		if u.User != nil || u.RawQuery != "" {
			t.secrets = runfile.NewSecrets(s.URL, nil)
		}
		list = append(list, t)
	}
	c.warnIgnored(ignored)
	return list, nil
}

// checkFields rejects control characters in values that become part of the opening
// handshake: a line break would start a field of its own.
func checkFields(file source, i int, s serverSpec) error {
	if strings.ContainsFunc(s.Origin, unicode.IsControl) {
		return file.fault(usagef("%q has a control character", s.Origin), serverKey(i, "origin")...)
	}
	for _, p := range s.Protocols {
		if strings.ContainsFunc(p, unicode.IsControl) {
			return file.fault(usagef("%q has a control character", p), serverKey(i, "protocols")...)
		}
	}
	return nil
}

// serverTarget returns the target for a server. Its certificate is verified only if
// the configuration gives the name that should be in it.
func serverTarget(u *url.URL, s serverSpec) native.Target {
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
func (c *command) test(ctx context.Context, t target, list []cases.Case, excludes pattern.AgentExcludes, parallel int, results *store) {
	var mu sync.Mutex // guards name
	name := t.agent
	agent := func() string {
		mu.Lock()
		defer mu.Unlock()
		return cmp.Or(name, unknownServer)
	}
	var missing []string
	// The exclusions depend on the server's name. If none was given, it comes with
	// the first response, which is too late to leave cases out: excluded cases are
	// then played, and their results dropped.
	if t.agent != "" {
		list = slices.DeleteFunc(slices.Clone(list), func(k cases.Case) bool { return excludes.Excludes(t.agent, k.ID) })
	}
	where := t.secrets.Text(t.URL.String())
	c.say("Testing %s", where)
	report, err := native.TestServer(ctx, t.Target, list, native.Options{
		Options: runner.Options{
			Parallel: parallel, Every: true,
			Started: func(k cases.Case) { c.running(k, agent()) },
			// A verdict that may still change is in the reports already, in case the run is
			// killed.
			Provisional: func(r harness.Result) {
				if r.Outcome.Ran() && !excludes.Excludes(agent(), r.Case) {
					results.add(agent(), t.secrets.Result(r))
				}
			},
		},
		Greeted: func(response string) {
			mu.Lock()
			defer mu.Unlock()
			name = cmp.Or(name, headerField(response, "Server"))
		},
	}, func(r harness.Result) {
		if excludes.Excludes(agent(), r.Case) {
			return
		}
		if !r.Outcome.Ran() {
			missing = append(missing, string(r.Case))
			return
		}
		results.add(agent(), t.secrets.Result(r))
		c.concluded(agent(), r)
	})
	if unreachable, ok := errors.AsType[*runner.UnreachableError](err); ok {
		c.say("Connection to %s failed (%s); its cases are skipped", where, printable(unreachable.Err.Error()))
		return
	}
	if report.Gone != "" {
		c.say("Connection to %s failed after case %s; its remaining cases are skipped", where, report.Gone)
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
