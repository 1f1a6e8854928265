package wsproto

import "unicode/utf8"

// A UTF8Validator checks text that arrives in pieces (RFC 6455 §8.1). It fails
// at the first byte that no continuation can make valid, even if the code point
// is not complete: at the 80 of E0 80, the A0 of ED A0, the 90 of F4 90, and at
// C0, C1 and F5..FF themselves. The zero value is ready.
type UTF8Validator struct {
	carry [3]byte // the start of a code point whose rest has not arrived
	n     uint8
	bad   bool
}

// Feed checks the next piece. If it fails, n is the offset in p of the offending
// byte; a validator that failed once fails for ever, at offset zero.
func (v *UTF8Validator) Feed(p []byte) (n int, ok bool) {
	if v.bad {
		return 0, len(p) == 0
	}
	i := 0
	for v.n > 0 && i < len(p) {
		seq := [4]byte{v.carry[0], v.carry[1], v.carry[2]}
		seq[v.n] = p[i]
		need, ok := utf8Prefix(seq[:v.n+1])
		switch {
		case !ok:
			v.bad = true
			return i, false
		case need == 0:
			v.n = 0
		default:
			v.carry[v.n] = p[i]
			v.n++
		}
		i++
	}
	if i == len(p) {
		return len(p), true
	}
	tail := utf8Tail(p[i:])
	if body := p[i : len(p)-tail]; !utf8.Valid(body) {
		v.bad = true
		return i + utf8Offender(p[i:]), false
	}
	v.n = uint8(copy(v.carry[:], p[len(p)-tail:]))
	return len(p), true
}

// Complete reports whether the text so far could end here.
func (v *UTF8Validator) Complete() bool { return v.n == 0 && !v.bad }

// Reset makes the validator ready for another text.
func (v *UTF8Validator) Reset() { *v = UTF8Validator{} }

// utf8Prefix says how many bytes the code point that begins with seq still
// needs, and whether seq can be completed at all (RFC 3629 §4).
func utf8Prefix(seq []byte) (need int, ok bool) {
	lo, hi := byte(0x80), byte(0xBF)
	var size int
	switch b := seq[0]; {
	case b < 0x80:
		size = 1
	case b < 0xC2:
		return 0, false
	case b < 0xE0:
		size = 2
	case b < 0xF0:
		size = 3
		switch b {
		case 0xE0:
			lo = 0xA0 // below: overlong
		case 0xED:
			hi = 0x9F // above: surrogates
		}
	case b < 0xF5:
		size = 4
		switch b {
		case 0xF0:
			lo = 0x90 // below: overlong
		case 0xF4:
			hi = 0x8F // above: beyond U+10FFFF
		}
	default:
		return 0, false
	}
	for _, b := range seq[1:] {
		if b < lo || b > hi {
			return 0, false
		}
		lo, hi = 0x80, 0xBF
	}
	return size - len(seq), true
}

// utf8Tail is the length of the unfinished but so far valid code point at the
// end of p.
func utf8Tail(p []byte) int {
	for k := 1; k <= 3 && k <= len(p); k++ {
		seq := p[len(p)-k:]
		if seq[0] < 0x80 {
			return 0
		}
		if seq[0] >= 0xC0 {
			if need, ok := utf8Prefix(seq); ok && need > 0 {
				return k
			}
			return 0
		}
	}
	return 0
}

// utf8Offender is the offset of the first byte of p, known to be invalid, that
// spoils it.
func utf8Offender(p []byte) int {
	i := 0
	for {
		r, size := utf8.DecodeRune(p[i:])
		if r != utf8.RuneError || size > 1 {
			i += size
			continue
		}
		for k := 1; i+k <= len(p); k++ {
			if _, ok := utf8Prefix(p[i : i+k]); !ok {
				return i + k - 1
			}
		}
		return len(p) // unreachable while the caller's promise holds
	}
}
