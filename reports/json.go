package reports

import (
	"encoding/json"
	"io"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
)

// A Summary is what [WriteJSON] writes: the run without its transcripts, for
// dashboards and scripts.
type Summary struct {
	Schema   int                     `json:"schema"` // of the summary, 1
	Headline string                  `json:"headline"`
	State    harness.State           `json:"state"`
	Alarm    string                  `json:"alarm,omitempty"` // why it cannot be relied on
	Tool     string                  `json:"tool"`
	Engine   harness.Engine          `json:"engine"`
	Agent    harness.Agent           `json:"agent"`
	Started  time.Time               `json:"started"`
	Duration time.Duration           `json:"duration"` // nanoseconds
	Total    int                     `json:"total"`
	Counts   map[harness.Outcome]int `json:"counts"`
	Missing  []cases.ID              `json:"missing,omitempty"`
	Sections []SectionSummary        `json:"sections"`
	Cases    []CaseSummary           `json:"cases"`
}

// A SectionSummary sums one section up, both halves of its verdicts apart.
type SectionSummary struct {
	ID       string                      `json:"id"`
	Title    string                      `json:"title"`
	Total    int                         `json:"total"`
	Counts   map[harness.Outcome]int     `json:"counts"`
	Behavior map[cases.Behavior]int      `json:"behavior"`
	Close    map[cases.CloseBehavior]int `json:"close"`
}

// A CaseSummary is a result without its transcript.
type CaseSummary struct {
	harness.Result
	Title string `json:"title"`
	Code  int    `json:"remoteCode,omitempty"` // of the peer's close frame
}

// WriteJSON writes a [Summary] of the run.
func WriteJSON(w io.Writer, run *harness.Run) error {
	s := summarize(run)
	out := Summary{
		Schema: 1, Headline: s.Headline(), State: s.State, Alarm: s.Alarm(), Tool: run.Header.Tool,
		Engine: run.Header.Engine, Agent: run.Header.Agent, Started: run.Header.Started, Duration: run.Duration(),
		Total: len(s.Rows), Counts: s.Counts, Missing: run.Missing(), Sections: []SectionSummary{}, Cases: []CaseSummary{},
	}
	for _, sec := range s.Sections {
		out.Sections = append(out.Sections, SectionSummary{sec.ID, sec.Title, len(sec.Rows), sec.Counts, sec.Behavior, sec.Close})
	}
	for _, r := range s.Rows {
		c := CaseSummary{Result: r.Result, Title: r.Title()}
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
