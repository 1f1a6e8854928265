package ws

import (
	"encoding/binary"
	"net/http"
)

// packedHeaders are the headers of both sides of a handshake in one string. A
// connection lives for long and few look at them, so it does not hold maps.
type packedHeaders string

func packHeaders(request, response http.Header) packedHeaders {
	return packedHeaders(packHeader(packHeader(nil, request), response))
}

func (p packedHeaders) unpack() (request, response http.Header) {
	request, p = unpackHeader(p)
	response, _ = unpackHeader(p)
	return request, response
}

// packHeader appends the number of fields; and of each the name, the number of
// values, and these. Each string has its length in front.
func packHeader(b []byte, h http.Header) []byte {
	b = binary.AppendUvarint(b, uint64(len(h)))
	for name, values := range h {
		b = append(binary.AppendUvarint(b, uint64(len(name))), name...)
		b = binary.AppendUvarint(b, uint64(len(values)))
		for _, v := range values {
			b = append(binary.AppendUvarint(b, uint64(len(v))), v...)
		}
	}
	return b
}

func unpackHeader(p packedHeaders) (http.Header, packedHeaders) {
	number := func() (v uint64) {
		for shift := 0; ; shift += 7 {
			b := p[0]
			p = p[1:]
			v |= uint64(b&0x7F) << shift
			if b < 0x80 {
				return v
			}
		}
	}
	text := func() string {
		n := number()
		s := p[:n]
		p = p[n:]
		return string(s)
	}
	n := number()
	h := make(http.Header, n)
	for range n {
		name := text()
		values := make([]string, number())
		for i := range values {
			values[i] = text()
		}
		h[name] = values
	}
	return h, p
}
