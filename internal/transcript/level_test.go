package transcript

import "testing"

// A gateway from HTTP/2 to HTTP/1.1 that changes nothing else is seen to change nothing.
func TestLevel(t *testing.T) {
	sent := "CONNECT /a?b HTTP/2\r\n:protocol: websocket\r\n:scheme: http\r\n:authority: h:1\r\nx-field: v\r\nsec-websocket-version: 13\r\n\r\n"
	came := "GET /a?b HTTP/1.1\r\nHost: h:1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\nX-Field: v\r\nSec-WebSocket-Version: 13\r\n\r\n"
	client := &Transcript{Role: Server, Request: sent, Response: "HTTP/2 200\r\nsec-websocket-protocol: chat\r\n\r\n"}
	origin := &Transcript{Role: Client, Request: came, Response: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: y\r\nSec-WebSocket-Protocol: chat\r\n\r\n"}
	client.other, origin.other = origin, client
	for _, one := range []*Transcript{client, origin} {
		if list := Changes(nil, one); len(list) > 0 {
			t.Errorf("got %v, want no change", list)
		}
	}
	origin.Request = "GET /a HTTP/1.1\r\nHost: h:1\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n"
	if list := Changes(nil, origin); len(list) != 2 { // the target and a field
		t.Errorf("got %v, want two changes", list)
	}
	refused := &Transcript{Role: Server, Request: sent, Response: "HTTP/2 502\r\n\r\n", other: origin}
	if list := Changes(nil, refused); len(list) != 1 || !list[0].Legal {
		t.Errorf("got %v, want a hidden status", list)
	}
}
