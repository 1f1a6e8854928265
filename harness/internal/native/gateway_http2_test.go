package native

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/h2"
	"github.com/wsconform/wsconform/internal/wire"
)

// A crossing is a gateway from HTTP/2 to HTTP/1.1: with a fault, or with none.
type crossing struct {
	t      *testing.T
	origin string
	fault  string // "text" changes the payload of frames, "close" loses close frames
}

// probe is what the cases send.
const probe = "4b1d0c2a9e7f5836"

// serve serves one connection.
func (g crossing) serve(nc net.Conn) {
	var wg sync.WaitGroup
	defer wg.Wait()
	hc, err := h2.Open(nc, h2.Options{Server: true, Accept: func(s *h2.Stream) { wg.Go(func() { g.relay(s) }) }})
	if err != nil {
		return
	}
	defer hc.Close()
	<-hc.Done()
}

// relay carries a stream to the origin.
func (g crossing) relay(s *h2.Stream) {
	fields, _ := s.Request()
	back, err := new(net.Dialer).DialContext(g.t.Context(), "tcp", g.origin)
	if err != nil {
		s.Reset(http2.ErrCodeRefusedStream)
		return
	}
	defer back.Close()
	if _, err := io.WriteString(back, asHTTP1(fields)); err != nil {
		return
	}
	br := bufio.NewReader(back)
	var text strings.Builder
	for !strings.HasSuffix(text.String(), "\r\n\r\n") {
		line, err := br.ReadString('\n')
		if err != nil {
			s.Reset(http2.ErrCodeInternal)
			return
		}
		text.WriteString(line)
	}
	h := wire.ParseHead(text.String())
	status := h.Status()
	if status == "101" {
		status = "200"
	}
	answer := []hpack.HeaderField{{Name: ":status", Value: status}}
	for _, f := range h.Fields {
		if name := strings.ToLower(f.Name); !slices.Contains([]string{"upgrade", "connection", "sec-websocket-accept"}, name) {
			answer = append(answer, hpack.HeaderField{Name: name, Value: f.Value})
		}
	}
	if s.Headers(answer, h2.HeadersForm{End: status != "200"}) != nil || status != "200" {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, err := io.Copy(back, struct{ io.Reader }{s})
		if err != nil { // a reset
			back.(*net.TCPConn).SetLinger(0) //nolint:forcetypeassert // it is of TCP
			back.Close()
			return
		}
		back.(*net.TCPConn).CloseWrite() //nolint:forcetypeassert // as above
	}()
	p := make([]byte, 32<<10)
	for {
		n, err := br.Read(p)
		for i, b := range p[:n] {
			if g.fault == "text" && b == probe[0] {
				p[i]++
			}
		}
		if g.fault == "close" && n > 0 && p[0] == 0x88 {
			n = 0
		}
		if n > 0 {
			if _, err := s.Write(p[:n]); err != nil {
				break
			}
		}
		if err == nil {
			continue
		}
		if err != io.EOF {
			s.Reset(http2.ErrCodeCancel)
		} else {
			s.CloseWrite()
		}
		break
	}
	<-done
	_ = s.Close()
}

// through plays cases through such a gateway.
func (g crossing) through(list []cases.Case) map[cases.ID]harness.Result {
	front, back := loopback(g.t), loopback(g.t)
	g.origin = back.Addr().String()
	ctx, cancel := context.WithCancel(g.t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	context.AfterFunc(ctx, func() { front.Close() })
	wg.Go(func() {
		for {
			nc, err := front.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { g.serve(nc) })
		}
	})
	gateway := Gateway{Target: Target{URL: &url.URL{Scheme: "ws", Host: front.Addr().String(), Path: "/"}, HTTP2: true}, Origin: back}
	results := map[cases.ID]harness.Result{}
	if err := TestGateway(ctx, gateway, list, Options{}, func(r harness.Result) { results[r.Case] = r }); err != nil {
		g.t.Error(err)
	}
	return results
}

// gatewaysOverHTTP2 are the cases of gateways that make sense with HTTP/2 in front.
func gatewaysOverHTTP2() []cases.Case {
	return slices.DeleteFunc(catalogue.All(), func(c cases.Case) bool {
		return !c.For(cases.Gateway) || c.OverStream() != "" || c.Slow || c.Heavy()
	})
}

// A sound gateway from HTTP/2 to HTTP/1.1 passes.
func TestGatewayHTTP2(t *testing.T) {
	list := gatewaysOverHTTP2()
	results := crossing{t: t}.through(append([]cases.Case{find(t, "G.1.2")}, list...))
	if r := results["G.1.2"]; r.Outcome != harness.Unsupported || r.Behavior != cases.Unimplemented || r.Reason == "" { // a line of HTTP/1.1
		t.Errorf("case G.1.2: got %s, %s, %q", r.Outcome, r.Behavior, r.Reason)
	}
	for _, c := range list {
		r := results[c.ID]
		t.Logf("%s: %v", c.ID, r.Duration)
		if r.Outcome != harness.Pass && !(r.Outcome == harness.Observed && r.Behavior == cases.OK) {
			t.Errorf("case %s: %s, %s: %s\n%s\n%s", c.ID, r.Outcome, r.Behavior, r.Reason, r.Note, wireLog(r))
		}
	}
}

// Faults of such a gateway are seen.
func TestGatewayHTTP2Faults(t *testing.T) {
	for fault, id := range map[string]cases.ID{"text": "G.1.1", "close": "G.5.1"} {
		if r := (crossing{t: t, fault: fault}).through([]cases.Case{find(t, id)})[id]; r.Outcome != harness.Fail {
			t.Errorf("fault %s, case %s: %s, %s", fault, id, r.Outcome, r.Note)
		}
	}
}
