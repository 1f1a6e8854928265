package rfc

import (
	"slices"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// handshake is H: the fields of the opening handshake.
func handshake() []cases.Case {
	return slices.Concat(requestKeys(), requestVersions(), requestFields(), requestTargets(), clientRequests(), responseFields(), responseForms())
}

// What the grades of handshakes have in common.
var (
	status101   = check.Status{From: 101, To: 101}
	status4xx   = check.Status{From: 400, To: 499}
	dropped     = cases.Every{check.NoAnswer{}, check.Ends{Within: refusal}}
	probeEchoed = cases.Echoed{Text: probe}
	probed      = []cases.Step{cases.Probe{Text: probe}}

	// accepted grades requests that are unusual, but right.
	accepted = cases.Clauses{{Grade: cases.OK, Checks: cases.Every{probeEchoed}}}

	// notUpgraded grades requests that an HTTP server may answer in the ordinary way.
	notUpgraded = also(refused, cases.Clause{Grade: cases.OK, Checks: cases.Every{check.Status{From: 200, To: 399}}})

	// refusedOrNot grades requests that should be refused, where no harm is known if
	// they are not.
	refusedOrNot = also(refused, cases.Clause{Grade: cases.NonStrict, Checks: cases.Every{probeEchoed}})

	// notOpened grades responses that open no connection.
	notOpened = cases.Clauses{
		{Grade: cases.OK, Checks: cases.Every{check.Quiet{}, check.Either{
			check.Dropped{Within: failure}, check.Code{wsproto.StatusProtocolError},
		}}},
		{Grade: cases.NonStrict, Checks: cases.Every{check.Quiet{}, check.Closed{}, check.OfItself{}}},
	}
	// tempted sends what only a client that thinks the connection open answers.
	tempted = []cases.Step{cases.Text(probe), cases.Await{For: failure, Until: append(slices.Clone(data), transcript.GotClose)}}
)

// asked is a connection with this request.
func asked(edits ...cases.Edit) cases.Conn { return cases.Conn{Head: edits, Steps: probed} }

// openedBy is a connection with this response, which opens it.
func openedBy(edits ...cases.Edit) cases.Conn { return cases.Conn{Head: edits, Steps: probed} }

// misled is a connection with this response, which does not.
func misled(edits ...cases.Edit) cases.Conn { return cases.Conn{Head: edits, Steps: tempted} }
