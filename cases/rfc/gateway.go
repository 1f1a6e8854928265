package rfc

import (
	"slices"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/internal/transcript"
)

// gateway is G: what stands between a client and an origin, both of them ours.
func gateway() []cases.Case {
	return slices.Concat(gatewayRequests(), gatewayResponses(), gatewayRefusals(), gatewayFrames(), gatewayEnds(), gatewaySmuggling(), gatewayLoad())
}

var (
	onlyGateways = []cases.Role{cases.Gateway}

	// rest lets the other end close.
	rest = cases.Await{For: 2 * failure}
	// heard is the wait of our origin for a message, and what it answers.
	heard   = cases.Await{For: failure, Until: []transcript.EventKind{transcript.GotMessage, transcript.GotClose}}
	replies = []cases.Step{heard, cases.Text(probe), rest}

	probeHeard = check.Messages{cases.GotText(cases.Data([]byte(probe)))}
	status5xx  = check.Status{From: 500, To: 599}

	// untouched grades an end at which nothing but the message is looked at.
	untouched = cases.Clauses{{Grade: cases.OK, Checks: cases.Every{probeHeard, check.Lawful{}}}}
	// unreached grades our origin where the gateway may answer by itself.
	unreached = cases.Clauses{{Grade: cases.OK, Checks: cases.Every{anything{}}}}
)

// through is a connection of our client, and its other half at our origin.
func through(client, origin cases.Conn) []cases.Conn {
	origin.Origin = true
	if client.Want == nil {
		client.Want = accepted
	}
	if origin.Want == nil {
		origin.Want = untouched
	}
	return []cases.Conn{client, origin}
}

// sending is a message each way, behind a request with these edits.
func sending(want cases.Clauses, edits ...cases.Edit) []cases.Conn {
	return through(asked(edits...), cases.Conn{Steps: replies, Want: want})
}

// answering is a message each way, if a response with these edits lets it.
func answering(want cases.Clauses, edits ...cases.Edit) []cases.Conn {
	return through(
		cases.Conn{Head: cases.Head{cases.Add("X-Client", "wsconform")}, Steps: probed, Want: want},
		cases.Conn{Head: edits, Steps: replies, Want: unreached},
	)
}

// refusing is a request that our origin answers with this status.
func refusing(status string, want cases.Clauses, edits ...cases.Edit) []cases.Conn {
	head := append(cases.Head{
		cases.Start("HTTP/1.1 " + status), cases.Without("Upgrade"), cases.Without("Sec-WebSocket-Accept"), cases.Set("Connection", "close"),
	}, edits...)
	return through(cases.Conn{Steps: probed, Want: want}, cases.Conn{Head: head, Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Reached{}}}}})
}

// arrives grades our origin: the message came, and these hold. Something below HTTP, that
// changes no byte, is no party to what HTTP asks of a gateway.
func arrives(checks ...cases.Check) cases.Clauses {
	return cases.Clauses{
		{Grade: cases.OK, Checks: append(cases.Every{probeHeard, check.Lawful{}}, checks...)},
		{Grade: cases.Informational, Checks: cases.Every{probeHeard, check.Lawful{}, check.Tunnelled{}}},
	}
}

// comes grades our client: the message came back, and these hold.
func comes(checks ...cases.Check) cases.Clauses {
	return cases.Clauses{{Grade: cases.OK, Checks: append(cases.Every{probeEchoed, check.Lawful{}}, checks...)}}
}

// asSent grades a response that opens nothing.
func asSent(checks ...cases.Check) cases.Clauses {
	return cases.Clauses{{Grade: cases.OK, Checks: append(cases.Every{check.SameStatus{}, check.Quiet{}}, checks...)}}
}

// exposed grades a response of the origin that is wrong: the gateway says so, or lets the
// client see it.
func exposed(visible ...cases.Check) cases.Clauses {
	return cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Quiet{}, check.Either{
		status5xx, append(cases.Every{check.SameStatus{}}, visible...),
		cases.Every{check.NoAnswer{}, check.Ends{Within: refusal}},
	}}}}
}

// gatewayRequests are requests on their way to the origin.
func gatewayRequests() []cases.Case {
	return []cases.Case{
		{
			ID: "G.1.1", Title: "a standard handshake through a gateway, and a message each way", Roles: onlyGateways,
			Requirements: []string{"RFC9110-5.1-forward", "RFC6455-4.1-resp-accept", "RFC9110-7.7-target"},
			Conns: sending(arrives(
				check.Sound{}, check.SameTarget{}, check.Forwarded{Name: "Sec-WebSocket-Key"}, check.Forwarded{Name: "Sec-WebSocket-Version"},
				check.Forwarded{Name: "Sec-WebSocket-Protocol"}, check.Forwarded{Name: "Upgrade"},
			)),
		},
		{
			ID: "G.1.2", Title: "a request target with a query, an escaped slash and an escaped blank", Roles: onlyGateways,
			Requirements: []string{"RFC9110-7.7-target"},
			Conns:        sending(arrives(check.SameTarget{}), cases.Start("GET {target}a%2Fb?c=d%20e&f=%23&g=?/ HTTP/1.1")),
		},
		{
			ID: "G.1.3", Title: "Origin, Cookie, Authorization and a field that nobody knows", Roles: onlyGateways,
			Requirements: []string{"RFC9110-5.1-forward"},
			Conns: sending(
				arrives(
					check.Forwarded{Name: "Origin"}, check.Forwarded{Name: "Cookie"}, check.Forwarded{Name: "Authorization"}, check.Forwarded{Name: "X-Nobody"},
				),
				cases.Add("Origin", "http://page.test"), cases.Add("Cookie", "a=b; c=d"), cases.Add("Authorization", "Bearer aGVsbG8="),
				cases.Add("X-Nobody", "knows; what=\"this\""),
			),
		},
		{
			ID: "G.1.4", Title: "two lines of one field", Roles: onlyGateways,
			Requirements: []string{"RFC9110-5.3-order"},
			Conns:        sending(arrives(check.Forwarded{Name: "X-Twice"}), cases.Add("X-Twice", "one"), cases.Add("X-Twice", "two")),
		},
		{
			ID: "G.1.5", Title: "a field that Connection names", Roles: onlyGateways,
			Requirements: []string{"RFC9110-7.6.1-nominated"},
			Conns: sending(
				arrives(check.Removed{Name: "X-Hop"}, check.NotNominated{Token: "X-Hop"}),
				cases.Set("Connection", "Upgrade, X-Hop"), cases.Add("X-Hop", "1"),
			),
		},
		{
			ID: "G.1.6", Title: "Keep-Alive, Proxy-Connection and TE", Roles: onlyGateways, Level: cases.Should,
			Requirements: []string{"RFC9110-7.6.1-known"},
			Conns: sending(
				arrives(check.Removed{Name: "Keep-Alive"}, check.Removed{Name: "Proxy-Connection"}, check.Removed{Name: "TE"}),
				cases.Add("Keep-Alive", "timeout=5"), cases.Add("Proxy-Connection", "keep-alive"), cases.Add("TE", "trailers"),
				cases.Set("Connection", "Upgrade, TE"),
			),
		},
		{
			ID: "G.1.7", Title: "connection: upgrade and upgrade: websocket, in lower case", Roles: onlyGateways,
			Requirements: []string{"RFC9110-7.8-case-insensitive", "RFC9110-5.1-name-case"},
			Conns:        sending(untouched, cases.Replace("Connection: Upgrade", "connection: upgrade"), cases.Replace("Upgrade: WebSocket", "upgrade: websocket")),
		},
		{
			ID: "G.1.8", Title: "Connection: keep-alive, Upgrade, as browsers send it", Roles: onlyGateways,
			Requirements: []string{"RFC6455-4.2.1-connection", "RFC9110-7.6.1-nominated"},
			Conns:        sending(arrives(check.Sound{}), cases.Set("Connection", "keep-alive, Upgrade")),
		},
		{
			ID: "G.1.9", Title: "a request that offers no subprotocol", Roles: onlyGateways,
			Requirements: []string{"RFC9110-5.1-forward"},
			Conns:        sending(arrives(check.Removed{Name: "Sec-WebSocket-Protocol"}), cases.Without("Sec-WebSocket-Protocol")),
		},
		{
			ID: "G.1.10", Title: "the names of fields in odd case", Roles: onlyGateways,
			Requirements: []string{"RFC9110-5.1-name-case"},
			Conns: sending(
				arrives(check.Forwarded{Name: "Sec-WebSocket-Key"}),
				cases.Replace("Sec-WebSocket-Key:", "sEC-wEBSOCKET-kEY:"), cases.Replace("Connection:", "cONNECTION:"), cases.Replace("Upgrade:", "uPGRADE:"),
			),
		},
		{
			ID: "G.1.11", Title: "a cookie of 4,000 bytes", Roles: onlyGateways,
			Requirements: []string{"RFC9110-5.1-forward"},
			Conns:        sending(arrives(check.Forwarded{Name: "Cookie"}), cases.Add("Cookie", "a="+string(slices.Repeat([]byte("b"), 4000)))),
		},
		{
			ID: "G.1.12", Title: "a request in pieces of 20 bytes", Roles: onlyGateways,
			Requirements: []string{"RFC9110-5.1-forward"},
			Conns:        sending(arrives(check.Forwarded{Name: "Sec-WebSocket-Key"}), cases.Apart(20)),
		},
		{
			// A message with compression says more than the field: if both ends are told the
			// same, it can be read.
			ID: "G.1.13", Title: "permessage-deflate, and a compressed message each way", Roles: onlyGateways,
			Requirements: []string{"RFC6455-5.4-proxy-extensions", "RFC6455-5.4-proxy-reserved"},
			Conns: through(
				cases.Conn{Deflate: &cases.Deflate{Offers: "permessage-deflate"}, Steps: []cases.Step{compressedHello, heard}, Want: inflated},
				cases.Conn{Deflate: &cases.Deflate{Accept: []cases.Demand{{}}}, Steps: []cases.Step{heard, compressedHello, rest}, Want: inflated},
			),
		},
		{
			ID: "G.1.14", Title: "a version that the origin does not speak", Roles: onlyGateways,
			Requirements: []string{"RFC9110-5.1-forward", "RFC9110-15.2.2-switch"},
			Conns: through(
				cases.Conn{
					Head: cases.Head{cases.Set("Sec-WebSocket-Version", "99")}, Steps: probed,
					Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Quiet{}, status4xx}}},
				},
				cases.Conn{
					Head: cases.Head{
						cases.Start("HTTP/1.1 426 Upgrade Required"), cases.Set("Upgrade", "websocket"), cases.Without("Sec-WebSocket-Accept"),
						cases.Set("Connection", "close, Upgrade"), cases.Add("Sec-WebSocket-Version", "13"), cases.Add("Content-Length", "0"),
					},
					Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Either{check.Forwarded{Name: "Sec-WebSocket-Version"}, unasked{}}}}},
				},
			),
		},
	}
}

// anything holds always.
type anything struct{}

// Holds is true.
func (anything) Holds(*transcript.Transcript) bool { return true }

func (anything) String() string { return "anything" }

// unasked holds where no request reached the origin.
type unasked struct{}

// Holds looks for a request.
func (unasked) Holds(t *transcript.Transcript) bool { return t.Request == "" }

func (unasked) String() string { return "the gateway answers by itself" }

// compressedHello is "Hello" under permessage-deflate (RFC 7692 §7.2.3.1).
var compressedHello = cases.Text("\xf2\x48\xcd\xc9\xc9\x07\x00").WithRSV(4)

// inflated grades an end that got it. A gateway may keep compression off.
var inflated = cases.Clauses{
	{Grade: cases.OK, Checks: cases.Every{check.Agreed{}, check.Messages{cases.GotText(cases.Data([]byte("Hello")))}, check.Lawful{}}},
	{Grade: cases.Informational, Checks: cases.Every{check.Declined{}, check.Quiet{}}},
}

// gatewayIdle is how long nothing is sent in a case about that.
const gatewayIdle = 1500 * time.Millisecond
