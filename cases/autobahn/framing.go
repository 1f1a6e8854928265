package autobahn

import (
	"fmt"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

type messageSize struct {
	length, chop int // in bytes
	patience     time.Duration
}

// messageSizes are the lengths either side of each width of the length field
// (RFC 6455 §5.2).
var messageSizes = []messageSize{
	{0, 0, time.Second},
	{125, 0, time.Second}, // the last length of 7 bits
	{126, 0, time.Second},
	{127, 0, time.Second},
	{128, 0, time.Second},
	{65535, 0, 10 * time.Second}, // the last length of 16 bits
	{65536, 0, 10 * time.Second},
	{65536, 997, 10 * time.Second},
}

// framing is section 1: messages of one frame come back, whatever their length.
func framing() []entry {
	list := framingOf("1.1", wsproto.OpText, "*", cases.GotText)
	return append(list, framingOf("1.2", wsproto.OpBinary, "\xfe", cases.GotBinary)...)
}

func framingOf(group string, op wsproto.Opcode, unit string, got func(cases.Payload) transcript.Event) []entry {
	list := numbered(group, messageSizes, func(size messageSize) entry {
		payload := cases.Repeat(unit, size.length)
		title := fmt.Sprintf("a %v message of %d bytes", op, size.length)
		if size.chop > 0 {
			title += fmt.Sprintf(", written %d bytes at a time", size.chop)
		}
		return entry{
			Title:  title,
			Expect: expectEcho,
			RFC:    rfc6455("5.2", "5.6"),
			Steps: []cases.Step{
				cases.Frame{Opcode: op, Payload: payload, Chop: size.chop},
				cases.KillAfter{After: size.patience},
			},
			Want: Echoes(got(payload)),
		}
	})
	list[0].Title = fmt.Sprintf("a %v message without payload", op)
	return list
}
