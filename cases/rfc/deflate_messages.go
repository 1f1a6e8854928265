package rfc

import (
	"slices"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// deflateMessages are D.3: compressed messages.
func deflateMessages() []cases.Case {
	return []cases.Case{
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
			ID: "D.3.3", Title: "stored, fixed and dynamic blocks, alone and together", Level: cases.May,
			Requirements: []string{"RFC7692-7.2.1-any-block", "RFC7692-7.2.1-multi-blocks", "RFC7692-6.2-compressed-receive"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns: []cases.Conn{{Deflate: plain, Steps: inTurn(
				zText(stored(probe)+zEmpty), zText(zProbe), zText(zDynamic), zText(stored(longText())+zEmpty),
				zText(stored(probe)+zProbe+zBetween+zDynamic),
			)}},
			Want: comesBack(probe, probe, dynamicText(), longText(), probe+probe+dynamicText()),
		},
		{
			ID: "D.3.4", Title: "a thousand empty blocks inside a compressed message", Level: cases.Robustness,
			Requirements: []string{"RFC7692-7.2.1-multi-blocks", "RFC7692-7.2.1-no-trim-nonfinal"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns:        []cases.Conn{{Deflate: plain, Steps: inTurn(zText(strings.Repeat(zEmpty+zBetween, 1000) + zProbe))}, alsoPlain},
			Want: also(comesBack(probe), cases.Clause{Grade: cases.NonStrict, Checks: cases.Every{
				check.Quiet{}, check.Code{wsproto.StatusPolicyViolation, wsproto.StatusMessageTooBig},
			}}),
		},
		{
			ID: "D.3.5", Title: "an empty compressed message, then another",
			Requirements: []string{"RFC7692-7.2.3-empty-message", "RFC6455-6.1-transmit"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns:        []cases.Conn{{Deflate: plain, Steps: inTurn(zText(zEmpty), zText(zProbe))}},
			Want:         comesBack("", probe),
		},
		{
			// With 00 00 ff ff behind it this is a block that does not end.
			ID: "D.3.6", Title: "a compressed message without a byte", Level: cases.Informing,
			Requirements: []string{"RFC7692-7.2.3-empty-message", "RFC6455-10.7-validate"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns:        []cases.Conn{{Deflate: plain, Steps: inTurn(zText(""))}, alsoPlain},
			Want:         also(comesBack(""), badDeflate...),
		},
		{
			ID: "D.3.7", Title: "references back 32768 bytes, within a message and into the one before",
			Requirements: []string{"RFC7692-7.2.2-server-32k", "RFC7692-7.2.2-client-32k", "RFC7692-7.2.1-max-32k", "RFC7692-5-window-inform"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns:        []cases.Conn{{Deflate: plain, Steps: inTurn(zText(stored(longText()[:1<<15])+zFar), zText(zFar))}},
			Want:         unlessRestricted(comesBack(longText()[:1<<15]+longText()[:16], longText()[16:32])),
		},
		{
			ID: "D.3.8", Title: "a reference back across a plain message, a ping and an empty message",
			Requirements: []string{"RFC7692-7.2.2-server-keep", "RFC7692-7.2.2-client-keep"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns: []cases.Conn{{Deflate: plain, Steps: append(
				inTurn(zText(zProbe), cases.Text("another text")),
				append([]cases.Step{cases.Ping("between")}, inTurn(zText(zEmpty), zText(zAgain))...)...,
			)}},
			Want: unlessRestricted(comesBack(probe, "another text", "", probe)),
		},
		{
			ID: "D.3.9", Title: "compressed and plain messages in turn",
			Requirements: []string{
				"RFC7692-6.1-uncompressed-send", "RFC7692-6.2-uncompressed-receive", "RFC7692-7.2.2-server-keep", "RFC7692-7.2.2-client-keep",
			},
			Needs: []cases.Need{cases.NeedDeflate},
			Conns: []cases.Conn{{Deflate: plain, Steps: inTurn(zText(zProbe), cases.Text("plain"), zText(zAgain))}},
			Want:  unlessRestricted(comesBack(probe, "plain", probe)),
		},
		{
			ID: "D.3.10", Title: "texts from 1 KiB to 1 MB that the peer may compress",
			Requirements: []string{
				"RFC7692-5-use-agreed", "RFC7692-7.2.1-client-takeover", "RFC7692-7.2.1-server-takeover", "RFC7692-7.3-window-1024",
				"RFC7692-6.1-rsv1-first-only", "RFC7692-6.1-compressed-send", "RFC7692-7.2.1-algorithm", "RFC7692-7.2.1-max-32k",
				"RFC7692-7.2.1-client-window-free", "RFC7692-7.2.1-bfinal-padding",
			},
			Needs: []cases.Need{cases.NeedDeflate},
			Conns: []cases.Conn{{Deflate: plain, Steps: inTurn(
				cases.Text(longText()[:1<<10]), cases.Text(longText()), cases.Frame{Opcode: wsproto.OpText, Payload: million()}, cases.Text(longText()[:1<<10]),
			)}},
			Want: cases.Clauses{undeflated, {Grade: cases.OK, Checks: cases.Every{
				slices.Concat(
					returned(longText()[:1<<10], longText()), check.Messages{cases.GotText(million())}, returned(longText()[:1<<10]),
				), check.Clean{}, check.Lawful{},
			}}},
		},
		{
			ID: "D.3.11", Title: "two long texts that the peer may compress",
			Requirements: []string{"RFC7692-7.2.1-algorithm"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns:        []cases.Conn{{Deflate: plain, Steps: inTurn(cases.Text(farText()), cases.Text(farText()))}},
			Want:         comesBack(farText(), farText()),
		},
		{
			ID: "D.3.12", Title: "a compressed message in fragments of a byte, and pings between them",
			Bugs: []cases.Bug{{
				Library: "aiohttp", Buggy: "3.14.1", Fixed: "3.14.2", Role: cases.Server, Source: "aio-libs/aiohttp#12988",
				What: "A ping between the fragments of a compressed message made it forget that the message is compressed.",
			}},
			Requirements: []string{"RFC7692-6.2-compressed-receive", "RFC7692-7.2.1-no-trim-nonfinal", "RFC6455-5.4-handle-control-mid"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns:        []cases.Conn{{Deflate: plain, Steps: crumbs(zProbe)}},
			Want:         comesBack(probe),
		},
		{
			ID: "D.3.13", Title: "a compressed text that is not UTF-8",
			Requirements: []string{"RFC7692-6.2-constraints-after", "RFC6455-8.1-invalid-utf8", "RFC6455-7.4.1-1007"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns:        []cases.Conn{{Deflate: plain, Steps: doomed(zText(zBadText))}, alsoPlain},
			Want: cases.Clauses{
				undeflated,
				{Grade: cases.OK, Checks: cases.Every{check.Quiet{}, check.Lawful{}, check.Code{wsproto.StatusInvalidFramePayloadData}, check.Ends{Within: failure}}},
				{Grade: cases.NonStrict, Checks: cases.Every{check.Quiet{}, check.Lawful{}, check.Ends{Within: failure}, check.Either{
					check.Dropped{Within: failure}, check.Code{wsproto.StatusProtocolError},
				}}},
			},
		},
		{
			ID: "D.3.14", Title: "a text whose compressed bytes are not UTF-8, also in fragments",
			Requirements: []string{"RFC7692-6.2-constraints-after"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns: []cases.Conn{{Deflate: plain, Steps: append(
				inTurn(zText(zProbe)), zText(zProbe[:6]).More(), cases.Cont(zProbe[6:9]).More(), cases.Cont(zProbe[9:]), answered,
			)}},
			Want: comesBack(probe, probe),
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
			Want: also(unlessRestricted(comesBack(probe, probe)), cases.Clause{
				Grade:  cases.NonStrict,
				Checks: cases.Every{cases.Echoed{Text: probe}, check.Either{check.Code{1002, 1003, 1007, 1011}, check.Dropped{Within: failure}}},
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
			ID: "D.3.18", Title: "bytes that no compressor makes shorter, from 1 byte to 1 MB, and a megabyte of zeros", Load: cases.Heavy,
			Requirements: []string{"RFC7692-6.1-compressed-send", "RFC7692-7.2.1-algorithm", "RFC6455-5.6-binary-any"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns: []cases.Conn{{Deflate: plain, Steps: inTurn(
				binaryFrame(random(1)), binaryFrame(random(200)), binaryFrame(random(4<<10)), binaryFrame(random(1<<16-1)),
				binaryFrame(randomMillion()), binaryFrame(zeroMillion()),
			)}},
			Want: cases.Clauses{undeflated, {Grade: cases.OK, Checks: cases.Every{check.Messages{
				cases.GotBinary(random(1)), cases.GotBinary(random(200)), cases.GotBinary(random(4 << 10)), cases.GotBinary(random(1<<16 - 1)),
				cases.GotBinary(randomMillion()), cases.GotBinary(zeroMillion()),
			}, check.Clean{}, check.Lawful{}}}},
		},
	}
}
