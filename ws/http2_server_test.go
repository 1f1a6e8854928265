package ws_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"golang.org/x/net/http2"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// overHTTP2 runs a test against a server in a bubble.
func overHTTP2(t *testing.T, s *ws.Server, test func(t *testing.T, p *http2Peer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener()
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		nc, _ := l.connect()
		p := newHTTP2Peer(t, nc, true)
		p.write(func() error { return p.WriteSettings() })
		test(t, p)
		nc.Close()
		if err := s.Shutdown(context.Background()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("served: %v", err)
		}
	})
}

func TestHTTP2Server(t *testing.T) {
	s := &ws.Server{Accept: ws.AcceptOptions{Subprotocols: []string{"chat"}}}
	overHTTP2(t, s, func(t *testing.T, p *http2Peer) {
		if got := p.next(http2.FrameSettings).settings[http2.SettingEnableConnectProtocol]; got != 1 {
			t.Errorf("SETTINGS_ENABLE_CONNECT_PROTOCOL is %d, want 1", got)
		}
		for _, id := range []uint32{1, 3} { // the connection stays usable
			p.connect(id, "sec-websocket-protocol", "news, chat", "sec-websocket-key", "ignored")
			h := p.next(http2.FrameHeaders)
			if h.fields[":status"] != "200" || h.fields["sec-websocket-protocol"] != "chat" || h.end || h.id != id {
				t.Fatalf("response %+v", h)
			}
			for _, name := range []string{"sec-websocket-accept", "upgrade", "connection"} {
				if v, ok := h.fields[name]; ok {
					t.Errorf("response has %s: %s", name, v)
				}
			}
			p.send(id, text("hello"))
			if got, _ := p.data(id, 7); string(got) != "\x81\x05hello" {
				t.Errorf("echo %q", got)
			}
			p.send(id, closing(ws.StatusNormalClosure, ""))
			got, end := p.data(id, 100)
			if string(got) != "\x88\x02\x03\xe8" || !end {
				t.Errorf("close %q, END_STREAM %v", got, end)
			}
			p.write(func() error { return p.WriteData(id, true, nil) })
		}
	})
}

// What is wrong with a request ends it, and nothing else.
func TestHTTP2Requests(t *testing.T) {
	const ok = ":method CONNECT :protocol websocket :scheme http :path / :authority pipe sec-websocket-version 13"
	for _, test := range []struct {
		name, without, with, want string
		end                       bool
	}{
		{name: "good", want: "200"},
		{name: "no :path", without: ":path /", want: "400"},
		{name: "no :scheme", without: ":scheme http", want: "400"},
		{name: "no :authority", without: ":authority pipe", want: "400"},
		{name: "Host instead", without: ":authority pipe", with: "host pipe", want: "200"},
		{name: "Host differs", with: "host other", want: "400"},
		{name: "Connection", with: "connection upgrade", want: "400"},
		{name: "Upgrade", with: "upgrade websocket", want: "400"},
		{name: "upper case", with: "X-Name value", want: "PROTOCOL_ERROR"},
		{name: "other authority", without: ":authority pipe", with: "", want: "400"},
		{name: "other protocol", without: ":protocol websocket", with: "", want: "400"},
		{name: "version 8", without: "sec-websocket-version 13", with: "sec-websocket-version 8", want: "400"},
		{name: "no version", without: "sec-websocket-version 13", want: "400"},
		{name: "END_STREAM", end: true, want: "400"},
		{name: "bad subprotocol", with: "sec-websocket-protocol a,,(", want: "400"},
		{name: "origin", with: "origin http://other", want: "403"},
		{name: "te", with: "te gzip", want: "400"},
		{name: "pseudo-header behind", with: ":path /", without: ":path /", want: "PROTOCOL_ERROR"},
	} {
		t.Run(test.name, func(t *testing.T) {
			overHTTP2(t, &ws.Server{}, func(t *testing.T, p *http2Peer) {
				fields := strings.Fields(strings.Replace(ok, test.without, "", 1) + " " + test.with)
				p.headers(1, test.end, fields...)
				f := p.next(http2.FrameHeaders, http2.FrameRSTStream)
				got := f.fields[":status"]
				if f.typ == http2.FrameRSTStream {
					got = f.code.String()
				}
				if got != test.want {
					t.Errorf("got %s, want %s: %+v", got, test.want, f)
				}
				p.connect(3)
				if got := p.next(http2.FrameHeaders); got.id != 3 || got.fields[":status"] != "200" {
					t.Errorf("the next stream got %+v", got)
				}
			})
		})
	}
	for _, test := range []struct {
		name, fields, want string
	}{
		{"GET", ":method GET :scheme http :path / :authority pipe", "405"},
		{"plain CONNECT", ":method CONNECT :authority pipe", "400"},
		{":protocol on GET", strings.Replace(ok, "CONNECT", "GET", 1), "400"},
		{"unknown :protocol", strings.Replace(ok, "websocket ", "masque ", 1), "501"},
		{"third host", strings.Replace(ok, "authority pipe", "authority other.test:22", 1), "200"},
		{"intercepted", ":method GET :scheme http :path /health :authority pipe", "204"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &ws.Server{Accept: ws.AcceptOptions{Intercept: func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/health" {
					w.WriteHeader(http.StatusNoContent)
				}
			}}}
			overHTTP2(t, s, func(t *testing.T, p *http2Peer) {
				p.headers(1, !strings.Contains(test.fields, "CONNECT"), strings.Fields(test.fields)...)
				if got := p.next(http2.FrameHeaders).fields; got[":status"] != test.want {
					t.Errorf("got %v, want %s", got, test.want)
				}
			})
		})
	}
	overHTTP2(t, &ws.Server{}, func(t *testing.T, p *http2Peer) {
		p.headers(1, false, strings.Fields(strings.Replace(ok, "13", "8", 1))...)
		if got := p.next(http2.FrameHeaders).fields["sec-websocket-version"]; got != "13" {
			t.Errorf("version 8 is told %q, want 13", got)
		}
	})
}

// The end of a stream is as RFC 8441 §5 says.
func TestHTTP2Ends(t *testing.T) {
	var ended chan error
	s := &ws.Server{Handler: func(ctx context.Context, c *ws.Conn) error {
		typ, p, err := c.Read(ctx)
		if err != nil {
			ended <- err
			return nil //nolint:nilerr // the test takes it
		}
		switch string(p) {
		case "cut":
			c.CloseNow()
		case "close":
			ended <- c.Close(4000, "bye")
			return nil
		default:
			ended <- c.Write(ctx, typ, p)
			return nil
		}
		ended <- c.Err()
		return nil
	}}
	overHTTP2(t, s, func(t *testing.T, p *http2Peer) {
		ended = make(chan error, 1)
		p.connect(1)
		p.send(1, text("cut"))
		if got := p.next(http2.FrameRSTStream); got.code != http2.ErrCodeCancel {
			t.Errorf("CloseNow resets with %v, want CANCEL", got.code)
		}
		<-ended

		p.connect(3)
		opened := p.next(http2.FrameHeaders)
		for opened.id != 3 { // before, there is no handler
			opened = p.next(http2.FrameHeaders)
		}
		p.write(func() error { return p.WriteRSTStream(3, http2.ErrCodeCancel) })
		if err := <-ended; err == nil || ws.CloseStatus(err) != 0 || !strings.Contains(fmt.Sprint(err), "CANCEL") {
			t.Errorf("a reset gives %v", err)
		}

		p.connect(5)
		p.send(5, text("close"))
		want := string(wsproto.AppendFrame(nil, closing(4000, "bye")))
		if got, _ := p.data(5, len(want)); string(got) != want {
			t.Errorf("close frame %q", got)
		}
		p.send(5, closing(4000, "bye"))
		if got, end := p.data(5, 1); !end || len(got) > 0 {
			t.Errorf("%q, END_STREAM %v after the closing handshake", got, end)
		}
		p.write(func() error { return p.WriteData(5, true, nil) })
		if err := <-ended; err != nil {
			t.Errorf("close: %v", err)
		}

		p.connect(7) // an unmasked frame
		p.write(func() error { return p.WriteData(7, false, wsproto.AppendFrame(nil, text("x"))) })
		got, end := p.data(7, 1000)
		if len(got) < 4 || string(got[2:4]) != "\x03\xea" || !end {
			t.Errorf("an unmasked frame gets %q, END_STREAM %v; want 1002 and the end", got, end)
		}
		<-ended
	})
}
