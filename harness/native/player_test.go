package native

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsconform/wsconform/cases"
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
		{"bad text noticed at the end", "6.4.1", cases.Client, false, atTheEnd, "NON-STRICT", "WRONG CODE", firstPause + time.Second},
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
func playAgainst(t *testing.T, c cases.Case, role cases.Role, faithful bool, script peerScript) cases.Transcript {
	t.Helper()
	ours, theirs := net.Pipe()
	peer := &wirePeer{nc: theirs, masked: role == cases.Client}
	done := make(chan struct{})
	go func() {
		defer close(done)
		peer.serve(script)
	}()
	tr, err := play(t.Context(), conn{Conn: ours}, c, role, faithful, NewStreams(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	<-done
	return tr
}

func find(t *testing.T, id cases.ID) cases.Case {
	t.Helper()
	c, ok := cases.Find(id)
	if !ok {
		t.Fatalf("no case %s", id)
	}
	return c
}
