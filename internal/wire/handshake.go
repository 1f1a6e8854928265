package wire

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// A handshake is one half of the opening handshake, and what is wrong with it.
type handshake struct {
	Head
	place Place
	found []Offence
}

// RequestOffences lists what is wrong with a client's request (RFC 6455 §4.1).
func RequestOffences(request Head) []Offence {
	m := read(InRequest, request)
	m.checkRequest()
	return m.found
}

// ResponseOffences lists what is wrong with a server's response to the request
// (RFC 6455 §4.1 and §4.2.2).
func ResponseOffences(request, response Head) []Offence {
	m := read(InResponse, response)
	m.checkResponse(request)
	return m.found
}

func read(place Place, h Head) *handshake {
	m := &handshake{Head: h, place: place}
	for _, o := range h.Offences {
		o.Place = place
		m.found = append(m.found, o)
	}
	return m
}

func (m *handshake) add(f Field, section, words string) {
	m.found = append(m.found, Offence{Place: m.place, Index: f.Line, From: f.From, To: f.To, Section: section, Words: words})
}

func (m *handshake) missing(section, words string) {
	m.found = append(m.found, Offence{Place: m.place, Index: Absent, Section: section, Words: words})
}

// one returns the field that must come once, and says so where it does not.
func (m *handshake) one(section, name string) (Field, bool) {
	list := m.All(name)
	switch len(list) {
	case 0:
		m.missing(section, fmt.Sprintf("the %v has no %s", m.place, name))
		return Field{}, false
	case 1:
		return list[0], true
	}
	for _, f := range list[1:] {
		m.add(f, section, name+" comes more than once")
	}
	return Field{}, false
}

// names asks for a field that lists the token.
func (m *handshake) names(section, name, token string) {
	list := m.All(name)
	if len(list) == 0 {
		m.missing(section, fmt.Sprintf("the %v has no %s: %s", m.place, name, token))
		return
	}
	for _, f := range list {
		if slices.ContainsFunc(f.list(), func(s string) bool { return strings.EqualFold(s, token) }) {
			return
		}
	}
	m.add(list[0], section, fmt.Sprintf("%s does not name %s", name, token))
}

// checkResponse looks at a server's answer (RFC 6455 §4.1 and §4.2.2).
func (m *handshake) checkResponse(request Head) {
	const section = "RFC 6455 4.2.2"
	if len(m.Lines) == 0 {
		return
	}
	if v := m.word(0); v.Value != "HTTP/1.1" {
		m.add(v, section, "the response is not HTTP/1.1")
	}
	if status := m.word(1); status.Value != "101" {
		m.add(status, section, "the status is not 101")
		return // the rest belongs to another protocol
	}
	if f, ok := m.one(section, "Upgrade"); ok && !strings.EqualFold(f.Value, "websocket") {
		m.add(f, section, "Upgrade is not websocket")
	}
	m.names(section, "Connection", "Upgrade")
	if f, ok := m.one(section, "Sec-WebSocket-Accept"); ok {
		if key := request.All("sec-websocket-key"); len(key) == 1 && f.Value != wsproto.AcceptKey(key[0].Value) {
			m.add(f, section, "Sec-WebSocket-Accept does not fit the key, "+wsproto.AcceptKey(key[0].Value)+" does")
		}
	}
	m.checkSubprotocol(request)
	m.checkAgreement(request)
}

func (m *handshake) checkSubprotocol(request Head) {
	var offered []string
	for _, f := range request.All("sec-websocket-protocol") {
		offered = append(offered, f.list()...)
	}
	for i, f := range m.All("sec-websocket-protocol") {
		switch {
		case i > 0:
			m.add(f, "RFC 6455 4.2.2", "Sec-WebSocket-Protocol comes more than once")
		case !slices.Contains(offered, f.Value):
			m.add(f, "RFC 6455 4.2.2", "a subprotocol that was not offered")
		}
	}
}

// checkAgreement looks at the extensions that a server agrees on.
func (m *handshake) checkAgreement(request Head) {
	var offers []wsproto.Extension
	for _, f := range request.All("sec-websocket-extensions") {
		list, err := wsproto.ParseExtensions(f.Value)
		if err == nil {
			offers = append(offers, list...)
		}
	}
	for i, f := range m.All("sec-websocket-extensions") {
		if i > 0 {
			m.add(f, "RFC 6455 9.1", "Sec-WebSocket-Extensions comes more than once")
			continue
		}
		list, err := wsproto.ParseExtensions(f.Value)
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
func (m *handshake) checkRequest() {
	const section = "RFC 6455 4.1"
	if len(m.Lines) == 0 {
		return
	}
	if f := m.word(0); f.Value != "GET" {
		m.add(f, section, "the method is not GET")
	}
	if f := m.word(2); f.Value != "HTTP/1.1" {
		m.add(f, section, "the version is not HTTP/1.1")
	}
	if f := m.word(1); strings.Contains(f.Value, "#") || !strings.HasPrefix(f.Value, "/") && !strings.Contains(f.Value, "://") {
		m.add(f, section, "the target is neither a path without a fragment nor an absolute URI")
	}
	if list := m.All("cookie"); len(list) > 1 {
		m.add(list[1], "RFC 6265 5.4", "Cookie comes more than once")
	}
	m.one(section, "Host")
	m.names(section, "Upgrade", "websocket")
	m.names(section, "Connection", "Upgrade")
	if f, ok := m.one(section, "Sec-WebSocket-Key"); ok {
		if key, err := base64.StdEncoding.DecodeString(f.Value); err != nil || len(key) != 16 {
			m.add(f, section, "Sec-WebSocket-Key is not 16 bytes in base64")
		}
	}
	if f, ok := m.one(section, "Sec-WebSocket-Version"); ok && f.Value != "13" {
		m.add(f, section, "Sec-WebSocket-Version is not 13")
	}
	seen := map[string]bool{}
	for _, f := range m.All("sec-websocket-protocol") {
		for _, p := range f.list() {
			if seen[p] {
				m.add(f, section, "a subprotocol is offered twice")
			}
			if strings.ContainsFunc(p, func(r rune) bool { return r <= ' ' || r >= 0x7F || strings.ContainsRune(separators, r) }) {
				m.add(f, section, "a subprotocol is not a token")
			}
			seen[p] = true
		}
	}
	m.checkOffers()
}

// separators are the characters that a token must not have (RFC 2616 §2.2).
const separators = `()<>@,;:\"/[]?={}`

// checkOffers looks at the extensions that a client offers.
func (m *handshake) checkOffers() {
	for _, f := range m.All("sec-websocket-extensions") {
		list, err := wsproto.ParseExtensions(f.Value)
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
