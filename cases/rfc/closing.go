package rfc

import (
	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// closing is C.
var closing = []cases.Case{
	{
		ID: "C.1.7", Title: "half a frame, then the end of our direction of TCP",
		Requirements: []string{"RFC6455-7.1.4-clean", "RFC6455-7.1.5-code-1006"},
		Conns: []cases.Conn{
			{Steps: []cases.Step{
				cases.FrameHeader{Opcode: wsproto.OpText, Length: uint64(len(probe))},
				cases.Octets{Payload: cases.Data([]byte(probe[:8]))},
				cases.HalfClose{},
				cases.Await{For: failure, Until: data},
			}},
			survived,
		},
		Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{cases.Quiet{}, cases.Ends{Within: failure}}}},
	},
}
