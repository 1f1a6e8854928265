package native

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/h3"
	"github.com/wsconform/wsconform/internal/transcript"
)

const (
	// redirectPatience is how long a client gets to ask where a redirect has sent it.
	redirectPatience = 500 * time.Millisecond
	// firstRequest is how many bytes are kept of the first request beside the one that is played.
	firstRequest = 8 << 10
)

// TestOneShot starts a client once for each connection; see [runner.TestOneShot].
func TestOneShot(ctx context.Context, d runner.Driver, list []cases.Case, o Options, emit func(harness.Result)) (runner.ClientReport, error) {
	o.Declared = declaredBy(o.Declared, d)
	e := &endpoint{Streams: NewStreams(o.Originals), faithful: o.Faithful}
	defer e.Close() //nolint:errcheck // temporary files
	return runner.TestOneShot(ctx, e, d, list, o.Options, emit)
}

// Listen listens on TCP, or on UDP for HTTP/3.
func (*endpoint) Listen(ctx context.Context, d runner.Driver, addr string) (net.Listener, error) {
	return listenBelow(ctx, d, addr)
}

// Once plays connection n of a case with the first client that asks l for a WebSocket,
// whatever the path, and tells begun. Others are told that there is no room. It closes l.
// What TLS comes to counts as well, where the case is about that. Over HTTP/2 and HTTP/3
// the connection is a stream.
func (e *endpoint) Once(ctx context.Context, l net.Listener, d runner.Driver, c cases.Case, n int, how runner.How, begun func()) (transcript.Transcript, error) {
	o := &once{
		serving: &Endpoint{Faithful: e.faithful, Streams: e.Streams, Subprotocols: true, monitor: how.Monitor, brief: how.Brief},
		driver:  d, tls: d.TLS, offer: offer{c, n}, begun: begun, started: time.Now(),
		taken: make(chan struct{}, 1), done: make(chan played, 1), again: make(chan struct{}, 1),
	}
	if strings.HasPrefix(c.Conns[n].URL, "ws:") {
		o.tls = nil // whatever the other cases use
	}
	o.serving.answered = func() { o.answered.Store(true) }
	o.serving.stream = func(ctx context.Context, a *answering) {
		o.conclude(o.serving.singleStream(ctx, a, o.offer, o.taken, begun))
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	context.AfterFunc(ctx, func() { l.Close() }) // runs at the latest when we return
	wg.Go(func() { o.accept(ctx, l, &wg) })
	select {
	case p := <-o.done:
		o.linger(ctx, p.tr.Response)
		return o.whole(p.tr), p.err
	case <-ctx.Done():
		return transcript.Transcript{}, ctx.Err()
	}
}

// A once is the start of a client for one connection.
type once struct {
	serving *Endpoint
	driver  runner.Driver
	tls     *tls.Config // nil for a connection without
	offer   offer
	begun   func()
	started time.Time

	taken    chan struct{} // full once a connection is the one that is played
	done     chan played
	again    chan struct{} // told of requests beside it
	hasty    atomic.Bool   // another connection came before the one that is played was answered
	answered atomic.Bool   // that one has its response, or is about to

	mu      sync.Mutex         // guards what follows
	further []transcript.Event // requests beside the one that is played
}

// A played is what became of the connection that was played.
type played struct {
	tr  transcript.Transcript
	err error
}

// accept serves the connections of l until it is closed.
func (o *once) accept(ctx context.Context, l net.Listener, wg *sync.WaitGroup) {
	for arrived := 0; ; arrived++ {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		if arrived > 0 && !o.answered.Load() {
			o.hasty.Store(true)
		}
		wg.Go(func() {
			defer nc.Close()
			o.serve(ctx, nc)
		})
	}
}

func (o *once) serve(ctx context.Context, nc net.Conn) {
	if link, ok := nc.(*h3.Link); ok {
		o.serving.serveHTTP3(ctx, link)
		return
	}
	if o.driver.HTTP2 {
		if o.driver.TLS != nil {
			nc = tls.Server(nc, o.driver.TLS)
		}
		o.serving.serveHTTP2(ctx, nc)
		return
	}
	o.conclude(o.serving.single(ctx, nc, o.tls, o.offer, o.taken, o.begun))
}

// conclude takes over what became of a connection: the one that is played if ok, or the
// request of another one.
func (o *once) conclude(tr transcript.Transcript, ok bool, err error) {
	switch {
	case ok:
		o.done <- played{tr, err}
	case tr.Request != "":
		o.mu.Lock()
		defer o.mu.Unlock()
		e := anotherRequest(tr.Request)
		e.At, e.Plain = time.Since(o.started), o.tls != nil && tr.TLS == nil
		if len(o.further) == 0 { // all of its fields are looked at
			head := tr.Request[:min(len(tr.Request), firstRequest)]
			e.Len, e.Data = len(head), transcript.Octet(head)
		}
		if len(o.further) < mostVisits {
			o.further = append(o.further, e)
		}
		select {
		case o.again <- struct{}{}:
		default:
		}
	}
}

// linger waits for requests that may come once the connection is over.
func (o *once) linger(ctx context.Context, response string) {
	conn := o.offer.Conns[o.offer.conn]
	if strings.HasPrefix(statusIn(response), "3") || len(conn.Tunnel) > 0 || conn.Serial {
		select {
		case <-o.again:
		case <-time.After(redirectPatience):
		case <-ctx.Done():
		}
	}
	if conn.Again > 0 {
		select {
		case <-time.After(conn.Again):
		case <-ctx.Done():
		}
	}
}

// whole adds to the transcript what came beside it.
func (o *once) whole(tr transcript.Transcript) transcript.Transcript {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.offer.Conns[o.offer.conn].Serial && o.hasty.Load() {
		tr.Events = append(tr.Events, transcript.Event{
			Kind: transcript.GotOffence, Data: transcript.Octet("another connection comes before the first is open"), Section: "RFC 6455 4.1",
		})
	}
	tr.Events = append(tr.Events, o.further...)
	return tr
}

// single answers one connection. It is ok if that was the client's; of a further one only the
// request is told.
func (e *Endpoint) single(ctx context.Context, nc net.Conn, conf *tls.Config, o offer, taken chan struct{}, begun func()) (tr transcript.Transcript, ok bool, err error) {
	raw := nc
	stop := context.AfterFunc(ctx, func() { raw.SetDeadline(time.Unix(1, 0)) }) //nolint:errcheck // closed already
	defer stop()
	e.Protocol.setOpenDeadline(nc)
	it := o.Conns[o.conn]
	change := it.TLS
	var asked []transcript.Event
	further := len(taken) > 0
	switch {
	case it.Proxy != "" && !further:
		p := e.beProxy(nc, it)
		if p.over == nil {
			nc, asked = p.nc, p.events
			e.Protocol.setOpenDeadline(nc)
			break
		}
		if len(p.events) == 0 && p.request == "" || !take(taken) {
			return tr, false, nil // it connected and said nothing
		}
		begun()
		return transcript.Transcript{
			Role: cases.Client, Started: time.Now().UTC(), Request: p.request, Events: p.events, DroppedByUs: isTimeout(p.over), UncleanReason: netReason(p.over),
		}, true, nil
	case conf != nil && further: // a redirect may have led it away from TLS
		var plain bool
		if nc, plain = plainly(watch(nc)); plain {
			conf = nil
		}
	}
	if conf != nil {
		if !further {
			nc = watch(nc)
		}
		tc := tls.Server(nc, changed(conf.Clone(), change))
		err, nc = tc.HandshakeContext(ctx), tc
	}
	var h head
	if err == nil {
		h, err = readHead(nc)
	}
	if err != nil && h.text == "" {
		if change == nil && len(asked) == 0 || len(asked) > 0 && !take(taken) {
			return tr, false, nil // it connected and said nothing
		}
		begun()
		return transcript.Transcript{
			Role: cases.Client, Started: time.Now().UTC(), DroppedByUs: true, UncleanReason: netReason(err), TLS: secured(nc),
			Events: append(asked, tlsEnd(err)...),
		}, true, nil
	}
	var refused *refusal
	if err != nil {
		refused = refuse(400, cmp.Or(err.Error(), "malformed request"))
	} else {
		_, refused = checkRequest(h, o.Suite.OneGrade())
	}
	if refused != nil && refused.status == http.StatusUpgradeRequired {
		respond(nc, refused) // a browser asks for an icon
		return tr, false, nil
	}
	if !take(taken) {
		respond(nc, refuse(http.StatusServiceUnavailable, "one connection per start"))
		tr.Request, tr.TLS = h.text, secured(nc)
		return tr, false, nil
	}
	begun()
	if refused != nil {
		respond(nc, refused)
		return transcript.Transcript{
			Role: cases.Client, Started: time.Now().UTC(), Request: h.text, Events: asked, DroppedByUs: true, UncleanReason: refused.Error(),
		}, true, nil
	}
	offers, _ := checkRequest(h, o.Suite.OneGrade())
	opened := e.open(nc, h, o, offers)
	opened.opened = append(asked, opened.opened...)
	tr, err = play(ctx, opened, o.Case, o.conn, cases.Client, manner{faithful: e.Faithful, brief: e.brief, streams: e.Streams, monitor: e.monitor})
	return tr, true, err
}

// take makes a connection the one that is played. It is false if there is one already.
func take(taken chan struct{}) bool {
	select {
	case taken <- struct{}{}:
		return true
	default:
		return false
	}
}

// singleStream answers a request on a stream, as single does on a connection.
func (e *Endpoint) singleStream(ctx context.Context, a *answering, o offer, taken chan struct{}, begun func()) (tr transcript.Transcript, ok bool, err error) {
	h, _, refused := a.asked()
	if refused != nil {
		respond(a, refused)
		return tr, false, nil
	}
	if !take(taken) {
		respond(a, refuse(http.StatusServiceUnavailable, "one connection per start"))
		tr.Request, tr.TLS = h.text, secured(a)
		return tr, false, nil
	}
	begun()
	offers, refused := checkRequest(h, true)
	if refused != nil {
		respond(a, refused)
		return transcript.Transcript{
			Role: cases.Client, Started: time.Now().UTC(), Request: h.text, DroppedByUs: true, UncleanReason: refused.Error(),
		}, true, nil
	}
	opened := e.open(a, h, o, offers)
	tr, err = play(ctx, opened, o.Case, o.conn, cases.Client, manner{faithful: e.Faithful, brief: e.brief, streams: e.Streams, monitor: e.monitor})
	if s, ok := a.answerStream.(stream3); ok { // what is on its way is lost with the connection
		_ = s.Close()
		s.Parted(time.Now().Add(partingTime))
	}
	return tr, true, err
}

// Concluded is the result of a case whose connections were played.
func (*endpoint) Concluded(ctx context.Context, c cases.Case, list []transcript.Transcript) harness.Result {
	if len(list) == 0 {
		return concluded(ctx, c, transcript.Transcript{}, errors.New("no connection was played"))
	}
	return concluded(ctx, c, joined(list), nil)
}
