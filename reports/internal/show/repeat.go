package show

import (
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/runfile"
)

// Repeat is the command line of [runfile.Repeat].
func Repeat(h runfile.Header, id cases.ID) string {
	return Command(runfile.Repeat(h, id))
}

// Command is a command line, fit for a shell.
func Command(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = runfile.ShellWord(Text(w))
	}
	return strings.Join(quoted, " ")
}
