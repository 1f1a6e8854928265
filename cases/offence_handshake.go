package cases

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// A field is a header line of a handshake.
type field struct {
	line     int
	name     string // in lower case
	value    string // without the space around it
	from, to int    // where the value stands in the line
}

// A message is the head of an HTTP message in lines.
type message struct {
	place  Place
	lines  []string
	fields []field
	found  []Offence
}

// handshakeOffences looks at the peer's half of the opening handshake.
func handshakeOffences(t *Transcript) []Offence {
	request, response := readMessage(InRequest, t.Request), readMessage(InResponse, t.Response)
	if t.Role == Client {
		request.checkRequest()
		return request.found
	}
	response.checkResponse(request)
	return response.found
}

func readMessage(place Place, text string) *message {
	m := &message{place: place}
	m.lines = Lines(text)
	if len(m.lines) == 0 {
		return m
	}
	for i, line := range m.lines[1:] {
		if rest := strings.TrimLeft(line, " \t"); rest != line && len(m.fields) > 0 {
			f := &m.fields[len(m.fields)-1]
			f.value = strings.TrimSpace(f.value + " " + rest)
			m.add(field{line: i + 1, to: len(line) - len(rest)}, "RFC 9112 5.2", "a field is folded over two lines")
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			m.add(field{line: i + 1, to: len(line)}, "RFC 6455 4.1", "a header line has no colon")
			continue
		}
		from := len(line) - len(strings.TrimLeft(value, " \t"))
		value = strings.TrimSpace(value)
		m.fields = append(m.fields, field{i + 1, strings.ToLower(strings.TrimSpace(name)), value, from, from + len(value)})
	}
	return m
}

// Lines cuts the head of an HTTP message into its lines, without their ends and
// without the empty one behind the last.
func Lines(head string) []string {
	head, _, _ = strings.Cut(head, "\r\n\r\n")
	if head == "" {
		return nil
	}
	var lines []string
	for line := range strings.SplitSeq(strings.TrimRight(head, "\r\n"), "\n") {
		lines = append(lines, strings.TrimSuffix(line, "\r"))
	}
	return lines
}

func (m *message) add(f field, section, words string) {
	m.found = append(m.found, Offence{Place: m.place, Index: f.line, From: f.from, To: f.to, Section: section, Words: words})
}

func (m *message) lack(section, words string) {
	m.found = append(m.found, Offence{Place: m.place, Index: Absent, Section: section, Words: words})
}

// all returns the fields of a name, which is in lower case.
func (m *message) all(name string) []field {
	var list []field
	for _, f := range m.fields {
		if f.name == name {
			list = append(list, f)
		}
	}
	return list
}

// one returns the field that must come once, and says so where it does not.
func (m *message) one(section, name string) (field, bool) {
	list := m.all(strings.ToLower(name))
	switch len(list) {
	case 0:
		m.lack(section, fmt.Sprintf("the %v has no %s", m.place, name))
		return field{}, false
	case 1:
		return list[0], true
	}
	for _, f := range list[1:] {
		m.add(f, section, name+" comes more than once")
	}
	return field{}, false
}

// names asks for a field that lists the token.
func (m *message) names(section, name, token string) {
	list := m.all(strings.ToLower(name))
	if len(list) == 0 {
		m.lack(section, fmt.Sprintf("the %v has no %s: %s", m.place, name, token))
		return
	}
	for _, f := range list {
		if slices.ContainsFunc(f.list(), func(s string) bool { return strings.EqualFold(s, token) }) {
			return
		}
	}
	m.add(list[0], section, fmt.Sprintf("%s does not name %s", name, token))
}

// list returns the members of a field that is separated by commas.
func (f field) list() []string {
	var members []string
	for s := range strings.SplitSeq(f.value, ",") {
		members = append(members, strings.TrimSpace(s))
	}
	return members
}

// first takes a word of the first line for a field.
func (m *message) first(i int) field {
	at := 0
	for n, word := range strings.SplitAfter(m.lines[0], " ") {
		if n == i {
			text := strings.TrimSuffix(word, " ")
			return field{value: text, from: at, to: at + len(text)}
		}
		at += len(word)
	}
	return field{to: len(m.lines[0])}
}

// checkResponse looks at a server's answer (RFC 6455 §4.1 and §4.2.2).
func (m *message) checkResponse(request *message) {
	const section = "RFC 6455 4.2.2"
	if len(m.lines) == 0 {
		return
	}
	if v := m.first(0); v.value != "HTTP/1.1" {
		m.add(v, section, "the response is not HTTP/1.1")
	}
	if status := m.first(1); status.value != "101" {
		m.add(status, section, "the status is not 101")
		return // the rest belongs to another protocol
	}
	if f, ok := m.one(section, "Upgrade"); ok && !strings.EqualFold(f.value, "websocket") {
		m.add(f, section, "Upgrade is not websocket")
	}
	m.names(section, "Connection", "Upgrade")
	if f, ok := m.one(section, "Sec-WebSocket-Accept"); ok {
		if key := request.all("sec-websocket-key"); len(key) == 1 && f.value != wsproto.AcceptKey(key[0].value) {
			m.add(f, section, "Sec-WebSocket-Accept does not fit the key, "+wsproto.AcceptKey(key[0].value)+" does")
		}
	}
	m.checkSubprotocol(request)
	m.checkAgreement(request)
}

func (m *message) checkSubprotocol(request *message) {
	var offered []string
	for _, f := range request.all("sec-websocket-protocol") {
		offered = append(offered, f.list()...)
	}
	for i, f := range m.all("sec-websocket-protocol") {
		switch {
		case i > 0:
			m.add(f, "RFC 6455 4.2.2", "Sec-WebSocket-Protocol comes more than once")
		case !slices.Contains(offered, f.value):
			m.add(f, "RFC 6455 4.2.2", "a subprotocol that was not offered")
		}
	}
}

// checkAgreement looks at the extensions that a server agrees on.
func (m *message) checkAgreement(request *message) {
	var offers []wsproto.Extension
	for _, f := range request.all("sec-websocket-extensions") {
		list, err := wsproto.ParseExtensions(f.value)
		if err == nil {
			offers = append(offers, list...)
		}
	}
	for i, f := range m.all("sec-websocket-extensions") {
		if i > 0 {
			m.add(f, "RFC 6455 9.1", "Sec-WebSocket-Extensions comes more than once")
			continue
		}
		list, err := wsproto.ParseExtensions(f.value)
		if err != nil {
			m.add(f, "RFC 6455 9.1", "Sec-WebSocket-Extensions cannot be read")
			continue
		}
		for _, e := range list {
			if section, words := unsound(e, offers); words != "" {
				m.add(f, section, words)
			}
		}
	}
}

// unsound says what is wrong with an extension that a server agreed on.
func unsound(e wsproto.Extension, offers []wsproto.Extension) (section, words string) {
	same := func(o wsproto.Extension) bool { return strings.EqualFold(o.Name, e.Name) }
	if !slices.ContainsFunc(offers, same) {
		return "RFC 6455 9.1", "an extension that was not offered"
	}
	if !strings.EqualFold(e.Name, "permessage-deflate") {
		return "", ""
	}
	got, err := wsproto.ParseDeflate(e)
	switch {
	case err != nil:
		return "RFC 7692 7.1", "parameters of permessage-deflate that are not legal"
	case got.ClientMaxWindowBits == wsproto.AnyWindowBits:
		return "RFC 7692 7.1.2.2", "client_max_window_bits has no value"
	case got.ClientMaxWindowBits != 0 && !slices.ContainsFunc(offers, func(o wsproto.Extension) bool {
		p, err := wsproto.ParseDeflate(o)
		return same(o) && err == nil && p.ClientMaxWindowBits != 0
	}):
		return "RFC 7692 7.1.2.2", "client_max_window_bits was not offered"
	}
	return "", ""
}

// checkRequest looks at a client's request (RFC 6455 §4.1).
func (m *message) checkRequest() {
	const section = "RFC 6455 4.1"
	if len(m.lines) == 0 {
		return
	}
	if f := m.first(0); f.value != "GET" {
		m.add(f, section, "the method is not GET")
	}
	if f := m.first(2); f.value != "HTTP/1.1" {
		m.add(f, section, "the version is not HTTP/1.1")
	}
	m.one(section, "Host")
	m.names(section, "Upgrade", "websocket")
	m.names(section, "Connection", "Upgrade")
	if f, ok := m.one(section, "Sec-WebSocket-Key"); ok {
		if key, err := base64.StdEncoding.DecodeString(f.value); err != nil || len(key) != 16 {
			m.add(f, section, "Sec-WebSocket-Key is not 16 octets in base64")
		}
	}
	if f, ok := m.one(section, "Sec-WebSocket-Version"); ok && f.value != "13" {
		m.add(f, section, "Sec-WebSocket-Version is not 13")
	}
	seen := map[string]bool{}
	for _, f := range m.all("sec-websocket-protocol") {
		for _, p := range f.list() {
			if seen[p] {
				m.add(f, section, "a subprotocol is offered twice")
			}
			seen[p] = true
		}
	}
	m.checkOffers()
}

// checkOffers looks at the extensions that a client offers.
func (m *message) checkOffers() {
	for _, f := range m.all("sec-websocket-extensions") {
		list, err := wsproto.ParseExtensions(f.value)
		if err != nil {
			m.add(f, "RFC 6455 9.1", "Sec-WebSocket-Extensions cannot be read")
			continue
		}
		for _, e := range list {
			if _, err := wsproto.ParseDeflate(e); err != nil && strings.EqualFold(e.Name, "permessage-deflate") {
				m.add(f, "RFC 7692 7.1", "parameters of permessage-deflate that are not legal")
			}
		}
	}
}
