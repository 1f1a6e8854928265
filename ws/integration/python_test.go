//go:build unix

package integration

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
)

func script(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Our client against servers in Python. Daphne does not send an empty message.
func TestPythonServers(t *testing.T) {
	for _, row := range []struct {
		name   string
		secure bool
		send   []ws.Message
		start  func(t *testing.T, addr, pem string) *program
	}{
		{"websockets", false, messages(), func(t *testing.T, addr, _ string) *program {
			return start(t, addr, python(t, "websockets"), script(t, "websockets_echo.py"), portOf(addr))
		}},
		{"websockets with TLS", true, messages(), func(t *testing.T, addr, pem string) *program {
			return start(t, addr, python(t, "websockets"), script(t, "websockets_echo.py"), portOf(addr), pem)
		}},
		{"Django Channels", false, messages()[1:], func(t *testing.T, addr, _ string) *program {
			path := python(t, "channels, daphne")
			folder := filepath.Dir(script(t, "channels_echo.py"))
			return start(t, addr, path, "-B", "-c",
				"import sys; sys.path.insert(0, sys.argv.pop(1)); from daphne.cli import CommandLineInterface as c; c.entrypoint()",
				folder, "-b", "127.0.0.1", "-p", portOf(addr), "channels_echo:application")
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			scheme, pem, trust := "ws", "", (*tls.Config)(nil)
			if row.secure {
				scheme = "wss"
				pem, trust = certificate(t)
			}
			p := row.start(t, freeAddr(t), pem)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			opts := &ws.DialOptions{TLS: trust, Subprotocols: []string{"echo", "superchat"}, Options: ws.Options{Deflate: &ws.Deflate{}}, Header: http.Header{"Origin": {"http://" + p.addr}}}
			c, err := ws.Dial(ctx, scheme+"://"+p.addr+"/room", opts)
			if err != nil {
				t.Fatal(err)
			}
			if c.Subprotocol() != "echo" {
				t.Errorf("got subprotocol %q, want echo", c.Subprotocol())
			}
			exchange(t, c, row.send)
		})
	}
}

// What a server says that refuses reaches the caller.
func TestPythonServerRefuses(t *testing.T) {
	addr := freeAddr(t)
	start(t, addr, python(t, "websockets"), script(t, "websockets_echo.py"), portOf(addr))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := ws.Dial(ctx, "ws://"+addr, &ws.DialOptions{Header: http.Header{"Host": nil}})
	he, ok := errors.AsType[*ws.HandshakeError](err)
	if !ok || he.Status < 400 {
		t.Errorf("a request without Host: got %v, want an HTTP error", err)
	}
}

// Clients in Python against our server.
func TestPythonClients(t *testing.T) {
	plain, secure := echoServers(t)
	pem := write(t, "trust.pem", pemOf("CERTIFICATE", secure.cert))
	for _, row := range []struct{ module, script string }{
		{"websockets", "websockets_client.py"},
		{"websocket", "websocket_client.py"},
	} {
		for _, args := range [][]string{{plain.url("127.0.0.1")}, {secure.url("127.0.0.1"), pem}} {
			t.Run(row.module+" "+args[0][:3], func(t *testing.T) {
				t.Parallel()
				path := python(t, row.module)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				out, err := exec.CommandContext(ctx, path, append([]string{script(t, row.script)}, args...)...).CombinedOutput()
				if err != nil {
					t.Errorf("%v\n%s", err, out)
				}
			})
		}
	}
}
