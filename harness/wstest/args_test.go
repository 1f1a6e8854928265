package wstest_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wsconform/wsconform/harness/wstest"
)

func TestParseArgs(t *testing.T) {
	fuzzing := func(change func(*wstest.Args)) wstest.Args {
		a := wstest.Args{Mode: "fuzzingserver", WebPort: 8080}
		change(&a)
		return a
	}
	for _, tc := range []struct {
		name string
		args []string
		want wstest.Args
	}{
		{"nothing", nil, wstest.Args{WebPort: 8080}},
		{"short", []string{"-m", "fuzzingserver"}, fuzzing(func(*wstest.Args) {})},
		{"short, joined", []string{"-mfuzzingserver"}, fuzzing(func(*wstest.Args) {})},
		{"long", []string{"--mode", "fuzzingserver"}, fuzzing(func(*wstest.Args) {})},
		{"long with equals", []string{"--mode=fuzzingserver"}, fuzzing(func(*wstest.Args) {})},
		{"long, shortened", []string{"--mo", "fuzzingserver"}, fuzzing(func(*wstest.Args) {})},
		{"no web port", []string{"-m", "fuzzingserver", "--webport=0"}, fuzzing(func(a *wstest.Args) { a.WebPort, a.WebPortGiven = 0, true })},
		{"web port, short", []string{"-u", "9999", "-m", "fuzzingserver"}, fuzzing(func(a *wstest.Args) { a.WebPort, a.WebPortGiven = 9999, true })},
		{"debug and mode in one", []string{"-dm", "fuzzingserver"}, fuzzing(func(a *wstest.Args) { a.Debug = true })},
		{"empty value", []string{"--mode=fuzzingserver", "--spec="}, fuzzing(func(*wstest.Args) {})},
		{"the last one counts", []string{"-m", "echoserver", "-m", "fuzzingserver"}, fuzzing(func(*wstest.Args) {})},
		{"end of options", []string{"-m", "fuzzingserver", "--"}, fuzzing(func(*wstest.Args) {})},
		{
			"all of them",
			[]string{"-m", "testeeclient", "-s", "s.json", "-w", "wss://h:1", "-i", "a b", "-k", "k.pem", "-c", "c.pem", "-o", "o", "-t", "t", "-d", "-a"},
			wstest.Args{
				Mode: "testeeclient", Spec: "s.json", URI: "wss://h:1", WebPort: 8080, Ident: "a b", Key: "k.pem", Cert: "c.pem",
				Outfile: "o", Testset: "t", Debug: true, Version: true,
			},
		},
		{"help", []string{"-h"}, wstest.Args{WebPort: 8080, Help: true}},
		{"cases at once", []string{"--parallel", "16", "-mfuzzingserver"}, fuzzing(func(a *wstest.Args) { a.Parallel = 16 })},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := wstest.ParseArgs(tc.args)
			if err != nil {
				t.Fatalf("ParseArgs(%q): %v", tc.args, err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("ParseArgs(%q) (-want +got):\n%s", tc.args, diff)
			}
		})
	}
}

func TestParseArgsRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		args       []string
	}{
		{"unknown long", `unknown option --nope`, []string{"--nope"}},
		{"unknown short", `unknown option -x`, []string{"-x"}},
		{"ambiguous", `option --w is ambiguous`, []string{"--w=1"}},
		{"value missing", `option --mode needs a value`, []string{"--mode"}},
		{"short value missing", `option -m needs a value`, []string{"-m"}},
		{"value where none belongs", `option --debug takes no value`, []string{"--debug=1"}},
		{"positional", `unexpected argument "fuzzingserver"`, []string{"fuzzingserver"}},
		{"behind the end of options", `unexpected argument "x"`, []string{"--", "x"}},
		{"web port too high", `web port "65536" is not a number from 0 to 65535`, []string{"-u", "65536"}},
		{"web port negative", `web port "-1" is not a number from 0 to 65535`, []string{"--webport=-1"}},
		{"none at once", `--parallel: "0" is not a number of cases from 1 to 256`, []string{"--parallel=0"}},
		{"web port no number", `web port "http" is not a number from 0 to 65535`, []string{"-u", "http"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := wstest.ParseArgs(tc.args)
			var usage *wstest.UsageError
			if !errors.As(err, &usage) || usage.Reason != tc.want {
				t.Errorf("ParseArgs(%q): got %v, want %s", tc.args, err, tc.want)
			}
		})
	}
}
