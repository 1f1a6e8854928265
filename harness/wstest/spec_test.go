package wstest_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/wsconform/wsconform/harness/wstest"
)

func TestParseSpec(t *testing.T) {
	zero, four := 0, 4
	for _, tc := range []struct {
		name, text string
		want       wstest.Spec
	}{
		{"empty", `{}`, wstest.Spec{}},
		{
			"server", `{"url": "ws://0.0.0.0:9002", "outdir": "/reports", "cases": ["*"], "exclude-cases": [""], "webport": 0, "key": "k", "cert": "c"}`,
			wstest.Spec{URL: "ws://0.0.0.0:9002", OutDir: "/reports", Cases: []string{"*"}, ExcludeCases: []string{""}, WebPort: &zero, Key: "k", Cert: "c"},
		},
		{
			"unknown keys are passed over", `{"mode": "x", "cases": ["1.*"], "servers": [{"url": "ws://h", "note": 1}]}`,
			wstest.Spec{Cases: []string{"1.*"}, Servers: []wstest.ServerSpec{{URL: "ws://h"}}},
		},
		{
			"client", `{"servers": [{"url": "wss://h/p?q", "agent": "a/b", "hostname": "n", "origin": "o", "protocols": ["p"]}], "exclude-agent-cases": {"*": ["9.*"]}}`,
			wstest.Spec{
				Servers:       []wstest.ServerSpec{{URL: "wss://h/p?q", Agent: "a/b", Hostname: "n", Origin: "o", Protocols: []string{"p"}}},
				ExcludeAgents: map[string]wstest.Patterns{"*": {"9.*"}},
			},
		},
		{"byte order mark", "\ufeff{}", wstest.Spec{}},
		{
			"a pattern without a list", `{"cases": "*", "exclude-cases": "", "exclude-agent-cases": {"a": "9.*"}, "parallel": 4}`,
			wstest.Spec{Cases: []string{"*"}, ExcludeCases: []string{""}, ExcludeAgents: map[string]wstest.Patterns{"a": {"9.*"}}, Parallel: &four},
		},
		{"null is nothing", `{"cases": null, "servers": null, "webport": null}`, wstest.Spec{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := wstest.ParseSpec("s.json", []byte(tc.text))
			if err != nil {
				t.Fatalf("ParseSpec: %v", err)
			}
			if diff := cmp.Diff(tc.want, *got, cmpopts.IgnoreUnexported(wstest.Spec{})); diff != "" {
				t.Errorf("ParseSpec (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseSpecRefuses(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"nothing", "", "s.json: unexpected end of file"},
		{"cut off", "{\n\"url\": \"x\"", "s.json: unexpected end of file"},
		{"no JSON", "{\n\"url\": }", "s.json:2: invalid character '}' looking for beginning of value"},
		{"a comma too many", "{\n\"url\": \"x\",\n}", "s.json:3: invalid character '}'"},
		{"wrong type", "{\n\n\"cases\": 5}", `s.json:3: key "cases": must be a list of strings, not a number`},
		{"wrong type in a list", "{\n\n\"cases\": [\"1.*\", 5]}", `s.json:3: key "cases": must be a list of strings, not a list of other things`},
		{"wrong type of a string", "{\"url\":\n 5}", `s.json:2: key "url": must be a string, not a number`},
		{"wrong type in a server", "{\"servers\":\n[{}, {\"url\": []}]}", `s.json:2: key "servers.url": must be a string, not an array`},
		{"one server that is no list", "{\"servers\":\n{\"url\": \"ws://h\"}}", `s.json:2: key "servers": must be a list, not an object`},
		{"a list", "[]", "s.json:1: the configuration must be an object, not an array"},
		{"two values", "{}\n {}", "s.json:2: unexpected text after the closing brace"},
		{"web port", "{\n\"webport\": 70000}", `s.json:2: key "webport": 70000 is not a port`},
		{"none at once", "{\n\"parallel\": 0}", `s.json:2: key "parallel": 0 is not a number of cases from 1 to 256`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := wstest.ParseSpec("s.json", []byte(tc.text))
			var usage *wstest.UsageError
			if !errors.As(err, &usage) || !strings.Contains(usage.Reason, tc.want) {
				t.Errorf("ParseSpec(%q): got %v, want a usage error with %q", tc.text, err, tc.want)
			}
		})
	}
}

func FuzzParseSpec(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `{"url": "ws://127.0.0.1:9001", "cases": ["*"], "options": {"failByDrop": false}}`,
		`{"servers": [{"url": "ws://h", "options": {"version": 18}}], "exclude-agent-cases": {"a*": ["9.[12].*"]}}`, `{"cases": "*"}`, "\ufeff{", `{"webport": 1e9}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := wstest.ParseSpec("s.json", data)
		if (s == nil) == (err == nil) {
			t.Fatalf("ParseSpec: got %v and %v, want one of them", s, err)
		}
		var usage *wstest.UsageError
		if err != nil && !errors.As(err, &usage) {
			t.Errorf("ParseSpec: got %T, want a usage error", err)
		}
	})
}
