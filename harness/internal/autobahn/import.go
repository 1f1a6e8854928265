package autobahn

import (
	"cmp"
	"errors"
	"io/fs"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/internal/transcript"
)

// Import turns Autobahn's reports on one agent into a run. The reports do not say
// which cases were selected: the run's selection is the given one, or for the zero
// value the cases in the reports.
//
// If files are missing or unreadable, Import returns both a run, in which their cases
// have no verdict, and an error. If there are no reports on the agent the run is nil.
func Import(fsys fs.FS, agent string, wanted runfile.Selection) (*runfile.Run, error) {
	list, err := readIndex(fsys, agent)
	if err != nil {
		return nil, err
	}
	results, err := ReadReports(fsys, agent)
	run := &runfile.Run{Header: runfile.Header{
		Schema: runfile.SchemaVersion, Engine: runfile.Engine{Name: runfile.ReferenceEngine},
		Agent: harness.Agent{Name: agent}, Selection: wanted,
		Settings: map[string]any{"imported": true},
	}}
	if len(wanted.Selected) == 0 {
		for id := range list {
			if idForm().MatchString(string(id)) {
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
	state := runfile.Complete
	if err != nil || len(run.Results) == 0 || len(run.Missing()) > 0 {
		state = runfile.Partial
	}
	run.Footer = &runfile.Footer{State: state, Counts: run.Counts(), Missing: run.Missing(), Duration: max(end.Sub(run.Header.Started), 0)}
	if err == nil && len(run.Results) == 0 {
		err = errors.New("the reports have none of the selected cases")
	}
	return run, err
}

var product = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?m)^(?:User-Agent|Server): AutobahnTestSuite/([0-9][0-9A-Za-z.]{0,30})`)
})

// suiteVersion returns the version that Autobahn states in its half of the opening
// handshake, or "".
func suiteVersion(t *transcript.Transcript) string {
	head := t.Request
	if t.Role == cases.Client {
		head = t.Response
	}
	if m := product().FindStringSubmatch(head); m != nil {
		return m[1]
	}
	return ""
}
