package rfc

import (
	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// masking is M. A ping behind each bad frame is the barrier: its pong proves that
// the connection is still in use.
var masking = []cases.Case{
	{
		ID: "M.1.1", Title: "a text frame without a mask", Roles: onlyServers,
		Requirements: []string{
			"RFC6455-5.1-server-rejects-unmasked", "RFC6455-5.1-server-1002", "RFC6455-7.1.7-stop-processing", "RFC6455-7.1.7-server-close",
		},
		Conns: []cases.Conn{{Steps: unmasked(cases.Text(probe))}, survived},
		Want:  failed,
	},
	{
		ID: "M.1.2", Title: "a ping, a pong and a close frame without a mask", Roles: onlyServers,
		Requirements: []string{"RFC6455-5.1-server-rejects-unmasked"},
		Conns: []cases.Conn{
			{Steps: unmasked(cases.Ping("unmasked"))},
			{Steps: unmasked(cases.Pong("unmasked"))},
			{
				Steps: unmasked(cases.Frame{Opcode: wsproto.OpClose, Payload: cases.Data(cases.Close{Code: wsproto.StatusNormalClosure}.Body())}),
				Want: also(failed, cases.Clause{Grade: cases.NonStrict, Checks: cases.Every{
					cases.Quiet{}, cases.Code{wsproto.StatusNormalClosure}, cases.Ends{Within: failure},
				}}),
			},
			survived,
		},
		Want: failed,
	},
	{
		ID: "M.2.1", Title: "a text frame with a mask from a server", Roles: onlyClients,
		Requirements: []string{"RFC6455-7.1.7-client-close", "RFC6455-5.1-client-rejects-masked", "RFC6455-5.1-client-1002"},
		Conns:        []cases.Conn{{Steps: masked(cases.Text(probe))}, survived},
		Want:         failed,
	},
	{
		ID: "M.2.2", Title: "a ping, a pong and a close frame with a mask from a server", Roles: onlyClients,
		Requirements: []string{"RFC6455-5.1-client-rejects-masked"},
		Conns: []cases.Conn{
			{Steps: masked(cases.Ping("masked"))},
			{Steps: masked(cases.Pong("masked"))},
			{
				Steps: masked(cases.Frame{Opcode: wsproto.OpClose, Payload: cases.Data(cases.Close{Code: wsproto.StatusNormalClosure}.Body())}),
				Want: also(failed, cases.Clause{Grade: cases.NonStrict, Checks: cases.Every{
					cases.Quiet{}, cases.Code{wsproto.StatusNormalClosure}, cases.Ends{Within: failure},
				}}),
			},
			survived,
		},
		Want: failed,
	},
}

// masked sends the frame with a mask and the barrier.
func masked(f cases.Frame) []cases.Step {
	f.Masking = cases.MaskAlways
	return []cases.Step{f, cases.Ping("barrier"), cases.Await{For: failure, Until: data}}
}

// unmasked sends the frame without a mask and the barrier.
func unmasked(f cases.Frame) []cases.Step {
	f.Masking = cases.MaskNever
	return []cases.Step{f, cases.Ping("barrier"), cases.Await{For: failure, Until: data}}
}
