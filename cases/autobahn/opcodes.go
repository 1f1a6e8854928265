package autobahn

import (
	"fmt"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// opcodes is section 4: frames of an opcode that RFC 6455 §5.2 leaves undefined.
func opcodes() []entry {
	list := reservedOpcodes("4.1", "data", 3, "5.2", "5.8", "7.1.7")
	return append(list, reservedOpcodes("4.2", "control", 11, "5.2", "5.8", "7.1.7", "5.5")...)
}

// reservedOpcodes sends five reserved opcodes of one kind, each in another setting.
func reservedOpcodes(group, kind string, first wsproto.Opcode, sections ...string) []entry {
	settings := []struct {
		title string
		steps []cases.Step
		want  Want
	}{
		{
			"a frame of undefined %s opcode %d, no payload",
			[]cases.Step{cases.Reserved(first, "")},
			failing(wsproto.StatusProtocolError),
		},
		{
			"a frame of undefined %s opcode %d, some payload",
			[]cases.Step{cases.Reserved(first+1, "reserved opcode payload")},
			failing(wsproto.StatusProtocolError),
		},
		{
			"a text message, an empty frame of undefined %s opcode %d, a ping",
			[]cases.Step{cases.Text(greeting), cases.Reserved(first+2, ""), cases.Ping("")},
			echoThenFails(),
		},
		{
			"a text message, a frame of undefined %s opcode %d, a ping",
			[]cases.Step{cases.Text(greeting), cases.Reserved(first+3, greeting), cases.Ping("")},
			echoThenFails(),
		},
		{
			"a text message, a frame of undefined %s opcode %d, a ping, one byte per write",
			[]cases.Step{cases.Text(greeting).Chopped(1), cases.Reserved(first+4, greeting).Chopped(1), cases.Ping("").Chopped(1)},
			echoThenFails(),
		},
	}
	list := make([]entry, len(settings))
	for i, s := range settings {
		list[i] = entry{
			ID:     cases.ID(fmt.Sprintf("%s.%d", group, i+1)),
			Title:  fmt.Sprintf(s.title, kind, int(first)+i),
			Expect: expectFail,
			RFC:    rfc6455(sections...),
			Steps:  append(s.steps, cases.KillAfter{After: time.Second}),
			Want:   s.want,
		}
		if len(s.want.Events) > 1 {
			list[i].Expect = expectEchoThenFail
		}
	}
	return list
}
