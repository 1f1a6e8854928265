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

// doctor examines a server through real proxies, and names the proxy where it is the cause.
func TestProxiedDoctor(t *testing.T) {
	path := wsconform(t)
	onlyNative(t, "doctor")
	plain, secure := echoServers(t)
	examine := func(t *testing.T, args ...string) (code int, out string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		text, err := exec.CommandContext(ctx, path, append([]string{"doctor", "--idle", "0"}, args...)...).CombinedOutput()
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
			scheme := p.schemes[len(p.schemes)-1] // socks5h of dante
			through := []string{"--proxy", p.url(scheme, "me:secret"), plain.url("127.0.0.1")}
			if p.ca != "" {
				through = append(through, "--ca", p.ca)
			}
			code, out := examine(t, through...)
			for _, want := range []string{p.addr + " connects to " + strings.TrimPrefix(plain.url("127.0.0.1"), "ws://"), "changes nothing that is seen", "101 Switching Protocols"} {
				if code != 0 || !strings.Contains(out, want) {
					t.Errorf("exit %d, %q is missing\n%s", code, want, out)
				}
			}
			if p.ca == "" {
				if code, out := examine(t, "--insecure", "--proxy", p.url(scheme, "me:secret"), secure.url("127.0.0.1")); !strings.Contains(out, "changes nothing that is seen") {
					t.Errorf("TLS: exit %d\n%s", code, out)
				}
			}
			if !p.password {
				return
			}
			code, out = examine(t, "--proxy", p.url(scheme, "me:wrong"), plain.url("127.0.0.1"))
			if code != 1 || !strings.Contains(out, "no connection through "+scheme+"://"+p.addr) || strings.Contains(out, "wrong@") {
				t.Errorf("the wrong password: exit %d\n%s", code, out)
			}
		})
	}
}
