package rfc_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/rfc"
	"github.com/wsconform/wsconform/internal/ledger"
	"github.com/wsconform/wsconform/internal/transcript"
)

func TestCatalogue(t *testing.T) {
	list := rfc.All()
	sections := map[string]bool{}
	for _, s := range rfc.Sections() {
		sections[s.ID] = s.Title != ""
	}
	titles := map[string]cases.ID{}
	for i, c := range list {
		if i > 0 && list[i-1].ID.Compare(c.ID) >= 0 {
			t.Errorf("case %s comes after %s", c.ID, list[i-1].ID)
		}
		if other, used := titles[c.Title]; used || c.Title == "" || strings.HasSuffix(c.Title, ".") {
			t.Errorf("case %s: title %q, used by %q", c.ID, c.Title, other)
		}
		titles[c.Title] = c.ID
		if c.Suite != cases.RFC || len(c.Conns) == 0 || c.Want == nil || c.Expect == "" || len(c.RFC) == 0 {
			t.Errorf("case %s is incomplete: %+v", c.ID, c)
		}
		for i, section := range c.RFC {
			if slices.Contains(c.RFC[:i], section) {
				t.Errorf("case %s names %s twice", c.ID, section)
			}
		}
		for _, id := range c.Requirements {
			if _, ok := ledger.Find(id); !ok {
				t.Errorf("case %s: the ledger has no requirement %s", c.ID, id)
			}
		}
		if !sections[c.ID.Section()] || !sections[c.ID.Group()] {
			t.Errorf("case %s: its sections have no titles", c.ID)
		}
		if found, ok := rfc.Find(c.ID); !ok || found.Title != c.Title {
			t.Errorf("case %s is not found", c.ID)
		}
	}
}

// An answered handshake and a message are the events of most cases.
func opened(events ...transcript.Event) transcript.Transcript {
	return transcript.Transcript{Opened: true, Events: append([]transcript.Event{{Kind: transcript.GotAnswer, Status: 101}}, events...)}
}

func TestJudge(t *testing.T) {
	status := func(n int) transcript.Transcript {
		return transcript.Transcript{Events: []transcript.Event{{Kind: transcript.GotAnswer, Status: n}}}
	}
	ends := transcript.Event{Kind: transcript.GotEnd}
	echo := cases.GotText(cases.Data([]byte("4b1d0c2a9e7f5836")))
	alive := opened(echo)
	for _, row := range []struct {
		name  string
		id    cases.ID
		conns []transcript.Transcript
		want  cases.Behavior
	}{
		{"refused", "H.1.3", []transcript.Transcript{status(400), alive}, cases.OK},
		{"dropped", "H.1.3", []transcript.Transcript{{Events: []transcript.Event{ends}}, alive}, cases.NonStrict},
		{"dropped, and dead", "H.1.3", []transcript.Transcript{{Events: []transcript.Event{ends}}, {}}, cases.Failed},
		{"dropped, and no more connections", "H.1.3", []transcript.Transcript{{Events: []transcript.Event{ends}}}, cases.Failed},
		{"accepted", "H.1.3", []transcript.Transcript{status(101), alive}, cases.Failed},
		{"silent", "H.1.3", []transcript.Transcript{{}, alive}, cases.Failed},
		{"error 500", "H.1.3", []transcript.Transcript{status(500), alive}, cases.Failed},
		{"one order accepted", "H.1.16", []transcript.Transcript{status(400), alive, alive}, cases.Failed},
		{"compression declined", "D.1.6", []transcript.Transcript{opened(), opened(), opened(), opened()}, cases.Unimplemented},
		{"compression declined once", "D.1.6", []transcript.Transcript{agreeing(""), agreeing(""), agreeing(""), opened()}, cases.Failed},
		{"compression agreed", "D.1.6", []transcript.Transcript{agreeing(""), agreeing("; client_max_window_bits=9"), agreeing(""), agreeing("; server_max_window_bits=10")}, cases.OK},
		{"refused for the first of two offers", "D.1.6", []transcript.Transcript{agreeing(""), agreeing(""), agreeing(""), status(400)}, cases.Failed},
		{"refused for an unknown parameter", "D.1.6", []transcript.Transcript{agreeing(""), agreeing(""), status(400), agreeing("")}, cases.NonStrict},
		{"not asked for", "D.1.6", []transcript.Transcript{agreeing("; client_max_window_bits=9"), agreeing(""), agreeing(""), agreeing("")}, cases.Failed},
	} {
		c, ok := rfc.Find(row.id)
		if !ok {
			t.Fatalf("no case %s", row.id)
		}
		tr := row.conns[0]
		tr.More = row.conns[1:]
		if got := c.Judge(tr); got.Behavior != row.want || got.Close != "" || got.Reason == "" {
			t.Errorf("%s, %s: got %s/%s, want %s (%s)", row.id, row.name, got.Behavior, got.Close, row.want, got.Reason)
		}
	}
}

// agreeing is a response that agrees on compression.
func agreeing(params string) transcript.Transcript {
	t := opened()
	t.Response = "HTTP/1.1 101 x\r\nSec-WebSocket-Extensions: permessage-deflate" + params + "\r\n\r\n"
	return t
}

// Of many connections at once a server may refuse some, with 503 or by ending TCP, and with no
// other status.
func TestRefusalOfMany(t *testing.T) {
	for _, c := range rfc.All() {
		if c.ID != "L.2.9" {
			continue
		}
		for status, want := range map[int]cases.Behavior{503: cases.NonStrict, 502: cases.Failed, 504: cases.Failed, 429: cases.Failed} {
			refused := transcript.Transcript{Events: []transcript.Event{{Kind: transcript.GotAnswer, Status: status}}}
			if got := c.WantOf(0).Judge(c, &refused); got.Behavior != want {
				t.Errorf("status %d: got %s, want %s", status, got.Behavior, want)
			}
		}
		return
	}
	t.Error("there is no L.2.9")
}
