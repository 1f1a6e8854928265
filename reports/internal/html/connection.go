package html

import (
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/ledger"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/internal/wire"
	"github.com/wsconform/wsconform/reports/internal/show"
	"github.com/wsconform/wsconform/reports/internal/summary"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A connection is what the page shows of one connection of a case.
type connection struct {
	Clauses   []int   `json:"cl,omitempty"` // what earns which grade, a text each; none for Autobahn's cases
	Happened  []int   `json:"hp,omitempty"` // the events in words; none for Autobahn's cases
	Request   []any   `json:"rq,omitempty"` // lines: a text, or the three around what offends
	Response  []any   `json:"rp,omitempty"`
	Handshake [][]int `json:"ho,omitempty"` // what offends in it: words, section, its address
	Log       [][]any `json:"l,omitempty"`
	Lost      int     `json:"x,omitempty"` // entries not kept
}

// connection is the n-th of the case, counted from 0.
func (d *details) connection(r summary.Row, n int, t *transcript.Transcript, lim limits) connection {
	var c connection
	handshake, frames := show.Offences(t)
	for _, o := range handshake[:min(len(handshake), lim.lines)] {
		c.Handshake = append(c.Handshake, []int{d.text(show.HandshakeWords(t, o)), d.text(o.Section), d.text(ledger.URL(o.Section))})
	}
	c.Request, c.Response = d.lines(t.Request, wire.InRequest, handshake, lim.lines), d.lines(t.Response, wire.InResponse, handshake, lim.lines)
	c.Log, c.Lost = d.log(t.Log, frames, lim), t.LogLost
	if r.OneGrade() {
		c.Happened = d.happened(t.Events, lim)
	}
	if r.Known && r.Def.Suite != cases.Autobahn {
		for line := range strings.SplitSeq(r.Def.WantOf(n).String(), "\n") {
			c.Clauses = append(c.Clauses, d.text(line))
		}
	}
	return c
}

// happened puts events into words.
func (d *details) happened(events []transcript.Event, lim limits) []int {
	var list []int
	for _, e := range events[:min(len(events), lim.events)] {
		list = append(list, d.text(e.String()))
	}
	if more := len(events) - len(list); more > 0 {
		list = append(list, d.text("and "+show.Plural(more, "more event", "more events")))
	}
	return list
}

func (d *details) lines(head string, place wire.Place, found []wire.Offence, bound int) []any {
	var out []any
	for i, line := range wire.Lines(head) {
		if i == bound {
			return append(out, d.text("… and more lines"))
		}
		out = append(out, d.text(line))
		for _, o := range found {
			if o.Place == place && o.Index == i {
				out[i] = []int{d.text(line[:o.From]), d.text(line[o.From:o.To]), d.text(line[o.To:])}
				break
			}
		}
	}
	return out
}

// log turns entries into arrays of kind, microseconds, length, data, opcode,
// flags, mask, repeat, chop, note, bytes missing, header and what offends,
// without the zeros at their ends. The middle of a long log is left out, but for
// the peer's first offence.
func (d *details) log(entries []transcript.Entry, frames map[int][]wire.Offence, lim limits) [][]any {
	out := [][]any{}
	head, tail := len(entries), 0
	if len(entries) > lim.entries {
		tail = lim.entries / 3
		head = lim.entries - tail
	}
	first := slices.IndexFunc(entries, func(e transcript.Entry) bool { return e.Kind == transcript.LogFrame && e.Dir == transcript.In })
	for first >= 0 && first < len(entries) && (entries[first].Dir != transcript.In || len(frames[first]) == 0) {
		first++
	}
	skipped := 0
	cut := func() {
		if skipped > 0 {
			out = append(out, []any{"cut", 0, skipped})
			skipped = 0
		}
	}
	for i, e := range entries {
		if i >= head && i < len(entries)-tail && i != first {
			skipped++
			continue
		}
		cut()
		out = append(out, d.entry(e, frames[i], lim))
	}
	cut()
	return out
}

func (d *details) entry(e transcript.Entry, found []wire.Offence, lim limits) []any {
	kind := "note"
	switch {
	case e.Kind == transcript.LogFrame && e.Dir == transcript.Out:
		kind = "fout"
	case e.Kind == transcript.LogFrame:
		kind = "fin"
	case e.Kind == transcript.LogOctets && e.Dir == transcript.Out:
		kind = "oout"
	case e.Kind == transcript.LogOctets:
		kind = "oin"
	}
	if e.Kind == transcript.LogFrame && e.Opcode == wsproto.OpClose && len(e.Data) >= 2 {
		d.code(wsproto.StatusCode(uint16(e.Data[0])<<8 | uint16(e.Data[1])))
	}
	set := bit(e.Fin) | bit(e.Alone)<<1 | int(e.RSV)<<2
	out := []any{
		kind, int(e.At / time.Microsecond), e.Len, show.Bytes(e.Data, lim.bytes), int(e.Opcode), set,
		show.Short(e.Mask, 8), e.Repeat, e.Chop, d.text(show.NoteWords(e)), e.Missing,
	}
	if len(found) == 0 {
		return trim(out)
	}
	var marks [][]int
	for _, o := range found {
		marks = append(marks, []int{int(o.Place), o.From, o.To, d.text(show.FrameWords(e, o)), d.text(o.Section), d.text(ledger.URL(o.Section))})
	}
	return append(out, hex.EncodeToString(show.HeaderBytes(e)), marks)
}
