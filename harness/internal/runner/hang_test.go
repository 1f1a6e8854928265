package runner

import (
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/agent"
	"github.com/wsconform/wsconform/internal/transcript"
)

// TestHang says which results in a row look like a server that hangs.
func TestHang(t *testing.T) {
	struck := []transcript.Entry{{Kind: transcript.LogNote, Timer: transcript.KillFired}}
	ignored := transcript.Transcript{OpenTimeout: true}
	nothing := transcript.Transcript{Opened: true, Log: struck}
	some := transcript.Transcript{Opened: true, Log: struck, Stats: transcript.Stats{RxFrames: map[int]int{1: 3}}}
	closed := transcript.Transcript{Opened: true, Clean: true}
	service := &agent.Service{}
	for _, test := range []struct {
		name    string
		service *agent.Service
		plays   []transcript.Transcript
		length  int
		since   int // the play with which it began
	}{
		{"no answer to handshakes", nil, []transcript.Transcript{closed, ignored, ignored}, 2, 1},
		{"an answer ends it", service, []transcript.Transcript{ignored, nothing, closed}, 0, 0},
		{"nothing behind the handshake", service, []transcript.Transcript{closed, nothing, ignored, nothing}, 3, 1},
		{"the same, of a server that is not ours to start", nil, []transcript.Transcript{ignored, nothing}, 0, 0},
		{"what came before it hung is no answer", service, []transcript.Transcript{nothing, some, ignored}, 2, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &serverRun{run: run{options: Options{Service: test.service}}, report: Report{Echoed: true}}
			begun := time.Now()
			for i, tr := range test.plays {
				tr.Started = begun.Add(time.Duration(i) * time.Second)
				s.noticeHang(t.Context(), cases.Case{ID: "1.1.1"}, harness.Result{Transcript: &tr})
			}
			if s.hang.length != test.length {
				t.Errorf("length: got %d, want %d", s.hang.length, test.length)
			}
			if want := begun.Add(time.Duration(test.since) * time.Second); test.length > 0 && !s.hang.since.Equal(want) {
				t.Errorf("since: got %v, want %v", s.hang.since.Sub(begun), want.Sub(begun))
			}
		})
	}
}

// TestEveryCaseOfASilentServer has a run that plays every case: a silent server
// is given less time for each, until it answers again.
func TestEveryCaseOfASilentServer(t *testing.T) {
	s := &serverRun{run: run{options: Options{Every: true}}}
	patience := func(tr transcript.Transcript) time.Duration {
		s.noticeHang(t.Context(), cases.Case{ID: "1.1.1"}, harness.Result{Transcript: &tr})
		return s.patience()
	}
	for n := 1; n <= 40; n++ {
		want := 20 * time.Millisecond
		switch {
		case n < silentInRow:
			want = 0
		case n < 2*silentInRow:
			want = time.Second
		case n < 4*silentInRow, n == 32:
			want = 200 * time.Millisecond
		}
		if got := patience(transcript.Transcript{OpenTimeout: true}); got != want {
			t.Errorf("after %d cases without an answer: got %v, want %v", n, got, want)
		}
	}
	if s.gone || s.report.Silent {
		t.Error("the server was given up")
	}
	if got := patience(transcript.Transcript{Opened: true, Clean: true}); got != 0 {
		t.Errorf("after an answer: got %v, want as long as the case says", got)
	}
}

// TestHasty has a server answer again, or not: then the cases that had little time for an
// answer are played again, or stand as they are.
func TestHasty(t *testing.T) {
	for _, recovers := range []bool{true, false} {
		var told, final []harness.Result
		s := &serverRun{server: fakeServer{}, run: run{
			shared:  fakeServer{},
			options: Options{Every: true, Provisional: func(r harness.Result) { told = append(told, r) }},
			emit:    func(r harness.Result) { final = append(final, r) },
		}}
		failed := harness.Result{Outcome: harness.Fail, Verdict: cases.Verdict{Behavior: cases.Failed}}
		play := func(tr transcript.Transcript, took time.Duration) {
			r := failed
			r.Case, r.Transcript, r.Duration = "1.1.1", &tr, took
			s.noticeHang(t.Context(), cases.Case{ID: r.Case}, r)
			s.take(cases.Case{ID: r.Case}, r, false)
		}
		for range silentInRow {
			play(transcript.Transcript{OpenTimeout: true}, 5*time.Second)
		}
		play(transcript.Transcript{OpenTimeout: true}, time.Millisecond) // the limit of the case
		for range 3 {
			play(transcript.Transcript{OpenTimeout: true}, time.Second)
		}
		if len(told) != 3 || len(final) != silentInRow+1 {
			t.Errorf("got %d provisional results and %d final ones, want 3 and %d", len(told), len(final), silentInRow+1)
		}
		if recovers {
			play(transcript.Transcript{Opened: true}, 0)
		}
		s.endHang()
		want := map[bool]int{true: 3, false: 0}[recovers]
		if got := len(s.retries); got != want || len(final) != silentInRow+4-want+map[bool]int{true: 1}[recovers] {
			t.Errorf("recovers %t: got %d cases to play again and %d results, want %d", recovers, got, len(final), want)
		}
	}
}
