package wstest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strconv"
	"syscall"

	"github.com/wsconform/wsconform/cases"
)

// A Spec is a configuration file of fuzzingserver or fuzzingclient. Keys that it
// does not know are passed over.
type Spec struct {
	URL           string              `json:"url"` // fuzzingserver: where to listen
	OutDir        string              `json:"outdir"`
	Cases         []string            `json:"cases"`
	ExcludeCases  []string            `json:"exclude-cases"`
	ExcludeAgents map[string][]string `json:"exclude-agent-cases"`
	Options       Options             `json:"options"`
	Protocols     []string            `json:"protocols"`
	Servers       []ServerSpec        `json:"servers"` // fuzzingclient: what to test
	Key           string              `json:"key"`
	Cert          string              `json:"cert"`
	WebPort       *int                `json:"webport"`
}

// A ServerSpec is a server to be tested.
type ServerSpec struct {
	URL       string   `json:"url"`
	Agent     string   `json:"agent"`
	Hostname  string   `json:"hostname"` // name of the server in TLS, whose certificate is then verified
	Origin    string   `json:"origin"`
	Protocols []string `json:"protocols"`
	Options   Options  `json:"options"`
}

// serverTemplate and clientTemplate are the files that are created where there
// are none.
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

// ParseSpec reads a configuration. An error is a [*UsageError].
func ParseSpec(data []byte) (*Spec, error) {
	var s Spec
	dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	if err := dec.Decode(&s); err != nil {
		return nil, usagef("%s", jsonFault(data, err))
	}
	if dec.More() {
		return nil, usagef("there is more behind the configuration's closing brace")
	}
	if s.WebPort != nil && (*s.WebPort < 0 || *s.WebPort > 65535) {
		return nil, usagef("webport %d is not a number from 0 to 65535", *s.WebPort)
	}
	return &s, nil
}

// jsonFault says what is wrong and in which line.
func jsonFault(data []byte, err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	at := func(offset int64) int {
		return 1 + bytes.Count(data[:min(max(offset, 0), int64(len(data)))], []byte("\n"))
	}
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("line %d: %v", at(syntax.Offset), err)
	case errors.As(err, &kind):
		return fmt.Sprintf("line %d: %q cannot be a %s", at(kind.Offset), kind.Field, kind.Value)
	}
	return err.Error()
}

// readConfig reads the file that was named, or the default of the mode, and
// creates it when there is none.
func (c *command) readConfig(template string) ([]byte, error) {
	name := c.args.Spec
	if name == "" {
		name = c.args.Mode + ".json"
	}
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		err := os.WriteFile(name, []byte(template), 0o644)
		switch {
		case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS): // a mounted folder, for example
			c.warn("%v; going on with default settings", err)
		case err != nil:
			return nil, usagef("configuration: %v", err)
		default:
			c.say("Created %s with default settings", name)
		}
		return []byte(template), nil
	}
	if err != nil {
		return nil, usagef("configuration: %v", err)
	}
	c.say("Configuration is %s", name)
	return data, nil
}

func (c *command) readSpec(template string) (*Spec, error) {
	data, err := c.readConfig(template)
	if err != nil {
		return nil, err
	}
	s, err := ParseSpec(data)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return s, nil
}

// selection returns the cases that are to be run.
func (c *command) selection(s *Spec) ([]cases.Case, cases.AgentExcludes, error) {
	all := cases.All()
	list, err := cases.Select(all, s.Cases, s.ExcludeCases)
	if err != nil {
		return nil, nil, usagef("%v", err)
	}
	excludes, err := cases.CompileAgentExcludes(s.ExcludeAgents)
	if err != nil {
		return nil, nil, usagef("%v", err)
	}
	for _, pattern := range cases.Unmatched(all, append(append([]string{}, s.Cases...), s.ExcludeCases...)) {
		c.warn("pattern %q matches no case", pattern)
	}
	if len(list) == 0 {
		c.warn("no case is selected")
	}
	return list, excludes, nil
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
		return nil, 0, usagef("address %q has a query, but is to be listened on", raw)
	}
	port := map[string]int{"ws": 80, "wss": 443}[u.Scheme]
	if p := u.Port(); p != "" {
		if port, err = strconv.Atoi(p); err != nil || port > 65535 {
			return nil, 0, usagef("address %q has no valid port", raw)
		}
	}
	return u, port, nil
}
