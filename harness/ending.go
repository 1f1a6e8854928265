package harness

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// Ending says what the peer did to end the connection, such as
//
//	the peer closed with 1009 (message too big): "too many fragments"
//
// It is "" where the transcript does not tell. What the peer worded is quoted and
// cut, so the text is fit for a terminal.
func (r Result) Ending() string {
	t := r.Transcript
	switch {
	case t == nil, len(t.More) > 0: // of several connections the reason says which
		return ""
	case !t.Opened:
		return refusal(t)
	case t.RemoteClose:
		return closedWith(t)
	case t.CloseTimeout:
		return "the peer did not answer our close frame in time"
	case t.ClosedByUs && t.DroppedByUs, t.FailedByUs:
		return "" // the connection ended by our doing
	case t.DroppedByUs:
		return "the peer did not end the connection in time"
	}
	return "the peer ended TCP without a close frame"
}

// Wrong says what is wrong with the first message that differs from ours, as
// [transcript.Event.Wrong] does. It is "" if all are the same, or if the transcript does not
// tell.
func (r Result) Wrong() string {
	if r.Transcript == nil {
		return ""
	}
	for _, t := range r.Transcript.Conns() {
		for _, e := range t.Events {
			if wrong := e.Wrong(); wrong != "" {
				return wrong
			}
		}
		if t.Wrong != nil {
			if wrong := t.Wrong.Wrong(); wrong != "" {
				return fmt.Sprintf("echo %d: %s", t.Echoes+1, wrong)
			}
		}
	}
	return ""
}

// Blame says what was wrong with a message of the peer, and how the peer ended the
// connection: what there is of [Result.Wrong] and [Result.Ending].
func (r Result) Blame() string {
	if r.Without != "" { // the peer of a transcript is ourselves, behind the gateway
		return changedBy(r.Changes)
	}
	wrong, ending := r.Wrong(), r.Ending()
	if wrong != "" && ending != "" {
		return wrong + "; " + ending
	}
	return wrong + ending
}

// changedBy says what a gateway did that it may not do.
func changedBy(list []transcript.Change) string {
	var words []string
	for _, c := range list {
		if !c.Legal {
			words = append(words, c.String())
		}
	}
	const most = 4
	if len(words) > most {
		words = append(words[:most], fmt.Sprintf("and %d more", len(words)-most))
	}
	if len(words) == 0 {
		return ""
	}
	return "the gateway " + strings.Join(words, "; ")
}

// OverLimit reports whether the peer refused what the case sends because it is
// too big for it: it closed with 1009 before we closed (RFC 6455 §7.4.1). That is
// a limit of the peer, and no breach of the protocol.
func (r Result) OverLimit() bool {
	t := r.Transcript
	return t != nil && t.Opened && t.RemoteClose && t.RemoteCode == wsproto.StatusMessageTooBig && !t.ClosedByUs && !t.WrongEcho
}

// closedWith says what the peer's close frame held.
func closedWith(t *transcript.Transcript) string {
	verb := "closed"
	if t.ClosedByUs {
		verb = "answered our close"
	}
	if t.RemoteCode == 0 && !t.RemoteZero {
		return "the peer " + verb + " without a code"
	}
	s := fmt.Sprintf("the peer %s with %v", verb, t.RemoteCode)
	if len(t.RemoteReason) > 0 {
		s += ": " + quoted(string(t.RemoteReason))
	}
	return s
}

// refusal says how a server answered the opening handshake instead of completing
// it.
func refusal(t *transcript.Transcript) string {
	line, _, _ := strings.Cut(t.Response, "\n")
	line = strings.TrimSpace(line)
	if t.Role != cases.Server || line == "" {
		return ""
	}
	return "the peer answered " + quoted(line)
}

// quoted quotes a text of the peer, at most 123 bytes of it: the length of the longest
// reason in a close frame (RFC 6455 §5.5).
func quoted(s string) string { return strconv.Quote(Clip(s, 123)) }
