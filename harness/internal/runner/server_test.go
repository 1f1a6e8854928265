package runner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/transcript"
)

// A fakeServer cannot be reached if err is set, and else does not answer.
type fakeServer struct{ err error }

func (fakeServer) String() string                  { return "nowhere" }
func (fakeServer) Move(*url.URL)                   {}
func (fakeServer) Expect([]cases.Case)             {}
func (fakeServer) Finished(cases.Case)             {}
func (fakeServer) Concurrent(context.Context) bool { return true }

func (fakeServer) Parts(list []cases.Case) [][]cases.Case { return [][]cases.Case{list} }

func (fakeServer) Play(context.Context, []cases.Case, How, func(harness.Result)) error { return nil }

func (f fakeServer) Echo(context.Context) (bool, transcript.Transcript, error) {
	return false, transcript.Transcript{OpenTimeout: f.err == nil}, f.err
}

func (f fakeServer) Diagnose(context.Context) (*Diagnosis, error) {
	return &Diagnosis{Text: "it takes connections and answers nothing"}, f.err
}

func find(t *testing.T, id cases.ID) cases.Case {
	t.Helper()
	c, ok := catalogue.Find(id)
	if !ok {
		t.Fatalf("no case %s", id)
	}
	return c
}

// What chance may have decided is told at once.
func TestProvisional(t *testing.T) {
	var told, final []harness.Result
	s := &serverRun{server: fakeServer{}, run: run{
		shared:  fakeServer{},
		options: Options{Provisional: func(r harness.Result) { told = append(told, r) }},
		emit:    func(r harness.Result) { final = append(final, r) },
	}}
	struck := []transcript.Entry{{Kind: transcript.LogNote, Timer: transcript.KillFired}}
	failed := cases.Verdict{Behavior: cases.Failed, Close: cases.CloseFailed}
	for id, tr := range map[cases.ID]transcript.Transcript{
		"1.1.1": {Opened: true, Log: struck}, // a timer, beside other cases
		"1.1.2": {OpenTimeout: true},         // the server may be gone
	} {
		s.take(find(t, id), harness.Result{Case: id, Outcome: harness.Fail, Verdict: failed, Transcript: &tr}, true)
	}
	if len(told) != 2 || len(final) != 0 {
		t.Fatalf("got %d provisional results and %d final ones, want 2 and 0", len(told), len(final))
	}
	for _, r := range told {
		if r.Note == "" || r.Attempts > 1 {
			t.Errorf("case %s: got note %q and %d attempts, want a note and one", r.Case, r.Note, r.Attempts)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.endHang()
	s.repeat(ctx)
	if len(final) != 2 {
		t.Fatalf("got %d results in the end, want 2", len(final))
	}
	for _, r := range final {
		if r.Note != "" || r.Attempts > 1 {
			t.Errorf("case %s, which was not played again: got note %q and %d attempts, want neither", r.Case, r.Note, r.Attempts)
		}
	}
}

// A server that refuses connections, or that we stop asking, is not one that takes them and
// answers nothing.
func TestNotSilent(t *testing.T) {
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		name string
		ctx  context.Context
		err  error
	}{{"a closed port", t.Context(), errors.New("connection refused")}, {"an interrupt", interrupted, context.Canceled}} {
		s := &serverRun{server: fakeServer{err: test.err}, run: run{emit: func(harness.Result) {}}}
		s.confirmHang(test.ctx)
		if s.gone || s.report.Silent {
			t.Errorf("%s: got gone %t, silent %t, want neither", test.name, s.gone, s.report.Silent)
		}
	}
}

// A server that refuses what a case has changed in the handshake is not short of room.
func TestRefused(t *testing.T) {
	standard, edited := []cases.Conn{{}}, []cases.Conn{{}, {Head: cases.Head{{}}}}
	dropped, answered := transcript.Transcript{}, transcript.Transcript{Response: "HTTP/1.1 503 Busy\r\n\r\n"}
	accepted := transcript.Transcript{Response: "HTTP/1.1 101 Switching Protocols\r\n\r\n"}
	for _, test := range []struct {
		name    string
		conns   []cases.Conn
		outcome harness.Outcome
		t       *transcript.Transcript
		want    bool
	}{
		{"an HTTP error", standard, harness.Fail, &answered, true},
		{"the end of TCP", standard, harness.Fail, &dropped, true},
		{"no descriptor on our side", standard, harness.HarnessError, nil, true},
		{"an answer that is wrong", standard, harness.Fail, &accepted, false},
		{"an error that is right", standard, harness.Pass, &answered, false},
		{"a handshake that asks for it", edited, harness.Fail, &answered, false},
		{"no answer", standard, harness.Fail, &transcript.Transcript{OpenTimeout: true}, false},
	} {
		if got := refused(cases.Case{Conns: test.conns}, harness.Result{Outcome: test.outcome, Transcript: test.t}); got != test.want {
			t.Errorf("%s: got %t, want %t", test.name, got, test.want)
		}
	}
}

// A soloist notes how many cases are under way.
type soloist struct {
	fakeServer
	mu      sync.Mutex // guards the rest
	playing int
	with    map[cases.ID]int // the most cases at once while this one was played
}

func (s *soloist) Parts(list []cases.Case) [][]cases.Case {
	return slices.Collect(slices.Chunk(list, 1))
}

func (s *soloist) Play(_ context.Context, part []cases.Case, _ How, emit func(harness.Result)) error {
	c := part[0]
	s.mu.Lock()
	s.playing++
	s.with[c.ID] = max(s.with[c.ID], s.playing)
	s.mu.Unlock()
	time.Sleep(time.Millisecond) // of the bubble's time
	s.mu.Lock()
	defer s.mu.Unlock()
	s.playing--
	emit(harness.Result{Case: c.ID, Outcome: harness.Pass})
	return nil
}

// A case that asks to be alone has nothing beside it.
func TestAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var list []cases.Case
		for i := range 20 {
			list = append(list, cases.Case{ID: cases.ID(fmt.Sprintf("x.%d", i)), Load: []cases.Load{cases.Light, cases.Idle, cases.Alone}[i%3], Conns: []cases.Conn{{}}})
		}
		server := &soloist{with: map[cases.ID]int{}}
		s := &serverRun{server: server, run: run{shared: server, emit: func(harness.Result) {}}, report: Report{Parallel: lightParallel}}
		s.playAll(t.Context(), list)
		crowded := false
		for _, c := range list {
			n := server.with[c.ID]
			if c.Load == cases.Alone && n != 1 {
				t.Errorf("case %s: %d cases at once, want 1", c.ID, n)
			}
			crowded = crowded || n > 1
		}
		if !crowded {
			t.Error("no two cases were played at once")
		}
	})
}

// A run that plays one case at a time plays doubtful ones again one at a time too.
func TestRetriesOneAtATime(t *testing.T) {
	for _, parallel := range []int{1, lightParallel} {
		synctest.Test(t, func(t *testing.T) {
			server := &soloist{with: map[cases.ID]int{}}
			s := &serverRun{server: server, run: run{shared: server, emit: func(harness.Result) {}}, report: Report{Parallel: parallel}}
			for _, id := range []cases.ID{"6.4.1", "6.4.2", "6.4.3", "6.4.4"} {
				s.retries = append(s.retries, newRetry(find(t, id), harness.Result{Case: id, Transcript: &transcript.Transcript{}}, timed))
			}
			s.repeat(t.Context())
			most := slices.Max(slices.Collect(maps.Values(server.with)))
			if want := min(parallel, repeatParallel); len(server.with) != 4 || most != want {
				t.Errorf("a run of %d at once: %d cases were played again, at most %d at once; want 4 and %d", parallel, len(server.with), most, want)
			}
		})
	}
}

// A talker sends something else in place of our echo, and does echo other messages.
type talker struct {
	fakeServer
	diagnosis error
}

func (talker) Echo(context.Context) (bool, transcript.Transcript, error) {
	return false, transcript.Transcript{Opened: true}, nil
}

func (s talker) Diagnose(context.Context) (*Diagnosis, error) {
	return &Diagnosis{Echoes: true}, s.diagnosis
}

// What the diagnosis says of an echo counts, unless it came to no end.
func TestEchoOfTheDiagnosis(t *testing.T) {
	for _, test := range []struct {
		err  error
		want bool
	}{{nil, true}, {errors.New("cut off"), false}} {
		s := &serverRun{server: talker{diagnosis: test.err}}
		if got, _ := s.echoesStill(t.Context()); got != test.want {
			t.Errorf("with the error %v: got %t, want %t", test.err, got, test.want)
		}
	}
}

// TestTrouble says what is wrong with a server as a whole.
func TestTrouble(t *testing.T) {
	for _, test := range []struct {
		name   string
		report Report
		want   harness.Cause // "" for none
		words  string
	}{
		{"echoes before and after", Report{Echoed: true, Survived: true}, "", ""},
		{"never echoed", Report{}, "", ""},
		{"echoes no more", Report{Echoed: true}, harness.CauseCrash, "does not any more"},
		{"gone", Report{Echoed: true, Survived: true, Gone: "1.1.2"}, harness.CauseCrash, "gone after case 1.1.2"},
		{"silent from the start", Report{Silent: true}, harness.CauseHang, "answers no opening handshake"},
		{"silent later", Report{Silent: true, Gone: "1.1.3"}, harness.CauseHang, "since case 1.1.3"},
	} {
		err := test.report.Trouble()
		untestable, ok := errors.AsType[*harness.UntestableError](err)
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: got %v, want nothing", test.name, err)
		case test.want != "" && (!ok || untestable.Cause != test.want || !strings.Contains(err.Error(), test.words)):
			t.Errorf("%s: got %v, want cause %q and %q", test.name, err, test.want, test.words)
		}
	}
}

// A busy server refuses so many plays.
type busy struct {
	fakeServer
	refusals int
}

func (s *busy) Play(_ context.Context, part []cases.Case, _ How, emit func(harness.Result)) error {
	r := harness.Result{Case: part[0].ID, Outcome: harness.Pass, Transcript: &transcript.Transcript{Opened: true}}
	if s.refusals > 0 {
		s.refusals--
		r.Outcome, r.Transcript = harness.Fail, &transcript.Transcript{Response: "HTTP/1.1 503 Busy\r\n\r\n"}
	}
	emit(r)
	return nil
}

// A server that takes a connection when there is no other gets one at a time from then on; one
// that takes it beside others does not.
func TestOneSlot(t *testing.T) {
	for refusals, want := range map[int]bool{0: false, 1: false, 2: true, 15: true} {
		synctest.Test(t, func(t *testing.T) {
			s := &serverRun{server: &busy{refusals: refusals}, report: Report{Echoed: true}}
			r := s.playAgain(t.Context(), find(t, "1.1.1"), harness.Result{Case: "1.1.1", Outcome: harness.Fail})
			if r.Outcome != harness.Pass || s.serial.Load() != want {
				t.Errorf("after %d more refusals: got %s, one at a time %t; want a pass, %t", refusals, r.Outcome, s.serial.Load(), want)
			}
		})
	}
}

// A server that refuses what a case offers is not asked again in the next one, and one that never
// echoed not at all.
func TestKnownRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many = 1000
		server := &busy{refusals: many}
		s := &serverRun{server: server, report: Report{Echoed: true}}
		refused := harness.Result{Case: "1.1.1", Outcome: harness.Fail}
		for n, again := range []bool{true, false, false} {
			before := server.refusals
			r := s.playAgain(t.Context(), find(t, "1.1.1"), refused)
			if played := server.refusals < before; r.Outcome != harness.Fail || played != again {
				t.Errorf("time %d: got %s, played again %t, want %t", n+1, r.Outcome, played, again)
			}
		}
		server.refusals = many
		s = &serverRun{server: server}
		if s.playAgain(t.Context(), find(t, "1.1.1"), refused); server.refusals != many {
			t.Error("a server that never echoed is asked again")
		}
	})
}
