package ws_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"

	"github.com/wsconform/wsconform/ws"
)

// A site is a server of HTTP/2 whose connections the test answers, one peer for each.
type http2Site struct {
	t     *testing.T
	pool  *ws.HTTP2
	peers chan *http2Peer
}

// withHTTP2 runs a test with clients of one pool in a bubble.
func withHTTP2(t *testing.T, test func(t *testing.T, s *http2Site)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &http2Site{t: t, pool: &ws.HTTP2{Only: true}, peers: make(chan *http2Peer, 10)}
		test(t, s)
		close(s.peers)
		for p := range s.peers {
			p.nc.Close()
		}
		s.pool.Close()
	})
}

func (s *http2Site) dial() (*ws.Conn, error) {
	return ws.Dial(within(s.t, time.Minute), "ws://pipe/", &ws.DialOptions{HTTP2: s.pool, NetDial: func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		s.peers <- newHTTP2Peer(s.t, far, false)
		return near, nil
	}})
}

// connection is the next one, with the settings that it has announced.
func (s *http2Site) connection(settings ...http2.Setting) *http2Peer {
	s.t.Helper()
	p := <-s.peers
	p.write(func() error { return p.WriteSettings(append(settings, announce(1))...) })
	return p
}

// answer accepts the next request, and returns its stream.
func (p *http2Peer) answer() uint32 {
	p.t.Helper()
	id := p.next(http2.FrameHeaders).id
	p.headers(id, false, ":status", "200")
	return id
}

// exchange has a message go each way.
func (p *http2Peer) exchange(c *ws.Conn, id uint32) {
	p.t.Helper()
	p.write(func() error { return p.WriteData(id, false, []byte("\x81\x02hi")) })
	if text, err := c.ReadText(context.Background()); err != nil || text != "hi" {
		p.t.Errorf("read %q, %v", text, err)
	}
	if err := c.WriteText(context.Background(), "ho"); err != nil {
		p.t.Error(err)
	}
	p.data(id, 8)
}

// After GOAWAY the WebSockets that are open go on, and others get a connection of their
// own. One that the server did not look at is asked for again.
func TestHTTP2GoAway(t *testing.T) {
	withHTTP2(t, func(t *testing.T, s *http2Site) {
		first := dialing(s.dial)
		p := s.connection()
		id := p.answer()
		a := <-first
		second := dialing(s.dial)
		if p.next(http2.FrameHeaders).id != id+2 {
			t.Fatal("the second WebSocket has a connection of its own")
		}
		p.write(func() error { return p.WriteGoAway(id, http2.ErrCodeNo, nil) })
		q := s.connection()
		again := q.answer()
		b := <-second
		if a.err != nil || b.err != nil {
			t.Fatal(a.err, b.err)
		}
		p.exchange(a.c, id)
		q.exchange(b.c, again)
		third := dialing(s.dial)
		last := q.answer()
		c := <-third
		if c.err != nil {
			t.Fatal(c.err)
		}
		q.exchange(c.c, last)
		p.exchange(a.c, id)
		for _, d := range []dialed{a, b, c} {
			d.c.CloseNow()
		}
		p.next(http2.FrameGoAway) // nothing is left of that connection
	})
}

// No connection has more WebSockets than its server allows; another takes those.
func TestHTTP2MaxStreams(t *testing.T) {
	withHTTP2(t, func(t *testing.T, s *http2Site) {
		two := http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 2}
		var open []dialed
		var p *http2Peer
		for i := range 5 {
			d := dialing(s.dial)
			if i%2 == 0 {
				p = s.connection(two)
			}
			id := p.answer()
			open = append(open, <-d)
			if open[i].err != nil {
				t.Fatal(open[i].err)
			}
			p.exchange(open[i].c, id)
		}
		if n := len(s.peers); n > 0 {
			t.Errorf("%d more connections than needed", n)
		}
		// What has ended makes room.
		open[4].c.CloseNow()
		p.next(http2.FrameRSTStream)
		for range 2 {
			d := dialing(s.dial)
			p.answer()
			open = append(open, <-d)
		}
		for _, d := range open {
			if d.err != nil {
				t.Fatal(d.err)
			}
			d.c.CloseNow()
		}
	})
}

// REFUSED_STREAM says that nothing was done: the request is made again, but not for ever.
func TestHTTP2Refused(t *testing.T) {
	for _, row := range []struct {
		name   string
		codes  []http2.ErrCode
		passes bool
	}{
		{"twice", []http2.ErrCode{http2.ErrCodeRefusedStream, http2.ErrCodeRefusedStream}, true},
		{"always", []http2.ErrCode{http2.ErrCodeRefusedStream, http2.ErrCodeRefusedStream, http2.ErrCodeRefusedStream}, false},
		{"for another reason", []http2.ErrCode{http2.ErrCodeCancel}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			withHTTP2(t, func(t *testing.T, s *http2Site) {
				d := dialing(s.dial)
				p := s.connection()
				for i, code := range row.codes {
					id := p.next(http2.FrameHeaders).id
					if want := uint32(2*i + 1); id != want {
						t.Errorf("request %d is stream %d", i, id)
					}
					p.write(func() error { return p.WriteRSTStream(id, code) })
				}
				if row.passes {
					id := p.answer()
					got := <-d
					if got.err != nil {
						t.Fatal(got.err)
					}
					p.exchange(got.c, id)
					got.c.CloseNow()
					return
				}
				got := <-d
				if he, ok := errors.AsType[*ws.HandshakeError](got.err); !ok || he.Reason != "server reset the request" || he.URL == "" {
					t.Errorf("got %v, want a *HandshakeError", got.err)
				}
			})
		})
	}
}

// What breaks a rule on the way to the response is a HandshakeError, too.
func TestHTTP2Malformed(t *testing.T) {
	for name, spoil := range map[string]func(p *http2Peer) error{
		"settings": func(p *http2Peer) error { return p.WriteRawFrame(http2.FrameSettings, 0, 0, []byte{1, 2, 3}) },
		"no status": func(p *http2Peer) error {
			return p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: p.encode("a", "b")})
		},
		"upper case": func(p *http2Peer) error {
			return p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: p.encode(":status", "200", "A", "b")})
		},
		"not HPACK": func(p *http2Peer) error {
			return p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}})
		},
		"DATA first":   func(p *http2Peer) error { return p.WriteData(1, false, []byte("x")) },
		"a long frame": func(p *http2Peer) error { return p.WriteRawFrame(http2.FrameData, 0, 1, make([]byte, 70_000)) },
		"a promise": func(p *http2Peer) error {
			return p.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, EndHeaders: true, BlockFragment: p.encode(":method", "GET")})
		},
	} {
		t.Run(name, func(t *testing.T) {
			withHTTP2(t, func(t *testing.T, s *http2Site) {
				d := dialing(s.dial)
				p := s.connection()
				p.next(http2.FrameHeaders)
				_ = spoil(p) // the client may end the connection in the middle
				got := <-d
				if he, ok := errors.AsType[*ws.HandshakeError](got.err); !ok || he.Reason != "malformed response over HTTP/2" || he.URL != "ws://pipe/" {
					t.Errorf("got %v, want a *HandshakeError", got.err)
				}
				p.nc.Close()
			})
		})
	}
}
