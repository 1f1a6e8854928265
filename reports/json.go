package reports

import (
	"encoding/json"
	"io"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/gate"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/internal/usercase"
	"github.com/wsconform/wsconform/reports/internal/show"
	"github.com/wsconform/wsconform/reports/internal/summary"
)

// A summaryJSON is what [WriteJSON] writes: the run without its transcripts, for
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
	// Script is a raw script that does what the connection with the worst verdict did, Repeat
	// the command that plays the case again. Cases that passed have neither.
	Script string `json:"script,omitempty"`
	Repeat string `json:"repeat,omitempty"`
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

// WriteJSON writes a [summaryJSON] of the run.
func WriteJSON(w io.Writer, in Input) error {
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
		out.Cases = append(out.Cases, caseOf(run.Header, r))
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	return enc.Encode(out)
}

// caseOf is the row of a run, without its transcript.
func caseOf(h runfile.Header, r summary.Row) caseJSON {
	c := caseJSON{Result: r.Result, Title: r.Title(), Signature: r.Signature(), Mark: r.Mark, Excuse: r.Excuse(), Suite: string(r.Def.Suite), Level: r.Level(), Sections: r.Def.RFC}
	for _, q := range r.Requirements() {
		c.Requirements = append(c.Requirements, q.ID)
	}
	if r.Transcript != nil {
		c.Code = int(r.Transcript.RemoteCode)
	}
	switch r.Outcome {
	case harness.Fail, harness.PassLenient, harness.Crash, harness.Timeout:
		if r.Known && !r.Def.For(cases.Gateway) {
			c.Script = usercase.Script(r.Def, usercase.Worst(r.Def, r.Transcript))
		}
		c.Repeat = show.Repeat(h, r.Case)
	case harness.Pass, harness.Unsupported, harness.Observed, harness.Blocked, harness.NotRun, harness.HarnessError:
	}
	c.Transcript = nil
	return c
}

// A caseAnswer is what WriteCaseJSON writes.
type caseAnswer struct {
	About  explanation            `json:"about"`
	Result *caseJSON              `json:"result,omitempty"`
	Did    *transcript.Transcript `json:"transcript,omitempty"`
	// Minimal is the shortest script that shows the failure, if it was looked for.
	Minimal any `json:"minimal,omitempty"`
}

// WriteCaseJSON writes what is known of a case, and its result with the whole exchange if the
// run has one, with what is known of a minimal script, nil if nothing is.
func WriteCaseJSON(w io.Writer, c cases.Case, run *runfile.Run, minimal any) error {
	out := caseAnswer{About: explanationOf(c, nil), Minimal: minimal}
	if run != nil {
		for _, r := range summary.Of(Input{Run: run}).Rows {
			if r.Case == c.ID {
				one := caseOf(run.Header, r)
				out.Result, out.Did = &one, r.Transcript
			}
		}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	return enc.Encode(out)
}
