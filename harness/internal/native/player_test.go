package native

import (
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/autobahn"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A peerScript is a peer on an in-memory connection: what it does with each
// whole frame. It returns false to end TCP.
type peerScript func(p *wirePeer, f wsproto.Frame) bool

// wirePeer is the end of the connection that the tests play.
type wirePeer struct {
	nc     net.Conn
	masked bool // its frames, as a client's are
}

func (p *wirePeer) send(op wsproto.Opcode, payload []byte) {
	h := wsproto.Header{Fin: true, Opcode: op, Masked: p.masked, MaskKey: [4]byte{1, 2, 3, 4}}
	p.nc.Write(wsproto.AppendFrame(nil, wsproto.Frame{Header: h, Payload: payload}))
}

// serve reads frames up to the end of TCP.
func (p *wirePeer) serve(script peerScript) {
	defer p.nc.Close()
	var data []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := p.nc.Read(buf)
		data = append(data, buf[:n]...)
		for {
			h, size, _ := wsproto.ParseHeader(data)
			if size == 0 || uint64(len(data)-size) < h.Length {
				break
			}
			payload := append([]byte(nil), data[size:size+int(h.Length)]...)
			data = data[size+int(h.Length):]
			if h.Masked {
				wsproto.Mask(h.MaskKey, 0, payload)
			}
			if !script(p, wsproto.Frame{Header: h, Payload: payload}) {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// The peers. Each is the conformant one but for what its name says.

func echoes(p *wirePeer, f wsproto.Frame) bool {
	switch f.Opcode {
	case wsproto.OpClose:
		p.send(wsproto.OpClose, f.Payload)
		return p.masked // a server ends TCP, a client waits for that
	case wsproto.OpPing:
		p.send(wsproto.OpPong, f.Payload)
	case wsproto.OpText, wsproto.OpBinary:
		p.send(f.Opcode, f.Payload)
	}
	return true
}

func silent(*wirePeer, wsproto.Frame) bool { return true }

func keepsTCP(p *wirePeer, f wsproto.Frame) bool {
	echoes(p, f)
	return true
}

func dropsOnClose(p *wirePeer, f wsproto.Frame) bool {
	return f.Opcode != wsproto.OpClose && echoes(p, f)
}

func ignoresClose(p *wirePeer, f wsproto.Frame) bool {
	return f.Opcode == wsproto.OpClose || echoes(p, f)
}

func closesFirst(p *wirePeer, f wsproto.Frame) bool {
	if f.Opcode != wsproto.OpClose {
		p.send(wsproto.OpClose, []byte{3, 0xe8})
	}
	return true
}

func failsAll(p *wirePeer, f wsproto.Frame) bool {
	if f.Opcode != wsproto.OpClose {
		p.send(wsproto.OpClose, []byte{3, 0xea})
	}
	return f.Opcode != wsproto.OpClose
}

func pongsTwice(p *wirePeer, f wsproto.Frame) bool {
	if f.Opcode == wsproto.OpPing {
		p.send(wsproto.OpPong, f.Payload)
	}
	return echoes(p, f)
}

func answersWithCode(code wsproto.StatusCode) peerScript {
	return func(p *wirePeer, f wsproto.Frame) bool {
		if f.Opcode == wsproto.OpClose {
			p.send(wsproto.OpClose, []byte{byte(code >> 8), byte(code)})
			return false
		}
		return echoes(p, f)
	}
}

func answersWithBadReason(p *wirePeer, f wsproto.Frame) bool {
	if f.Opcode == wsproto.OpClose {
		p.send(wsproto.OpClose, []byte{3, 0xe8, 0xff, 0xfe})
		return true
	}
	return echoes(p, f)
}

func echoesUnmaskedAsServerMasked(p *wirePeer, f wsproto.Frame) bool {
	p.masked = !p.masked
	defer func() { p.masked = !p.masked }()
	return echoes(p, f)
}

// late fails the connection after a while, as one that looks at text only when
// the message is complete.
func atTheEnd(p *wirePeer, f wsproto.Frame) bool {
	return f.Opcode == wsproto.OpText && !f.Fin || f.Opcode == wsproto.OpContinuation && !f.Fin || failsAll(p, f)
}

func TestPlayer(t *testing.T) {
	for _, test := range []struct {
		name     string
		id       cases.ID
		role     cases.Role
		faithful bool
		peer     peerScript
		behavior cases.Behavior
		close    cases.CloseBehavior
		took     time.Duration
	}{
		{"good server", "1.1.2", cases.Server, false, echoes, "OK", "OK", 0},
		{"good client", "1.1.2", cases.Client, false, echoes, "OK", "OK", 0},
		{"silent server", "1.1.2", cases.Server, false, silent, "FAILED", "UNCLEAN", 2 * time.Second},
		{"silent client", "1.1.2", cases.Client, false, silent, "FAILED", "UNCLEAN", 2 * time.Second},
		{"server keeps TCP, kill first (T1)", "1.1.2", cases.Server, false, keepsTCP, "OK", "FAILED BY CLIENT", time.Second},
		{"server keeps TCP, drop timer first (T1)", "1.1.6", cases.Server, false, keepsTCP, "OK", "UNCLEAN", time.Second},
		{"server keeps TCP, no kill", "2.1", cases.Server, false, keepsTCP, "OK", "UNCLEAN", time.Second},
		{"client may keep TCP", "2.1", cases.Client, false, keepsTCP, "OK", "OK", 0},
		{"server drops instead of answering", "1.1.2", cases.Server, false, dropsOnClose, "OK", "UNCLEAN", 0},
		{"client drops instead of answering", "1.1.2", cases.Client, false, dropsOnClose, "OK", "UNCLEAN", 0},
		{"no answer to the close", "2.1", cases.Server, false, ignoresClose, "OK", "UNCLEAN", time.Second},
		{"server closes first (Q1)", "2.1", cases.Server, false, closesFirst, "FAILED", "FAILED", 0},
		{"server closes first, faithful (Q1)", "2.1", cases.Server, true, closesFirst, "FAILED", "FAILED", time.Second},
		{"client closes first", "2.1", cases.Client, false, closesFirst, "FAILED", "FAILED", 0},
		{"server fails a bad frame and ends TCP", "4.1.1", cases.Server, false, failsAll, "OK", "OK", 0},
		{"client fails a bad frame", "4.1.1", cases.Client, false, failsAll, "OK", "OK", 0},
		{"bad frame ignored", "4.1.1", cases.Server, false, silent, "OK", "FAILED", 2 * time.Second},
		{"two pongs for one ping (Q6)", "2.1", cases.Client, false, pongsTwice, "FAILED", "OK", 0},
		{"two pongs for one ping before more is wanted", "2.10", cases.Client, false, pongsTwice, "FAILED", "OK", 3 * time.Second},
		{"wrong code in the answer", "1.1.2", cases.Client, false, answersWithCode(1001), "OK", "WRONG CODE", 0},
		{"wrong code where it counts", "7.7.1", cases.Client, false, answersWithCode(1001), "FAILED", "WRONG CODE", 0},
		{"invalid code in the answer", "1.1.2", cases.Client, false, answersWithCode(1005), "OK", "UNCLEAN", 0},
		{"registered since, invalid here (Q11)", "1.1.2", cases.Client, false, answersWithCode(1012), "OK", "UNCLEAN", 0},
		{"bad reason in the answer", "1.1.2", cases.Client, false, answersWithBadReason, "OK", "UNCLEAN", 0},
		{"client does not mask", "1.1.2", cases.Client, false, echoesUnmaskedAsServerMasked, "FAILED", "UNCLEAN", 0},
		{"observed whatever happens", "7.13.1", cases.Client, false, silent, "INFORMATIONAL", "INFORMATIONAL", time.Second},
		{"pong shortens the wait of 5.19", "5.19", cases.Client, false, fragments(), "OK", "OK", 0},
		{"5.19, faithful", "5.19", cases.Client, true, fragments(), "OK", "OK", time.Second},
		{"bad text noticed at the end", "6.4.1", cases.Client, false, atTheEnd, "NON-STRICT", "WRONG CODE", runner.ShortPause + time.Second},
		{"bad text noticed at the end, faithful", "6.4.1", cases.Client, true, atTheEnd, "NON-STRICT", "WRONG CODE", 2 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := find(t, test.id)
				tr := playAgainst(t, c, test.role, test.faithful, test.peer)
				v := c.Judge(tr)
				if v.Behavior != test.behavior || v.Close != test.close {
					t.Errorf("got %s / %s (%s; %s), want %s / %s", v.Behavior, v.Close, v.Reason, v.CloseReason, test.behavior, test.close)
				}
				if tr.Duration != test.took {
					t.Errorf("took %v, want %v", tr.Duration, test.took)
				}
			})
		})
	}
}

// A message is for an open connection alone; a frame goes out behind our close frame too.
func TestMessageAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := find(t, "7.1.4")
		c.Conns = slices.Clone(c.Conns)
		c.Conns[0].Steps = []cases.Step{
			cases.Close{Code: 1000},
			cases.Message{Opcode: wsproto.OpText, Payload: cases.Data([]byte("message"))},
			cases.Text("frame"),
			cases.KillAfter{After: time.Second},
		}
		var got []string
		playAgainst(t, c, cases.Client, false, func(p *wirePeer, f wsproto.Frame) bool {
			if f.Opcode == wsproto.OpText {
				got = append(got, string(f.Payload))
			}
			return f.Opcode == wsproto.OpClose || echoes(p, f)
		})
		if want := []string{"frame"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// writes answers frames of an opcode with these bytes, as they are.
func writes(op wsproto.Opcode, octets string, then peerScript) peerScript {
	return func(p *wirePeer, f wsproto.Frame) bool {
		if f.Opcode == op {
			p.nc.Write([]byte(octets))
		}
		return then(p, f)
	}
}

// pongsIn answers pings with pongs whose length is in this form.
func pongsIn(form wsproto.LengthForm) peerScript {
	return func(p *wirePeer, f wsproto.Frame) bool {
		if f.Opcode != wsproto.OpPing {
			return echoes(p, f)
		}
		h := wsproto.Header{Fin: true, Opcode: wsproto.OpPong, Form: form, Masked: p.masked}
		p.nc.Write(wsproto.AppendFrame(nil, wsproto.Frame{Header: h, Payload: f.Payload}))
		return true
	}
}

// closesIn answers close frames so.
func closesIn(form wsproto.LengthForm) peerScript {
	return func(p *wirePeer, f wsproto.Frame) bool {
		if f.Opcode != wsproto.OpClose {
			return echoes(p, f)
		}
		h := wsproto.Header{Fin: true, Opcode: wsproto.OpClose, Form: form, Masked: p.masked}
		p.nc.Write(wsproto.AppendFrame(nil, wsproto.Frame{Header: h, Payload: f.Payload}))
		return p.masked
	}
}

// saysAfterClose sends bytes behind its close frame, in the same write.
func saysAfterClose(octets string) peerScript {
	return func(p *wirePeer, f wsproto.Frame) bool {
		if f.Opcode != wsproto.OpClose {
			return echoes(p, f)
		}
		p.nc.Write([]byte("\x88\x02\x03\xe8" + octets))
		return false
	}
}

// TestPlayerJudgesLateOctets plays peers whose illegal bytes come where little
// is looked at any more.
func TestPlayerJudgesLateOctets(t *testing.T) {
	const eight = "\xff\xff\xff\xff\xff\xff\xff\xff"
	for _, test := range []struct {
		name     string
		id       cases.ID
		role     cases.Role
		peer     peerScript
		behavior cases.Behavior
		close    cases.CloseBehavior
	}{
		{"pong with a length in 16 bits", "2.2", cases.Server, pongsIn(wsproto.Form16), "FAILED", "UNCLEAN"},
		{"pong with a length in 64 bits", "2.2", cases.Client, pongsIn(wsproto.Form64), "FAILED", "UNCLEAN"},
		{"pong of 126 bytes", "2.2", cases.Server, writes(wsproto.OpPing, "\x8a\x7e\x00\x7e"+strings.Repeat("x", 126), silent), "FAILED", "UNCLEAN"},
		{"close with a length in 16 bits", "2.2", cases.Server, closesIn(wsproto.Form16), "OK", "UNCLEAN"},
		{"close with a length in 64 bits", "2.2", cases.Client, closesIn(wsproto.Form64), "OK", "UNCLEAN"},
		{"half a header, then the end", "2.5", cases.Server, writes(wsproto.OpPing, "\xff\xff", failsAll), "OK", "FAILED"},
		{"half a header, then the failure", "3.1", cases.Client, writes(wsproto.OpText, "\x7f\x7f", failsAll), "OK", "FAILED"},
		{"garbage behind the close", "2.2", cases.Server, saysAfterClose(eight), "OK", "FAILED BY CLIENT"},
		{"garbage behind the close of a loop", "9.7.1", cases.Server, saysAfterClose(eight), "OK", "FAILED BY CLIENT"},
		{"message behind the close of a loop", "9.7.1", cases.Server, saysAfterClose("\x81\x04late"), "FAILED", "OK"},
		{"message of the right length behind it", "9.8.2", cases.Server, saysAfterClose("\x82\x10................"), "OK", "OK"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := find(t, test.id)
				tr := playAgainst(t, c, test.role, false, test.peer)
				if v := c.Judge(tr); v.Behavior != test.behavior || v.Close != test.close {
					t.Errorf("got %s / %s (%s; %s), want %s / %s", v.Behavior, v.Close, v.Reason, v.CloseReason, test.behavior, test.close)
				}
			})
		})
	}
}

// TestBriefPauses plays peers that fail bad text late. Short pauses give the
// verdict of long ones, or say that they may not.
func TestBriefPauses(t *testing.T) {
	fails := func(p *wirePeer) bool {
		p.send(wsproto.OpClose, []byte{3, 0xef})
		return false
	}
	after := func(frame int, wait time.Duration) peerScript { // fails so long after a frame
		n := 0
		return func(p *wirePeer, f wsproto.Frame) bool {
			if n++; n < frame || f.Opcode == wsproto.OpClose {
				return f.Opcode != wsproto.OpClose
			}
			time.Sleep(wait)
			return fails(p)
		}
	}
	for _, test := range []struct {
		name     string
		peer     peerScript
		behavior cases.Behavior
		hurried  bool
		took     time.Duration
	}{
		{"at once", after(2, 0), "OK", false, runner.BriefPause},
		{"perhaps at the good bytes", after(2, 200*time.Millisecond), "OK", true, runner.BriefPause + 200*time.Millisecond},
		{"at the good bytes, late", after(1, 300*time.Millisecond), "OK", true, 300 * time.Millisecond},
		{"at the good bytes, soon", after(1, 50*time.Millisecond), "FAILED", false, 50 * time.Millisecond},
		{"soon", after(2, 400*time.Millisecond), "OK", false, runner.BriefPause + 400*time.Millisecond},
		{"at the end of the message, at once", after(3, 10*time.Millisecond), "NON-STRICT", false, runner.BriefPause + runner.ShortPause + 10*time.Millisecond},
		{"at the end of the message, slowly", after(3, 100*time.Millisecond), "NON-STRICT", true, runner.BriefPause + runner.ShortPause + 100*time.Millisecond},
		{"too slow for the short pause", after(2, 700*time.Millisecond), "NON-STRICT", true, runner.BriefPause + 700*time.Millisecond},
		{"too slow for the limit", after(2, 1800*time.Millisecond), "FAILED", true, runner.BriefPause + 1800*time.Millisecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := find(t, "6.4.1")
				tr := playThus(t, c, cases.Server, manner{brief: true, streams: NewStreams(nil)}, test.peer)
				r := judged(c, tr)
				if r.Behavior != test.behavior || runner.Hurried(c, r) != test.hurried {
					t.Errorf("got %s, hurried %t; want %s, %t", r.Behavior, runner.Hurried(c, r), test.behavior, test.hurried)
				}
				if tr.Duration.Round(100*time.Millisecond) != test.took.Round(100*time.Millisecond) {
					t.Errorf("took %v, want %v", tr.Duration, test.took)
				}
			})
		})
	}
}

// Frames are counted one by one, also those of one message.
func TestPlayerCountsFragments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := cases.Case{
			ID: "fragments",
			Conns: []cases.Conn{{Steps: []cases.Step{
				cases.Message{Opcode: wsproto.OpText, Payload: cases.Repeat("*", 10), Fragment: 4},
				cases.KillAfter{After: time.Second},
			}}},
			Want: autobahn.Echoes(cases.GotText(cases.Repeat("*", 10))),
		}
		tr := playAgainst(t, c, cases.Server, false, fragments())
		if want := map[int]int{1: 1, 0: 2, 8: 1}; !maps.Equal(tr.Stats.TxFrames, want) {
			t.Errorf("got frames %v, want %v", tr.Stats.TxFrames, want)
		}
	})
}

// fragments puts a fragmented message together and echoes it.
func fragments() peerScript {
	var message []byte
	return func(p *wirePeer, f wsproto.Frame) bool {
		switch {
		case f.Opcode.Control():
			return echoes(p, f)
		case f.Opcode != wsproto.OpContinuation:
			message = nil
		}
		message = append(message, f.Payload...)
		if f.Fin {
			p.send(wsproto.OpText, message)
		}
		return true
	}
}

// playAgainst plays a case over an in-memory connection.
func playAgainst(t *testing.T, c cases.Case, role cases.Role, faithful bool, script peerScript) transcript.Transcript {
	t.Helper()
	return playThus(t, c, role, manner{faithful: faithful, streams: NewStreams(nil)}, script)
}

func playThus(t *testing.T, c cases.Case, role cases.Role, how manner, script peerScript) transcript.Transcript {
	t.Helper()
	ours, theirs := net.Pipe()
	peer := &wirePeer{nc: theirs, masked: role == cases.Client}
	done := make(chan struct{})
	go func() {
		defer close(done)
		peer.serve(script)
	}()
	tr, err := play(t.Context(), conn{Conn: ours}, c, 0, role, how)
	if err != nil {
		t.Fatal(err)
	}
	<-done
	return tr
}

func find(t *testing.T, id cases.ID) cases.Case {
	t.Helper()
	c, ok := catalogue.Find(id)
	if !ok {
		t.Fatalf("no case %s", id)
	}
	return c
}
