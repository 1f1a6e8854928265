package check

import (
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
)

func TestLoad(t *testing.T) {
	crowd := func(tried, opened, sound int) cases.Transcript {
		return cases.Transcript{Crowd: &cases.Crowded{Tried: tried, Opened: opened, Sound: sound}}
	}
	taken := func(at time.Duration) cases.Transcript {
		return cases.Transcript{Events: []cases.Event{{Kind: cases.GotTaken, At: at}}}
	}
	begun := func(expired bool) cases.Transcript {
		return cases.Transcript{Expired: expired, Events: []cases.Event{{Kind: cases.GotBegin}}}
	}
	for _, row := range []struct {
		check cases.Check
		t     cases.Transcript
		want  bool
	}{
		{CrowdOpens{}, cases.Transcript{}, false},
		{CrowdOpens{}, crowd(5, 5, 0), true},
		{CrowdOpens{}, crowd(5, 4, 4), false},
		{CrowdSound{}, crowd(5, 4, 4), true},
		{CrowdSound{}, crowd(5, 4, 3), false},
		{CrowdSound{}, crowd(5, 0, 0), false},
		{Waits{For: time.Second}, cases.Transcript{}, true},
		{Waits{For: time.Second}, taken(time.Second), true},
		{Waits{For: time.Second}, taken(time.Second - 1), false},
		{Grows{Most: 1 << 20}, cases.Transcript{Grown: 1<<20 - 1}, true},
		{Grows{Most: 1 << 20}, cases.Transcript{Grown: 1 << 20}, false},
		{AllCame{}, cases.Transcript{Messages: 3}, false}, // nobody is at the other end
		{Sized{Bytes: 2}, cases.Transcript{Events: []cases.Event{cases.GotText(cases.Data([]byte("ab")))}}, true},
		{Sized{Bytes: 3}, cases.Transcript{Events: []cases.Event{cases.GotText(cases.Data([]byte("ab")))}}, false},
		{BeginsEarly{}, cases.Transcript{}, false},
		{BeginsEarly{}, begun(false), true},
		{BeginsEarly{}, begun(true), false},
	} {
		if got := row.check.Holds(&row.t); got != row.want {
			t.Errorf("%v of %+v: got %t, want %t", row.check, row.t, got, row.want)
		}
	}
}
