package native

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/h3"
	"github.com/wsconform/wsconform/internal/pattern"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// An Endpoint is the server that clients under test connect to. A client asks for
// /getCaseCount, connects to /runCase?case=N&agent=NAME for each case, and to
// /updateReports?agent=NAME at the end. This is the protocol of Autobahn's
// fuzzingserver, so every driver written for that works. Any number of agents may
// be connected at once.
type Endpoint struct {
	List     []cases.Case // offered as cases 1..n, in this order, each as many times as it has connections
	Excludes pattern.AgentExcludes
	Faithful bool
	// Subprotocols answers a client that offers subprotocols with the first of them.
	// Autobahn never chooses one.
	Subprotocols bool
	Protocol     Protocol
	// HTTP2 serves clients that speak HTTP/2 (RFC 8441), by ALPN or with prior knowledge, and no
	// others. Those of HTTP/3 come by a listener of package h3.
	HTTP2   bool
	Streams *Streams
	// Result is called with each result, one at a time. If an agent runs a case
	// again, the last result counts.
	Result func(agent string, r harness.Result)
	// Started, if set, is called when a case starts.
	Started func(agent string, c cases.Case)
	// Update, if set, is called for /updateReports, which is answered when it
	// returns.
	Update func(agent string) error
	// Stop, if set, is called for /stopServer, and after reports if the client asks
	// for that.
	Stop func()
	// Page, if set, is the HTML that answers a request without Upgrade, with status
	// 200: monitors check that the port serves HTTP.
	Page string
	// Other, if set, serves a connection to any other path, after its opening
	// handshake. early is what came with the request. If it is nil, such paths are
	// refused.
	Other func(ctx context.Context, nc net.Conn, early []byte)
	// stream answers the streams of HTTP/2 and HTTP/3. Nil means as the driver protocol says.
	stream  func(ctx context.Context, a *answering)
	monitor *runner.Monitor // notified when a client under heavy load answers; may be nil
	brief   bool            // as in manner: the client can be made to come again
	// answered is called when a case's response is about to be sent; nil calls nothing.
	answered func()
	prefix   string // of the paths of its resources; see [junction]
	// patience is how long it may fail to accept connections. 0 means for ever.
	patience time.Duration

	once     sync.Once // makes numbered
	numbered []offer

	mu      sync.Mutex // guards the rest, and calls of Result
	results map[resultKey]cases.Verdict
	waiting map[resultKey]chan struct{}            // closed when the result is there
	parts   map[resultKey][]*transcript.Transcript // of cases of several connections, until all are there
	visits  map[*visit]struct{}                    // those that may still bring a result
	counts  map[resultKey]map[int]int              // how often each connection of a case was asked for
	arrived int                                    // visits so far
	moved   chan struct{}                          // closed and renewed when visits changes
}

type resultKey struct {
	agent string
	id    cases.ID
}

// maxAcceptPause bounds the pause after a connection that could not be accepted.
const maxAcceptPause = time.Second

// Serve accepts connections until ctx ends or the listener fails. While it cannot
// accept any for now, as when there are too many open files, it tries again. It
// closes l and returns when every connection has ended.
func (e *Endpoint) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	defer l.Close()
	var pause time.Duration
	var failing time.Time // since when no connection can be accepted
	for {
		nc, err := l.Accept()
		if err == nil {
			pause, failing = 0, time.Time{}
			v := e.arrive()
			wg.Go(func() {
				defer e.leave(v)
				defer nc.Close()
				e.serve(ctx, nc, v)
			})
			continue
		}
		temporary, ok := errors.AsType[net.Error](err)
		switch {
		case ctx.Err() != nil:
			return nil
		case !ok || !temporary.Temporary(): //nolint:staticcheck // net/http does so too
			return fmt.Errorf("accept a client: %w", err)
		case failing.IsZero():
			failing = time.Now()
		case e.patience > 0 && time.Since(failing) > e.patience:
			return fmt.Errorf("accept a client: %w", err)
		}
		pause = min(max(2*pause, 5*time.Millisecond), maxAcceptPause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// serve answers one connection.
func (e *Endpoint) serve(ctx context.Context, nc net.Conn, v *visit) {
	if l, ok := nc.(*h3.Link); ok {
		e.leave(v)
		e.serveHTTP3(ctx, l)
		return
	}
	if e.HTTP2 {
		e.leave(v)
		e.serveHTTP2(ctx, nc)
		return
	}
	stop := context.AfterFunc(ctx, func() { nc.SetDeadline(time.Unix(1, 0)) }) //nolint:errcheck // closed already
	defer stop()
	e.Protocol.setOpenDeadline(nc)
	heard := &listened{Conn: nc, ctx: ctx, start: time.Now()}
	if d, ok := limit(e.Protocol.OpenTimeout, openTimeout); ok && slices.ContainsFunc(e.List, func(c cases.Case) bool { return c.Suite.OneGrade() }) {
		heard.bound = d
	}
	h, err := readHead(heard)
	if err != nil {
		if h.text != "" && !errors.Is(err, errHeadTooLong) {
			refused := refuse(400, "malformed request")
			if h.Malformed() != "" {
				e.mistaken(ctx, v, h, refused)
			}
			respond(nc, refused)
		}
		return
	}
	_, _, ours := e.asked(h)
	offers, refused := checkRequest(h, ours)
	if refused != nil && !refused.late {
		e.mistaken(ctx, v, h, refused)
		if refused.status == http.StatusUpgradeRequired && e.Page != "" {
			refused = &refusal{status: 200, reason: e.Page, header: "Content-Type: text/html; charset=utf-8\r\n"}
		}
		respond(nc, refused)
		return
	}
	parts := strings.Split(h.Start(), " ")
	target, err := url.ParseRequestURI(parts[1])
	if err != nil {
		respond(nc, refuse(400, "malformed target"))
		return
	}
	path, _, _ := strings.Cut(e.local(target.EscapedPath()), ";")
	e.route(ctx, nc, v, h, path, target.RawQuery, offers, refused)
}

func (e *Endpoint) route(ctx context.Context, nc net.Conn, v *visit, h head, path, query string, offers []wsproto.DeflateParams, late *refusal) {
	q, err := parameters(query)
	if err != nil && isResource(path) && path != "/getCaseCount" {
		respond(nc, refuse(500, err.Error()))
		return
	}
	if path == "/runCase" {
		c, ok := e.find(q)
		if !ok || q["agent"] == "" {
			respond(nc, refuse(500, "no such case, or no agent given"))
			return
		}
		e.asks(v, q["agent"])
		e.runCase(ctx, nc, h, q["agent"], c, offers, late)
		return
	}
	e.leave(v)
	if late != nil {
		respond(nc, late)
		return
	}
	a, ok := e.answer(ctx, v, path, q)
	if !ok && e.Other != nil && !isResource(path) {
		if _, err := nc.Write([]byte(accepted(h, nil, e.subprotocol(h, nil), ""))); err == nil {
			nc.SetDeadline(time.Time{}) //nolint:errcheck // a broken connection shows at once
			e.Other(ctx, nc, h.early)
		}
		return
	}
	if !ok {
		respond(nc, refuse(500, "no such resource, or a parameter is missing or wrong"))
		return
	}
	e.say(ctx, nc, h, a)
}

// local is a path without the prefix of the endpoint.
func (e *Endpoint) local(path string) string {
	if _, rest, ok := strings.Cut(path, e.prefix); ok {
		return rest
	}
	return path
}

// An offer is a connection that the client is asked for. A case of several
// connections takes as many numbers.
type offer struct {
	cases.Case
	conn int // which of the case's connections
}

// offers lists the connections in the order of their numbers, from 1.
func (e *Endpoint) offers() []offer {
	e.once.Do(func() {
		for _, c := range e.List {
			for n := range c.Conns {
				e.numbered = append(e.numbered, offer{c, n})
			}
		}
	})
	return e.numbered
}

// find returns what the parameters name: case, a number from 1, wins over
// casetuple, an id, which means the first connection of a case.
func (e *Endpoint) find(q map[string]string) (offer, bool) {
	list := e.offers()
	if n, ok := q["case"]; ok {
		i, err := strconv.Atoi(strings.TrimSpace(n))
		if err != nil || i < 1 || i > len(list) {
			return offer{}, false
		}
		return list[i-1], true
	}
	for _, o := range list {
		if string(o.ID) == q["casetuple"] {
			return o, true
		}
	}
	return offer{}, false
}

// runCase plays o on this connection.
func (e *Endpoint) runCase(ctx context.Context, nc net.Conn, h head, agent string, o offer, offers []wsproto.DeflateParams, late *refusal) {
	if late != nil {
		respond(nc, late)
		e.took(ctx, agent, o, transcript.Transcript{
			Role: cases.Client, Started: time.Now().UTC(), Request: h.text, DroppedByUs: true, UncleanReason: late.Error(),
		}, nil)
		return
	}
	visits := e.visited(resultKey{agent, o.ID}, o.conn)
	if visits > mostVisits {
		respond(nc, refuse(http.StatusForbidden, "asked for too often"))
		return
	}
	if _, ok := o.Conns[o.conn].Head.Find(cases.EditTrickle); ok {
		if e.Started != nil {
			e.Started(agent, o.Case)
		}
		e.took(ctx, agent, o, e.trickled(nc, h, o), nil)
		return
	}
	opened := e.open(nc, h, o, offers)
	if e.Excludes.Excludes(agent, o.ID) {
		e.sayGoodbye(opened)
		return
	}
	if e.Started != nil {
		e.Started(agent, o.Case)
	}
	tr, err := play(ctx, opened, o.Case, o.conn, cases.Client, manner{faithful: e.Faithful, brief: e.brief, streams: e.Streams, monitor: e.monitor})
	if o.Suite.OneGrade() && statusIn(opened.response) != "101" {
		tr.Events = append(tr.Events, slices.Repeat([]transcript.Event{anotherRequest(h.text)}, visits-1)...)
	}
	e.took(ctx, agent, o, tr, err)
}

// trickled plays a connection whose response trickles, or never comes: how long the client
// waits for it is all that happens.
func (e *Endpoint) trickled(nc net.Conn, h head, o offer) transcript.Transcript {
	begun := time.Now()
	tr := transcript.Transcript{Role: cases.Client, Started: begun.UTC(), Request: h.text}
	err := writeHead(nc, []byte(accepted(h, o.Conns[o.conn].Head, "", "")), o.Conns[o.conn].Head)
	tr.Duration = time.Since(begun)
	if err == nil || errors.Is(err, errTrickled) {
		tr.DroppedByUs, tr.UncleanReason = true, "the client waits for the response without end"
		return tr
	}
	for _, ev := range endsOf(nc, err) {
		ev.At = tr.Duration
		tr.Events = append(tr.Events, ev)
	}
	return tr
}

// mostVisits is how often a client may ask for the same connection. One that follows a
// redirect to itself comes at once.
const mostVisits = 120

// visited counts how often an agent has asked for a connection of a case.
func (e *Endpoint) visited(key resultKey, conn int) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.counts == nil {
		e.counts = map[resultKey]map[int]int{}
	}
	if e.counts[key] == nil {
		e.counts[key] = map[int]int{}
	}
	e.counts[key][conn]++
	return e.counts[key][conn]
}

// mistaken fails a case of the RFC suite whose connection is refused because its
// request is wrong. Autobahn keeps no record of such.
func (e *Endpoint) mistaken(ctx context.Context, v *visit, h head, why *refusal) {
	o, agent, ok := e.asked(h)
	if !ok {
		return
	}
	e.asks(v, agent)
	if e.Started != nil {
		e.Started(agent, o.Case)
	}
	e.took(ctx, agent, o, transcript.Transcript{
		Role: cases.Client, Started: time.Now().UTC(), Request: h.text, DroppedByUs: true, UncleanReason: why.Error(),
	}, nil)
}

// asked is the connection of the RFC suite that a request is for, and who asks.
func (e *Endpoint) asked(h head) (o offer, agent string, ok bool) {
	_, rest, _ := strings.Cut(h.Start(), " ")
	rest, _, _ = strings.Cut(strings.TrimSuffix(rest, " HTTP/1.1"), "#")
	target, err := url.ParseRequestURI(rest)
	if err != nil || e.local(target.Path) != "/runCase" {
		return offer{}, "", false
	}
	q, err := parameters(target.RawQuery)
	o, ok = e.find(q)
	return o, q["agent"], err == nil && ok && o.Suite.OneGrade() && q["agent"] != ""
}

// hold holds the response back. What the client sends meanwhile is kept, and is an
// offence.
func (e *Endpoint) hold(nc net.Conn, h *head) []transcript.Event {
	nc.SetReadDeadline(time.Now().Add(cases.HeadDelay)) //nolint:errcheck // a broken connection shows at once
	buf := make([]byte, 4<<10)
	for len(h.early) < headBound {
		n, err := nc.Read(buf)
		h.early = append(h.early, buf[:n]...)
		if err != nil {
			break
		}
	}
	if len(h.early) == 0 {
		return nil
	}
	return []transcript.Event{{Kind: transcript.GotOffence, Data: transcript.Octet("bytes come before the response"), Section: "RFC 6455 4.1"}}
}

// took takes the transcript of a connection. The case has a result when all of its
// connections have one.
func (e *Endpoint) took(ctx context.Context, agent string, o offer, tr transcript.Transcript, err error) {
	if len(o.Conns) > 1 && err == nil {
		whole, complete := e.collect(resultKey{agent, o.ID}, o, tr)
		if !complete {
			return
		}
		tr = whole
	}
	e.record(agent, concluded(ctx, o.Case, tr, err))
}

// collect keeps the transcript of a connection until those of the case's others
// are there.
func (e *Endpoint) collect(key resultKey, o offer, tr transcript.Transcript) (whole transcript.Transcript, complete bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.parts == nil {
		e.parts = map[resultKey][]*transcript.Transcript{}
	}
	if e.parts[key] == nil {
		e.parts[key] = make([]*transcript.Transcript, len(o.Conns))
	}
	parts := e.parts[key]
	parts[o.conn] = &tr
	if slices.Contains(parts, nil) {
		return transcript.Transcript{}, false
	}
	delete(e.parts, key)
	var list []transcript.Transcript
	for _, part := range parts {
		list = append(list, *part)
	}
	return joined(list), true
}

func (e *Endpoint) record(agent string, r harness.Result) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !r.Outcome.Ran() && r.Outcome != harness.HarnessError {
		return
	}
	key := resultKey{agent, r.Case}
	if e.results == nil {
		e.results = map[resultKey]cases.Verdict{}
	}
	e.results[key] = r.Verdict
	if e.Result != nil {
		e.Result(agent, r)
	}
	if arrived := e.waiting[key]; arrived != nil {
		close(arrived)
		delete(e.waiting, key)
	}
}
