package cases_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

func TestIDCompare(t *testing.T) {
	ids := []cases.ID{"1.1.1", "1.1.2", "1.2.1", "2.1", "2.9", "2.10", "5.2", "5.15", "10.1.1", "13.7.18", "h.1", "h.2"}
	for i, a := range ids {
		for j, b := range ids {
			if got := a.Compare(b); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("%q.Compare(%q) = %d", a, b, got)
			}
		}
	}
}

func TestOctetText(t *testing.T) {
	tests := []struct{ octets, text string }{
		{"", ""},
		{"Hello", "Hello"},
		{"κόσμε\n", "κόσμε\n"},
		{"\x00", "0x00"},
		{"\xce", "0xce"},
		{"0x41", "0x30783431"}, // or it would read as A
	}
	for _, test := range tests {
		text, err := transcript.Octet(test.octets).MarshalText()
		if err != nil || string(text) != test.text {
			t.Errorf("%q: got %q, %v; want %q", test.octets, text, err, test.text)
		}
		var back transcript.Octet
		if err := back.UnmarshalText(text); err != nil || string(back) != test.octets {
			t.Errorf("%q: came back as %q, %v", test.octets, back, err)
		}
		clear(text) // the caller's: a line of a run file, say
		if string(back) != test.octets {
			t.Errorf("%q: changed to %q with the text it was read from", test.octets, back)
		}
	}
	if err := new(transcript.Octet).UnmarshalText([]byte("0x4")); err == nil {
		t.Error("half a byte was read")
	}
}

func FuzzOctetText(f *testing.F) {
	f.Add([]byte("0x"))
	f.Add([]byte{0xff, 0})
	f.Fuzz(func(t *testing.T, octets []byte) {
		text, err := json.Marshal(transcript.Octet(octets))
		if err != nil {
			t.Fatal(err)
		}
		var back transcript.Octet
		if err := json.Unmarshal(text, &back); err != nil || !bytes.Equal(back, octets) {
			t.Errorf("%x: written as %s, came back as %x, %v", octets, text, back, err)
		}
	})
}

func TestPayloadAppendRange(t *testing.T) {
	p := cases.Repeat("abc", 10)
	whole := p.Bytes()
	if string(whole) != "abcabcabca" {
		t.Fatalf("got %q, want abcabcabca", whole)
	}
	for from := range 11 {
		for to := from; to <= 10; to++ {
			if got := p.AppendRange(nil, from, to); !bytes.Equal(got, whole[from:to]) {
				t.Errorf("AppendRange(%d, %d) = %q, want %q", from, to, got, whole[from:to])
			}
		}
	}
	if !p.Equal(cases.Data(whole)) || p.Equal(cases.Repeat("abc", 9)) || p.Equal(cases.Repeat("abd", 10)) {
		t.Error("Equal does not go by the bytes")
	}
}

func TestCloseBody(t *testing.T) {
	tests := []struct {
		close cases.Close
		want  string
	}{
		{cases.Close{}, ""},
		{cases.Close{Code: 1000}, "\x03\xe8"},
		{cases.Close{Code: 1005}, "\x03\xed"},
		{cases.Close{Code: 1000, Reason: []byte("bye")}, "\x03\xe8bye"},
		{cases.Close{Reason: []byte("a")}, "a"},
		{cases.Close{Reason: []byte{0, 0}}, "\x00\x00"},
	}
	for _, test := range tests {
		if got := test.close.Body(); string(got) != test.want {
			t.Errorf("%v: got body %x, want %x", test.close, got, test.want)
		}
	}
}

func TestStepStrings(t *testing.T) {
	tests := []struct {
		step cases.Step
		want string
	}{
		{cases.Text("hi").More().WithRSV(4), `send text frame, "hi", FIN clear, RSV 4`},
		{cases.Binary("\xfe").Chopped(1), "send binary frame, 0xfe, one byte per write"},
		{cases.Cont("").Chopped(64), "send continuation frame, empty, 64 bytes per write"},
		{cases.Pong("").Apart(), "send pong frame, empty, as a write of its own"},
		{cases.FrameHeader{Opcode: wsproto.OpText, NotFin: true, Length: 21}, "open text frame of 21 bytes, FIN clear"},
		{cases.Octets{Payload: cases.Data([]byte("edited"))}, `send payload bytes, "edited"`},
		{
			cases.Message{Opcode: wsproto.OpText, Payload: cases.Repeat("*", 4096), Fragment: 64},
			`send text message, 4096 bytes of "*", in fragments of 64`,
		},
		{cases.Close{}, "close without a code"},
		{cases.Close{Code: 1001}, "close with 1001"},
		{cases.Close{Code: 1000, Reason: []byte("bye")}, `close with 1000 and reason "bye"`},
		{cases.Close{Reason: []byte{0, 0}}, "close with body 0x0000"},
		{cases.Pause{For: time.Second, Mark: "A"}, "wait 1s, record timeout A"},
		{cases.Pause{For: time.Second, Until: 1}, "wait 1s or for 1 event"},
	}
	for _, test := range tests {
		if got := test.step.String(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestEventsOfLongPayloads(t *testing.T) {
	long := cases.GotText(cases.Repeat("*", transcript.HeadSize+1))
	if len(long.Data) != transcript.HeadSize || long.Len != transcript.HeadSize+1 || long.SHA256 == "" {
		t.Errorf("got %d bytes of %d, SHA-256 %q", len(long.Data), long.Len, long.SHA256)
	}
	other := cases.GotText(cases.Data([]byte(strings.Repeat("*", transcript.HeadSize) + "+")))
	if long.Equal(other) || !long.Equal(cases.GotText(cases.Repeat("**", transcript.HeadSize+1))) {
		t.Error("Equal does not see past the head")
	}
}

func TestTranscriptJSON(t *testing.T) {
	want := transcript.Transcript{
		Role: cases.Client, Opened: true, Clean: true, Duration: time.Second,
		Events:      []transcript.Event{cases.GotText(cases.Data([]byte("hi"))), transcript.TimedOut("A")},
		RemoteClose: true, RemoteZero: true, LocalReason: transcript.Octet("\xff"),
		Stats: transcript.Stats{RxFrames: map[int]int{1: 2}},
		Log:   []transcript.Entry{{Kind: transcript.LogFrame, Dir: transcript.Out, Opcode: wsproto.OpPing, Fin: true}},
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got transcript.Transcript
	if err := json.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestRoleText(t *testing.T) {
	for _, role := range []cases.Role{cases.Server, cases.Client} {
		text, _ := role.MarshalText()
		var back cases.Role
		if err := back.UnmarshalText(text); err != nil || back != role {
			t.Errorf("%v came back as %v, %v", role, back, err)
		}
	}
	if err := new(cases.Role).UnmarshalText([]byte("proxy")); err == nil {
		t.Error("role proxy was read")
	}
}
