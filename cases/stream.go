package cases

import (
	"slices"
	"strings"
)

// Why a case is not played over a stream of HTTP/2 or HTTP/3.
const (
	aboutHead  = "the case is about the bytes of an HTTP/1.1 handshake, which HTTP/2 and HTTP/3 do not have"
	aboutField = "the case is about a field that WebSocket over HTTP/2 and HTTP/3 does not use (RFC 8441 5)"
	aboutEarly = "the case sends frames with the request, which over HTTP/2 and HTTP/3 are no part of it"
	aboutTLS   = "the case is about TLS or TCP beneath the stream"
	aboutURL   = "the case is about the URL or the start of a client, which is the same over HTTP/1.1"
)

// fieldsOfHTTP1 have no part in a handshake over HTTP/2 (RFC 8441 §5).
var fieldsOfHTTP1 = []string{"Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Accept", "Host", "HTTP2-Settings", "Expect", "Content-Length", "Transfer-Encoding", "Trailer", "TE", "Keep-Alive"}

// OverStream says why the case makes no sense on a connection that is a stream of HTTP/2
// (RFC 8441 §5) or HTTP/3 (RFC 9220); "" if it can be played so. END_STREAM, or FIN, then
// stands for the end of TCP, and RST_STREAM for its reset.
func (c Case) OverStream() (why string) {
	about := slices.Contains(c.Needs, NeedHTTP2) || slices.Contains(c.Needs, NeedHTTP3)
	if slices.Contains(c.Needs, NeedTLS) && !about {
		return aboutTLS
	}
	if !about && len(c.Requirements) > 0 && !slices.ContainsFunc(c.Requirements, func(id string) bool { return !strings.Contains(id, "-key-") }) {
		return aboutField // the key, in the standard handshake
	}
	for _, conn := range c.Conns {
		switch {
		case conn.HTTP2 != nil || conn.HTTP3:
			continue
		case conn.TLS != nil:
			return aboutTLS
		case conn.URL != "" || conn.Listen != "" || conn.Proxy != "" || conn.Again > 0 || conn.Serial:
			return aboutURL
		}
		for _, e := range conn.Head {
			switch e.do {
			case editNothing:
			case editRemove, editSet, editAdd:
				if slices.ContainsFunc(fieldsOfHTTP1, func(n string) bool { return strings.EqualFold(n, e.Name) }) {
					return aboutField
				}
				if strings.TrimSpace(e.value) != e.value || strings.ContainsAny(e.value+e.Name, "\r\n\x00") {
					return aboutHead
				}
			case EditTogether:
				return aboutEarly
			default:
				return aboutHead
			}
		}
		for _, op := range conn.Ops() {
			switch op := op.(type) {
			case EndOp:
				if op.Abrupt {
					return aboutTLS
				}
			case WriteOp:
				if op.Part == BelowTLS {
					return aboutTLS
				}
			default:
			}
		}
	}
	return ""
}
