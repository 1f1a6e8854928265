package html

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/autobahn"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/internal/usercase"
	"github.com/wsconform/wsconform/reports/internal/show"
	"github.com/wsconform/wsconform/reports/internal/summary"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// The details of the cases are JSON in the page, which page.js shows when a reader opens
// a case. Names are short and texts are pooled, because 517 wire logs are most of the page.

// details is the whole of it. Texts are numbers that index Texts.
type details struct {
	Texts  []string           `json:"texts"`
	Codes  map[string]string  `json:"codes"`  // close codes in words
	Before string             `json:"before"` // of the command, up to the id
	After  string             `json:"after"`  // and what follows
	Cases  map[string]*detail `json:"cases"`  // by id
	Cut    bool               `json:"cut"`    // logs are cut to fit the page
	texts  map[string]int
	words  int // bound of a text, in bytes
	size   int // of Texts as JSON, at least
	header runfile.Header
}

// A detail is what the page shows of one case.
type detail struct {
	Expect      int     `json:"e,omitempty"`
	Rules       [][]any `json:"r,omitempty"` // section, its address, what it asks for
	Tests       [][]int `json:"q,omitempty"` // requirements: id, level, words
	Steps       []int   `json:"st,omitempty"`
	Want        *want   `json:"w,omitempty"`
	Reason      int     `json:"rs,omitempty"`
	CloseReason int     `json:"cr,omitempty"`
	Note        int     `json:"n,omitempty"`
	Excuse      int     `json:"ex,omitempty"` // what the entry about the case says
	Link        string  `json:"lk,omitempty"` // where it points
	Broken      int     `json:"br,omitempty"` // what the gate says against the case
	Did         int     `json:"di,omitempty"` // what the peer did to end the connection
	Page        string  `json:"pg,omitempty"` // the page about the case
	Script      string  `json:"sc,omitempty"` // a raw script that does what the failed connection did
	Attempts    int     `json:"at,omitempty"`
	Got         *got    `json:"g,omitempty"`
	connection
	More []connection `json:"m,omitempty"` // the further connections of the case
}

// A want is what the case asks of the peer.
type want struct {
	Readings []reading `json:"r"`
	Codes    []uint16  `json:"k,omitempty"`
	Ours     int       `json:"o,omitempty"` // our close frame comes first
	Clean    int       `json:"c,omitempty"`
	Rule     int       `json:"u,omitempty"` // text
}

type reading struct {
	Grade  string  `json:"g"`
	Events [][]any `json:"e"`
}

// A got is what the transcript says beyond the log.
type got struct {
	Events       [][]any `json:"e,omitempty"`
	Echoes       int     `json:"n,omitempty"`
	Flags        []int   `json:"f,omitempty"` // of flagNames, those that are set
	Unclean      int     `json:"u,omitempty"` // text
	LocalCode    uint16  `json:"lk,omitempty"`
	LocalReason  string  `json:"lr,omitempty"`
	RemoteClose  int     `json:"rc,omitempty"`
	RemoteCode   uint16  `json:"rk,omitempty"`
	RemoteZero   int     `json:"rz,omitempty"`
	RemoteReason string  `json:"rr,omitempty"`
	Took         int64   `json:"d,omitempty"` // microseconds
	Traffic      []int   `json:"t,omitempty"` // texts
}

// maxScript bounds the raw script of a case, in bytes.
const maxScript = 1500

// scriptEntries is how many entries of the log a page has to have room for, to have the scripts
// too.
const scriptEntries = 100

// limits bound what is kept of a case.
type limits struct {
	bytes   int // bytes of a payload
	entries int // of the log
	events  int
	lines   int // of a handshake
	words   int // bytes of a text
}

// steps of thrift: the limits for cases that passed, and for the others.
var thrift = []struct{ pass, other limits }{
	{limits{512, 200, 60, 60, show.MaxText}, limits{512, 400, 60, 60, show.MaxText}},
	{limits{128, 80, 60, 60, show.MaxText}, limits{512, 400, 60, 60, show.MaxText}},
	{limits{64, 40, 60, 60, show.MaxText}, limits{512, 200, 60, 60, show.MaxText}},
	{limits{32, 20, 20, 30, show.MaxText}, limits{256, 100, 60, 60, show.MaxText}},
	{limits{16, 12, 10, 20, 200}, limits{64, 60, 20, 30, show.MaxText}},
	{limits{16, 8, 10, 10, 200}, limits{32, 24, 10, 20, 300}},
	{limits{8, 0, 4, 4, 100}, limits{16, 12, 6, 6, 200}},
	{limits{8, 0, 1, 1, 40}, limits{8, 0, 1, 1, 40}},
}

// detailsWithin returns the details as JSON of at most so many bytes, or of as few as
// possible.
func detailsWithin(s summary.Summary, size int) ([]byte, error) {
	var data []byte
	for i, t := range thrift {
		if i < len(thrift)-1 && atLeast(s, t.pass, t.other) > size {
			continue
		}
		d := newDetails(s)
		d.Cut = i > 0
		last := i == len(thrift)-1
		for _, r := range s.Rows {
			lim := t.other
			if passed(r) {
				lim = t.pass
			}
			d.words = lim.words
			d.Cases[r.Anchor()] = d.detail(r, lim)
			if d.size > size && !last {
				break
			}
		}
		if d.size > size && !last {
			continue
		}
		var err error
		if data, err = json.Marshal(d); err != nil { // escapes <, > and &
			return nil, fmt.Errorf("reports: details: %w", err)
		}
		if len(data) <= size {
			break
		}
	}
	return data, nil
}

// CaseJSON returns the details of one case of a run, as page.js reads them from its page. The
// middle of a very long log is left out.
func CaseJSON(run *runfile.Run, id cases.ID) ([]byte, error) {
	s := summary.Of(summary.Input{Run: run})
	s.Rows = slices.DeleteFunc(s.Rows, func(r summary.Row) bool { return r.Case != id })
	return detailsWithin(s, maxSize)
}

func passed(r summary.Row) bool { return r.Outcome == harness.Pass || r.Outcome == harness.Observed }

// atLeast is a lower bound of the size of the logs, found without encoding them.
func atLeast(s summary.Summary, pass, other limits) int {
	n := 0
	for _, r := range s.Rows {
		lim := other
		if passed(r) {
			lim = pass
		}
		if r.Transcript == nil {
			continue
		}
		for _, e := range r.Transcript.Log[:min(len(r.Transcript.Log), lim.entries)] {
			n += len(`["fin",1,1,""],`) + min(len(e.Data), lim.bytes)
		}
	}
	return n
}

func newDetails(s summary.Summary) *details {
	const mark = "CASE-ID"
	before, after, _ := strings.Cut(show.Repeat(s.Header, mark), mark)
	return &details{
		Texts: []string{""}, texts: map[string]int{"": 0}, Codes: map[string]string{},
		Before: before, After: after, Cases: map[string]*detail{}, header: s.Header,
	}
}

// text returns the number of a text, made visible and cut.
func (d *details) text(s string) int {
	s = show.Short(s, d.words)
	if i, known := d.texts[s]; known {
		return i
	}
	d.texts[s] = len(d.Texts)
	d.Texts = append(d.Texts, s)
	d.size += len(s) + len(`"",`)
	return len(d.Texts) - 1
}

func (d *details) code(c wsproto.StatusCode) uint16 {
	if c != 0 {
		d.Codes[strconv.Itoa(int(c))] = show.CodeWords(c)
	}
	return uint16(c)
}

func (d *details) detail(r summary.Row, lim limits) *detail {
	out := &detail{
		Reason: d.text(r.Reason), CloseReason: d.text(r.CloseReason), Note: d.text(r.Note),
		Excuse: d.text(r.Excuse()), Link: r.Link(), Broken: d.text(r.Broken),
		Did: d.text(r.Did(d.header)), Page: r.Page,
	}
	if r.Attempts > 1 {
		out.Attempts = r.Attempts
	}
	if r.Known {
		out.Expect = d.text(r.Def.Expect)
		for _, rule := range r.Rules() {
			out.Rules = append(out.Rules, trim([]any{d.text(rule.Ref), d.text(rule.URL), d.text(rule.Words)}))
		}
		for _, q := range r.Requirements() {
			out.Tests = append(out.Tests, []int{d.text(q.ID), d.text(string(q.Level)), d.text(q.Words)})
		}
		for _, line := range r.Def.Script() {
			out.Steps = append(out.Steps, d.text(line))
		}
		if lim.entries >= scriptEntries && !passed(r) && r.Outcome.Tells() && !r.Def.For(cases.Gateway) {
			out.Script = show.Lines(usercase.Script(r.Def, usercase.Worst(r.Def, r.Transcript)), maxScript)
			d.size += len(out.Script)
		}
		if r.Def.Suite == cases.Autobahn {
			out.Want = d.want(autobahn.Of(r.Def), lim)
		}
	}
	if t := r.Transcript; t != nil {
		out.Got = d.got(t, lim)
		if r.OneGrade() {
			out.Got.Events = nil // the connections tell all that happened
		}
		out.connection = d.connection(r, 0, t, lim)
		for i := range t.More[:min(len(t.More), lim.lines)] {
			out.More = append(out.More, d.connection(r, i+1, &t.More[i], lim))
		}
	}
	return out
}

var ruleWords = map[autobahn.Rule]string{
	autobahn.WrongCodeFails: "A wrong close code fails the behavior as well.",
	autobahn.Observe:        "The case only observes: it cannot fail.",
	autobahn.EchoLength:     "A message of the same type and length comes back.",
	autobahn.EchoAll:        "Every message comes back, with the same type and bytes.",
	autobahn.EchoDeflated:   "Every message comes back, with the same type and bytes; without permessage-deflate the case is unimplemented.",
}

func (d *details) want(w autobahn.Want, lim limits) *want {
	out := &want{Readings: []reading{}, Ours: bit(w.ClosedByUs), Clean: bit(w.Clean), Rule: d.text(ruleWords[w.Rule])}
	for _, c := range w.Codes {
		out.Codes = append(out.Codes, d.code(c))
	}
	for _, r := range w.Events {
		out.Readings = append(out.Readings, reading{string(r.Behavior), d.events(r.Events, lim)})
	}
	return out
}

// events are arrays of kind, binary, length, data, hash.
func (d *details) events(list []transcript.Event, lim limits) [][]any {
	out := [][]any{}
	for i, e := range list {
		if i == lim.events {
			return append(out, []any{"more", 0, len(list) - i})
		}
		out = append(out, trim([]any{show.Short(string(e.Kind), 16), bit(e.Binary), e.Len, show.Bytes(e.Data, max(lim.bytes, 64)), show.Short(e.SHA256, 64)}))
	}
	return out
}

// flagNames are the flags of a transcript in words; page.js has the same list.
func flags(t *transcript.Transcript) []int {
	var set []int
	for i, on := range []bool{
		t.Opened, t.Deflate, t.ClosedByUs, t.FailedByUs, t.DroppedByUs, t.Clean, t.RemoteClose,
		t.WrongEcho, t.OpenTimeout, t.CloseTimeout, t.ServerDropExpiry,
	} {
		if on {
			set = append(set, i)
		}
	}
	return set
}

func (d *details) got(t *transcript.Transcript, lim limits) *got {
	g := &got{
		Events: d.events(t.Received(), lim), Echoes: t.Echoes, Flags: flags(t), Unclean: d.text(t.UncleanReason),
		LocalCode: d.code(t.LocalCode), LocalReason: show.Bytes(t.LocalReason, min(lim.words, 128)),
		RemoteClose: bit(t.RemoteClose), RemoteCode: d.code(t.RemoteCode), RemoteZero: bit(t.RemoteZero),
		RemoteReason: show.Bytes(t.RemoteReason, min(lim.words, 128)),
		Took:         t.Duration.Microseconds(),
	}
	if t.Traffic != nil {
		g.Traffic = []int{d.text("received " + flow(t.Traffic.In)), d.text("sent " + flow(t.Traffic.Out))}
	}
	return g
}

func flow(f transcript.Flow) string {
	ratio := ""
	if f.App > 0 {
		ratio = fmt.Sprintf(", compressed to %.1f %%", 100*float64(f.Payload)/float64(f.App))
	}
	return fmt.Sprintf("%s messages in %s frames: %s bytes of data, %s of payload, %s on the wire%s", show.Grouped(int(f.Messages)),
		show.Grouped(int(f.Frames)), show.Grouped(int(f.App)), show.Grouped(int(f.Payload)), show.Grouped(int(f.Wire)), ratio)
}

// trim drops the zeros at the end of an array.
func trim(a []any) []any {
	for len(a) > 1 && (a[len(a)-1] == 0 || a[len(a)-1] == "") {
		a = a[:len(a)-1]
	}
	return a
}

func bit(on bool) int {
	if on {
		return 1
	}
	return 0
}
