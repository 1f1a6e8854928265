package native

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// TestProtocol plays against peers that break a rule or let a limit pass.
func TestProtocol(t *testing.T) {
	reserved := func(p *wirePeer, f wsproto.Frame) bool { // answers with a reserved opcode
		if f.Opcode == wsproto.OpText {
			p.send(3, nil)
			return true
		}
		return echoes(p, f)
	}
	for _, tc := range []struct {
		name     string
		protocol Protocol
		peer     peerScript
		id       cases.ID
		took     time.Duration
		check    func(tr transcript.Transcript) bool
	}{
		{"a fault, closed", Protocol{}, reserved, "1.1.1", 0, func(tr transcript.Transcript) bool { return tr.ClosedByUs && tr.FailedByUs }},
		{"a fault, dropped", Protocol{FailByDrop: true}, reserved, "1.1.1", 0, func(tr transcript.Transcript) bool {
			return !tr.ClosedByUs && tr.FailedByUs && tr.DroppedByUs && !tr.Clean
		}},
		{"close limit of 3 s", Protocol{CloseTimeout: 3 * time.Second, DropTimeout: 7 * time.Second}, silent, "1.1.6", 13 * time.Second, func(tr transcript.Transcript) bool { return tr.FailedByUs && tr.CloseTimeout }},
		{"close limit of 1 s", Protocol{}, silent, "1.1.6", 11 * time.Second, func(tr transcript.Transcript) bool { return tr.FailedByUs && tr.CloseTimeout }},
		{"drop limit of 3 s", Protocol{DropTimeout: 3 * time.Second}, keepsTCP, "1.1.6", 3 * time.Second, func(tr transcript.Transcript) bool { return tr.ServerDropExpiry && !tr.Clean }},
		{"no drop limit, so the limit of the case", Protocol{DropTimeout: -1}, keepsTCP, "1.1.6", 10 * time.Second, func(tr transcript.Transcript) bool { return !tr.ServerDropExpiry && tr.Clean }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := catalogue.Find(tc.id)
				ours, theirs := net.Pipe()
				go (&wirePeer{nc: theirs}).serve(tc.peer)
				start := time.Now()
				tr, err := play(t.Context(), conn{Conn: ours, protocol: tc.protocol}, c, 0, cases.Server, manner{streams: NewStreams(nil)})
				if err != nil {
					t.Fatal(err)
				}
				if !tc.check(tr) {
					t.Errorf("transcript: got %+v", tr)
				}
				if took := time.Since(start); tc.took > 0 && took != tc.took {
					t.Errorf("duration: got %v, want %v", took, tc.took)
				}
			})
		})
	}
}

// TestCloseInFullLog plays a loop that fills the log: both close frames are in it all
// the same, and no more of them than it has room for.
func TestCloseInFullLog(t *testing.T) {
	again := func(p *wirePeer, f wsproto.Frame) bool {
		if f.Opcode == wsproto.OpClose {
			for range 200 {
				p.send(wsproto.OpClose, f.Payload)
			}
		}
		return echoes(p, f)
	}
	for _, tc := range []struct {
		name string
		peer peerScript
		most int
	}{{"one answer", echoes, 2}, {"many answers", again, 2 * logBoundHeavy}} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := catalogue.Find("9.7.1")
				ours, theirs := net.Pipe()
				go (&wirePeer{nc: theirs}).serve(tc.peer)
				tr, err := play(t.Context(), conn{Conn: ours}, c, 0, cases.Server, manner{streams: NewStreams(nil)})
				if err != nil {
					t.Fatal(err)
				}
				closes := map[transcript.Direction]int{}
				for _, e := range tr.Log {
					if e.Kind == transcript.LogFrame && e.Opcode == wsproto.OpClose {
						closes[e.Dir]++
					}
				}
				if closes[transcript.Out] != 1 || closes[transcript.In] < 1 || closes[transcript.Out]+closes[transcript.In] > tc.most || len(tr.Log) > 2*logBoundHeavy {
					t.Errorf("close frames in a log of %d: got %v, want one each way and at most %d", len(tr.Log), closes, tc.most)
				}
			})
		})
	}
}
