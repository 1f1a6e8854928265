package reports_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/autobahn"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A synthetic run has the whole catalogue, played by a peer that answers as
// wanted but for the faults that are named. It looks like a real one, so pages
// can be looked at and measured without an engine.
type synthetic struct {
	agent  harness.Agent
	engine runfile.Engine
	fault  func(c cases.Case, r *harness.Result) // changes the result
	cutOff int                                   // how many cases were played; 0 means all
}

func (s synthetic) run() *runfile.Run {
	rnd := rand.New(rand.NewPCG(7, 9))
	run := &runfile.Run{Header: runfile.Header{
		Schema: 1, Tool: "wsconform 0.1.0", Engine: s.engine, Agent: s.agent,
		Selection: runfile.Selection{Cases: []string{"*"}, Catalogue: strings.Repeat("9f", 32)},
		Started:   time.Date(2026, 11, 22, 14, 3, 0, 0, time.UTC),
		Host:      runfile.Host{OS: "linux", Arch: "amd64", CPUs: 2, Go: "go1.26.8"},
	}}
	var total time.Duration
	for i, c := range autobahn.All() {
		run.Header.Selection.Selected = append(run.Header.Selection.Selected, c.ID)
		if s.cutOff > 0 && i >= s.cutOff {
			continue
		}
		r := goodResult(c, s.agent.Role, rnd)
		if s.fault != nil {
			s.fault(c, &r)
		}
		total += r.Duration
		run.Results = append(run.Results, r)
	}
	run.Footer = &runfile.Footer{State: runfile.Complete, Counts: run.Counts(), Missing: run.Missing(), Duration: total}
	if s.cutOff > 0 {
		run.Footer = nil
	}
	return run
}

func autobahnEngine() runfile.Engine {
	return runfile.Engine{
		Name: "autobahn", Version: "25.10.1", Image: "wsconform/autobahn:25.10.1", Digest: "sha256:" + strings.Repeat("5e", 32),
		Packages: map[string]string{"autobahn": "0.10.9", "autobahntestsuite": "25.10.1", "twisted": "19.10.0", "wsaccel": "0.6.2"},
	}
}

func server(name, version string) harness.Agent {
	return harness.Agent{Name: name, Version: version, Role: cases.Server, URL: "ws://127.0.0.1:9001"}
}

// goodResult is what a good peer makes of the case, with its wire log.
func goodResult(c cases.Case, role cases.Role, rnd *rand.Rand) harness.Result {
	key := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%016x", rnd.Uint64()))
	t := &transcript.Transcript{
		Role: role, Opened: true, Clean: true, ClosedByUs: autobahn.Of(c).ClosedByUs,
		Started:  time.Date(2026, 11, 22, 14, 3, 1, 0, time.UTC),
		Request:  fmt.Sprintf("GET /runCase?case=%s&agent=wsconform HTTP/1.1\r\nUser-Agent: AutobahnTestSuite/25.10.1-0.10.9\r\nHost: 127.0.0.1:9001\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nPragma: no-cache\r\nCache-Control: no-cache\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n", c.ID, key),
		Response: fmt.Sprintf("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", wsproto.AcceptKey(key)),
	}
	if len(autobahn.Of(c).Events) > 0 {
		t.Events = autobahn.Of(c).Events[0].Events
	}
	at := time.Duration(rnd.IntN(400)) * time.Microsecond
	tick := func() time.Duration {
		at += time.Duration(100+rnd.IntN(900)) * time.Microsecond
		return at
	}
	frame := func(dir transcript.Direction, e transcript.Entry) {
		e.Kind, e.Dir, e.At = transcript.LogFrame, dir, tick()
		if (dir == transcript.Out) == (role == cases.Server) {
			e.Mask = fmt.Sprintf("%08x", rnd.Uint32())
		}
		raw := transcript.Entry{Kind: transcript.LogOctets, Dir: dir, At: e.At, Len: e.Len + 6}
		raw.Data = append(transcript.Octet{0x81, byte(0x80 | e.Len&0x7f)}, e.Data[:min(len(e.Data), 62)]...)
		if dir == transcript.In {
			t.Log = append(t.Log, raw, e)
		} else {
			t.Log = append(t.Log, e, raw)
		}
	}
	for _, step := range c.Steps() {
		switch s := step.(type) {
		case cases.Frame:
			frame(transcript.Out, transcript.Entry{Len: s.Payload.Len, Data: head(s.Payload), Opcode: s.Opcode, Fin: !s.NotFin, RSV: s.RSV, Chop: s.Chop, Alone: s.Alone})
		case cases.Message:
			frame(transcript.Out, transcript.Entry{Len: s.Payload.Len, Data: head(s.Payload), Opcode: s.Opcode, Fin: true})
		case cases.Pause:
			t.Log = append(t.Log, transcript.Entry{Kind: transcript.LogNote, At: tick(), Note: fmt.Sprintf("pause of %v begins", s.For)})
			at += s.For
			t.Log = append(t.Log, transcript.Entry{Kind: transcript.LogNote, At: tick(), Note: "pause ends"})
		case cases.KillAfter:
			t.Log = append(t.Log, transcript.Entry{Kind: transcript.LogNote, At: tick(), Note: fmt.Sprintf("kill timer armed: %v", s.After)})
		case cases.EchoLoop:
			t.Echoes = s.Count
			at += time.Duration(s.Count) * 300 * time.Microsecond
			t.Deflate = s.Corpus != ""
			t.Traffic = &transcript.Traffic{
				In:  transcript.Flow{Wire: 210_000, Payload: 200_000, App: 1_000_000, Frames: 1000, Messages: 1000},
				Out: transcript.Flow{Wire: 220_000, Payload: 205_000, App: 1_000_000, Frames: 1000, Messages: 1000},
			}
		}
	}
	for _, e := range t.Events {
		op := wsproto.OpText
		switch {
		case e.Kind == transcript.GotTimeout:
			continue
		case e.Kind == transcript.GotPong:
			op = wsproto.OpPong
		case e.Binary:
			op = wsproto.OpBinary
		}
		frame(transcript.In, transcript.Entry{Len: e.Len, Data: e.Data[:min(len(e.Data), 64)], Opcode: op, Fin: true})
	}
	if autobahn.Of(c).Rule == autobahn.EchoLength {
		t.Echoes = 1
	}
	code := wsproto.StatusNormalClosure
	if len(autobahn.Of(c).Codes) > 0 {
		code = autobahn.Of(c).Codes[0]
	}
	body := transcript.Octet{byte(code >> 8), byte(code)}
	if autobahn.Of(c).ClosedByUs {
		t.LocalCode = code
		frame(transcript.Out, transcript.Entry{Len: 2, Data: body, Opcode: wsproto.OpClose, Fin: true})
	}
	t.RemoteClose, t.RemoteCode = true, code
	frame(transcript.In, transcript.Entry{Len: 2, Data: body, Opcode: wsproto.OpClose, Fin: true})
	t.Duration = at
	verdict := c.Judge(*t)
	return harness.Result{Case: c.ID, Outcome: harness.OutcomeOf(verdict), Verdict: verdict, Duration: at, Transcript: t}
}

func head(p cases.Payload) transcript.Octet { return p.AppendRange(nil, 0, min(p.Len, 64)) }

// judged changes the transcript and judges it again.
func judged(c cases.Case, r *harness.Result, change func(t *transcript.Transcript)) {
	change(r.Transcript)
	r.Verdict = c.Judge(*r.Transcript)
	r.Outcome = harness.OutcomeOf(r.Verdict)
}

// someFaults is a peer with a few faults of the kind that real ones have.
func someFaults(c cases.Case, r *harness.Result) {
	switch c.ID {
	case "5.15": // echoes although it should have failed
		judged(c, r, func(t *transcript.Transcript) {
			t.ClosedByUs, t.RemoteCode, t.Clean = true, 1000, true
			t.Events = append(t.Events, cases.GotText(cases.Data([]byte("fragment3fragment4"))))
		})
	case "6.3.1", "6.20.1": // does not look at UTF-8
		judged(c, r, func(t *transcript.Transcript) {
			t.ClosedByUs, t.RemoteCode = true, 1000
			bad := []byte("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited")
			t.Events = []transcript.Event{cases.GotText(cases.Data(bad))}
			t.Log = append(t.Log[:2:2], append([]transcript.Entry{
				{Kind: transcript.LogOctets, Dir: transcript.In, At: 1200 * time.Microsecond, Len: 22, Data: append([]byte{0x81, 20}, bad...)},
				{Kind: transcript.LogFrame, Dir: transcript.In, At: 1200 * time.Microsecond, Len: 20, Data: bad, Opcode: wsproto.OpText, Fin: true},
			}, t.Log[2:]...)...)
		})
	case "7.9.4": // answers a code that must not be sent
		judged(c, r, func(t *transcript.Transcript) {
			t.RemoteCode = 1005
			t.Log[len(t.Log)-1].Data = transcript.Octet{0x03, 0xed}
		})
	case "2.10": // one pong is wrong
		judged(c, r, func(t *transcript.Transcript) {
			t.Events = append([]transcript.Event(nil), t.Events...)
			t.Events[3] = cases.Ponged(cases.Data([]byte("payload-\u202e4")))
		})
	case "7.1.1": // sets a reserved bit, in a length that is longer than need be, and agrees on what was not offered
		judged(c, r, func(t *transcript.Transcript) {
			for i := range t.Log {
				if e := &t.Log[i]; e.Kind == transcript.LogFrame && e.Dir == transcript.In && e.Opcode == wsproto.OpText {
					e.RSV = wsproto.RSV2
					e.Head = wsproto.AppendHeader(nil, wsproto.Header{Fin: true, RSV: wsproto.RSV2, Opcode: wsproto.OpText, Length: uint64(e.Len), Form: wsproto.Form16})
				}
			}
			t.Response = strings.Replace(t.Response, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: x-snappy\r\n\r\n", 1)
			t.DroppedByUs = true
		})
	case "7.1.2":
		judged(c, r, func(t *transcript.Transcript) { t.DroppedByUs = true })
	case "9.3.1":
		r.Outcome, r.Verdict, r.Note, r.Duration = harness.Timeout, cases.Verdict{}, "no verdict within 120 s", 120*time.Second
	}
	if c.ID.Section() == "13" && strings.HasPrefix(string(c.ID), "13.3") {
		judged(c, r, func(t *transcript.Transcript) { t.Deflate = false })
	}
	if strings.HasPrefix(string(c.ID), "6.4.") {
		judged(c, r, func(t *transcript.Transcript) {
			if len(autobahn.Of(c).Events) > 1 {
				t.Events = autobahn.Of(c).Events[1].Events
			}
		})
	}
}

// everyFault is a peer that fails every case, with the longest logs there are.
func everyFault(c cases.Case, r *harness.Result) {
	t := r.Transcript
	for i := range 300 {
		t.Log = append(t.Log, transcript.Entry{
			Kind: transcript.LogFrame, Dir: transcript.In, At: time.Duration(i) * time.Millisecond, Len: 4096,
			Data: bytes.Repeat([]byte{byte(i), 0xff}, transcript.HeadSize/2), Opcode: wsproto.OpBinary, Fin: true, Mask: "01020304",
		})
	}
	judged(c, r, func(t *transcript.Transcript) { t.ClosedByUs = !autobahn.Of(c).ClosedByUs; t.Opened = false })
	if autobahn.Of(c).Rule == autobahn.Observe {
		r.Outcome = harness.Fail
	}
}
