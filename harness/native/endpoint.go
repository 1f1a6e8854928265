package native

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// An Endpoint is the server that clients under test drive themselves through:
// they ask /getCaseCount, connect to /runCase?case=N&agent=NAME for each case,
// and to /updateReports?agent=NAME at the end. It is the protocol of Autobahn's
// fuzzingserver, so every driver written for that works. Any number of agents
// may be connected at once.
type Endpoint struct {
	List     []cases.Case // offered as cases 1..n, in this order
	Excludes cases.AgentExcludes
	Faithful bool
	Protocol Protocol
	Streams  *Streams
	// Result is told of each result as it ends, one at a time; the last run of a
	// case by an agent counts.
	Result func(agent string, r harness.Result)
	// Started is told that a case begins. Nil ignores it.
	Started func(agent string, c cases.Case)
	// Update is called for /updateReports, which is answered when it returns. Nil
	// has nothing to do.
	Update func(agent string) error
	// Stop is called for /stopServer, and after reports when asked. Nil ignores it.
	Stop func()
	// Page answers a request that asks for no WebSocket, if set: the HTML of a
	// page with status 200. Monitors look whether the port serves HTTP.
	Page string
	// Other serves a connection to a path that is no resource, behind its opening
	// handshake. early is what came with the request. Nil refuses such paths.
	Other func(ctx context.Context, nc net.Conn, early []byte)
	watch *pulse // is told when a client under heavy load answers; nil if nobody watches
	brief bool   // as in manner: the client can be made to come again

	mu      sync.Mutex // guards the rest, and calls of Result
	results map[resultKey]cases.Behavior
	waiting map[resultKey]chan struct{} // closed when the result is there
	running map[string]int              // cases under way, by agent
	ended   chan struct{}               // closed and renewed when a case has ended
}

type resultKey struct {
	agent string
	id    cases.ID
}

// Serve accepts connections until ctx ends or the listener fails. It closes l
// and returns when every connection has ended.
func (e *Endpoint) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	defer l.Close()
	for {
		nc, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("accept a client: %w", err)
		}
		wg.Go(func() {
			defer nc.Close()
			e.serve(ctx, nc)
		})
	}
}

// serve answers one connection.
func (e *Endpoint) serve(ctx context.Context, nc net.Conn) {
	stop := context.AfterFunc(ctx, func() { nc.SetDeadline(time.Unix(1, 0)) }) //nolint:errcheck // closed already
	defer stop()
	e.Protocol.setOpenDeadline(nc)
	h, err := readHead(nc)
	if err != nil {
		if h.text != "" && !errors.Is(err, errHeadTooLong) {
			respond(nc, refuse(400, "malformed request"))
		}
		return
	}
	offers, refused := checkRequest(h)
	if refused != nil && !refused.late {
		if refused.status == http.StatusUpgradeRequired && e.Page != "" {
			refused = &refusal{status: 200, reason: e.Page, header: "Content-Type: text/html; charset=utf-8\r\n"}
		}
		respond(nc, refused)
		return
	}
	parts := strings.Split(h.first, " ")
	target, err := url.ParseRequestURI(parts[1])
	if err != nil {
		respond(nc, refuse(400, "malformed target"))
		return
	}
	q, err := parameters(target.RawQuery)
	if err != nil {
		respond(nc, refuse(500, "a parameter is given twice or malformed"))
		return
	}
	e.route(ctx, nc, h, target.Path, q, offers, refused)
}

// parameters parses a query; blank values count as absent.
func parameters(query string) (map[string]string, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, err
	}
	q := map[string]string{}
	for name, v := range values {
		if len(v) > 1 {
			return nil, fmt.Errorf("parameter %s is given twice", name)
		}
		if v[0] != "" {
			q[name] = v[0]
		}
	}
	return q, nil
}

func (e *Endpoint) route(ctx context.Context, nc net.Conn, h head, path string, q map[string]string, offers []wsproto.DeflateParams, late *refusal) {
	if path == "/runCase" {
		c, ok := e.find(q)
		if !ok || q["agent"] == "" {
			respond(nc, refuse(500, "no such case, or no agent given"))
			return
		}
		e.runCase(ctx, nc, h, q["agent"], c, offers, late)
		return
	}
	if late != nil {
		respond(nc, late)
		return
	}
	a, ok := e.answer(ctx, path, q)
	if !ok && e.Other != nil && !isResource(path) {
		if _, err := nc.Write([]byte(accepted(h, ""))); err == nil {
			nc.SetDeadline(time.Time{}) //nolint:errcheck // a broken connection shows at once
			e.Other(ctx, nc, h.early)
		}
		return
	}
	if !ok {
		respond(nc, refuse(500, "no such resource, or a parameter is missing or wrong"))
		return
	}
	e.say(nc, h, a)
}

// isResource reports whether the path has a meaning of its own.
func isResource(path string) bool {
	switch path {
	case "/getCaseCount", "/getCaseInfo", "/getCaseStatus", "/runCase", "/updateReports", "/stopServer":
		return true
	}
	return false
}

// An answer is what a resource says: a text message, or none if "".
type answer struct {
	text func() string // called after the handshake
	stop bool          // the endpoint stops when the peer has the answer
}

// answer looks up what a resource answers; not ok if there is no such resource
// or it lacks a parameter.
func (e *Endpoint) answer(ctx context.Context, path string, q map[string]string) (a answer, ok bool) {
	c, known := e.find(q)
	agent := q["agent"]
	switch path {
	case "/getCaseCount":
		return answer{text: func() string { return strconv.Itoa(len(e.List)) }}, true
	case "/getCaseInfo":
		return answer{text: func() string { return caseInfo(c) }}, known
	case "/getCaseStatus":
		return answer{text: func() string { return e.status(ctx, agent, c.ID) }}, known && agent != ""
	case "/updateReports":
		stop := strings.ToLower(q["shutdownOnComplete"])
		return answer{text: func() string {
			e.settle(ctx, agent)
			if e.Update != nil {
				e.Update(agent) //nolint:errcheck // told to the user by whoever set Update
			}
			return ""
		}, stop: stop == "true" || stop == "yes"}, agent != ""
	case "/stopServer":
		return answer{text: func() string { return "" }, stop: true}, true
	}
	return answer{}, false
}

func caseInfo(c cases.Case) string {
	info, err := json.Marshal(struct {
		ID          cases.ID `json:"id"`
		Description string   `json:"description"`
	}{c.ID, c.Title})
	if err != nil {
		return ""
	}
	return string(info)
}

// status waits for the result of a case.
func (e *Endpoint) status(ctx context.Context, agent string, id cases.ID) string {
	key := resultKey{agent, id}
	e.mu.Lock()
	behavior, ok := e.results[key]
	arrived := e.waiting[key]
	if !ok && arrived == nil {
		arrived = make(chan struct{})
		if e.waiting == nil {
			e.waiting = map[resultKey]chan struct{}{}
		}
		e.waiting[key] = arrived
	}
	e.mu.Unlock()
	if !ok {
		select {
		case <-arrived:
		case <-ctx.Done():
			return ""
		}
		e.mu.Lock()
		behavior = e.results[key]
		e.mu.Unlock()
	}
	return fmt.Sprintf(`{"behavior": %q}`, behavior)
}

// find returns the case that the parameters name: case, a number from 1, wins
// over casetuple, an id.
func (e *Endpoint) find(q map[string]string) (cases.Case, bool) {
	if n, ok := q["case"]; ok {
		i, err := strconv.Atoi(n)
		if err != nil || i < 1 || i > len(e.List) {
			return cases.Case{}, false
		}
		return e.List[i-1], true
	}
	for _, c := range e.List {
		if string(c.ID) == q["casetuple"] {
			return c, true
		}
	}
	return cases.Case{}, false
}

// runCase plays c on this connection.
func (e *Endpoint) runCase(ctx context.Context, nc net.Conn, h head, agent string, c cases.Case, offers []wsproto.DeflateParams, late *refusal) {
	if late != nil {
		respond(nc, late)
		e.record(agent, judged(c, cases.Transcript{
			Role: cases.Client, Started: time.Now().UTC(), Request: h.text, DroppedByUs: true, UncleanReason: late.Error(),
		}))
		return
	}
	agreed, extension := acceptOffer(c.Deflate, offers)
	response := accepted(h, extension)
	if _, err := nc.Write([]byte(response)); err != nil {
		return
	}
	nc.SetDeadline(time.Time{}) //nolint:errcheck // a broken connection shows at once
	opened := conn{
		Conn: nc, early: h.early, request: h.text, response: response, deflate: agreed, protocol: e.Protocol,
		read: len(h.text), written: len(response),
	}
	if e.Excludes.Excludes(agent, c.ID) {
		e.sayGoodbye(opened)
		return
	}
	if e.Started != nil {
		e.Started(agent, c)
	}
	e.begin(agent)
	defer e.end(agent)
	tr, err := play(ctx, opened, c, cases.Client, manner{faithful: e.Faithful, brief: e.brief, streams: e.Streams, beat: e.watch})
	e.record(agent, concluded(ctx, c, tr, err))
}

func (e *Endpoint) begin(agent string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running == nil {
		e.running = map[string]int{}
		e.ended = make(chan struct{})
	}
	e.running[agent]++
}

func (e *Endpoint) end(agent string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.running[agent]--
	if e.running[agent] == 0 {
		delete(e.running, agent)
	}
	close(e.ended)
	e.ended = make(chan struct{})
}

// settleBound is how long the reports wait for cases that the agent may think
// have ended.
const settleBound = time.Second

// settle waits for the agent's cases under way: it may have seen the end of the
// last one, and asked for reports, before we have noticed.
func (e *Endpoint) settle(ctx context.Context, agent string) {
	ctx, cancel := context.WithTimeout(ctx, settleBound)
	defer cancel()
	for {
		e.mu.Lock()
		busy, ended := e.running[agent] > 0, e.ended
		e.mu.Unlock()
		if !busy {
			return
		}
		select {
		case <-ended:
		case <-ctx.Done():
			return
		}
	}
}

func (e *Endpoint) record(agent string, r harness.Result) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !r.Outcome.Ran() && r.Outcome != harness.HarnessError {
		return
	}
	key := resultKey{agent, r.Case}
	if e.results == nil {
		e.results = map[resultKey]cases.Behavior{}
	}
	e.results[key] = r.Behavior
	if e.Result != nil {
		e.Result(agent, r)
	}
	if arrived := e.waiting[key]; arrived != nil {
		close(arrived)
		delete(e.waiting, key)
	}
}

// accepted is the response that opens the connection (RFC 6455 §4.2.2).
func accepted(h head, extension string) string {
	key, _ := h.one("Sec-Websocket-Key")
	response := "HTTP/1.1 101 Switching Protocols\r\nServer: " + userAgent +
		"\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + wsproto.AcceptKey(key) + "\r\n"
	if extension != "" {
		response += "Sec-WebSocket-Extensions: " + extension + "\r\n"
	}
	return response + "\r\n"
}

// respond refuses a handshake.
func respond(nc net.Conn, r *refusal) {
	body := ""
	if r.status != 500 {
		body = r.reason + "\n"
	}
	if r.status == 426 {
		r.header = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
	}
	fmt.Fprintf(nc, "HTTP/1.1 %d %s\r\n%sConnection: close\r\nContent-Length: %d\r\n\r\n%s",
		r.status, http.StatusText(r.status), r.header, len(body), body)
	drain(nc)
}

// say answers a resource: the handshake, at most one text message, an empty
// close frame, and the end of TCP after the peer's reply. A stop waits for that,
// as it ends every connection at once.
func (e *Endpoint) say(nc net.Conn, h head, a answer) {
	if a.stop && e.Stop != nil {
		defer e.Stop()
	}
	if _, err := nc.Write([]byte(accepted(h, ""))); err != nil {
		return
	}
	var out []byte
	if text := a.text(); text != "" {
		out = wsproto.AppendFrame(nil, wsproto.Frame{Header: wsproto.Header{Fin: true, Opcode: wsproto.OpText}, Payload: []byte(text)})
	}
	out = wsproto.AppendFrame(out, wsproto.Frame{Header: wsproto.Header{Fin: true, Opcode: wsproto.OpClose}})
	nc.SetDeadline(time.Now().Add(closeTimeout)) //nolint:errcheck // a broken connection shows at once
	nc.Write(out)                                //nolint:errcheck // likewise
	awaitClose(nc, h.early)
}

// sayGoodbye closes a case that the agent is excluded from.
func (e *Endpoint) sayGoodbye(c conn) {
	c.SetDeadline(time.Now().Add(closeTimeout))                                                                  //nolint:errcheck // a broken connection shows at once
	c.Write(wsproto.AppendFrame(nil, wsproto.Frame{Header: wsproto.Header{Fin: true, Opcode: wsproto.OpClose}})) //nolint:errcheck // likewise
	awaitClose(c.Conn, c.early)
}

// awaitClose reads up to the peer's close frame, the end of TCP or the deadline.
func awaitClose(nc net.Conn, data []byte) {
	buf := make([]byte, 4<<10)
	for len(data) < headBound {
		for {
			h, n, err := wsproto.ParseHeader(data)
			if err != nil || n > 0 && h.Opcode == wsproto.OpClose {
				return
			}
			if n == 0 || uint64(len(data)-n) < h.Length {
				break
			}
			data = data[n+int(h.Length):]
		}
		n, err := nc.Read(buf)
		data = append(data, buf[:n]...)
		if n == 0 && err != nil {
			return
		}
	}
}

// drain lets a response reach the peer before TCP ends: unread octets would
// reset the connection.
func drain(nc net.Conn) {
	if half, ok := nc.(interface{ CloseWrite() error }); ok {
		half.CloseWrite() //nolint:errcheck // it is turned away
	}
	nc.SetReadDeadline(time.Now().Add(200 * time.Millisecond)) //nolint:errcheck // likewise
	buf := make([]byte, 4<<10)
	for read := 0; read < headBound; {
		n, err := nc.Read(buf)
		read += n
		if err != nil {
			return
		}
	}
}
