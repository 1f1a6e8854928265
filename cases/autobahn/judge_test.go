package autobahn_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/autobahn"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// An observation is a verdict of the original, with the flags it was made of.
// The peers were built to be odd, each in its own way.
type observation struct {
	Role        cases.Role          `json:"role"`
	Peer        string              `json:"peer"`
	Case        cases.ID            `json:"case"`
	Behavior    cases.Behavior      `json:"behavior"`
	Close       cases.CloseBehavior `json:"close"`
	ClosedByUs  bool                `json:"closedByUs"`
	FailedByUs  bool                `json:"failedByUs"`
	DroppedByUs bool                `json:"droppedByUs"`
	Clean       bool                `json:"clean"`
	RemoteCode  *wsproto.StatusCode `json:"remoteCode"`
}

func TestJudgeAgreesWithAutobahn(t *testing.T) {
	text, err := os.ReadFile("testdata/observed.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []observation
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	if len(list) != 351 {
		t.Fatalf("got %d observations, want 351", len(list))
	}
	for _, o := range list {
		c, ok := autobahn.Find(o.Case)
		if !ok {
			t.Fatalf("no case %s", o.Case)
		}
		got := c.Judge(transcriptOf(c, o))
		if got.Behavior != o.Behavior || got.Close != o.Close {
			t.Errorf("%s %s, case %s: got %s / %s, want %s / %s (%s; %s)",
				o.Role, o.Peer, o.Case, got.Behavior, got.Close, o.Behavior, o.Close, got.Reason, got.CloseReason)
		}
		if got.Reason == "" || got.CloseReason == "" {
			t.Errorf("%s %s, case %s: a reason is missing: %+v", o.Role, o.Peer, o.Case, got)
		}
	}
}

// transcriptOf gives the flags that were observed and the events that go with
// the verdict on behaviour, as these were not recorded: those of the reading
// for that grade. FAILED may come from the end of the connection although the
// events were right, so these are kept wherever the case has a rule for it.
func transcriptOf(c cases.Case, o observation) transcript.Transcript {
	t := transcript.Transcript{
		Role: o.Role, Opened: true, Deflate: o.Behavior != cases.Unimplemented,
		ClosedByUs: o.ClosedByUs, FailedByUs: o.FailedByUs, DroppedByUs: o.DroppedByUs, Clean: o.Clean,
	}
	if o.RemoteCode != nil {
		t.RemoteClose, t.RemoteCode, t.RemoteZero = true, *o.RemoteCode, *o.RemoteCode == 0
	}
	wrongCode := autobahn.Of(c).Rule == autobahn.WrongCodeFails && o.Close == cases.CloseWrongCode
	wrongEnd := autobahn.Of(c).WrongEndFails && o.ClosedByUs != autobahn.Of(c).ClosedByUs
	grade := o.Behavior
	if grade == cases.Failed && (wrongCode || wrongEnd) {
		grade = cases.OK
	}
	if grade == cases.OK {
		t.Echoes = 1000
	}
	t.Events = []transcript.Event{cases.GotText(cases.Data([]byte("anything else")))}
	for _, r := range autobahn.Of(c).Events {
		if r.Behavior == grade {
			t.Events = r.Events
		}
	}
	return t
}

// served is what a server that keeps the standard leaves behind.
func served(events ...transcript.Event) transcript.Transcript {
	return transcript.Transcript{
		Role: cases.Server, Opened: true, Clean: true, ClosedByUs: true, Events: events,
		RemoteClose: true, RemoteCode: wsproto.StatusNormalClosure,
	}
}

func TestJudge(t *testing.T) {
	hello := cases.GotText(cases.Data([]byte("Hello, world!")))
	bye := cases.GotText(cases.Data([]byte("Hello World!")))
	with := func(t transcript.Transcript, change func(*transcript.Transcript)) transcript.Transcript {
		change(&t)
		return t
	}
	failedByPeer := func(t *transcript.Transcript) {
		t.ClosedByUs, t.Clean, t.RemoteClose, t.RemoteCode = false, false, false, 0
	}
	tests := []struct {
		name       string
		id         cases.ID
		transcript transcript.Transcript
		behavior   cases.Behavior
		close      cases.CloseBehavior
	}{
		{"never opened", "1.1.1", transcript.Transcript{}, cases.Failed, cases.CloseFailed},
		{"never opened, where silence is right", "6.3.1", transcript.Transcript{}, cases.Failed, cases.CloseFailed},
		{"never opened, observed", "7.1.6", transcript.Transcript{}, cases.Informational, cases.CloseInformational},
		{"never opened, compressed", "12.1.1", transcript.Transcript{}, cases.Failed, cases.CloseFailed},
		{"right events", "7.1.1", served(bye), cases.OK, cases.CloseOK},
		{
			"no code in the answer", "7.1.1",
			with(served(bye), func(t *transcript.Transcript) { t.RemoteCode = 0 }),
			cases.OK, cases.CloseOK,
		},
		{"one event too many", "7.1.1", served(bye, bye), cases.Failed, cases.CloseOK},
		{"other bytes", "7.1.1", served(hello), cases.Failed, cases.CloseOK},
		{"other type", "7.1.1", served(cases.GotBinary(cases.Data([]byte("Hello World!")))), cases.Failed, cases.CloseOK},
		{"strict", "3.2", with(served(hello), failedByPeer), cases.OK, cases.CloseOK},
		{"non-strict", "3.2", with(served(), failedByPeer), cases.NonStrict, cases.CloseOK},
		{"two readings, neither", "3.2", with(served(hello, hello), failedByPeer), cases.Failed, cases.CloseOK},
		{"marks in order", "6.4.1", with(served(transcript.TimedOut("A")), failedByPeer), cases.OK, cases.CloseOK},
		{
			"second mark", "6.4.1", with(served(transcript.TimedOut("A"), transcript.TimedOut("B")), failedByPeer),
			cases.NonStrict, cases.CloseOK,
		},
		{"failed before the bad bytes", "6.4.1", with(served(), failedByPeer), cases.Failed, cases.CloseOK},
		{"left to us", "6.4.1", served(transcript.TimedOut("A")), cases.Failed, cases.CloseFailed},
		{
			"invalid code of 0", "7.9.1",
			with(served(), func(t *transcript.Transcript) { t.RemoteCode, t.RemoteZero = 0, true }),
			cases.Failed, cases.CloseWrongCode,
		},
		{
			"unclean comes before wrong code", "7.1.1",
			with(served(bye), func(t *transcript.Transcript) { t.Clean, t.RemoteCode = false, 1002 }),
			cases.OK, cases.CloseUnclean,
		},
		{
			"wrong code comes before the drop", "7.1.1",
			with(served(bye), func(t *transcript.Transcript) { t.DroppedByUs, t.RemoteCode = true, 1002 }),
			cases.Failed, cases.CloseWrongCode,
		},
		{
			"server dropped by us", "7.1.1",
			with(served(bye), func(t *transcript.Transcript) { t.DroppedByUs = true }),
			cases.OK, cases.CloseFailedByClient,
		},
		{
			"client dropped by us", "7.1.1",
			with(served(bye), func(t *transcript.Transcript) { t.Role, t.DroppedByUs = cases.Client, true }),
			cases.OK, cases.CloseOK,
		},
		{"no echo in time", "9.1.1", served(), cases.Failed, cases.CloseOK},
		{
			"an echo and a wrong one", "9.1.1",
			with(served(), func(t *transcript.Transcript) { t.Echoes, t.WrongEcho = 1, true }),
			cases.OK, cases.CloseOK,
		},
		{"all echoes", "9.7.1", with(served(), func(t *transcript.Transcript) { t.Echoes = 1000 }), cases.OK, cases.CloseOK},
		{
			"one echo short", "9.7.1",
			with(served(), func(t *transcript.Transcript) { t.Echoes = 999 }),
			cases.Failed, cases.CloseOK,
		},
		{
			"a wrong echo", "9.7.1",
			with(served(), func(t *transcript.Transcript) { t.Echoes, t.WrongEcho = 3, true }),
			cases.Failed, cases.CloseOK,
		},
		{"no compression", "13.1.1", served(), cases.Unimplemented, cases.CloseOK},
		{
			"compression", "13.1.1",
			with(served(), func(t *transcript.Transcript) { t.Deflate, t.Echoes = true, 1000 }),
			cases.OK, cases.CloseOK,
		},
	}
	for _, test := range tests {
		c, _ := autobahn.Find(test.id)
		if got := c.Judge(test.transcript); got.Behavior != test.behavior || got.Close != test.close {
			t.Errorf("%s (%s): got %s / %s, want %s / %s", test.name, test.id, got.Behavior, got.Close, test.behavior, test.close)
		}
	}
}

// Every reading of every case earns its grade, and an event more does not.
func TestJudgeEveryReading(t *testing.T) {
	for _, c := range autobahn.All() {
		for _, r := range autobahn.Of(c).Events {
			transcript := served(r.Events...)
			transcript.ClosedByUs = autobahn.Of(c).ClosedByUs
			transcript.RemoteCode = autobahn.Of(c).Codes[0]
			want, wantClose := r.Behavior, cases.CloseOK
			if autobahn.Of(c).Rule == autobahn.Observe {
				want, wantClose = cases.Informational, cases.CloseInformational
			}
			if got := c.Judge(transcript); got.Behavior != want || got.Close != wantClose {
				t.Errorf("case %s: got %s / %s, want %s / %s", c.ID, got.Behavior, got.Close, want, wantClose)
			}
			transcript.Events = append(transcript.Events[:len(r.Events):len(r.Events)], cases.Ponged(cases.Data([]byte("?"))))
			if autobahn.Of(c).Rule != autobahn.Observe {
				want = cases.Failed
			}
			if got := c.Judge(transcript); got.Behavior != want {
				t.Errorf("case %s with a stray pong: got %s, want %s", c.ID, got.Behavior, want)
			}
		}
	}
}

func ExampleCase_Judge() {
	c, _ := autobahn.Find("2.2")
	v := c.Judge(transcript.Transcript{
		Opened: true, ClosedByUs: true, Clean: true,
		Events: []transcript.Event{cases.Ponged(cases.Data([]byte("Hello, world!")))},
	})
	fmt.Println(v.Behavior, v.Close)
	// Output: OK OK
}

func TestTolerateLeavesTheOriginal(t *testing.T) {
	strict := autobahn.Fails(wsproto.StatusProtocolError)
	lenient := strict.Tolerate(transcript.TimedOut("A"))
	grades := func(w autobahn.Want) (list []cases.Behavior) {
		for _, r := range w.Events {
			list = append(list, r.Behavior)
		}
		return list
	}
	if got := grades(strict); !slices.Equal(got, []cases.Behavior{cases.OK}) {
		t.Errorf("got %v, want OK alone", got)
	}
	if got := grades(lenient); !slices.Equal(got, []cases.Behavior{cases.OK, cases.NonStrict}) {
		t.Errorf("got %v, want OK and NON-STRICT", got)
	}
}
