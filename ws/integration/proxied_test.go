//go:build unix

package integration

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// A server gets the same verdicts through a proxy, and is not blamed for what the proxy does.
func TestProxied(t *testing.T) {
	path := wsconform(t)
	onlyNative(t, "--proxy")
	plain, secure := echoServers(t)
	test := func(t *testing.T, args ...string) (code int, out string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		args = append([]string{"test", "--strict", "--cases", "1.1.*,5.*,H.1.1,H.1.30", "-o", t.TempDir()}, args...)
		text, err := exec.CommandContext(ctx, path, args...).CombinedOutput()
		if ended, ok := errors.AsType[*exec.ExitError](err); ok {
			return ended.ExitCode(), string(text)
		} else if err != nil {
			t.Fatal(err)
		}
		return 0, string(text)
	}
	for _, row := range proxies {
		if name, _, _ := strings.Cut(row.name, " "); name != "squid" && name != "dante" {
			continue
		}
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			p := row.start(t)
			for _, scheme := range p.schemes {
				through := []string{"--proxy", p.url(scheme, "me:secret")}
				if p.ca != "" {
					through = append(through, "--ca", p.ca)
				}
				target := plain.url("127.0.0.1")
				if scheme == "socks5h" || scheme == "http" { // TLS within the tunnel
					target, through = secure.url("127.0.0.1"), append(through, "--insecure")
				}
				if code, out := test(t, append(through, target)...); code != 0 {
					t.Errorf("%s: exit %d\n%s", scheme, code, out)
				}
				if !p.password {
					continue
				}
				code, out := test(t, "--proxy", p.url(scheme, "me:wrong"), plain.url("127.0.0.1"))
				if code != 5 || !strings.Contains(out, "proxy "+scheme+"://"+p.addr) || strings.Contains(out, "wrong") {
					t.Errorf("%s with the wrong password: exit %d\n%s", scheme, code, out)
				}
			}
		})
	}
	t.Run("no proxy", func(t *testing.T) {
		t.Parallel()
		addr := freeAddr(t)
		code, out := test(t, "--proxy", "http://"+addr, plain.url("127.0.0.1"))
		if code != 5 || !strings.Contains(out, "proxy http://"+addr+": could not be reached") {
			t.Errorf("exit %d, want 5 and the proxy named\n%s", code, out)
		}
	})
}
