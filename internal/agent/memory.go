package agent

import (
	"fmt"
	"time"
)

// memoryEvery is how often the memory of a server that has a bound is looked at.
const memoryEvery = 200 * time.Millisecond

// bound ends the process with all that it has started once they have so many more bytes in
// memory than now, before they take all that the machine has. Its end counts as its own, and
// says why.
func (p *Process) bound(most int64) {
	used := func() int64 {
		return familyUsage(append([]int{p.cmd.Process.Pid}, Descendants(p.cmd.Process.Pid)...)).Memory
	}
	begun := used()
	if begun == 0 { // the system does not tell
		return
	}
	p.watching.Go(func() {
		tick := time.NewTicker(memoryEvery)
		defer tick.Stop()
		for {
			select {
			case <-p.done:
				return
			case <-tick.C:
			}
			if used()-begun <= most {
				continue
			}
			p.mu.Lock()
			stopped := p.stopped
			if !stopped {
				p.outgrown = fmt.Sprintf("ended by wsconform, as it took more than %d MiB of memory beyond what it began with", most>>20)
			}
			p.mu.Unlock()
			if !stopped {
				killGroup(p.cmd)
				killMarked(p.mark)
			}
			return
		}
	})
}
