package wsproto

import (
	"errors"
	"fmt"
	"strings"

	"github.com/wsconform/wsconform/ws/internal/token"
)

// An Extension is one element of a Sec-WebSocket-Extensions header (RFC 6455
// §9.1).
type Extension struct {
	Name   string
	Params []Param
}

// A Param of an extension. An empty value is no value: the grammar has no empty
// one.
type Param struct {
	Name, Value string
}

func (e Extension) String() string {
	var b strings.Builder
	b.WriteString(e.Name)
	for _, p := range e.Params {
		b.WriteString("; " + p.Name)
		if p.Value != "" {
			b.WriteString("=" + p.Value)
		}
	}
	return b.String()
}

// FormatExtensions is the value of a Sec-WebSocket-Extensions header.
func FormatExtensions(list []Extension) string {
	parts := make([]string, len(list))
	for i, e := range list {
		parts[i] = e.String()
	}
	return strings.Join(parts, ", ")
}

// ParseExtensions parses the value of a Sec-WebSocket-Extensions header, several
// of them joined by commas. The grammar is that of RFC 6455 §9.1: a quoted value
// must be a token once it is unquoted. Empty list elements are passed over, as
// RFC 7230 §7 asks; a header with no element at all is an error.
func ParseExtensions(header string) ([]Extension, error) {
	s := headerScanner{rest: header}
	var list []Extension
	for {
		s.space()
		if s.rest == "" {
			break
		}
		if s.eat(',') {
			continue
		}
		e, err := s.extension()
		if err != nil {
			return nil, fmt.Errorf("ws: extensions %q: %w (RFC 6455 §9.1)", header, err)
		}
		list = append(list, e)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("ws: extensions %q: no extension named (RFC 6455 §9.1)", header)
	}
	return list, nil
}

// headerScanner takes a header value apart from the front.
type headerScanner struct{ rest string }

func (s *headerScanner) space() { s.rest = strings.TrimLeft(s.rest, " \t") }

func (s *headerScanner) eat(c byte) bool {
	if s.rest == "" || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

func (s *headerScanner) token() string {
	n := 0
	for n < len(s.rest) && token.IsByte(s.rest[n]) {
		n++
	}
	t := s.rest[:n]
	s.rest = s.rest[n:]
	return t
}

func (s *headerScanner) extension() (e Extension, err error) {
	if e.Name = s.token(); e.Name == "" {
		return e, errors.New("extension without a name")
	}
	for s.space(); s.eat(';'); s.space() {
		s.space()
		var p Param
		if p.Name = s.token(); p.Name == "" {
			return e, fmt.Errorf("parameter of %s without a name", e.Name)
		}
		s.space()
		if s.eat('=') {
			s.space()
			if s.eat('"') {
				p.Value, err = s.quoted()
			} else if p.Value = s.token(); p.Value == "" {
				err = errors.New("no token")
			}
			if err != nil {
				return e, fmt.Errorf("value of parameter %s: %w", p.Name, err)
			}
		}
		e.Params = append(e.Params, p)
	}
	if s.rest != "" && s.rest[0] != ',' {
		return e, fmt.Errorf("unexpected %q after %s", s.rest[0], e.Name)
	}
	return e, nil
}

// quoted reads a quoted string whose opening quote is gone.
func (s *headerScanner) quoted() (string, error) {
	var b strings.Builder
	for i := 0; i < len(s.rest); i++ {
		c := s.rest[i]
		if c == '"' {
			s.rest = s.rest[i+1:]
			if b.Len() == 0 {
				return "", errors.New("empty")
			}
			return b.String(), nil
		}
		if c == '\\' && i+1 < len(s.rest) {
			i++
			c = s.rest[i]
		}
		if !token.IsByte(c) {
			return "", errors.New("quoted string holds more than a token")
		}
		b.WriteByte(c)
	}
	return "", errors.New("quoted string without an end")
}
