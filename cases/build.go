package cases

import (
	"fmt"
	"slices"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// clean is the code the harness closes with when the peer did all it should.
const clean = wsproto.StatusNormalClosure

// Text returns a text frame that is a whole message, unless More says otherwise.
func Text(payload string) Frame { return Frame{Opcode: wsproto.OpText, Payload: Data([]byte(payload))} }

// Binary returns a binary frame, likewise.
func Binary(payload string) Frame {
	return Frame{Opcode: wsproto.OpBinary, Payload: Data([]byte(payload))}
}

// Cont returns the continuation frame that ends a message, unless More says otherwise.
func Cont(payload string) Frame {
	return Frame{Opcode: wsproto.OpContinuation, Payload: Data([]byte(payload))}
}

// Ping returns a ping frame.
func Ping(payload string) Frame { return Frame{Opcode: wsproto.OpPing, Payload: Data([]byte(payload))} }

// Pong returns a pong frame.
func Pong(payload string) Frame { return Frame{Opcode: wsproto.OpPong, Payload: Data([]byte(payload))} }

// Reserved returns a frame of an opcode that RFC 6455 leaves undefined.
func Reserved(op wsproto.Opcode, payload string) Frame {
	return Frame{Opcode: op, Payload: Data([]byte(payload))}
}

// More returns f without FIN: further fragments follow.
func (f Frame) More() Frame { f.NotFin = true; return f }

// WithRSV returns f with these reserved bits.
func (f Frame) WithRSV(bits uint8) Frame { f.RSV = bits; return f }

// Chopped returns f written n octets at a time.
func (f Frame) Chopped(n int) Frame { f.Chop = n; return f }

// Apart returns f as a TCP write of its own.
func (f Frame) Apart() Frame { f.Alone = true; return f }

// Echoes wants these events, then a clean closing handshake that we start.
func Echoes(events ...Event) Want {
	return Closes(clean).after(events...)
}

// Fails wants these events, then a peer that fails the connection: with this
// code, with none or by dropping TCP.
func Fails(code wsproto.StatusCode, events ...Event) Want {
	return Want{Codes: []wsproto.StatusCode{code}}.after(events...)
}

// Closes wants no event and a clean answer to our close, with one of these
// codes or none.
func Closes(codes ...wsproto.StatusCode) Want {
	return Want{ClosedByUs: true, Codes: codes, Clean: true}.after()
}

// Tolerate returns w with a NON-STRICT reading of the peer's events.
func (w Want) Tolerate(events ...Event) Want {
	w.Events = append(slices.Clone(w.Events), Reading{NonStrict, events})
	return w
}

// Under returns w with another rule.
func (w Want) Under(r Rule) Want { w.Rule = r; return w }

// after returns w with these events as its one reading.
func (w Want) after(events ...Event) Want {
	w.Events = []Reading{{OK, events}}
	return w
}

// numbered builds the cases of a group from a table, a row each, and gives them
// the ids group.1, group.2 and so on.
func numbered[Row any](group string, rows []Row, build func(Row) Case) []Case {
	list := make([]Case, len(rows))
	for i, row := range rows {
		list[i] = build(row)
		list[i].ID = ID(fmt.Sprintf("%s.%d", group, i+1))
	}
	return list
}

// rfc6455 names sections of RFC 6455.
func rfc6455(sections ...string) []string { return rfc("RFC 6455 ", sections) }

// rfc7692 names sections of RFC 7692.
func rfc7692(sections ...string) []string { return rfc("RFC 7692 ", sections) }

func rfc(prefix string, sections []string) []string {
	names := make([]string, len(sections))
	for i, s := range sections {
		names[i] = prefix + s
	}
	return names
}

// What most cases expect, in one wording.
const (
	expectEcho = "the message comes back with the same type and octets, and our close is answered"
	expectFail = "nothing comes back but the failure: a close frame with 1002, or the end of TCP"
)
