package autobahn

import (
	"slices"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// TestWirelogSwitches has the cases that the original does not log while messages
// are echoed.
func TestWirelogSwitches(t *testing.T) {
	frame := func(dir transcript.Direction, op wsproto.Opcode, fin bool) transcript.Entry {
		return transcript.Entry{Kind: transcript.LogFrame, Dir: dir, Opcode: op, Fin: fin, Len: 2, Data: transcript.Octet("\x03\xe8")}
	}
	timer := func(t transcript.Timer) transcript.Entry { return transcript.Entry{Kind: transcript.LogNote, Timer: t} }
	armed, fired := timer(transcript.CloseArmed), timer(transcript.CloseFired)
	text, echo := frame(transcript.Out, wsproto.OpText, true), frame(transcript.In, wsproto.OpText, true)
	first, last := frame(transcript.In, wsproto.OpText, false), frame(transcript.In, wsproto.OpContinuation, true)
	ours, reply := frame(transcript.Out, wsproto.OpClose, true), frame(transcript.In, wsproto.OpClose, true)
	for _, tc := range []struct {
		name string
		id   cases.ID
		tr   transcript.Transcript
		want string
		on   bool
	}{
		{"others", "1.1.1", transcript.Transcript{ClosedByUs: true, Log: []transcript.Entry{text, echo, ours, reply}}, "TF TO RO RF TF TO RO RF", true},
		{"one message", "9.1.1", transcript.Transcript{ClosedByUs: true, Log: []transcript.Entry{armed, text, first, last, ours, reply}}, "TI TF TO RO RF", true},
		{"no message", "9.1.1", transcript.Transcript{ClosedByUs: true, Log: []transcript.Entry{armed, text, fired, ours}}, "TI TIE", false},
		{"a loop", "9.7.1", transcript.Transcript{ClosedByUs: true, LogLost: 1998, Log: []transcript.Entry{armed, text, echo, ours, reply}}, "WLM TI WLM TF TO RO RF", true},
		{"a loop that ran out of time", "9.7.1", transcript.Transcript{ClosedByUs: true, Log: []transcript.Entry{armed, text, fired, ours, reply}}, "WLM TI TIE", false},
		{"a loop that the peer ended", "12.1.1", transcript.Transcript{Log: []transcript.Entry{armed, text, echo, reply, ours}}, "WLM TI", false},
		{"a loop that we failed", "13.1.1", transcript.Transcript{ClosedByUs: true, FailedByUs: true, Log: []transcript.Entry{armed, text, ours}}, "WLM TI", false},
		{"too long a log", "2.10", transcript.Transcript{LogLost: 1, Log: []transcript.Entry{text}}, "TF TO WLM", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, ok := catalogue.Find(tc.id)
			if !ok {
				t.Fatalf("no case %s", tc.id)
			}
			tc.tr.Role, tc.tr.Opened = cases.Client, true
			list, on := wirelogOf(c, tc.tr)
			var kinds []string
			for _, row := range list {
				kinds = append(kinds, row.(jsonList)[0].(string))
			}
			if want := strings.Fields(tc.want); !slices.Equal(kinds, want) || on != tc.on {
				t.Errorf("got %q, on %v, want %q, on %v", kinds, on, want, tc.on)
			}
		})
	}
}
