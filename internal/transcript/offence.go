package transcript

import (
	"github.com/wsconform/wsconform/internal/wire"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// Offences finds the bytes of a transcript that break a rule: those of the
// handshake first, then those of frames in the order of the log. In the
// handshake only the peer is looked at. Of frames the harness's own are, too:
// many cases break a rule on purpose, so the direction of the entry tells whose
// fault it is. Text in a compressed message is not looked at.
//
// It depends on the transcript alone, so stored runs of any engine can be marked.
func Offences(t *Transcript) []wire.Offence {
	request, response := wire.ParseHead(t.Request), wire.ParseHead(t.Response)
	var list []wire.Offence
	switch {
	case t.Stream: // whose offences are events
	case t.Role == Client:
		list = wire.RequestOffences(request)
	default:
		list = wire.ResponseOffences(request, response)
	}
	in := sender{framing: wire.Framing{Client: t.Role == Client, Deflate: t.Deflate}}
	out := sender{framing: wire.Framing{Client: t.Role == Server, Deflate: t.Deflate}, ours: true}
	for i, e := range t.Log {
		if e.Kind != LogFrame {
			continue
		}
		s := &in
		if e.Dir == Out {
			s = &out
		}
		for _, o := range s.frame(e) {
			o.Index = i
			list = append(list, o)
		}
	}
	return list
}

// A sender follows the frames of one direction.
type sender struct {
	framing wire.Framing
	ours    bool
	closed  bool // it has sent a close frame
	text    text
}

// A text is the payload of a text message, as far as the log holds it.
type text struct {
	known bool // all of it so far; nothing is known of a compressed one
	bad   bool
	utf8  wsproto.UTF8Validator
}

func (s *sender) frame(e Entry) []wire.Offence {
	h := e.Header()
	if s.ours {
		h.Masked = s.framing.Client // the keys of fragments are not in every log; we never err there
	}
	list := wire.HeaderOffences(h, s.framing)
	switch {
	case h.Opcode == wsproto.OpClose:
		s.closed = true
		return append(list, wire.CloseOffences(e.Data, len(e.Data) == e.Len)...)
	case h.Opcode.Control():
		return list
	}
	if s.closed {
		list = append(list, wire.Offence{To: 1, Section: "RFC 6455 5.5.1", Words: "a data frame comes after a close frame"})
	}
	if h.Opcode != wsproto.OpContinuation {
		s.framing.InMessage = true
		s.text = text{known: h.Opcode == wsproto.OpText && (!s.framing.Deflate || h.RSV&wsproto.RSV1 == 0)}
	}
	if o, bad := s.text.frame(e); bad && s.framing.InMessage {
		list = append(list, o)
	}
	if h.Fin {
		s.framing.InMessage = false
		s.text = text{}
	}
	return list
}

// frame looks for bytes that are not UTF-8 (RFC 6455 §8.1).
func (t *text) frame(e Entry) (wire.Offence, bool) {
	const section, words = "RFC 6455 8.1", "text is not valid UTF-8"
	if t.bad {
		return wire.Offence{}, false
	}
	if e.InvalidAt != nil {
		t.bad = true
		return wire.Offence{Place: wire.InPayload, From: *e.InvalidAt, To: *e.InvalidAt + 1, Section: section, Words: words}, true
	}
	if !t.known {
		return wire.Offence{}, false
	}
	n, ok := t.utf8.Feed(e.Data)
	if !ok {
		t.bad = true
		return wire.Offence{Place: wire.InPayload, From: n, To: n + 1, Section: section, Words: words}, true
	}
	t.known = len(e.Data) == e.Len
	if !t.known || !e.Fin || t.utf8.Complete() {
		return wire.Offence{}, false
	}
	t.bad = true
	return wire.Offence{Place: wire.InPayload, From: wire.LastRune(e.Data), To: len(e.Data), Section: section, Words: "text ends inside a code point"}, true
}
