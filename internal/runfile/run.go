package runfile

import (
	"net/http"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/usercase"
)

// SchemaVersion is the version of the run file that [Writer] writes. Readers
// accept every version up to it.
//
// Version 2 has all connections of a case, and in the events of each also answers,
// pings, closes, offences and the end of TCP; version 1 has the first connection,
// and of its events messages, pongs and timeouts. Verdicts mean the same in both.
const SchemaVersion = 2

// A Run is a run file in memory. Each case has at most one result: where a file
// holds several, the last one counts.
type Run struct {
	Header  Header
	Results []harness.Result
	Footer  *Footer // nil when the run was cut off
}

// A Header is the first line of a run file: what was to be run, by what,
// against what, and where.
type Header struct {
	Schema int           `json:"schema"`
	Tool   string        `json:"tool"` // "wsconform" and its version
	Engine Engine        `json:"engine"`
	Agent  harness.Agent `json:"agent"`
	// Peer is what the agent was found to do. It is nil in runs whose engine does not try,
	// and until that is known.
	Peer      *harness.Peer  `json:"peer,omitempty"`
	Selection Selection      `json:"selection"`
	Shard     *Shard         `json:"shard,omitempty"` // nil unless the run is a part of one
	Started   time.Time      `json:"started"`
	Host      Host           `json:"host"`
	Seed      uint64         `json:"seed,omitempty"`
	Settings  map[string]any `json:"settings,omitempty"` // of the engine, by option name
	// UserCases are the selected cases that the user has written, so that readers of the file
	// know them.
	UserCases []usercase.Spec `json:"userCases,omitempty"`
	// Secrets says whether secrets are masked ([SecretsMasked]) or in the file as they
	// are ([SecretsShown]). A [Writer] masks them unless it is [SecretsShown].
	Secrets string `json:"secrets,omitempty"`
	// Added are the fields that the user added to the handshake. They are secrets, so
	// they are not written.
	Added http.Header `json:"-"`
}

// An Engine gave the verdicts.
type Engine struct {
	Name     string            `json:"name"` // such as [DefaultEngine]
	Version  string            `json:"version,omitempty"`
	Image    string            `json:"image,omitempty"`    // reference of the container image
	Digest   string            `json:"digest,omitempty"`   // of the image
	Packages map[string]string `json:"packages,omitempty"` // name: version, inside the image
}

// A Selection says which cases were to be run.
type Selection struct {
	Cases     []string   `json:"cases"`             // patterns
	Exclude   []string   `json:"exclude,omitempty"` // patterns
	Selected  []cases.ID `json:"selected"`          // the cases that match, in order
	Catalogue string     `json:"catalogue"`         // SHA-256 of the catalogue, in hex
}

// A Host is the machine a run was made on.
type Host struct {
	OS   string `json:"os"`
	Arch string `json:"arch"`
	CPUs int    `json:"cpus"`
	Go   string `json:"go"`
}

// State says how much of a run can be relied on.
type State string

// The states of a run.
const (
	Complete State = "complete" // every selected case has a verdict
	Partial  State = "partial"  // some have none; Missing names them
	Invalid  State = "invalid"  // the harness failed
)

// A Footer is the last line of a run file. Without one the run was cut off.
type Footer struct {
	State    State                   `json:"state"`
	Counts   map[harness.Outcome]int `json:"counts"`
	Missing  []cases.ID              `json:"missing,omitempty"`
	Duration time.Duration           `json:"duration"` // wall time, nanoseconds
	Error    string                  `json:"error,omitempty"`
	Cause    harness.Cause           `json:"cause,omitempty"` // where the error is the agent's
}

// State tells how much of the run can be relied on. It is worked out from the
// results, so a footer cannot claim more than the file holds.
func (r *Run) State() State {
	switch {
	case r.Footer != nil && r.Footer.State == Invalid:
		return Invalid
	case r.Footer == nil, r.Footer.State != Complete, len(r.Results) == 0, len(r.Missing()) > 0:
		return Partial
	}
	return Complete
}

// Missing lists the cases without a verdict: those selected first, in their
// order.
func (r *Run) Missing() []cases.ID {
	return r.tally().missing()
}

// Counts counts the outcomes. A selected case without a result counts as
// [harness.NotRun].
func (r *Run) Counts() map[harness.Outcome]int {
	return r.tally().counts()
}

// Duration is the wall time of the run, or where it was cut off the sum of the
// durations of its cases.
func (r *Run) Duration() time.Duration {
	if r.Footer != nil {
		return r.Footer.Duration
	}
	var sum time.Duration
	for _, res := range r.Results {
		sum += res.Duration
	}
	return sum
}

func (r *Run) tally() *tally {
	t := newTally(r.Header.Selection.Selected)
	for _, res := range r.Results {
		t.add(res.Case, res.Outcome)
	}
	return t
}

// A tally keeps the outcome of each case in the order in which the cases were
// selected; those that were not come after, in the order of their results.
type tally struct {
	order    []cases.ID
	outcomes map[cases.ID]harness.Outcome
}

func newTally(selected []cases.ID) *tally {
	t := &tally{outcomes: make(map[cases.ID]harness.Outcome, len(selected))}
	for _, id := range selected {
		t.add(id, harness.NotRun)
	}
	return t
}

// add sets the outcome of a case, in place of an earlier one.
func (t *tally) add(id cases.ID, o harness.Outcome) {
	if _, known := t.outcomes[id]; !known {
		t.order = append(t.order, id)
	}
	t.outcomes[id] = o
}

func (t *tally) missing() []cases.ID {
	var ids []cases.ID
	for _, id := range t.order {
		if !t.outcomes[id].Ran() {
			ids = append(ids, id)
		}
	}
	return ids
}

func (t *tally) counts() map[harness.Outcome]int {
	counts := map[harness.Outcome]int{}
	for _, o := range t.outcomes {
		counts[o]++
	}
	return counts
}
