package reports

import (
	"fmt"
	"io"

	"github.com/wsconform/wsconform/cases"
)

// WriteLog writes the frames and notes of a wire log for a terminal, a line
// each behind the indent, at most 40 of them. What came from the peer is shown
// with its control characters spelt out.
func WriteLog(w io.Writer, log []cases.Entry, indent string) error {
	n := 0
	for _, e := range log {
		if e.Kind == cases.LogOctets {
			continue
		}
		if n++; n > maxFrames {
			_, err := fmt.Fprintf(w, "%s… and more; the run file has them\n", indent)
			return err
		}
		if _, err := fmt.Fprintf(w, "%s%s\n", indent, frameLine(e)); err != nil {
			return err
		}
	}
	return nil
}
