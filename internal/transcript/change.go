package transcript

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wsconform/wsconform/internal/wire"
)

// A Change is something that a gateway did to what was sent through it.
type Change struct {
	Kind ChangeKind `json:"kind"`
	What string     `json:"what"`
	// Legal is set if a gateway may do so. No verdict depends on it.
	Legal bool `json:"legal,omitempty"`
	Conn  int  `json:"conn"` // where it shows: the number of the connection, from 1
}

// ChangeKind tells the kinds of change apart.
type ChangeKind string

// The kinds of change.
const (
	ChangeLost     ChangeKind = "lost"     // it was sent, and did not come
	changeAltered  ChangeKind = "altered"  // it came otherwise
	changeAdded    ChangeKind = "added"    // a field came that was not sent
	changeDelayed  ChangeKind = "delayed"  // it came half a second later than without the gateway
	changeHidden   ChangeKind = "hidden"   // the gateway kept it to itself, and spoke in its place
	changeInvented ChangeKind = "invented" // it came, and was not sent
)

// lateBy is what a gateway may take.
const lateBy = 500 * time.Millisecond

func (c Change) String() string { return string(c.Kind) + " " + c.What }

// hopByHop are fields that a gateway removes or replaces (RFC 9110 §7.6.1), or that are
// about itself.
var hopByHop = []string{
	"Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Proxy-Authenticate", "Proxy-Authorization",
	"Content-Length", "Host", "Server", "Date", "Sec-WebSocket-Extensions", "Max-Forwards", "Via", "Forwarded",
}

func named(list []string, name string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, name) })
}

// Changes compares a connection through a gateway with the same one without it, which is nil
// where that has nothing to say: the head that came with the head that was sent, and the events.
func Changes(direct, via *Transcript) []Change {
	var list []Change
	if via.other != nil {
		list = changedHead(via)
	}
	if direct != nil {
		list = append(list, changedEvents(direct, via)...)
	}
	return list
}

// changedHead compares the head that came with the one that was sent.
func changedHead(t *Transcript) []Change {
	text, before := t.Heads()
	if before == "" && text == "" {
		return nil
	}
	what := "response"
	if t.Role == Client {
		what = "request"
	}
	switch {
	case text == "":
		refused := t.Role == Client && wire.ParseHead(t.other.Response).Status() >= "400"
		return []Change{{Kind: ChangeLost, What: "the " + what, Legal: refused}}
	case before == "":
		return []Change{{Kind: changeInvented, What: "the " + what + ", " + Octet(wire.ParseHead(text).Start()).Quote(), Legal: !strings.Contains(wire.ParseHead(text).Start(), " 101")}}
	}
	got, sent := wire.ParseHead(text), wire.ParseHead(before)
	if t.Role == Server && wire.ParseHead(text).Status() != wire.ParseHead(before).Status() {
		return []Change{{Kind: changeHidden, What: fmt.Sprintf("status %s behind status %s", wire.ParseHead(before).Status(), wire.ParseHead(text).Status()), Legal: wire.ParseHead(text).Status() == "502"}}
	}
	var list []Change
	if t.Role == Client && wire.ParseHead(text).Target() != wire.ParseHead(before).Target() {
		list = append(list, Change{Kind: changeAltered, What: fmt.Sprintf("the target %s into %s", wire.ParseHead(before).Target(), wire.ParseHead(text).Target())})
	}
	nominees := sent.List("Connection")
	var seen []string
	for _, f := range sent.Fields {
		if named(seen, f.Name) {
			continue
		}
		seen = append(seen, f.Name)
		mine := named(hopByHop, f.Name) || named(nominees, f.Name)
		switch now := wire.ParseHead(text).Members(f.Name); {
		case len(got.Values(f.Name)) == 0:
			list = append(list, Change{Kind: ChangeLost, What: "the field " + f.Name, Legal: mine})
		case !slices.Equal(now, wire.ParseHead(before).Members(f.Name)):
			list = append(list, Change{
				Kind: changeAltered, Legal: mine,
				What: fmt.Sprintf("%s: %s into %s", f.Name, strings.Join(sent.Values(f.Name), ", "), strings.Join(got.Values(f.Name), ", ")),
			})
		}
	}
	for _, f := range got.Fields {
		if !named(seen, f.Name) {
			seen = append(seen, f.Name)
			list = append(list, Change{Kind: changeAdded, What: "the field " + f.Name, Legal: !strings.HasPrefix(strings.ToLower(f.Name), "sec-websocket-")})
		}
	}
	return list
}

// FieldChanges compares the fields of the head that came through a gateway with those that came
// without it, in another play: their names, as the values may differ from play to play.
func FieldChanges(direct, via *Transcript) []Change {
	text, _ := via.Heads()
	alone, _ := direct.Heads()
	if text == "" || alone == "" || wire.ParseHead(text).Status() != wire.ParseHead(alone).Status() && via.Role == Server {
		return nil
	}
	got, sent := wire.ParseHead(text), wire.ParseHead(alone)
	var list []Change
	var seen []string
	for _, f := range sent.Fields {
		if !named(seen, f.Name) && len(got.Values(f.Name)) == 0 {
			list = append(list, Change{Kind: ChangeLost, What: "the field " + f.Name, Legal: named(hopByHop, f.Name) || named(sent.List("Connection"), f.Name)})
		}
		seen = append(seen, f.Name)
	}
	for _, f := range got.Fields {
		if !named(seen, f.Name) {
			seen = append(seen, f.Name)
			list = append(list, Change{Kind: changeAdded, What: "the field " + f.Name, Legal: !strings.HasPrefix(strings.ToLower(f.Name), "sec-websocket-")})
		}
	}
	return list
}

// changedEvents compares what happened with what happens without a gateway.
func changedEvents(direct, via *Transcript) []Change {
	var list []Change
	for _, kind := range []EventKind{GotMessage, GotPing, GotPong, GotClose, GotRequest} {
		want, got := direct.all(kind), via.all(kind)
		for i := range max(len(want), len(got)) {
			switch {
			case i >= len(got):
				list = append(list, Change{Kind: ChangeLost, What: want[i].String(), Legal: kind == GotRequest})
			case i >= len(want):
				list = append(list, Change{Kind: changeInvented, What: got[i].String()})
			case kind == GotRequest: // its fields are those of another host
			case !got[i].Equal(want[i]) || got[i].Code != want[i].Code:
				list = append(list, Change{Kind: changeAltered, What: want[i].String() + " into " + got[i].String()})
			case got[i].At > want[i].At+lateBy:
				list = append(list, Change{Kind: changeDelayed, What: got[i].String(), Legal: true})
			}
		}
	}
	if len(list) == 0 && dataFrames(direct) != dataFrames(via) {
		list = append(list, Change{Kind: changeAltered, What: "the frames of messages, cut or joined", Legal: true})
	}
	return append(list, changedEnd(direct, via)...)
}

func (t *Transcript) all(kind EventKind) []Event {
	return slices.DeleteFunc(slices.Clone(t.Events), func(e Event) bool { return e.Kind != kind })
}

func dataFrames(t *Transcript) int {
	return t.Stats.RxFrames[0] + t.Stats.RxFrames[1] + t.Stats.RxFrames[2]
}

// changedEnd compares the ends of TCP.
func changedEnd(direct, via *Transcript) []Change {
	if !direct.Opened || !via.Opened {
		return nil
	}
	_, wantEnd := direct.Find(GotEnd)
	_, wantReset := direct.Find(GotReset)
	_, gotEnd := via.Find(GotEnd)
	_, gotReset := via.Find(GotReset)
	switch {
	case (wantEnd || wantReset) && !gotEnd && !gotReset:
		return []Change{{Kind: changeHidden, What: "the end of TCP"}}
	case wantReset && gotEnd && !gotReset:
		return []Change{{Kind: changeAltered, What: "a reset of TCP into its end", Legal: true}}
	case wantEnd && gotReset && !wantReset:
		return []Change{{Kind: changeAltered, What: "the end of TCP into a reset", Legal: true}}
	}
	return nil
}
