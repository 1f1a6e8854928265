package h3

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/http2/hpack"
)

// FrameType is the type of a frame of HTTP/3 (RFC 9114 §7.2). Fin and Reset are no frames of
// HTTP/3, but the ends of a direction of a stream of QUIC.
type FrameType uint64

// The types of frame, and the ends of streams.
const (
	FrameData     FrameType = 0x0
	FrameHeaders  FrameType = 0x1
	FrameSettings FrameType = 0x4
	FrameGoAway   FrameType = 0x7
	Fin           FrameType = 1<<62 + iota // beyond what a frame can have
	Reset
	Stop // STOP_SENDING: the peer is asked to reset its direction
)

// SettingConnect announces extended CONNECT (RFC 9220 §3).
const SettingConnect = 0x08

// A Setting is one of a SETTINGS frame (RFC 9114 §7.2.4).
type Setting struct{ ID, Value uint64 }

func (s Setting) String() string {
	names := map[uint64]string{0x01: "QPACK_MAX_TABLE_CAPACITY", 0x06: "MAX_FIELD_SECTION_SIZE", 0x07: "QPACK_BLOCKED_STREAMS", SettingConnect: "ENABLE_CONNECT_PROTOCOL", 0x33: "H3_DATAGRAM"}
	if name, ok := names[s.ID]; ok {
		return fmt.Sprintf("%s = %d", name, s.Value)
	}
	return fmt.Sprintf("setting %#x = %d", s.ID, s.Value)
}

// A Frame is what a [Conn] tells of a frame, or of an end.
type Frame struct {
	Out      bool // we have sent it
	Type     FrameType
	Stream   int64               // of QUIC; -1 is the control stream
	Len      int                 // of its payload, in bytes
	Settings []Setting           // of SETTINGS
	Fields   []hpack.HeaderField // of HEADERS
	Trailers bool                // HEADERS came behind the message's own
	Code     Code                // of a reset
	Value    uint64              // of GOAWAY: the stream from which on none are served
	Offences []Offence           // of the peer
}

// An Offence is a rule of HTTP/3 that the peer breaks.
type Offence struct{ Section, Words string }

// open are the fields whose values stand in the text of a frame. Those of others may be
// secrets.
var open = []string{":status", ":method", ":protocol", ":scheme"}

// String is the frame in a line, such as
//
//	HEADERS on stream 0, :status: 200
func (f Frame) String() string {
	var b strings.Builder
	switch f.Type {
	case FrameData:
		b.WriteString("DATA")
	case FrameHeaders:
		b.WriteString("HEADERS")
	case FrameSettings:
		b.WriteString("SETTINGS")
	case FrameGoAway:
		b.WriteString("GOAWAY")
	case Fin:
		b.WriteString("FIN")
	case Reset:
		b.WriteString("RESET_STREAM")
	case Stop:
		b.WriteString("STOP_SENDING")
	default:
		fmt.Fprintf(&b, "frame of type %#x", uint64(f.Type))
	}
	if f.Stream >= 0 {
		fmt.Fprintf(&b, " on stream %d", f.Stream)
	}
	switch f.Type {
	case FrameSettings:
		for _, s := range f.Settings {
			b.WriteString(", " + s.String())
		}
	case FrameHeaders:
		for _, field := range f.Fields {
			b.WriteString(", " + field.Name)
			if slices.Contains(open, field.Name) {
				b.WriteString(": " + field.Value)
			}
		}
	case FrameGoAway:
		fmt.Fprintf(&b, ", from stream %d on", f.Value)
	case Reset, Stop:
		b.WriteString(", " + f.Code.String())
	case Fin:
	default:
		fmt.Fprintf(&b, ", %d bytes", f.Len)
	}
	return b.String()
}

// A Code is an error code of HTTP/3 (RFC 9114 §8.1) or QPACK.
type Code uint64

// The codes that cases and peers use.
const (
	NoError             Code = 0x100
	FrameUnexpected     Code = 0x105
	ExcessiveLoad       Code = 0x107
	RequestRejected     Code = 0x10b
	RequestCancelled    Code = 0x10c
	MessageError        Code = 0x10e
	DecompressionFailed Code = 0x200
)

func (c Code) String() string {
	names := []string{
		"H3_NO_ERROR", "H3_GENERAL_PROTOCOL_ERROR", "H3_INTERNAL_ERROR", "H3_STREAM_CREATION_ERROR", "H3_CLOSED_CRITICAL_STREAM", "H3_FRAME_UNEXPECTED",
		"H3_FRAME_ERROR", "H3_EXCESSIVE_LOAD", "H3_ID_ERROR", "H3_SETTINGS_ERROR", "H3_MISSING_SETTINGS", "H3_REQUEST_REJECTED",
		"H3_REQUEST_CANCELLED", "H3_REQUEST_INCOMPLETE", "H3_MESSAGE_ERROR", "H3_CONNECT_ERROR", "H3_VERSION_FALLBACK",
	}
	if i := uint64(c - NoError); i < uint64(len(names)) {
		return names[i]
	}
	qpack := []string{"QPACK_DECOMPRESSION_FAILED", "QPACK_ENCODER_STREAM_ERROR", "QPACK_DECODER_STREAM_ERROR"} // RFC 9204 §6
	if i := uint64(c - 0x200); i < uint64(len(qpack)) {
		return qpack[i]
	}
	return fmt.Sprintf("error %#x", uint64(c))
}
