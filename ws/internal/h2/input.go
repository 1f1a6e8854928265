package h2

import "sync"

// An input is data that has not been read: a list of chunks, so that what arrives is
// copied once, and a stream has no more memory than it needs.
type input struct {
	first, last *chunk
	off         int // of first has been read
	size        int // of what has not
}

type chunk struct {
	next *chunk
	n    int
	p    [16<<10 - 16]byte
}

var chunks = sync.Pool{New: func() any { return new(chunk) }}

func (in *input) add(p []byte) {
	in.size += len(p)
	for len(p) > 0 {
		if in.last == nil || in.last.n == len(in.last.p) {
			c := chunks.Get().(*chunk)
			c.next, c.n = nil, 0
			if in.last == nil {
				in.first = c
			} else {
				in.last.next = c
			}
			in.last = c
		}
		n := copy(in.last.p[in.last.n:], p)
		in.last.n += n
		p = p[n:]
	}
}

func (in *input) read(p []byte) (n int) {
	for n < len(p) && in.size > 0 {
		c := in.first
		k := copy(p[n:], c.p[in.off:c.n])
		n += k
		in.off += k
		in.size -= k
		if in.off == c.n {
			in.next()
		}
	}
	return n
}

// next gives up the first chunk.
func (in *input) next() {
	c := in.first
	in.first, in.off = c.next, 0
	if in.first == nil {
		in.last = nil
	}
	c.next = nil
	chunks.Put(c)
}

func (in *input) drop() {
	for in.first != nil {
		in.next()
	}
	in.size = 0
}
