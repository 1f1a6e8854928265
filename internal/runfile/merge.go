package runfile

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
)

// A Shard says which part of a selection a run is: the cases at the places
// Index, Index+Total, … of the whole, counted from 1.
type Shard struct {
	Index int        `json:"index"` // from 1
	Total int        `json:"total"`
	Whole []cases.ID `json:"whole"` // all cases; the selection is a part of them
}

// ParseShard reads a shard such as "2/5", the second of five parts.
func ParseShard(s string) (Shard, error) {
	index, total, _ := strings.Cut(s, "/")
	var sh Shard
	var err1, err2 error
	sh.Index, err1 = strconv.Atoi(index)
	sh.Total, err2 = strconv.Atoi(total)
	if err1 != nil || err2 != nil || sh.Index < 1 || sh.Index > sh.Total {
		return Shard{}, fmt.Errorf("shard %q: it must look like 2/5, from 1/5 to 5/5", s)
	}
	return sh, nil
}

// Take returns the shard's part of the list. Neighbours go to different shards,
// so that each gets its share of the heavy cases.
func (s Shard) Take(list []cases.Case) []cases.Case {
	var part []cases.Case
	for i := s.Index - 1; i < len(list); i += s.Total {
		part = append(part, list[i])
	}
	return part
}

// A MergeError says why runs do not make a complete one.
type MergeError struct {
	differ  []string   // what is not the same in all of them
	clashes []cases.ID // cases with different outcomes or verdicts
	missing []cases.ID // cases without a verdict in any of the runs
}

func (e *MergeError) Error() string {
	var parts []string
	if len(e.differ) > 0 {
		parts = append(parts, "the runs do not belong together: "+strings.Join(e.differ, "; "))
	}
	if len(e.clashes) > 0 {
		parts = append(parts, fmt.Sprintf("%s differently in the runs: %s", harness.Count(len(e.clashes), "case")+" went", ListIDs(e.clashes)))
	}
	if len(e.missing) > 0 {
		parts = append(parts, fmt.Sprintf("%s no verdict: %s", harness.CountHave(len(e.missing), "case"), ListIDs(e.missing)))
	}
	return strings.Join(parts, "; ")
}

// ListIDs writes ids for a message, the first forty of them.
func ListIDs(ids []cases.ID) string {
	const most = 40
	words := make([]string, 0, most)
	for _, id := range ids[:min(len(ids), most)] {
		words = append(words, string(id))
	}
	s := strings.Join(words, ", ")
	if n := len(ids) - most; n > 0 {
		s += fmt.Sprintf(" and %d more", n)
	}
	return s
}

// Merge joins runs that are parts of one: shards, or runs of different cases
// of the same catalogue. They must have the same catalogue, engine and agent, and ask
// the same of it: what was declared, and whether it echoes. If several runs tell about a case ([harness.Outcome.Tells]), they must agree: a crash in one
// and a pass in another is a clash.
//
// Runs of earlier versions of the run file can be merged too, as long as their
// catalogues are the same; the result has the current [SchemaVersion].
//
// If the [MergeError] names missing cases alone, the run is returned too, and is
// partial.
func Merge(runs []*Run) (*Run, error) {
	if len(runs) == 0 {
		return nil, errors.New("merge: no run")
	}
	e := &MergeError{differ: differences(runs)}
	out := &Run{Header: mergedHeader(runs)}
	byID := map[cases.ID]harness.Result{}
	for _, run := range runs {
		for _, r := range run.Results {
			old, twice := byID[r.Case]
			switch {
			case !twice, !old.Outcome.Tells() && (r.Outcome.Tells() || r.Outcome == harness.HarnessError):
				byID[r.Case] = r
			case old.Outcome.Tells() && r.Outcome.Tells() && (r.Outcome != old.Outcome || !r.SameVerdict(old)):
				e.clashes = append(e.clashes, r.Case)
			}
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(byID), cases.ID.Compare) {
		out.Results = append(out.Results, byID[id])
	}
	e.missing = out.Missing()
	out.Footer = mergedFooter(out, runs)
	switch {
	case len(e.differ) > 0 || len(e.clashes) > 0:
		slices.SortFunc(e.clashes, cases.ID.Compare)
		e.clashes = slices.Compact(e.clashes)
		return nil, e
	case len(e.missing) > 0:
		return out, e
	}
	return out, nil
}

// differences lists in words what must be the same in all runs and is not.
func differences(runs []*Run) []string {
	var list []string
	first := runs[0].Header
	note := func(format string, a ...any) {
		if s := fmt.Sprintf(format, a...); !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	for _, run := range runs[1:] {
		h := run.Header
		if h.Selection.Catalogue != first.Selection.Catalogue {
			note("they have different case catalogues, %.12s and %.12s", first.Selection.Catalogue, h.Selection.Catalogue)
		}
		if h.Engine.Name != first.Engine.Name || h.Engine.Version != first.Engine.Version || h.Engine.Digest != first.Engine.Digest {
			note("they are from different engines, %s and %s", first.Engine.label(), h.Engine.label())
		}
		if !sameAgent(first.Agent, h.Agent) {
			note("they are of different agents, %s and %s", agentLabel(first.Agent), agentLabel(h.Agent))
		}
		if a, b := first.setting(SettingDeclare), h.setting(SettingDeclare); a != b {
			note("different things were declared, %s and %s", cmp.Or(a, "nothing"), cmp.Or(b, "nothing"))
		}
		if first.setting(SettingNoEcho) != h.setting(SettingNoEcho) {
			note("some were started with --no-echo and some without")
		}
		if first.setting(SettingHTTP2) != h.setting(SettingHTTP2) {
			note("some were made over HTTP/2 and some were not")
		}
		if first.setting(SettingHTTP3) != h.setting(SettingHTTP3) {
			note("some were made over HTTP/3 and some were not")
		}
		switch a, b := first.Shard, h.Shard; {
		case (a == nil) != (b == nil):
			note("some are shards and some are not")
		case a != nil && (a.Total != b.Total || !slices.Equal(a.Whole, b.Whole)):
			note("they are shards of different selections")
		}
	}
	return list
}

// setting is a setting in words; one that is not there, or false, is "".
func (h Header) setting(name string) string {
	switch v := h.Settings[name].(type) {
	case string:
		return v
	case bool:
		return map[bool]string{true: "true"}[v]
	}
	return ""
}

// agentLabel names an agent, and its version and role.
func agentLabel(a harness.Agent) string {
	s := strconv.Quote(a.Name)
	if a.Version != "" {
		s += " " + a.Version
	}
	return s + " (" + a.Role.String() + ")"
}

func (e Engine) label() string {
	s := strings.TrimSpace(e.Name + " " + e.Version)
	if e.Digest != "" {
		s += fmt.Sprintf(" (%.19s)", e.Digest)
	}
	return s
}

// sameAgent compares what does not depend on where an agent happens to run.
func sameAgent(a, b harness.Agent) bool {
	return a.Name == b.Name && a.Version == b.Version && a.Role == b.Role
}

// mergedHeader is the header of the first run with the selections of them all.
func mergedHeader(runs []*Run) Header {
	h := runs[0].Header
	sel := Selection{Catalogue: h.Selection.Catalogue}
	taken := map[cases.ID]bool{}
	for _, run := range runs {
		s := run.Header.Selection
		sel.Cases = appendNew(sel.Cases, s.Cases)
		sel.Exclude = appendNew(sel.Exclude, s.Exclude)
		ids := s.Selected
		if run.Header.Shard != nil {
			ids = run.Header.Shard.Whole
		}
		for _, id := range ids {
			if !taken[id] {
				taken[id] = true
				sel.Selected = append(sel.Selected, id)
			}
		}
		if run.Header.Started.Before(h.Started) {
			h.Started = run.Header.Started
		}
		if !reflect.DeepEqual(run.Header.Settings, h.Settings) {
			h.Settings = nil
		}
		if !reflect.DeepEqual(run.Header.Peer, h.Peer) {
			h.Peer = nil
		}
		if run.Header.Secrets == SecretsShown {
			h.Secrets = SecretsShown
		}
	}
	if runs[0].Header.Shard == nil { // of shards the whole is in order
		slices.SortStableFunc(sel.Selected, cases.ID.Compare)
	}
	h.Selection, h.Shard = sel, nil
	return h
}

func appendNew(list, more []string) []string {
	for _, s := range more {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

// mergedFooter sums the footers up. The time is that from the first start to the
// last end.
func mergedFooter(out *Run, runs []*Run) *Footer {
	f := &Footer{State: Complete, Counts: out.Counts(), Missing: out.Missing()}
	var errs []string
	for _, run := range runs {
		end := run.Header.Started.Add(run.Duration())
		f.Duration = max(f.Duration, end.Sub(out.Header.Started), time.Duration(0))
		if run.Footer != nil && run.Footer.State == Invalid {
			errs = appendNew(errs, []string{cmp.Or(run.Footer.Error, "a run is invalid")})
		}
	}
	switch {
	case len(errs) > 0:
		f.State, f.Error = Invalid, strings.Join(errs, "; ")
	case len(f.Missing) > 0, len(out.Results) == 0:
		f.State = Partial
	}
	return f
}
