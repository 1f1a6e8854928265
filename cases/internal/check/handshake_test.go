package check_test

import (
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A checked is a check with transcripts of which it holds and does not.
type checked struct {
	check   cases.Check
	yes, no []*transcript.Transcript
	words   string
}

func (c checked) test(t *testing.T) {
	t.Helper()
	for _, tr := range c.yes {
		if !c.check.Holds(tr) {
			t.Errorf("%v does not hold of %+v", c.check, tr)
		}
	}
	for _, tr := range c.no {
		if c.check.Holds(tr) {
			t.Errorf("%v holds of %+v", c.check, tr)
		}
	}
	if got := c.check.String(); got != c.words {
		t.Errorf("got %q, want %q", got, c.words)
	}
	if len(c.yes) == 0 || len(c.no) == 0 {
		t.Errorf("%v: no row on one side", c.check)
	}
}

const sampleKey = "dGhlIHNhbXBsZSBub25jZQ=="

func request(fields string) *transcript.Transcript {
	return &transcript.Transcript{Role: cases.Client, Request: "GET / HTTP/1.1\r\n" + fields + "\r\n"}
}

func response(start, fields string) *transcript.Transcript {
	return &transcript.Transcript{Response: start + "\r\n" + fields + "\r\n"}
}

func several(first *transcript.Transcript, more ...*transcript.Transcript) *transcript.Transcript {
	whole := *first
	for _, tr := range more {
		whole.More = append(whole.More, *tr)
	}
	return &whole
}

func TestHandshakeChecks(t *testing.T) {
	const fields = "Host: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
	const ok, switching = "HTTP/1.1 200 OK", "HTTP/1.1 101 Switching Protocols"
	sound := request(fields + "Sec-WebSocket-Key: " + sampleKey + "\r\n")
	answer := response(switching, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+wsproto.AcceptKey(sampleKey)+"\r\n")
	answer.Request = sound.Request
	other := *answer
	other.Request = request(fields + "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n").Request
	keyed := func(key string) *transcript.Transcript { return request("Sec-WebSocket-Key: " + key + "\r\n") }
	of := func(events ...transcript.Event) *transcript.Transcript { return &transcript.Transcript{Events: events} }
	took := func(ms ...int) *transcript.Transcript {
		var list []*transcript.Transcript
		for _, d := range ms {
			list = append(list, of(transcript.Event{Kind: transcript.GotAnswer, Status: 400, At: time.Duration(d) * time.Millisecond}))
		}
		return several(list[0], list[1:]...)
	}
	for _, row := range []checked{
		{
			check.NamesOnly{Name: "Upgrade", Word: "websocket"},
			[]*transcript.Transcript{response(switching, "upgrade: WebSocket\r\n")},
			[]*transcript.Transcript{
				response(switching, ""), response(switching, "Upgrade: websocket, h2c\r\n"),
				response(switching, "Upgrade: websocket\r\nUpgrade: websocket\r\n"),
			},
			"Upgrade is websocket, once",
		},
		{
			check.Sound{},
			[]*transcript.Transcript{sound, answer},
			[]*transcript.Transcript{
				{},
				{Role: cases.Client},
				request(fields), &other, response(ok, ""),
				request(fields + "Sec-WebSocket-Key: " + sampleKey + "\r\nSec-WebSocket-Protocol: ch@t\r\n"),
				request(fields + "Sec-WebSocket-Key: " + sampleKey + "\r\nSec-WebSocket-Protocol: chat, chat\r\n"),
			},
			"the peer's half of the opening handshake breaks no rule",
		},
		{
			check.FreshNonces{},
			[]*transcript.Transcript{keyed("a"), several(keyed("a"), keyed("b"), keyed("c"))},
			[]*transcript.Transcript{request(""), several(keyed("a"), keyed("b"), keyed("a")), several(keyed("a"), request(""))},
			"every connection has a key of its own",
		},
		{
			check.NoOffence{},
			[]*transcript.Transcript{of(), of(transcript.Event{Kind: transcript.GotEnd})},
			[]*transcript.Transcript{of(transcript.Event{Kind: transcript.GotPing}, transcript.Event{Kind: transcript.GotOffence})},
			"no rule is broken",
		},
		{
			check.Measured{},
			[]*transcript.Transcript{
				response(ok, "Content-Length: 0\r\n"), response(ok, "Transfer-Encoding: gzip, chunked\r\n"), response(ok, "Connection: close\r\n"),
				response("HTTP/1.0 200 OK", ""), response("HTTP/1.1 304 Not Modified", ""),
			},
			[]*transcript.Transcript{response(ok, ""), response(ok, "Transfer-Encoding: gzip\r\n"), response(ok, "Content-Length: 0\r\nContent-Length: 0\r\n")},
			"the response says where its body ends",
		},
		{
			check.Parts{},
			[]*transcript.Transcript{response(ok, "Connection: Close\r\n"), response("HTTP/1.0 200 OK", "")},
			[]*transcript.Transcript{response(ok, "Connection: keep-alive\r\n"), response("HTTP/1.0 200 OK", "Connection: keep-alive\r\n")},
			"the response ends the connection",
		},
		{
			check.HasField{Name: "X"},
			[]*transcript.Transcript{response(ok, "x: 1\r\n"), response(ok, "X:\r\n")},
			[]*transcript.Transcript{response(ok, "Y: X\r\n"), request("X: 1\r\n")},
			"a field X",
		},
		{
			check.SoundKey{},
			[]*transcript.Transcript{keyed(sampleKey)},
			[]*transcript.Transcript{request(""), keyed("c2hvcnQga2U="), keyed("AQIDBAUGBwgJCgsMDQ4PEC=="), several(request(""), keyed(sampleKey))},
			"the key is the base64 of 16 bytes, without stray bits",
		},
		{
			cases.Answered{Payload: "p"},
			[]*transcript.Transcript{of(cases.Ponged(cases.Data([]byte("q"))), cases.Ponged(cases.Data([]byte("p"))))},
			[]*transcript.Transcript{of(), of(cases.Ponged(cases.Data([]byte("q")))), of(cases.GotText(cases.Data([]byte("p"))))},
			`a pong with "p"`,
		},
		{
			check.Unasked{Name: "X"},
			[]*transcript.Transcript{request("Y: 1\r\n")},
			[]*transcript.Transcript{request("x: 1\r\n"), {}},
			"the request has no X",
		},
		{
			check.Prompt{Base: 2, Within: 250 * time.Millisecond},
			[]*transcript.Transcript{took(1, 2, 250, 900), took(40, 50, 320, 900), took(1, 2, 9, 9, 900)},
			[]*transcript.Transcript{took(1, 2, 251, 900), took(40, 50, 321, 900, 1), took(1, 2, 3), several(took(1, 2, 3), of())},
			"a response within 0.25s, or eight times what the first 2 connections take",
		},
		{
			check.Not{Check: check.HasField{Name: "X"}},
			[]*transcript.Transcript{response(ok, "")},
			[]*transcript.Transcript{response(ok, "X: 1\r\n")},
			"not: a field X",
		},
	} {
		row.test(t)
	}
}

func TestSoundCloses(t *testing.T) {
	closed := func(code wsproto.StatusCode, reason string, n int) *transcript.Transcript {
		return &transcript.Transcript{Events: []transcript.Event{{Kind: transcript.GotClose, Code: code, Data: transcript.Octet(reason), Len: n}}}
	}
	checked{
		check.SoundCloses{},
		[]*transcript.Transcript{{}, closed(0, "", 0), closed(1000, "bye", 5), closed(1014, "", 2), closed(4999, "", 2)},
		[]*transcript.Transcript{
			closed(0, "", 1), closed(0, "", 2), closed(1005, "", 2), closed(1006, "", 2), closed(1015, "", 2), closed(999, "", 2),
			closed(2000, "", 2), closed(5000, "", 2), closed(1000, "\xff", 3), closed(1000, "", 126),
		},
		"every close frame keeps the rules",
	}.test(t)
}

// A client may leave Origin out (RFC 6455 §4.1).
func TestSoundOrigin(t *testing.T) {
	checked{
		check: check.SoundOrigin{},
		yes:   []*transcript.Transcript{request("Host: h\r\n"), request("Origin: null\r\n"), request("Origin: https://h:8443\r\n")},
		no: []*transcript.Transcript{
			request("Origin: https://h/path\r\n"), request("Origin: h\r\n"), request("Origin:\r\n"),
			request("Origin: http://h\r\nOrigin: http://h\r\n"),
		},
		words: "one origin, without a path, or none",
	}.test(t)
}
