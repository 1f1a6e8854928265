package native

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/h3"
	"github.com/wsconform/wsconform/internal/transcript"
)

// errNoAnswer3 says that QUIC got no answer in the time for the opening handshake. That is an end
// of its own: it is as if TCP were refused.
var errNoAnswer3 = errors.New("no answer")

// dialQUIC connects to the server by QUIC.
func (t *Target) dialQUIC(ctx context.Context) (net.Conn, error) {
	port := t.URL.Port()
	if port == "" {
		port = "443"
	}
	if d, ok := limit(t.Protocol.OpenTimeout, openTimeout); ok { // where nobody listens, hardly anybody says so
		bounded, cancel := context.WithTimeout(ctx, d)
		defer cancel()
		ctx = bounded
	}
	l, err := h3.Dial(ctx, net.JoinHostPort(t.URL.Hostname(), port), t.tlsConfig())
	if _, ok := errors.AsType[*quic.TransportError](err); ok {
		return nil, fmt.Errorf("%w: HTTP/3 on UDP port %s: %w: %w", errRefused, port, errTLS, err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("%w: HTTP/3 on UDP port %s: %w", errRefused, port, errNoAnswer3)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: HTTP/3 on UDP port %s: %w", errRefused, port, err)
	}
	return l, nil
}

// A sole3 stream is the only one of its connection, which ends with it.
type sole3 struct {
	*h3.Stream
}

// partingTime is how long the end of a connection may wait for the peer to have seen the end of
// its stream: what is on its way is lost with the connection.
const partingTime = 50 * time.Millisecond

// Close ends the stream and then the connection.
func (s *sole3) Close() error {
	err := s.Stream.Close()
	s.Parted(time.Now().Add(partingTime))
	s.Conn().Close() //nolint:errcheck // it is over
	return err
}

// Beneath is the connection of the stream.
func (s *sole3) Beneath() net.Conn { return s.Conn().Link() }

// frameHTTP3 takes a frame of HTTP/3. DATA is left out, as in frame.
func (t *tap) frameHTTP3(f h3.Frame) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f.Type != h3.FrameData || len(f.Offences) > 0 {
		t.note(entryOf3(f), offencesOf3(f))
	}
}

func entryOf3(f h3.Frame) transcript.Entry {
	e := transcript.Entry{Kind: transcript.LogHTTP3, Dir: transcript.In, Len: f.Len, Note: f.String()}
	if f.Out {
		e.Dir = transcript.Out
	}
	return e
}

func offencesOf3(f h3.Frame) []transcript.Event {
	var list []transcript.Event
	for _, o := range f.Offences {
		list = append(list, transcript.Event{Kind: transcript.GotOffence, Section: o.Section, Len: len(o.Words), Data: transcript.Octet(o.Words)})
	}
	return list
}

// errNoConnect3 and errNoSettings3 say why there is no WebSocket over HTTP/3.
var (
	errNoConnect3  = errors.New("the server does not announce extended CONNECT (SETTINGS_ENABLE_CONNECT_PROTOCOL, RFC 9220 3)")
	errNoSettings3 = errors.New("the server sends no SETTINGS of HTTP/3")
)

// askHTTP3 opens connection n of a case as a stream of HTTP/3. What it returns tells how far it
// came, also with an error.
func (t *Target) askHTTP3(nc net.Conn, c cases.Case, n int) (opened conn, err error) {
	link := nc.(*h3.Link) //nolint:forcetypeassert // it is of dialQUIC
	opened = conn{Conn: nc, protocol: t.Protocol, tap: new(tap)}
	bound, _ := limit(t.Protocol.OpenTimeout, openTimeout)
	deadline := time.Now().Add(bound)
	hc, err := h3.Open(link, h3.Options{Frame: opened.tap.frameHTTP3})
	if err != nil {
		return opened, err
	}
	switch settings, connect := hc.Announced(deadline); {
	case !settings && hc.Err() != nil:
		return opened, hc.Err()
	case !settings:
		return opened, errNoSettings3
	case !connect:
		return opened, errNoConnect3
	}
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	s, err := hc.NewStream(ctx)
	if err != nil {
		return opened, err
	}
	stream := &sole3{s}
	opened.Conn = stream
	request := t.fieldsHTTP2(c.Conns[n])
	for i := range request {
		request[i].Name = strings.ToLower(request[i].Name)
	}
	fields := block(request)
	opened.request = bounded(requestText("HTTP/3", fields))
	start := time.Now()
	if err := stream.Headers(fields, false); err != nil {
		return opened, err
	}
	got, err := stream.Head(deadline)
	at := time.Since(start)
	if err != nil {
		if !isTimeout(err) {
			opened.opened = append(opened.opened, transcript.Event{Kind: transcript.GotReset, At: at})
		}
		return opened, err
	}
	return opened, t.answered(&opened, responseText("HTTP/3", got), c, n, at)
}

// frameHTTP3 takes a frame of HTTP/3 of either end.
func (s *rehearsed) frameHTTP3(f h3.Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.Type != h3.FrameData || f.Len == 0 {
		s.log(entryOf3(f))
	}
	if f.Out {
		return
	}
	for _, e := range offencesOf3(f) {
		s.record(nil, e)
	}
	one := s.ids[f.Stream]
	switch {
	case f.Type == h3.FrameSettings:
		words := make([]string, len(f.Settings))
		for i, set := range f.Settings {
			words[i] = set.String()
		}
		s.record(nil, transcript.Event{Kind: transcript.GotSettings, Data: transcript.Octet(strings.Join(words, ", "))})
	case f.Type == h3.FrameGoAway:
		s.record(nil, transcript.Event{Kind: transcript.GotGoAway})
	case one == nil:
	case f.Type == h3.Reset:
		s.record(one, transcript.Event{Kind: transcript.GotReset, Data: transcript.Octet(f.Code.String())})
	case f.Type == h3.Fin:
		s.end(one)
	case f.Fields != nil:
		s.head(one, f.Fields)
	}
}

// serveHTTP3 answers what is asked for on the streams of a connection.
func (e *Endpoint) serveHTTP3(ctx context.Context, l *h3.Link) {
	var mu sync.Mutex // guards taps
	taps := map[int64]*tap{}
	hc, err := h3.Open(l, h3.Options{
		Server: true, Delay: settingsDelay,
		Frame: func(f h3.Frame) {
			mu.Lock()
			t := taps[f.Stream]
			if t == nil && f.Stream >= 0 && !f.Out && f.Type == h3.FrameHeaders && len(taps) < noted {
				t = new(tap)
				taps[f.Stream] = t
			}
			mu.Unlock()
			if t != nil {
				t.frameHTTP3(f)
			}
		},
		Accept: func(s *h3.Stream) {
			v := e.arrive()
			defer e.leave(v)
			mu.Lock()
			t := taps[s.ID]
			mu.Unlock()
			if t == nil {
				t = new(tap)
			}
			defer func() {
				mu.Lock()
				defer mu.Unlock()
				delete(taps, s.ID)
			}()
			defer s.Close() //nolint:errcheck // it ends, however it does
			e.serveStream(ctx, &answering{answerStream: stream3{s}, tap: t}, v)
		},
	})
	if err != nil {
		return
	}
	select {
	case <-hc.Done():
	case <-ctx.Done():
	}
	_ = hc.Close() // it ends, however it does
}
