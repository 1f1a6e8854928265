package wsproto_test

import (
	"errors"
	"testing"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// Each rule of CheckHeader alone: the length of a control frame counts whatever form it
// is written in.
func TestCheckHeader(t *testing.T) {
	text := wsproto.Header{Fin: true, Opcode: wsproto.OpText, Length: 3}
	for _, row := range []struct {
		name   string
		change func(*wsproto.Header)
		state  wsproto.State
		want   string // the section; "" if it is legal
	}{
		{"legal", func(*wsproto.Header) {}, wsproto.State{}, ""},
		{"a ping of 125 bytes", func(h *wsproto.Header) { h.Opcode, h.Length = wsproto.OpPing, 125 }, wsproto.State{}, ""},
		{"a ping of 126 bytes", func(h *wsproto.Header) { h.Opcode, h.Length = wsproto.OpPing, 126 }, wsproto.State{}, "5.5"},
		{"a ping with a wide length", func(h *wsproto.Header) { h.Opcode, h.Form = wsproto.OpPing, wsproto.Form16 }, wsproto.State{}, "5.5"},
		{"a ping in fragments", func(h *wsproto.Header) { h.Opcode, h.Fin = wsproto.OpPing, false }, wsproto.State{}, "5.5"},
		{"a ping inside a message", func(h *wsproto.Header) { h.Opcode = wsproto.OpPing }, wsproto.State{Open: true}, ""},
		{"text inside a message", func(*wsproto.Header) {}, wsproto.State{Open: true}, "5.4"},
		{"a continuation inside a message", func(h *wsproto.Header) { h.Opcode = wsproto.OpContinuation }, wsproto.State{Open: true}, ""},
		{"a continuation of nothing", func(h *wsproto.Header) { h.Opcode = wsproto.OpContinuation }, wsproto.State{}, "5.4"},
		{"a close frame of one byte", func(h *wsproto.Header) { h.Opcode, h.Length = wsproto.OpClose, 1 }, wsproto.State{}, "5.5.1"},
		{"unmasked to a server", func(*wsproto.Header) {}, wsproto.State{Server: true}, "5.1"},
		{"masked to a client", func(h *wsproto.Header) { h.Masked = true }, wsproto.State{}, "5.1"},
	} {
		h := text
		row.change(&h)
		err := wsproto.CheckHeader(h, row.state)
		bad, _ := errors.AsType[*wsproto.ProtocolError](err)
		if (err == nil) != (row.want == "") || bad != nil && bad.Section != row.want {
			t.Errorf("%s: got %v, want section %q", row.name, err, row.want)
		}
	}
}

// Parameters are written as they are read.
func TestDeflateParams(t *testing.T) {
	for _, p := range []wsproto.DeflateParams{
		{},
		{ServerNoContextTakeover: true, ClientNoContextTakeover: true},
		{ServerMaxWindowBits: 8},
		{ServerMaxWindowBits: 15, ClientMaxWindowBits: 9},
		{ClientMaxWindowBits: wsproto.AnyWindowBits},
	} {
		e := p.Extension()
		if got, err := wsproto.ParseDeflate(e); err != nil || got != p {
			t.Errorf("%+v is written as %+v, and read as %+v, %v", p, e, got, err)
		}
	}
}
