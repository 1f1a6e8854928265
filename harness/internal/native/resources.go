package native

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// isResource reports whether the path is part of the driver protocol.
func isResource(path string) bool {
	switch path {
	case "/getCaseCount", "/getCaseInfo", "/getCaseStatus", "/runCase", "/updateReports", "/stopServer":
		return true
	}
	return false
}

// parameters parses a query as the original does: semicolons separate, too, a percent
// sign without two digits stands for itself, and a blank value counts as missing. A
// parameter of the protocol must not be given twice.
func parameters(query string) (map[string]string, error) {
	q := map[string]string{}
	for pair := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == ';' }) {
		name, value, _ := strings.Cut(pair, "=")
		name, value = unescape(name), unescape(value)
		if value == "" {
			continue
		}
		if _, twice := q[name]; twice {
			switch name {
			case "case", "casetuple", "agent", "shutdownOnComplete":
				return nil, fmt.Errorf("parameter %s is given twice", name)
			}
		}
		q[name] = value
	}
	return q, nil
}

// unescape decodes a name or value of a query. Malformed escapes stay as they are.
func unescape(s string) string {
	var b strings.Builder
	for s != "" {
		n := 1
		if s[0] == '%' {
			n = min(3, len(s))
		}
		piece, err := url.QueryUnescape(s[:n])
		if err != nil {
			n, piece = 1, "%"
		}
		b.WriteString(piece)
		s = s[n:]
	}
	return strings.ToValidUTF8(b.String(), "\uFFFD")
}

// An answer is the text message that a resource answers with; none if it is "".
type answer struct {
	text func() string // called after the handshake
	// wait is called instead of text if the answer may take long. Its context ends
	// when the peer is gone.
	wait func(context.Context) string
	stop bool // stop the endpoint when the peer has the answer
}

// answer returns the answer of a resource to v. It is not ok if there is no such
// resource, or a parameter is missing.
func (e *Endpoint) answer(ctx context.Context, v *visit, path string, q map[string]string) (a answer, ok bool) {
	c, known := e.find(q)
	agent := q["agent"]
	switch path {
	case "/getCaseCount":
		return answer{text: func() string { return strconv.Itoa(len(e.offers())) }}, true
	case "/getCaseInfo":
		return answer{text: func() string { return caseInfo(c.Case) }}, known
	case "/getCaseStatus":
		full := q["full"] == "true"
		return answer{wait: func(ctx context.Context) string { return e.status(ctx, agent, c.ID, full) }}, known && agent != ""
	case "/updateReports":
		stop := strings.ToLower(q["shutdownOnComplete"])
		return answer{text: func() string {
			e.settle(ctx, v, agent)
			if e.Update != nil {
				e.Update(agent) //nolint:errcheck // Update tells the user itself
			}
			return ""
		}, stop: stop == "true" || stop == "yes"}, agent != ""
	case "/stopServer":
		return answer{text: func() string { return "" }, stop: true}, true
	}
	return answer{}, false
}

// caseInfo returns the answer of getCaseInfo, spaced like the original's.
func caseInfo(c cases.Case) string {
	description, err := json.Marshal(c.Title)
	if err != nil {
		return ""
	}
	return fmt.Sprintf(`{"id": %q, "description": %s}`, c.ID, description)
}

// status waits for the verdict of a case. The original has only its first half; a
// client that asks for the full verdict gets both.
func (e *Endpoint) status(ctx context.Context, agent string, id cases.ID, full bool) string {
	key := resultKey{agent, id}
	e.mu.Lock()
	v, ok := e.results[key]
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
		v = e.results[key]
		e.mu.Unlock()
	}
	if full {
		return fmt.Sprintf(`{"behavior": %q, "behaviorClose": %q}`, v.Behavior, v.Close)
	}
	return fmt.Sprintf(`{"behavior": %q}`, v.Behavior)
}

// say answers a resource: it completes the handshake, sends at most one text message
// and an empty close frame, and waits for the peer's reply. Only then does it stop
// the endpoint, if the resource asks for that.
func (e *Endpoint) say(ctx context.Context, nc net.Conn, h head, a answer) {
	if a.stop && e.Stop != nil {
		defer e.Stop()
	}
	if _, err := nc.Write([]byte(accepted(h, nil, e.subprotocol(h, nil), ""))); err != nil {
		return
	}
	g := guest{nc: nc, data: h.early}
	var reading sync.WaitGroup
	defer reading.Wait()
	var text string
	if a.wait == nil {
		text = a.text()
	} else {
		nc.SetDeadline(time.Time{}) //nolint:errcheck // a broken connection shows at once
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		reading.Go(func() {
			defer cancel()
			g.listen()
		})
		text = a.wait(ctx)
	}
	var out []byte
	if text != "" {
		out = wsproto.AppendFrame(nil, wsproto.Frame{Header: wsproto.Header{Fin: true, Opcode: wsproto.OpText}, Payload: []byte(text)})
	}
	g.answer(wsproto.AppendFrame(out, emptyClose))
	if a.wait == nil {
		g.listen()
	}
}

var emptyClose = wsproto.Frame{Header: wsproto.Header{Fin: true, Opcode: wsproto.OpClose}}

// sayGoodbye closes a case that the agent is excluded from.
func (e *Endpoint) sayGoodbye(c conn) {
	g := guest{nc: c.Conn, data: c.early}
	g.answer(wsproto.AppendFrame(nil, emptyClose))
	g.listen()
}

// A guest is a peer that has asked for a resource.
type guest struct {
	nc   net.Conn
	data []byte // read and not yet looked at

	mu     sync.Mutex // guards the rest, and writes
	closed bool       // we have sent a close frame
}

// answer writes frames, the last of them a close frame, unless the peer has already
// closed. From then on the peer has closeTimeout for its reply.
func (g *guest) answer(frames []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.nc.SetDeadline(time.Now().Add(closeTimeout)) //nolint:errcheck // a broken connection shows at once
	if !g.closed {
		g.closed = true
		g.nc.Write(frames) //nolint:errcheck // a broken connection shows when it is read
	}
}

// reply writes a frame unless a close frame went out before.
func (g *guest) reply(f wsproto.Frame) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	g.closed = f.Opcode == wsproto.OpClose
	g.nc.Write(wsproto.AppendFrame(nil, f)) //nolint:errcheck // a broken connection shows when it is read
}

// listen reads up to the peer's close frame, a broken rule, the end of TCP or the
// deadline. Pings and a close frame that comes first are answered.
func (g *guest) listen() {
	buf := make([]byte, 4<<10)
	for len(g.data) < headBound {
		for {
			h, n, err := wsproto.ParseHeader(g.data)
			if err != nil || n > 0 && wsproto.CheckHeader(h, wsproto.State{Server: true, Open: h.Opcode == wsproto.OpContinuation}) != nil {
				return
			}
			if n == 0 || uint64(len(g.data)-n) < h.Length {
				break
			}
			payload := g.data[n : n+int(h.Length)]
			g.data = g.data[n+int(h.Length):]
			wsproto.Mask(h.MaskKey, 0, payload)
			switch h.Opcode {
			case wsproto.OpClose:
				g.reply(wsproto.Frame{Header: emptyClose.Header, Payload: wsproto.AppendClose(nil, wsproto.StatusNormalClosure, "")})
				return
			case wsproto.OpPing:
				g.reply(wsproto.Frame{Header: wsproto.Header{Fin: true, Opcode: wsproto.OpPong}, Payload: payload})
			default:
			}
		}
		n, err := g.nc.Read(buf)
		g.data = append(g.data, buf[:n]...)
		if n == 0 && err != nil {
			return
		}
	}
}
