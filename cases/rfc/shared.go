package rfc

import (
	"time"

	"github.com/wsconform/wsconform/cases"
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
	data = []cases.EventKind{cases.GotMessage, cases.GotPong}

	// refused grades malformed requests.
	refused = cases.Clauses{
		{Grade: cases.OK, Checks: cases.Every{cases.Status{From: 400, To: 499}}},
		{Grade: cases.NonStrict, Checks: cases.Every{cases.Either{
			cases.Status{From: 501, To: 501}, cases.Status{From: 505, To: 505},
			cases.Every{cases.NoAnswer{}, cases.Ends{Within: refusal}},
		}}},
	}

	// failed grades frames on which a peer must fail the connection with 1002.
	failed = cases.Clauses{
		{Grade: cases.OK, Checks: cases.Every{cases.Quiet{}, cases.Code{wsproto.StatusProtocolError}, cases.Ends{Within: failure}}},
		{Grade: cases.NonStrict, Checks: cases.Every{cases.Quiet{}, cases.Ends{Within: failure}, cases.Either{
			cases.Dropped{Within: failure},
			cases.Code{wsproto.StatusUnsupportedData, wsproto.StatusInvalidFramePayloadData, wsproto.StatusPolicyViolation},
		}}},
	}

	// survived is a connection of its own at the end of a case: what came before it
	// must not have cost the peer its life.
	survived = cases.Conn{
		Steps: []cases.Step{cases.Probe{Text: probe}},
		Want:  cases.Clauses{{Grade: cases.OK, Checks: cases.Every{cases.Echoed{Text: probe}}}},
	}
)

// also returns the clauses with others behind them.
func also(list cases.Clauses, more ...cases.Clause) cases.Clauses {
	return append(append(cases.Clauses{}, list...), more...)
}
