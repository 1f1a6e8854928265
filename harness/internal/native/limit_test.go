package native

import (
	"context"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/fixtures/mutants"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/pattern"
)

// A server that refuses long messages with 1009 fails the cases of section 9 at once,
// and the result says that it was its limit: the run does not wait the 100 s that the cases give
// a peer to echo.
func TestServerWithALimitIsKnownAtOnce(t *testing.T) {
	m, ok := mutants.Find("limit-64k")
	if !ok {
		t.Fatal("there is no mutant limit-64k")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- m.Serve(ctx, l) }()
	defer func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	list, err := pattern.Select(catalogue.All(), []string{"9.1.6", "9.2.6", "9.3.9", "9.4.9"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	within, cancel := context.WithTimeout(ctx, 30*time.Second) // of the 100 s that each would wait
	defer cancel()
	played := 0
	_, err = TestServer(within, Target{URL: &url.URL{Scheme: "ws", Host: l.Addr().String(), Path: "/"}}, list, Options{}, func(r harness.Result) {
		played++
		if r.Outcome != harness.Fail || !r.OverLimit() {
			t.Errorf("case %s: %s, want a failure by the limit of the peer", r.Case, r.Summary())
		}
	})
	if err != nil || played != len(list) {
		t.Errorf("got %v after %d cases, want all %d", err, played, len(list))
	}
}
