package native

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/autobahn"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/corpora"
	"github.com/wsconform/wsconform/internal/h3"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// Options are the settings of a run by the native engine.
type Options struct {
	runner.Options
	// Faithful waits as long as the original does, wherever it does.
	Faithful bool
	// Originals are Autobahn's own corpora for sections 12 and 13.
	Originals corpora.Set
	// Greeted is told the head of a server's first response, before any case
	// begins. Nil ignores it.
	Greeted func(response string)
}

// TestServer plays the cases against a server; see [runner.TestServer].
func TestServer(ctx context.Context, target Target, list []cases.Case, o Options, emit func(harness.Result)) (runner.Report, error) {
	if target.URL.Scheme == "wss" {
		o.Declared = append(slices.Clip(o.Declared), cases.NeedTLS)
	}
	if target.HTTP2 {
		o.Declared = append(slices.Clip(o.Declared), cases.NeedHTTP2)
	}
	if target.HTTP3 {
		o.Declared = append(slices.Clip(o.Declared), cases.NeedHTTP3)
	}
	target.accepts = new(acceptance)
	s := &server{Streams: NewStreams(o.Originals), target: target, faithful: o.Faithful, greeted: o.Greeted, greeting: echoCase}
	defer s.Close() //nolint:errcheck // temporary files
	if o.NoEcho {
		s.greeting = pingCase
	}
	if o.Peer != nil {
		o.Try = s.try
	}
	return runner.TestServer(ctx, s, list, o.Options, emit)
}

// TestClient starts a client, as often as needed, to play the cases; see
// [runner.TestClient].
func TestClient(ctx context.Context, d runner.Driver, list []cases.Case, o Options, emit func(harness.Result)) (runner.ClientReport, error) {
	o.Declared = declaredBy(o.Declared, d)
	e := &endpoint{Streams: NewStreams(o.Originals), faithful: o.Faithful}
	defer e.Close() //nolint:errcheck // temporary files
	return runner.TestClient(ctx, e, d, list, o.Options, emit)
}

// declaredBy adds what a driver's connections are to what was declared of a client.
func declaredBy(list []cases.Need, d runner.Driver) []cases.Need {
	list = append(slices.Clip(list), tlsNeeds(d.TLS)...)
	if d.HTTP3 {
		list = append(list, cases.NeedHTTP3)
	}
	if d.HTTP2 {
		list = append(list, cases.NeedHTTP2)
	}
	return list
}

// A server is one under test, as the runner sees it.
type server struct {
	*Streams
	target   Target
	faithful bool
	greeted  func(response string) // nil once it was told
	greeting cases.Case            // what the server is asked before and after the cases
}

func (s *server) String() string { return s.target.String() }

// Move says where the server is.
func (s *server) Move(u *url.URL) { s.target.URL = u }

// Parts are the cases, each by itself.
func (s *server) Parts(list []cases.Case) [][]cases.Case {
	return slices.Collect(slices.Chunk(list, 1))
}

// Play plays the cases.
func (s *server) Play(ctx context.Context, part []cases.Case, how runner.How, emit func(harness.Result)) error {
	for _, c := range part {
		if how.Started != nil {
			how.Started(c)
		}
		emit(s.play(ctx, c, how))
	}
	return nil
}

func (s *server) play(ctx context.Context, c cases.Case, how runner.How) harness.Result {
	target := s.target
	if d, ok := limit(target.Protocol.OpenTimeout, openTimeout); how.OpenTimeout > 0 && (!ok || d > how.OpenTimeout) {
		target.Protocol.OpenTimeout = how.OpenTimeout
	}
	return target.playServer(ctx, c, manner{faithful: s.faithful, brief: how.Brief, streams: s.Streams, monitor: how.Monitor})
}

// echoCase is the sanity check: a text message, echoed, and a clean close.
var echoCase = cases.Case{
	ID: "echo", Title: "a text message", Expect: "the same message, and a clean close",
	Conns: []cases.Conn{{Steps: []cases.Step{cases.Text("wsconform"), cases.KillAfter{After: 5 * time.Second}}}},
	Want:  autobahn.Echoes(cases.GotText(cases.Data([]byte("wsconform")))),
}

// pingCase is the sanity check of a server that does not echo.
var pingCase = cases.Case{
	ID: "ping", Title: "a ping", Expect: "a pong",
	NoEcho: true,
	Conns:  []cases.Conn{{Steps: []cases.Step{cases.Probe{Text: "wsconform", Ping: true}}}},
	Want:   cases.Clauses{{Grade: cases.OK, Checks: cases.Every{cases.Answered{Payload: "wsconform"}}}},
}

// Echo asks for a plain echo, or for a pong of a server that does not echo.
func (s *server) Echo(ctx context.Context) (echoes bool, t transcript.Transcript, err error) {
	nc, failed, err := s.target.open(ctx, s.greeting, 0)
	if s.greeted != nil && err == nil {
		s.greeted(cmp.Or(nc.response, failed.Response))
		s.greeted = nil
	}
	if errors.Is(err, errTLS) { // it can be connected to
		failed.UncleanReason = cmp.Or(failed.UncleanReason, netReason(err))
		err = nil
	}
	if err != nil || nc.Conn == nil {
		return false, failed, err
	}
	tr, err := play(ctx, nc, s.greeting, 0, cases.Server, manner{streams: s.Streams})
	return err == nil && s.greeting.Judge(tr).Behavior == cases.OK, tr, ctx.Err()
}

// probeTimeout bounds the measurement of whether a second connection is served beside the
// first.
const probeTimeout = 700 * time.Millisecond

// Concurrent reports whether a second connection is served beside a first one.
func (s *server) Concurrent(ctx context.Context) bool {
	first, _, err := s.target.open(ctx, s.greeting, 0)
	if err != nil || first.Conn == nil {
		return true // it refuses handshakes: there is nothing to protect
	}
	bounded, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	second, _, err := s.target.open(bounded, s.greeting, 0)
	served := err == nil && second.Conn != nil
	if served {
		play(ctx, second, s.greeting, 0, cases.Server, manner{streams: s.Streams}) //nolint:errcheck // the cases will tell
	}
	play(ctx, first, s.greeting, 0, cases.Server, manner{streams: s.Streams}) //nolint:errcheck // as above
	return served
}

// Diagnose finds out what the server does in place of an echo.
func (s *server) Diagnose(ctx context.Context) (*runner.Diagnosis, error) {
	if s.target.HTTP3 { // of which TCP tells nothing
		echoes, tr, err := s.Echo(ctx)
		if err != nil {
			return nil, err
		}
		text := "it does not echo over HTTP/3"
		if !tr.Opened {
			text = "it opens no WebSocket over HTTP/3 (RFC 9220): " + tr.UncleanReason
		}
		return &runner.Diagnosis{Echoes: echoes, Text: text}, ctx.Err()
	}
	d, err := s.target.Diagnose(ctx)
	if d == nil {
		return nil, err
	}
	if s.target.HTTP2 && d.Echoes { // over HTTP/1.1, which the diagnosis speaks
		echoes, _, _ := s.Echo(ctx)
		const text = "it echoes over HTTP/1.1, but opens no WebSocket over HTTP/2 (RFC 8441): test it without --http2"
		return &runner.Diagnosis{Echoes: echoes, Text: text}, ctx.Err()
	}
	return &runner.Diagnosis{Echoes: d.Echoes || s.greeting.NoEcho && d.Pongs, Refused: d.Refused, Text: d.String()}, err
}

// strange is a message that no application knows, longer than one that it may wait for
// the rest of.
var strange = cases.Repeat("wsconform ", 4<<10)

// tryBound limits what is tried of a server before its cases.
const tryBound = 5 * time.Second

// try asks a server that echoes which control messages it obeys, and sends one that does
// not a message of each kind, to see whether it ends the connection.
func (s *server) try(ctx context.Context) (control, refuses []string) {
	ctx, cancel := context.WithTimeout(ctx, tryBound)
	defer cancel()
	if !s.greeting.NoEcho {
		tr := s.transcript(ctx, cases.AskControl)
		return cases.Commands(&tr), nil
	}
	for _, kind := range []struct {
		name  string
		frame cases.Frame
	}{{"text", cases.Frame{Opcode: wsproto.OpText, Payload: strange}}, {"binary", cases.Frame{Opcode: wsproto.OpBinary, Payload: strange}}} {
		c := pingCase
		c.Conns = []cases.Conn{{Steps: append([]cases.Step{kind.frame}, pingCase.Conns[0].Steps...)}}
		if tr := s.transcript(ctx, c); c.Judge(tr).Behavior != cases.OK {
			refuses = append(refuses, kind.name)
		}
	}
	return nil, refuses
}

// transcript plays the first connection of a case outside a run.
func (s *server) transcript(ctx context.Context, c cases.Case) transcript.Transcript {
	nc, failed, err := s.target.open(ctx, c, 0)
	if err != nil || nc.Conn == nil {
		return failed
	}
	tr, _ := play(ctx, nc, c, 0, cases.Server, manner{streams: s.Streams}) // where we fail, nothing was learnt
	return tr
}

// An endpoint serves the driver protocol to clients under test.
type endpoint struct {
	*Streams
	faithful bool
}

// Parts is the list.
func (e *endpoint) Parts(list []cases.Case) [][]cases.Case { return [][]cases.Case{list} }

// Late is false: a result comes when its case ends.
func (e *endpoint) Late() bool { return false }

// acceptPatience is how long all connections may fail to be accepted, as when there are no
// file descriptors, until the endpoint gives up.
const acceptPatience = 5 * time.Second

// listenFor listens for a driver: on TCP, or on UDP for HTTP/3.
func listenFor(ctx context.Context, d runner.Driver) (l net.Listener, scheme string, err error) {
	l, err = listenBelow(ctx, d, net.JoinHostPort(cmp.Or(d.Host, "127.0.0.1"), strconv.Itoa(d.Port)))
	switch {
	case err != nil || d.TLS == nil:
		return l, "ws://", err
	case d.HTTP3:
		return l, "wss://", nil
	}
	return tls.NewListener(l, d.TLS), "wss://", nil
}

// listenBelow is listenFor without TLS over TCP.
func listenBelow(ctx context.Context, d runner.Driver, addr string) (net.Listener, error) {
	if d.HTTP3 {
		return h3.Listen(addr, d.TLS)
	}
	return new(net.ListenConfig).Listen(ctx, "tcp", addr)
}

// Serve offers the cases to all that connect.
func (e *endpoint) Serve(ctx context.Context, d runner.Driver, list []cases.Case, on runner.Events) error {
	l, scheme, err := listenFor(ctx, d)
	if err != nil {
		return fmt.Errorf("listen for the driver: %w", err)
	}
	on.Ready(scheme + l.Addr().String())
	return e.serving(d, list, on).Serve(ctx, l)
}

// serving offers the cases to one start of a driver.
func (e *endpoint) serving(d runner.Driver, list []cases.Case, on runner.Events) *Endpoint {
	return &Endpoint{
		List: list, Faithful: e.faithful, Streams: e.Streams, Subprotocols: true, HTTP2: d.HTTP2,
		Started: on.Started, Result: on.Result, Update: on.Update, monitor: on.Monitor, brief: on.Brief, patience: acceptPatience,
	}
}
