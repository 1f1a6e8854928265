package cases

import (
	"fmt"
	"slices"

	"github.com/wsconform/wsconform/internal/transcript"
)

// Behavior is the first half of a verdict: what the peer did with the data.
// The words are Autobahn's.
type Behavior string

// The grades of behaviour.
const (
	OK            Behavior = "OK"
	NonStrict     Behavior = "NON-STRICT"
	Informational Behavior = "INFORMATIONAL"
	Unimplemented Behavior = "UNIMPLEMENTED"
	Failed        Behavior = "FAILED"
)

// CloseBehavior is the second half: how the connection ended.
type CloseBehavior string

// The grades of closing behaviour.
const (
	CloseOK             CloseBehavior = "OK"
	CloseFailedByClient CloseBehavior = "FAILED BY CLIENT" // we had to drop TCP on a server
	CloseWrongCode      CloseBehavior = "WRONG CODE"
	CloseUnclean        CloseBehavior = "UNCLEAN"
	CloseFailed         CloseBehavior = "FAILED"
	CloseInformational  CloseBehavior = "INFORMATIONAL"
)

// A Verdict is the result of judging a case. The two halves are independent, and
// neither is ever dropped.
type Verdict struct {
	Behavior    Behavior      `json:"behavior"`
	Close       CloseBehavior `json:"close"`
	Reason      string        `json:"reason"`      // of the behaviour, a sentence
	CloseReason string        `json:"closeReason"` // of the closing behaviour, a sentence
}

// A Want judges what the peer did in a case, and may steer how it is played. It
// is inert: its methods depend on their arguments alone, so that a transcript can
// be judged again.
type Want interface {
	// Judge gives the verdict on one connection.
	Judge(c Case, t *transcript.Transcript) Verdict
	// Next is asked when the connection is open and after each event, message or
	// pong, for what to do in answer. Nil means nothing.
	Next(c Case, t *transcript.Transcript) []Op
	// Settled reports whether nothing that may still come changes the verdict,
	// so that the connection can be ended.
	Settled(c Case, t *transcript.Transcript) bool
	// String says what is wanted.
	fmt.Stringer
}

// Judge gives the verdict on a case: the worst of those on its connections. It is
// pure: a stored transcript can be judged again when a case is corrected.
//
// A peer that implements on one connection what it leaves out on another, in the same
// words, fails there.
func (c Case) Judge(t transcript.Transcript) Verdict {
	conns := t.Conns()
	if len(conns) == 1 && len(c.Conns) <= 1 {
		return c.WantOf(0).Judge(c, conns[0])
	}
	for len(conns) < len(c.Conns) { // it was never opened
		conns = append(conns, &transcript.Transcript{Role: t.Role})
	}
	conns = c.facing(conns)
	list := make([]Verdict, len(conns))
	var has []string // what the peer may leave out, and did not
	for i, conn := range conns {
		list[i] = c.WantOf(i).Judge(c, conn)
		if list[i].Behavior == OK {
			has = append(has, mayLack(c.WantOf(i))...)
		}
	}
	for i := range list {
		v := &list[i]
		if v.Behavior == Unimplemented && slices.Contains(has, v.Reason) {
			v.Behavior = Failed
		}
		v.Reason = c.nameConn(i) + ": " + v.Reason
	}
	worst := list[0]
	for _, v := range list {
		if v.Behavior.worse(worst.Behavior) || worst.Behavior == Unimplemented {
			worst = v
		}
	}
	return worst
}

// mayLack lists in words how a peer may leave out what w wants.
func mayLack(w Want) (ways []string) {
	list, _ := w.(Clauses)
	for _, c := range list {
		if c.Grade == Unimplemented {
			ways = append(ways, c.Checks.String())
		}
	}
	return ways
}

// WantOf is what connection i has to satisfy.
func (c Case) WantOf(i int) Want {
	if i < len(c.Conns) && c.Conns[i].Want != nil {
		return c.Conns[i].Want
	}
	return c.Want
}

// worse reports whether b is a worse grade than other. One connection without the
// feature does not make the case unimplemented; all of them do.
func (b Behavior) worse(other Behavior) bool {
	rank := map[Behavior]int{Unimplemented: 0, OK: 1, Informational: 2, NonStrict: 3, Failed: 4}
	return rank[b] > rank[other]
}

// facing returns copies of the transcripts that know their other halves.
func (c Case) facing(conns []*transcript.Transcript) []*transcript.Transcript {
	list := make([]*transcript.Transcript, len(conns))
	for i, t := range conns {
		own := *t
		list[i] = &own
		if i > 0 && i < len(c.Conns) && c.Conns[i].Origin {
			transcript.Pair(list[i-1], list[i])
		}
	}
	return list
}
