package autobahn

import (
	"cmp"
	"errors"
	"io/fs"
	"regexp"
	"slices"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
)

// Import makes a run of the reports of one agent that Autobahn has left in a
// folder. Its selection is the wanted one; the zero value stands for the cases
// that are there, since the reports do not tell what was asked for.
//
// Files that lack or cannot be read are an error beside the run, whose cases then
// have no verdict. Without a run there is nothing of the agent.
func Import(fsys fs.FS, agent string, wanted harness.Selection) (*harness.Run, error) {
	list, err := readIndex(fsys, agent)
	if err != nil {
		return nil, err
	}
	results, err := ReadReports(fsys, agent)
	run := &harness.Run{Header: harness.Header{
		Schema: harness.SchemaVersion, Engine: harness.Engine{Name: "autobahn"},
		Agent: harness.Agent{Name: agent}, Selection: wanted,
		Settings: map[string]any{"imported": true},
	}}
	if len(wanted.Selected) == 0 {
		for id := range list {
			if idForm.MatchString(string(id)) {
				run.Header.Selection.Selected = append(run.Header.Selection.Selected, id)
			}
		}
		slices.SortFunc(run.Header.Selection.Selected, cases.ID.Compare)
	}
	var end time.Time
	for _, r := range results {
		if len(wanted.Selected) > 0 && !slices.Contains(wanted.Selected, r.Case) {
			continue
		}
		run.Results = append(run.Results, r)
		t := r.Transcript
		run.Header.Agent.Role = t.Role
		run.Header.Engine.Version = cmp.Or(run.Header.Engine.Version, suiteVersion(t))
		if t.Started.IsZero() {
			continue
		}
		if run.Header.Started.IsZero() || t.Started.Before(run.Header.Started) {
			run.Header.Started = t.Started
		}
		if last := t.Started.Add(r.Duration); last.After(end) {
			end = last
		}
	}
	state := harness.Complete
	if err != nil || len(run.Results) == 0 || len(run.Missing()) > 0 {
		state = harness.Partial
	}
	run.Footer = &harness.Footer{State: state, Counts: run.Counts(), Missing: run.Missing(), Duration: max(end.Sub(run.Header.Started), 0)}
	if err == nil && len(run.Results) == 0 {
		err = errors.New("none of the cases wanted is among the reports")
	}
	return run, err
}

var product = regexp.MustCompile(`(?m)^(?:User-Agent|Server): AutobahnTestSuite/([0-9][0-9A-Za-z.]{0,30})`)

// suiteVersion is the version that Autobahn gives in its half of the opening
// handshake, "" if that is not there.
func suiteVersion(t *cases.Transcript) string {
	head := t.Request
	if t.Role == cases.Client {
		head = t.Response
	}
	if m := product.FindStringSubmatch(head); m != nil {
		return m[1]
	}
	return ""
}
