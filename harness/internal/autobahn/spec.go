package autobahn

import (
	"encoding/json"

	"github.com/wsconform/wsconform/cases"
)

// The paths of Autobahn's configuration and reports inside the container. Files are
// copied in and out, not mounted: that works with an engine on another machine, and
// the reports belong to the user.
const (
	configDir = "/wsconform/config"
	specFile  = "spec.json"
	reportDir = "/wsconform/reports"
)

// A clientSpec configures the fuzzingclient.
type clientSpec struct {
	OutDir  string         `json:"outdir"`
	Servers []serverTarget `json:"servers"`
	specCases
}

type serverTarget struct {
	// Agent is always set: with a failed handshake and no name Autobahn cannot write its
	// reports, and hangs.
	Agent string `json:"agent"`
	URL   string `json:"url"`
}

// A serverSpec configures the fuzzingserver.
type serverSpec struct {
	URL    string `json:"url"`
	OutDir string `json:"outdir"`
	specCases
}

type specCases struct {
	Cases   []cases.ID          `json:"cases"`
	Exclude []cases.ID          `json:"exclude-cases"`
	Agents  map[string][]string `json:"exclude-agent-cases"`
}

// selected names every case by its id, so that the selection does not depend on how
// Autobahn reads patterns.
func selected(list []cases.Case) specCases {
	ids := make([]cases.ID, len(list))
	for i, c := range list {
		ids[i] = c.ID
	}
	return specCases{Cases: ids, Exclude: []cases.ID{}, Agents: map[string][]string{}}
}

func encodeSpec(v any) ([]byte, error) { return json.MarshalIndent(v, "", "  ") }
