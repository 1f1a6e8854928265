package reports

import (
	"encoding/json"
	"io"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/gate"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/reports/internal/summary"
)

// A summaryJSON is what writeJSON writes: the run without its transcripts, for
// dashboards and scripts.
type summaryJSON struct {
	Schema   int                     `json:"schema"` // of the summary, 1
	Headline string                  `json:"headline"`
	State    runfile.State           `json:"state"`
	Alarm    string                  `json:"alarm,omitempty"` // why it cannot be relied on
	Tool     string                  `json:"tool"`
	Engine   runfile.Engine          `json:"engine"`
	Agent    harness.Agent           `json:"agent"`
	Started  time.Time               `json:"started"`
	Duration time.Duration           `json:"duration"` // nanoseconds
	Total    int                     `json:"total"`
	Counts   map[harness.Outcome]int `json:"counts"`
	Missing  []cases.ID              `json:"missing,omitempty"`
	Gate     *gateJSON               `json:"gate,omitempty"` // absent without expectations
	Sections []sectionJSON           `json:"sections"`
	Cases    []caseJSON              `json:"cases"`
}

// A sectionJSON sums up one section, with both halves of its verdicts counted apart.
type sectionJSON struct {
	ID       string                      `json:"id"`
	Title    string                      `json:"title"`
	Total    int                         `json:"total"`
	Counts   map[harness.Outcome]int     `json:"counts"`
	Behavior map[cases.Behavior]int      `json:"behavior"`
	Close    map[cases.CloseBehavior]int `json:"close"`
}

// A caseJSON is a result without its transcript.
type caseJSON struct {
	harness.Result
	Title     string    `json:"title"`
	Code      int       `json:"remoteCode,omitempty"` // of the peer's close frame
	Signature string    `json:"signature"`            // see [harness.Result.Signature]
	Mark      gate.Mark `json:"mark,omitempty"`       // what the expectations say about it
	Excuse    string    `json:"excuse,omitempty"`     // the reason of the entry about the case
	Suite     string    `json:"suite,omitempty"`      // that the case belongs to
	Level     string    `json:"level,omitempty"`      // how much it demands, such as "SHOULD"; absent for Autobahn's cases
	// Sections and Requirements name what the case tests: sections such as "RFC 6455 5.4"
	// and ids of the requirement ledger.
	Sections     []string `json:"sections,omitempty"`
	Requirements []string `json:"requirements,omitempty"`
}

// A gateJSON is the decision about the run.
type gateJSON struct {
	Exit       gate.Exit       `json:"exit"` // the exit code
	Violations []violationJSON `json:"violations"`
	Notes      []string        `json:"notes,omitempty"`
}

// A violationJSON is one reason why the gate fails.
type violationJSON struct {
	Kind  gate.Kind  `json:"kind"`
	Cases []cases.ID `json:"cases,omitempty"`
	Text  string     `json:"text"`
}

func gateSummary(d *gate.Decision) *gateJSON {
	if d == nil {
		return nil
	}
	out := &gateJSON{Exit: d.Exit, Violations: []violationJSON{}, Notes: d.Notes}
	for _, v := range d.Violations {
		out.Violations = append(out.Violations, violationJSON{v.Kind, v.Cases, v.Text})
	}
	return out
}

// writeJSON writes a [summaryJSON] of the run.
func writeJSON(w io.Writer, in Input) error {
	s, run := summary.Of(in), in.Run
	out := summaryJSON{
		Schema: 1, Headline: s.Headline(), State: s.State, Alarm: s.Alarm(), Tool: run.Header.Tool,
		Engine: run.Header.Engine, Agent: run.Header.Agent.Bounded(), Started: run.Header.Started, Duration: run.Duration(),
		Total: len(s.Rows), Counts: s.Counts, Missing: run.Missing(), Gate: gateSummary(in.Gate), Sections: []sectionJSON{}, Cases: []caseJSON{},
	}
	for _, sec := range s.Sections {
		out.Sections = append(out.Sections, sectionJSON{sec.ID, sec.Title, len(sec.Rows), sec.Counts, sec.Behavior, sec.Close})
	}
	for _, r := range s.Rows {
		c := caseJSON{Result: r.Result, Title: r.Title(), Signature: r.Signature(), Mark: r.Mark, Excuse: r.Excuse(), Suite: string(r.Def.Suite), Level: r.Level(), Sections: r.Def.RFC}
		for _, q := range r.Requirements() {
			c.Requirements = append(c.Requirements, q.ID)
		}
		if r.Transcript != nil {
			c.Code = int(r.Transcript.RemoteCode)
		}
		c.Transcript = nil
		out.Cases = append(out.Cases, c)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	return enc.Encode(out)
}
