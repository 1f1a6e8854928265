package cases

import (
	"fmt"
	"slices"
	"strings"
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

// A Verdict is what a case comes to. The two halves are independent, and
// neither is ever dropped.
type Verdict struct {
	Behavior    Behavior      `json:"behavior"`
	Close       CloseBehavior `json:"close"`
	Reason      string        `json:"reason"`      // of the behaviour, a sentence
	CloseReason string        `json:"closeReason"` // of the closing behaviour, a sentence
}

// Judge compares what happened with what the case wants. It is pure: a stored
// transcript can be judged again when a case is corrected.
func (c Case) Judge(t Transcript) Verdict {
	var v Verdict
	v.Behavior, v.Reason = c.judgeBehavior(t)
	v.Close, v.CloseReason = c.Want.judgeClose(t)
	if c.Want.WrongEndFails && t.Opened && c.Want.ClosedByUs != t.ClosedByUs {
		v.Behavior, v.Reason = Failed, v.CloseReason
	}
	switch {
	case c.Want.Rule == Observe:
		v.Behavior, v.Close = Informational, CloseInformational
	case c.Want.Rule == WrongCodeFails && v.Close == CloseWrongCode:
		v.Behavior, v.Reason = Failed, v.CloseReason
	}
	return v
}

func (c Case) judgeBehavior(t Transcript) (Behavior, string) {
	if !t.Opened {
		return Failed, "the opening handshake was not completed"
	}
	switch c.Want.Rule {
	case EchoLength:
		if t.Echoes > 0 {
			return OK, "a message of the right type and length came back"
		}
		return Failed, "no message of the right type and length came back in time"
	case EchoAll, EchoDeflated:
		return c.judgeLoop(t)
	case CompareEvents, WrongCodeFails, Observe:
	}
	for _, r := range c.Want.Events {
		if slices.EqualFunc(r.Events, t.Events, Event.Equal) {
			return r.Behavior, fmt.Sprintf("the events received are those wanted for %s", r.Behavior)
		}
	}
	return Failed, "the events received are none of those wanted"
}

func (c Case) judgeLoop(t Transcript) (Behavior, string) {
	loop := c.echoLoop()
	switch {
	case c.Want.Rule == EchoDeflated && !t.Deflate:
		return Unimplemented, "permessage-deflate was not agreed"
	case t.WrongEcho && t.Echoes == loop.Count:
		return Failed, fmt.Sprintf("a message came after all %d echoes", loop.Count)
	case t.WrongEcho:
		return Failed, fmt.Sprintf("echo %d differs from the message sent", t.Echoes+1)
	case t.Echoes < loop.Count:
		return Failed, fmt.Sprintf("%d of %d echoes came back in time", t.Echoes, loop.Count)
	}
	return OK, fmt.Sprintf("all %d echoes came back", loop.Count)
}

// judgeClose follows the order of Autobahn: the first thing that is wrong names the grade.
func (w Want) judgeClose(t Transcript) (CloseBehavior, string) {
	switch {
	case !t.Opened:
		return CloseFailed, "the opening handshake was not completed"
	case w.ClosedByUs != t.ClosedByUs && w.ClosedByUs:
		return CloseFailed, "the peer ended the connection, which was ours to close"
	case w.ClosedByUs != t.ClosedByUs:
		return CloseFailed, "the peer did not fail the connection, so we had to"
	case w.Clean && !t.Clean:
		return CloseUnclean, "the closing handshake was not completed"
	case t.RemoteClose && (t.RemoteCode != 0 || t.RemoteZero) && !slices.Contains(w.Codes, t.RemoteCode):
		return CloseWrongCode, fmt.Sprintf("the peer closed with %d; permitted: %s or no code", t.RemoteCode, w.codeList())
	case t.Role == Server && t.DroppedByUs:
		return CloseFailedByClient, "the server did not close TCP in time, so we had to"
	}
	return CloseOK, "the connection ended as it should"
}

func (w Want) codeList() string {
	codes := make([]string, len(w.Codes))
	for i, code := range w.Codes {
		codes[i] = fmt.Sprint(uint16(code))
	}
	return strings.Join(codes, ", ")
}
