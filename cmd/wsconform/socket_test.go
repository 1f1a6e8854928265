package main

import (
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/ws"
)

func TestSplitSocket(t *testing.T) {
	for _, row := range []struct{ in, socket, rest string }{
		{"ws://host:1/a?b", "", "ws://host:1/a?b"},
		{"ws+unix:///run/app.sock", "/run/app.sock", "ws://localhost"},
		{"wss+unix:///run/a%3Ab:/live?x=1", "/run/a:b", "wss://localhost/live?x=1"},
		{"ws+unix://host/run", "", ""},
		{"ws+unix:///run/app.sock:live", "", ""},
		{"ws+unix:run", "", ""},
	} {
		t.Run(row.in, func(t *testing.T) {
			u, err := url.Parse(row.in)
			if err != nil {
				t.Fatal(err)
			}
			socket, rest, err := splitSocket(u)
			got := ""
			if err == nil {
				got = rest.String()
			}
			if socket != row.socket || got != row.rest {
				t.Errorf("got %q and %q, error %v; want %q and %q", socket, got, err, row.socket, row.rest)
			}
		})
	}
}

// A server on a unix socket is tested like any other.
func TestTestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var s ws.Server
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	args := []string{"test", "ws+unix://" + path + ":/live", "--cases", "1.1.*,7.1.*", "-o", t.TempDir()}
	code, stdout, stderr := runWith(t, "", args)
	if code != exitOK {
		t.Errorf("got exit code %d, want %d: %s%s", code, exitOK, stdout, stderr)
	}
	_ = s.Close()
	<-served
	code, _, stderr = runWith(t, "", args)
	if code != exitAgent || !strings.Contains(stderr, "no server at the socket "+path) {
		t.Errorf("no server: got exit code %d, want %d: %s", code, exitAgent, stderr)
	}
}
