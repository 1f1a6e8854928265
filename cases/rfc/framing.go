package rfc

import (
	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// framing is F.
var framing = []cases.Case{
	{
		ID: "F.1.4", Title: "a length of 2^63 + 65536, and 65536 bytes",
		Requirements: []string{"RFC6455-5.2-len64-msb", "RFC6455-10.4-protect-limits"},
		Conns: []cases.Conn{
			{Steps: []cases.Step{
				cases.FrameHeader{Opcode: wsproto.OpBinary, Length: 1<<63 + 65536},
				cases.Octets{Payload: cases.Repeat("*", 65536)},
				cases.Await{For: failure, Until: append(data, cases.GotClose)},
			}},
			survived,
		},
		Want: cases.Clauses{
			{Grade: cases.OK, Checks: cases.Every{cases.Quiet{}, cases.Code{wsproto.StatusProtocolError, wsproto.StatusMessageTooBig}}},
			{Grade: cases.NonStrict, Checks: cases.Every{cases.Quiet{}, cases.Dropped{Within: failure}}},
		},
	},
	{
		ID: "F.1.11", Title: "a binary message that begins inside a text message",
		Requirements: []string{"RFC6455-5.4-no-interleave", "RFC6455-5.4-fragment-type"},
		Conns: []cases.Conn{
			{Steps: []cases.Step{
				cases.Text("a").More(), cases.Binary("b").More(), cases.Cont("c"), cases.Ping("barrier"), cases.Await{For: failure, Until: data},
			}},
			survived,
		},
		Want: failed,
	},
}
