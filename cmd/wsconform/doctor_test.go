package main

import (
	"net/url"
	"strings"
	"testing"
)

// The proxy of the environment is chosen by the scheme of the URL, and not for what NO_PROXY
// and this machine are.
func TestEnvironmentProxy(t *testing.T) {
	for _, row := range []struct{ env, url, want string }{
		{"HTTP_PROXY=http://a:1", "ws://example.test/", "http://a:1"},
		{"HTTP_PROXY=http://a:1", "wss://example.test/", ""},
		{"https_proxy=http://me:secret@b:2", "wss://example.test/", "http://me:secret@b:2"},
		{"ALL_PROXY=socks5h://c:3", "wss://example.test/", "socks5h://c:3"},
		{"HTTP_PROXY=http://a:1 ALL_PROXY=socks5h://c:3", "ws://example.test/", "http://a:1"},
		{"HTTP_PROXY=http://a:1 NO_PROXY=.test", "ws://example.test/", ""},
		{"HTTP_PROXY=http://a:1", "ws://127.0.0.1:9001/", ""},
		{"HTTP_PROXY=http://a:1 REQUEST_METHOD=GET", "ws://example.test/", ""},
		{"HTTP_PROXY=http://a%zz:1", "ws://example.test/", "error"},
	} {
		t.Run(row.env, func(t *testing.T) {
			for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy", "REQUEST_METHOD"} {
				t.Setenv(name, "")
			}
			for pair := range strings.FieldsSeq(row.env) {
				name, value, _ := strings.Cut(pair, "=")
				t.Setenv(name, value)
			}
			u, err := url.Parse(row.url)
			if err != nil {
				t.Fatal(err)
			}
			p, err := environmentProxy(u)
			got := ""
			switch {
			case err != nil:
				got = "error"
			case p != nil:
				got = p.String()
			}
			if got != row.want {
				t.Errorf("%s: got %q, want %q", row.url, got, row.want)
			}
			if p, err := chosenProxy("none", p); err != nil || p != nil {
				t.Errorf("none: got %v, %v", p, err)
			}
		})
	}
}
