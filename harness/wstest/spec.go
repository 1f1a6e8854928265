package wstest

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/autobahn"
	"github.com/wsconform/wsconform/internal/pattern"
)

// A specification is the configuration file of fuzzingserver or fuzzingclient.
type specification struct {
	URL           string              `json:"url"` // fuzzingserver: where to listen
	OutDir        string              `json:"outdir"`
	Cases         patterns            `json:"cases"`
	ExcludeCases  patterns            `json:"exclude-cases"`
	ExcludeAgents map[string]patterns `json:"exclude-agent-cases"`
	Options       options             `json:"options"`
	Protocols     []string            `json:"protocols"` // fuzzingserver: read and never used, as in the original
	Servers       []serverSpec        `json:"servers"`   // fuzzingclient: what to test
	Key           string              `json:"key"`
	Cert          string              `json:"cert"`
	WebPort       *int                `json:"webport"`
	// Parallel is how many cases the fuzzingclient plays at once. It is not in the
	// original, which always plays one at a time, as we do by default.
	Parallel *int `json:"parallel"`

	file source
}

// A serverSpec is a server to be tested.
type serverSpec struct {
	URL       string   `json:"url"`
	Agent     string   `json:"agent"`    // name in the reports; by default the server's own
	Hostname  string   `json:"hostname"` // name of the server in TLS, whose certificate is then verified
	Origin    string   `json:"origin"`
	Protocols []string `json:"protocols"`
	Options   options  `json:"options"`
}

// serverTemplate and clientTemplate are the files that are created by default.
const (
	serverTemplate = `{
   "url": "ws://127.0.0.1:9001",
   "outdir": "./reports/clients",
   "cases": ["*"],
   "exclude-cases": [],
   "exclude-agent-cases": {}
}
`
	clientTemplate = `{
   "outdir": "./reports/servers",
   "servers": [
      {
         "url": "ws://127.0.0.1:9001"
      }
   ],
   "cases": ["*"],
   "exclude-cases": [],
   "exclude-agent-cases": {}
}
`
)

// maxParallel bounds how many connections a server is asked to bear at once.
const maxParallel = 256

// parseSpec reads a configuration. The name of its file is for messages, which
// give file, line and key. An error is a [*usageError].
func parseSpec(name string, data []byte) (*specification, error) {
	s := specification{file: newSource(name, data)}
	if err := s.file.decode(&s); err != nil {
		return nil, err
	}
	if s.WebPort != nil && (*s.WebPort < 0 || *s.WebPort > 65535) {
		return nil, s.file.fault(usagef("%d is not a port from 0 to 65535", *s.WebPort), "webport")
	}
	if s.Parallel != nil {
		if err := checkParallel(*s.Parallel); err != nil {
			return nil, s.file.fault(err, "parallel")
		}
	}
	return &s, nil
}

func checkParallel(n int) error {
	if n < 1 || n > maxParallel {
		return usagef("%d is not a number of cases from 1 to %d", n, maxParallel)
	}
	return nil
}

// readConfig reads the file that was named, which must exist. If none was named,
// it reads the default file of the mode, and creates it if it is missing.
func (c *command) readConfig(template string) (source, error) {
	name := c.args.Spec
	if name == "" {
		name = c.args.Mode + ".json"
	}
	data, err := os.ReadFile(name)
	switch {
	case err == nil:
		c.say("Configuration is %s", name)
		return newSource(name, data), nil
	case c.args.Spec != "" && errors.Is(err, fs.ErrNotExist):
		return source{}, usagef("configuration file %s does not exist", name)
	case !errors.Is(err, fs.ErrNotExist):
		return source{}, usagef("configuration: %v", err)
	}
	err = os.WriteFile(name, []byte(template), 0o644)
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS): // the root of a container, for example
		c.warn("%v; using default settings", err)
	case err != nil:
		return source{}, usagef("configuration: %v", err)
	default:
		c.say("Created %s with default settings", name)
	}
	return newSource(name, []byte(template)), nil
}

func (c *command) readSpec(template string) (*specification, error) {
	file, err := c.readConfig(template)
	if err != nil {
		return nil, err
	}
	s, err := parseSpec(file.name, file.data)
	if err != nil {
		return nil, err
	}
	for _, k := range file.unknown() {
		c.warn("%s: unknown key, ignored", file.at(k.path...))
	}
	return s, nil
}

// selection returns the cases to be run, in order.
func (c *command) selection(s *specification) ([]cases.Case, pattern.AgentExcludes, error) {
	all := autobahn.All()
	if _, err := pattern.Select(all, s.Cases, nil); err != nil {
		return nil, nil, s.file.fault(err, "cases")
	}
	list, err := pattern.Select(all, s.Cases, s.ExcludeCases)
	if err != nil {
		return nil, nil, s.file.fault(err, "exclude-cases")
	}
	patterns := make(map[string][]string, len(s.ExcludeAgents))
	for agent, list := range s.ExcludeAgents {
		patterns[agent] = list
	}
	excludes, err := pattern.CompileAgentExcludes(patterns)
	if err != nil {
		return nil, nil, s.file.fault(err, "exclude-agent-cases")
	}
	c.warnUnmatched(s.file.at("cases"), all, s.Cases)
	c.warnUnmatched(s.file.at("exclude-cases"), all, s.ExcludeCases)
	switch {
	case len(list) > 0:
	case s.Cases == nil:
		c.warn("%s: no case is selected: key \"cases\" is missing", s.file.name)
	default:
		c.warn("%s: no case is selected", s.file.at("cases"))
	}
	return list, excludes, nil
}

// warnUnmatched names the patterns that match no case.
func (c *command) warnUnmatched(at string, all []cases.Case, patterns []string) {
	for _, glob := range pattern.Unmatched(all, patterns) {
		hint := ""
		if section := glob + ".*"; len(pattern.Unmatched(all, []string{section})) == 0 && !strings.Contains(glob, "*") {
			hint = fmt.Sprintf("; for the section, write %q", section)
		}
		c.warn("%s: pattern %q matches no case%s", at, glob, hint)
	}
}

// parseURL reads a ws or wss URL. The port is that of the scheme if it has none.
func parseURL(raw string, server bool) (*url.URL, int, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, 0, usagef("address %q: %v", raw, errors.Unwrap(err))
	case u.Scheme != "ws" && u.Scheme != "wss":
		return nil, 0, usagef("address %q does not begin with ws:// or wss://", raw)
	case u.Hostname() == "":
		return nil, 0, usagef("address %q has no host", raw)
	case u.Fragment != "":
		return nil, 0, usagef("address %q has a fragment", raw)
	case server && u.RawQuery != "":
		return nil, 0, usagef("address %q to listen on has a query", raw)
	}
	port := map[string]int{"ws": 80, "wss": 443}[u.Scheme]
	if p := u.Port(); p != "" {
		if port, err = strconv.Atoi(p); err != nil || port > 65535 {
			return nil, 0, usagef("address %q has no valid port", raw)
		}
	}
	return u, port, nil
}

// serverKey is the path of a key of a server in the configuration.
func serverKey(i int, more ...string) []string {
	return append([]string{"servers", fmt.Sprint(i)}, more...)
}
