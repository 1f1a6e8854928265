package transcript

import (
	"slices"
	"testing"
)

// Fields are compared by their names: what may be removed or added, and what may not.
func TestFieldChanges(t *testing.T) {
	const request = "GET / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Key: 1\r\nCookie: a\r\nX-Hop: 1\r\nConnection: Upgrade, X-Hop\r\n\r\n"
	const through = "GET / HTTP/1.1\r\nHost: b\r\nSec-WebSocket-Key: 2\r\nX-Forwarded-For: c\r\nSec-WebSocket-Protocol: chat\r\nConnection: Upgrade\r\n\r\n"
	direct, via := &Transcript{Role: Client, Request: request}, &Transcript{Role: Client, Request: through}
	want := []Change{
		{Kind: ChangeLost, What: "the field Cookie"},
		{Kind: ChangeLost, What: "the field X-Hop", Legal: true},
		{Kind: changeAdded, What: "the field X-Forwarded-For", Legal: true},
		{Kind: changeAdded, What: "the field Sec-WebSocket-Protocol"},
	}
	if got := FieldChanges(direct, via); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := FieldChanges(direct, direct); len(got) > 0 {
		t.Errorf("of the same head: got %v", got)
	}
	for name, other := range map[string]*Transcript{
		"another status": {Role: Server, Response: "HTTP/1.1 502 Bad Gateway\r\nServer: x\r\n\r\n"}, "no head": {Role: Server},
	} {
		if got := FieldChanges(&Transcript{Role: Server, Response: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"}, other); len(got) > 0 {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
