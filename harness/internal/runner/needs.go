package runner

import (
	"context"
	"fmt"
	"slices"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// playable parts the cases into those that can be played against a peer in this role,
// and the results of the others: they say what is missing, and are no failures. For a
// peer that does not echo, the cases are those of [cases.Case.WithoutEcho].
func playable(list []cases.Case, role cases.Role, peer harness.Peer) (play []cases.Case, rest []harness.Result) {
	for _, c := range list {
		note := ""
		if !c.For(role) {
			note = fmt.Sprintf("the case is not for a %v", role)
		} else if need := peer.Lacks(c.Requires()); need != "" {
			note = unmet(need)
		} else if slices.Contains(peer.Declared, cases.NeedHTTP2) || slices.Contains(peer.Declared, cases.NeedHTTP3) {
			note = c.OverStream()
		}
		if un, ok := c.WithoutEcho(); note == "" && ok && !peer.Reaches(harness.Echoes) {
			if note = refusesKind(un, peer); note == "" {
				c = un
			}
		}
		if note == "" {
			play = append(play, c)
			continue
		}
		rest = append(rest, unsupported(c, note))
	}
	return play, rest
}

// unsupported is the result of a case that cannot be played.
func unsupported(c cases.Case, note string) harness.Result {
	v := cases.Verdict{Behavior: cases.Unimplemented, Reason: note}
	if c.Suite == cases.Autobahn { // whose verdicts have two halves
		v.Close, v.CloseReason = cases.CloseInformational, "the case was not played"
	}
	return harness.Result{Case: c.ID, Outcome: harness.Unsupported, Note: note, Unplayed: true, Verdict: v}
}

// unmet says which need is not met.
func unmet(need cases.Need) string {
	command, control := need.Command()
	switch {
	case control:
		return fmt.Sprintf("the case needs a peer that obeys the control message %q", command)
	case need == cases.NeedEcho:
		return "the case needs a peer that echoes"
	case need == cases.NeedURL:
		return "the case needs a client that is started for each connection with its URL (--one-shot)"
	case need == cases.NeedProxy:
		return "the case needs a client that is started with {proxy}, the URL of a proxy, in its command (--one-shot)"
	case need == cases.NeedHTTP2:
		return "the case is about WebSocket over HTTP/2 (--http2)"
	case need == cases.NeedHTTP3:
		return "the case is about WebSocket over HTTP/3 (--http3)"
	case need == cases.NeedTLS:
		return "the case needs a connection with TLS"
	case need == cases.NeedAuthority:
		return "the case signs certificates, which the one of --cert may not do; without --cert one is made that may"
	}
	return fmt.Sprintf("the case needs a peer with %s, which was not declared", need)
}

// refusesKind says that a case cannot be judged because the peer ends connections at the
// kind of message that the case sends.
func refusesKind(c cases.Case, peer harness.Peer) string {
	for _, op := range c.Delivers() {
		kind := "text"
		if op == wsproto.OpBinary {
			kind = "binary"
		}
		if slices.Contains(peer.Refuses, kind) {
			return fmt.Sprintf("the case sends a %s message, and the peer ends connections at those that it does not understand", kind)
		}
	}
	return ""
}

// peer says what the agent does, and tells the caller.
func (o *Options) peer(control, refuses []string) harness.Peer {
	p := harness.NewPeer(!o.NoEcho, o.Declared, control)
	p.Refuses = refuses
	if o.Peer != nil {
		o.Peer(p)
	}
	return p
}

// control asks a driver which control messages it obeys, if a case needs one. That takes
// a start of its own.
func (r *clientRun) control(ctx context.Context, list []cases.Case) (commands []string) {
	if !r.options.Control && !slices.ContainsFunc(list, func(c cases.Case) bool {
		return c.For(cases.Client) && slices.ContainsFunc(c.Needs, func(n cases.Need) bool { _, control := n.Command(); return control })
	}) {
		return nil
	}
	s := newSession(r, []cases.Case{cases.AskControl}, func(_ cases.Case, res harness.Result) {
		if res.Transcript != nil {
			commands = cases.Commands(res.Transcript)
		}
	})
	if err := s.play(ctx); err != nil {
		return nil // the cases will show what is wrong
	}
	return commands
}
