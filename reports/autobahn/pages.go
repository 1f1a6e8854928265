package autobahn

import (
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/autobahn"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/reports/internal/csp"
	"github.com/wsconform/wsconform/reports/internal/show"
	"github.com/wsconform/wsconform/ws/wsproto"
)

//go:embed *.tmpl *.css *.js
var assets embed.FS

var (
	style  = asset("style.css")
	script = asset("toggle.js")
)

var pages = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"visible": show.Visible, "anchor": anchor, "sentence": sentenceOf,
	}).ParseFS(assets, "*.tmpl"))
})

func asset(name string) string {
	p, err := assets.ReadFile(name)
	if err != nil {
		panic(err) //nolint:forbidigo // embedded: cannot be missing
	}
	return string(p)
}

// frame is what every page of the folder has. Its policy names the
// hashes of style and script, so nothing that a peer has sent can run.
type frame struct {
	Style  template.CSS
	Script template.JS
	Policy string
	Tool   string
	When   string
}

func (r *Report) frame() frame {
	return frame{
		Style: template.CSS(style), Script: template.JS(script), //nolint:gosec // our own files
		Policy: csp.Policy(style, script),
		Tool:   r.Tool, When: r.Written.UTC().Format("2006-01-02 15:04:05 UTC"),
	}
}

// An overview is what index.tmpl shows.
type overview struct {
	frame
	Agents   []overviewAgent
	Columns  int // of the table
	Sections []overviewSection
	Legend   []grade
}

type overviewAgent struct {
	Name   string
	Counts []grade // grades that occur, and how often
}

type overviewSection struct {
	cases.Section
	Top  bool // a chapter, not a part of one
	Rows []overviewRow
}

type overviewRow struct {
	Case  cases.Case
	Cells []overviewCell
}

// An overviewCell is both halves of an agent's verdict in a case.
type overviewCell struct {
	Missing           bool
	Wide              bool // one cell in place of two
	Text, Class, Link string
	Note              string // duration and compression
	CloseText         string
	CloseClass        string
}

type grade struct{ Text, Class, Meaning string }

// legend explains the first half of a verdict.
var legend = []grade{
	{"Pass", "case_ok", "The peer did what the case asks for."},
	{"Non-Strict", "case_non_strict", "The RFCs permit what the peer did, but something else would be better."},
	{"Fail", "case_failed", "The peer did something that the RFCs forbid, or the connection ended in a way that they do not allow."},
	{"Info", "case_info", "The case only observes; it cannot fail."},
	{"Unimplemented", "case_unimplemented", "The peer does not have an optional feature that the case needs."},
	{"Missing", "case_missing", "The case has no result."},
}

func (r *Report) writeOverview(w io.Writer, entries []entry) error {
	p := overview{frame: r.frame(), Legend: legend}
	byAgent := map[string]map[cases.ID]entry{}
	for agent := range r.Results {
		byAgent[agent] = map[cases.ID]entry{}
	}
	for _, e := range entries {
		byAgent[e.agent][e.c.ID] = e
	}
	agents := slices.Sorted(maps.Keys(byAgent))
	for _, agent := range agents {
		p.Agents = append(p.Agents, overviewAgent{agent, r.counts(byAgent[agent])})
	}
	p.Columns = 1 + 2*len(agents)
	all := autobahn.All()
	for _, s := range autobahn.Sections() {
		sec := overviewSection{Section: s, Top: !strings.Contains(s.ID, ".")}
		for _, c := range all {
			if sectionOf(c.ID) != s.ID {
				continue
			}
			row := overviewRow{Case: c}
			for _, agent := range agents {
				e, ok := byAgent[agent][c.ID]
				row.Cells = append(row.Cells, cellOf(e, ok))
			}
			sec.Rows = append(sec.Rows, row)
		}
		p.Sections = append(p.Sections, sec)
	}
	return pages().ExecuteTemplate(w, "index.tmpl", p)
}

// sectionOf is the chapter, or the part of one, that holds the case.
func sectionOf(id cases.ID) string {
	parts := strings.Split(string(id), ".")
	return strings.Join(parts[:min(len(parts)-1, 2)], ".")
}

// counts counts the selected cases by grade.
func (r *Report) counts(results map[cases.ID]entry) []grade {
	byText := map[string]int{}
	for _, c := range r.List {
		e, ok := results[c.ID]
		byText[cellOf(e, ok).Text]++
	}
	var rows []grade
	for _, l := range legend {
		if n := byText[l.Text]; n > 0 {
			rows = append(rows, grade{Text: l.Text, Meaning: fmt.Sprint(n)})
		}
	}
	return rows
}

func cellOf(e entry, ok bool) overviewCell {
	if !ok {
		return overviewCell{Missing: true, Wide: true, Text: "Missing", Class: "case_missing"}
	}
	c := overviewCell{Link: e.file("html")}
	c.Text, c.Class = behaviorCell(e.r.Behavior)
	c.Wide = e.r.Behavior == cases.Unimplemented
	c.CloseText, c.CloseClass = e.closeCell()
	var notes []string
	if e.timed() {
		notes = append(notes, fmt.Sprintf("%d ms", e.milliseconds()))
	}
	if e.t.Traffic != nil && e.r.Behavior == cases.OK {
		in, out := e.t.Traffic.In, e.t.Traffic.Out
		notes = append(notes, fmt.Sprintf("[%s/%s]", shownRatio(in), shownRatio(out)))
	}
	c.Note = strings.Join(notes, " ")
	return c
}

func shownRatio(f transcript.Flow) string {
	if f.App == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3f", float64(f.Payload)/float64(f.App))
}

func behaviorCell(b cases.Behavior) (text, class string) {
	switch b {
	case cases.OK:
		return "Pass", "case_ok"
	case cases.NonStrict:
		return "Non-Strict", "case_non_strict"
	case cases.Informational:
		return "Info", "case_info"
	case cases.Unimplemented:
		return "Unimplemented", "case_unimplemented"
	case cases.Failed:
	}
	return "Fail", "case_failed"
}

func (e entry) closeCell() (text, class string) {
	code := "None"
	if n := e.remoteCode(); n != nil {
		code = fmt.Sprint(n)
	}
	switch e.r.Close {
	case cases.CloseOK:
		return code, "case_ok"
	case cases.CloseFailedByClient:
		return code, "case_almost"
	case cases.CloseWrongCode:
		return code, "case_non_strict"
	case cases.CloseInformational:
		return code, "case_info"
	case cases.CloseUnclean:
		return "Unclean", "case_failed"
	case cases.CloseFailed:
	}
	return "Fail", "case_failed"
}

// anchor is the anchor of a case's description.
func anchor(id cases.ID) string {
	return "case_desc_" + strings.ReplaceAll(string(id), ".", "_")
}

// A page is what case.tmpl shows.
type page struct {
	frame
	Agent, ID, Anchor  string
	Verdict, Class     string
	Duration, Started  string
	Title, Expect      string
	RFC                []string
	Result             harness.Result
	Expected, Received []string
	CloseText          string
	Request, Response  string
	Facts              []fact
	Stats              []table
	Log                []line
	Lost               int
	Dropped            string
	DroppedClass       string
	Previous, Next     string
	PreviousID, NextID string
}

type fact struct{ Name, Value, Meaning string }

// A table counts reads, writes or frames.
type table struct {
	Title      string
	Octets     bool // the rows are sizes
	Rows       []tableRow
	Count, Sum int
}

type tableRow struct {
	Name          string
	Count, Octets int
}

type line struct {
	Number, Class, Text string
}

// maxLogLine bounds what is shown of a line's payload, in bytes.
const maxLogLine = 600

func (r *Report) writeCase(w io.Writer, entries []entry, i int) error {
	e := entries[i]
	p := page{
		frame: r.frame(), Agent: e.agent, ID: string(e.c.ID), Anchor: anchor(e.c.ID),
		Duration: fmt.Sprintf("%d ms", e.milliseconds()), Started: e.t.Started.UTC().Format("2006-01-02T15:04:05.000Z"),
		Title: sentenceOf(e.c.Title), Expect: sentenceOf(e.c.Expect), RFC: e.c.RFC, Result: e.r,
		Received: events(autobahn.Received(e.c, &e.t)), Request: visibleLines(e.t.Request), Response: visibleLines(e.t.Response),
		Facts: e.shownFacts(), Lost: e.t.LogLost,
	}
	p.Verdict, p.Class = behaviorCell(e.r.Behavior)
	for _, reading := range autobahn.Of(e.c).Events {
		p.Expected = append(p.Expected, fmt.Sprintf("%s: %s", reading.Behavior, strings.Join(events(reading.Events), ", ")))
	}
	rx, tx := e.sizeStats()
	p.Stats = []table{
		sizeTable("Bytes received, by the size of a read", rx), sizeTable("Bytes sent, by the size of a write", tx),
		frameTable("Frames received", e.t.Stats.RxFrames), frameTable("Frames sent", e.t.Stats.TxFrames),
	}
	p.Log = e.pageLog()
	p.Dropped, p.DroppedClass = "TCP was ended by the peer.", "peer"
	if e.t.DroppedByUs {
		p.Dropped, p.DroppedClass = "TCP was ended by us.", "us"
	}
	if i > 0 && entries[i-1].agent == e.agent {
		p.Previous, p.PreviousID = entries[i-1].file("html"), string(entries[i-1].c.ID)
	}
	if i+1 < len(entries) && entries[i+1].agent == e.agent {
		p.Next, p.NextID = entries[i+1].file("html"), string(entries[i+1].c.ID)
	}
	return pages().ExecuteTemplate(w, "case.tmpl", p)
}

// visibleLines makes the lines of an HTTP head visible one by one.
func visibleLines(head string) string {
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(head, "\r\n", "\n")), "\n")
	for i, line := range lines {
		lines[i] = show.Visible(line)
	}
	return strings.Join(lines, "\n")
}

func (e entry) shownFacts() []fact {
	t := e.t
	null := func(v any) string {
		if v == nil {
			return "none"
		}
		return show.Visible(fmt.Sprint(v))
	}
	return []fact{
		{"isServer", fmt.Sprint(t.Role == cases.Client), "We were the server, so the peer is a client."},
		{"closedByMe", fmt.Sprint(t.ClosedByUs), "Our close frame came first."},
		{"failedByMe", fmt.Sprint(t.FailedByUs), "We failed the connection: a rule was broken, or a timer ran out."},
		{"droppedByMe", fmt.Sprint(t.DroppedByUs), "We decided to end TCP."},
		{"wasClean", fmt.Sprint(t.Clean), "The closing handshake is complete."},
		{"wasNotCleanReason", null(textOrNil([]byte(t.UncleanReason))), "Why it was not."},
		{"wasServerConnectionDropTimeout", fmt.Sprint(t.ServerDropExpiry), "A server did not end TCP after the closing handshake."},
		{"wasOpenHandshakeTimeout", fmt.Sprint(t.OpenTimeout), "The opening handshake took too long."},
		{"wasCloseHandshakeTimeout", fmt.Sprint(t.CloseTimeout), "Our close frame was not answered in time."},
		{"localCloseCode", null(e.localCode()), "The code of our close frame."},
		{"localCloseReason", null(e.localReason()), "The reason in it."},
		{"remoteCloseCode", null(e.remoteCode()), "The code of the peer's close frame."},
		{"remoteCloseReason", null(textOrNil(t.RemoteReason)), "The reason in it."},
	}
}

func events(events []transcript.Event) []string {
	list := []string{}
	for _, e := range events {
		switch {
		case e.Kind == transcript.GotTimeout:
			list = append(list, "pause "+show.Visible(string(e.Data))+" ended")
		case e.Kind == transcript.GotMessage && e.Binary:
			list = append(list, fmt.Sprintf("binary message of %d: %s", e.Len, show.Visible(textOf(e.Data, e.Len))))
		case e.Kind == transcript.GotMessage:
			list = append(list, fmt.Sprintf("text message of %d: %s", e.Len, show.Visible(textOf(e.Data, e.Len))))
		default:
			list = append(list, fmt.Sprintf("%s of %d: %s", e.Kind, e.Len, show.Visible(textOf(e.Data, e.Len))))
		}
	}
	if len(list) == 0 {
		list = append(list, "nothing")
	}
	return list
}

func sizeTable(title string, counts jsonCounts) table {
	t := table{Title: title, Octets: true}
	for _, size := range slices.Sorted(maps.Keys(counts)) {
		row := tableRow{Name: fmt.Sprint(size), Count: counts[size], Octets: size * counts[size]}
		t.Rows = append(t.Rows, row)
		t.Count += row.Count
		t.Sum += row.Octets
	}
	return t
}

func frameTable(title string, counts map[int]int) table {
	t := table{Title: title}
	for _, op := range slices.Sorted(maps.Keys(counts)) {
		t.Rows = append(t.Rows, tableRow{Name: fmt.Sprintf("%d %v", op, wsproto.Opcode(op)), Count: counts[op]})
		t.Count += counts[op]
	}
	return t
}

// pageLog puts the wire log into words.
func (e entry) pageLog() []line {
	var lines []line
	for i, entry := range e.t.Log {
		l := line{Number: fmt.Sprintf("%03d", i), Class: "note"}
		at := ""
		if entry.At > 0 {
			at = fmt.Sprintf("%9.3f ms  ", float64(entry.At)/float64(time.Millisecond))
		}
		way := "received"
		if entry.Dir == transcript.Out {
			way = "sent"
		}
		switch entry.Kind {
		case transcript.LogFrame:
			l.Class = cmp.Or(map[bool]string{true: "sync"}[entry.Chop > 0 || entry.Alone], string(entry.Dir))
			l.Text = fmt.Sprintf("%s%-8s %s frame, %d bytes%s\n%s", at, way, entry.Opcode, entry.Len, flags(entry),
				show.Short(textOf(entry.Data, entry.Len), maxLogLine))
		case transcript.LogOctets:
			l.Class = "raw-" + string(entry.Dir)
			l.Text = fmt.Sprintf("%s%-8s %d bytes\n%s", at, way, entry.Len, hexOf(entry.Data, entry.Len))
		case transcript.LogHTTP2, transcript.LogHTTP3:
			l.Text = fmt.Sprintf("%s%-8s %s %s", at, way, show.HTTP(entry.Kind), show.Visible(entry.Note))
		case transcript.LogNote:
			l.Text = at + show.Visible(entry.Note)
		}
		lines = append(lines, l)
	}
	return lines
}

func flags(e transcript.Entry) string {
	s := ""
	if !e.Fin {
		s += ", FIN clear"
	}
	if e.RSV != 0 {
		s += fmt.Sprintf(", RSV %d", e.RSV)
	}
	if e.Mask != "" {
		s += ", mask " + show.Visible(e.Mask)
	}
	if e.Chop > 0 {
		s += fmt.Sprintf(", %d bytes per write", e.Chop)
	}
	return s
}
