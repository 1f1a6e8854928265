//go:build unix

package agent

import (
	"syscall"
	"time"
)

// endWatched ends agents, given by their marks and process groups, and what they have
// started: in good order, and after [stopGrace] by force.
func endWatched(agents map[string]int) {
	sig := syscall.SIGTERM
	begun, next := time.Now(), time.Now()
	for len(agents) > 0 && time.Since(begun) < 2*stopGrace {
		if sig == syscall.SIGTERM && time.Since(begun) > stopGrace {
			sig = syscall.SIGKILL
		}
		now := syscall.Signal(0)
		if time.Now().After(next) { // a program may take a second SIGTERM amiss
			now, next = sig, time.Now().Add(time.Second)
		}
		for mark, group := range agents {
			gone := syscall.Kill(-group, now) != nil
			if !signalMarked(mark, now) && gone {
				delete(agents, mark)
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}
