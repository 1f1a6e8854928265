package autobahn

import (
	"time"

	"github.com/wsconform/wsconform/cases"
)

// split splits a list into parts, where the name of the part changes. One Autobahn process
// in a container of its own plays a part, and writes its reports when the part ends; so an
// engine that goes away loses at most one part. A container takes about a second to start,
// which does not matter for the 21 parts of a full run of 8 minutes.
func split(list []cases.Case, partName func(cases.Case) string) [][]cases.Case {
	var parts [][]cases.Case
	last := ""
	for _, c := range list {
		if name := partName(c); name != last || len(parts) == 0 {
			parts = append(parts, nil)
			last = name
		}
		p := &parts[len(parts)-1]
		*p = append(*p, c)
	}
	return parts
}

// serverPart returns the part of a case: its section or, where sections take minutes, its
// group.
func serverPart(c cases.Case) string {
	if c.Heavy() && c.Deflate() != nil {
		return c.ID.Group()
	}
	return c.ID.Section()
}

// clientPart is like serverPart, but joins the sections that take seconds.
func clientPart(c cases.Case) string {
	switch {
	case c.Heavy() && c.Deflate() != nil:
		return c.ID.Group()
	case c.Heavy():
		return "limits"
	}
	return "light"
}

// limit returns how long Autobahn may take for a case: the longest of its timers, or
// all its pauses, then the two timers of a second each with which Autobahn ends a
// connection, and up to 5 s for the opening handshake.
func limit(c cases.Case) time.Duration {
	var pauses, timer time.Duration
	for _, op := range c.Ops() {
		switch op := op.(type) {
		case cases.WaitOp:
			pauses += op.For
		case cases.TimerOp:
			timer = max(timer, pauses+op.After)
		case cases.WriteOp, cases.CloseOp, cases.LoopOp, cases.EndOp, cases.ResetOp, cases.ReadOp, cases.WatchOp, cases.HTTP2Op:
		}
	}
	return max(pauses, timer) + 7*time.Second
}

// slack is added to the limits that we enforce: on a busy machine Autobahn's timers and
// its reports are late.
const slack = 20 * time.Second
