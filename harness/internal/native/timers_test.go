package native

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// closesLate answers a close frame after a delay, and ends TCP after another.
func closesLate(answer, end time.Duration) peerScript {
	return func(p *wirePeer, f wsproto.Frame) bool {
		if f.Opcode != wsproto.OpClose {
			return echoes(p, f)
		}
		time.Sleep(answer)
		p.send(wsproto.OpClose, f.Payload)
		time.Sleep(end)
		return false
	}
}

// A peer has a second to close in Autobahn's cases, and five in those of the RFC suite.
func TestTimeToClose(t *testing.T) {
	autobahn := find(t, "2.1")
	ours := scripted(cases.Ping("x"))
	const noTime = 0
	for _, test := range []struct {
		name        string
		c           cases.Case
		answer, end time.Duration
		clean       bool
		took        time.Duration
	}{
		{"an answer in time", autobahn, 900 * time.Millisecond, noTime, true, 900 * time.Millisecond},
		{"an answer that is late for Autobahn", autobahn, 4900 * time.Millisecond, noTime, false, time.Second},
		{"the same in our case", ours, 4900 * time.Millisecond, noTime, true, 4900 * time.Millisecond},
		{"an answer that is late for us", ours, 5100 * time.Millisecond, noTime, false, 5 * time.Second},
		{"an end of TCP that is late for Autobahn", autobahn, noTime, 4900 * time.Millisecond, false, time.Second},
		{"the same end in our case", ours, noTime, 4900 * time.Millisecond, true, 4900 * time.Millisecond},
		{"an end of TCP that is late for us", ours, noTime, 5100 * time.Millisecond, false, 5 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := playAgainst(t, test.c, cases.Server, false, closesLate(test.answer, test.end))
				if tr.Clean != test.clean || tr.Duration != test.took {
					t.Errorf("clean %t after %v, want %t after %v (%s)", tr.Clean, tr.Duration, test.clean, test.took, tr.UncleanReason)
				}
			})
		})
	}
}

// C.1.1 gives a server thirty seconds for its echoes and its close frame.
func TestTimeForABacklog(t *testing.T) {
	for _, test := range []struct {
		name  string
		delay time.Duration
		want  cases.Behavior
	}{
		{"at once", 0, cases.OK},
		{"in time", 29 * time.Second, cases.OK},
		{"too late", 31 * time.Second, cases.Failed},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := find(t, "C.1.1")
				tr := playAgainst(t, c, cases.Server, false, closesLate(test.delay, 0))
				if v := c.Judge(tr); v.Behavior != test.want {
					t.Errorf("got %s (%s) after %v, want %s", v.Behavior, v.Reason, tr.Duration, test.want)
				}
			})
		})
	}
}

// A transcript says that a wait ended by its time where that may be the machine's
// fault: in the RFC suite. Autobahn's cases have waits that are meant to end so.
func TestExpired(t *testing.T) {
	wait := cases.Await{For: 2 * time.Second, Until: []transcript.EventKind{transcript.GotPong}}
	late := func(delay time.Duration) peerScript {
		return func(p *wirePeer, f wsproto.Frame) bool {
			if f.Opcode == wsproto.OpPing {
				time.Sleep(delay)
			}
			return echoes(p, f)
		}
	}
	autobahn := scripted(cases.Ping("x"), wait)
	autobahn.Suite = cases.Autobahn
	for _, test := range []struct {
		name string
		c    cases.Case
		peer peerScript
		want bool
	}{
		{"what was waited for came", scripted(cases.Ping("x"), wait), late(1900 * time.Millisecond), false},
		{"it came too late", scripted(cases.Ping("x"), wait), late(2100 * time.Millisecond), true},
		{"too late in a case of Autobahn", autobahn, late(2100 * time.Millisecond), false},
		{"the end of TCP came", scripted(cases.Ping("x"), wait), func(*wirePeer, wsproto.Frame) bool { return false }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if tr := playAgainst(t, test.c, cases.Server, false, test.peer); tr.Expired != test.want {
					t.Errorf("expired %t after %v, want %t", tr.Expired, tr.Duration, test.want)
				}
			})
		})
	}
}
