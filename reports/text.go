package reports

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/reports/internal/show"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// WriteLog writes wire logs for a terminal: of each connection what is wrong with the
// peer's handshake, then at most 40 frames and notes, one on each line behind the indent.
// Below a frame it says which bytes break which rule. Control characters are made
// visible.
func WriteLog(w io.Writer, t *transcript.Transcript, indent string) error {
	conns := t.Conns()
	for i, conn := range conns {
		if len(conns) > 1 {
			if _, err := fmt.Fprintf(w, "%sconnection %d of %d\n", indent, i+1, len(conns)); err != nil {
				return err
			}
		}
		if err := writeConn(w, conn, indent); err != nil {
			return err
		}
	}
	return nil
}

func writeConn(w io.Writer, t *transcript.Transcript, indent string) error {
	handshake, frames := show.Offences(t)
	for _, o := range handshake {
		if _, err := fmt.Fprintf(w, "%s%10s ! %s, %s\n", indent, "", show.HandshakeWords(t, o), o.Section); err != nil {
			return err
		}
	}
	n := 0
	for i, e := range t.Log {
		if e.Kind == transcript.LogOctets {
			continue
		}
		if n++; n > maxFrames {
			_, err := fmt.Fprintf(w, "%s… more in the run file\n", indent)
			return err
		}
		if _, err := fmt.Fprintf(w, "%s%s\n", indent, frameLine(e)); err != nil {
			return err
		}
		for _, o := range frames[i] {
			if _, err := fmt.Fprintf(w, "%s%10s  ^ %s, %s\n", indent, "", show.FrameWords(e, o), o.Section); err != nil {
				return err
			}
		}
	}
	return nil
}

// frameLine writes a frame or a note as text.
func frameLine(e transcript.Entry) string {
	at := fmt.Sprintf("%10s", "")
	if e.At > 0 {
		at = fmt.Sprintf("%10s", show.Seconds(e.At))
	}
	if e.Kind == transcript.LogNote {
		return at + "   " + show.Text(show.NoteWords(e))
	}
	arrow := "->"
	if e.Dir == transcript.In {
		arrow = "<-"
	}
	if version := show.HTTP(e.Kind); version != "" {
		return at + " " + arrow + " " + version + " " + show.Text(e.Note)
	}
	length := e.Len
	if e.Repeat > 0 {
		length = e.Repeat
	}
	words := []string{fmt.Sprintf("%s %s %v", at, arrow, e.Opcode), show.Plural(length, "byte", "bytes")}
	if !e.Fin {
		words = append(words, "FIN clear")
	}
	for i, bit := range []uint8{wsproto.RSV1, wsproto.RSV2, wsproto.RSV3} {
		if e.RSV&bit != 0 {
			words = append(words, fmt.Sprintf("RSV%d", i+1))
		}
	}
	if e.Mask != "" {
		words = append(words, "masked")
	}
	if e.Missing > 0 {
		words = append(words, fmt.Sprintf("%d of them not received", e.Missing))
	}
	return strings.Join(words, ", ") + payloadWords(e)
}

// payloadWords shows the start of a payload: text in quotes, other bytes in hex, and the
// code of a close frame with its meaning.
func payloadWords(e transcript.Entry) string {
	data := e.Data
	words := ""
	if e.Opcode == wsproto.OpClose && len(data) >= 2 {
		code := wsproto.StatusCode(uint16(data[0])<<8 | uint16(data[1]))
		words = fmt.Sprintf(": %d, %s", uint16(code), show.CodeWords(code))
		data = data[2:]
	}
	if len(data) == 0 {
		return words
	}
	text := show.Bytes(data, 64)
	if !strings.HasPrefix(text, "0x") || strings.HasPrefix(string(data), "0x") {
		text = strconv.Quote(text)
		if cut := e.Len > 64; cut {
			text += " …"
		}
	}
	return words + ": " + show.Visible(text)
}
