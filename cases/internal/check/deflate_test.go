package check_test

import (
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/internal/transcript"
)

func TestDeflateChecks(t *testing.T) {
	answered := func(extensions string) *transcript.Transcript {
		return response("HTTP/1.1 101 x", "Sec-WebSocket-Extensions: "+extensions+"\r\n")
	}
	offered := func(extensions string) *transcript.Transcript {
		return request("Sec-WebSocket-Extensions: " + extensions + "\r\n")
	}
	asClient := func(tr *transcript.Transcript) *transcript.Transcript {
		tr.Role = cases.Client
		return tr
	}
	for _, row := range []checked{
		{
			check.Agreed{With: []string{"server_no_context_takeover"}},
			[]*transcript.Transcript{answered("permessage-deflate; Server_No_Context_Takeover; server_max_window_bits=9")},
			[]*transcript.Transcript{answered("permessage-deflate"), answered("x; server_no_context_takeover"), response("HTTP/1.1 101 x", "")},
			"permessage-deflate with legal parameters, with server_no_context_takeover",
		},
		{
			check.Offers{},
			[]*transcript.Transcript{offered("x, permessage-deflate"), offered("permessage-deflate; client_max_window_bits")},
			[]*transcript.Transcript{request(""), offered("x"), offered("permessage-deflate;;"), {}},
			"the client offers permessage-deflate",
		},
		{
			check.Offers{Param: "client_max_window_bits", Bits: 10},
			[]*transcript.Transcript{
				offered("permessage-deflate; client_max_window_bits"), offered("permessage-deflate; client_max_window_bits=10"),
				offered("permessage-deflate; client_max_window_bits=9, permessage-deflate; client_max_window_bits=15"),
			},
			[]*transcript.Transcript{offered("permessage-deflate"), offered("permessage-deflate; client_max_window_bits=9"), offered("x; client_max_window_bits")},
			"the client offers permessage-deflate with client_max_window_bits of 10 or more",
		},
		{
			check.Restricted{},
			[]*transcript.Transcript{
				answered("permessage-deflate; client_no_context_takeover"), answered("permessage-deflate; client_max_window_bits=14"),
				asClient(answered("permessage-deflate; server_no_context_takeover")), asClient(answered("permessage-deflate; server_max_window_bits=8")),
			},
			[]*transcript.Transcript{
				answered("permessage-deflate"), answered("permessage-deflate; server_no_context_takeover"), answered("permessage-deflate; client_max_window_bits=15"),
				asClient(answered("permessage-deflate; client_no_context_takeover")),
				{},
			},
			"the peer restricts what our compressor may refer to",
		},
	} {
		row.test(t)
	}
}
