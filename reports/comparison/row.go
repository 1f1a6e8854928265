package comparison

import (
	"strings"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/reports/internal/show"
)

// A row is one run in the overview. Verdicts, codes and times are lists in the order of the
// catalogue.
type row struct {
	ID       string `json:"id"`
	Page     string `json:"page,omitempty"`
	Folder   string `json:"folder"`
	Name     string `json:"name"`
	Version  string `json:"version"`
	Language string `json:"language"`
	Library  string `json:"library"`
	Origin   string `json:"origin,omitempty"` // registry and package
	Licence  string `json:"licence,omitempty"`
	Homepage string `json:"homepage,omitempty"`
	Notes    string `json:"notes,omitempty"`
	Hash     string `json:"hash,omitempty"`
	Isolated string `json:"isolation,omitempty"`
	Deflate  bool   `json:"deflate"`
	Limit    int64  `json:"limit,omitempty"` // known limit of the library, in bytes

	Role     string `json:"role"`
	Engine   string `json:"engine"`
	Judge    string `json:"judge"` // engine with version and digest
	Tool     string `json:"tool"`
	Host     string `json:"host"`
	Started  string `json:"started"`
	Seconds  string `json:"seconds"`
	State    string `json:"state"`
	Cause    string `json:"cause,omitempty"`
	Error    string `json:"error,omitempty"`
	Command  string `json:"command"`
	Repeat   string `json:"repeat"` // the command that makes the row again
	Selected string `json:"selected"`

	Behavior string        `json:"b"` // a letter for each case; see letters
	Close    string        `json:"c"`
	Codes    map[int]int   `json:"codes"`   // case: code of the peer's close frame; -1 is one without a code
	Millis   []int         `json:"ms"`      // of each case
	Why      map[int][]int `json:"why"`     // case: reasons of the halves that are not OK, or why there is no verdict
	Varied   map[int]int   `json:"varied"`  // case: reason that lists the verdicts
	Faults   []fault       `json:"faults"`  // why cases failed
	Traits   []trait       `json:"traits"`  // the fingerprint
	Offers   []deflation   `json:"offers"`  // of permessage-deflate
	Speed    []throughput  `json:"speed"`   // of the heavy sections
	Largest  []largest     `json:"largest"` // messages that came back

	Unexplained []int `json:"unexplained"` // cases that failed for an unknown reason

	run *runfile.Run // without transcripts
}

// The letters of verdicts. A case without one has the capital letter of its outcome in
// Behavior, and a dot where it was not selected. Close has a dot for a case of one grade.
var (
	behaviorLetters = map[cases.Behavior]byte{
		cases.OK: 'o', cases.NonStrict: 'n', cases.Informational: 'i', cases.Unimplemented: 'u', cases.Failed: 'f',
	}
	closeLetters = map[cases.CloseBehavior]byte{
		cases.CloseOK: 'o', cases.CloseFailedByClient: 'd', cases.CloseWrongCode: 'w', cases.CloseUnclean: 'x',
		cases.CloseFailed: 'f', cases.CloseInformational: 'i',
	}
	outcomeLetters = map[harness.Outcome]byte{
		harness.Crash: 'C', harness.Timeout: 'T', harness.Blocked: 'B', harness.NotRun: 'N', harness.HarnessError: 'H',
	}
)

func (s *site) rowOf(id string, run *runfile.Run) *row {
	h := run.Header
	r := &row{
		run: &runfile.Run{Header: h},
		ID:  id, Folder: id, Name: show.Text(h.Agent.Name), Version: show.Text(strings.TrimPrefix(h.Agent.Version, "v")),
		Role: h.Agent.Role.String(), Engine: show.Text(h.Engine.Name), Judge: judge(h.Engine), Tool: show.Text(h.Tool),
		Host:    show.Text(h.Host.OS + "/" + h.Host.Arch + ", " + h.Host.Go),
		Started: h.Started.UTC().Format(time.RFC3339), Seconds: run.Duration().Round(100 * time.Millisecond).String(),
		State: string(run.State()), Command: show.Text(strings.Join(h.Agent.Command, " ")),
		Selected: show.Text(strings.Join(h.Selection.Cases, " ")), Codes: map[int]int{}, Why: map[int][]int{}, Varied: map[int]int{},
	}
	if a := h.Agent.About; a != nil {
		r.Folder, r.Language, r.Library = show.Text(a.Folder), show.Text(a.Language), show.Text(a.Library)
		r.Origin = show.Text(strings.TrimSpace(a.Registry + " " + a.Package))
		r.Licence, r.Homepage, r.Notes = show.Text(a.Licence), show.Text(a.Homepage), show.Text(a.Notes)
		r.Hash, r.Isolated, r.Deflate, r.Limit = a.Hash, a.Isolation, a.Deflate, a.MaxMessage
		r.Repeat = show.Command(runfile.RepeatRow(h))
	}
	if run.Footer == nil {
		r.Error = "the run was interrupted or has not ended"
	} else {
		r.Cause, r.Error = string(run.Footer.Cause), show.Text(run.Footer.Error)
	}
	s.verdicts(r, run)
	s.explain(r, run)
	r.Traits, r.Offers, r.Speed, r.Largest = traits(run), deflations(run), throughputs(run), largestOf(run)
	return r
}

func judge(e runfile.Engine) string {
	text := e.Name + " " + e.Version
	if e.Digest != "" {
		text += ", " + e.Digest
	}
	return show.Text(text)
}

func (s *site) verdicts(r *row, run *runfile.Run) {
	behavior := []byte(strings.Repeat(".", len(s.Cases)))
	closing := []byte(strings.Repeat(".", len(s.Cases)))
	r.Millis = make([]int, len(s.Cases))
	for _, id := range run.Header.Selection.Selected {
		if i, known := s.index[id]; known {
			behavior[i] = outcomeLetters[harness.NotRun]
		}
	}
	for _, res := range run.Results {
		i, known := s.index[res.Case]
		if !known {
			continue
		}
		r.Millis[i] = int(res.Duration / time.Millisecond)
		if t := res.Transcript; t != nil && t.RemoteClose {
			r.Codes[i] = int(t.RemoteCode)
			if t.RemoteCode == 0 && !t.RemoteZero {
				r.Codes[i] = -1
			}
		}
		res.Transcript = nil
		r.run.Results = append(r.run.Results, res)
		if !res.Outcome.Ran() {
			behavior[i] = outcomeLetters[res.Outcome]
			r.Why[i] = []int{s.reason(res.Note)}
			continue
		}
		behavior[i] = behaviorLetters[res.Behavior]
		if !res.OneGrade() {
			closing[i] = closeLetters[res.Close]
		}
		if why := s.why(res); len(why) > 0 {
			r.Why[i] = why
		}
		if len(res.Varied) > 0 {
			r.Varied[i] = s.reason(verdictWords(res.Varied))
		}
	}
	r.Behavior, r.Close = string(behavior), string(closing)
}

// why gives the reasons of the halves that are not OK.
func (s *site) why(r harness.Result) []int {
	var list []int
	if r.Behavior != cases.OK && r.Behavior != cases.Informational {
		list = append(list, s.reason(r.Reason))
	}
	if !r.OneGrade() && r.Close != cases.CloseOK && r.Close != cases.CloseInformational && r.CloseReason != r.Reason {
		list = append(list, s.reason(r.CloseReason))
	}
	return list
}

// verdictWords lists the verdicts of several plays.
func verdictWords(list []cases.Verdict) string {
	words := make([]string, len(list))
	for i, v := range list {
		words[i] = string(v.Behavior)
		if v.Close != "" {
			words[i] += " / " + string(v.Close)
		}
	}
	return strings.Join(words, ", ")
}
