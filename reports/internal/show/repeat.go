package show

import (
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
)

// Repeat is the command line of [harness.Repeat].
func Repeat(h harness.Header, id cases.ID) string {
	return Command(harness.Repeat(h, id))
}

// Command is a command line, fit for a shell.
func Command(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = harness.ShellWord(Text(w))
	}
	return strings.Join(quoted, " ")
}
