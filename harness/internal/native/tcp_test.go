package native

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// scripted is a case of one connection.
func scripted(steps ...cases.Step) cases.Case {
	return cases.Case{ID: "x.1", Suite: cases.RFC, Conns: []cases.Conn{{Steps: steps}}, Want: cases.Clauses{}}
}

// talks sends a text of ten bytes for each that it gets, three times.
func talks(p *wirePeer, f wsproto.Frame) bool {
	if f.Opcode == wsproto.OpText {
		for range 3 {
			p.send(wsproto.OpText, []byte("ten bytes."))
		}
		return true
	}
	return echoes(p, f)
}

// arrivals are the times of the messages.
func arrivals(tr transcript.Transcript) (list []time.Duration) {
	for _, e := range tr.Events {
		if e.Kind == transcript.GotMessage {
			list = append(list, e.At)
		}
	}
	return list
}

// What the peer sends while we do not read comes when we read on.
func TestStopReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := scripted(cases.StopReading{}, cases.Text("go"), cases.Await{For: 3 * time.Second}, cases.ReadOn{}, cases.Await{For: time.Second})
		tr := playAgainst(t, c, cases.Server, false, talks)
		for _, at := range arrivals(tr) {
			if at != 3*time.Second {
				t.Errorf("a message came after %v, want 3s", at)
			}
		}
		if n := len(arrivals(tr)); n != 3 || !tr.Clean {
			t.Errorf("got %d messages, clean %t; want 3 and true", n, tr.Clean)
		}
	})
}

func TestReadSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := scripted(cases.ReadSlowly{Bytes: 4, Every: time.Second}, cases.Text("go"), cases.Await{For: 10 * time.Second}, cases.ReadOn{})
		tr := playAgainst(t, c, cases.Server, false, talks)
		want := []time.Duration{3 * time.Second, 6 * time.Second, 9 * time.Second} // of 12 bytes each
		if got := arrivals(tr); !slices.Equal(got, want) {
			t.Errorf("messages came after %v, want %v", got, want)
		}
	})
}

// A connection that is not read ends when the run is interrupted.
func TestStopReadingInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		ours, theirs := net.Pipe()
		defer theirs.Close()
		c := scripted(cases.StopReading{}, cases.Await{For: time.Hour})
		begin := time.Now()
		tr, err := play(ctx, conn{Conn: ours}, c, 0, cases.Server, manner{})
		if took := time.Since(begin); err != nil || took != time.Second || !tr.DroppedByUs {
			t.Errorf("ended after %v, dropped by us %t, error %v; want 1s, true and nil", took, tr.DroppedByUs, err)
		}
	})
}

// What a client sends behind its close frame is seen, and our direction has ended.
func TestClientAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := scripted(cases.Close{Code: wsproto.StatusNormalClosure})
		tr := playAgainst(t, c, cases.Client, false, func(p *wirePeer, f wsproto.Frame) bool {
			p.send(wsproto.OpClose, f.Payload)
			p.send(wsproto.OpText, []byte("late"))
			return false
		})
		kinds := make([]transcript.EventKind, len(tr.Events))
		for i, e := range tr.Events {
			kinds[i] = e.Kind
		}
		want := []transcript.EventKind{transcript.GotClose, transcript.GotMessage, transcript.GotEnd}
		if !slices.Equal(kinds, want) || !tr.Clean {
			t.Errorf("got %v, clean %t; want %v and true", kinds, tr.Clean, want)
		}
	})
}

// A client that keeps TCP after the closing handshake is given a second.
func TestClientKeepsTCP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		tr := playAgainst(t, scripted(), cases.Client, false, keepsTCP)
		if took := time.Since(begin); took != dropTimeout || !tr.Clean {
			t.Errorf("ended after %v, clean %t; want %v and true", took, tr.Clean, dropTimeout)
		}
	})
}

// listening is a server that gives each connection to serve.
func listening(t *testing.T, serve func(nc net.Conn)) *Target {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer nc.Close()
				nc.SetDeadline(time.Now().Add(10 * time.Second))
				serve(nc)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return &Target{URL: &url.URL{Scheme: "ws", Host: l.Addr().String(), Path: "/"}}
}

// accepts reads a request and opens the connection.
func accepts(nc net.Conn) *bufio.Reader {
	br := bufio.NewReader(nc)
	req, err := http.ReadRequest(br)
	if err != nil {
		return br
	}
	key := req.Header.Get("Sec-WebSocket-Key")
	io.WriteString(nc, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+wsproto.AcceptKey(key)+"\r\n\r\n")
	return br
}

func TestReset(t *testing.T) {
	ended := make(chan error, 1)
	target := listening(t, func(nc net.Conn) {
		_, err := io.Copy(io.Discard, accepts(nc))
		ended <- err
	})
	r := target.playServer(t.Context(), scripted(cases.Text("a"), cases.Reset{}), manner{})
	if err := <-ended; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the peer's connection ended with %v, want a reset", err)
	}
	if tr := r.Transcript; tr == nil || !tr.DroppedByUs || tr.Clean {
		t.Errorf("got %+v, want a connection that we dropped", tr)
	}
}

// Connections of a group are open at the same time, and groups are not.
func TestTogether(t *testing.T) {
	var mu sync.Mutex // guards open and most
	open, most := 0, 0
	three := make(chan struct{})
	target := listening(t, func(nc net.Conn) {
		mu.Lock()
		open++
		most = max(most, open)
		if open == 3 {
			close(three)
		}
		mu.Unlock()
		<-three
		io.Copy(io.Discard, accepts(nc))
		mu.Lock()
		open--
		mu.Unlock()
	})
	c := scripted(cases.HalfClose{}, cases.Await{For: time.Second})
	alone := c.Conns[0]
	beside := alone
	beside.Beside, beside.After = true, 10*time.Millisecond
	c.Conns = []cases.Conn{alone, beside, beside, alone}
	r := target.playServer(t.Context(), c, manner{})
	if r.Transcript == nil || len(r.Transcript.More) != 3 {
		t.Fatalf("got %+v, want four transcripts", r)
	}
	for i, tr := range r.Transcript.Conns() {
		if !tr.Opened {
			t.Errorf("connection %d was not opened: %s", i+1, tr.UncleanReason)
		}
	}
	if most != 3 {
		t.Errorf("%d connections at once, want 3", most)
	}
}

func TestSilenceEnds(t *testing.T) {
	probes := make(chan bool, 4)
	target := listening(t, func(nc net.Conn) {
		br := bufio.NewReader(nc)
		req, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		odd := req.Header.Get("X-Odd") != ""
		probes <- odd
		if odd {
			io.Copy(io.Discard, br) // silent
			return
		}
		io.WriteString(nc, "HTTP/1.1 404 Not Found\r\n\r\n")
	})
	c := scripted()
	c.Conns[0].Head = cases.Head{cases.Add("X-Odd", "1")}
	begin := time.Now()
	r := target.playServer(t.Context(), c, manner{})
	if took := time.Since(begin); took < finAfter || r.Transcript == nil || r.Transcript.OpenTimeout {
		t.Errorf("ended after %v with %+v; want the end of TCP after our FIN", took, r.Transcript)
	}
	if odd, plain := <-probes, <-probes; !odd || plain {
		t.Error("no probe was made beside the silent connection")
	}
}

// TestTLS looks at how TLS ends, at what a case changes in it, and at what goes beneath.
func TestTLS(t *testing.T) {
	pair, pem, err := Certificate()
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	states := make(chan tls.ConnectionState, 1)
	reads := make(chan bool, 1) // whether TLS ended in order
	abrupt := false
	conf := &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1", "foo"}}
	target := listening(t, func(nc net.Conn) {
		wire := watch(nc)
		tc := tls.Server(wire, conf)
		err := tc.Handshake()
		states <- tc.ConnectionState()
		if err == nil {
			_, err = io.Copy(io.Discard, accepts(tc))
		}
		orderly := err == nil && notified(tc)
		if !abrupt {
			tc.Close()
		}
		reads <- orderly // after which abrupt is that of the next row
	})
	target.URL.Scheme = "wss"
	target.TLS = &tls.Config{RootCAs: roots}
	for _, test := range []struct {
		name    string
		conf    *cases.TLS
		steps   []cases.Step
		abrupt  bool
		events  []string // of the transcript
		state   func(tls.ConnectionState) bool
		orderly bool // for the server
	}{
		{"in order", nil, []cases.Step{cases.HalfClose{}, cases.Await{For: 2 * time.Second}}, false, []string{"status 101", "the TLS alert close notify", "the end of TCP"}, nil, true},
		{"torn by the peer", nil, []cases.Step{cases.HalfClose{}, cases.Await{For: 2 * time.Second}}, true, []string{"status 101", "the end of TCP"}, nil, true},
		{"torn by us", nil, []cases.Step{cases.Truncate{}}, true, nil, nil, false},
		{"TLS 1.2", &cases.TLS{Only: tls.VersionTLS12}, []cases.Step{cases.HalfClose{}}, true, nil, func(s tls.ConnectionState) bool { return s.Version == tls.VersionTLS12 }, true},
		{"another protocol", &cases.TLS{Protocols: []string{"foo"}}, []cases.Step{cases.HalfClose{}}, true, nil, func(s tls.ConnectionState) bool { return s.NegotiatedProtocol == "foo" }, true},
		{"no common protocol", &cases.TLS{Protocols: []string{"bar"}}, nil, true, []string{"the TLS alert no application protocol"}, nil, false},
		{"another name", &cases.TLS{Name: "a.test"}, []cases.Step{cases.HalfClose{}}, true, nil, func(s tls.ConnectionState) bool { return s.ServerName == "a.test" }, true},
		{"no TLS", &cases.TLS{Plain: true}, nil, true, nil, nil, false},
		{"garbage beneath TLS", nil, []cases.Step{cases.RawTLS("\x17\x03\x03\x00\x02ab"), cases.Await{For: 2 * time.Second}}, false, []string{"status 101", "the TLS alert bad record MAC", "the end of TCP"}, nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			abrupt = test.abrupt
			c := scripted(test.steps...)
			c.Conns[0].TLS = test.conf
			r := target.playServer(t.Context(), c, manner{})
			state, orderly := <-states, <-reads
			if r.Transcript == nil {
				t.Fatalf("no transcript: %+v", r)
			}
			var events []string
			for _, e := range r.Transcript.Events {
				events = append(events, e.String())
			}
			if test.events != nil && !slices.Equal(events, test.events) {
				t.Errorf("got %q, want %q", events, test.events)
			}
			if test.state != nil && !test.state(state) {
				t.Errorf("the server saw %+v", state)
			}
			if orderly != test.orderly {
				t.Errorf("TLS ended in order for the server: %t, want %t", orderly, test.orderly)
			}
		})
	}
}

func TestJoinedLasts(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(after, lasts time.Duration) transcript.Transcript {
		return transcript.Transcript{Started: start.Add(after), Duration: lasts}
	}
	for _, test := range []struct {
		name string
		list []transcript.Transcript
		want time.Duration
	}{
		{"one", []transcript.Transcript{at(0, time.Second)}, time.Second},
		{"one after another", []transcript.Transcript{at(0, time.Second), at(2*time.Second, time.Second)}, 3 * time.Second},
		{"together", []transcript.Transcript{at(0, 2*time.Second), at(0, 2*time.Second), at(time.Second, time.Second)}, 2 * time.Second},
		{"the first outlasts the others", []transcript.Transcript{at(0, 5*time.Second), at(time.Second, time.Second)}, 5 * time.Second},
		{"one that was never opened", []transcript.Transcript{at(0, time.Second), {}}, time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := joined(test.list).Duration; got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
