//go:build unix

package integration

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
)

// Servers that stand in front of ours, as most do in production. Each gets the
// address to listen on, and those of our server: TCP and a unix socket.
var frontends = []struct {
	name, program, pkg string
	start              func(t *testing.T, path, addr, tcp, unix string)
}{
	{"nginx", "nginx", "nginx-light", func(t *testing.T, path, addr, tcp, unix string) {
		dir := filepath.Dir(write(t, "empty", ""))
		conf := write(t, "nginx.conf", fmt.Sprintf(`
daemon off; worker_processes 1; pid %[1]s/pid; error_log stderr;
events { worker_connections 64; }
http {
	access_log off;
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
	server {
		listen %[2]s;
		proxy_http_version 1.1;
		proxy_set_header Upgrade $http_upgrade;
		proxy_set_header Connection $http_connection;
		proxy_set_header Host $http_host;
		proxy_set_header X-Forwarded-For $remote_addr;
		location /tcp { proxy_pass http://%[3]s; }
		location /unix { proxy_pass http://unix:%[4]s; }
	}
}
`, dir, addr, tcp, unix))
		start(t, addr, path, "-p", dir, "-c", conf)
	}},
	{"HAProxy", "haproxy", "haproxy", func(t *testing.T, path, addr, tcp, unix string) {
		conf := write(t, "haproxy.cfg", fmt.Sprintf(`
defaults
	mode http
	option forwardfor
	timeout connect 5s
	timeout client 30s
	timeout server 30s
	timeout tunnel 30s
frontend in
	bind %s
	use_backend unix if { path /unix }
	default_backend tcp
backend tcp
	option httpchk GET /health
	server ours %s check inter 200ms
backend unix
	option httpchk GET /health
	server ours unix@%s check inter 200ms
`, addr, tcp, unix))
		start(t, addr, path, "-db", "-f", conf)
	}},
}

func TestBehindFrontends(t *testing.T) {
	if testing.Short() {
		t.Skip("starts proxies")
	}
	for _, f := range frontends {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			path := find(t, f.program, f.pkg)
			forwarded := make(chan string, 10)
			s := &ws.Server{Accept: ws.AcceptOptions{
				Options: ws.Options{Deflate: &ws.Deflate{}}, Subprotocols: []string{"echo"},
				Intercept: func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/health" {
						w.WriteHeader(http.StatusOK)
					}
				},
				Check: func(r *http.Request, _ http.Header) (context.Context, error) {
					forwarded <- r.Header.Get("X-Forwarded-For")
					if r.URL.Query().Has("no") {
						return nil, &ws.RejectError{Status: http.StatusTeapot, Header: http.Header{"X-Why": {"tea"}}}
					}
					return nil, nil
				},
			}}
			socket := filepath.Join(filepath.Dir(write(t, "empty", "")), "ours.sock")
			served := make(chan error, 2)
			var addrs []string
			for _, on := range [][2]string{{"tcp", "127.0.0.1:0"}, {"unix", socket}} {
				l, err := (&net.ListenConfig{}).Listen(t.Context(), on[0], on[1])
				if err != nil {
					t.Fatal(err)
				}
				if on[0] == "unix" {
					if err := os.Chmod(socket, 0o777); err != nil { // nginx changes its user
						t.Fatal(err)
					}
				}
				addrs = append(addrs, l.Addr().String())
				go func() { served <- s.Serve(l) }()
			}
			t.Cleanup(func() {
				_ = s.Close()
				<-served
				<-served
			})
			addr := freeAddr(t)
			f.start(t, path, addr, addrs[0], addrs[1])

			for _, target := range []string{"/tcp", "/unix"} {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				opts := &ws.DialOptions{Subprotocols: []string{"other", "echo"}, Options: ws.Options{Deflate: &ws.Deflate{}}, Header: http.Header{"Origin": {"http://" + addr}}}
				c, err := ws.Dial(ctx, "ws://"+addr+target, opts)
				if err != nil {
					t.Fatalf("%s: %v", target, err)
				}
				if c.Subprotocol() != "echo" || c.Handshake().Header["Sec-Websocket-Extensions"] == nil {
					t.Errorf("%s: got subprotocol %q and deflate %v", target, c.Subprotocol(), c.Handshake().Header["Sec-Websocket-Extensions"])
				}
				if got := <-forwarded; got != "127.0.0.1" {
					t.Errorf("%s: got forwarded for %q, want 127.0.0.1", target, got)
				}
				exchange(t, c, messages())

				_, err = ws.Dial(ctx, "ws://"+addr+target+"?no", opts)
				if err == nil || !strings.Contains(err.Error(), "418") {
					t.Errorf("%s: got error %v, want status 418", target, err)
				}
				<-forwarded
			}
		})
	}
}
