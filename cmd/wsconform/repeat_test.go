package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

// What is printed to repeat a case is parsed by a shell into the command line of
// the run with one case in place of its selection.
func TestRepeat(t *testing.T) {
	for _, row := range []struct {
		name       string
		args, want []string
	}{
		{
			"a server",
			[]string{"ws://127.0.0.1:9001/a?b=c&d", "--cases", "5.*", "--exclude=5.19", "-o", "x"},
			[]string{"ws://127.0.0.1:9001/a?b=c&d", "--cases", "5.15", "-o", "out/repeat"},
		},
		{
			"all kinds of flags",
			[]string{"-k", "-H", "Authorization: Bearer it's $me", "-H", "A: b,c", "--subprotocol", "a,b", "-p", "1", "--strict=false", "wss://h", "--faithful"},
			[]string{
				"--faithful", "--header", "Authorization: Bearer it's $me", "--header", "A: b,c", "--insecure", "--parallel", "1", "--strict=false",
				"--subprotocol", "a", "--subprotocol", "b", "wss://h", "--cases", "5.15", "-o", "out/repeat",
			},
		},
		{
			"a command of a server",
			[]string{"--server-cmd", `./s --port {port} "a b" 'c'`},
			[]string{"--server-cmd", `./s --port {port} "a b" 'c'`, "--cases", "5.15", "-o", "out/repeat"},
		},
		{
			"a client",
			[]string{"--client", "--tls", "--", "./c", "--cases", "{url}", "it's; rm *", ""},
			[]string{"--client", "--tls", "--cases", "5.15", "-o", "out/repeat", "--", "./c", "--cases", "{url}", "it's; rm *", ""},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			root := rootCommand()
			var line string
			c, _, err := root.Find([]string{"test"})
			if err != nil {
				t.Fatal(err)
			}
			c.RunE = func(c *cobra.Command, _ []string) error {
				line = repeat(c, "5.15", "out/repeat", nil)
				return nil
			}
			root.SetArgs(append([]string{"test"}, row.args...))
			if err := root.Execute(); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command("sh", "-c", `wsconform() { for w; do printf '%s\n' "$w"; done; }; `+line).Output()
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			got := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
			if diff := cmp.Diff(got, append([]string{"test"}, row.want...)); diff != "" {
				t.Errorf("%s\n(-got +want):\n%s", line, diff)
			}
		})
	}
}
