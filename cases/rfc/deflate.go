package rfc

import (
	"strconv"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// The probe, compressed: by zlib's deflate with raw output, level 9. Those of a message
// are flushed with Z_SYNC_FLUSH and end before its 00 00 ff ff (RFC 7692 §7.2.1); the
// final ones are ended by Z_FINISH.
const (
	zProbe = "\x32\x49\x32\x4c\x31\x48\x36\x4a\xb4\x4c\x35\x4f\x33\xb5\x30\x36\x03\x00"
	zFinal = "\x33\x49\x32\x4c\x31\x48\x36\x4a\xb4\x4c\x35\x4f\x33\xb5\x30\x36\x03\x00"
	// zEmpty is a message without text, and the byte behind a final block at the end of
	// a message (RFC 7692 §7.2.3.4).
	zEmpty = "\x00"
	// zFinalHalf is the first half of the probe in a final block, zRest the other half.
	zFinalHalf = "\x33\x49\x32\x4c\x31\x48\x36\x4a\x04\x00"
	zRest      = "\xb2\x4c\x35\x4f\x33\xb5\x30\x36\x03\x00"
	// zAgain is the probe as a match of 16 bytes behind the same text.
	zAgain = "\x32\x41\xe3\x03\x00"
	// zBadText is C3 28, which is not UTF-8.
	zBadText = "\x3a\xac\x01\x00"
)

// deflate is D: permessage-deflate.
var deflate = []cases.Case{
	{
		ID: "D.1.2", Title: "an offer with an illegal parameter before a good one", Roles: onlyServers,
		Requirements: []string{
			"RFC7692-7-server-unknown-param", "RFC7692-7-server-invalid-value", "RFC7692-7-server-duplicate",
			"RFC7692-5-multiple-offers", "RFC7692-5-preference",
		},
		Needs: []cases.Need{cases.NeedDeflate},
		Conns: []cases.Conn{
			{Deflate: &cases.Deflate{Offers: "permessage-deflate; x-unknown=1, permessage-deflate"}},
			{Deflate: &cases.Deflate{Offers: "permessage-deflate; server_max_window_bits=99, permessage-deflate"}},
			{Deflate: &cases.Deflate{Offers: "permessage-deflate; server_no_context_takeover; server_no_context_takeover, permessage-deflate"}},
		},
		Want: also(agreed("client_max_window_bits"), cases.Clause{Grade: cases.NonStrict, Checks: cases.Every{cases.Status{From: 400, To: 400}}}),
	},
	{
		ID: "D.1.6", Title: "a plain offer, one with client_max_window_bits, and one behind another that cannot be had", Roles: onlyServers,
		Requirements: []string{
			"RFC6455-9-params-per-spec", "RFC6455-9.1-params-defined", "RFC7692-7.1.2.2-not-unasked", "RFC7692-7.1.2.1-resp-abnf",
			"RFC7692-7.1.2.2-resp-abnf", "RFC7692-5-accept-name",
		},
		Needs: []cases.Need{cases.NeedDeflate},
		Conns: []cases.Conn{
			{Deflate: &cases.Deflate{Offers: "permessage-deflate"}},
			{Deflate: &cases.Deflate{Offers: "permessage-deflate; client_max_window_bits"}, Want: agreed()},
			{Deflate: &cases.Deflate{Offers: "permessage-deflate; x-unknown, permessage-deflate"}},
		},
		Want: agreed("client_max_window_bits"),
	},
	{
		// A server declines what its library cannot do; many cannot do 8.
		ID: "D.1.7", Title: "server_max_window_bits from 8 to 15, and an echo in that window", Roles: onlyServers,
		Requirements: []string{
			"RFC7692-7.1.2.1-resp-not-larger", "RFC7692-7-server-unsupported", "RFC7692-5-fully-supported", "RFC7692-7.2.1-server-window",
		},
		Needs: []cases.Need{cases.NeedDeflate},
		Conns: []cases.Conn{
			serverWindow(8), serverWindow(9), serverWindow(10), serverWindow(11),
			serverWindow(12), serverWindow(13), serverWindow(14),
			{
				Deflate: &cases.Deflate{Offers: "permessage-deflate; server_max_window_bits=15"},
				Steps:   far,
				Want: cases.Clauses{
					{Grade: cases.OK, Checks: cases.Every{cases.Bits{Param: "server_max_window_bits", From: 8, To: 15}, cases.Echoed{Text: farText}}},
					{Grade: cases.NonStrict, Checks: cases.Every{cases.Agreed{Without: []string{"server_max_window_bits"}}, cases.Echoed{Text: farText}}},
					{Grade: cases.Informational, Checks: cases.Every{cases.Declined{}, cases.Echoed{Text: farText}}},
				},
			},
		},
		Want: cases.Clauses{{Grade: cases.OK}},
	},
	{
		ID: "D.1.8", Title: "client_max_window_bits from 8 to 15, and a compressed message", Roles: onlyServers,
		Requirements: []string{"RFC7692-7.1.2.2-server-may", "RFC7692-7.1.2.2-client-may", "RFC7692-7.1.2.2-resp-abnf"},
		Needs:        []cases.Need{cases.NeedDeflate},
		Conns: []cases.Conn{
			clientWindow(8), clientWindow(9), clientWindow(10), clientWindow(11),
			clientWindow(12), clientWindow(13), clientWindow(14), clientWindow(15),
		},
		Want: cases.Clauses{{Grade: cases.OK}},
	},
	{
		ID: "D.1.11", Title: "RSV1 in a text frame, where only an unknown extension was offered", Roles: onlyServers,
		Requirements: []string{"RFC7692-5-proceed-without", "RFC6455-5.2-rsv-fail", "RFC6455-5.8-negotiate"},
		Conns: []cases.Conn{
			{
				Deflate: &cases.Deflate{Offers: "x-unknown"},
				Steps:   barred(zText(zProbe)),
			},
			survived,
		},
		Want: failed,
	},
	{
		ID: "D.2.2", Title: "windows of 7, 16, 08, 99 and no bits in the response", Roles: onlyClients,
		Requirements: []string{"RFC7692-7-client-invalid-value", "RFC7692-7.1.2.1-resp-abnf"},
		Conns: []cases.Conn{
			answers("permessage-deflate; server_max_window_bits=7"), answers("permessage-deflate; server_max_window_bits=16"),
			answers("permessage-deflate; server_max_window_bits=08"), answers("permessage-deflate; server_max_window_bits=99"),
			answers("permessage-deflate; server_max_window_bits"),
		},
		Want: notOpened,
	},
	{
		ID: "D.2.3", Title: "an unknown parameter of permessage-deflate in the response", Roles: onlyClients,
		Requirements: []string{"RFC7692-7-client-unknown-param"},
		Conns:        []cases.Conn{answers("permessage-deflate; x-unknown=1")},
		Want:         notOpened,
	},
	{
		ID: "D.2.4", Title: "a parameter of permessage-deflate twice in the response", Roles: onlyClients,
		Requirements: []string{"RFC7692-7-client-duplicate"},
		Conns:        []cases.Conn{answers("permessage-deflate; server_no_context_takeover; server_no_context_takeover")},
		Want:         notOpened,
	},
	{
		ID: "D.2.9", Title: "permessage-deflate twice in the response", Roles: onlyClients,
		Requirements: []string{"RFC7692-5-rsv1-conflict-client", "RFC7692-5-invalid-response", "RFC6455-4.1-validate-response"},
		Conns:        []cases.Conn{answers("permessage-deflate, permessage-deflate")},
		Want:         notOpened,
	},
	{
		ID: "D.2.11", Title: "RSV1 in a text frame to a client, where no extension was agreed", Roles: onlyClients,
		Requirements: []string{"RFC7692-5-proceed-without", "RFC6455-5.2-rsv-fail", "RFC6455-5.8-negotiate"},
		Conns:        []cases.Conn{{Steps: barred(zText(zProbe))}, survived},
		Want:         failed,
	},
	{
		ID: "D.3.1", Title: "a message in a final block of DEFLATE",
		Requirements: []string{"RFC7692-7.2.1-bfinal", "RFC7692-7.2.1-bfinal-padding", "RFC7692-7.2.3.4-receive-bfinal", "RFC7692-6.2-compressed-receive"},
		Needs:        []cases.Need{cases.NeedDeflate},
		Conns:        []cases.Conn{{Deflate: plain, Steps: inTurn(zText(zFinal + zEmpty))}},
		Want:         comesBack(probe),
	},
	{
		ID: "D.3.2", Title: "a final block of DEFLATE in the middle of a message",
		Requirements: []string{"RFC7692-7.2.1-bfinal", "RFC7692-7.2.1-multi-blocks", "RFC7692-7.2.3.4-receive-bfinal"},
		Needs:        []cases.Need{cases.NeedDeflate},
		Conns:        []cases.Conn{{Deflate: plain, Steps: inTurn(zText(zFinalHalf + zRest))}},
		Want:         comesBack(probe),
	},
	{
		ID: "D.3.5", Title: "an empty compressed message, then another",
		Requirements: []string{"RFC7692-7.2.3-empty-message", "RFC6455-6.1-transmit"},
		Needs:        []cases.Need{cases.NeedDeflate},
		Conns:        []cases.Conn{{Deflate: plain, Steps: inTurn(zText(zEmpty), zText(zProbe))}},
		Want:         comesBack("", probe),
	},
	{
		ID: "D.3.9", Title: "compressed and plain messages in turn",
		Requirements: []string{
			"RFC7692-6.1-uncompressed-send", "RFC7692-6.2-uncompressed-receive", "RFC7692-7.2.2-server-keep", "RFC7692-7.2.2-client-keep",
		},
		Needs: []cases.Need{cases.NeedDeflate},
		Conns: []cases.Conn{{Deflate: plain, Steps: inTurn(zText(zProbe), cases.Text("plain"), zText(zAgain))}},
		Want:  comesBack(probe, "plain", probe),
	},
	{
		ID: "D.3.11", Title: "two long texts that the peer may compress",
		Requirements: []string{"RFC7692-7.2.1-algorithm"},
		Needs:        []cases.Need{cases.NeedDeflate},
		Conns:        []cases.Conn{{Deflate: plain, Steps: inTurn(cases.Text(farText), cases.Text(farText))}},
		Want:         comesBack(farText, farText),
	},
	{
		ID: "D.3.12", Title: "a compressed message in fragments of a byte, and pings between them",
		Requirements: []string{"RFC7692-6.2-compressed-receive", "RFC7692-7.2.1-no-trim-nonfinal", "RFC6455-5.4-handle-control-mid"},
		Needs:        []cases.Need{cases.NeedDeflate},
		Conns:        []cases.Conn{{Deflate: plain, Steps: crumbs(zProbe)}},
		Want:         comesBack(probe),
	},
	{
		ID: "D.3.13", Title: "a compressed text that is not UTF-8",
		Requirements: []string{"RFC7692-6.2-constraints-after", "RFC6455-8.1-invalid-utf8", "RFC6455-7.4.1-1007"},
		Needs:        []cases.Need{cases.NeedDeflate},
		Conns:        []cases.Conn{{Deflate: plain, Steps: barred(zText(zBadText))}, alsoPlain},
		Want: cases.Clauses{
			undeflated,
			{Grade: cases.OK, Checks: cases.Every{cases.Quiet{}, cases.Code{wsproto.StatusInvalidFramePayloadData}, cases.Ends{Within: failure}}},
			{Grade: cases.NonStrict, Checks: cases.Every{cases.Quiet{}, cases.Ends{Within: failure}, cases.Either{
				cases.Dropped{Within: failure}, cases.Code{wsproto.StatusProtocolError},
			}}},
		},
	},
	{
		ID: "D.3.15", Title: "a message behind one in a final block of DEFLATE",
		Requirements: []string{"RFC7692-7.2.1-bfinal", "RFC7692-7.2.3.4-receive-bfinal"},
		Needs:        []cases.Need{cases.NeedDeflate},
		Conns:        []cases.Conn{{Deflate: plain, Steps: inTurn(zText(zFinal+zEmpty), zText(zProbe))}},
		Want:         comesBack(probe, probe),
	},
	{
		// Not every library keeps its window across a final block, and few senders need it.
		ID: "D.3.16", Title: "a reference back across a final block of DEFLATE",
		Requirements: []string{"RFC7692-7.2.3.4-receive-bfinal", "RFC7692-7.2.2-server-keep", "RFC7692-7.2.2-client-keep"},
		Needs:        []cases.Need{cases.NeedDeflate},
		Conns: []cases.Conn{
			{Deflate: plain, Steps: inTurn(zText(zFinal+zEmpty), zText(zAgain))},
			alsoPlain,
		},
		Want: also(comesBack(probe, probe), cases.Clause{
			Grade:  cases.NonStrict,
			Checks: cases.Every{cases.Echoed{Text: probe}, cases.Either{cases.Code{1002, 1003, 1007, 1011}, cases.Dropped{Within: failure}}},
		}),
	},
	{
		ID: "D.3.17", Title: "a compressed message whose first fragment is empty",
		Requirements: []string{"RFC7692-6.2-compressed-receive", "RFC6455-5.4-any-fragment-size"},
		Needs:        []cases.Need{cases.NeedDeflate},
		Conns: []cases.Conn{{
			Deflate: plain,
			Steps:   []cases.Step{zText("").More(), cases.Cont(zProbe), answered},
		}},
		Want: comesBack(probe),
	},
	{
		ID: "D.4.1", Title: "RSV1 in a ping and in a pong, where permessage-deflate was agreed",
		Requirements: []string{"RFC7692-6.1-rsv1-fail"},
		Needs:        []cases.Need{cases.NeedDeflate},
		Conns: []cases.Conn{
			{Deflate: plain, Steps: barred(cases.Ping("marked").WithRSV(wsproto.RSV1))},
			{Deflate: plain, Steps: barred(cases.Pong("marked").WithRSV(wsproto.RSV1))},
			alsoPlain,
		},
		Want: failsCompressed,
	},
	{
		ID: "D.4.2", Title: "RSV1 in a continuation of a compressed message and of a plain one",
		Requirements: []string{"RFC7692-6.1-rsv1-fail"},
		Needs:        []cases.Need{cases.NeedDeflate},
		Conns: []cases.Conn{
			{Deflate: plain, Steps: barred(zText(zProbe[:9]).More(), cases.Cont(zProbe[9:]).WithRSV(wsproto.RSV1))},
			{Deflate: plain, Steps: barred(cases.Text(probe[:8]).More(), cases.Cont(probe[8:]).WithRSV(wsproto.RSV1))},
			alsoPlain,
		},
		Want: failsCompressed,
	},
}

// plain is a negotiation without parameters.
var plain = &cases.Deflate{Offers: "permessage-deflate", Accept: []cases.Demand{{}}}

// undeflated is the clause of peers without permessage-deflate.
var undeflated = cases.Clause{Grade: cases.Unimplemented, Checks: cases.Every{cases.Declined{}}}

// alsoPlain is the last connection of cases that a peer may end: it has survived them.
var alsoPlain = cases.Conn{Deflate: plain, Steps: survived.Steps, Want: comesBack(probe)}

// failsCompressed grades what a peer with permessage-deflate must fail.
var failsCompressed = append(cases.Clauses{undeflated}, failed...)

// comesBack wants these texts, one after the other.
func comesBack(texts ...string) cases.Clauses {
	var list cases.Messages
	for _, text := range texts {
		list = append(list, cases.GotText(cases.Data([]byte(text))))
	}
	return cases.Clauses{undeflated, {Grade: cases.OK, Checks: cases.Every{list, cases.Clean{}}}}
}

// zText is a text message that is compressed already.
func zText(z string) cases.Frame { return cases.Text(z).WithRSV(wsproto.RSV1) }

// inTurn sends the messages, each after the echo of the one before.
func inTurn(frames ...cases.Frame) []cases.Step {
	var steps []cases.Step
	for _, f := range frames {
		steps = append(steps, f, answered)
	}
	return steps
}

// crumbs sends a compressed text in fragments of a byte, and a ping behind each.
func crumbs(z string) []cases.Step {
	steps := []cases.Step{zText(z[:1]).More(), cases.Ping("between")}
	for i := 1; i < len(z); i++ {
		steps = append(steps, cases.Cont(z[i:i+1]).More(), cases.Ping("between"))
	}
	return append(steps, cases.Cont(""), answered)
}

// answers is a response with these extensions.
func answers(extensions string) cases.Conn {
	return cases.Conn{Head: cases.Head{cases.Add("Sec-WebSocket-Extensions", extensions)}, Steps: tempted}
}

// farText repeats itself after 20000 bytes: a compressor with a larger window than
// was agreed refers back to them.
var farText = func() string {
	unit := make([]byte, 20000)
	for i, state := 0, uint32(1); i < len(unit); i++ {
		state = state*1664525 + 1013904223
		unit[i] = "0123456789abcdef"[state>>28]
	}
	return string(unit) + string(unit)
}()

// far sends it.
var far = []cases.Step{cases.Text(farText), answered}

// serverWindow asks a server for a window.
func serverWindow(bits int) cases.Conn {
	return cases.Conn{
		Deflate: &cases.Deflate{Offers: "permessage-deflate; server_max_window_bits=" + strconv.Itoa(bits)},
		Steps:   far,
		Want: cases.Clauses{
			{Grade: cases.OK, Checks: cases.Every{cases.Bits{Param: "server_max_window_bits", From: 8, To: bits}, cases.Echoed{Text: farText}}},
			{Grade: cases.Informational, Checks: cases.Every{cases.Declined{}, cases.Echoed{Text: farText}}},
		},
	}
}

// clientWindow tells a server how large our window is at most.
func clientWindow(bits int) cases.Conn {
	return cases.Conn{
		Deflate: &cases.Deflate{Offers: "permessage-deflate; client_max_window_bits=" + strconv.Itoa(bits)},
		Steps:   inTurn(zText(zProbe)),
		Want: cases.Clauses{
			{Grade: cases.OK, Checks: cases.Every{cases.Echoed{Text: probe}, cases.Either{
				cases.Bits{Param: "client_max_window_bits", From: 8, To: bits}, cases.Agreed{Without: []string{"client_max_window_bits"}},
			}}},
			{Grade: cases.Informational, Checks: cases.Every{cases.Declined{}}},
		},
	}
}

// agreed wants permessage-deflate without these parameters.
func agreed(without ...string) cases.Clauses {
	return cases.Clauses{
		{Grade: cases.OK, Checks: cases.Every{cases.Status{From: 101, To: 101}, cases.Agreed{Without: without}}},
		{Grade: cases.Unimplemented, Checks: cases.Every{cases.Status{From: 101, To: 101}, cases.NoField{Name: "Sec-WebSocket-Extensions"}}},
	}
}
