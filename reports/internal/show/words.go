package show

import (
	"strings"
	"unicode/utf8"

	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// NoteWords is the text of a note, also where an engine has only named a timer.
func NoteWords(e transcript.Entry) string {
	if e.Note == "" && e.Timer != "" {
		return "timer: " + string(e.Timer)
	}
	switch version := HTTP(e.Kind); {
	case version != "" && e.Dir == transcript.In:
		return version + ", received: " + e.Note
	case version != "":
		return version + ", sent: " + e.Note
	}
	return e.Note
}

// HTTP is the version of HTTP whose frames entries of a kind are; "" if they are none.
func HTTP(kind transcript.EntryKind) string {
	switch kind {
	case transcript.LogHTTP2:
		return "HTTP/2"
	case transcript.LogHTTP3:
		return "HTTP/3"
	default:
		return ""
	}
}

// Bytes is the text form of cases.Byte, cut to n bytes.
func Bytes(o transcript.Octet, n int) string {
	if len(o) > n {
		cut := n
		for cut > n-utf8.UTFMax && cut > 0 && !utf8.RuneStart(o[cut]) {
			cut--
		}
		o = o[:cut]
	}
	text, err := o.MarshalText()
	if err != nil {
		return "" // it never fails
	}
	return string(text)
}

// CodeWords explains a close code (RFC 6455 §7.4).
func CodeWords(c wsproto.StatusCode) string {
	switch {
	case c < 1000:
		return "not used: codes begin at 1000"
	case c == wsproto.StatusReserved:
		return "reserved, not for the wire"
	case c == wsproto.StatusNoStatusRcvd:
		return "no code was received, not for the wire"
	case c == wsproto.StatusAbnormalClosure:
		return "no close frame came, not for the wire"
	case c == wsproto.StatusTLSHandshake:
		return "TLS handshake failed, not for the wire"
	case c < 1015:
		_, words, _ := strings.Cut(strings.TrimSuffix(c.String(), ")"), "(")
		return words
	case c < 3000:
		return "reserved for later versions of the protocol"
	case c < 4000:
		return "for libraries and frameworks"
	case c < 5000:
		return "for private use"
	}
	return "undefined: codes end at 4999"
}
