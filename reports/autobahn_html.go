package reports

import (
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/ws/wsproto"
)

//go:embed autobahn/*.tmpl autobahn/*.css autobahn/*.js
var autobahnAssets embed.FS

var (
	autobahnStyle  = autobahnAsset("autobahn/style.css")
	autobahnScript = autobahnAsset("autobahn/toggle.js")
	autobahnPages  = template.Must(template.New("").Funcs(template.FuncMap{
		"visible": visible, "anchor": autobahnAnchor, "sentence": sentenceOf,
	}).ParseFS(autobahnAssets, "autobahn/*.tmpl"))
)

func autobahnAsset(name string) string {
	p, err := autobahnAssets.ReadFile(name)
	if err != nil {
		panic(err) //nolint:forbidigo // embedded: cannot be missing
	}
	return string(p)
}

// autobahnFrame is what every page of the folder has. Its policy names the
// hashes of style and script, so nothing that a peer has sent can run.
type autobahnFrame struct {
	Style  template.CSS
	Script template.JS
	Policy string
	Tool   string
	When   string
}

func (r *AutobahnReport) frame() autobahnFrame {
	return autobahnFrame{
		Style: template.CSS(autobahnStyle), Script: template.JS(autobahnScript), //nolint:gosec // our own files
		Policy: fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'",
			hash(autobahnStyle), hash(autobahnScript)),
		Tool: r.Tool, When: r.Written.UTC().Format("2006-01-02 15:04:05 UTC"),
	}
}

// An autobahnOverview is what index.tmpl shows.
type autobahnOverview struct {
	autobahnFrame
	Agents   []autobahnOverviewAgent
	Columns  int // of the table
	Sections []autobahnOverviewSection
	Legend   []autobahnGrade
}

type autobahnOverviewAgent struct {
	Name   string
	Counts []autobahnGrade // grades that occur, and how often
}

type autobahnOverviewSection struct {
	cases.Section
	Top  bool // a chapter, not a part of one
	Rows []autobahnOverviewRow
}

type autobahnOverviewRow struct {
	Case  cases.Case
	Cells []autobahnOverviewCell
}

// An autobahnOverviewCell is both halves of an agent's verdict in a case.
type autobahnOverviewCell struct {
	Missing           bool
	Wide              bool // one cell in place of two
	Text, Class, Link string
	Note              string // duration and compression
	CloseText         string
	CloseClass        string
}

type autobahnGrade struct{ Text, Class, Meaning string }

// autobahnLegend explains the first half of a verdict.
var autobahnLegend = []autobahnGrade{
	{"Pass", "case_ok", "The peer did what the case asks for."},
	{"Non-Strict", "case_non_strict", "The RFCs permit what the peer did, though something else would be better."},
	{"Fail", "case_failed", "The peer did something that the RFCs forbid, or the connection ended in a way they do not allow."},
	{"Info", "case_info", "The case only looks; nothing can be wrong."},
	{"Unimplemented", "case_unimplemented", "The peer lacks an optional part that the case needs."},
	{"Missing", "case_missing", "There is no result."},
}

func (r *AutobahnReport) writeOverview(w io.Writer, entries []autobahnEntry) error {
	p := autobahnOverview{autobahnFrame: r.frame(), Legend: autobahnLegend}
	byAgent := map[string]map[cases.ID]autobahnEntry{}
	for agent := range r.Results {
		byAgent[agent] = map[cases.ID]autobahnEntry{}
	}
	for _, e := range entries {
		byAgent[e.agent][e.c.ID] = e
	}
	agents := slices.Sorted(maps.Keys(byAgent))
	for _, agent := range agents {
		p.Agents = append(p.Agents, autobahnOverviewAgent{agent, r.counts(byAgent[agent])})
	}
	p.Columns = 1 + 2*len(agents)
	all := cases.All()
	for _, s := range cases.Sections() {
		sec := autobahnOverviewSection{Section: s, Top: !strings.Contains(s.ID, ".")}
		for _, c := range all {
			if autobahnSection(c.ID) != s.ID {
				continue
			}
			row := autobahnOverviewRow{Case: c}
			for _, agent := range agents {
				e, ok := byAgent[agent][c.ID]
				row.Cells = append(row.Cells, autobahnCellOf(e, ok))
			}
			sec.Rows = append(sec.Rows, row)
		}
		p.Sections = append(p.Sections, sec)
	}
	return autobahnPages.ExecuteTemplate(w, "index.tmpl", p)
}

// sectionOf is the chapter, or the part of one, that holds the case.
func autobahnSection(id cases.ID) string {
	parts := strings.Split(string(id), ".")
	return strings.Join(parts[:min(len(parts)-1, 2)], ".")
}

// counts says how many of the cases that were to be run came to which grade.
func (r *AutobahnReport) counts(results map[cases.ID]autobahnEntry) []autobahnGrade {
	byText := map[string]int{}
	for _, c := range r.List {
		e, ok := results[c.ID]
		byText[autobahnCellOf(e, ok).Text]++
	}
	var rows []autobahnGrade
	for _, l := range autobahnLegend {
		if n := byText[l.Text]; n > 0 {
			rows = append(rows, autobahnGrade{Text: l.Text, Meaning: fmt.Sprint(n)})
		}
	}
	return rows
}

func autobahnCellOf(e autobahnEntry, ok bool) autobahnOverviewCell {
	if !ok {
		return autobahnOverviewCell{Missing: true, Wide: true, Text: "Missing", Class: "case_missing"}
	}
	c := autobahnOverviewCell{Link: e.file("html")}
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

func shownRatio(f cases.Flow) string {
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

func (e autobahnEntry) closeCell() (text, class string) {
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

// autobahnAnchor is the anchor of a case's description.
func autobahnAnchor(id cases.ID) string {
	return "case_desc_" + strings.ReplaceAll(string(id), ".", "_")
}

// A autobahnPage is what case.tmpl shows.
type autobahnPage struct {
	autobahnFrame
	Agent, ID, Anchor  string
	Verdict, Class     string
	Duration, Started  string
	Title, Expect      string
	RFC                []string
	Result             harness.Result
	Expected, Received []string
	CloseText          string
	Request, Response  string
	Facts              []autobahnFact
	Stats              []autobahnTable
	Log                []autobahnLine
	Lost               int
	Dropped            string
	DroppedClass       string
	Previous, Next     string
	PreviousID, NextID string
}

type autobahnFact struct{ Name, Value, Meaning string }

// A autobahnTable counts reads, writes or frames.
type autobahnTable struct {
	Title      string
	Octets     bool // the rows are sizes
	Rows       []autobahnRow
	Count, Sum int
}

type autobahnRow struct {
	Name          string
	Count, Octets int
}

type autobahnLine struct {
	Number, Class, Text string
}

// maxLogLine bounds what is shown of a line's payload, in octets.
const maxLogLine = 600

func (r *AutobahnReport) writeCase(w io.Writer, entries []autobahnEntry, i int) error {
	e := entries[i]
	p := autobahnPage{
		autobahnFrame: r.frame(), Agent: e.agent, ID: string(e.c.ID), Anchor: autobahnAnchor(e.c.ID),
		Duration: fmt.Sprintf("%d ms", e.milliseconds()), Started: e.t.Started.UTC().Format("2006-01-02T15:04:05.000Z"),
		Title: sentenceOf(e.c.Title), Expect: sentenceOf(e.c.Expect), RFC: e.c.RFC, Result: e.r,
		Received: autobahnEvents(e.t.Events), Request: visibleLines(e.t.Request), Response: visibleLines(e.t.Response),
		Facts: e.shownFacts(), Lost: e.t.LogLost,
	}
	p.Verdict, p.Class = behaviorCell(e.r.Behavior)
	for _, reading := range e.c.Want.Events {
		p.Expected = append(p.Expected, fmt.Sprintf("%s: %s", reading.Behavior, strings.Join(autobahnEvents(reading.Events), ", ")))
	}
	rx, tx := e.octetStats()
	p.Stats = []autobahnTable{
		octetTable("Octets received, by the size of a read", rx), octetTable("Octets sent, by the size of a write", tx),
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
	return autobahnPages.ExecuteTemplate(w, "case.tmpl", p)
}

// visibleLines makes the lines of an HTTP head visible one by one.
func visibleLines(head string) string {
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(head, "\r\n", "\n")), "\n")
	for i, line := range lines {
		lines[i] = visible(line)
	}
	return strings.Join(lines, "\n")
}

func (e autobahnEntry) shownFacts() []autobahnFact {
	t := e.t
	null := func(v any) string {
		if v == nil {
			return "none"
		}
		return visible(fmt.Sprint(v))
	}
	return []autobahnFact{
		{"isServer", fmt.Sprint(t.Role == cases.Client), "We were the server, so the peer is a client."},
		{"closedByMe", fmt.Sprint(t.ClosedByUs), "Our close frame came first."},
		{"failedByMe", fmt.Sprint(t.FailedByUs), "We failed the connection: a rule was broken or time was up."},
		{"droppedByMe", fmt.Sprint(t.DroppedByUs), "We decided to end TCP."},
		{"wasClean", fmt.Sprint(t.Clean), "The closing handshake was completed."},
		{"wasNotCleanReason", null(textOrNil([]byte(t.UncleanReason))), "Why it was not."},
		{"wasServerConnectionDropTimeout", fmt.Sprint(t.ServerDropExpiry), "A server kept TCP after the closing handshake."},
		{"wasOpenHandshakeTimeout", fmt.Sprint(t.OpenTimeout), "The opening handshake took too long."},
		{"wasCloseHandshakeTimeout", fmt.Sprint(t.CloseTimeout), "Our close frame was not answered in time."},
		{"localCloseCode", null(e.localCode()), "The code of our close frame."},
		{"localCloseReason", null(e.localReason()), "The reason in it."},
		{"remoteCloseCode", null(e.remoteCode()), "The code of the peer's close frame."},
		{"remoteCloseReason", null(textOrNil(t.RemoteReason)), "The reason in it."},
	}
}

func autobahnEvents(events []cases.Event) []string {
	list := []string{}
	for _, e := range events {
		switch {
		case e.Kind == cases.GotTimeout:
			list = append(list, "pause "+visible(string(e.Data))+" ended")
		case e.Kind == cases.GotMessage && e.Binary:
			list = append(list, fmt.Sprintf("binary message of %d: %s", e.Len, visible(autobahnText(e.Data, e.Len))))
		case e.Kind == cases.GotMessage:
			list = append(list, fmt.Sprintf("text message of %d: %s", e.Len, visible(autobahnText(e.Data, e.Len))))
		default:
			list = append(list, fmt.Sprintf("%s of %d: %s", e.Kind, e.Len, visible(autobahnText(e.Data, e.Len))))
		}
	}
	if len(list) == 0 {
		list = append(list, "nothing")
	}
	return list
}

func octetTable(title string, counts jsonCounts) autobahnTable {
	t := autobahnTable{Title: title, Octets: true}
	for _, size := range slices.Sorted(maps.Keys(counts)) {
		row := autobahnRow{Name: fmt.Sprint(size), Count: counts[size], Octets: size * counts[size]}
		t.Rows = append(t.Rows, row)
		t.Count += row.Count
		t.Sum += row.Octets
	}
	return t
}

func frameTable(title string, counts map[int]int) autobahnTable {
	t := autobahnTable{Title: title}
	for _, op := range slices.Sorted(maps.Keys(counts)) {
		t.Rows = append(t.Rows, autobahnRow{Name: fmt.Sprintf("%d %v", op, wsproto.Opcode(op)), Count: counts[op]})
		t.Count += counts[op]
	}
	return t
}

// pageLog puts the wire log into words.
func (e autobahnEntry) pageLog() []autobahnLine {
	var lines []autobahnLine
	for i, entry := range e.t.Log {
		l := autobahnLine{Number: fmt.Sprintf("%03d", i), Class: "note"}
		at := ""
		if entry.At > 0 {
			at = fmt.Sprintf("%9.3f ms  ", float64(entry.At)/float64(time.Millisecond))
		}
		way := "received"
		if entry.Dir == cases.Out {
			way = "sent"
		}
		switch entry.Kind {
		case cases.LogFrame:
			l.Class = cmp.Or(map[bool]string{true: "sync"}[entry.Chop > 0 || entry.Alone], string(entry.Dir))
			l.Text = fmt.Sprintf("%s%-8s %s frame, %d octets%s\n%s", at, way, entry.Opcode, entry.Len, autobahnFlags(entry),
				short(autobahnText(entry.Data, entry.Len), maxLogLine))
		case cases.LogOctets:
			l.Class = "raw-" + string(entry.Dir)
			l.Text = fmt.Sprintf("%s%-8s %d octets\n%s", at, way, entry.Len, autobahnHex(entry.Data, entry.Len))
		case cases.LogNote:
			l.Text = at + visible(entry.Note)
		}
		lines = append(lines, l)
	}
	return lines
}

func autobahnFlags(e cases.Entry) string {
	s := ""
	if !e.Fin {
		s += ", FIN clear"
	}
	if e.RSV != 0 {
		s += fmt.Sprintf(", RSV %d", e.RSV)
	}
	if e.Mask != "" {
		s += ", mask " + visible(e.Mask)
	}
	if e.Chop > 0 {
		s += fmt.Sprintf(", %d octets per write", e.Chop)
	}
	return s
}
