package show

import (
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
)

// Repeat is the command line of [harness.Repeat].
func Repeat(h harness.Header, id cases.ID) string {
	words := harness.Repeat(h, id)
	for i, w := range words {
		words[i] = harness.ShellWord(Text(w))
	}
	return strings.Join(words, " ")
}
