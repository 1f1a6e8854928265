package ws

import (
	"crypto/tls"
	"encoding/binary"
	"net/http"
	"strings"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// A packedInfo is a HandshakeInfo for the life of a connection: that is long, and
// few look at it, so all text is in one string and there are no maps. Extensions
// are those of the response header.
type packedInfo struct {
	text    packed // subprotocol, target, host, user, header of the request and of the response
	deflate *wsproto.DeflateParams
	tls     *tls.ConnectionState
}

func packInfo(i *HandshakeInfo) packedInfo {
	b := make([]byte, 0, 512)
	for _, s := range []string{i.Subprotocol, i.Target, i.Host, i.User} {
		b = packString(b, s)
	}
	b = packHeader(packHeader(b, i.RequestHeader), i.ResponseHeader)
	return packedInfo{packed(b), i.Deflate, i.TLS}
}

func (i packedInfo) unpack() *HandshakeInfo {
	p := i.text
	info := &HandshakeInfo{Deflate: i.deflate, TLS: i.tls}
	for _, s := range []*string{&info.Subprotocol, &info.Target, &info.Host, &info.User} {
		*s = p.string()
	}
	info.RequestHeader, info.ResponseHeader = p.header(), p.header()
	if lines := info.ResponseHeader["Sec-Websocket-Extensions"]; len(lines) > 0 {
		info.Extensions, _ = wsproto.ParseExtensions(strings.Join(lines, ", ")) // the handshake has seen to errors
	}
	return info
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
