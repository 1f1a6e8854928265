package transcript

import (
	"time"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// A Direction says which way bytes went.
type Direction string

// The two directions, as the harness sees them.
const (
	In  Direction = "in"  // from the peer
	Out Direction = "out" // to the peer
)

// An Entry is one line of the wire log. Either a frame, bytes as they were
// read or written, or a note such as a timer that fired.
type Entry struct {
	At     time.Duration  `json:"at,omitempty"` // since the opening handshake, in nanoseconds; 0 if unknown
	Kind   EntryKind      `json:"kind"`
	Dir    Direction      `json:"dir,omitempty"` // of a frame or bytes
	Len    int            `json:"len,omitempty"` // of the payload or the bytes
	Data   Octet          `json:"data,omitempty"`
	Opcode wsproto.Opcode `json:"opcode,omitempty"`
	Fin    bool           `json:"fin,omitempty"`
	RSV    uint8          `json:"rsv,omitempty"`
	Mask   string         `json:"mask,omitempty"`   // key in hex, when the frame was masked
	Repeat int            `json:"repeat,omitempty"` // the payload is Data repeated to so many bytes
	Chop   int            `json:"chop,omitempty"`   // bytes per write
	Alone  bool           `json:"alone,omitempty"`  // written by itself
	Note   string         `json:"note,omitempty"`   // of a note
	Timer  Timer          `json:"timer,omitempty"`  // of a note: the timer it is about
	// Head is the frame's header as it was on the wire, where the other fields do
	// not tell: the length was not in its shortest form, or was too long.
	Head Octet `json:"head,omitempty"`
	// Missing counts the bytes of the payload that had not come when the
	// connection ended.
	Missing int `json:"missing,omitempty"`
	// InvalidAt is the first byte of the payload that is not UTF-8, in a text
	// message. Where it is nil, Data has to tell.
	InvalidAt *int `json:"invalidAt,omitempty"`
}

// EntryKind tells the kinds of wire log entry apart.
type EntryKind string

// The kinds of wire log entry.
const (
	LogFrame  EntryKind = "frame"
	LogOctets EntryKind = "octets"
	LogNote   EntryKind = "note"
	LogHTTP2  EntryKind = "http2" // a frame of HTTP/2; Note is what it says
	LogHTTP3  EntryKind = "http3" // the same of HTTP/3
)

// A Timer is what a note in the wire log may be about. The steps of the case say
// how long each runs.
type Timer string

// The timers that cases set: when they begin and when they end.
const (
	PauseBegins Timer = "pause"
	PauseEnds   Timer = "pause-end"
	KillArmed   Timer = "kill"
	KillFired   Timer = "kill-fired"
	CloseArmed  Timer = "close"
	CloseFired  Timer = "close-fired"
)

// Header is that of the frame on the wire.
func (e Entry) Header() wsproto.Header {
	if h, n, _ := wsproto.ParseHeader(e.Head); n > 0 { // a length that is too long is part of it
		return h
	}
	h := wsproto.Header{Fin: e.Fin, RSV: e.RSV, Opcode: e.Opcode, Length: uint64(max(e.Len, e.Repeat, 0))}
	var key Octet
	if key.UnmarshalText([]byte("0x"+e.Mask)) == nil && len(key) == len(h.MaskKey) {
		h.Masked, h.MaskKey = true, [4]byte(key)
	}
	h, _, _ = wsproto.ParseHeader(wsproto.AppendHeader(nil, h)) // this fills in Form
	return h
}
