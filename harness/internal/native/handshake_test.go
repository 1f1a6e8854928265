package native

import (
	"strings"
	"testing"

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
				_, err = checkResponse(h, key, nil, nil)
			}
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got error %v, want %q", err, test.want)
			}
		})
	}
}
