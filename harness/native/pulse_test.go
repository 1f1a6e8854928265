package native

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
)

func TestMetronome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pulse
		begun := time.Now()
		stop := p.start(context.Background())
		time.Sleep(time.Minute)
		stop()
		if p.lateSince(begun) {
			t.Error("late on a clock that is never late")
		}
	})
}

// TestDoubt says which failures are not final at once.
func TestDoubt(t *testing.T) {
	begun := time.Now()
	early, late := begun.Add(-time.Second), begun.Add(time.Second)
	timer := []cases.Entry{{Kind: cases.LogNote, Timer: cases.KillFired}}
	for _, test := range []struct {
		name     string
		id       cases.ID
		verdict  harness.Outcome
		behavior cases.Behavior
		log      []cases.Entry
		crowded  bool
		load     *pulse
		want     bool
	}{
		{"a pass by whatever means", "1.1.1", harness.Pass, cases.OK, timer, true, &pulse{late: late}, false},
		{"a failure that no timer decided", "1.1.1", harness.Fail, cases.Failed, nil, true, &pulse{late: late}, false},
		{"a timer, alone on an idle machine", "1.1.1", harness.Fail, cases.Failed, timer, false, &pulse{}, false},
		{"a timer, alone after a busy time", "1.1.1", harness.Fail, cases.Failed, timer, false, &pulse{late: early}, false},
		{"a timer, alone on a busy machine", "1.1.1", harness.Fail, cases.Failed, timer, false, &pulse{late: late}, true},
		{"no echo before what came octet by octet", "3.4", harness.PassLenient, cases.NonStrict, nil, false, &pulse{}, false},
		{"the same after a busy time", "3.4", harness.PassLenient, cases.NonStrict, nil, false, &pulse{late: early}, true},
		{"a timer, beside other cases", "1.1.1", harness.Fail, cases.Failed, timer, true, &pulse{}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, ok := cases.Find(test.id)
			if !ok {
				t.Fatalf("no case %s", test.id)
			}
			r := harness.Result{Case: c.ID, Outcome: test.verdict, Verdict: cases.Verdict{Behavior: test.behavior}, Transcript: &cases.Transcript{Started: begun, Log: test.log}}
			if got := doubt(c, r, test.crowded, test.load); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
		})
	}
}
