package rfc_test

import (
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/rfc"
	"github.com/wsconform/wsconform/internal/transcript"
)

// What is sent beyond a limit of 1 MiB is beyond it.
func TestOverTheLimit(t *testing.T) {
	for id, want := range map[cases.ID]int{"L.2.2": 4 << 20, "L.2.3": 70000 * 16} {
		c, ok := rfc.Find(id)
		if !ok {
			t.Fatalf("no case %s", id)
		}
		sent := 0
		for _, step := range c.Conns[0].Steps {
			if flood, ok := step.(cases.Flood); ok {
				sent += flood.Times * flood.Frame.Payload.Len
			}
		}
		if sent != want || sent <= 1<<20 {
			t.Errorf("%s: got %d bytes, want %d, which is more than 1 MiB", id, sent, want)
		}
	}
}

// Data behind a close frame is seen in T.1.5.
func TestDataBehindTheClose(t *testing.T) {
	c, ok := rfc.Find("T.1.5")
	if !ok {
		t.Fatal("no case T.1.5")
	}
	for behind, want := range map[bool]cases.Behavior{false: cases.OK, true: cases.Failed} {
		tr := opened(cases.GotText(cases.Data([]byte("4b1d0c2a9e7f5836"))))
		tr.RemoteClose, tr.RemoteCode = true, 1000
		tr.Events = append(tr.Events, transcript.Event{Kind: transcript.GotClose, Code: 1000})
		if behind {
			tr.Events = append(tr.Events, transcript.Event{Kind: transcript.GotOffence, Section: "RFC 6455 5.5.1"})
		}
		tr.Events = append(tr.Events, transcript.Event{Kind: transcript.GotEnd})
		tr.More = []transcript.Transcript{opened(cases.GotText(cases.Data([]byte("4b1d0c2a9e7f5836"))))}
		if got := c.Judge(tr); got.Behavior != want {
			t.Errorf("data behind the close frame %t: got %s (%s), want %s", behind, got.Behavior, got.Reason, want)
		}
	}
}
