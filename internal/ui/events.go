package ui

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/reports"
)

const (
	// lookEvery is how often a run file is looked at for new lines; firstLook until it has any.
	lookEvery = 40 * time.Millisecond
	firstLook = 10 * time.Millisecond
	// batchEvery is how often the page is told at most: drawing costs it more than reading. In a
	// run that takes long, longer than longAfter, it is laterEvery.
	batchEvery, laterEvery, longAfter = 250 * time.Millisecond, 700 * time.Millisecond, 5 * time.Second
	// aliveEvery is how often an event stream says something at least, so that an end is noticed.
	aliveEvery = 15 * time.Second
)

// A head is the first event of a run.
type head struct {
	ID       string    `json:"id"`
	Agent    string    `json:"agent"`
	Role     string    `json:"role"`
	URL      string    `json:"url"`
	Tool     string    `json:"tool"`
	Started  time.Time `json:"started"`
	File     string    `json:"file"`
	Levels   string    `json:"levels,omitempty"`
	Sections []section `json:"sections"`
	Before   *before   `json:"before,omitempty"`
	Going    bool      `json:"going"`
	Report   bool      `json:"report"` // the folder has the page of the run
	Selected []string  `json:"selected"`
}

// A section lists cases: id, title and level, which is "" for Autobahn's.
type section struct {
	ID    string      `json:"id"`
	Title string      `json:"title"`
	Suite string      `json:"suite"`
	Cases [][3]string `json:"cases"`
}

// A before is an earlier run of the same agent.
type before struct {
	ID       string                       `json:"id"`
	Started  time.Time                    `json:"started"`
	Outcomes map[cases.ID]harness.Outcome `json:"outcomes"`
}

// An end is the last event of a run.
type end struct {
	State    string     `json:"state"`
	Duration float64    `json:"duration"` // seconds
	Error    string     `json:"error,omitempty"`
	Missing  []cases.ID `json:"missing,omitempty"`
	Exit     *int       `json:"exit,omitempty"` // of the run's process, if it was started here
	Said     string     `json:"said,omitempty"` // the end of what it printed
	Report   bool       `json:"report"`
}

// events streams a run: its head, its results in batches as they come, and its end. A
// browser that connects again gets all of it again: a run has at most a few thousand lines.
func (s *server) events(w http.ResponseWriter, r *http.Request) {
	path, ok := s.runs.path(r.PathValue("run"))
	if !ok {
		http.NotFound(w, r)
		return
	}
	if folder, _ := s.relays.path(path); folder != "" && r.URL.Query().Has("drives") {
		defer s.attend(path)()
	}
	w.Header().Set("Content-Type", "text/event-stream")
	out := stream{w: w, c: http.NewResponseController(w)}
	t := tail{path: path}
	look := time.NewTicker(firstLook)
	defer look.Stop()
	var wait []line
	var torn torn
	told, closed := false, false // the head, the footer
	var last time.Time           // a batch: the first is told at once
	begun := time.Now()
	spoke := begun
	for {
		j := s.jobs.find(path)
		over := j == nil || j.ended() // before the file is read: nothing comes behind this
		lines, err := t.more()
		if torn.last(err, over, time.Now()) && out.err == nil {
			out.send("end", s.endOf(&t, j, err))
			return
		}
		wait = append(wait, lines...)
		final := t.foot != nil || over
		if t.head != nil && !told && (t.begun || final) {
			out.send("head", s.headOf(path, t.head, !over))
			told = true
			look.Reset(lookEvery)
		}
		now := time.Now()
		every := batchEvery
		if now.Sub(begun) > longAfter {
			every = laterEvery
		}
		if told && len(wait) > 0 && (final || now.Sub(last) >= every) {
			out.send("cases", wait)
			wait, last, spoke = nil, now, now
		}
		if t.foot != nil && len(wait) == 0 && !closed && !over {
			out.send("foot", s.endOf(&t, j, nil)) // the reports are still being written
			closed = true
		}
		if len(wait) == 0 && over {
			out.send("end", s.endOf(&t, j, nil))
			return
		}
		if now.Sub(spoke) > aliveEvery {
			out.send("alive", nil)
			spoke = now
		}
		if out.err != nil {
			return
		}
		select {
		case <-look.C:
		case <-r.Context().Done():
			return
		}
	}
}

// tornPatience is how long a run file may be unreadable while its run goes on.
const tornPatience = 2 * time.Second

// A torn counts how long a file cannot be read: its header is written again, in place, once
// the peer is known, and who reads it meanwhile may see a part of each.
type torn struct{ since time.Time }

// last reports whether an error is the last word about the file, whose run is over or not.
func (t *torn) last(err error, over bool, now time.Time) bool {
	switch {
	case err == nil:
		t.since = time.Time{}
		return false
	case over:
		return true
	case errors.Is(err, os.ErrNotExist): // it is not there yet
		return false
	case t.since.IsZero():
		t.since = now
	}
	return now.Sub(t.since) > tornPatience
}

// A stream writes events.
type stream struct {
	w   http.ResponseWriter
	c   *http.ResponseController
	err error
}

func (s *stream) send(event string, v any) {
	data, err := json.Marshal(v)
	if err == nil && s.err == nil {
		_ = s.c.SetWriteDeadline(time.Now().Add(time.Minute)) // a tab that sleeps connects again
		_, err = fmt.Fprintf(s.w, "event: %s\ndata: %s\n\n", event, data)
	}
	if err == nil && s.err == nil {
		err = s.c.Flush()
	}
	if s.err == nil {
		s.err = err
	}
}

// headOf says what the run is about.
func (s *server) headOf(path string, h *runfile.Header, going bool) head {
	out := head{
		ID: s.runs.add(path), Agent: nameOf(h.Agent), Role: h.Agent.Role.String(), URL: harness.Clip(h.Agent.URL, 300), Tool: harness.Clip(h.Tool, 100),
		Started: h.Started, File: s.short(path), Sections: sectionsOf(h.Selection.Selected), Going: going, Report: hasReport(path), Selected: h.Selection.Cases,
	}
	if h.Peer != nil {
		out.Levels = h.Peer.String()
	}
	out.Before = s.before(path, h)
	return out
}

func sectionsOf(ids []cases.ID) []section {
	titles := map[string]string{}
	for _, s := range catalogue.Sections() {
		titles[s.ID] = s.Title
	}
	var list []section
	at := map[string]int{}
	for _, id := range ids {
		sec := id.Section()
		i, ok := at[sec]
		if !ok {
			i = len(list)
			at[sec] = i
			list = append(list, section{ID: sec, Title: titles[sec]})
		}
		c, known := catalogue.Find(id)
		row := [3]string{harness.Clip(string(id), 80), c.Title}
		if known && c.Suite != cases.Autobahn {
			row[2] = c.Level.String()
		}
		if list[i].Suite == "" {
			list[i].Suite = string(c.Suite)
		}
		list[i].Cases = append(list[i].Cases, row)
	}
	return list
}

// before finds the latest earlier run of the same agent that has a case in common.
func (s *server) before(path string, h *runfile.Header) *before {
	for _, one := range s.recent() {
		if one.path == path || one.Agent != nameOf(h.Agent) || one.Role != h.Agent.Role.String() || !one.Started.Before(h.Started) {
			continue
		}
		t := tail{path: one.path}
		lines, err := t.more()
		if err != nil || t.head == nil {
			continue
		}
		b := &before{ID: one.ID, Started: one.Started, Outcomes: map[cases.ID]harness.Outcome{}}
		for _, id := range h.Selection.Selected {
			b.Outcomes[id] = ""
		}
		common := 0
		for _, l := range lines {
			if old, asked := b.Outcomes[l.Case]; asked {
				b.Outcomes[l.Case] = l.Outcome
				if old == "" {
					common++
				}
			}
		}
		if common > 0 {
			return b
		}
	}
	return nil
}

func (s *server) endOf(t *tail, j *job, err error) end {
	e := end{State: "partial", Report: hasReport(t.path)}
	if t.foot != nil {
		e.State, e.Duration, e.Missing = string(t.foot.State), t.foot.Duration.Seconds(), t.foot.Missing
		e.Error = reports.Visible(t.foot.Error)
	}
	if err != nil {
		e.State, e.Error = "invalid", err.Error()
	}
	if j != nil && j.ended() {
		e.Exit, e.Said = &j.exit, j.said.String()
	}
	return e
}
