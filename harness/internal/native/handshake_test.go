package native

import (
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/ws/wsproto"
)

func TestResponseHead(t *testing.T) {
	const key = "dGhlIHNhbXBsZSBub25jZQ=="
	sound := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: " + wsproto.AcceptKey(key) + "\r\n"
	for _, test := range []struct {
		name, from, to string
		want           string // of the error; "" opens the connection
	}{
		{"sound", "", "", ""},
		{"a field folded before its value", "Upgrade: websocket", "Upgrade:\r\n websocket", ""},
		{"a list folded at a comma", "keep-alive, Upgrade", "keep-alive,\r\n\t Upgrade", ""},
		{"a fold is a blank", "Upgrade: websocket", "Upgrade: web\r\n socket", "no Upgrade"},
		{"a fold before any field", "Upgrade: websocket", " Upgrade: websocket", "blank"},
		{"40 KiB", "Upgrade:", "X: " + strings.Repeat("x", 40<<10) + "\r\nUpgrade:", ""},
		{"more than 64 KiB", "Upgrade:", "X: " + strings.Repeat("x", 70<<10) + "\r\nUpgrade:", "longer than 64 KiB"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := strings.Replace(sound, test.from, test.to, 1) + "\r\n"
			h, err := readHead(strings.NewReader(text))
			if err == nil {
				_, err = checkResponse(h, key, nil, nil, true)
			}
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got error %v, want %q", err, test.want)
			}
		})
	}
}

// What Autobahn forgives in an opening handshake is forgiven in its cases alone.
func TestForgivenInAutobahnsCases(t *testing.T) {
	const key = "dGhlIHNhbXBsZSBub25jZQ=="
	response := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + wsproto.AcceptKey(key) + "\r\n"
	request := "GET /runCase HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + "\r\n"
	for _, test := range []struct {
		name, line        string
		forgiven, allowed bool // in Autobahn's cases, and in ours
	}{
		{"nothing", "", true, true},
		{"a line without a colon", "X-Broken\r\n", true, false},
		{"a window of 10", "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10\r\n", true, true},
		{"a window of 010", "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=010\r\n", true, false},
		{"a window of 010 for the client", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=010\r\n", true, false},
		{"a window of +10", "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=+10\r\n", true, false},
		{"a window of 016", "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=016\r\n", false, false},
		{"a window of 1x", "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=1x\r\n", false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			for strict, want := range map[bool]bool{false: test.forgiven, true: test.allowed} {
				h, err := readHead(strings.NewReader(response + test.line + "\r\n"))
				if err != nil {
					t.Fatal(err)
				}
				agreed, err := checkResponse(h, key, &cases.Deflate{}, nil, strict)
				if (err == nil) != want {
					t.Errorf("strict %t: the response gives error %v, want it taken: %t", strict, err, want)
				}
				if agreed != nil && agreed.peerBits != 10 && agreed.ourBits != 10 {
					t.Errorf("strict %t: got windows of %d and %d bits, want one of 10", strict, agreed.ourBits, agreed.peerBits)
				}
				if h, err = readHead(strings.NewReader(request + test.line + "\r\n")); err != nil {
					t.Fatal(err)
				}
				if _, refused := checkRequest(h, strict); (refused == nil) != want {
					t.Errorf("strict %t: the request gives %v, want it taken: %t", strict, refused, want)
				}
			}
		})
	}
}

// The status is that of the last response, whatever the one before ends with.
func TestStatusIn(t *testing.T) {
	for text, want := range map[string]string{
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n":          "101",
		"HTTP/1.1 103 Early Hints\r\nX: a b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n":       "200",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\n\r\nHTTP/1.1 426\r\n\r\n": "426",
		"":     "",
		"junk": "",
	} {
		if got := statusIn(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// What is compared with what came back are the frames before anything else is done.
func TestFirstFrames(t *testing.T) {
	c := cases.Case{ID: "X", Conns: []cases.Conn{
		{Steps: []cases.Step{cases.Text("a"), cases.Ping("b"), cases.Pause{For: time.Second}, cases.Text("c")}},
		{Steps: []cases.Step{cases.Raw("x"), cases.Text("a")}},
	}}
	for n, want := range []int{2, 0} {
		if got := firstFrames(c, n); len(got) != want {
			t.Errorf("connection %d: got %d frames, want %d", n, len(got), want)
		}
	}
}
