package runfile

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/wsconform/wsconform/cases"
)

// A Replay is a command line of wsconform that plays a case again, in parts.
type Replay struct {
	Program []string // and its command: wsconform test
	Flags   []string // without those that select cases
	Args    []string // such as a URL
	Command []string // of a client, behind --
}

// Words puts the command line together for a case and the folder of the results, "" for
// the default one. [ShellWord] makes them fit for a shell.
func (r Replay) Words(id cases.ID, out string) []string {
	words := slices.Concat(r.Program, r.Flags, r.Args, []string{"--cases", string(id)})
	if out != "" {
		words = append(words, "-o", out)
	}
	if len(r.Command) > 0 {
		words = append(append(words, "--"), r.Command...)
	}
	return words
}

// Repeat returns the words of the command that plays one case again with the same engine,
// as far as the header of its run says.
func Repeat(h Header, id cases.ID) []string {
	a := h.Agent
	if a.About != nil { // its command works in the folder of the agent only
		return compareAgain(h).Words(id, "out/repeat")
	}
	again := Replay{Program: []string{"wsconform", "test"}}
	if h.Engine.Name != DefaultEngine {
		again.Flags = []string{"--engine", h.Engine.Name}
	}
	switch {
	case a.Role == cases.Gateway && len(a.Command) > 0:
		again.Flags = append(again.Flags, "--via", serverCommand(a.Command))
	case a.Role == cases.Gateway:
		again.Flags = append(again.Flags, "--via-url", cmp.Or(a.URL, "URL"), "--origin-listen", "ADDRESS")
	case a.Role == cases.Client:
		again.Flags, again.Command = append(again.Flags, "--client"), a.Command
		if len(a.Command) == 0 {
			again.Command = []string{"COMMAND", "{url}"}
		}
	case len(a.Command) > 0:
		again.Flags = append(again.Flags, "--server-cmd", serverCommand(a.Command))
	default:
		again.Args = []string{cmp.Or(a.URL, "URL")}
	}
	return again.Words(id, "")
}

// RepeatRow returns the words of the command that plays a row of a comparison again, with
// the same cases. It returns nil if the run is no such row.
func RepeatRow(h Header) []string {
	if h.Agent.About == nil {
		return nil
	}
	again := compareAgain(h)
	words := slices.Concat(again.Program, again.Flags)
	if s := h.Selection.Cases; len(s) > 0 {
		words = append(words, "--cases", strings.Join(s, ","))
	}
	if s := h.Selection.Exclude; len(s) > 0 {
		words = append(words, "--exclude", strings.Join(s, ","))
	}
	return append(words, "--again")
}

// compareAgain plays a row of a comparison again.
func compareAgain(h Header) Replay {
	r := Replay{
		Program: []string{"wsconform", "compare"}, Flags: []string{h.Agent.About.Folder, "--role", h.Agent.Role.String(), "--engine", h.Engine.Name},
	}
	if h.Agent.Role == cases.Gateway {
		r.Flags = []string{"--gateways", h.Agent.About.Folder}
	}
	return r
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
