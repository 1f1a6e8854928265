package autobahn

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// maxEntries bounds the number of entries kept of a wire log.
const maxEntries = 2000

// A logLine is a line of the wire log, an array that begins with its kind.
type logLine transcript.Entry

func (l *logLine) UnmarshalJSON(p []byte) error {
	var kind string
	if err := unmarshalRow(p, &kind); err != nil {
		return err
	}
	*l = logLine{}
	switch kind {
	case "RO":
		return l.raw(p, transcript.In)
	case "TO":
		return l.raw(p, transcript.Out)
	case "RF":
		return l.received(p)
	case "TF":
		return l.sent(p)
	}
	return l.note(p, kind)
}

// raw reads [kind, [length, hex], sync], the bytes of one read or write.
func (l *logLine) raw(p []byte, dir transcript.Direction) error {
	var kind string
	var data blob
	l.Kind, l.Dir = transcript.LogOctets, dir
	err := unmarshalRow(p, &kind, &data, &l.Alone)
	l.Len = data.length
	// The bytes are always in hex, and never cut inside a pair of digits. Hostile text
	// gives no bytes.
	if raw, errHex := hex.DecodeString(strings.TrimSuffix(clip(data.text, maxReason), " ...")); errHex == nil {
		l.Data = raw
	}
	return err
}

// received reads [kind, [length, text], opcode, fin, rsv, masked, mask].
func (l *logLine) received(p []byte) error {
	var kind string
	var data blob
	var masked bool
	var mask *string
	l.Kind, l.Dir = transcript.LogFrame, transcript.In
	err := unmarshalRow(p, &kind, &data, (*opcode)(&l.Opcode), &l.Fin, (*bits)(&l.RSV), &masked, &mask)
	l.Len = data.length
	l.Data, _ = bytesOf(clip(data.text, maxReason), data.length)
	l.mask(mask)
	return err
}

// sent reads [kind, [length, text], opcode, fin, rsv, mask, repeat, chop, sync].
// If the payload is a repetition, length and text are those of its unit.
func (l *logLine) sent(p []byte) error {
	var kind string
	var data blob
	var mask *string
	var repeat, chop *int
	l.Kind, l.Dir = transcript.LogFrame, transcript.Out
	err := unmarshalRow(p, &kind, &data, (*opcode)(&l.Opcode), &l.Fin, (*bits)(&l.RSV), &mask, &repeat, &chop, &l.Alone)
	l.Len = data.length
	l.Data, _ = bytesOf(clip(data.text, maxReason), data.length)
	l.mask(mask)
	if repeat != nil {
		l.Len, l.Repeat = *repeat, *repeat
	}
	if chop != nil {
		l.Chop = *chop
	}
	return err
}

func (l *logLine) mask(key *string) {
	if key == nil {
		return
	}
	if p, err := hex.DecodeString(*key); err == nil && len(p) == 4 {
		l.Mask = *key
	}
}

// note describes the timers and switches of a case.
func (l *logLine) note(p []byte, kind string) error {
	var arg json.RawMessage
	var mark string
	l.Kind = transcript.LogNote
	if err := unmarshalRow(p, &kind, &arg, &mark); err != nil {
		return err
	}
	switch kind {
	case "CT":
		l.Note, l.Timer = "pause of "+secondsOf(arg)+" begins"+named(mark), transcript.PauseBegins
	case "CTE":
		_ = json.Unmarshal(arg, &mark) // a mark that is not text is left out
		l.Note, l.Timer = "pause ends"+named(mark), transcript.PauseEnds
	case "KL":
		l.Note, l.Timer = "fail the connection in "+secondsOf(arg), transcript.KillArmed
	case "KLE":
		l.Note, l.Timer = "time is up: failing the connection", transcript.KillFired
	case "TI":
		l.Note, l.Timer = "close in "+secondsOf(arg), transcript.CloseArmed
	case "TIE":
		l.Note, l.Timer = "time is up: closing", transcript.CloseFired
	case "WLM":
		l.Note = "wire log off"
		if string(arg) == "true" {
			l.Note = "wire log on"
		}
	default:
		return fmt.Errorf("unknown kind of wire log entry %.20q", kind)
	}
	return nil
}

func named(mark string) string {
	if mark == "" {
		return ""
	}
	return " (" + mark + ")"
}

func secondsOf(arg json.RawMessage) string {
	var s float64
	if json.Unmarshal(arg, &s) != nil {
		return "?"
	}
	return seconds(s)
}

// A blob is [length, text].
type blob struct {
	length int
	text   string
}

func (b *blob) UnmarshalJSON(p []byte) error {
	*b = blob{}
	if err := unmarshalRow(p, &b.length, &b.text); err != nil {
		return err
	}
	if b.length < 0 {
		return errors.New("negative length")
	}
	return nil
}

type opcode wsproto.Opcode

func (o *opcode) UnmarshalJSON(p []byte) error {
	n, err := small(p, 15)
	*o = opcode(n)
	return err
}

type bits uint8

func (b *bits) UnmarshalJSON(p []byte) error {
	n, err := small(p, 7)
	*b = bits(n)
	return err
}

func small(p []byte, limit int) (int, error) {
	var n int
	if err := json.Unmarshal(p, &n); err != nil {
		return 0, err
	}
	if n < 0 || n > limit {
		return 0, fmt.Errorf("%d is not within 0..%d", n, limit)
	}
	return n, nil
}

// entries keeps the first maxEntries lines and counts the rest.
func entries(log []logLine) (kept []transcript.Entry, lost int) {
	for _, l := range log[:min(len(log), maxEntries)] {
		kept = append(kept, transcript.Entry(l))
	}
	return kept, len(log) - len(kept)
}
