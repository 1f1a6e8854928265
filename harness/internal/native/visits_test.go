package native

import (
	"bufio"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A desk is an endpoint whose clients are in memory.
type desk struct {
	Endpoint
	t       *testing.T
	results []harness.Result
	updated []int     // results at each report
	last    time.Time // of the last report
}

func newDesk(t *testing.T, ids ...cases.ID) *desk {
	t.Helper()
	d := &desk{t: t}
	for _, id := range ids {
		c, _ := catalogue.Find(id)
		d.List = append(d.List, c)
	}
	d.Streams = NewStreams(nil)
	d.Result = func(_ string, r harness.Result) { d.results = append(d.results, r) }
	d.Update = func(string) error {
		d.updated, d.last = append(d.updated, len(d.results)), time.Now()
		return nil
	}
	return d
}

// connect has a client arrive, which says nothing yet.
func (d *desk) connect() net.Conn {
	peer, nc := net.Pipe()
	v := d.arrive()
	go func() {
		defer d.leave(v)
		defer nc.Close()
		d.serve(d.t.Context(), nc, v)
	}()
	return peer
}

func send(t *testing.T, nc net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(nc, text); err != nil {
		t.Fatal(err)
	}
}

// TestReportsWait asks for reports while a case that was asked for before has no
// result yet.
func TestReportsWait(t *testing.T) {
	for _, tc := range []struct {
		name  string
		first func(t *testing.T, d *desk, nc net.Conn) // before the reports are asked for
		then  func(t *testing.T, nc net.Conn)          // after
		waits time.Duration
		want  int // results in the reports
	}{
		{
			"a request that has not been read", nil,
			func(t *testing.T, nc net.Conn) {
				send(t, nc, request("/runCase?case=1&agent=a"))
				nc.Close()
			}, 0, 1,
		},
		{
			"a case under way",
			func(t *testing.T, _ *desk, nc net.Conn) {
				send(t, nc, request("/runCase?case=1&agent=a"))
				readAll(nc)
			},
			func(_ *testing.T, nc net.Conn) { nc.Close() }, 0, 1,
		},
		{
			"a case that is not given up",
			func(t *testing.T, _ *desk, nc net.Conn) {
				send(t, nc, request("/runCase?case=1&agent=a"))
				readAll(nc)
			}, nil, settleBound, 0,
		},
		{
			"a case of somebody else",
			func(t *testing.T, _ *desk, nc net.Conn) {
				send(t, nc, request("/runCase?case=1&agent=b"))
				readAll(nc)
			}, nil, 0, 0,
		},
		{"a connection that asks for nothing", nil, nil, settleBound, 0},
		{
			"a refused offer",
			func(t *testing.T, _ *desk, nc net.Conn) {
				send(t, nc, request("/runCase?case=1&agent=a", "Sec-WebSocket-Extensions: permessage-deflate; x"))
				readAll(nc)
			}, nil, 0, 1,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, "9.1.6")
				nc := d.connect()
				defer nc.Close()
				if tc.first != nil {
					tc.first(t, d, nc)
				}
				reports := d.connect()
				defer reports.Close()
				start := time.Now()
				send(t, reports, request("/updateReports?agent=a"))
				readAll(reports)
				synctest.Wait()
				if tc.then != nil {
					if len(d.updated) > 0 {
						t.Error("the reports were written without the case")
					}
					tc.then(t, nc)
				}
				time.Sleep(time.Minute) // of the bubble
				synctest.Wait()
				if took := d.last.Sub(start); took > tc.waits+200*time.Millisecond || took < tc.waits {
					t.Errorf("the reports came after %v, want %v", took, tc.waits)
				}
				if len(d.updated) != 1 || d.updated[0] != tc.want {
					t.Errorf("results at each report: got %v, want [%d]", d.updated, tc.want)
				}
			})
		})
	}
}

// readAll reads what comes, in the background, until the connection ends.
func readAll(nc net.Conn) {
	go func() {
		_, _ = io.Copy(io.Discard, nc)
	}()
}

// TestRefusedOffer has a case whose handshake we refuse.
func TestRefusedOffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, "1.1.1")
		nc := d.connect()
		defer nc.Close()
		send(t, nc, request("/runCase?case=1&agent=a", "Sec-WebSocket-Extensions: permessage-deflate; x"))
		readAll(nc)
		time.Sleep(time.Second) // of the bubble
		synctest.Wait()
		if len(d.results) != 1 {
			t.Fatalf("results: got %d, want 1", len(d.results))
		}
		r := d.results[0]
		if tr := r.Transcript; r.Behavior != cases.Failed || r.Close != cases.CloseFailed || tr.Opened || !tr.DroppedByUs || !strings.Contains(tr.UncleanReason, "permessage-deflate") {
			t.Errorf("got %s/%s, %+v, want FAILED/FAILED, dropped by us for the offer", r.Behavior, r.Close, tr)
		}
	})
}

func TestParameters(t *testing.T) {
	for _, tc := range []struct {
		query string
		want  map[string]string // nil for an error
	}{
		{"", map[string]string{}},
		{"case=1&agent=a+b%2Fc", map[string]string{"case": "1", "agent": "a b/c"}},
		{"case=1;agent=a; x", map[string]string{"case": "1", "agent": "a"}},
		{"agent=100%&case=%3", map[string]string{"agent": "100%", "case": "%3"}},
		{"agent=%zz%41", map[string]string{"agent": "%zzA"}},
		{"agent=%ff", map[string]string{"agent": "\uFFFD"}},
		{"agent=&case", map[string]string{}},
		{"agent=a=b", map[string]string{"agent": "a=b"}},
		{"x=1&x=2&case=1", map[string]string{"x": "2", "case": "1"}},
		{"case=1&case=1", nil},
		{"agent=a&agent=", map[string]string{"agent": "a"}},
		{"agent=a&agent=b", nil},
	} {
		got, err := parameters(tc.query)
		if (err != nil) != (tc.want == nil) || err == nil && !maps.Equal(got, tc.want) {
			t.Errorf("parameters(%q): got %q, %v, want %q", tc.query, got, err, tc.want)
		}
	}
}

// TestStatusWhileWaiting has a client wait for a verdict: it is answered what it
// says meanwhile.
func TestStatusWhileWaiting(t *testing.T) {
	const head = "\r\n\r\n"
	frame := func(op wsproto.Opcode, payload string) string {
		h := wsproto.Header{Fin: true, Opcode: op, Masked: true}
		return string(wsproto.AppendFrame(nil, wsproto.Frame{Header: h, Payload: []byte(payload)}))
	}
	for _, tc := range []struct {
		name, says string
		want       string // frames
		ends       bool
	}{
		{"a ping", frame(wsproto.OpPing, "hi"), "\x8a\x02hi", false},
		{"a message", frame(wsproto.OpText, "hi"), "", false},
		{"a close frame", frame(wsproto.OpClose, ""), "\x88\x02\x03\xe8", true},
		{"a reserved opcode", frame(3, ""), "\x88\x00", true},
		{"no mask", "\x89\x00", "\x88\x00", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, "1.1.1")
				nc := d.connect()
				var got strings.Builder
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					_, _ = io.Copy(&got, nc)
				}()
				send(t, nc, request("/getCaseStatus?case=1&agent=a"))
				synctest.Wait()
				send(t, nc, tc.says)
				time.Sleep(10 * time.Second) // of the bubble
				synctest.Wait()
				select {
				case <-ended:
					if !tc.ends {
						t.Error("the connection ended")
					}
				default:
					if tc.ends {
						t.Error("the connection goes on")
					}
				}
				nc.Close()
				<-ended
				if _, frames, _ := strings.Cut(got.String(), head); frames != tc.want {
					t.Errorf("answer: got %q, want %q", frames, tc.want)
				}
			})
		})
	}
}

// TestAnswerEndsAtBrokenRule closes a resource without a close frame.
func TestAnswerEndsAtBrokenRule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, "1.1.1")
		nc := d.connect()
		defer nc.Close()
		start := time.Now()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = io.Copy(io.Discard, nc)
		}()
		send(t, nc, request("/getCaseCount"))
		send(t, nc, "\x83\x80abcd")
		<-ended
		if took := time.Since(start); took > 0 {
			t.Errorf("the connection ended after %v, want at once", took)
		}
	})
}

// Reports do not wait for the connection that asks for them, nor for later ones.
func TestReportsDoNotWaitForThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e Endpoint
		v, later := e.arrive(), e.arrive()
		e.asks(v, "a")
		e.asks(later, "a")
		begun := time.Now()
		if e.settle(t.Context(), v, "a"); time.Since(begun) > 0 {
			t.Errorf("waited for %v", time.Since(begun))
		}
		if e.settle(t.Context(), later, "a"); time.Since(begun) < settleBound {
			t.Errorf("did not wait for the connection before")
		}
	})
}

// A client that does not say who it is gets no case.
func TestCaseWithoutAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, resource := range []string{"/runCase?case=1", "/runCase?case=1&agent=", "/runCase?agent=a", "/runCase?case=2&agent=a"} {
			d := newDesk(t, "1.1.1")
			peer := d.connect()
			send(t, peer, request(resource))
			response, err := http.ReadResponse(bufio.NewReader(peer), nil)
			if err != nil || response.StatusCode != http.StatusInternalServerError {
				t.Errorf("%s: got %v, error %v; want status 500", resource, response, err)
			} else {
				response.Body.Close()
			}
			peer.Close()
		}
	})
}
