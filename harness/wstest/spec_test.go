package wstest_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wsconform/wsconform/harness/wstest"
)

func TestParseSpec(t *testing.T) {
	zero := 0
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
				ExcludeAgents: map[string][]string{"*": {"9.*"}},
			},
		},
		{"byte order mark", "\ufeff{}", wstest.Spec{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := wstest.ParseSpec([]byte(tc.text))
			if err != nil {
				t.Fatalf("ParseSpec: %v", err)
			}
			if diff := cmp.Diff(tc.want, *got); diff != "" {
				t.Errorf("ParseSpec (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseSpecRefuses(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"nothing", "", "EOF"},
		{"no JSON", "{\n\"url\": }", "line 2:"},
		{"wrong type", "{\n\n\"cases\": 5}", "line 3:"},
		{"a list", "[]", "line 1:"},
		{"two values", "{} {}", "closing brace"},
		{"web port", `{"webport": 70000}`, "webport 70000"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := wstest.ParseSpec([]byte(tc.text))
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
		s, err := wstest.ParseSpec(data)
		if (s == nil) == (err == nil) {
			t.Fatalf("ParseSpec: got %v and %v, want one of them", s, err)
		}
		var usage *wstest.UsageError
		if err != nil && !errors.As(err, &usage) {
			t.Errorf("ParseSpec: got %T, want a usage error", err)
		}
	})
}
