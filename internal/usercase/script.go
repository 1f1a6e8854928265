package usercase

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/rawscript"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// Bounds of a script that is made of a case.
const (
	maxPayload = 4 << 10 // bytes of one, unless it repeats a pattern
	maxTimes   = 20      // frames alike
	maxLines   = 400
)

// Script writes what a connection of a case does as a raw script, to start from. What the
// language does not have is a remark in it.
func Script(c cases.Case, n int) string {
	if n < 0 || n >= len(c.Conns) {
		return ""
	}
	w := writer{}
	if len(c.Conns) > 1 {
		w.remark("%s: %s; connection %d of %d", c.ID, c.Title, n+1, len(c.Conns))
	} else {
		w.remark("%s: %s", c.ID, c.Title)
	}
	conn := c.Conns[n]
	var whole string
	for _, e := range conn.Head {
		verb, name, value, ok := e.Raw()
		value = strings.NewReplacer("{key}", "dGhlIHNhbXBsZSBub25jZQ==", "{host}", "127.0.0.1", "{target}", "/").Replace(value)
		switch {
		case !ok:
			w.remark("in the opening handshake: %v", e)
		case verb == "bytes":
			whole = value
		case verb == "without":
			w.line("without " + name)
		case name != "":
			w.line(verb + " " + name + ": " + escaped(value))
		default:
			w.line(verb + " " + escaped(value))
		}
	}
	if conn.Deflate != nil && conn.Deflate.Offers != "" {
		w.line("add Sec-WebSocket-Extensions: " + conn.Deflate.Offers)
	}
	if conn.TLS != nil {
		w.remark("%v", conn.TLS)
	}
	if whole != "" {
		w.line("open never")
		w.bytes([]byte(whole))
	}
	w.ops(conn.Ops())
	return w.text.String()
}

// Worst is the number of the connection whose verdict is worst: 0 where none is.
func Worst(c cases.Case, t *transcript.Transcript) int {
	if t == nil || len(c.Conns) < 2 {
		return 0
	}
	for i, conn := range t.Conns() {
		if v := c.WantOf(i).Judge(c, conn); i < len(c.Conns) && v.Behavior == cases.Failed {
			return i
		}
	}
	return 0
}

// escaped writes text as a line has it.
func escaped(s string) string {
	return strings.NewReplacer(`\`, `\\`, "\r", `\r`, "\n", `\n`, "\x00", `\x00`).Replace(s)
}

type writer struct {
	text  strings.Builder
	lines int
}

func (w *writer) remark(format string, a ...any) {
	if w.lines > maxLines {
		return
	}
	fmt.Fprintf(&w.text, "# %s\n", strings.NewReplacer("\r", " ", "\n", " ").Replace(fmt.Sprintf(format, a...)))
}

// line writes a line in its canonical form.
func (w *writer) line(s string) {
	if w.lines == maxLines {
		w.remark("and so on: the case does more")
	}
	if w.lines++; w.lines > maxLines {
		return
	}
	if step, err := rawscript.Parse(s); err == nil && step != nil && len(s) < maxPayload && !strings.Contains(s, "fill:") {
		s = step.String()
	}
	w.text.WriteString(s + "\n")
}

func (w *writer) bytes(p []byte) {
	if len(p) > maxPayload {
		w.remark("%d more bytes of the case are left out", len(p)-maxPayload)
		p = p[:maxPayload]
	}
	w.line("bytes hex:" + hex.EncodeToString(p))
}

func (w *writer) ops(ops []cases.Op) {
	var fail time.Duration
	for i := 0; i < len(ops); i++ {
		switch op := ops[i].(type) {
		case cases.WriteOp:
			i += w.write(op, ops[i+1:])
		case cases.CloseOp:
			w.line("frame close" + payload(cases.Data(op.Close.Body())))
		case cases.WaitOp:
			w.wait(op)
		case cases.TimerOp:
			fail = max(fail, op.After)
		case cases.LoopOp:
			w.remark("the case sends %d messages, each after the echo of the one before", op.Count)
			if op.Corpus != "" {
				w.remark("of %d bytes each, compressed, from %s", op.Length, op.Corpus)
				break
			}
			w.line("frame " + opcode(op.Opcode) + payload(op.Payload))
			w.line("await " + opcode(op.Opcode) + " 5s")
		case cases.EndOp:
			w.line("half-close")
		case cases.ResetOp:
			w.line("reset")
		case cases.ReadOp:
			w.remark("the case changes how it reads here")
		case cases.WatchOp, cases.HTTP2Op: // of gateways and of HTTP/2, which have no script
		}
	}
	if fail > 0 {
		w.line("await end " + fail.String())
	}
}

// write writes frames or bytes, and returns how many of the ops behind it belong to it.
func (w *writer) write(op cases.WriteOp, rest []cases.Op) (used int) {
	switch op.Part {
	case cases.PlainOctets:
		w.bytes(op.Payload.AppendRange(nil, 0, min(op.Payload.Len, maxPayload+1)))
		return 0
	case cases.BelowTLS:
		w.remark("bytes beneath TLS: %v", op.Payload)
		return 0
	case cases.FrameRest:
		w.remark("a further piece of the payload, of %d bytes", op.Payload.Len)
		return 0
	case cases.FrameStart:
		var all []byte
		for _, next := range rest {
			more, ok := next.(cases.WriteOp)
			if !ok || more.Part != cases.FrameRest || len(all)+more.Payload.Len > maxPayload {
				break
			}
			all = more.Payload.AppendRange(all, 0, more.Payload.Len)
			used++
		}
		w.line(fmt.Sprintf("frame %s%s length=%d%s", opcode(op.Header.Opcode), bits(op), op.Header.Length, payload(cases.Data(all))))
		return used
	case cases.WholeFrame:
	}
	if op.Fragment > 0 && op.Payload.Len > op.Fragment {
		w.fragments(op)
		return 0
	}
	if op.Payload.Literal() && op.Payload.Len > maxPayload {
		w.remark("the payload of the case, %d bytes, is left out", op.Payload.Len)
	}
	one := "frame " + opcode(op.Header.Opcode) + bits(op) + payload(op.Payload)
	times := max(op.Times, 1)
	if times > maxTimes || op.Beyond > 0 {
		w.remark("the case sends this frame %d times, or until TCP takes no more", op.Times)
		times = maxTimes
	}
	for range times {
		w.line(one)
	}
	return 0
}

// fragments writes a message in pieces.
func (w *writer) fragments(op cases.WriteOp) {
	code, n := op.Header.Opcode, 0
	for at := 0; at < op.Payload.Len; at += op.Fragment {
		if n++; n > maxTimes {
			w.remark("and so on, up to %d bytes in fragments of %d", op.Payload.Len, op.Fragment)
			return
		}
		end := min(at+op.Fragment, op.Payload.Len)
		part := op
		part.Header.Fin = end == op.Payload.Len
		var p cases.Payload
		if end-at <= maxPayload/16 {
			p = cases.Data(op.Payload.AppendRange(nil, at, end))
		} else {
			p = cases.Payload{Unit: op.Payload.AppendRange(nil, at, at+min(end-at, len(op.Payload.Unit))), Len: end - at}
		}
		w.line("frame " + opcode(code) + bits(part) + payload(p))
		code = wsproto.OpContinuation
	}
}

func opcode(op wsproto.Opcode) string {
	return map[wsproto.Opcode]string{
		wsproto.OpContinuation: "continuation", wsproto.OpText: "text", wsproto.OpBinary: "binary",
		wsproto.OpClose: "close", wsproto.OpPing: "ping", wsproto.OpPong: "pong",
	}[op] + map[bool]string{true: fmt.Sprintf("0x%x", uint8(op))}[op > wsproto.OpPong || op > wsproto.OpBinary && op < wsproto.OpClose]
}

// bits are the parts of the frame behind its opcode.
func bits(op cases.WriteOp) string {
	var b strings.Builder
	flag := func(on bool, word string) {
		if on {
			b.WriteString(" " + word)
		}
	}
	flag(!op.Header.Fin, "nofin")
	flag(op.Header.RSV&wsproto.RSV1 != 0, "rsv1")
	flag(op.Header.RSV&wsproto.RSV2 != 0, "rsv2")
	flag(op.Header.RSV&wsproto.RSV3 != 0, "rsv3")
	flag(op.Masking == cases.MaskNever, "nomask")
	flag(op.Masking == cases.MaskAlways && len(op.Key) != 4, "mask")
	flag(len(op.Key) == 4, "mask="+hex.EncodeToString([]byte(op.Key)))
	flag(op.Header.Form != wsproto.FormMinimal, fmt.Sprintf("form=%d", op.Header.Form))
	flag(op.Chop > 0, fmt.Sprintf("chop=%d", op.Chop))
	return b.String()
}

func payload(p cases.Payload) string {
	switch {
	case p.Len == 0:
		return ""
	case p.Literal() && p.Len <= maxPayload:
		return " hex:" + hex.EncodeToString(p.Unit)
	case len(p.Unit) <= maxPayload/2:
		return fmt.Sprintf(" fill:%d:%s", p.Len, hex.EncodeToString(p.Unit))
	}
	return fmt.Sprintf(" fill:%d", p.Len)
}

func (w *writer) wait(op cases.WaitOp) {
	if op.Mark != "" || op.Events > 0 || op.Taken {
		w.line("wait " + op.For.String())
		return
	}
	what := "end"
	for _, kind := range op.Until {
		switch {
		case kind == transcript.GotClose && what != "end":
		case kind == transcript.GotClose:
			what = "close"
		case kind == transcript.GotPong && (what == "end" || what == "close"):
			what = "pong"
		case kind == transcript.GotPing && (what == "end" || what == "close"):
			what = "ping"
		default:
			what = "frame"
		}
	}
	w.line("await " + what + " " + op.For.String())
}
