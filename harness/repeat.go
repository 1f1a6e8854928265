package harness

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/wsconform/wsconform/cases"
)

// Repeat returns the words of the command that plays one case again with the same engine,
// as far as the header of its run says. ShellWord makes them fit for a shell.
func Repeat(h Header, id cases.ID) []string {
	a := h.Agent
	only := []string{"--cases", string(id)}
	test := []string{"wsconform", "test"}
	if h.Engine.Name != DefaultEngine {
		test = append(test, "--engine", h.Engine.Name)
	}
	var words []string
	switch {
	case a.About != nil: // its command works in the folder of the agent only
		words = append([]string{"wsconform", "compare", a.About.Folder, "--role", a.Role.String(), "--engine", h.Engine.Name}, only...)
		words = append(words, "-o", "out/repeat")
	case a.Role == cases.Client:
		words = slices.Concat(test, []string{"--client"}, only)
		words = append(words, "--")
		if len(a.Command) > 0 {
			words = append(words, a.Command...)
		} else {
			words = append(words, "COMMAND", "{url}")
		}
	case len(a.Command) > 0:
		words = slices.Concat(test, []string{"--server-cmd", serverCommand(a.Command)}, only)
	default:
		words = slices.Concat(test, []string{orWord(a.URL, "URL")}, only)
	}
	return words
}

func orWord(s, word string) string {
	if s == "" {
		return word
	}
	return s
}

// serverCommand is the command for --server-cmd, which runs it in a shell.
func serverCommand(words []string) string {
	if len(words) == 3 && words[0] == "/bin/sh" && words[1] == "-c" {
		return strings.TrimPrefix(words[2], "exec ")
	}
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = ShellWord(w)
	}
	return strings.Join(quoted, " ")
}

// ShellWord quotes a word for a POSIX shell.
func ShellWord(word string) string {
	plain := func(r rune) bool {
		return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_./:=@%+{}", r))
	}
	expands := strings.Contains(word, "{") && strings.Contains(word, "..")
	if word != "" && !expands && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
