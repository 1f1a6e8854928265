package rfc

import (
	"slices"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

const (
	probe = "4b1d0c2a9e7f5836" // what is to come back
	// refusal is how long a server may take to refuse a request, failure how long a
	// peer may take to fail a connection.
	refusal, failure = 10 * time.Second, 5 * time.Second
)

var (
	onlyServers = []cases.Role{cases.Server}
	onlyClients = []cases.Role{cases.Client}

	// data is what must not come where a peer should fail, so it ends the wait.
	data = []transcript.EventKind{transcript.GotMessage, transcript.GotPong}

	// refused grades malformed requests.
	refused = cases.Clauses{
		{Grade: cases.OK, Checks: cases.Every{check.Status{From: 400, To: 499}}},
		{Grade: cases.NonStrict, Checks: cases.Every{check.Either{
			check.Status{From: 501, To: 501},
			check.Status{From: 505, To: 505},
			cases.Every{check.NoAnswer{}, check.Ends{Within: refusal}},
		}}},
	}

	// failed grades frames on which a peer must fail the connection with 1002.
	failed = failing(check.Quiet{})

	// survived is a connection of its own at the end of a case: what came before it
	// must not have cost the peer its life.
	survived = cases.Conn{
		Steps: []cases.Step{cases.Probe{Text: probe}},
		Want:  cases.Clauses{{Grade: cases.OK, Checks: cases.Every{cases.Echoed{Text: probe}}}},
	}
)

// failing grades frames on which a peer must fail the connection with 1002, where else
// only this may come. A peer that breaks a rule itself is sent 1002, which it may repeat.
func failing(only cases.Check) cases.Clauses {
	return cases.Clauses{
		{Grade: cases.OK, Checks: cases.Every{only, check.Lawful{}, check.Code{wsproto.StatusProtocolError}, check.Ends{Within: failure}}},
		{Grade: cases.NonStrict, Checks: cases.Every{only, check.Lawful{}, check.Ends{Within: failure}, check.Either{
			check.Dropped{Within: failure},
			check.Code{wsproto.StatusUnsupportedData, wsproto.StatusInvalidFramePayloadData, wsproto.StatusPolicyViolation},
		}}},
	}
}

// echoed grades good messages.
func echoed(messages ...transcript.Event) cases.Clauses {
	return cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Messages(messages), check.Clean{}, check.Lawful{}}}}
}

// answered is what ends the wait for an echo.
var answered = cases.Await{For: failure, Until: []transcript.EventKind{transcript.GotMessage, transcript.GotClose}}

// conns are connections with these steps, and one that shows that the peer lives.
func conns(scripts ...[]cases.Step) []cases.Conn {
	var list []cases.Conn
	for _, steps := range scripts {
		list = append(list, cases.Conn{Steps: steps})
	}
	return append(list, survived)
}

// also returns the clauses with others behind them.
func also(list cases.Clauses, more ...cases.Clause) cases.Clauses {
	return append(append(cases.Clauses{}, list...), more...)
}

// timed opens three connections with one edit, three with the other, and compares how
// long the responses take. The other is below 8 KiB, which servers take.
func timed(short, long cases.Edit) []cases.Conn {
	list := append(
		slices.Repeat([]cases.Conn{{Head: cases.Head{short}}}, 3),
		slices.Repeat([]cases.Conn{{Head: cases.Head{long}}}, 3)...,
	)
	list[0].Want = cases.Clauses{
		{Grade: cases.OK, Checks: cases.Every{check.Prompt{Base: 3, Within: 250 * time.Millisecond}}},
		{Grade: cases.NonStrict, Checks: cases.Every{check.Prompt{Base: 3, Within: 2 * time.Second}}},
	}
	return append(list, survived)
}

// answeredOrRefused grades requests that a server may understand or not.
var answeredOrRefused = cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Either{status101, status4xx}}}}
