package show

import (
	"encoding/hex"
	"fmt"

	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/internal/wire"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// Offences returns those of the handshake, and those of frames by their index in the log.
func Offences(t *transcript.Transcript) (handshake []wire.Offence, frames map[int][]wire.Offence) {
	frames = map[int][]wire.Offence{}
	for _, o := range transcript.Offences(t) {
		switch o.Place {
		case wire.InHeader, wire.InPayload:
			frames[o.Index] = append(frames[o.Index], o)
		case wire.InRequest, wire.InResponse:
			handshake = append(handshake, o)
		}
	}
	return handshake, frames
}

// FrameWords says which bytes of a frame break which rule, and whether that is
// the case's doing.
func FrameWords(e transcript.Entry, o wire.Offence) string {
	bytes := []byte(e.Data)
	if o.Place == wire.InHeader {
		bytes = HeaderBytes(e)
	}
	which := fmt.Sprintf("%v byte %d", o.Place, o.From)
	if o.To > o.From+1 {
		which = fmt.Sprintf("%v bytes %d to %d", o.Place, o.From, o.To-1)
	}
	if o.To <= len(bytes) {
		which += " (" + hex.EncodeToString(bytes[o.From:o.To]) + ")"
	}
	text := which + ": " + o.Words
	if e.Dir == transcript.Out {
		text = "on purpose, " + text
	}
	return text
}

// HeaderBytes are those of the frame's header on the wire.
func HeaderBytes(e transcript.Entry) []byte { return wsproto.AppendHeader(nil, e.Header()) }

// HandshakeWords says which line of a handshake breaks which rule.
func HandshakeWords(t *transcript.Transcript, o wire.Offence) string {
	text := Text(o.Words)
	if o.Index == wire.Absent {
		return text
	}
	head := t.Response
	if o.Place == wire.InRequest {
		head = t.Request
	}
	return fmt.Sprintf("%v line \"%s\": %s", o.Place, Name(wire.Lines(head)[o.Index]), text)
}
