//go:build unix

package native

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases/rfc"
	"github.com/wsconform/wsconform/fixtures/mutants/gateway"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/agent"
	"github.com/wsconform/wsconform/internal/pattern"
)

// preforkVariable lets the test binary be a gateway with two workers under a master.
const preforkVariable = "WSCONFORM_TEST_PREFORK"

// prefork is the master of a gateway, or, where the variable begins with "worker", one of
// its workers, which gets the socket from it. A worker ends at a request with X-Nobody:
// always, or once if how is the name of a file, which it makes.
func prefork(how, listen, origin string) int {
	if how, ok := strings.CutPrefix(how, "worker "); ok {
		l, err := net.FileListener(os.NewFile(3, "listener"))
		if err == nil {
			err = gateway.Serve(context.Background(), &deadly{Listener: l, how: how}, origin, gateway.Plain)
		}
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		return 1
	}
	ended := make(chan struct{})
	for range 2 {
		go func() {
			for {
				cmd := exec.Command(os.Args[0], listen, origin)
				cmd.Env = append(os.Environ(), preforkVariable+"=worker "+how)
				cmd.ExtraFiles = []*os.File{file}
				_ = cmd.Run() // it is started again
			}
		}()
	}
	<-ended
	return 0
}

// A deadly listener ends its process at a certain request.
type deadly struct {
	net.Listener
	how string
}

func (d *deadly) Accept() (net.Conn, error) {
	nc, err := d.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &deadlyConn{nc.(*net.TCPConn), d.how}, nil
}

type deadlyConn struct {
	*net.TCPConn
	how string
}

func (d *deadlyConn) Read(p []byte) (int, error) {
	n, err := d.TCPConn.Read(p)
	if !bytes.Contains(p[:n], []byte("X-Nobody")) {
		return n, err
	}
	if d.how == "always" {
		os.Exit(9)
	}
	if f, err := os.OpenFile(d.how, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err == nil {
		f.Close()
		os.Exit(9)
	}
	return n, err
}

// A worker that ends beneath a master that goes on is seen. If none ends when the case is
// played again, the case has its verdict.
func TestGatewayWorkers(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells which processes have the socket")
	}
	list, err := pattern.Select(rfc.All(), []string{"G.1.2", "G.1.3", "G.1.4"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, how string
		want      harness.Outcome
		note      string
	}{
		{"always", "always", harness.Crash, "in each of two plays, a process of the gateway ended while the case was played, and others went on: native.test (process "},
		{"once", filepath.Join(t.TempDir(), "ended"), harness.Pass, "a process of the gateway ended in an earlier play of the case, and none in this one: native.test (process "},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			back := loopback(t)
			s := &agent.Service{
				Command: []string{"/usr/bin/env", preforkVariable + "=" + test.how, os.Args[0], "{listen}", "{origin}"},
				URL:     &url.URL{Scheme: "ws", Host: "127.0.0.1:0", Path: "/"}, AnyPort: true, Patience: 30 * time.Second, Origin: back.Addr().String(),
			}
			if err := s.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			defer s.Stop()
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for n := 0; len(s.Workers()) < 3 && n < 1000; n++ { // the master, and two that it starts
				<-tick.C
			}
			var got []harness.Result
			o := Options{}
			o.Service = s
			if err := TestGateway(t.Context(), Gateway{Target: Target{URL: s.URL}, Origin: back}, list, o, func(r harness.Result) { got = append(got, r) }); err != nil {
				t.Fatal(err)
			}
			if len(got) != 3 || got[0].Outcome != harness.Pass || got[2].Outcome != harness.Pass {
				t.Fatalf("got %+v, want three results, the first and the last of them passes", got)
			}
			if r := got[1]; r.Outcome != test.want || !strings.Contains(r.Note, test.note) {
				t.Errorf("got %s, %q, want %s, %q", r.Outcome, r.Note, test.want, test.note)
			}
		})
	}
}
