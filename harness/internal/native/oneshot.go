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
	serving := &Endpoint{Faithful: e.faithful, Streams: e.Streams, Subprotocols: true, monitor: how.Monitor, brief: how.Brief}
	conf := d.TLS
	if strings.HasPrefix(c.Conns[n].URL, "ws:") {
		conf = nil // whatever the other cases use
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	context.AfterFunc(ctx, func() { l.Close() }) // runs at the latest when we return
	taken := make(chan struct{}, 1)
	var hasty atomic.Bool    // another connection came before that
	var answered atomic.Bool // the connection that is played has its response, or is about to
	serving.answered = func() { answered.Store(true) }
	type played struct {
		tr  transcript.Transcript
		err error
	}
	done := make(chan played, 1)
	again := make(chan struct{}, 1)
	begunAt := time.Now()
	var mu sync.Mutex              // guards further
	var further []transcript.Event // requests beside the one that is played
	concluded := func(tr transcript.Transcript, ok bool, err error) {
		switch {
		case ok:
			done <- played{tr, err}
		case tr.Request != "":
			mu.Lock()
			defer mu.Unlock()
			e := anotherRequest(tr.Request)
			e.At = time.Since(begunAt)
			if len(further) == 0 { // all of its fields are looked at
				head := tr.Request[:min(len(tr.Request), firstRequest)]
				e.Len, e.Data, e.Plain = len(head), transcript.Octet(head), conf != nil && tr.TLS == nil
				further = append(further, e)
			} else if len(further) < mostVisits {
				e.Plain = conf != nil && tr.TLS == nil
				further = append(further, e)
			}
			select {
			case again <- struct{}{}:
			default:
			}
		}
	}
	serving.stream = func(ctx context.Context, a *answering) {
		concluded(serving.singleStream(ctx, a, offer{c, n}, taken, begun))
	}
	wg.Go(func() {
		arrived := 0
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			arrived++
			if arrived > 1 && !answered.Load() {
				hasty.Store(true)
			}
			wg.Go(func() {
				defer nc.Close()
				if link, ok := nc.(*h3.Link); ok {
					serving.serveHTTP3(ctx, link)
					return
				}
				if d.HTTP2 {
					if d.TLS != nil {
						nc = tls.Server(nc, d.TLS)
					}
					serving.serveHTTP2(ctx, nc)
					return
				}
				concluded(serving.single(ctx, nc, conf, offer{c, n}, taken, begun))
			})
		}
	})
	select {
	case p := <-done:
		if strings.HasPrefix(statusIn(p.tr.Response), "3") || len(c.Conns[n].Tunnel) > 0 || c.Conns[n].Serial {
			select {
			case <-again:
			case <-time.After(redirectPatience):
			case <-ctx.Done():
			}
		}
		if again := c.Conns[n].Again; again > 0 {
			select {
			case <-time.After(again):
			case <-ctx.Done():
			}
		}
		mu.Lock()
		defer mu.Unlock()
		if c.Conns[n].Serial && hasty.Load() {
			p.tr.Events = append(p.tr.Events, transcript.Event{
				Kind: transcript.GotOffence, Data: transcript.Octet("another connection comes before the first is open"), Section: "RFC 6455 4.1",
			})
		}
		p.tr.Events = append(p.tr.Events, further...)
		return p.tr, p.err
	case <-ctx.Done():
		return transcript.Transcript{}, ctx.Err()
	}
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
