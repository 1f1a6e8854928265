package cases

import "bytes"

// Equal reports whether both payloads have the same bytes.
func (p Payload) Equal(q Payload) bool {
	if p.Len != q.Len {
		return false
	}
	return bytes.Equal(p.Unit, q.Unit) || bytes.Equal(p.Bytes(), q.Bytes())
}
