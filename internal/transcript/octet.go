package transcript

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// An Octet is a run of bytes that reads well in JSON: as the text it is when
// that is printable UTF-8, else as "0x" and hex. Text that begins with "0x" is
// written as hex too, so the form is unambiguous.
type Octet []byte

// MarshalText writes text or 0x and hex.
func (o Octet) MarshalText() ([]byte, error) {
	if o.printable() {
		return []byte(o), nil
	}
	return []byte("0x" + hex.EncodeToString(o)), nil
}

// UnmarshalText reads what MarshalText writes.
func (o *Octet) UnmarshalText(text []byte) error {
	digits, isHex := strings.CutPrefix(string(text), "0x")
	if !isHex {
		*o = bytes.Clone(text) // text is part of the line of a run file, say
		return nil
	}
	p, err := hex.DecodeString(digits)
	if err != nil {
		return fmt.Errorf("bytes: %w", err)
	}
	*o = p
	return nil
}

func (o Octet) printable() bool {
	if !utf8.Valid(o) || strings.HasPrefix(string(o), "0x") {
		return false
	}
	for _, r := range string(o) {
		if !strconv.IsPrint(r) && r != '\n' && r != '\t' {
			return false
		}
	}
	return true
}

// Quote returns the bytes quoted as text, or as 0x and hex.
func (o Octet) Quote() string {
	if o.printable() {
		return strconv.Quote(string(o))
	}
	return "0x" + hex.EncodeToString(o)
}
