package ws

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"net/url"
)

// A packedInfo is a handshakeInfo for the life of a connection: that is long, and
// few look at it, so all text is in one string and there are no maps.
type packedInfo struct {
	text packed    // subprotocol, target, host, header of the request and of the response
	more *moreInfo // nil if there is none
}

// moreInfo is what few connections have.
type moreInfo struct {
	tls    *tls.ConnectionState
	major  int             // of the version of HTTP; zero is HTTP/1.1
	values context.Context //nolint:containedctx // for its values; nil if there are none
}

func packInfo(i *handshakeInfo) packedInfo {
	b := make([]byte, 0, 512)
	for _, s := range []string{i.subprotocol, i.request.RequestURI, i.request.Host} {
		b = packString(b, s)
	}
	b = packHeader(packHeader(b, i.request.Header), i.header)
	more := moreInfo{tls: i.request.TLS, values: i.values}
	if i.request.ProtoMajor > 1 {
		more.major = i.request.ProtoMajor
	}
	if more == (moreInfo{}) {
		return packedInfo{text: packed(b)}
	}
	return packedInfo{packed(b), &more}
}

func (i packedInfo) unpack(remote net.Addr) *http.Response {
	p, more := i.text, i.more
	if more == nil {
		more = new(moreInfo)
	}
	r := &http.Request{
		Method: http.MethodGet, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: http.NoBody, RemoteAddr: addrString(remote), TLS: more.tls,
	}
	p.string() // the subprotocol
	r.RequestURI, r.Host, r.Header = p.string(), p.string(), p.header()
	r.URL, _ = url.ParseRequestURI(r.RequestURI) // which the handshake has seen to
	if more.values != nil {
		r = r.WithContext(context.WithoutCancel(more.values))
	}
	w := &http.Response{
		Status: "101 Switching Protocols", StatusCode: http.StatusSwitchingProtocols,
		Proto: r.Proto, ProtoMajor: r.ProtoMajor, ProtoMinor: r.ProtoMinor,
		Header: p.header(), Body: http.NoBody, Request: r, TLS: more.tls,
	}
	if more.major > 1 {
		r.Method, r.Proto, r.ProtoMajor, r.ProtoMinor = http.MethodConnect, fmt.Sprintf("HTTP/%d.0", more.major), more.major, 0
		w.Status, w.StatusCode, w.Proto, w.ProtoMajor, w.ProtoMinor = "200 OK", http.StatusOK, r.Proto, more.major, 0
	}
	return w
}

func (i packedInfo) subprotocol() string { return i.text.string() }

func (i packedInfo) target() string {
	p := i.text
	p.string()
	return p.string()
}

// packed is what is left to unpack. Each string has its length in front. A header
// is the number of fields; and of each the name, the number of values, and these.
type packed string

func packNumber(b []byte, n int) []byte { return binary.AppendUvarint(b, uint64(n)) }

func packString(b []byte, s string) []byte { return append(packNumber(b, len(s)), s...) }

func packHeader(b []byte, h http.Header) []byte {
	b = packNumber(b, len(h))
	for name, values := range h {
		b = packNumber(packString(b, name), len(values))
		for _, v := range values {
			b = packString(b, v)
		}
	}
	return b
}

func (p *packed) number() (v uint64) {
	for shift := 0; ; shift += 7 {
		b := (*p)[0]
		*p = (*p)[1:]
		v |= uint64(b&0x7F) << shift
		if b < 0x80 {
			return v
		}
	}
}

func (p *packed) string() string {
	n := p.number()
	s := (*p)[:n]
	*p = (*p)[n:]
	return string(s)
}

func (p *packed) header() http.Header {
	n := p.number()
	h := make(http.Header, n)
	for range n {
		name := p.string()
		values := make([]string, p.number())
		for i := range values {
			values[i] = p.string()
		}
		h[name] = values
	}
	return h
}
