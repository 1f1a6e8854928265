package autobahn

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/transcript"
)

// Judge compares what happened with what the case wants, as Autobahn does.
func (w Want) Judge(c cases.Case, t *transcript.Transcript) cases.Verdict {
	var v cases.Verdict
	v.Behavior, v.Reason = w.judgeBehavior(c, t)
	v.Close, v.CloseReason = w.judgeClose(t)
	if w.WrongEndFails && t.Opened && w.ClosedByUs != t.ClosedByUs {
		v.Behavior, v.Reason = cases.Failed, v.CloseReason
	}
	switch {
	case w.Rule == Observe:
		v.Behavior, v.Close = cases.Informational, cases.CloseInformational
	case w.Rule == WrongCodeFails && v.Close == cases.CloseWrongCode:
		v.Behavior, v.Reason = cases.Failed, v.CloseReason
	}
	return v
}

func (w Want) judgeBehavior(c cases.Case, t *transcript.Transcript) (cases.Behavior, string) {
	if !t.Opened {
		return cases.Failed, "the opening handshake was not completed"
	}
	switch w.Rule {
	case EchoLength:
		if t.Echoes > 0 || echoed(c, t) {
			return cases.OK, "a message of the right type and length came back"
		}
		return cases.Failed, "no message of the right type and length came back in time"
	case EchoAll, EchoDeflated:
		return w.judgeLoop(c, t)
	case CompareEvents, WrongCodeFails, Observe:
	}
	received := t.Received()
	for _, r := range w.Events {
		if slices.EqualFunc(r.Events, received, transcript.Event.Equal) {
			return r.Behavior, fmt.Sprintf("the events received are those wanted for %s", r.Behavior)
		}
	}
	return cases.Failed, "the events received are none of those wanted"
}

func (w Want) judgeLoop(c cases.Case, t *transcript.Transcript) (cases.Behavior, string) {
	loop := loopOf(c)
	switch {
	case w.Rule == EchoDeflated && !t.Deflate:
		return cases.Unimplemented, "permessage-deflate was not agreed"
	case t.WrongEcho && t.Echoes == loop.Count:
		return cases.Failed, fmt.Sprintf("a message came after all %d echoes", loop.Count)
	case t.WrongEcho:
		return cases.Failed, fmt.Sprintf("echo %d differs from the message sent", t.Echoes+1)
	case t.Echoes < loop.Count:
		return cases.Failed, fmt.Sprintf("%d of %d echoes came back in time", t.Echoes, loop.Count)
	}
	return cases.OK, fmt.Sprintf("all %d echoes came back", loop.Count)
}

// judgeClose follows the order of Autobahn: the first thing that is wrong names the grade.
func (w Want) judgeClose(t *transcript.Transcript) (cases.CloseBehavior, string) {
	switch {
	case !t.Opened:
		return cases.CloseFailed, "the opening handshake was not completed"
	case w.ClosedByUs != t.ClosedByUs && w.ClosedByUs:
		return cases.CloseFailed, "the peer ended the connection, which was ours to close"
	case w.ClosedByUs != t.ClosedByUs:
		return cases.CloseFailed, "the peer did not fail the connection, so we had to"
	case w.Clean && !t.Clean:
		return cases.CloseUnclean, "the closing handshake was not completed"
	case t.RemoteClose && (t.RemoteCode != 0 || t.RemoteZero) && !slices.Contains(w.Codes, t.RemoteCode):
		return cases.CloseWrongCode, fmt.Sprintf("the peer closed with %d; permitted: %s or no code", t.RemoteCode, w.codeList())
	case t.Role == cases.Server && t.DroppedByUs:
		return cases.CloseFailedByClient, "the server did not close TCP in time, so we had to"
	}
	return cases.CloseOK, "the connection ended as it should"
}

func (w Want) codeList() string {
	codes := make([]string, len(w.Codes))
	for i, code := range w.Codes {
		codes[i] = fmt.Sprint(uint16(code))
	}
	return strings.Join(codes, ", ")
}
