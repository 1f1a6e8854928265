package h2

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// A Frame is what a [Conn] tells of a frame.
type Frame struct {
	Out      bool // we have sent it
	Type     http2.FrameType
	Flags    http2.Flags
	Stream   uint32
	Len      int                 // of its payload, in bytes
	Data     int                 // of DATA: bytes without the padding
	Padded   bool                // of DATA
	Left     int64               // of DATA that came: what is left of the windows
	Settings []http2.Setting     // of SETTINGS
	Fields   []hpack.HeaderField // of the frame that ends a header block
	Trailers bool                // the block came behind the message's own
	Value    uint32              // of WINDOW_UPDATE the increment, of GOAWAY the last stream
	Code     http2.ErrCode       // of RST_STREAM and GOAWAY
	Payload  []byte              // of PING, and the debug data of GOAWAY
	Offences []Offence           // of the peer
}

// WindowOverflow is the section of the offence that a window is too large.
const WindowOverflow = "RFC 9113 6.9.1"

// maxWindow is the largest window.
const maxWindow = 1<<31 - 1

// An Offence is a rule of HTTP/2 that the peer breaks.
type Offence struct{ Section, Words string }

// Ack reports whether the frame acknowledges another one.
func (f Frame) Ack() bool {
	return (f.Type == http2.FrameSettings || f.Type == http2.FramePing) && f.Flags.Has(http2.FlagSettingsAck)
}

// EndStream reports whether the frame ends a direction of a stream.
func (f Frame) EndStream() bool {
	return (f.Type == http2.FrameData || f.Type == http2.FrameHeaders) && f.Flags.Has(http2.FlagDataEndStream)
}

// open are the fields whose values stand in the text of a frame. Those of others may be
// secrets.
var open = []string{":status", ":method", ":protocol", ":scheme"}

// String is the frame in a line, such as
//
//	HEADERS on stream 1, :status: 200
func (f Frame) String() string {
	var b strings.Builder
	b.WriteString(f.Type.String())
	if f.Stream != 0 {
		fmt.Fprintf(&b, " on stream %d", f.Stream)
	}
	switch f.Type {
	case http2.FrameSettings:
		b.WriteString(settingsText(f.Settings))
	case http2.FrameData:
		fmt.Fprintf(&b, ", %d bytes", f.Data)
		if f.Padded {
			fmt.Fprintf(&b, ", padded to %d", f.Len)
		}
	case http2.FrameWindowUpdate:
		fmt.Fprintf(&b, ", %d more bytes", f.Value)
	case http2.FrameRSTStream:
		b.WriteString(", " + codeName(f.Code))
	case http2.FrameGoAway:
		fmt.Fprintf(&b, ", %s, last stream %d", codeName(f.Code), f.Value)
		if len(f.Payload) > 0 {
			fmt.Fprintf(&b, ", %.100q", f.Payload)
		}
	case http2.FramePing:
		fmt.Fprintf(&b, ", %.16x", f.Payload)
	case http2.FrameHeaders, http2.FrameContinuation:
		for _, field := range f.Fields {
			b.WriteString(", " + field.Name)
			if slices.Contains(open, field.Name) {
				b.WriteString(": " + field.Value)
			}
		}
		if f.Fields == nil {
			b.WriteString(", to be continued")
		}
	default:
		fmt.Fprintf(&b, ", %d bytes", f.Len)
	}
	switch {
	case f.Ack():
		b.WriteString(", ACK")
	case f.EndStream():
		b.WriteString(", END_STREAM")
	}
	return b.String()
}

func settingsText(list []http2.Setting) string {
	var b strings.Builder
	for _, s := range list {
		fmt.Fprintf(&b, ", %s = %d", s.ID, s.Val)
	}
	return b.String()
}

// codeName is the name of an error code, or its number.
func codeName(code http2.ErrCode) string { return code.String() }
