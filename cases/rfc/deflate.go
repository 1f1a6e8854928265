package rfc

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// The probe, compressed: by zlib's deflate with raw output, level 9. Those of a message
// are flushed with Z_SYNC_FLUSH and end before its 00 00 ff ff (RFC 7692 §7.2.1); the
// final ones are ended by Z_FINISH.
const (
	zProbe = "\x32\x49\x32\x4c\x31\x48\x36\x4a\xb4\x4c\x35\x4f\x33\xb5\x30\x36\x03\x00"
	zFinal = "\x33\x49\x32\x4c\x31\x48\x36\x4a\xb4\x4c\x35\x4f\x33\xb5\x30\x36\x03\x00"
	// zEmpty is a message without text, and the byte behind a final block at the end of
	// a message (RFC 7692 §7.2.3.4).
	zEmpty = "\x00"
	// zFinalHalf is the first half of the probe in a final block, zRest the other half.
	zFinalHalf = "\x33\x49\x32\x4c\x31\x48\x36\x4a\x04\x00"
	zRest      = "\xb2\x4c\x35\x4f\x33\xb5\x30\x36\x03\x00"
	// zAgain is the probe as a match of 16 bytes behind the same text.
	zAgain = "\x32\x41\xe3\x03\x00"
	// zBadText is C3 28, which is not UTF-8.
	zBadText = "\x3a\xac\x01\x00"
	// zBetween is the rest of an empty stored block whose header ends the bytes before it.
	zBetween = "\x00\x00\xff\xff"
	// zDynamic is dynamicText in a block with Huffman codes of its own.
	zDynamic = "\xe4\x8e\xc1\x0d\x80\x30\x0c\x03\x57\xf1\x00\x88\x05\x78\x33\x48\x48\x03\x45\x94\x44\x6a\x2a\x2a\xb6\x47\x85" +
		"\x11\xfa\xe4\x67\xeb\x4e\xb2\xab\xb3\xe9\x6a\xf9\x44\x32\x3b\x1c\x54\x20\x97\xe4\x1b\x4b\x32\x3e\x46\xd4\x4e" +
		"\x3e\x13\xc7\x2f\x23\x92\x63\x2f\x0e\xab\x0a\xb6\x20\x3e\x80\x34\x40\x9a\xd1\xfa\x0b\x93\xe8\x56\xe2\xd4\xbd" +
		"\xfb\xb7\x5f\x0f\x00"
)

// Matches of 16 bytes, in fixed blocks.
const (
	zFar   = "\x42\xbf\xff\x1f\x00" // 32768 bytes back
	z1000  = "\x42\xcf\xe7\x00\x00" // 1000 bytes back
	zStart = "\x42\x07\x00\x00"     // 1 byte back
)

// Dynamic blocks whose tables no decoder can build (RFC 1951 §3.2.7).
const (
	zOver       = "\x04\xe0\x93\x24\x49\x92\x24\x49\x92\x00"             // 19 codes of one bit
	zIncomplete = "\x04\x00\x04\x00\x00\x00\x00\x00"                     // one code of two bits
	zTooMany    = "\xfc\xc0\x01\x04\x00\x00\x00\x00\x90\xff\xff\xff\x7f" // 288 literals and lengths
	zRepeat     = "\x04\x00\x02\x24\x00\x00\x00\x00\x00"                 // the length before the first, again
)

// A block of zeros: between its beginning and its end each byte 00 stands for four
// matches of 258 zeros.
const (
	zZeros    = "\xec\xc0\x81\x00\x00\x00\x00\x80\xa0\xfd\xa9\x17\xa9\x00"
	zZerosEnd = "\x06"
	zeroBytes = 260_000 // inflate to 256 MiB
	// bombPatience is how long a peer may take with them.
	bombPatience = time.Minute
)

// deflate is D: permessage-deflate.
func deflate() []cases.Case {
	return slices.Concat(deflateOffers(), deflateResponses(), deflateMessages(), deflateErrors())
}

// The texts that compressed messages carry. Those of hexadecimal digits repeat nothing
// near enough to be short of the window that a case is about. They are made when they are
// first needed: most commands play no case.
var (
	dynamicText = sync.OnceValue(func() string {
		return strings.Repeat(strings.Repeat("wsconform looks at every block. ", 3)+"Each block has its own codes, and each code its length; ", 3)
	})
	longText = sync.OnceValue(func() string { return noise(1<<16-1, 2) })
	// nearText repeats itself after 300 and after 600 bytes.
	nearText = sync.OnceValue(func() string {
		return strings.Repeat(noise(300, 3), 100) + strings.Repeat(noise(600, 4), 100)
	})
	// farText does after 20000: a compressor with a larger window than was agreed refers
	// back to them.
	farText = sync.OnceValue(func() string { return strings.Repeat(noise(20000, 1), 2) })
	// million is a text of 1 MB that is never in memory as a whole.
	million = sync.OnceValue(func() cases.Payload { return cases.Repeat(farText()[:20000], 1_000_000) })
)

func shortText() string { return longText()[:4<<10] }

// randomMillion repeats itself after more than the largest window.
func randomMillion() cases.Payload { return cases.Repeat(string(random(40_000).Unit), 1_000_000) }

func zeroMillion() cases.Payload { return cases.Repeat("\x00", 1_000_000) }

// random is n bytes that DEFLATE makes longer, always the same.
func random(n int) cases.Payload {
	bytes, seed := make([]byte, n), uint32(5)
	for i := range bytes {
		seed = seed*1664525 + 1013904223
		bytes[i] = byte(seed >> 24)
	}
	return cases.Data(bytes)
}

func binaryFrame(p cases.Payload) cases.Frame {
	return cases.Frame{Opcode: wsproto.OpBinary, Payload: p}
}

// noise is a text of n hexadecimal digits, always the same for a seed.
func noise(n int, seed uint32) string {
	text := make([]byte, n)
	for i := range text {
		seed = seed*1664525 + 1013904223
		text[i] = "0123456789abcdef"[seed>>28]
	}
	return string(text)
}

// stored is a block that is not compressed, of 65535 bytes at most.
func stored(text string) string {
	block := binary.LittleEndian.AppendUint16([]byte{0}, uint16(len(text)))
	block = binary.LittleEndian.AppendUint16(block, ^uint16(len(text)))
	return string(block) + text
}

// plain is a negotiation without parameters.
var plain = &cases.Deflate{Offers: "permessage-deflate", Accept: []cases.Demand{{}}}

// undeflated is the clause of peers without permessage-deflate.
var undeflated = cases.Clause{Grade: cases.Unimplemented, Checks: cases.Every{check.Declined{}}}

// alsoPlain is the last connection of cases that a peer may end: it has survived them.
var alsoPlain = cases.Conn{Deflate: plain, Steps: survived.Steps, Want: comesBack(probe)}

// failsCompressed grades what a peer with permessage-deflate must fail.
var failsCompressed = append(cases.Clauses{undeflated}, failed...)

// badDeflate grades the answers to data that is not DEFLATE. No RFC names the code.
var badDeflate = cases.Clauses{
	undeflated,
	{Grade: cases.OK, Checks: cases.Every{check.Quiet{}, check.Lawful{}, check.Ends{Within: failure}, check.Code{
		wsproto.StatusProtocolError, wsproto.StatusUnsupportedData, wsproto.StatusInvalidFramePayloadData,
		wsproto.StatusMessageTooBig, wsproto.StatusInternalError,
	}}},
	{Grade: cases.NonStrict, Checks: cases.Every{check.Quiet{}, check.Lawful{}, check.Dropped{Within: failure}}},
}

// bombed grades the answers to a message that is much longer than it looks, behind
// these echoes. A peer without a limit may send all of it back.
func bombed(before []string) cases.Clauses {
	return cases.Clauses{
		undeflated,
		{Grade: cases.OK, Checks: cases.Every{
			returned(before...), check.Code{wsproto.StatusMessageTooBig, wsproto.StatusPolicyViolation}, check.Ends{Within: bombPatience},
		}},
		{Grade: cases.NonStrict, Checks: cases.Every{returned(before...), check.Either{
			check.Dropped{Within: bombPatience},
			check.Code{wsproto.StatusProtocolError, wsproto.StatusUnsupportedData, wsproto.StatusInvalidFramePayloadData, wsproto.StatusInternalError},
		}}},
		{Grade: cases.Informational, Checks: cases.Every{check.Not{Check: returned(before...)}}},
	}
}

// comesBack wants these texts, one after the other.
func comesBack(texts ...string) cases.Clauses {
	return cases.Clauses{undeflated, {Grade: cases.OK, Checks: cases.Every{returned(texts...), check.Clean{}}}}
}

// returned are these texts, one after the other.
func returned(texts ...string) check.Messages {
	list := check.Messages{}
	for _, text := range texts {
		list = append(list, cases.GotText(cases.Data([]byte(text))))
	}
	return list
}

// unlessRestricted grades cases that need all of the window, across messages. A peer may
// ask for less.
func unlessRestricted(list cases.Clauses) cases.Clauses {
	return append(cases.Clauses{{Grade: cases.Unimplemented, Checks: cases.Every{check.Restricted{}}}}, list...)
}

// zText is a text message that is compressed already.
func zText(z string) cases.Frame { return cases.Text(z).WithRSV(wsproto.RSV1) }

// marked is a binary message that says that it is compressed. A peer that overlooks that
// echoes it, whatever is in it.
var marked = cases.Binary(zProbe).WithRSV(wsproto.RSV1)

// inTurn sends the messages, each after the echo of the one before.
func inTurn(frames ...cases.Frame) []cases.Step {
	var steps []cases.Step
	for _, f := range frames {
		steps = append(steps, f, answered)
	}
	return steps
}

// behind is a text that comes back only from a peer that has accepted what it follows.
// An inflater may run behind the frames, and answer a ping before it fails.
const behind = "behind"

// doomed sends frames that a peer must fail, and a text behind them.
func doomed(frames ...cases.Frame) []cases.Step {
	var steps []cases.Step
	for _, f := range frames {
		steps = append(steps, f)
	}
	return append(steps, cases.Text(behind), answered, answered)
}

// broken sends each text, which does not inflate, on a connection of its own.
func broken(texts ...string) []cases.Conn {
	var list []cases.Conn
	for _, z := range texts {
		list = append(list, cases.Conn{Deflate: plain, Steps: doomed(zText(z))})
	}
	return append(list, alsoPlain)
}

// crumbs sends a compressed text in fragments of a byte, and a ping behind each.
func crumbs(z string) []cases.Step {
	steps := []cases.Step{zText(z[:1]).More(), cases.Ping("between")}
	for i := 1; i < len(z); i++ {
		steps = append(steps, cases.Cont(z[i:i+1]).More(), cases.Ping("between"))
	}
	return append(steps, cases.Cont(""), answered)
}

// answers is a response with these extensions.
func answers(extensions string) cases.Conn {
	return cases.Conn{Head: cases.Head{cases.Add("Sec-WebSocket-Extensions", extensions)}, Steps: tempted}
}

// far sends it.
var far = sync.OnceValue(func() []cases.Step { return []cases.Step{cases.Text(farText()), answered} })

// offering makes each offer on a connection of its own.
func offering(offers ...string) []cases.Conn {
	var list []cases.Conn
	for _, offer := range offers {
		list = append(list, cases.Conn{Deflate: &cases.Deflate{Offers: offer}})
	}
	return append(list, survived)
}

// declined grades offers that a server must decline.
var declined = cases.Clauses{
	{Grade: cases.OK, Checks: cases.Every{status101, check.NoField{Name: "Sec-WebSocket-Extensions"}}},
	{Grade: cases.OK, Checks: cases.Every{status4xx}},
}

// serverWindow asks a server for a window.
func serverWindow(bits int) cases.Conn {
	return cases.Conn{
		Deflate: &cases.Deflate{Offers: "permessage-deflate; server_max_window_bits=" + strconv.Itoa(bits)},
		Steps:   far(),
		Want: cases.Clauses{
			{Grade: cases.OK, Checks: cases.Every{check.Bits{Param: "server_max_window_bits", From: 8, To: bits}, cases.Echoed{Text: farText()}}},
			{Grade: cases.Informational, Checks: cases.Every{check.Declined{}, cases.Echoed{Text: farText()}}},
		},
	}
}

// clientWindow tells a server how large our window is at most.
func clientWindow(bits int) cases.Conn {
	return cases.Conn{
		Deflate: &cases.Deflate{Offers: "permessage-deflate; client_max_window_bits=" + strconv.Itoa(bits)},
		Steps:   inTurn(zText(zProbe)),
		Want: cases.Clauses{
			{Grade: cases.OK, Checks: cases.Every{cases.Echoed{Text: probe}, check.Either{
				check.Bits{Param: "client_max_window_bits", From: 8, To: bits}, check.Agreed{Without: []string{"client_max_window_bits"}},
			}}},
			{Grade: cases.Informational, Checks: cases.Every{check.Declined{}}},
		},
	}
}

// agreed wants permessage-deflate without these parameters.
func agreed(without ...string) cases.Clauses {
	return cases.Clauses{
		{Grade: cases.OK, Checks: cases.Every{check.Status{From: 101, To: 101}, check.Agreed{Without: without}}},
		{Grade: cases.Unimplemented, Checks: cases.Every{check.Status{From: 101, To: 101}, check.NoField{Name: "Sec-WebSocket-Extensions"}}},
	}
}
