//go:build unix

package integration

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
)

// A proxy is one that runs, and what it speaks.
type proxy struct {
	*program
	schemes  []string
	password bool        // it wants me:secret
	trust    *tls.Config // for https
	ca       string      // the same as a PEM file
}

// The ways to start each proxy.
var proxies = []struct {
	name  string
	start func(*testing.T) proxy
}{
	{"squid", func(t *testing.T) proxy { return squid(t, false) }},
	{"squid with password", func(t *testing.T) proxy { return squid(t, true) }},
	{"squid over TLS", squidTLS},
	{"tinyproxy", func(t *testing.T) proxy { return tinyproxy(t, false) }},
	{"tinyproxy with password", func(t *testing.T) proxy { return tinyproxy(t, true) }},
	{"dante", func(t *testing.T) proxy { return dante(t, false) }},
	{"dante with password", func(t *testing.T) proxy { return dante(t, true) }},
	{"microsocks", func(t *testing.T) proxy { return microsocks(t, false) }},
	{"microsocks with password", func(t *testing.T) proxy { return microsocks(t, true) }},
	{"OpenSSH", openSSH},
}

const squidConfig = `
pid_filename none
access_log none
cache_log %[1]s/cache.log
coredump_dir %[1]s
cache deny all
shutdown_lifetime 0 seconds
acl CONNECT method CONNECT
`

func squid(t *testing.T, password bool) proxy {
	t.Helper()
	path := find(t, "squid", "squid")
	addr := freeAddr(t)
	rules := "http_access allow localhost CONNECT\n"
	if password {
		helper := "/usr/lib/squid/basic_ncsa_auth"
		if _, err := os.Stat(helper); err != nil {
			t.Skipf("%s is not there", helper)
		}
		// The hash of secret, as htpasswd -d makes it.
		rules = "auth_param basic program " + helper + " " + write(t, "passwd", "me:7kGxGZwxygzVs\n") + "\n" +
			"auth_param basic children 1\nacl known proxy_auth REQUIRED\nhttp_access allow known CONNECT\n"
	}
	return proxy{program: startSquid(t, path, addr, "http_port "+addr+"\n"+rules), schemes: []string{"http"}, password: password}
}

func startSquid(t *testing.T, path, addr, config string) *program {
	t.Helper()
	logs := filepath.Dir(write(t, "note", ""))
	if err := os.Chmod(logs, 0o777); err != nil {
		t.Fatal(err)
	}
	config = fmt.Sprintf(squidConfig, logs) + config + "http_access deny all\n"
	return start(t, addr, path, "-N", "-f", write(t, "squid.conf", config))
}

func squidTLS(t *testing.T) proxy {
	t.Helper()
	path := find(t, "squid", "squid")
	addr := freeAddr(t)
	cert, trust := certificate(t)
	p := startSquid(t, path, addr, "https_port "+addr+" tls-cert="+cert+"\nhttp_access allow localhost CONNECT\n")
	return proxy{program: p, schemes: []string{"https"}, trust: trust, ca: cert}
}

// certificate is one for 127.0.0.1 with its key in a PEM file, and who trusts it.
func certificate(t *testing.T) (file string, trust *tls.Config) {
	t.Helper()
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	defer srv.Close()
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	key, err := x509.MarshalPKCS8PrivateKey(srv.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "cert.pem", pemOf("CERTIFICATE", srv.Certificate().Raw)+pemOf("PRIVATE KEY", key)), &tls.Config{RootCAs: roots}
}

func tinyproxy(t *testing.T, password bool) proxy {
	t.Helper()
	path := find(t, "tinyproxy", "tinyproxy")
	addr := freeAddr(t)
	config := "Listen 127.0.0.1\nPort " + portOf(addr) + "\nAllow 127.0.0.1\nTimeout 60\n"
	if password {
		config += "BasicAuth me secret\n"
	}
	return proxy{program: start(t, addr, path, "-d", "-c", write(t, "tinyproxy.conf", config)), schemes: []string{"http"}, password: password}
}

const danteConfig = `
logoutput: stderr
internal: 127.0.0.1 port = %s
external: 127.0.0.1
external.rotation: none
clientmethod: none
socksmethod: %[3]s
user.privileged: %[2]s
user.unprivileged: %[2]s
client pass {
	from: 127.0.0.0/8 to: 127.0.0.0/8
}
socks pass {
	from: 127.0.0.0/8 to: 0.0.0.0/0
	command: connect
}
`

// dante has no SOCKS4a: it takes the address that announces a name for one to
// connect to, as curl sees too.
func dante(t *testing.T, password bool) proxy {
	t.Helper()
	path := find(t, "danted", "dante-server")
	addr := freeAddr(t)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	method, schemes := "none", []string{"socks4", "socks5", "socks5h"}
	var command []string
	if password {
		method, schemes = "username", []string{"socks5", "socks5h"} // SOCKS4 has no passwords
		command = withUser(t)
	}
	config := fmt.Sprintf(danteConfig, portOf(addr), me.Username, method)
	pid := filepath.Join(t.TempDir(), "pid")
	command = append(command, path, "-N", "1", "-p", pid, "-f", write(t, "danted.conf", config))
	return proxy{program: start(t, addr, command[0], command[1:]...), schemes: schemes, password: password}
}

// withUser is how to run a program that takes me:secret for a user of the system:
// with other files in place of passwd and shadow, in a mount namespace of its own,
// so that nobody else sees them and nothing is left when it ends.
func withUser(t *testing.T) []string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can have it see another /etc/passwd")
	}
	unshare := find(t, "unshare", "util-linux")
	users, err := os.ReadFile("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	passwd := write(t, "passwd", string(users)+"me:x:65533:65533::/nonexistent:/usr/sbin/nologin\n")
	shadow := write(t, "shadow", "me:7kGxGZwxygzVs:19000:0:99999:7:::\n") // the hash of secret, as in squid
	command := []string{
		unshare, "--mount", "--propagation", "private", "sh", "-c",
		`mount --bind "$0" /etc/passwd && mount --bind "$1" /etc/shadow && shift && exec "$@"`, passwd, shadow,
	}
	if out, err := exec.CommandContext(t.Context(), unshare, append(command[1:len(command):len(command)], "true")...).CombinedOutput(); err != nil {
		t.Skipf("no mount namespace: %v: %s", err, out)
	}
	return command
}

func microsocks(t *testing.T, password bool) proxy {
	t.Helper()
	path := find(t, "microsocks", "microsocks")
	addr := freeAddr(t)
	args := []string{"-i", "127.0.0.1", "-p", portOf(addr)}
	if password {
		args = append(args, "-u", "me", "-P", "secret")
	}
	return proxy{program: start(t, addr, path, args...), schemes: []string{"socks5", "socks5h"}, password: password}
}

// openSSH runs a server and a client that forwards dynamically to it.
func openSSH(t *testing.T) proxy {
	t.Helper()
	daemon := find(t, "sshd", "openssh-server")
	client := find(t, "ssh", "openssh-client")
	keygen := find(t, "ssh-keygen", "openssh-client")
	if _, err := os.Stat("/run/sshd"); err != nil && os.Getuid() == 0 {
		t.Skip("sshd wants a folder /run/sshd")
	}
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	if out, err := exec.CommandContext(t.Context(), keygen, "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	addr := freeAddr(t)
	config := fmt.Sprintf("ListenAddress %s\nHostKey %[2]s\nAuthorizedKeysFile %[2]s.pub\nStrictModes no\nUsePAM no\nPidFile none\nPasswordAuthentication no\n", addr, key)
	start(t, addr, daemon, "-D", "-e", "-f", write(t, "sshd_config", config))
	host, port, _ := net.SplitHostPort(addr)
	socks := freeAddr(t)
	return proxy{
		program: start(t, socks, client, "-N", "-D", socks, "-p", port, "-i", key, "-F", "none",
			"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "ExitOnForwardFailure=yes", "-o", "BatchMode=yes", host),
		schemes: []string{"socks4", "socks4a", "socks5", "socks5h"},
	}
}

// url is the proxy's, with the credentials.
func (p proxy) url(scheme, credentials string) string {
	if p.password {
		return scheme + "://" + credentials + "@" + p.addr
	}
	return scheme + "://" + p.addr
}

func TestProxies(t *testing.T) {
	if testing.Short() {
		t.Skip("starts proxies")
	}
	plain, secure := echoServers(t)
	for _, row := range proxies {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			p := row.start(t)
			for _, scheme := range p.schemes {
				t.Run(scheme, func(t *testing.T) {
					p.reaches(t, scheme, plain, secure)
					p.reachesNobody(t, scheme)
					if p.password {
						p.wantsPassword(t, scheme, plain)
					}
				})
			}
		})
	}
}

func (p proxy) reaches(t *testing.T, scheme string, plain, secure echo) {
	t.Helper()
	for _, target := range []struct {
		url   string
		trust *tls.Config
	}{
		{plain.url("127.0.0.1"), nil},
		{plain.url("localhost"), nil},
		{secure.url("127.0.0.1"), secure.trust},
	} {
		c, err := dial(t, p, p.url(scheme, "me:secret"), target.url, target.trust)
		if err != nil {
			t.Errorf("%s: %v", target.url, err)
			continue
		}
		exchange(t, c, messages())
	}
}

// What a proxy cannot reach is an error of the proxy, told by it.
func (p proxy) reachesNobody(t *testing.T, scheme string) {
	t.Helper()
	c, err := dial(t, p, p.url(scheme, "me:secret"), "ws://"+freeAddr(t), nil)
	if err == nil {
		_ = c.CloseNow()
		t.Error("nobody listens: no error")
		return
	}
	t.Logf("nobody listens: %v", err)
	pe, ok := errors.AsType[*ws.HandshakeError](err)
	if p.name == "ssh" { // it says yes before it knows, and then hangs up
		return
	}
	if !ok || pe.Proxy != scheme+"://"+p.addr || pe.Reason == "" {
		t.Errorf("nobody listens: got %v, want an error of the proxy", err)
	}
}

func (p proxy) wantsPassword(t *testing.T, scheme string, plain echo) {
	t.Helper()
	for _, credentials := range []string{"me:wrong@", ""} {
		_, err := dial(t, p, scheme+"://"+credentials+p.addr, plain.url("127.0.0.1"), nil)
		t.Logf("credentials %q: %v", credentials, err)
		pe, ok := errors.AsType[*ws.HandshakeError](err)
		if !ok || strings.Contains(err.Error(), "wrong") {
			t.Errorf("credentials %q: got %v, want a refusal", credentials, err)
			continue
		}
		// Tinyproxy says 401 where 407 is meant.
		if isHTTP := scheme == "http"; isHTTP && pe.Status != 407 && pe.Status != 401 {
			t.Errorf("credentials %q: got status %d, want 407", credentials, pe.Status)
		}
	}
}

func dial(t *testing.T, p proxy, proxyURL, target string, trust *tls.Config) (*ws.Conn, error) {
	t.Helper()
	through, err := ws.ProxyURL(proxyURL)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return ws.Dial(ctx, target, &ws.DialOptions{Proxy: through, ProxyTLS: p.trust, TLS: trust, Options: ws.Options{Deflate: &ws.Deflate{}}})
}
