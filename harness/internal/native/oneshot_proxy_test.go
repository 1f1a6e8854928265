//go:build unix

package native

import (
	"crypto/tls"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/pattern"
	"github.com/wsconform/wsconform/ws"
)

// usesProxy has the client use the proxy that its command names, if any, or trust everybody. It is
// false if the command is wrong.
func usesProxy(o *ws.DialOptions, how string) bool {
	o.Proxy = http.ProxyURL(nil)
	if how == "secure" {
		o.TLS = &tls.Config{InsecureSkipVerify: true}
		return true
	}
	proxy, ok := strings.CutPrefix(os.Args[1], "--proxy=")
	if proxy == "" {
		return ok
	}
	choose, err := ws.ProxyURL(proxy)
	o.Proxy = choose
	return err == nil
}

// oneShotRunOf plays cases with such a client, whose command has these arguments before the URL.
func oneShotRunOf(t *testing.T, how string, conf *tls.Config, args, patterns []string) map[cases.ID]harness.Result {
	t.Helper()
	t.Setenv(oneShotVariable, how)
	list, err := pattern.Select(catalogue.All(), patterns, nil)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	results := map[cases.ID]harness.Result{}
	driver := runner.Driver{Command: slices.Concat([]string{self}, args, []string{"{url}"}), TLS: conf}
	if _, err = TestOneShot(t.Context(), driver, list, Options{}, func(r harness.Result) { results[r.Case] = r }); err != nil {
		t.Fatal(err)
	}
	return results
}

// {proxy} is the URL of a proxy in the cases about one, and nothing in the others. Without it
// those cases are not played.
func TestOneShotProxy(t *testing.T) {
	patterns := []string{"1.1.1", "X.2.11", "X.2.12", "X.2.13", "X.2.14"}
	for id, r := range oneShotRunOf(t, "proxied", nil, []string{"--proxy={proxy}"}, patterns) {
		if r.Outcome != harness.Pass {
			t.Errorf("case %s: got %s, want pass: %s %s\n%s", id, r.Outcome, r.Reason, r.Note, wireLog(r))
		}
	}
	for id, r := range oneShotRunOf(t, "echo", nil, nil, patterns[1:]) {
		if r.Outcome != harness.Unsupported || !strings.Contains(r.Note, "{proxy}") {
			t.Errorf("case %s without {proxy}: got %s and %q, want it not played, and why", id, r.Outcome, r.Note)
		}
	}
}

// In a run with TLS, a case whose own URL has none is played without it, and the client is not
// taken for one that refuses the URL.
func TestOneShotPlainURL(t *testing.T) {
	conf := &tls.Config{Certificates: []tls.Certificate{testPair()}, NextProtos: []string{"http/1.1"}}
	results := oneShotRunOf(t, "secure", conf, nil, []string{"1.1.1", "O.2.5", "X.2.4"})
	if len(results) != 3 {
		t.Fatalf("got %d results, want 3", len(results))
	}
	for id, r := range results {
		if r.Outcome != harness.Pass || r.Transcript.Request == "" {
			t.Errorf("case %s: got %s and the request %q, want pass and one: %s %s", id, r.Outcome, r.Transcript.Request, r.Reason, r.Note)
		}
	}
}
