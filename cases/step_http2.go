package cases

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"golang.org/x/net/http2"

	"github.com/wsconform/wsconform/internal/transcript"
)

// The steps of a connection that is played frame by frame of HTTP/2 or HTTP/3 (see [Conn.HTTP2]). Streams
// are numbered in the order of the case, from 1; 0 is the connection itself.

// An Ask asks for a WebSocket on a stream by extended CONNECT (RFC 8441 §5.1), with what the
// head changes in that. Names of fields are sent as they are written.
type Ask struct {
	Stream int
	Head   Head
	End    bool // END_STREAM comes with it
	Pad    int  // bytes of padding
	Split  int  // bytes of the header block in each frame, the rest in CONTINUATION; 0 means one frame
	Empty  int  // so many empty CONTINUATION frames behind it
}

// A Carry sends frames of WebSocket on a stream, in one DATA frame unless it says otherwise.
type Carry struct {
	Stream int
	Frames []Frame
	Chop   int  // bytes in each DATA frame; 0 means any number
	Padded bool // each DATA frame has padding of an odd length
	Empty  bool // an empty DATA frame goes before and after each
	End    bool // END_STREAM comes with the last one
}

// A Send sends any frame of HTTP/2 as it is.
type Send struct {
	Type    http2.FrameType
	Flags   uint8
	Stream  int
	Payload []byte
	Words   string // what it is; "" lists type and length
}

// An Expect lets the peer run until one of these happens on the stream that no Expect
// before has seen, or until the stream or the connection ends.
type Expect struct {
	Stream int
	For    time.Duration
	Until  []transcript.EventKind
}

// Get asks for an ordinary resource on a stream.
func Get(stream int) Ask {
	return Ask{Stream: stream, End: true, Head: Head{Set(":method", "GET"), Without(":protocol"), Without("sec-websocket-version")}}
}

// ResetStream is RST_STREAM.
func ResetStream(stream int, code http2.ErrCode) Send {
	return Send{Type: http2.FrameRSTStream, Stream: stream, Payload: binary.BigEndian.AppendUint32(nil, uint32(code)), Words: fmt.Sprintf("RST_STREAM with code %d", uint32(code))}
}

// Grant opens the window of a stream, or of the connection, by n bytes.
func Grant(stream int, n uint32) Send {
	return Send{Type: http2.FrameWindowUpdate, Stream: stream, Payload: binary.BigEndian.AppendUint32(nil, n), Words: fmt.Sprintf("WINDOW_UPDATE by %d", n)}
}

// Announce is a SETTINGS frame.
func Announce(list ...http2.Setting) Send {
	var p []byte
	words := []string{"SETTINGS"}
	for _, s := range list {
		p = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(p, uint16(s.ID)), s.Val)
		words = append(words, settingWords(s))
	}
	return Send{Type: http2.FrameSettings, Payload: p, Words: strings.Join(words, ", ")}
}

// Leave is GOAWAY, with stream 0 as the last one of the peer's.
func Leave(code http2.ErrCode) Send {
	return Send{Type: http2.FrameGoAway, Payload: binary.BigEndian.AppendUint32(make([]byte, 4), uint32(code)), Words: fmt.Sprintf("GOAWAY with code %d", uint32(code))}
}

// Pinged is PING, whose acknowledgement shows that what came before was read.
var Pinged = Send{Type: http2.FramePing, Payload: []byte("wsconfor"), Words: "PING"}

func settingWords(s http2.Setting) string {
	switch s.ID {
	case http2.SettingMaxConcurrentStreams, http2.SettingInitialWindowSize, http2.SettingMaxFrameSize, http2.SettingMaxHeaderListSize, http2.SettingEnableConnectProtocol:
		return fmt.Sprintf("%s = %d", s.ID, s.Val)
	default:
		return fmt.Sprintf("setting %d = %d", uint16(s.ID), s.Val)
	}
}

// ops asks.
func (a Ask) ops() []Op {
	return []Op{HTTP2Op{Do: DoAsk, Stream: a.Stream, Head: a.Head, End: a.End, Pad: a.Pad, Split: a.Split, Times: a.Empty}}
}

// ops sends the frames.
func (c Carry) ops() []Op {
	op := HTTP2Op{Do: DoCarry, Stream: c.Stream, End: c.End, Split: c.Chop}
	if c.Padded {
		op.Pad = 7
	}
	if c.Empty {
		op.Times = 1
	}
	for _, f := range c.Frames {
		for _, one := range f.ops() {
			if w, ok := one.(WriteOp); ok {
				op.Frames = append(op.Frames, w)
			}
		}
	}
	return []Op{op}
}

// ops sends the frame.
func (s Send) ops() []Op {
	return []Op{HTTP2Op{Do: DoSend, Type: s.Type, Flags: s.Flags, Stream: s.Stream, Payload: s.Payload}}
}

// ops waits.
func (e Expect) ops() []Op {
	return []Op{HTTP2Op{Do: DoExpect, Stream: e.Stream, For: e.For, Until: e.Until}}
}

// onStream says where something happens.
func onStream(n int) string {
	if n == 0 {
		return "on the connection"
	}
	return fmt.Sprintf("on stream %d", n)
}

func (a Ask) String() string {
	words := []string{onStream(a.Stream) + ": ask for a WebSocket"}
	for _, e := range a.Head {
		words = append(words, e.String())
	}
	if a.Pad > 0 {
		words = append(words, fmt.Sprintf("padded with %d bytes", a.Pad))
	}
	if a.Split > 0 {
		words = append(words, fmt.Sprintf("the header block in frames of %d bytes", a.Split))
	}
	if a.Empty > 0 {
		words = append(words, fmt.Sprintf("%d empty CONTINUATION frames", a.Empty))
	}
	if a.End {
		words = append(words, "END_STREAM")
	}
	return strings.Join(words, ", ")
}

func (c Carry) String() string {
	words := make([]string, len(c.Frames))
	for i, f := range c.Frames {
		words[i] = f.String()
	}
	if len(words) == 0 {
		words = []string{"send an empty DATA frame"}
	}
	if c.Chop > 0 {
		words = append(words, fmt.Sprintf("%d bytes in each DATA frame", c.Chop))
	}
	if c.Padded {
		words = append(words, "DATA is padded")
	}
	if c.Empty {
		words = append(words, "empty DATA frames in between")
	}
	if c.End {
		words = append(words, "END_STREAM")
	}
	return onStream(c.Stream) + ": " + strings.Join(words, ", ")
}

func (s Send) String() string {
	if s.Words != "" {
		return onStream(s.Stream) + ": send " + s.Words
	}
	return fmt.Sprintf("%s: send a frame of type %d, flags %d, %d bytes", onStream(s.Stream), s.Type, s.Flags, len(s.Payload))
}

func (e Expect) String() string {
	kinds := make([]string, len(e.Until))
	for i, k := range e.Until {
		kinds[i] = string(k)
	}
	return fmt.Sprintf("%s: wait %s for: %s", onStream(e.Stream), seconds(e.For), strings.Join(kinds, ", "))
}

// Streams is how many streams the steps of the connection name.
func (c Conn) Streams() int {
	n := 0
	for _, op := range c.Ops() {
		if o, ok := op.(HTTP2Op); ok {
			n = max(n, o.Stream)
		}
	}
	return n
}

// An HTTP2Op does something on a connection of HTTP/2, on a stream or on the connection itself,
// which is 0.
type HTTP2Op struct {
	Do      http2Do
	Stream  int
	Head    Head // of a request
	End     bool // END_STREAM comes with it
	Pad     int  // bytes of padding; 0 means none
	Split   int  // bytes in each frame; 0 means any number
	Times   int  // empty frames behind a header block; of DATA, around each frame
	Frames  []WriteOp
	Type    http2.FrameType
	Flags   uint8
	Payload []byte
	For     time.Duration
	Until   []transcript.EventKind
}

func (HTTP2Op) op() {}

// http2Do says what an [HTTP2Op] does.
type http2Do uint8

// What an [HTTP2Op] does.
const (
	DoAsk    http2Do = iota // send a request, or as a server a response
	DoCarry                 // send frames of WebSocket in DATA
	DoSend                  // send a frame of HTTP/2
	DoExpect                // wait
)
