package cases

import (
	"time"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// misc is section 10.
func misc() []Case {
	payload := Repeat("*", 65536)
	return []Case{{
		ID: "10.1.1", Title: "a text message of 65536 octets in fragments of 1300", Expect: expectEcho,
		RFC:   rfc6455("5.4"),
		Steps: []Step{Message{Opcode: wsproto.OpText, Payload: payload, Fragment: 1300}, KillAfter{10 * time.Second}},
		Want:  Echoes(GotText(payload)),
	}}
}
