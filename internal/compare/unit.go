package compare

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/agentfile"
	"github.com/wsconform/wsconform/internal/runfile"
)

// A Unit is what one machine plays of a comparison: an agent in one role, all of the cases or
// a shard of them, under each engine. It names everything that its result depends on.
type Unit struct {
	Agent     string            `json:"agent"` // its folder
	Gateway   bool              `json:"gateway,omitempty"`
	Digest    string            `json:"digest"` // of the agent's content
	Role      cases.Role        `json:"role"`
	Engines   []string          `json:"engines"`
	Selection runfile.Selection `json:"selection"`
	Shard     *runfile.Shard    `json:"shard,omitempty"`
	Isolation Isolation         `json:"isolation"`
	Repeats   int               `json:"repeats"`
	Patience  time.Duration     `json:"patience"`
	Tool      string            `json:"tool"`
}

// Name is the hash of the unit's content, and who it is about: "go-gorilla-server-0f3a…".
func (u Unit) Name() string {
	text, err := json.Marshal(u)
	if err != nil {
		panic(err) //nolint:forbidigo // plain data, which JSON takes
	}
	sum := sha256.Sum256(text)
	return u.Agent + "-" + u.Role.String() + "-" + hex.EncodeToString(sum[:12])
}

// Limit is how long a machine may take, with the build.
func (u Unit) Limit() time.Duration {
	return buildPatience + time.Duration(len(u.Engines))*(u.Patience+enginePatience)
}

// NeedsDocker is what a unit needs besides programs, if it runs containers.
const NeedsDocker = "docker"

// Needs lists what a machine must have to play the unit.
func (u Unit) Needs(a agentfile.Agent) []string {
	needs := slices.Clone(a.Needs)
	if u.Isolation == InContainer || slices.Contains(u.Engines, runfile.ReferenceEngine) {
		needs = append(needs, NeedsDocker)
	}
	slices.Sort(needs)
	return slices.Compact(needs)
}

// A StrangeError says that this machine's agent or catalogue is not the one of a unit.
type StrangeError struct{ What, Want, Have string }

func (e *StrangeError) Error() string {
	return fmt.Sprintf("the digest of %s is %.16s here, and %.16s where the comparison was started", e.What, e.Have, e.Want)
}
