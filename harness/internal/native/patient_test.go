package native

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// TestPatient gives a peer that is slow to echo the time for it, where it must
// fail on what comes behind, byte by byte.
func TestPatient(t *testing.T) {
	for _, test := range []struct {
		name    string
		id      cases.ID
		delay   time.Duration // of the echo
		patient bool
		want    cases.Behavior
	}{
		{"a moment", "4.1.5", 20 * time.Millisecond, false, cases.NonStrict},
		{"a moment, given time", "4.1.5", 20 * time.Millisecond, true, cases.OK},
		{"longer than the time given", "4.1.5", 2 * runner.EchoPatience, true, cases.NonStrict},
		{"a moment, given time, all byte by byte", "3.4", 20 * time.Millisecond, true, cases.OK},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := find(t, test.id)
				played := c
				if test.patient {
					played = runner.Patient(c)
				}
				tr := playAgainst(t, played, cases.Server, false, echoesLate(test.delay))
				if v := c.Judge(tr); v.Behavior != test.want || v.Close != cases.CloseOK {
					t.Errorf("got %s / %s (%s; %s), want %s / OK", v.Behavior, v.Close, v.Reason, v.CloseReason, test.want)
				}
			})
		})
	}
}

// TestPatientBounded plays against a peer that closes while it has the time.
func TestPatientBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := find(t, "4.1.5")
		tr := playAgainst(t, runner.Patient(c), cases.Server, false, closesFirst)
		if v := c.Judge(tr); v.Close != cases.CloseWrongCode || tr.Duration != time.Second+runner.EchoPatience {
			t.Errorf("got close %s after %v, want %s after %v", v.Close, tr.Duration, cases.CloseWrongCode, time.Second+runner.EchoPatience)
		}
	})
}

// echoesLate echoes after a delay, and fails the connection at once on a frame
// that it may not get, even in that time.
func echoesLate(delay time.Duration) peerScript {
	failed := make(chan struct{})
	return func(p *wirePeer, f wsproto.Frame) bool {
		if f.RSV != 0 || f.Opcode > wsproto.OpBinary {
			close(failed)
			p.send(wsproto.OpClose, []byte{3, 0xea})
			return false
		}
		go func() {
			select {
			case <-failed:
			case <-time.After(delay):
				p.send(f.Opcode, f.Payload)
			}
		}()
		return true
	}
}
