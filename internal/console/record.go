package console

import (
	"encoding/hex"
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// A Record is a line of JSON output.
type Record struct {
	Time time.Time `json:"time"`
	// Elapsed is the time since the connection was opened, in milliseconds.
	Elapsed float64 `json:"ms"`
	// Event is open, message, frame, head, bytes, latency, refused, note or end.
	Event string `json:"event"`
	Sent  bool   `json:"sent,omitempty"` // received otherwise
	// Connection is its number in a raw script with several, if it is not the first.
	Connection int `json:"connection,omitempty"`

	// Opcode is that of a message or a frame, by name or as "opcode 3".
	Opcode string `json:"opcode,omitempty"`
	// Fin to Length describe a frame; Length is what its header claims, in bytes.
	Fin    *bool    `json:"fin,omitempty"`
	RSV    []string `json:"rsv,omitempty"`
	Mask   string   `json:"mask,omitempty"` // in hexadecimal
	Length *uint64  `json:"length,omitempty"`

	// text is the payload if it is text in UTF-8, Base64 any other. Of a frame it is
	// the beginning if Truncated.
	Text      *string `json:"text,omitempty"`
	Base64    []byte  `json:"base64,omitempty"`
	Truncated bool    `json:"truncated,omitempty"`

	// Code and Reason are those of a close frame, or how the connection ended.
	Code   int    `json:"code,omitempty"`
	Reason string `json:"reason,omitempty"`
	Error  string `json:"error,omitempty"`
	Status int    `json:"status,omitempty"` // of HTTP

	Target      string   `json:"target,omitempty"` // of the request
	Subprotocol string   `json:"subprotocol,omitempty"`
	Extensions  string   `json:"extensions,omitempty"`
	Latency     *float64 `json:"latency,omitempty"` // of a ping, in milliseconds
}

func (r *Record) payload(text bool, p []byte) {
	if text && utf8.Valid(p) {
		s := string(p)
		r.Text = &s
	} else if len(p) > 0 {
		r.Base64 = p
	}
}

func frameRecord(sent bool, h wsproto.Header, p []byte) Record {
	r := Record{Event: "frame", Sent: sent, Opcode: h.Opcode.String(), Fin: &h.Fin, RSV: rsvNames(h.RSV), Length: &h.Length}
	if h.Masked {
		r.Mask = hex.EncodeToString(h.MaskKey[:])
	}
	r.Truncated = uint64(len(p)) < h.Length
	if h.Opcode == wsproto.OpClose && len(p) > 1 {
		code, reason, err := wsproto.ParseClose(p)
		r.Code, r.Reason = int(code), reason
		if err != nil {
			r.Error = err.Error()
		}
		return r
	}
	r.payload(h.RSV == 0, p)
	return r
}

// record prints r with its times. Output to a closed reader is lost, as for lines.
func (c *console) record(r Record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r.Time = time.Now()
	r.Elapsed = float64(r.Time.Sub(c.start).Microseconds()) / 1000
	b, err := json.Marshal(r)
	if err != nil {
		return // of these types, never
	}
	_, _ = c.out.Write(append(b, '\n'))
}
