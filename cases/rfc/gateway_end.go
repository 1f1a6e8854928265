package rfc

import (
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// closedBy grades an end that was sent this close frame.
func closedBy(code wsproto.StatusCode, reason string) cases.Clauses {
	return cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Code{code}, check.Reason{Text: reason}, check.Clean{}, check.Lawful{}}}}
}

// closes grades the end that closed.
var closes = cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Clean{}, check.Code{wsproto.StatusNormalClosure}, check.Lawful{}}}}

// cutOff grades an end whose other end is gone without a close frame.
var cutOff = cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Dropped{Within: failure}}}}

// gatewayEnds are ends of a connection.
func gatewayEnds() []cases.Case {
	return []cases.Case{
		{
			ID: "G.5.1", Title: "the client closes with 4000 and a reason", Roles: onlyGateways,
			Requirements: []string{"RFC6455-5.4-proxy-control"},
			Conns: through(
				cases.Conn{Steps: []cases.Step{cases.Close{Code: 4000, Reason: []byte("the client leaves")}}, Want: closes},
				cases.Conn{Steps: []cases.Step{rest}, Want: closedBy(4000, "the client leaves")},
			),
		},
		{
			ID: "G.5.2", Title: "the origin closes with 4001 and a reason", Roles: onlyGateways,
			Requirements: []string{"RFC6455-5.4-proxy-control"},
			Conns: through(
				cases.Conn{Steps: []cases.Step{rest}, Want: closedBy(4001, "the origin leaves")},
				cases.Conn{Steps: []cases.Step{cases.Close{Code: 4001, Reason: []byte("the origin leaves")}}, Want: closes},
			),
		},
		{
			ID: "G.5.3", Title: "the client closes without a code", Roles: onlyGateways,
			Requirements: []string{"RFC6455-5.4-proxy-control"},
			Conns: through(
				cases.Conn{Steps: []cases.Step{cases.Close{}}, Want: closes},
				cases.Conn{Steps: []cases.Step{rest}, Want: closedBy(0, "")},
			),
		},
		{
			ID: "G.5.4", Title: "the origin closes with 1001, right behind a message", Roles: onlyGateways,
			Requirements: []string{"RFC6455-5.4-proxy-control", "RFC6455-6.2-parse-frames"},
			Conns: through(
				cases.Conn{Steps: []cases.Step{rest}, Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{
					check.Messages(texts("the last")), check.Code{wsproto.StatusGoingAway}, check.Clean{},
				}}}},
				cases.Conn{Steps: []cases.Step{cases.Text("the last"), cases.Close{Code: wsproto.StatusGoingAway}}, Want: closes},
			),
		},
		{
			ID: "G.5.5", Title: "the client ends TCP without a close frame", Roles: onlyGateways,
			Requirements: []string{"RFC6455-7.1.5-code-1006"},
			Conns: through(
				cases.Conn{Steps: []cases.Step{cases.Probe{Text: probe}, cases.HalfClose{}}},
				cases.Conn{Steps: replies, Want: cutOff},
			),
		},
		{
			ID: "G.5.6", Title: "the origin ends TCP without a close frame, right behind a message", Roles: onlyGateways,
			Requirements: []string{"RFC6455-7.1.5-code-1006", "RFC6455-6.2-parse-frames"},
			Conns: through(
				cases.Conn{Steps: []cases.Step{cases.Text(probe), rest}, Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{
					check.Messages(texts("the last")), check.Dropped{Within: failure},
				}}}},
				cases.Conn{Steps: []cases.Step{heard, cases.Text("the last"), cases.HalfClose{}}},
			),
		},
		{
			ID: "G.5.7", Title: "the client resets TCP", Roles: onlyGateways,
			Requirements: []string{"RFC6455-7.1.5-code-1006"},
			Conns: through(
				cases.Conn{Steps: []cases.Step{cases.Probe{Text: probe}, cases.Reset{}}},
				cases.Conn{Steps: replies, Want: cutOff},
			),
		},
		{
			ID: "G.5.8", Title: "the origin resets TCP", Roles: onlyGateways,
			Requirements: []string{"RFC6455-7.1.5-code-1006"},
			Conns: through(
				cases.Conn{Steps: []cases.Step{cases.Text(probe), rest}, Want: cutOff},
				cases.Conn{Steps: []cases.Step{heard, cases.Pause{For: 100 * time.Millisecond}, cases.Reset{}}},
			),
		},
	}
}

// hidden is a request behind another one, with a blank before a colon. Something that takes
// part in HTTP answers it with 400, or leaves that line out (RFC 9112 §5.1); a tunnel forwards
// it.
const (
	hidden     = "GET /hidden HTTP/1.1\r\nHost: {host}\r\n" + hiddenLine + "\r\nConnection: close\r\n\r\n"
	hiddenLine = "X-Hidden : 1"
)

// unseen grades our origin: the hidden request did not come as it was sent.
var unseen = cases.Clauses{
	{Grade: cases.OK, Checks: cases.Every{check.NoRequestWith{Text: hiddenLine}}},
	{Grade: cases.Informational, Checks: cases.Every{check.Tunnelled{}}},
}

// gatewaySmuggling are requests by which a client gets others past a gateway.
func gatewaySmuggling() []cases.Case {
	return []cases.Case{
		{
			// A gateway that believes in an upgrade before the origin says 101 is a tunnel for
			// what comes behind it.
			ID: "G.6.1", Title: "another request behind an upgrade that the origin refuses for its version", Roles: onlyGateways,
			Requirements: []string{"RFC9110-15.2.2-switch", "RFC9110-7.6.1-nominated"},
			Conns: through(
				cases.Conn{
					Head:  cases.Head{cases.Set("Sec-WebSocket-Version", "1337"), cases.Replace("\r\n\r\n", "\r\n\r\n"+hidden)},
					Steps: probed, Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Quiet{}, check.Either{status4xx, dropped}}}},
				},
				cases.Conn{
					Head: cases.Head{
						cases.Start("HTTP/1.1 426 Upgrade Required"), cases.Without("Upgrade"), cases.Without("Sec-WebSocket-Accept"),
						cases.Set("Connection", "keep-alive"), cases.Add("Sec-WebSocket-Version", "13"), cases.Add("Content-Length", "0"),
					},
					Want: unseen,
				},
			),
		},
		{
			ID: "G.6.2", Title: "another request behind an upgrade that the origin answers with 200", Roles: onlyGateways,
			Requirements: []string{"RFC9110-15.2.2-switch", "RFC9110-7.6.1-nominated"},
			Conns: through(
				cases.Conn{
					Head:  cases.Head{cases.Replace("\r\n\r\n", "\r\n\r\n"+hidden)},
					Steps: probed, Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Quiet{}, check.Either{check.Status{From: 200, To: 499}, dropped}}}},
				},
				cases.Conn{
					Head: cases.Head{
						cases.Start("HTTP/1.1 200 OK"), cases.Without("Upgrade"), cases.Without("Sec-WebSocket-Accept"),
						cases.Set("Connection", "keep-alive"), cases.Add("Content-Length", "0"),
					},
					Want: unseen,
				},
			),
		},
		{
			ID: "G.6.3", Title: "an upgrade with a body that is another request", Roles: onlyGateways,
			Requirements: []string{"RFC9112-6.3-cl-invalid", "RFC9110-15.2.2-switch"},
			Conns: through(
				cases.Conn{
					Head: cases.Head{
						cases.Add("Content-Length", "62"),
						cases.Replace("\r\n\r\n", "\r\n\r\nGET /hidden HTTP/1.1\r\nHost: origin.test\r\nX-Hop: 1234567890\r\n\r\n"),
					},
					Steps: probed,
					Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Quiet{}, check.Either{
						status4xx, status5xx, dropped,
					}}}},
				},
				cases.Conn{
					Head: cases.Head{
						cases.Start("HTTP/1.1 403 Forbidden"), cases.Without("Upgrade"), cases.Without("Sec-WebSocket-Accept"),
						cases.Set("Connection", "keep-alive"), cases.Add("Content-Length", "0"),
					},
					Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.NoRequestWith{Text: "X-Hop"}}}},
				},
			),
		},
		{
			ID: "G.6.4", Title: "an upgrade with both Content-Length and Transfer-Encoding", Roles: onlyGateways,
			Requirements: []string{"RFC9112-6.3-te-and-cl"},
			Conns: through(
				cases.Conn{
					Head: cases.Head{
						cases.Add("Content-Length", "5"), cases.Add("Transfer-Encoding", "chunked"), cases.Replace("\r\n\r\n", "\r\n\r\n0\r\n\r\n"),
					},
					Steps: probed, Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Quiet{}}}},
				},
				cases.Conn{
					Head: cases.Head{
						cases.Start("HTTP/1.1 403 Forbidden"), cases.Without("Upgrade"), cases.Without("Sec-WebSocket-Accept"),
						cases.Set("Connection", "close"), cases.Add("Content-Length", "0"),
					},
					Want: cases.Clauses{
						{Grade: cases.OK, Checks: cases.Every{check.Either{unasked{}, check.Removed{Name: "Content-Length"}, check.Removed{Name: "Transfer-Encoding"}}}},
						{Grade: cases.Informational, Checks: cases.Every{check.Tunnelled{}}},
					},
				},
			),
		},
	}
}
