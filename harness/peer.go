package harness

import (
	"slices"
	"strings"

	"github.com/wsconform/wsconform/cases"
)

// A PeerLevel is something that a peer can do beyond the level before.
type PeerLevel string

// The levels of peers.
const (
	Opens    PeerLevel = "opens"    // it opens connections and answers pings
	Echoes   PeerLevel = "echoes"   // it sends every message back, as Autobahn asks
	Controls PeerLevel = "control"  // it obeys text messages; see docs/control.md
	Declares PeerLevel = "declared" // the user has said more of it
)

// A Peer is what the agent was found to do at the start of a run, and what was declared
// of it. It decides which cases are played.
type Peer struct {
	Levels   []PeerLevel  `json:"levels"`
	Declared []cases.Need `json:"declared,omitempty"`
	Control  []string     `json:"control,omitempty"` // the commands that it obeys
	// Refuses lists the kinds of message, "text" and "binary", at which a peer that does
	// not echo ends the connection.
	Refuses []string `json:"refuses,omitempty"`
}

// NewPeer returns a peer of these abilities, with the levels that follow from them.
func NewPeer(echoes bool, declared []cases.Need, control []string) Peer {
	p := Peer{Levels: []PeerLevel{Opens}, Declared: declared, Control: control}
	if echoes {
		p.Levels = append(p.Levels, Echoes)
	}
	if len(declared) > 0 {
		p.Levels = append(p.Levels, Declares)
	}
	if len(control) > 0 {
		p.Levels = append(p.Levels, Controls)
	}
	return p
}

// Reaches reports whether the peer reaches the level.
func (p Peer) Reaches(l PeerLevel) bool { return slices.Contains(p.Levels, l) }

// Lacks returns the first need that the peer does not meet, or "". Deflate is left
// out: the negotiation shows it.
func (p Peer) Lacks(needs []cases.Need) cases.Need {
	for _, n := range needs {
		command, control := n.Command()
		switch {
		case n == cases.NeedDeflate:
		case n == cases.NeedEcho && p.Reaches(Echoes):
		case control && slices.Contains(p.Control, command):
		case slices.Contains(p.Declared, n):
		default:
			return n
		}
	}
	return ""
}

// String lists the levels, and what they are made of.
func (p Peer) String() string {
	words := make([]string, len(p.Levels))
	for i, l := range p.Levels {
		words[i] = string(l)
		switch l {
		case Declares:
			words[i] += " ("
			for j, n := range p.Declared {
				if j > 0 {
					words[i] += ", "
				}
				words[i] += string(n)
			}
			words[i] += ")"
		case Controls:
			words[i] += " (" + strings.Join(p.Control, ", ") + ")"
		case Opens, Echoes:
		}
	}
	s := strings.Join(words, ", ")
	if len(p.Refuses) > 0 {
		s += "; it ends connections at messages of its own choice: " + strings.Join(p.Refuses, ", ")
	}
	return s
}
