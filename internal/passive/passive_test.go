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
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/fixtures/mutants"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/pattern"
	"github.com/wsconform/wsconform/internal/transcript"
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
func recorded(t *testing.T, m mutants.Mutant, as End, list []cases.Case) (results []harness.Result, live []*Conn, capture []byte) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	back, front := loopback(t), loopback(t)
	var wg sync.WaitGroup
	if as == Client {
		e := &engine.Endpoint{List: list, Result: func(_ string, r harness.Result) { results = append(results, r) }}
		wg.Go(func() { _ = e.Serve(ctx, back) }) // as below
	} else {
		wg.Go(func() { _ = m.Serve(ctx, back) }) // ends with ctx
	}
	var packets bytes.Buffer
	r := &Recorder{To: back.Addr().String(), Capture: &packets, Done: func(c *Conn) { live = append(live, c) }}
	wg.Go(func() {
		if err := r.Serve(ctx, front); err != nil {
			t.Error(err)
		}
	})
	if as == Client {
		bounded, done := context.WithTimeout(ctx, time.Minute)
		defer done()
		if err := m.Drive(bounded, "ws://"+front.Addr().String(), m.Name); err != nil {
			t.Logf("client %s: %v", m.Name, err)
		}
		cancel()
		wg.Wait()
		return results, live, packets.Bytes()
	}
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

// offencesOf are the offences that a run saw the peer commit on the wire: the section and
// the words.
func offencesOf(results []harness.Result) []string {
	var list []string
	for _, r := range results {
		if r.Transcript == nil {
			continue
		}
		for _, tr := range r.Transcript.Conns() {
			for _, e := range tr.Events {
				if e.Kind == transcript.GotOffence {
					list = append(list, e.Section+": "+string(e.Data))
				}
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// onlyLive are offences of a live run that the recorder takes for none: Autobahn refuses
// close codes that IANA has registered since.
var onlyLive = map[string]string{"close-1012": "RFC 6455 7.4"}

// otherWords are those of a live run for which the recorder has others: how they begin. A
// live run says of bad text, when the message ends, that its end is bad too.
var otherWords = map[string]string{
	"RFC 6455 7.4: a close frame has an invalid code": "RFC 6455 7.4: close code ",
	"RFC 6455 8.1: text ends inside a code point":     "RFC 6455 8.1: text ",
}

// says reports whether the list has what a live run says.
func says(list []string, live string) bool {
	begin, other := otherWords[live]
	return slices.ContainsFunc(list, func(s string) bool { return s == live || other && strings.HasPrefix(s, begin) })
}

// Every offence that a live run sees in a faulty server or client, the recorder sees too,
// in the same words, and lint in the capture that it wrote.
func TestMutants(t *testing.T) {
	if testing.Short() {
		t.Skip("plays every mutant")
	}
	list, err := pattern.Select(catalogue.All(), []string{"1.1.2", "2.2", "5.19", "7.1.1"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	seen := [2]int{}
	var mu sync.Mutex // guards seen
	slots := make(chan struct{}, 16)
	var wg sync.WaitGroup
	for role, as := range map[mutants.Roles]End{mutants.Server: Server, mutants.Client: Client} {
		for _, m := range mutants.All() {
			if !m.Roles.Has(role) || testing.Short() && m.Name > "d" {
				continue
			}
			wg.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				n := compared(t, m, as, list)
				mu.Lock()
				seen[as] += n
				mu.Unlock()
			})
		}
	}
	wg.Wait()
	if seen[Server] == 0 || seen[Client] == 0 {
		t.Errorf("got %d and %d offences on the wire, of clients and servers", seen[Client], seen[Server])
	}
	t.Logf("%d offences of clients, %d of servers", seen[Client], seen[Server])
}

// compared plays the cases against a mutant, compares what is said of it, and returns how
// many offences the live run saw.
func compared(t *testing.T, m mutants.Mutant, as End, list []cases.Case) int {
	t.Helper()
	results, live, packets := recorded(t, m, as, list)
	want := offencesOf(results)
	var got, lint []string
	for _, c := range live {
		got = append(got, of(c, as)...)
	}
	sum, err := Capture(t.Context(), bytes.NewReader(packets), nil, func(c *Conn) { lint = append(lint, of(c, as)...) })
	if err != nil || sum.Connections != len(live) {
		t.Errorf("%v %s: %d connections in the capture, %d recorded: %v", as, m.Name, sum.Connections, len(live), err)
	}
	for _, w := range want {
		if section, ok := onlyLive[m.Name]; ok && strings.HasPrefix(w, section) {
			if says(got, w) {
				t.Errorf("%v %s: the recorder sees %q too, so that it is no exception", as, m.Name, w)
			}
			continue
		}
		if !says(got, w) {
			t.Errorf("%v %s: the recorder does not see %q, but %q", as, m.Name, w, got)
		}
		if !says(lint, w) {
			t.Errorf("%v %s: lint does not see %q, but %q", as, m.Name, w, lint)
		}
	}
	return len(want)
}

func of(c *Conn, by End) []string {
	var list []string
	for _, o := range c.Offences() {
		if o.By == by {
			list = append(list, o.Section+": "+o.Words)
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
