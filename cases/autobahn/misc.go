package autobahn

import (
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// misc is section 10.
func misc() []entry {
	payload := cases.Repeat("*", 65536)
	return []entry{{
		ID: "10.1.1", Title: "a text message of 65536 bytes in fragments of 1300", Expect: expectEcho,
		RFC:   rfc6455("5.4"),
		Steps: []cases.Step{cases.Message{Opcode: wsproto.OpText, Payload: payload, Fragment: 1300}, cases.KillAfter{After: 10 * time.Second}},
		Want:  Echoes(cases.GotText(payload)),
	}}
}
