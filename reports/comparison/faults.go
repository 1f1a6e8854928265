package comparison

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/agentfile"
	"github.com/wsconform/wsconform/internal/pattern"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/reports/internal/show"
)

// A Summary counts the failures of a comparison by whose fault they are.
type Summary struct {
	Failures    int            // of all rows: cases that failed, crashed or did not end
	Faults      map[string]int // of those, by [agentfile.Faults]
	Unexplained []unexplained  // rows with failures that no finding explains
	Stale       []string       // findings for which nothing fails any more, each in words
}

// unexplained are failures that no finding explains.
type unexplained struct {
	Row   string // its id, such as "go-gorilla-server-native"
	Cases []cases.ID
}

// Explained is how many failures a finding explains.
func (s Summary) Explained() (n int) {
	for _, count := range s.Faults {
		n += count
	}
	return n
}

// Print lists how many failures are explained, which are not, and which findings explain
// none.
func (s Summary) Print(w io.Writer) {
	if s.Failures > 0 {
		fmt.Fprintf(w, "%d of %d failures are explained", s.Explained(), s.Failures)
		for _, f := range agentfile.Faults {
			if n := s.Faults[f]; n > 0 {
				fmt.Fprintf(w, ", %d: %s", n, f)
			}
		}
		fmt.Fprintln(w)
	}
	for _, u := range s.Unexplained {
		fmt.Fprintf(w, "unexplained: %s: %s\n", u.Row, runfile.ListIDs(u.Cases))
	}
	for _, f := range s.Stale {
		fmt.Fprintln(w, "nothing fails any more for the finding of "+f)
	}
}

// A fault is a finding, and the failures of a row that it explains.
type fault struct {
	Whose string `json:"whose"`
	Why   string `json:"why"`
	Cases []int  `json:"cases"` // indexes, in the order of the catalogue
}

// A finding is one of an agent's, with its patterns resolved.
type finding struct {
	agentfile.Finding
	agent *agentfile.Agent
	cases map[cases.ID]bool
	tried bool // a case that it names was played
	needs bool // one failed, or did at least once
}

// findingsOf resolves the findings of the agents, by folder.
func findingsOf(list []agentfile.Agent) (map[string][]*finding, error) {
	all := map[string][]*finding{}
	for _, a := range list {
		for _, f := range a.Findings {
			named, err := pattern.Select(catalogue.All(), f.Cases, nil)
			if err != nil {
				return nil, fmt.Errorf("findings of %s: %w", a.Folder, err)
			}
			ids := map[cases.ID]bool{}
			for _, c := range named {
				ids[c.ID] = true
			}
			all[a.Folder] = append(all[a.Folder], &finding{Finding: f, agent: &a, cases: ids})
		}
	}
	return all, nil
}

// failed reports whether the agent failed the case. A case that was not played is no
// failure.
func failed(r harness.Result) bool {
	return r.Outcome == harness.Fail || r.Outcome == harness.Crash || r.Outcome == harness.Timeout
}

// explain puts the failures of the run into the row, each under the first finding
// that names it. Findings are of the version that they were made with.
func (s *site) explain(r *row, run *runfile.Run) {
	about := run.Header.Agent.About
	byFinding := map[*finding]*fault{}
	for _, res := range run.Results {
		i, known := s.index[res.Case]
		if !known {
			continue
		}
		bad := failed(res)
		var why *finding
		if about != nil {
			why = s.findingFor(about, r.Role, res, bad)
		}
		switch {
		case !bad:
		case why == nil:
			r.Unexplained = append(r.Unexplained, i)
		case byFinding[why] == nil:
			byFinding[why] = &fault{why.Fault, show.Text(why.Why), []int{i}}
		default:
			byFinding[why].Cases = append(byFinding[why].Cases, i)
		}
	}
	slices.Sort(r.Unexplained)
	for _, f := range byFinding {
		slices.Sort(f.Cases)
		r.Faults = append(r.Faults, *f)
	}
	slices.SortFunc(r.Faults, func(a, b fault) int { return a.Cases[0] - b.Cases[0] })
}

// findingFor is the first finding that names the case, in this role and version.
func (s *site) findingFor(about *harness.Implementation, role string, res harness.Result, bad bool) *finding {
	for _, f := range s.findings[about.Folder] {
		if f.agent.Version != about.Pinned || f.Role != "" && f.Role != role || !f.cases[res.Case] {
			continue
		}
		f.tried = true
		f.needs = f.needs || bad && f.fits(res) || len(res.Varied) > 0
		if bad && f.fits(res) {
			return f
		}
	}
	return nil
}

// fits reports whether the case failed in the way that the finding is about.
func (f *finding) fits(r harness.Result) bool {
	return f.Close == "" || r.Behavior != cases.Failed && string(r.Close) == f.Close
}

// summary adds up the faults of the rows.
func (s *site) summary() Summary {
	sum := Summary{Faults: map[string]int{}}
	for _, r := range s.Rows {
		for _, f := range r.Faults {
			sum.Faults[f.Whose] += len(f.Cases)
		}
		if len(r.Unexplained) > 0 {
			u := unexplained{Row: r.ID}
			for _, i := range r.Unexplained {
				u.Cases = append(u.Cases, s.Cases[i].ID)
			}
			sum.Unexplained = append(sum.Unexplained, u)
			sum.Failures += len(u.Cases)
		}
	}
	sum.Failures += sum.Explained()
	for folder, list := range s.findings {
		for _, f := range list {
			if f.tried && !f.needs {
				sum.Stale = append(sum.Stale, strings.TrimSpace(folder+" "+f.Role)+": "+strings.Join(f.Cases, " ")+": "+f.Why)
			}
		}
	}
	slices.Sort(sum.Stale)
	return sum
}
