package rfc

import (
	"slices"
	"strings"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// deflateErrors are D.4: what a peer with permessage-deflate must fail.
func deflateErrors() []cases.Case {
	return []cases.Case{
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
			Bugs: []cases.Bug{{
				Library: "websockets", Buggy: "16.0", Fixed: "16.1", Role: cases.Server, Source: "websockets changelog 16.1",
				What: "It accepted RSV1 on the second fragment of a compressed message.",
			}},
			Requirements: []string{"RFC7692-6.1-rsv1-fail"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns: []cases.Conn{
				{Deflate: plain, Steps: barred(zText(zProbe[:9]).More(), cases.Cont(zProbe[9:]).WithRSV(wsproto.RSV1))},
				{Deflate: plain, Steps: barred(cases.Text(probe[:8]).More(), cases.Cont(probe[8:]).WithRSV(wsproto.RSV1))},
				alsoPlain,
			},
			Want: failsCompressed,
		},
		{
			ID: "D.4.3", Title: "RSV2 and RSV3, where permessage-deflate was agreed",
			Requirements: []string{"RFC6455-5.2-rsv-fail"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns: []cases.Conn{
				{Deflate: plain, Steps: barred(zText(zProbe).WithRSV(wsproto.RSV1 | wsproto.RSV2))},
				{Deflate: plain, Steps: barred(cases.Text(probe).WithRSV(wsproto.RSV3))},
				alsoPlain,
			},
			Want: failsCompressed,
		},
		{
			ID: "D.4.4", Title: "a compressed message with a block of the reserved type",
			Requirements: []string{"RFC7692-6.2-compressed-receive", "RFC6455-10.7-validate", "RFC6455-7.1.7-close-frame"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns:        broken("\x07"),
			Want:         badDeflate,
		},
		{
			ID: "D.4.5", Title: "a stored block whose length is contradicted",
			Requirements: []string{"RFC7692-6.2-compressed-receive", "RFC6455-10.7-validate", "RFC6455-7.1.7-close-frame"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns:        broken("\x00\x05\x00\x05\x00Hello" + zEmpty),
			Want:         badDeflate,
		},
		{
			ID: "D.4.6", Title: "dynamic blocks whose tables are wrong, four ways",
			Requirements: []string{"RFC7692-6.2-compressed-receive", "RFC6455-10.7-validate", "RFC6455-7.1.7-close-frame"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns:        broken(zOver, zIncomplete, zTooMany, zRepeat),
			Want:         badDeflate,
		},
		{
			ID: "D.4.7", Title: "a first message that refers back",
			Requirements: []string{"RFC7692-6.2-compressed-receive", "RFC6455-10.7-validate", "RFC6455-7.1.7-close-frame"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns:        broken(zStart),
			Want:         badDeflate,
		},
		{
			ID: "D.4.8", Title: "a compressed message that ends inside a block",
			Requirements: []string{"RFC7692-6.2-compressed-receive", "RFC6455-10.7-validate", "RFC6455-7.1.7-close-frame"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns:        broken(zDynamic[:45]),
			Want:         badDeflate,
		},
		{
			ID: "D.4.9", Title: "bytes behind a final block that are no block",
			Requirements: []string{"RFC7692-7.2.1-bfinal", "RFC6455-10.7-validate"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns:        broken(zFinal + "\xff\xff\xff\xff"),
			Want:         also(badDeflate, cases.Clause{Grade: cases.NonStrict, Checks: cases.Every{returned(probe, behind)}}),
		},
		{
			ID: "D.4.10", Title: "a reference back beyond the window agreed on",
			Requirements: []string{"RFC7692-7.2.1-client-window", "RFC7692-7.2.1-server-window", "RFC6455-10.7-validate"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns: []cases.Conn{
				{
					Deflate: &cases.Deflate{Offers: "permessage-deflate; client_max_window_bits=9", Accept: []cases.Demand{{ServerMaxWindowBits: 9}}},
					Steps:   doomed(zText(stored(longText()[:1000]) + z1000)),
				},
				alsoPlain,
			},
			Want: append(
				cases.Clauses{{Grade: cases.Unimplemented, Checks: cases.Every{check.Not{Check: check.Restricted{}}}}},
				also(badDeflate, cases.Clause{Grade: cases.NonStrict, Checks: cases.Every{returned(longText()[:1000]+longText()[:16], behind)}})...,
			),
		},
		{
			ID: "D.4.11", Title: "256 MiB of zeros in 254 KiB, one frame", Load: cases.Heavy,
			Bugs: []cases.Bug{{
				Library: "websockets", Buggy: "4.0.1", Fixed: "5.0", Role: cases.Server, Source: "CVE-2018-1000518",
				What: "It inflated a small message to 64 MiB, whatever its limit.",
			}},
			Requirements: []string{"RFC6455-10.4-protect-limits", "RFC6455-10.4-impose-limit", "RFC6455-7.4.1-1009"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns: []cases.Conn{
				{Deflate: plain, Steps: []cases.Step{
					cases.FrameHeader{Opcode: wsproto.OpBinary, RSV: wsproto.RSV1, Length: uint64(len(zZeros) + zeroBytes + len(zZerosEnd))},
					cases.Octets{Payload: cases.Data([]byte(zZeros))},
					cases.Octets{Payload: cases.Repeat("\x00", zeroBytes)},
					cases.Octets{Payload: cases.Data([]byte(zZerosEnd))},
					cases.Await{For: bombPatience, Until: answered.Until},
				}},
				alsoPlain,
			},
			Want: bombed(nil),
		},
		{
			ID: "D.4.12", Title: "256 MiB of zeros in a thousand fragments, behind twenty messages", Load: cases.Heavy,
			Requirements: []string{"RFC6455-10.4-protect-limits", "RFC6455-10.4-impose-limit", "RFC6455-7.4.1-1009"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns: []cases.Conn{
				{Deflate: plain, Steps: append(
					inTurn(slices.Repeat([]cases.Frame{zText(zProbe)}, 20)...),
					cases.Frame{Opcode: wsproto.OpBinary, RSV: wsproto.RSV1, Payload: cases.Data([]byte(zZeros)), NotFin: true},
					cases.Repeated{Times: 1000, Frame: cases.Frame{
						Opcode: wsproto.OpContinuation, Payload: cases.Repeat("\x00", zeroBytes/1000), NotFin: true,
					}},
					cases.Cont(zZerosEnd),
					cases.Await{For: bombPatience, Until: answered.Until},
				)},
				alsoPlain,
			},
			Want: bombed(slices.Repeat([]string{probe}, 20)),
		},
		{
			ID: "D.4.13", Title: "about a kilobyte that inflates to a little less, and to a little more, than the limit of 1 MiB",
			Requirements: []string{"RFC6455-10.4-protect-limits", "RFC6455-10.4-impose-limit", "RFC6455-7.4.1-1009"},
			Needs:        []cases.Need{cases.NeedDeflate, cases.NeedLimit},
			Conns:        []cases.Conn{zeros(mebi/1032 - 1), zeros(mebi / 1032), alsoPlain},
			Want:         overLimit,
		},
		{
			// zlib takes about 300 KiB for each connection and direction, unless it is told to take less.
			ID: "D.4.14", Title: "200 connections at once, each with compression and a message that fills the window", Roles: onlyServers,
			Level: cases.Robustness, Load: cases.Alone, Slow: true,
			Requirements: []string{"RFC6455-10.4-protect-limits"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns: append(beside(200, cases.Conn{Deflate: plain, Steps: []cases.Step{
				zText(stored(longText()[:1<<15-1]) + zEmpty), cases.Await{For: time.Minute, Until: answered.Until}, cases.Await{For: 2 * time.Second},
			}}), survived),
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.Tally{Messages: 1}, check.Lawful{}}},
				{Grade: cases.NonStrict, Checks: cases.Every{check.Either{
					check.Status{From: 503, To: 503}, cases.Every{check.NoAnswer{}, check.Ends{Within: refusal}},
				}}},
				{Grade: cases.Unimplemented, Checks: cases.Every{check.Open{}, check.Declined{}}},
			},
		},
	}
}

// zeros is a compressed message of 1032(n+1)+1 zeros. Up to 1 MiB it has to be echoed.
func zeros(n int) cases.Conn {
	c := cases.Conn{Deflate: plain, Steps: []cases.Step{
		cases.Binary(zZeros + strings.Repeat("\x00", n) + zZerosEnd).WithRSV(wsproto.RSV1), answered,
	}}
	if size := 1032*(n+1) + 1; size <= mebi {
		c.Want = echoed(cases.GotBinary(cases.Repeat("\x00", size)))
	}
	return c
}
