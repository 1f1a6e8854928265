package native

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/transcript"
)

// An origin is our server behind the gateway. What it does with a connection is what the
// case under way says.
type origin struct {
	l       net.Listener
	streams *Streams
	options Options
	stop    context.CancelFunc
	wg      sync.WaitGroup

	mu      sync.Mutex // guards the rest
	plays   int        // counts plays, so that connections of an earlier one are told apart
	awaited *awaited   // nil between cases
}

// awaited is the connection that a play waits for.
type awaited struct {
	serving *Endpoint
	offer   offer
	how     manner
	id      string // in the target of its request
	taken   bool
	done    chan transcript.Transcript
	cut     context.Context    // ends the play
	extra   []transcript.Event // further requests of the same play
}

func newOrigin(l net.Listener, o Options) *origin {
	ctx, cancel := context.WithCancel(context.Background())
	g := &origin{l: l, streams: NewStreams(o.Originals), options: o, stop: cancel}
	context.AfterFunc(ctx, func() { l.Close() })
	g.wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				if ctx.Err() != nil || !harness.OutOfResources(err) {
					return
				}
				time.Sleep(maxAcceptPause)
				continue
			}
			g.wg.Go(func() {
				defer nc.Close()
				g.serve(ctx, nc)
			})
		}
	})
	return g
}

func (g *origin) close() {
	g.stop()
	g.wg.Wait()
	g.streams.Close() //nolint:errcheck // temporary files
}

// target is the origin itself, for the play without the gateway.
func (g *origin) target() Target {
	return Target{URL: &url.URL{Scheme: "ws", Host: g.l.Addr().String(), Path: "/"}}
}

// path is the URL with the number of the next play in its path.
func (g *origin) path(u *url.URL) *url.URL {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.plays++
	return playPath(u, g.plays)
}

// playPath is the URL of a play. The number 0 is that of none.
func playPath(u *url.URL, n int) *url.URL {
	own := *u
	own.Path = strings.TrimSuffix(own.Path, "/") + "/" + playName(n)
	return &own
}

func playName(n int) string { return fmt.Sprintf("play-%d-", n) }

// expect makes the origin play connection n of a case with the next connection, and
// returns what waits for that: as long as it takes if it has begun, else not at all. If our
// client's connection did not open, that of the origin is cut soon.
func (g *origin) expect(ctx context.Context, c cases.Case, n int, how manner) (wait func(opened bool) transcript.Transcript) {
	over, cut := context.WithCancel(ctx)
	a := &awaited{
		cut:     over,
		serving: &Endpoint{Faithful: how.faithful, Streams: g.streams},
		offer:   offer{c, n}, how: how, done: make(chan transcript.Transcript, 1),
	}
	g.mu.Lock()
	a.id = playName(g.plays)
	g.awaited = a
	g.mu.Unlock()
	return func(opened bool) transcript.Transcript {
		defer cut()
		g.mu.Lock()
		taken := a.taken
		if !taken {
			g.awaited = nil
		}
		g.mu.Unlock()
		tr := transcript.Transcript{Role: cases.Client, Started: time.Now().UTC(), UncleanReason: "no request reached the origin"}
		if taken {
			patience := originGrace
			if opened {
				patience += c.Limit()
			}
			grace := time.AfterFunc(patience, cut)
			defer grace.Stop()
			tr = <-a.done
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.awaited = nil
		tr.Events = append(tr.Events, a.extra...)
		return tr
	}
}

// serve answers one connection.
func (g *origin) serve(ctx context.Context, nc net.Conn) {
	stop := context.AfterFunc(ctx, func() { nc.SetDeadline(time.Unix(1, 0)) }) //nolint:errcheck // closed already
	defer stop()
	nc.SetDeadline(time.Now().Add(openTimeout)) //nolint:errcheck // a broken connection shows at once
	h, err := readHead(nc)
	if h.text == "" {
		return // a check whether somebody listens
	}
	if member := crowdMember(h.Start()); member != "" {
		if nc.SetDeadline(time.Now().Add(2 * crowdBound)); ctx.Err() == nil { //nolint:errcheck // a broken connection shows in the next call
			echoInCrowd(nc, h, member)
		}
		return
	}
	g.mu.Lock()
	a := g.awaited
	switch {
	case a == nil || !strings.Contains(h.Start(), a.id) && strings.Contains(h.Start(), "/play-"):
		a = nil
	case a.taken:
		a.extra = append(a.extra, anotherRequest(h.text))
		a = nil
	default:
		a.taken = true
	}
	g.mu.Unlock()
	if a == nil {
		respond(nc, refuse(503, "no case waits for this"))
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stopCut := context.AfterFunc(a.cut, func() {
		cancel()
		nc.SetDeadline(time.Unix(1, 0)) //nolint:errcheck // closed already
	})
	defer stopCut()
	a.done <- g.answer(ctx, nc, h, err, a)
}

func anotherRequest(head string) transcript.Event {
	head = head[:min(len(head), transcript.HeadSize)]
	return transcript.Event{Kind: transcript.GotRequest, Len: len(head), Data: transcript.Octet(head)}
}

// answer answers the request of a case as its connection says.
func (g *origin) answer(ctx context.Context, nc net.Conn, h head, unread error, a *awaited) transcript.Transcript {
	begun := time.Now()
	tr := transcript.Transcript{Role: cases.Client, Started: begun.UTC(), Request: h.text}
	if unread != nil {
		tr.UncleanReason = unread.Error()
		return tr
	}
	body, err := readBody(nc, &h)
	if err != nil {
		tr.UncleanReason = "the body of the request did not come: " + netReason(err)
		return tr
	}
	offers, refused := checkRequest(h, true)
	it := a.offer.Conns[a.offer.conn]
	if refused != nil && len(it.Head) == 0 {
		respond(nc, refused)
		tr.UncleanReason = refused.Error()
		tr.Response = "HTTP/1.1 " + refused.Error() + "\r\n\r\n"
		return tr
	}
	opened := a.serving.open(nc, h, a.offer, offers)
	if body != "" {
		opened.opened = append(opened.opened, transcript.Event{Kind: transcript.GotBody, Len: len(body), Data: transcript.Octet(body)})
	}
	tr.Response, tr.Events = opened.response, opened.opened
	if status := statusIn(opened.response); status != "101" {
		g.readRequests(nc, opened, &tr, begun)
		return tr
	}
	tr, err = play(ctx, opened, a.offer.Case, a.offer.conn, cases.Client, a.how)
	if err != nil {
		tr.UncleanReason = err.Error()
	}
	return tr
}

// statusIn is the status of the last of the responses in a text.
func statusIn(text string) string {
	start := text
	if i := strings.LastIndex(strings.TrimSuffix(text, "\r\n\r\n"), "\r\n\r\nHTTP/1.1 "); i >= 0 {
		start = text[i+4:]
	}
	_, rest, _ := strings.Cut(start, " ")
	status, _, _ := strings.Cut(rest, " ")
	return strings.TrimSpace(status)
}

// readBody takes the body of a request from what came behind its head, where that has a
// length.
func readBody(nc net.Conn, h *head) (string, error) {
	value, _ := h.One("Content-Length")
	n, _ := strconv.Atoi(value) // none is no body
	if n <= 0 || n > headBound {
		return "", nil
	}
	buf := make([]byte, 4<<10)
	for len(h.early) < n {
		got, err := nc.Read(buf)
		h.early = append(h.early, buf[:got]...)
		if err != nil && len(h.early) < n {
			return "", err
		}
	}
	body := string(h.early[:n])
	h.early = h.early[n:]
	return body, nil
}

// readRequests reads on where our response opened nothing, until the other side ends TCP
// or is silent. What comes is another request.
func (g *origin) readRequests(nc net.Conn, opened conn, tr *transcript.Transcript, begun time.Time) {
	it := strings.Contains(strings.ToLower(opened.response), "\r\nconnection: close")
	if half, ok := nc.(halfCloser); ok && it {
		half.CloseWrite() //nolint:errcheck // a broken connection shows in the next call
	}
	nc.SetReadDeadline(time.Now().Add(quietOrigin)) //nolint:errcheck // as above
	text := opened.early
	buf := make([]byte, 4<<10)
	for len(text) < headBound {
		n, err := nc.Read(buf)
		text = append(text, buf[:n]...)
		if err == nil {
			continue
		}
		if len(text) > 0 {
			tr.Events = append(tr.Events, anotherRequest(string(text)))
		}
		if !isTimeout(err) {
			for _, e := range endsOf(nc, err) {
				e.At = time.Since(begun)
				tr.Events = append(tr.Events, e)
			}
		}
		return
	}
}

// quietOrigin is how long our origin waits for more on a connection that it did not open.
const quietOrigin = 500 * time.Millisecond
