package autobahn

import (
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/autobahn"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// wirelog writes the log as the arrays of Autobahn's reports. The bytes in it
// are those of each frame, rebuilt from its header and payload; how many came in
// a read or left in a write is in the statistics.
//
// on is its final state. The original switches the log off while messages are
// echoed, and on again when it has its verdict; where the peer ends the connection
// before, it stays off.
func wirelogOf(c cases.Case, t transcript.Transcript) (list jsonList, on bool) {
	l := wirelog{c: c, role: t.Role, list: jsonList{}}
	l.handshake(t)
	rule := autobahn.Of(c).Rule
	loop := rule == autobahn.EchoAll || rule == autobahn.EchoDeflated
	l.off = t.Opened && (loop || rule == autobahn.EchoLength)
	if l.off && loop {
		l.add("WLM", false)
	}
	for _, e := range t.Log {
		closes := e.Kind == transcript.LogFrame && e.Dir == transcript.Out && e.Opcode == wsproto.OpClose && e.Timer == ""
		if l.off && loop && closes && t.ClosedByUs && !t.FailedByUs && l.expired == 0 {
			l.off = false
			l.add("WLM", true)
		}
		switch {
		case e.Timer != "":
			l.timer(e)
		case l.off:
			// Of a single message, only its end matters.
			l.off = loop || e.Kind != transcript.LogFrame || e.Dir != transcript.In || e.Opcode.Control() || !e.Fin || e.Missing > 0
		case e.Kind == transcript.LogFrame && e.Dir == transcript.In:
			l.received(e)
		case e.Kind == transcript.LogFrame:
			l.sent(e)
		case e.Kind == transcript.LogOctets:
			l.raw(e)
		}
	}
	if t.LogLost > 0 && !c.Heavy() {
		l.off = true
		l.add("WLM", false)
	}
	return l.list, !l.off
}

type wirelog struct {
	c    cases.Case
	role cases.Role
	list jsonList
	// key masks bytes sent behind the header of an open frame, from offset on.
	key    [4]byte
	masked bool
	offset int
	off    bool // only timers are logged
	// pauses, kills and closes count the timers seen, to find their steps.
	pauses, kills, closes int
	expired               int // time limits that have ended the case
}

func (l *wirelog) add(kind string, more ...any) {
	l.list = append(l.list, append(jsonList{kind}, more...))
}

func (l *wirelog) handshake(t transcript.Transcript) {
	rows := []struct{ text, kind string }{{t.Request, "TO"}, {t.Response, "RO"}}
	if t.Role == cases.Client {
		rows[0].kind, rows[1].kind = "RO", "TO"
	}
	for _, r := range rows {
		if r.text != "" {
			l.wire(r.kind, []byte(r.text), len(r.text), false)
		}
	}
}

// wire adds a line of bytes; data are the first of them.
func (l *wirelog) wire(kind string, data []byte, length int, alone bool) {
	row := jsonList{length, hexOf(data, length)}
	if kind == "TO" {
		l.add(kind, row, alone)
		return
	}
	l.add(kind, row)
}

func (l *wirelog) received(e transcript.Entry) {
	data, length := frameBytes(e)
	l.wire("RO", data, length-e.Missing, false)
	if e.Missing > 0 {
		return // a frame is what came to its end
	}
	l.add("RF", jsonList{e.Len, textOf(e.Data, e.Len)}, int(e.Opcode), e.Fin, int(e.RSV), e.Mask != "", textOrNil([]byte(e.Mask)))
}

func (l *wirelog) sent(e transcript.Entry) {
	data, length := frameBytes(e)
	if e.Len > 0 && len(e.Data) == 0 { // a header whose payload follows in pieces
		h := e.Header()
		l.key, l.masked, l.offset = h.MaskKey, h.Masked, 0
		l.wire("TO", data, length-e.Len, false)
		return
	}
	var chop any
	if e.Chop > 0 {
		chop = e.Chop
	}
	l.add("TF", jsonList{e.Len, textOf(e.Data, e.Len)}, int(e.Opcode), e.Fin, int(e.RSV), textOrNil([]byte(e.Mask)), nil, chop, e.Alone)
	if l.role == cases.Server && e.Mask == "" {
		return // a fragment whose key was not logged: its bytes are not known
	}
	if e.Chop == 0 || len(data) < length { // of long frames only the first bytes are known
		l.wire("TO", data, length, e.Alone)
		return
	}
	for len(data) > 0 {
		n := min(e.Chop, len(data))
		l.wire("TO", data[:n], n, true)
		data = data[n:]
	}
}

func (l *wirelog) raw(e transcript.Entry) {
	data := append([]byte(nil), e.Data...)
	if e.Dir == transcript.In {
		l.wire("RO", data, e.Len, false)
		return
	}
	if l.masked {
		wsproto.Mask(l.key, l.offset, data)
	}
	l.offset += e.Len
	l.wire("TO", data, e.Len, false)
}

// frameBytes rebuilds a frame: its first bytes and how many it has.
func frameBytes(e transcript.Entry) ([]byte, int) {
	h := e.Header()
	out := wsproto.AppendHeader(nil, h)
	length := len(out) + e.Len
	start := len(out)
	out = append(out, e.Data...)
	if h.Masked {
		wsproto.Mask(h.MaskKey, 0, out[start:])
	}
	return out, length
}

// timer adds the event of a timer. How long it runs is in the case.
func (l *wirelog) timer(e transcript.Entry) {
	switch e.Timer {
	case transcript.PauseBegins:
		l.pauses++
		s := nthStep[cases.Pause](l.c, l.pauses)
		l.add("CT", secondsNumber(s.For), textOrNil([]byte(s.Mark)))
	case transcript.PauseEnds:
		l.add("CTE", textOrNil([]byte(nthStep[cases.Pause](l.c, l.pauses).Mark)))
	case transcript.KillArmed:
		l.kills++
		l.add("KL", secondsNumber(nthStep[cases.KillAfter](l.c, l.kills).After))
	case transcript.KillFired:
		l.expired++
		l.add("KLE")
	case transcript.CloseArmed:
		l.closes++
		l.add("TI", secondsNumber(nthStep[cases.CloseAfter](l.c, l.closes).After))
	case transcript.CloseFired:
		l.expired++
		l.add("TIE")
	}
}

// step returns the n-th step of its kind.
func nthStep[S cases.Step](c cases.Case, n int) (found S) {
	for _, s := range c.Steps() {
		if s, ok := s.(S); ok {
			if n--; n == 0 {
				return s
			}
		}
	}
	return found
}

// secondsNumber is a number of seconds, an integer where it is a whole one.
func secondsNumber(d time.Duration) any {
	if d%time.Second == 0 {
		return int(d / time.Second)
	}
	return d.Seconds()
}
