package passive

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/fixtures/mutants"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/pattern"
)

const (
	request  = "GET /chat HTTP/1.1\r\nHost: server.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
	response = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
	deflate  = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
	hello    = "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58" // masked, RFC 6455 §5.7
	bye      = "\x88\x80\x00\x00\x00\x00"
)

// What is said of bytes of both ends, whole and byte by byte.
func TestConn(t *testing.T) {
	for _, test := range []struct {
		name, client, server string
		want                 []string // "end section frame"
	}{
		{"sound", request + "\r\n" + hello + bye, response + "\r\n\x81\x05Hello\x88\x00", nil},
		{"a 103 before", request + "\r\n" + hello, "HTTP/1.1 103 Early Hints\r\n\r\n" + response + "\r\n\x81\x05Hello", nil},
		{"a wrong accept", request + "\r\n", strings.Replace(response, "s3p", "AAA", 1) + "\r\n", []string{"server RFC 6455 4.2.2 0"}},
		{"no version", strings.Replace(request, "Sec-WebSocket-Version: 13\r\n", "", 1) + "\r\n", response + "\r\n", []string{"client RFC 6455 4.1 0"}},
		{"a client that does not mask", request + "\r\n\x81\x05Hello\x81\x05Hello", response + "\r\n", []string{"client RFC 6455 5.1 1"}},
		{"a server that masks", request + "\r\n", response + "\r\n" + hello, []string{"server RFC 6455 5.1 1"}},
		{"reserved bits", request + "\r\n", response + "\r\n\x81\x00\xc1\x00", []string{"server RFC 6455 5.2 2"}},
		{"a continuation of nothing", request + "\r\n", response + "\r\n\x80\x00", []string{"server RFC 6455 5.4 1"}},
		{"bad text", request + "\r\n", response + "\r\n\x81\x02\xff\xff", []string{"server RFC 6455 8.1 1"}},
		{"text that is cut", request + "\r\n", response + "\r\n\x81\x01\xc3", []string{"server RFC 6455 8.1 1"}},
		{"a close code that must not be sent", request + "\r\n", response + "\r\n\x88\x02\x03\xed", []string{"server RFC 6455 7.4 1"}},
		{"a message behind the close frame", request + "\r\n", response + "\r\n\x88\x00\x81\x00", []string{"server RFC 6455 5.5.1 2"}},
		{"deflate", request + deflate + "\r\n", response + deflate + "\r\n\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00", nil},
		{"deflate that cannot be inflated", request + deflate + "\r\n", response + deflate + "\r\n\xc1\x01\x07", []string{"server RFC 7692 7.2.2 1"}},
		{"bad text in deflate", request + deflate + "\r\n", response + deflate + "\r\n\xc1\x08\x00\x02\x00\xfd\xff\xff\xff\x00", []string{"server RFC 6455 8.1 1"}},
		{"no WebSocket", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", nil},
		{"refused", strings.Replace(request, "13", "12", 1) + "\r\n", "HTTP/1.1 426 No\r\n\r\n", []string{"client RFC 6455 4.1 0"}},
	} {
		for _, step := range []int{1, 1 << 20} {
			t.Run(fmt.Sprintf("%s/%d", test.name, step), func(t *testing.T) {
				c := &Conn{Name: "c"}
				for by, text := range []string{test.client, test.server} {
					for p := range slices.Chunk([]byte(text), step) {
						c.Take(End(by), slices.Clone(p))
					}
					c.End(End(by))
				}
				var got []string
				for _, o := range c.Offences() {
					got = append(got, fmt.Sprintf("%v %s %d", o.By, o.Section, o.Frame))
				}
				if !slices.Equal(got, test.want) {
					t.Errorf("got %q, want %q: %v", got, test.want, c.Offences())
				}
			})
		}
	}
}

// Behind a gap nothing is judged, and that is said.
func TestGap(t *testing.T) {
	c := &Conn{}
	c.Take(Client, []byte(request+"\r\n"))
	c.Take(Server, []byte(response+"\r\n"))
	c.Gap(100)
	c.Take(Server, []byte(hello))
	if len(c.Offences()) > 0 || c.Blind() == "" || !c.IsWebSocket() {
		t.Errorf("got %v, blind %q, WebSocket %t", c.Offences(), c.Blind(), c.IsWebSocket())
	}
}

// recorded plays cases against a mutant through a recorder, and returns the results and the
// capture.
func recorded(t *testing.T, m mutants.Mutant, list []cases.Case) (results []harness.Result, live []*Conn, capture []byte) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	back, front := loopback(t), loopback(t)
	var wg sync.WaitGroup
	wg.Go(func() { _ = m.Serve(ctx, back) }) // ends with ctx
	var packets bytes.Buffer
	r := &Recorder{To: back.Addr().String(), Capture: &packets, Done: func(c *Conn) { live = append(live, c) }}
	wg.Go(func() {
		if err := r.Serve(ctx, front); err != nil {
			t.Error(err)
		}
	})
	target := engine.Target{URL: &url.URL{Scheme: "ws", Host: front.Addr().String(), Path: "/"}}
	_, err := engine.TestServer(t.Context(), target, list, engine.Options{}, func(r harness.Result) { results = append(results, r) })
	if err != nil {
		t.Logf("%s: %v", m.Name, err)
	}
	cancel()
	wg.Wait()
	return results, live, packets.Bytes()
}

func loopback(t *testing.T) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// offencesOf are the sections that a run saw the server offend against on the wire. The words
// of a live run are its own.
func offencesOf(results []harness.Result) []string {
	var list []string
	for _, r := range results {
		if r.Transcript == nil {
			continue
		}
		for _, tr := range r.Transcript.Conns() {
			for _, e := range tr.Events {
				if e.Kind == cases.GotOffence {
					list = append(list, e.Section)
				}
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Every offence that a live run sees in a faulty server, the recorder sees too, and lint in
// the capture that it wrote; of a sound server there is none.
func TestMutants(t *testing.T) {
	list, err := pattern.Select(catalogue.All(), []string{"1.1.2", "2.2", "5.19", "7.1.1"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	var mu sync.Mutex // guards seen
	slots := make(chan struct{}, 16)
	var wg sync.WaitGroup
	for _, m := range mutants.All() {
		if !m.Roles.Has(mutants.Server) || strings.HasPrefix(m.Name, "request-") || testing.Short() && m.Name > "d" {
			continue // those about requests send nothing wrong
		}
		if m.Name == "close-1012" {
			continue // Autobahn's rule in a live run; IANA has registered the code since
		}
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			results, live, packets := recorded(t, m, list)
			want := offencesOf(results)
			mu.Lock()
			seen += len(want)
			mu.Unlock()
			var got, lint []string
			for _, c := range live {
				got = append(got, of(c, Server)...)
			}
			sum, err := Capture(t.Context(), bytes.NewReader(packets), nil, func(c *Conn) { lint = append(lint, of(c, Server)...) })
			if err != nil || sum.Connections != len(live) {
				t.Errorf("%s: %d connections in the capture, %d recorded: %v", m.Name, sum.Connections, len(live), err)
			}
			for _, w := range want {
				if !slices.Contains(got, w) {
					t.Errorf("%s: the recorder does not see %q, but %q", m.Name, w, got)
				}
				if !slices.Contains(lint, w) {
					t.Errorf("%s: lint does not see %q, but %q", m.Name, w, lint)
				}
			}
		})
	}
	wg.Wait()
	if seen == 0 {
		t.Error("no mutant breaks a rule on the wire")
	}
	t.Logf("%d offences", seen)
}

func of(c *Conn, by End) []string {
	var list []string
	for _, o := range c.Offences() {
		if o.By == by {
			list = append(list, o.Section)
		}
	}
	return list
}

// What is no capture is an error, and cut ones are read as far as they go.
func TestNoCapture(t *testing.T) {
	for _, text := range []string{"", "abc", "no capture at all, only text"} {
		if _, err := Capture(t.Context(), strings.NewReader(text), nil, func(*Conn) {}); err == nil {
			t.Errorf("%q: got no error", text)
		}
	}
}

// capture writes a capture of one connection with messages of a size.
func capture(size, messages int) []byte {
	var out bytes.Buffer
	w, _ := newWriter(&out) // in memory
	c := w.connection(&net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 4000}, &net.TCPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 80})
	_ = c.data(Client, []byte(request+"\r\n"))
	_ = c.data(Server, []byte(response+"\r\n"))
	frame := append([]byte{0x82, 127, 0, 0, 0, 0, byte(size >> 24), byte(size >> 16), byte(size >> 8), byte(size)}, make([]byte, size)...)
	for range messages {
		_ = c.data(Server, frame)
	}
	_ = c.end(Server, false)
	_ = c.end(Client, false)
	return out.Bytes()
}

func BenchmarkCapture(b *testing.B) {
	p := capture(1<<20, 64)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		sum, err := Capture(b.Context(), bytes.NewReader(p), nil, func(c *Conn) {
			if len(c.Offences()) > 0 {
				b.Error(c.Offences())
			}
		})
		if err != nil || sum.WebSocket != 1 {
			b.Fatal(sum, err)
		}
	}
}
