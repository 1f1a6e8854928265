package runfile

import (
	"fmt"
	"os"
)

// A BusyError says that another process is writing the run file.
type BusyError struct {
	path string
	PID  int // of the process, 0 if the system does not say
}

func (e *BusyError) Error() string {
	who := "another wsconform"
	if e.PID > 0 {
		who = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("run file %s: %s is writing it; wait until it ends, or choose another folder with --out", e.path, who)
}

// claim locks the file for this process until it is closed. The error is a
// [BusyError] if another process has it. A file that cannot be locked, such as a
// pipe, is free to use.
func claim(f *os.File) error {
	if lockedElsewhere(f) {
		return &BusyError{path: f.Name(), PID: lockHolder(f)}
	}
	return nil
}
