package agent

import (
	"bytes"
	"errors"
	"os"

	"github.com/wsconform/wsconform/internal/owner"
)

// A Leftover is a process or a folder of a run.
type Leftover struct {
	PID  int    // of a process; 0 if it is none
	path string // of a temporary folder
	// Owned means that the process whose it is may still run.
	Owned bool
}

// Leftovers lists the agents, with what they have started, and the temporary folders of
// all runs of this user on this machine. Agents are found on Linux only.
func Leftovers() []Leftover {
	var list []Leftover
	self := owner.Self()
	for pid, env := range environments {
		if marked, owned := markedBy(env, self); marked && pid != self.PID {
			list = append(list, Leftover{PID: pid, Owned: owned})
		}
	}
	for path, of := range owner.TempDirs {
		list = append(list, Leftover{path: path, Owned: of.MayLive(self)})
	}
	return list
}

// markedBy reports whether an environment is that of an agent, and whether one of those
// who started it may still run.
func markedBy(env []byte, self owner.Owner) (marked, owned bool) {
	for variable := range bytes.SplitSeq(env, []byte{0}) {
		_, value, found := bytes.Cut(variable, []byte("="))
		if !found || !bytes.HasPrefix(variable, []byte(markPrefix)) {
			continue
		}
		of, known := owner.Parse(string(value))
		marked, owned = true, owned || !known || of.MayLive(self)
	}
	return marked, owned
}

// Remove ends the process by force, or removes the folder.
func (l Leftover) Remove() error {
	if l.PID == 0 {
		return os.RemoveAll(l.path)
	}
	p, err := os.FindProcess(l.PID)
	if err == nil {
		err = p.Kill()
	}
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}
