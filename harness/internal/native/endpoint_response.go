package native

import (
	"net"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// open answers a request as the connection of a case asks.
func (e *Endpoint) open(nc net.Conn, h head, o offer, offers []wsproto.DeflateParams) conn {
	it := o.Conns[o.conn]
	agreed, extension := acceptOffer(it.Deflate, offers)
	response := accepted(h, it.Head, e.subprotocol(h, it.Head), extension)
	var hasty []transcript.Event
	if _, ok := it.Head.Find(cases.EditDelay); ok {
		hasty = e.hold(nc, &h)
	}
	if e.answered != nil {
		e.answered()
	}
	out := []byte(response)
	var ahead []outgoing
	if _, ok := it.Head.Find(cases.EditTogether); ok {
		ahead = firstFrames(o.Case, o.conn)
		out = withFrames(out, ahead, false)
	}
	writeHead(nc, out, it.Head) //nolint:errcheck // of a client that is gone already, the case fails all the same
	nc.SetDeadline(time.Time{}) //nolint:errcheck // a broken connection shows at once
	var t *tap
	if a, ok := nc.(*answering); ok {
		t, response = a.tap, a.response
		hasty = append(hasty, a.early(o.Case)...)
	}
	return conn{
		Conn: nc, tap: t, early: h.early, request: h.text, response: bounded(response), deflate: agreed, protocol: e.Protocol,
		read: len(h.text), written: len(response), ahead: ahead, opened: hasty,
	}
}

// subprotocol is the one that is chosen of those that a client offers, unless the case
// says something about it.
func (e *Endpoint) subprotocol(h head, edits cases.Head) string {
	const field = "Sec-WebSocket-Protocol"
	offered := h.List(field)
	edited := slices.ContainsFunc(edits, func(x cases.Edit) bool { return strings.EqualFold(x.Name, field) })
	if !e.Subprotocols || len(offered) == 0 || edited {
		return ""
	}
	return offered[0]
}

// accepted is the response that opens the connection (RFC 6455 §4.2.2), as edited.
func accepted(h head, edits cases.Head, subprotocol, extension string) string {
	key, _ := h.One("Sec-WebSocket-Key")
	fields := []cases.Field{
		{Name: "Server", Value: userAgent},
		{Name: "Upgrade", Value: "WebSocket"},
		{Name: "Connection", Value: "Upgrade"},
		{Name: "Sec-WebSocket-Accept", Value: wsproto.AcceptKey(key)},
	}
	if subprotocol != "" {
		fields = append(fields, cases.Field{Name: "Sec-WebSocket-Protocol", Value: subprotocol})
	}
	if extension != "" {
		fields = append(fields, cases.Field{Name: "Sec-WebSocket-Extensions", Value: extension})
	}
	host, _ := h.One("Host")
	accept := wsproto.AcceptKey(key)
	_, target, _ := strings.Cut(h.Start(), " ")
	target, _, _ = strings.Cut(target, " ")
	_, port, _ := net.SplitHostPort(host)
	edits = edits.Fill("{port}", port).Fill("{target}", target).Fill("{accept}", accept).Fill("{ACCEPT}", otherCase(accept)).Fill("{host}", host)
	if offers := h.List("Sec-WebSocket-Protocol"); len(offers) > 0 {
		edits = edits.Fill("{protocol}", offers[0]).Fill("{PROTOCOL}", otherCase(offers[0])).Fill("{protocol-last}", offers[len(offers)-1])
	}
	return edits.Text("HTTP/1.1 101 Switching Protocols", fields)
}

// otherCase exchanges upper and lower case.
func otherCase(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsUpper(r) {
			return unicode.ToLower(r)
		}
		return unicode.ToUpper(r)
	}, s)
}
