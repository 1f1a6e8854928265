package runner

import (
	"context"
	"net"
	"slices"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/transcript"
)

// A verdict that is in doubt is played again; if the peer ends meanwhile it stands.
func TestRetryAll(t *testing.T) {
	c := find(t, "1.1.1")
	result := func(o harness.Outcome) harness.Result {
		v := map[harness.Outcome]cases.Behavior{harness.Pass: cases.OK, harness.Fail: cases.Failed}
		return harness.Result{Case: c.ID, Outcome: o, Verdict: cases.Verdict{Behavior: v[o]}, Transcript: &transcript.Transcript{}}
	}
	for _, test := range []struct {
		name  string
		plays []harness.Outcome // of each time that the case is played again; "" takes no result
		want  []harness.Outcome
	}{
		{"not played", []harness.Outcome{""}, []harness.Outcome{harness.Fail}},
		{"interrupted", []harness.Outcome{harness.NotRun}, []harness.Outcome{harness.Fail}},
		{"better", []harness.Outcome{harness.Pass, harness.Pass, harness.Pass, harness.Pass}, []harness.Outcome{harness.Pass}},
		{"a crash", []harness.Outcome{harness.Pass, harness.Crash}, []harness.Outcome{harness.Crash}},
		{"a crash after it was settled", []harness.Outcome{harness.NotRun, harness.Crash}, []harness.Outcome{harness.Fail, harness.Crash}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []harness.Outcome
			r := &run{shared: fakeServer{}, emit: func(r harness.Result) { got = append(got, r.Outcome) }}
			r.retries = []*retry{newRetry(c, result(harness.Fail), contested)}
			take := func(o harness.Outcome) {
				if o != "" {
					r.take(c, result(o), false)
				}
			}
			r.retryAll(func([]cases.Case) {
				if len(test.plays) == 0 {
					t.Fatal("played too often")
				}
				take(test.plays[0])
				test.plays = test.plays[1:]
			})
			for _, o := range test.plays { // what comes when all is settled
				take(o)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// A visitor plays a connection with nobody.
type visitor struct{ fakeServer }

func (visitor) Listen(ctx context.Context, _ Driver, addr string) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "tcp", addr)
}

func (visitor) Once(_ context.Context, l net.Listener, _ Driver, _ cases.Case, _ int, _ How, begun func()) (transcript.Transcript, error) {
	begun()
	return transcript.Transcript{Opened: true}, l.Close()
}

func (visitor) Concluded(_ context.Context, c cases.Case, _ []transcript.Transcript) harness.Result {
	return harness.Result{Case: c.ID, Outcome: harness.Pass}
}

// Each case has one result, whatever it loads the client with.
func TestOneShotPlaysAll(t *testing.T) {
	var list []cases.Case
	for load, id := range map[cases.Load]cases.ID{cases.Light: "1", cases.Idle: "2", cases.Heavy: "3", cases.Alone: "4"} {
		list = append(list, cases.Case{ID: id, Load: load, Conns: []cases.Conn{{}}, Want: cases.Clauses{}})
	}
	for _, parallel := range []int{1, 3} {
		var got []cases.ID
		_, err := TestOneShot(t.Context(), visitor{}, Driver{Command: []string{"true"}}, list, Options{AnyPeer: true, Parallel: parallel}, func(r harness.Result) {
			got = append(got, r.Case)
		})
		slices.Sort(got)
		if err != nil || !slices.Equal(got, []cases.ID{"1", "2", "3", "4"}) {
			t.Errorf("%d at once: got %v, %v", parallel, got, err)
		}
	}
}
