package wire_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/internal/wire"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// decode writes down what a decoder says, a line for each frame and offence. The
// bytes are handed over in pieces of so many, 0 for all at once.
func decode(f wire.Framing, data []byte, size int) string {
	var b strings.Builder
	d := wire.Decoder{Framing: f}
	var payload []byte
	invalid := -1
	offences := func(list []wire.Offence) {
		for _, o := range list {
			fmt.Fprintf(&b, "! %d:%d %s %s\n", o.From, o.To, o.Section, o.Words)
		}
	}
	feed := func(p []byte) {
		for {
			t, n := d.Next(p)
			p = p[n:]
			offences(t.Offences)
			switch t.Kind {
			case wire.NeedMore:
				return
			case wire.FrameBegin:
				payload, invalid = nil, -1
			case wire.FrameData:
				payload = append(payload, t.Data...)
				if t.InvalidAt >= 0 {
					invalid = t.InvalidAt
				}
			case wire.FrameEnd:
				fmt.Fprintf(&b, "%v %q fin=%t end=%t bad=%t invalid=%d\n", t.Header.Opcode, payload, t.Header.Fin, t.MessageEnd, t.BadText, invalid)
			}
		}
	}
	data = bytes.Clone(data)
	if size == 0 {
		feed(data)
	} else {
		for len(data) > 0 {
			n := min(size, len(data))
			feed(data[:n])
			data = data[n:]
		}
	}
	if left, ok := d.InFrame(); ok {
		fmt.Fprintf(&b, "cut, %d bytes missing\n", left)
	}
	if p := d.Partial(); len(p) > 0 {
		fmt.Fprintf(&b, "half a header, %x\n", p)
	}
	return b.String()
}

func TestDecoder(t *testing.T) {
	client := wire.Framing{Client: true}
	for _, row := range []struct {
		name, data string
		framing    wire.Framing
		want       string
	}{
		{"a message", "\x81\x02hi", wire.Framing{}, `text "hi" fin=true end=true bad=false invalid=-1`},
		{"a masked one", "\x81\x82\x01\x02\x03\x04ik", client, `text "hi" fin=true end=true bad=false invalid=-1`},
		{"no payload", "\x82\x00", wire.Framing{}, `binary "" fin=true end=true bad=false invalid=-1`},
		{"a ping inside a message", "\x01\x01a\x89\x00\x80\x01b", wire.Framing{}, `
text "a" fin=false end=false bad=false invalid=-1
ping "" fin=true end=false bad=false invalid=-1
continuation "b" fin=true end=true bad=false invalid=-1`},
		{"a code point across frames", "\x01\x01\xce\x80\x01\xba", wire.Framing{}, `
text "\xce" fin=false end=false bad=false invalid=-1
continuation "\xba" fin=true end=true bad=false invalid=-1`},
		{"text that is not UTF-8", "\x81\x03a\xffb", wire.Framing{}, `text "a\xffb" fin=true end=true bad=true invalid=1`},
		{"text that ends inside a code point", "\x81\x01\xce", wire.Framing{}, `text "\xce" fin=true end=true bad=true invalid=-1`},
		{"compressed text is not looked at", "\xc1\x01\xff", wire.Framing{Deflate: true}, `text "\xff" fin=true end=true bad=false invalid=-1`},
		{"two bytes of a header", "\xff\xff", wire.Framing{}, `
! 0:1 RFC 6455 5.2 reserved bits set without an extension that defines them
! 1:2 RFC 6455 5.1 a server's frame is masked
! 1:10 RFC 6455 5.5 the length field of a control frame is over 125
! 0:1 RFC 6455 5.2 a reserved control opcode is used
half a header, ffff`},
		{"a pong in the 16-bit form", "\x8a\x7e\x00\x01a", wire.Framing{}, `
! 1:4 RFC 6455 5.5 the length field of a control frame is over 125
! 1:4 RFC 6455 5.2 a payload length is not minimally encoded
pong "a" fin=true end=false bad=false invalid=-1`},
		{"a frame that is cut", "\x81\x05ab", wire.Framing{}, "cut, 3 bytes missing"},
		{"a client that does not mask", "\x81\x01a", client, `
! 1:2 RFC 6455 5.1 a client's frame is not masked
text "a" fin=true end=true bad=false invalid=-1`},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, size := range []int{0, 1, 2, 3} {
				if got := decode(row.framing, []byte(row.data), size); strings.TrimSpace(got) != strings.TrimSpace(row.want) {
					t.Errorf("%d bytes at a time: got\n%s\nwant\n%s", size, got, row.want)
				}
			}
		})
	}
}

// FuzzDecoder reads any bytes: how they are cut changes nothing.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte("\x81\x02hi\x89\x00\x01\x01\xce\x80\x01\xba"), uint8(1), false, false)
	f.Add([]byte("\xff\xff\x00\x00"), uint8(1), true, false)
	f.Add(wsproto.AppendFrame(nil, wsproto.Frame{Header: wsproto.Header{Opcode: wsproto.OpText, RSV: wsproto.RSV1, Form: wsproto.Form64}, Payload: []byte("x")}), uint8(3), false, true)
	f.Add([]byte("\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff\x00"), uint8(5), false, false)
	f.Fuzz(func(t *testing.T, data []byte, size uint8, client, deflate bool) {
		framing := wire.Framing{Client: client, Deflate: deflate}
		whole, pieces := decode(framing, data, 0), decode(framing, data, int(size)+1)
		// Text is judged as it comes, so where the bad byte is depends on nothing, but
		// a header that is cut shows its first two bytes first.
		if whole != pieces {
			t.Errorf("in one piece\n%s\nin pieces of %d\n%s", whole, int(size)+1, pieces)
		}
	})
}

func TestInflater(t *testing.T) {
	hello := []byte{0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00} // RFC 7692 §7.2.3.1
	again := []byte{0xf2, 0x00, 0x11, 0x00, 0x00}             // §7.2.3.2
	z := wire.Inflater{Bits: 15}
	for _, data := range [][]byte{hello, again} {
		if got, err := z.Message(nil, data, 100); err != nil || string(got) != "Hello" {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if _, err := (&wire.Inflater{Bits: 15}).Message(nil, hello, 3); err == nil {
		t.Error("a message beyond the limit is no error")
	}
	fresh := wire.Inflater{Bits: 15, NoTakeover: true}
	if _, err := fresh.Message(nil, hello, 100); err != nil {
		t.Fatal(err)
	}
	if got, err := fresh.Message(nil, again, 100); err == nil && string(got) == "Hello" {
		t.Error("without takeover the second message still reached back into the first")
	}
}
