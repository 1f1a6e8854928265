package compliance_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// The matchers take a *wire, wait for what the peer does next, and use it up.

// EchoText is the next message being this text, in whatever fragments.
func EchoText(s string) types.GomegaMatcher {
	return echo(wsproto.OpText, []byte(s))
}

// EchoBinary is EchoText for binary messages.
func EchoBinary(p []byte) types.GomegaMatcher {
	return echo(wsproto.OpBinary, p)
}

func echo(op wsproto.Opcode, want []byte) types.GomegaMatcher {
	return &does{what: fmt.Sprintf("send the %s message %s of %d bytes", op, brief(want), len(want)), try: func(w *wire) error {
		got, rsv, p, err := w.message()
		switch {
		case err != nil:
			return err
		case rsv != 0:
			return errors.New("the message was compressed")
		case got != op || !bytes.Equal(p, want):
			return fmt.Errorf("the %s message %s of %d bytes came", got, brief(p), len(p))
		}
		return nil
	}}
}

// ReceivePong is the next frame being a pong with this payload.
func ReceivePong(payload string) types.GomegaMatcher {
	return &does{what: fmt.Sprintf("send a pong with %s", brief([]byte(payload))), try: func(w *wire) error {
		f, err := w.next()
		if err == nil && (f.Opcode != wsproto.OpPong || string(f.Payload) != payload) {
			err = fmt.Errorf("this came: %s", describe(f))
		}
		return err
	}}
}

// ReceiveClose is the next frame being a close frame with this code; 1005 is an
// empty one. A reason is compared if it is given.
func ReceiveClose(code wsproto.StatusCode, reason ...string) types.GomegaMatcher {
	return &does{what: fmt.Sprintf("send a close frame with %v %q", code, reason), try: func(w *wire) error {
		return w.closeFrame(code, reason...)
	}}
}

func (w *wire) closeFrame(code wsproto.StatusCode, reason ...string) error {
	f, err := w.next()
	if err != nil {
		return err
	}
	if f.Opcode != wsproto.OpClose {
		return fmt.Errorf("this came: %s", describe(f))
	}
	got, said := wsproto.StatusNoStatusRcvd, ""
	if len(f.Payload) > 0 {
		if len(f.Payload) == 1 {
			return errors.New("its body is one byte")
		}
		got = wsproto.StatusCode(f.Payload[0])<<8 | wsproto.StatusCode(f.Payload[1])
		said = string(f.Payload[2:])
	}
	if got != code {
		return fmt.Errorf("its code is %v, with reason %q", got, said)
	}
	if len(reason) > 0 && said != reason[0] {
		return fmt.Errorf("its reason is %q", said)
	}
	return nil
}

// EndTCP is the end of TCP, with nothing before it. It is the server that ends
// TCP first (RFC 6455 §7.1.1), so if the peer is a client we end it before.
func EndTCP() types.GomegaMatcher {
	return &does{what: "end TCP", try: (*wire).endTCP}
}

func (w *wire) endTCP() error {
	if w.role == client {
		w.HangUp()
	}
	f, err := w.next()
	switch {
	case errors.Is(err, io.EOF):
		_ = w.nc.Close() // never fails
		return nil
	case err == nil:
		return fmt.Errorf("this came: %s", describe(f))
	}
	return err
}

// FailWith is how a peer fails the connection (RFC 6455 §7.1.7): with a close
// frame of this code, then the end of TCP.
func FailWith(code wsproto.StatusCode) types.GomegaMatcher {
	return &does{what: fmt.Sprintf("fail the connection with %v", code), try: func(w *wire) error {
		if err := w.closeFrame(code); err != nil {
			return err
		}
		return w.endTCP()
	}}
}

// Close is how a peer answers a close frame (§7.1.1): with one of the same code,
// then the end of TCP.
func Close(code wsproto.StatusCode) types.GomegaMatcher { return FailWith(code) }

// Live is the connection being open and quiet: the next thing to come is the
// answer to a ping.
func Live() types.GomegaMatcher {
	return &does{what: "answer a ping, and say nothing before", try: func(w *wire) error {
		w.Send(ping("still there?"))
		f, err := w.next()
		if err == nil && (f.Opcode != wsproto.OpPong || string(f.Payload) != "still there?") {
			err = fmt.Errorf("this came: %s", describe(f))
		}
		return err
	}}
}

// does is a matcher for what a peer does next.
type does struct {
	what string
	try  func(*wire) error
	err  error
}

func (m *does) Match(actual any) (bool, error) {
	w, ok := actual.(*wire)
	if !ok {
		return false, fmt.Errorf("%T is not a wire", actual)
	}
	m.err = m.try(w)
	return m.err == nil, nil
}

func (m *does) FailureMessage(actual any) string {
	w := actual.(*wire)
	return fmt.Sprintf("Expected the %s to %s, but: %v\n%s", w.role, m.what, m.err, w)
}

func (m *does) NegatedFailureMessage(actual any) string {
	w := actual.(*wire)
	return fmt.Sprintf("Expected the %s not to %s\n%s", w.role, m.what, w)
}

// refusedFor matches what a client's Dial says when a response breaks a rule; an empty
// section means that it breaks none.
func refusedFor(section string) types.GomegaMatcher {
	want := HaveSuffix("(RFC 6455 §" + section + ")")
	if section == "" {
		want = Not(Or(ContainSubstring("RFC 6455"), HavePrefix("no HandshakeError")))
	}
	return WithTransform(func(err error) string {
		var he *ws.HandshakeError
		if !errors.As(err, &he) {
			return fmt.Sprintf("no HandshakeError: %v", err)
		}
		return he.Reason
	}, want)
}
