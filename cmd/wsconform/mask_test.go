package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What a server quotes in its refusal is printed without the secrets of the command
// line, and without what a terminal would obey.
func TestRefusalIsMasked(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		user, password, _ := r.BasicAuth()
		body := "\x1b[31mno\x1b[0m: " + r.URL.RawQuery + " " + r.Header.Get("X-Api-Key") + " " + user + ":" + password + "\nmore: " + r.Header.Get("X-Other") + "\u202e\n"
		_, _ = w.Write([]byte(body))
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	url := "ws://seeded-user:seeded-password@" + host + "/?token=seeded-token"
	headers := []string{"-H", "X-Api-Key: seeded-key", "--header=X-Other: seeded-other"}
	for _, args := range [][]string{
		{"dump", url},
		{"dump", url, "--json"},
		{"dump", url, "-v"},
		{"test", url, "--cases", "1.1.1", "-o", t.TempDir()},
		{"drive", url},
	} {
		var out bytes.Buffer
		code := run(t.Context(), append(args, headers...), &out, &out)
		text := out.String()
		if code == exitOK || !strings.Contains(text, "403") {
			t.Errorf("%q: exit %d, %s", args, code, text)
		}
		for _, secret := range []string{"seeded-password", "seeded-token", "seeded-key", "seeded-other"} {
			if strings.Contains(text, secret) {
				t.Errorf("%q: %s is shown:\n%s", args, secret, text)
			}
		}
		if strings.Contains(text, "\x1b") || strings.Contains(text, "\u202e") && args[len(args)-1] != "--json" {
			t.Errorf("%q: a control character is shown: %q", args, text)
		}
	}
}
