package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/runfile"
)

// repeat is the command line that runs this case alone, with the flags and
// arguments of c, ready to be pasted into a shell once the secrets masked in it
// are filled in. The results go to a folder of their own, so those of the run stay.
func repeat(c *cobra.Command, id cases.ID, out string, secrets *runfile.Secrets) string {
	again := runfile.Replay{Program: append([]string{program()}, strings.Fields(c.CommandPath())[1:]...), Args: c.Flags().Args()}
	c.Flags().Visit(func(f *pflag.Flag) {
		switch f.Name {
		case "cases", "exclude", "out", "resume", "shard":
		default:
			again.Flags = append(again.Flags, flagWords(f)...)
		}
	})
	if dash := c.ArgsLenAtDash(); dash >= 0 {
		again.Args, again.Command = again.Args[:dash], again.Args[dash:]
	}
	words := secrets.Command(again.Words(id, out))
	for i, w := range words {
		words[i] = runfile.ShellWord(w)
	}
	return strings.Join(words, " ")
}

func flagWords(f *pflag.Flag) []string {
	name := "--" + f.Name
	if list, ok := f.Value.(pflag.SliceValue); ok {
		var words []string
		for _, value := range list.GetSlice() {
			words = append(words, name, value)
		}
		return words
	}
	if f.NoOptDefVal != "" { // takes its value behind an equals sign only
		if f.Value.String() == f.NoOptDefVal {
			return []string{name}
		}
		return []string{name + "=" + f.Value.String()}
	}
	return []string{name, f.Value.String()}
}

// program is how this program was called.
func program() string {
	if strings.HasPrefix(filepath.Base(os.Args[0]), "wsconform") && !strings.HasSuffix(os.Args[0], ".test") {
		return os.Args[0]
	}
	return "wsconform"
}
