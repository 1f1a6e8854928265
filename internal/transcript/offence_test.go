package transcript_test

import (
	"strings"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/internal/wire"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// frame is an entry of the log. A server's frames have no mask.
func frame(dir transcript.Direction, op wsproto.Opcode, data string) transcript.Entry {
	return transcript.Entry{Kind: transcript.LogFrame, Dir: dir, Opcode: op, Fin: true, Len: len(data), Data: transcript.Octet(data)}
}

func with(e transcript.Entry, change func(*transcript.Entry)) transcript.Entry {
	change(&e)
	return e
}

func more(e transcript.Entry) transcript.Entry {
	return with(e, func(e *transcript.Entry) { e.Fin = false })
}

func rsv(e transcript.Entry, bits uint8) transcript.Entry {
	return with(e, func(e *transcript.Entry) { e.RSV = bits })
}

func masked(e transcript.Entry) transcript.Entry {
	return with(e, func(e *transcript.Entry) { e.Mask = "0a0b0c0d" })
}

// long is the frame with its header as it was on the wire, of so wide a length.
func long(e transcript.Entry, form wsproto.LengthForm, length uint64) transcript.Entry {
	return with(e, func(e *transcript.Entry) {
		h := e.Header()
		h.Form, h.Length = form, length
		e.Head = wsproto.AppendHeader(nil, h)
	})
}

func TestOffences(t *testing.T) {
	const in, out = transcript.In, transcript.Out
	invalid := 700
	kilo := strings.Repeat("a", transcript.HeadSize)
	for _, row := range []struct {
		name string
		t    transcript.Transcript
		want string // a line for each: place, index, bytes, section, words
	}{
		{"nothing wrong", transcript.Transcript{Log: []transcript.Entry{
			frame(in, wsproto.OpText, "κόσμε"), more(frame(in, wsproto.OpText, "\xce")), frame(in, wsproto.OpPing, "p"), frame(in, wsproto.OpContinuation, "\xba"),
			frame(in, wsproto.OpBinary, "\xff"), frame(in, wsproto.OpClose, "\x03\xe8bye"),
		}}, ""},
		{
			"a reserved bit",
			transcript.Transcript{Log: []transcript.Entry{rsv(frame(in, wsproto.OpText, "a"), wsproto.RSV2)}},
			"header 0 [0:1] RFC 6455 5.2 reserved bits set without an extension that defines them",
		},
		{
			"RSV1 without compression",
			transcript.Transcript{Log: []transcript.Entry{rsv(frame(in, wsproto.OpBinary, "a"), wsproto.RSV1)}},
			"header 0 [0:1] RFC 6455 5.2 reserved bits set without an extension that defines them",
		},
		{"RSV1 with compression", transcript.Transcript{Deflate: true, Log: []transcript.Entry{rsv(frame(in, wsproto.OpText, "\xff\xff"), wsproto.RSV1)}}, ""},
		{
			"RSV1 in a continuation",
			transcript.Transcript{Deflate: true, Log: []transcript.Entry{
				more(rsv(frame(in, wsproto.OpText, "\xff"), wsproto.RSV1)), rsv(frame(in, wsproto.OpContinuation, "\xff"), wsproto.RSV1),
			}},
			"header 1 [0:1] RFC 7692 6 a continuation frame is marked as compressed",
		},
		{
			"RSV1 in a ping",
			transcript.Transcript{Deflate: true, Log: []transcript.Entry{rsv(frame(in, wsproto.OpPing, ""), wsproto.RSV1)}},
			"header 0 [0:1] RFC 7692 6 a control frame is compressed",
		},
		{"a reserved opcode", transcript.Transcript{Log: []transcript.Entry{frame(in, 3, "")}}, "header 0 [0:1] RFC 6455 5.2 a reserved data opcode is used"},
		{"a reserved control opcode", transcript.Transcript{Log: []transcript.Entry{frame(in, 11, "")}}, "header 0 [0:1] RFC 6455 5.2 a reserved control opcode is used"},
		{"a server that masks", transcript.Transcript{Log: []transcript.Entry{masked(frame(in, wsproto.OpText, "a"))}}, "header 0 [1:2] RFC 6455 5.1 a server's frame is masked"},
		{"a client that masks", transcript.Transcript{Role: cases.Client, Log: []transcript.Entry{masked(frame(in, wsproto.OpText, "a"))}}, ""},
		{
			"a client that does not",
			transcript.Transcript{Role: cases.Client, Log: []transcript.Entry{frame(in, wsproto.OpText, "a")}},
			"header 0 [1:2] RFC 6455 5.1 a client's frame is not masked",
		},
		{"our fragments, whose keys no log has", transcript.Transcript{Log: []transcript.Entry{more(frame(out, wsproto.OpText, "a")), frame(out, wsproto.OpContinuation, "a")}}, ""},
		{
			"a length of 16 bits that fits in 7",
			transcript.Transcript{Log: []transcript.Entry{long(frame(in, wsproto.OpText, "a"), wsproto.Form16, 1)}},
			"header 0 [1:4] RFC 6455 5.2 a payload length is not minimally encoded",
		},
		{
			"a length of 64 bits that fits in 16",
			transcript.Transcript{Role: cases.Client, Log: []transcript.Entry{long(masked(frame(in, wsproto.OpText, "a")), wsproto.Form64, 300)}},
			"header 0 [1:10] RFC 6455 5.2 a payload length is not minimally encoded",
		},
		{
			"a length of 2^63",
			transcript.Transcript{Log: []transcript.Entry{long(frame(in, wsproto.OpBinary, ""), wsproto.Form64, 1<<63)}},
			"header 0 [2:10] RFC 6455 5.2 a payload length has its most significant bit set",
		},
		{"a ping of 126 bytes", transcript.Transcript{Log: []transcript.Entry{frame(in, wsproto.OpPing, kilo[:126])}}, "header 0 [1:4] RFC 6455 5.5 the length field of a control frame is over 125"},
		{"a ping of 125 bytes", transcript.Transcript{Log: []transcript.Entry{frame(in, wsproto.OpPing, kilo[:125])}}, ""},
		{"a fragmented pong", transcript.Transcript{Log: []transcript.Entry{more(frame(in, wsproto.OpPong, ""))}}, "header 0 [0:1] RFC 6455 5.5 a control frame is fragmented"},
		{
			"a close frame of one byte",
			transcript.Transcript{Log: []transcript.Entry{frame(in, wsproto.OpClose, "\x03")}},
			"header 0 [1:2] RFC 6455 5.5.1 a close frame has a payload of one byte",
		},
		{"code 1005", transcript.Transcript{Log: []transcript.Entry{frame(in, wsproto.OpClose, "\x03\xed")}}, "payload 0 [0:2] RFC 6455 7.4 close code 1005 must not be sent"},
		{
			"code 999, and a reason that is not UTF-8",
			transcript.Transcript{Log: []transcript.Entry{frame(in, wsproto.OpClose, "\x03\xe7ab\xff")}},
			"payload 0 [0:2] RFC 6455 7.4 close code 999 must not be sent\npayload 0 [4:5] RFC 6455 5.5.1 a close reason is not valid UTF-8",
		},
		{
			"a reason that is cut",
			transcript.Transcript{Log: []transcript.Entry{frame(in, wsproto.OpClose, "\x03\xe8a\xe2\x82")}},
			"payload 0 [3:5] RFC 6455 5.5.1 a close reason ends inside a code point",
		},
		{
			"a reason that the log cuts",
			transcript.Transcript{Log: []transcript.Entry{with(frame(in, wsproto.OpClose, "\x03\xe8ab\xe2"), func(e *transcript.Entry) { e.Len = 100 })}},
			"",
		},
		{"a code of 1014, registered since", transcript.Transcript{Log: []transcript.Entry{frame(in, wsproto.OpClose, "\x03\xf6")}}, ""},
		{"a surrogate in a text", transcript.Transcript{Log: []transcript.Entry{frame(in, wsproto.OpText, "ab\xed\xa0\x80")}}, "payload 0 [3:4] RFC 6455 8.1 text is not valid UTF-8"},
		{
			"across frames",
			transcript.Transcript{Log: []transcript.Entry{more(frame(in, wsproto.OpText, "ab\xe2")), frame(in, wsproto.OpPong, "\xff"), frame(in, wsproto.OpContinuation, "\x82c")}},
			"payload 2 [1:2] RFC 6455 8.1 text is not valid UTF-8",
		},
		{
			"a text that ends in a code point",
			transcript.Transcript{Log: []transcript.Entry{more(frame(in, wsproto.OpText, "ab")), frame(in, wsproto.OpContinuation, "c\xe2\x82")}},
			"payload 1 [1:3] RFC 6455 8.1 text ends inside a code point",
		},
		{
			"once a message",
			transcript.Transcript{Log: []transcript.Entry{more(frame(in, wsproto.OpText, "\xff")), frame(in, wsproto.OpContinuation, "\xff"), frame(in, wsproto.OpText, "\xff")}},
			"payload 0 [0:1] RFC 6455 8.1 text is not valid UTF-8\npayload 2 [0:1] RFC 6455 8.1 text is not valid UTF-8",
		},
		{
			"behind what the log holds",
			transcript.Transcript{Log: []transcript.Entry{with(frame(in, wsproto.OpText, kilo), func(e *transcript.Entry) { e.Len, e.InvalidAt = 900, &invalid })}},
			"payload 0 [700:701] RFC 6455 8.1 text is not valid UTF-8",
		},
		{"unknown, as the log is cut", transcript.Transcript{Log: []transcript.Entry{
			more(with(frame(in, wsproto.OpText, kilo[:64]), func(e *transcript.Entry) { e.Len = 65 })), frame(in, wsproto.OpContinuation, "\xbf"),
		}}, ""},
		{"cut by the end of the connection", transcript.Transcript{Log: []transcript.Entry{with(frame(in, wsproto.OpText, "ab\xe2"), func(e *transcript.Entry) { e.Len, e.Missing = 9, 6 })}}, ""},
		{
			"a continuation of nothing, then a message",
			transcript.Transcript{Log: []transcript.Entry{more(frame(in, wsproto.OpContinuation, "\xff")), frame(in, wsproto.OpText, "a")}},
			"header 0 [0:1] RFC 6455 5.4 a continuation frame comes outside a message",
		},
		{
			"a message inside a message",
			transcript.Transcript{Log: []transcript.Entry{more(frame(in, wsproto.OpText, "a")), frame(in, wsproto.OpText, "b")}},
			"header 1 [0:1] RFC 6455 5.4 a new message begins inside a fragmented one",
		},
		{
			"data after close",
			transcript.Transcript{Log: []transcript.Entry{frame(in, wsproto.OpClose, ""), frame(in, wsproto.OpPing, ""), frame(in, wsproto.OpText, "a"), frame(out, wsproto.OpText, "a")}},
			"header 2 [0:1] RFC 6455 5.5.1 a data frame comes after a close frame",
		},
		{
			"the harness, on purpose",
			transcript.Transcript{Role: cases.Client, Log: []transcript.Entry{rsv(frame(out, 5, "a"), 7)}},
			"header 0 [0:1] RFC 6455 5.2 reserved bits set without an extension that defines them\nheader 0 [0:1] RFC 6455 5.2 a reserved data opcode is used",
		},
		{"several at once", transcript.Transcript{Role: cases.Client, Log: []transcript.Entry{more(rsv(frame(in, wsproto.OpClose, "\x00"), wsproto.RSV3))}}, `
header 0 [0:1] RFC 6455 5.2 reserved bits set without an extension that defines them
header 0 [1:2] RFC 6455 5.1 a client's frame is not masked
header 0 [0:1] RFC 6455 5.5 a control frame is fragmented
header 0 [1:2] RFC 6455 5.5.1 a close frame has a payload of one byte`},
	} {
		t.Run(row.name, func(t *testing.T) { checkOffences(t, &row.t, row.want) })
	}
}

func checkOffences(t *testing.T, of *transcript.Transcript, want string) {
	t.Helper()
	var lines []string
	for _, o := range transcript.Offences(of) {
		lines = append(lines, o.String())
	}
	if got := strings.Join(lines, "\n"); got != strings.TrimSpace(want) {
		t.Errorf("got\n%s\nwant\n%s", got, strings.TrimSpace(want))
	}
}

func TestOffencesOfAHandshake(t *testing.T) {
	const key = "dGhlIHNhbXBsZSBub25jZQ=="
	request := head("GET /chat HTTP/1.1", "Host: a", "Upgrade: websocket", "Connection: keep-alive, Upgrade", "Sec-WebSocket-Key: "+key,
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: a, b", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")
	response := head("HTTP/1.1 101 Switching Protocols", "Upgrade: WebSocket", "connection:Upgrade", "Sec-WebSocket-Accept: "+wsproto.AcceptKey(key))
	for _, row := range []struct {
		name     string
		role     cases.Role
		from, to string // replaced in the peer's half
		want     string
	}{
		{"a server that is right", cases.Server, "", "", ""},
		{"a client that is right", cases.Client, "", "", ""},
		{"HTTP/1.0", cases.Server, "HTTP/1.1", "HTTP/1.0", "response 0 [0:8] RFC 6455 4.2.2 the response is not HTTP/1.1"},
		{"a 404 has no rules of ours", cases.Server, "101 Switching Protocols\r\nUpgrade: WebSocket", "404 Not Found", "response 0 [9:12] RFC 6455 4.2.2 the status is not 101"},
		{"nothing but a word", cases.Server, response, "boo", "response 0 [0:3] RFC 6455 4.2.2 the response is not HTTP/1.1\nresponse 0 [0:3] RFC 6455 4.2.2 the status is not 101"},
		{"no Upgrade", cases.Server, "Upgrade: WebSocket\r\n", "", "response missing RFC 6455 4.2.2 the response has no Upgrade"},
		{"another Upgrade", cases.Server, "WebSocket", "h2c", "response 1 [9:12] RFC 6455 4.2.2 Upgrade is not websocket"},
		{"no Connection", cases.Server, "connection:Upgrade\r\n", "", "response missing RFC 6455 4.2.2 the response has no Connection: Upgrade"},
		{"another Connection", cases.Server, "connection:Upgrade", "Connection:  close ", "response 2 [13:18] RFC 6455 4.2.2 Connection does not name Upgrade"},
		{
			"a wrong accept", cases.Server, wsproto.AcceptKey(key), "nonsense",
			"response 3 [22:30] RFC 6455 4.2.2 Sec-WebSocket-Accept does not fit the key, s3pPLMBiTxaQ9kYGzzhZRbK+xOo= does",
		},
		{"no accept", cases.Server, "Sec-WebSocket-Accept: " + wsproto.AcceptKey(key) + "\r\n", "", "response missing RFC 6455 4.2.2 the response has no Sec-WebSocket-Accept"},
		{"two accepts", cases.Server, "\r\n\r\n", "\r\nSec-WebSocket-Accept: x\r\n\r\n", "response 4 [22:23] RFC 6455 4.2.2 Sec-WebSocket-Accept comes more than once"},
		{"a line without a colon", cases.Server, "\r\n\r\n", "\r\nboo\r\n\r\n", "response 4 [0:3] RFC 6455 4.1 a header line has no colon"},
		{"a subprotocol that was offered", cases.Server, "\r\n\r\n", "\r\nSec-WebSocket-Protocol: b\r\n\r\n", ""},
		{"one that was not", cases.Server, "\r\n\r\n", "\r\nSec-WebSocket-Protocol: c\r\n\r\n", "response 4 [24:25] RFC 6455 4.2.2 a subprotocol that was not offered"},
		{
			"two of them", cases.Server, "\r\n\r\n", "\r\nSec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n\r\n",
			"response 5 [24:25] RFC 6455 4.2.2 Sec-WebSocket-Protocol comes more than once",
		},
		{"an extension that was offered", cases.Server, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=9\r\n\r\n", ""},
		{"one that was not", cases.Server, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: x-snappy\r\n\r\n", "response 4 [26:34] RFC 6455 9.1 an extension that was not offered"},
		{
			"a window without a value", cases.Server, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n",
			"response 4 [26:68] RFC 7692 7.1.2.2 client_max_window_bits has no value",
		},
		{
			"a window of 7", cases.Server, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=7\r\n\r\n",
			"response 4 [26:70] RFC 7692 7.1 parameters of permessage-deflate that are not legal",
		},
		{"extensions that cannot be read", cases.Server, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: ;;\r\n\r\n", "response 4 [26:28] RFC 6455 9.1 Sec-WebSocket-Extensions cannot be read"},
		{"a fold", cases.Server, "Upgrade: WebSocket", "Upgrade:\r\n WebSocket", "response 2 [0:1] RFC 9112 5.2 a field is folded over two lines"},
		{"a key of 24 bytes", cases.Client, key, "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", "request 4 [19:51] RFC 6455 4.1 Sec-WebSocket-Key is not 16 bytes in base64"},
		{"POST", cases.Client, "GET", "POST", "request 0 [0:4] RFC 6455 4.1 the method is not GET"},
		{"no host", cases.Client, "Host: a\r\n", "", "request missing RFC 6455 4.1 the request has no Host"},
		{"a short key", cases.Client, key, "YQ==", "request 4 [19:23] RFC 6455 4.1 Sec-WebSocket-Key is not 16 bytes in base64"},
		{"version 8", cases.Client, "Version: 13", "Version: 8", "request 5 [23:24] RFC 6455 4.1 Sec-WebSocket-Version is not 13"},
		{"a subprotocol twice", cases.Client, "a, b", "a, a", "request 6 [24:28] RFC 6455 4.1 a subprotocol is offered twice"},
		{
			"an offer that is not legal", cases.Client, "client_max_window_bits", "client_max_window_bits=99",
			"request 7 [26:71] RFC 7692 7.1 parameters of permessage-deflate that are not legal",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			tr := transcript.Transcript{Role: row.role, Request: request, Response: response}
			mine := &tr.Response
			if row.role == cases.Client {
				mine = &tr.Request
			}
			if row.from != "" {
				if !strings.Contains(*mine, row.from) {
					t.Fatalf("%q has no %q", *mine, row.from)
				}
				*mine = strings.Replace(*mine, row.from, row.to, 1)
			}
			checkOffences(t, &tr, row.want)
		})
	}
}

func head(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n\r\n" }

// Whatever a log holds, what is found lies within it.
func FuzzOffences(f *testing.F) {
	f.Add("HTTP/1.1 101 x\r\nUpgrade: y\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", []byte("\x81\x00\x88\x01a"), true, true)
	f.Fuzz(func(t *testing.T, request, response string, octets []byte, client, deflate bool) {
		tr := transcript.Transcript{Request: request, Response: response, Deflate: deflate}
		if client {
			tr.Role = cases.Client
		}
		for len(octets) > 2 {
			n := min(int(octets[1]&63), len(octets)-2)
			tr.Log = append(tr.Log, transcript.Entry{
				Kind: transcript.LogFrame, Dir: transcript.In, Fin: octets[0]&0x80 != 0, RSV: octets[0] >> 4 & 7, Opcode: wsproto.Opcode(octets[0] & 15),
				Len: n + int(octets[1]>>6), Data: octets[2 : 2+n], Head: octets[2 : 2+n],
			})
			octets = octets[2+n:]
		}
		for _, o := range transcript.Offences(&tr) {
			lines := map[wire.Place][]string{wire.InRequest: wire.Lines(request), wire.InResponse: wire.Lines(response)}
			switch {
			case o.Index == wire.Absent:
			case o.Place == wire.InHeader && o.To <= len(wsproto.AppendHeader(nil, tr.Log[o.Index].Header())):
			case o.Place == wire.InPayload && o.To <= len(tr.Log[o.Index].Data):
			case (o.Place == wire.InRequest || o.Place == wire.InResponse) && o.From >= 0 && o.From <= o.To && o.To <= len(lines[o.Place][o.Index]):
			default:
				t.Errorf("%v lies outside", o)
			}
		}
	})
}
