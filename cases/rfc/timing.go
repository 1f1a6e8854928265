package rfc

import (
	"time"

	"github.com/wsconform/wsconform/cases"
)

// timing is T.
var timing = []cases.Case{
	{
		ID: "T.1.6", Title: "a message, then the end of our direction of TCP", Roles: onlyServers,
		Level: cases.Robustness, Load: cases.Idle,
		Requirements: []string{"RFC6455-5.1-data-any-time", "RFC6455-7.1.4-clean"},
		Conns:        []cases.Conn{{Steps: []cases.Step{cases.Text(probe), cases.HalfClose{}, cases.Await{For: time.Minute}}}, survived},
		Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{
			cases.Either{cases.Echoed{Text: probe}, cases.Quiet{}}, cases.Ends{Within: time.Minute},
		}}},
	},
}
