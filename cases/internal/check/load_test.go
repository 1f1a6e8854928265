package check

import (
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/transcript"
)

func TestLoad(t *testing.T) {
	crowd := func(tried, opened, sound int) transcript.Transcript {
		return transcript.Transcript{Crowd: &transcript.Crowded{Tried: tried, Opened: opened, Sound: sound}}
	}
	taken := func(at time.Duration) transcript.Transcript {
		return transcript.Transcript{Events: []transcript.Event{{Kind: transcript.GotTaken, At: at}}}
	}
	begun := func(expired bool) transcript.Transcript {
		return transcript.Transcript{Expired: expired, Events: []transcript.Event{{Kind: transcript.GotBegin}}}
	}
	for _, row := range []struct {
		check cases.Check
		t     transcript.Transcript
		want  bool
	}{
		{CrowdOpens{}, transcript.Transcript{}, false},
		{CrowdOpens{}, crowd(5, 5, 0), true},
		{CrowdOpens{}, crowd(5, 4, 4), false},
		{CrowdSound{}, crowd(5, 4, 4), true},
		{CrowdSound{}, crowd(5, 4, 3), false},
		{CrowdSound{}, crowd(5, 0, 0), false},
		{Waits{For: time.Second}, transcript.Transcript{}, true},
		{Waits{For: time.Second}, taken(time.Second), true},
		{Waits{For: time.Second}, taken(time.Second - 1), false},
		{Grows{Most: 1 << 20}, transcript.Transcript{Grown: 1<<20 - 1}, true},
		{Grows{Most: 1 << 20}, transcript.Transcript{Grown: 1 << 20}, false},
		{AllCame{}, transcript.Transcript{Messages: 3}, false}, // nobody is at the other end
		{Sized{Bytes: 2}, transcript.Transcript{Events: []transcript.Event{cases.GotText(cases.Data([]byte("ab")))}}, true},
		{Sized{Bytes: 3}, transcript.Transcript{Events: []transcript.Event{cases.GotText(cases.Data([]byte("ab")))}}, false},
		{BeginsEarly{}, transcript.Transcript{}, false},
		{BeginsEarly{}, begun(false), true},
		{BeginsEarly{}, begun(true), false},
	} {
		if got := row.check.Holds(&row.t); got != row.want {
			t.Errorf("%v of %+v: got %t, want %t", row.check, row.t, got, row.want)
		}
	}
}
