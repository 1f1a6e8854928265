package native

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// echoesAs echoes every data message as change makes it.
func echoesAs(change func(op wsproto.Opcode, payload []byte) (wsproto.Opcode, []byte)) peerScript {
	var message []byte
	var kind wsproto.Opcode
	return func(p *wirePeer, f wsproto.Frame) bool {
		if f.Opcode.Control() {
			return echoes(p, f)
		}
		if f.Opcode != wsproto.OpContinuation {
			message, kind = nil, f.Opcode
		}
		message = append(message, f.Payload...)
		if f.Fin {
			p.send(change(kind, message))
		}
		return true
	}
}

func sum(p []byte) string { return fmt.Sprintf("%x", sha256.Sum256(p)) }

// How the peer ended a connection without a closing handshake is written down.
func TestUncleanReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := playAgainst(t, find(t, "1.1.2"), cases.Server, false, dropsOnClose)
		if want := "the peer ended TCP without a closing handshake"; tr.Clean || tr.UncleanReason != want {
			t.Errorf("got clean %t and %q, want %q", tr.Clean, tr.UncleanReason, want)
		}
	})
}

// A wrong echo is described by its length, where it differs and both hashes, however
// long it is and however the message was sent.
func TestWrongEcho(t *testing.T) {
	const size = 10 << 20
	long := bytes.Repeat([]byte("x"), size)
	flip := func(at int) func(wsproto.Opcode, []byte) (wsproto.Opcode, []byte) {
		return func(op wsproto.Opcode, p []byte) (wsproto.Opcode, []byte) {
			p = bytes.Clone(p)
			p[at] ^= 1
			return op, p
		}
	}
	type change = func(wsproto.Opcode, []byte) (wsproto.Opcode, []byte)
	for _, row := range []struct {
		name   string
		id     cases.ID
		change change
		want   string // "" if the echo is right
	}{
		{"right", "1.1.2", func(op wsproto.Opcode, p []byte) (wsproto.Opcode, []byte) { return op, p }, ""},
		{"right, in fragments", "5.3", func(op wsproto.Opcode, p []byte) (wsproto.Opcode, []byte) { return op, p }, ""},
		{"right, in one piece of many", "9.3.5", func(op wsproto.Opcode, p []byte) (wsproto.Opcode, []byte) { return op, p }, ""},
		{
			"10 MB", "1.1.2", func(op wsproto.Opcode, _ []byte) (wsproto.Opcode, []byte) { return op, long },
			fmt.Sprintf("text message of %d bytes instead of text message of 125 bytes: the first difference is at byte 0, sha256 %.16s instead of %.16s",
				size, sum(long), sum(bytes.Repeat([]byte("*"), 125))),
		},
		{
			"another byte", "1.1.2", flip(77),
			fmt.Sprintf("text message of 125 bytes instead of text message of 125 bytes: the first difference is at byte 77, sha256 %.16s instead of %.16s",
				sum([]byte(strings.Repeat("*", 77)+"+"+strings.Repeat("*", 47))), sum(bytes.Repeat([]byte("*"), 125))),
		},
		{
			"too short", "1.1.2", func(op wsproto.Opcode, p []byte) (wsproto.Opcode, []byte) { return op, p[:1] },
			fmt.Sprintf("text message of 1 byte instead of text message of 125 bytes: the first difference is at byte 1, sha256 %.16s instead of %.16s",
				sum([]byte("*")), sum(bytes.Repeat([]byte("*"), 125))),
		},
		{
			"too long", "1.1.2", func(op wsproto.Opcode, p []byte) (wsproto.Opcode, []byte) { return op, append(bytes.Clone(p), 'z') },
			"text message of 126 bytes instead of text message of 125 bytes: the first difference is at byte 125",
		},
		{
			"the other type", "1.1.2", func(_ wsproto.Opcode, p []byte) (wsproto.Opcode, []byte) { return wsproto.OpBinary, p },
			"binary message of 125 bytes instead of text message of 125 bytes: the bytes are the same",
		},
		{"in the second fragment", "5.3", flip(12), "text message of 18 bytes instead of text message of 18 bytes: the first difference is at byte 12"},
		{"far behind", "9.1.1", flip(65000), "text message of 65536 bytes instead of text message of 65536 bytes: the first difference is at byte 65000"},
		{"in pieces", "6.2.3", flip(3), "the first difference is at byte 3"},
		{
			"a loop", "9.7.2", func(op wsproto.Opcode, _ []byte) (wsproto.Opcode, []byte) { return op, []byte("***x") },
			"echo 1: text message of 4 bytes instead of text message of 16 bytes: the first difference is at byte 3",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := find(t, row.id)
				tr := playAgainst(t, c, cases.Server, false, echoesAs(row.change))
				got := harness.Result{Outcome: harness.Fail, Transcript: &tr}.Wrong()
				if row.want == "" && got != "" || !strings.Contains(got, row.want) {
					t.Errorf("got %q, want %q", got, row.want)
				}
			})
		})
	}
}
