package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/gate"
)

func TestSummaryJoinsWhatIsAlike(t *testing.T) {
	run := &harness.Run{Footer: &harness.Footer{State: harness.Partial}}
	for i := range 300 {
		run.Results = append(run.Results, harness.Result{Case: cases.ID(fmt.Sprintf("6.%d", i)), Outcome: harness.NotRun, Note: "why\nmore"})
	}
	for _, id := range []cases.ID{"7.1.1", "7.1.2"} {
		run.Results = append(run.Results, harness.Result{
			Case: id, Outcome: harness.Fail, Verdict: cases.Verdict{Behavior: cases.OK, Close: cases.CloseUnclean},
		})
	}
	v := verdict{run: run, decision: gate.Decide(run, nil, time.Now())}
	var b bytes.Buffer
	v.summary(&b)
	v.conclude(&b, "wsconform test x --cases 7.1.1")
	want := `  6.0 … 6.299 (300 cases): not-run, why
302 cases: 2 fail, 300 not-run
gate failed:
  7.1.1: fail, behavior OK, close UNCLEAN
  7.1.2: fail, behavior OK, close UNCLEAN
  300 of 302 cases have no verdict: `
	if got := b.String(); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "\nto repeat the first: wsconform test x --cases 7.1.1\n") {
		t.Errorf("printed:\n%swant:\n%s…", got, want)
	}
	if got, want := v.err().Error(), "2 cases fail unexpectedly; 300 of 302 cases have no verdict"; !strings.HasPrefix(got, want) {
		t.Errorf("error %q, want %q", got, want)
	}
}

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
			[]string{"--cases", "5.15", "--out", "out/repeat", "ws://127.0.0.1:9001/a?b=c&d"},
		},
		{
			"all kinds of flags",
			[]string{"-k", "-H", "Authorization: Bearer it's $me", "-H", "A: b,c", "--subprotocol", "a,b", "-p", "1", "--strict=false", "wss://h", "--faithful"},
			[]string{
				"--faithful", "--header", "Authorization: Bearer it's $me", "--header", "A: b,c", "--insecure", "--parallel", "1", "--strict=false",
				"--subprotocol", "a", "--subprotocol", "b", "--cases", "5.15", "--out", "out/repeat", "wss://h",
			},
		},
		{
			"a command of a server",
			[]string{"--server-cmd", `./s --port {port} "a b" 'c'`},
			[]string{"--server-cmd", `./s --port {port} "a b" 'c'`, "--cases", "5.15", "--out", "out/repeat"},
		},
		{
			"a client",
			[]string{"--client", "--tls", "--", "./c", "--cases", "{url}", "it's; rm *", ""},
			[]string{"--client", "--tls", "--cases", "5.15", "--out", "out/repeat", "--", "./c", "--cases", "{url}", "it's; rm *", ""},
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
