package wstest_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/harness/wstest"
)

func TestProtocolOptions(t *testing.T) {
	const key = `s.json:2: key "options.`
	for _, tc := range []struct{ name, mode, options, want, warns string }{
		{"unknown", "fuzzingserver", `{"nope": 1}`, key + `nope": there is no such protocol option`, ""},
		{"of a client", "fuzzingserver", `{"version": 18}`, key + `version": this protocol option is not for this mode`, ""},
		{"of a server", "fuzzingclient", `{"webStatus": true}`, key + `webStatus": this protocol option is not for this mode`, ""},
		{"built in", "fuzzingclient", `{"version": 18, "failByDrop": false, "openHandshakeTimeout": 5.0, "applyMask": 1}`, "", ""},
		{"honoured", "fuzzingclient", `{"version": 13, "failByDrop": true, "openHandshakeTimeout": 0.5, "closeHandshakeTimeout": 0, "serverConnectionDropTimeout": null}`, "", ""},
		{"ignored", "fuzzingclient", `{"version": 10, "utf8validateIncoming": false}`, "", "without effect: utf8validateIncoming (always true here), version (always 18 here)"},
		{"no number", "fuzzingclient", `{"openHandshakeTimeout": "5"}`, key + `openHandshakeTimeout": must be a number of seconds`, ""},
		{"negative", "fuzzingclient", `{"closeHandshakeTimeout": -1}`, key + `closeHandshakeTimeout": must be a number of seconds`, ""},
		{"neither true nor false", "fuzzingclient", `{"failByDrop": "yes"}`, key + `failByDrop": must be true or false, not "yes"`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			spec(t, "s.json", `{"url": "ws://h:0", "servers": [{"url": "ws://127.0.0.1:1"}], "cases": ["1.1.1"],`+"\n"+`"options": `+tc.options+`}`)
			p := start(t, "-m", tc.mode, "-s", "s.json", "-u", "0")
			err := p.wait(t)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			if got := p.stderr.String(); !strings.Contains(got, tc.warns) || tc.warns == "" && got != "" {
				t.Errorf("warnings: got %q, want %q", got, tc.warns)
			}
		})
	}
}

// TestWarnings has configurations that can be used and are not as they should be.
func TestWarnings(t *testing.T) {
	for _, tc := range []struct {
		name, spec string
		want       string
		args       []string
	}{
		{"unknown key", "{\n\"casses\": []," + `"cases": ["1.1.1"], "servers": [{"url": "ws://127.0.0.1:1"}]}`, `s.json:2: key "casses": unknown key, ignored`, nil},
		{"unknown key of a server", `{"cases": ["1.1.1"], "servers": [` + "\n" + `{"url": "ws://127.0.0.1:1", "name": "x"}]}`, `s.json:2: key "servers[0].name": unknown key, ignored`, nil},
		{"no cases", `{"servers": [{"url": "ws://127.0.0.1:1"}]}`, `s.json: no case is selected: key "cases" is missing`, nil},
		{"none selected", `{"cases": ["1.*"], "exclude-cases": ["*"], "servers": [{"url": "ws://127.0.0.1:1"}]}`, `s.json:1: key "cases": no case is selected`, nil},
		{"no such case", `{"cases": ["1.1"], "servers": [{"url": "ws://127.0.0.1:1"}]}`, `s.json:1: key "cases": pattern "1.1" matches no case; for the section, write "1.1.*"`, nil},
		{"a server and an address", `{"cases": ["1.1.1"], "servers": [{"url": "ws://127.0.0.1:1"}]}`, "--wsuri is ignored, because s.json names servers", []string{"-w", "ws://127.0.0.1:2"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			spec(t, "s.json", tc.spec)
			p := start(t, append([]string{"-m", "fuzzingclient", "-s", "s.json"}, tc.args...)...)
			if err := p.wait(t); err != nil {
				t.Errorf("got %v, want nil", err)
			}
			if got := p.stderr.String(); !strings.Contains(got, "wstest: "+tc.want) {
				t.Errorf("warnings: got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestSpecFaults has configurations that cannot be used.
func TestSpecFaults(t *testing.T) {
	for _, tc := range []struct{ name, mode, spec, want string }{
		{"address of a server", "fuzzingclient", "{\"servers\": [{\"url\": \"ws://h\"},\n{\"url\": \"http://h\"}]}", `s.json:2: key "servers[1].url": address "http://h" does not begin with ws://`},
		{"address to listen on", "fuzzingserver", "{\n\"url\": \"ws://h/?x\"}", `s.json:2: key "url": address "ws://h/?x" to listen on has a query`},
		{"no address to listen on", "fuzzingserver", "{}", `s.json: key "url", the address to listen on, is missing`},
		{"a line break in the origin", "fuzzingclient", "{\"servers\": [{\"url\": \"ws://h\",\n\"origin\": \"x\\r\\nEvil: 1\"}]}", `s.json:2: key "servers[0].origin": "x\r\nEvil: 1" has a control character`},
		{"a line break in a subprotocol", "fuzzingclient", "{\"servers\": [{\"url\": \"ws://h\",\n\"protocols\": [\"a\", \"b\\nc: d\"]}]}", `s.json:2: key "servers[0].protocols": "b\nc: d" has a control character`},
		{"pattern", "fuzzingserver", "{\"url\": \"ws://h:0\",\n\"cases\": [\"(*\"]}", `s.json:2: key "cases": pattern "(*"`},
		{"pattern of what is left out", "fuzzingserver", "{\"url\": \"ws://h:0\", \"cases\": [\"*\"],\n\"exclude-cases\": [\"(*\"]}", `s.json:2: key "exclude-cases": pattern "(*"`},
		{"pattern of an agent", "fuzzingserver", "{\"url\": \"ws://h:0\", \"cases\": [\"*\"],\n\"exclude-agent-cases\": {\"(\": [\"*\"]}}", `s.json:2: key "exclude-agent-cases": pattern "("`},
		{"no servers", "fuzzingclient", `{"servers": []}`, "s.json names no servers; give one with --wsuri"},
		{"connections", "massconnect", "{\"servers\":\n[{\"uri\": \"h\"}], \"options\": {\"connections\": 1, \"batchsize\": 1}}", `s.json:2: key "servers[0].uri": address "h"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			spec(t, "s.json", tc.spec)
			err := start(t, "-m", tc.mode, "-s", "s.json", "-u", "0").wait(t)
			if _, ok := errors.AsType[*wstest.UsageError](err); !ok || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want a usage error with %s", err, tc.want)
			}
		})
	}
}
