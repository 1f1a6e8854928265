package cases

import (
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/internal/wire"
)

// Changes lists what a gateway did in a case: what came through it, compared with what was
// sent at the other end, and with the events of the same case played without it.
func (c Case) Changes(without, through transcript.Transcript) []transcript.Change {
	var list []transcript.Change
	direct, via := without.Conns(), c.facing(through.Conns())
	for i, t := range via {
		var alone *transcript.Transcript
		if i < len(direct) && !c.answered(via, i) {
			alone = direct[i]
		}
		for _, change := range transcript.Changes(alone, t) {
			change.Conn = i + 1
			list = append(list, change)
		}
	}
	return list
}

// answered reports whether the gateway refused the request of connection i itself, so that
// nothing can come through.
func (c Case) answered(via []*transcript.Transcript, i int) bool {
	if c.Conns[i].Origin {
		i--
	}
	got, sent := via[i].Heads()
	return got != "" && wire.ParseHead(got).Status() != wire.ParseHead(sent).Status() && wire.ParseHead(got).Status() >= "400"
}
