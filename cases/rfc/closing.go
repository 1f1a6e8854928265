package rfc

import (
	"slices"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// closing is C.
func closing() []cases.Case {
	return []cases.Case{
		{
			ID: "C.1.1", Title: "twenty messages of 64 KiB and a close frame behind them", Roles: onlyServers,
			Requirements: []string{"RFC6455-5.5.1-no-data-after-close", "RFC6455-6.1-open-state", "RFC6455-5.5.1-close-delay"},
			Needs:        []cases.Need{cases.NeedEcho}, // else nothing is sent that could come late
			Conns: []cases.Conn{{Steps: []cases.Step{
				cases.Repeated{Frame: cases.Frame{Opcode: wsproto.OpBinary, Payload: ofSize(1 << 16)}, Times: 20},
				cases.Frame{Opcode: wsproto.OpClose, Payload: cases.Data(normal.Body())},
				cases.Await{For: 6 * failure},
			}}},
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{
				check.Code{wsproto.StatusNormalClosure, 0}, check.SilentAfterClose{}, check.Lawful{}, check.Ends{Within: 6 * failure},
			}}},
		},
		{
			ID: "C.1.3", Title: "a close frame, and TCP left to the server", Roles: onlyServers,
			Bugs: []cases.Bug{{
				Library: "trio-websocket", Buggy: "0.9.1", Fixed: "0.9.2", Role: cases.Server, Source: "python-trio/trio-websocket#115",
				What: "It left TCP open after the closing handshake.",
			}},
			Requirements: []string{
				"RFC6455-5.5.1-server-closes-now", "RFC6455-7.1.1-server-first", "RFC6455-5.5.1-close-tcp", "RFC6455-7.1.2-close-after-both",
				"RFC6455-5.5.1-close-reply", "RFC6455-5.5.1-close-reply-soon",
			},
			Conns: []cases.Conn{{Steps: []cases.Step{normal}}},
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{
				check.Code{wsproto.StatusNormalClosure, 0}, check.Clean{}, check.Ends{Within: 2 * time.Second},
			}}},
		},
		{
			ID: "C.1.5", Title: "a bad frame and a close frame at once", Roles: onlyServers,
			Requirements: []string{
				"RFC6455-5.5.1-close-reply", "RFC6455-7.1.5-first-close-wins", "RFC6455-7.1.2-start-close", "RFC6455-5.5.1-close-tcp",
			},
			Conns: conns([]cases.Step{
				cases.Text(probe).WithRSV(wsproto.RSV2),
				cases.Frame{Opcode: wsproto.OpClose, Payload: cases.Data(normal.Body())},
				cases.Await{For: failure},
			}),
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.Quiet{}, check.ClosesOnce{}, check.Code{wsproto.StatusProtocolError}, check.Ends{Within: failure}}},
				{Grade: cases.NonStrict, Checks: cases.Every{check.Quiet{}, check.Dropped{Within: failure}}},
			},
		},
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
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Quiet{}, check.Ends{Within: failure}}}},
		},
		{
			ID: "C.1.8", Title: "a close frame without a body",
			Requirements: []string{"RFC6455-7.1.5-code-1005", "RFC6455-7.4.1-1005", "RFC6455-5.5.1-body-optional"},
			Conns:        conns([]cases.Step{cases.Close{}}),
			Want:         closedNormally,
		},
		{
			// Nobody has to know them, but a close frame has to be answered.
			ID: "C.1.9", Title: "the codes 1012, 1013 and 1014",
			Bugs: []cases.Bug{{
				Library: "ws", Buggy: "7.2.1", Fixed: "7.2.2", Role: cases.Server, Source: "websockets/ws#1682",
				What: "It refused the registered close code 1014.",
			}},
			Requirements: []string{"RFC6455-5.5.1-close-reply", "IANA-CLOSE-1012", "IANA-CLOSE-1013", "IANA-CLOSE-1014"},
			Conns:        coded(registered, wsproto.StatusServiceRestart, wsproto.StatusTryAgainLater, wsproto.StatusBadGateway),
			Want:         registered,
		},
		{
			ID: "C.1.10", Title: "the code 1015 in a close frame",
			Requirements: []string{"RFC6455-7.4.2-invalid-received", "RFC6455-7.4.1-1015", "RFC6455-10.7-validate"},
			Conns:        coded(badCode, wsproto.StatusTLSHandshake),
			Want:         badCode,
		},
		{
			ID: "C.1.11", Title: "the codes 3003, 3008, 3999, 4000 and 4999",
			Requirements: []string{"RFC6455-7.4.2-3000-3999", "RFC6455-7.4.2-4000-4999"},
			Conns:        coded(answeredAlike, 3003, 3008, 3999, 4000, 4999),
			Want:         answeredAlike,
		},
		{
			ID: "C.1.12", Title: "the codes 1, 1017, 1999, 2500, 5001, 32768 and 65535",
			Requirements: []string{"RFC6455-7.4.2-invalid-received", "RFC6455-7.4.2-1000-2999", "RFC6455-7.4.2-0-999", "IANA-CLOSE-5000-up"},
			Conns: append(
				coded(badCode, 1, 1017, 1999, 2500),
				coded(also(badCode, cases.Clause{Grade: cases.Informational, Checks: cases.Every{check.Closed{}}}), 5001, 1<<15, 1<<16-1)...,
			),
			Want: badCode,
		},
		{
			ID: "C.1.13", Title: "the code 1000 in the wrong byte order",
			Requirements: []string{"RFC6455-5.5.1-status-first", "RFC6455-7.4.2-invalid-received"},
			Conns:        coded(badCode, 0xE803),
			Want:         badCode,
		},
		{
			ID: "C.1.30", Title: "a close frame with a body of one byte", Level: cases.Should,
			Requirements: []string{"RFC6455-5.5.1-status-first"},
			Conns:        conns([]cases.Step{cases.Close{Reason: []byte("\x03")}}),
			Want:         badCode,
		},
		{
			ID: "C.1.14", Title: "a reason that ends inside a character",
			Requirements: []string{"RFC6455-5.5.1-reason-utf8", "RFC6455-8.1-invalid-utf8"},
			Conns:        conns([]cases.Step{cases.Close{Code: wsproto.StatusNormalClosure, Reason: []byte("cut \xe2\x82")}}),
			Want:         also(cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Code{wsproto.StatusInvalidFramePayloadData}}}}, badCode...),
		},
		{
			ID: "C.1.15", Title: "a reason with a NUL and a byte order mark",
			Requirements: []string{"RFC6455-5.5.1-reason-utf8", "RFC6455-7.1.5-first-close-wins"},
			Conns:        conns([]cases.Step{cases.Close{Code: wsproto.StatusNormalClosure, Reason: []byte("\ufeffa\x00b")}}),
			Want:         closedNormally,
		},
		{
			ID: "C.1.16", Title: "a hundred close frames and pings behind a close frame", Roles: onlyServers,
			Requirements: []string{"RFC6455-5.5.1-no-data-after-close", "RFC6455-5.5.2-pong-reply", "RFC6455-5.5.1-close-tcp"},
			Conns: conns(append([]cases.Step{normal}, slices.Repeat([]cases.Step{
				cases.Ping("late"), cases.Frame{Opcode: wsproto.OpClose, Payload: cases.Data(normal.Body())},
			}, 100)...)),
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.Quiet{}, check.ClosesOnce{}, check.Code{wsproto.StatusNormalClosure, 0}, check.Ends{Within: failure}}},
				{Grade: cases.NonStrict, Checks: cases.Every{check.Quiet{}, check.Dropped{Within: failure}}},
			},
		},
		{
			ID: "C.1.17", Title: "a bad frame and ten good messages at once", Roles: onlyServers,
			Requirements: []string{"RFC6455-7.1.7-stop-processing", "RFC6455-7.1.7-close-frame", "RFC6455-10.7-close-code", "RFC6455-7.4.1-1011"},
			Conns: conns(append(
				[]cases.Step{cases.Text(probe).WithRSV(wsproto.RSV2)},
				cases.Repeated{Frame: cases.Text(probe), Times: 10}, cases.Await{For: failure, Until: data},
			)),
			Want: failed,
		},
		{
			ID: "C.1.18", Title: "a bad frame, and 1 MiB behind it", Level: cases.Should,
			Disputed:     []string{"A peer that fails the connection may end TCP without a close frame (RFC 6455 7.1.7). It then passes as NON-STRICT."},
			Requirements: []string{"RFC6455-7.1.1-clean-close", "RFC6455-7.1.7-close-frame"},
			Conns: conns([]cases.Step{
				cases.Text(probe).WithRSV(wsproto.RSV2),
				cases.Frame{Opcode: wsproto.OpBinary, Payload: ofSize(1 << 20)},
				cases.Await{For: failure, Until: data},
			}),
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.Quiet{}, check.Lawful{}, check.Code{wsproto.StatusProtocolError}}},
				{Grade: cases.NonStrict, Checks: cases.Every{check.Quiet{}, check.Dropped{Within: failure}}},
			},
		},
		{
			// Who waits for an answer without end keeps a connection for each peer that is gone.
			ID: "C.1.28", Title: "a bad frame, and no answer to the close frame that it earns", Slow: true,
			Requirements: []string{"RFC6455-7.1.7-client-close", "RFC6455-7.1.7-server-close", "RFC6455-7.1.7-stop-processing"},
			Conns: []cases.Conn{
				{Steps: []cases.Step{cases.Text(probe).WithRSV(wsproto.RSV2), cases.Await{For: farewell}}, Unanswered: true},
				survived,
			},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.Quiet{}, check.Lawful{}, check.EndsTCP{Within: farewell / 2}}},
				{Grade: cases.NonStrict, Checks: cases.Every{check.Quiet{}, check.Lawful{}, check.EndsTCP{Within: farewell}}},
			},
		},
		{
			// A client may insist on what it offered, and then says on what.
			ID: "C.1.22", Title: "a response without compression, to a client that offers it", Roles: onlyClients, Level: cases.Should,
			Requirements: []string{"RFC6455-7.4.1-1010-list"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns:        []cases.Conn{{Steps: probed}},
			Want: also(accepted, cases.Clause{Grade: cases.OK, Checks: cases.Every{check.Quiet{}, check.OfItself{}, check.Either{
				check.Dropped{Within: failure},
				cases.Every{check.Code{wsproto.StatusMandatoryExt}, check.Reasons{Text: "permessage-deflate"}},
			}}}),
		},
		{
			// Unasked closes look like trouble of the network.
			ID: "C.1.23", Title: "ninety seconds without a message, and our pongs to whatever the client pings", Roles: onlyClients, Level: cases.Should,
			Load: cases.Idle, Slow: true,
			Requirements: []string{"RFC6455-7.3-client-no-arbitrary", "RFC6455-7.1.7-client-no-close"},
			Conns: []cases.Conn{{Steps: []cases.Step{
				cases.Await{For: 90 * time.Second, Until: []transcript.EventKind{transcript.GotClose}}, cases.Text(probe), answered,
			}}},
			Want: accepted,
		},
		{
			// Clients that all come back at once keep a server down that has just restarted.
			ID: "C.1.24", Title: "a reset, and refusals of whatever connections follow", Roles: onlyClients, Level: cases.Should, Load: cases.Idle, Needs: onURL,
			Requirements: []string{"RFC6455-7.2.3-backoff", "RFC6455-7.2.3-increasing"},
			Conns:        []cases.Conn{{URL: "ws://{host}:{port}/", Steps: []cases.Step{cases.Probe{Text: probe}, cases.Reset{}}, Again: watch}},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.Open{}, check.BacksOff{}}},
				{Grade: cases.NonStrict, Checks: cases.Every{check.Open{}, check.Retries{Most: 10 * int(watch/time.Second)}}},
			},
		},
		{
			ID: "C.1.26", Title: "a close frame with 1001 and a reason of 123 bytes", Level: cases.Should,
			Requirements: []string{"RFC6455-5.5.1-close-reply", "RFC6455-7.1.2-start-close", "RFC6455-5.5.1-reason-utf8"},
			Conns: conns([]cases.Step{
				cases.Close{Code: wsproto.StatusGoingAway, Reason: slices.Repeat([]byte("r"), 123)},
			}),
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.Code{wsproto.StatusGoingAway}, check.Clean{}}},
				{Grade: cases.NonStrict, Checks: cases.Every{check.Code{wsproto.StatusNormalClosure, 0}, check.Clean{}}},
			},
		},
		{
			ID: "C.1.27", Title: "a close frame in two writes, cut in many places, and byte by byte",
			Bugs: []cases.Bug{{
				Library: "ws", Buggy: "6.1.2", Fixed: "6.1.3", Role: cases.Server, Source: "websockets/ws#1494",
				What: "A close frame that came in several TCP segments was never answered.",
			}},
			Requirements: []string{"RFC6455-6.2-parse-frames", "RFC6455-5.5.1-close-reply"},
			Conns: conns(
				apart(closeFrame.CutAt(1)), apart(closeFrame.CutAt(2)), apart(closeFrame.CutAt(3)), apart(closeFrame.CutAt(4)),
				apart(closeFrame.CutAt(6)), apart(closeFrame.CutAt(7)), apart(closeFrame.CutAt(10)), apart(closeFrame.Chopped(1)),
			),
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{
				check.Code{wsproto.StatusNormalClosure, 0}, check.Ends{Within: failure},
			}}},
		},
	}
}

// watch is how long a client is watched that connects again.
const watch = 5 * time.Second

// farewell is how long a peer may wait for the answer to a close frame.
const farewell = time.Minute

var (
	normal     = cases.Close{Code: wsproto.StatusNormalClosure}
	closeFrame = cases.Frame{
		Opcode:  wsproto.OpClose,
		Payload: cases.Data(cases.Close{Code: wsproto.StatusNormalClosure, Reason: []byte("done")}.Body()),
	}

	// closedNormally grades the answers to close frames that are good.
	closedNormally = cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Code{wsproto.StatusNormalClosure, 0}, check.Clean{}}}}

	// answeredAlike grades the answers to codes that are good, whatever they mean.
	answeredAlike = cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Clean{}, check.Not{Check: check.Code{
		wsproto.StatusProtocolError, wsproto.StatusInternalError,
	}}}}}

	// badCode grades the answers to close frames that are not.
	badCode = cases.Clauses{
		{Grade: cases.OK, Checks: cases.Every{check.Either{check.Code{wsproto.StatusProtocolError}, check.Dropped{Within: failure}}}},
		{Grade: cases.NonStrict, Checks: cases.Every{check.Code{wsproto.StatusNormalClosure, 0}}},
	}

	// registered grades the answers to codes that the RFC does not have, but IANA.
	registered = cases.Clauses{
		{Grade: cases.OK, Checks: cases.Every{check.Code{
			wsproto.StatusNormalClosure, wsproto.StatusServiceRestart, wsproto.StatusTryAgainLater, wsproto.StatusBadGateway, 0,
		}}},
		{Grade: cases.NonStrict, Checks: cases.Every{check.Code{wsproto.StatusProtocolError}}},
	}
)

// coded closes with each of the codes, on a connection each.
func coded(want cases.Clauses, codes ...wsproto.StatusCode) []cases.Conn {
	var list []cases.Conn
	for _, code := range codes {
		list = append(list, cases.Conn{Steps: []cases.Step{cases.Close{Code: code}}, Want: want})
	}
	return append(list, survived)
}

// apart sends a frame and waits for the answer to it. Without one it ends our
// direction, rather than close with a frame that the peer would answer.
func apart(f cases.Frame) []cases.Step {
	return []cases.Step{f, cases.Await{For: failure, Until: []transcript.EventKind{transcript.GotClose}}, cases.HalfClose{}}
}
