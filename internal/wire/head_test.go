package wire_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/internal/wire"
)

func TestParseHead(t *testing.T) {
	h := wire.ParseHead("GET /x HTTP/1.1\r\nHost: a\r\nConnection: keep-alive,\r\n\t Upgrade\r\nX:  1 \r\nx: 2\r\n\r\n\x81\x00")
	if h.Start() != "GET /x HTTP/1.1" || len(h.Lines) != 6 {
		t.Errorf("got start %q, %d lines", h.Start(), len(h.Lines))
	}
	if got := h.Values("X"); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("got X %q", got)
	}
	if _, ok := h.One("x"); ok {
		t.Error("a field that comes twice came once")
	}
	if v, ok := h.One("HOST"); !ok || v != "a" {
		t.Errorf("got Host %q, %t", v, ok)
	}
	if !h.Has("connection", "upgrade") || h.Has("Connection", "up") {
		t.Errorf("got Connection %q", h.List("Connection"))
	}
	if len(h.Offences) != 1 || h.Malformed() != "" {
		t.Errorf("got offences %v, malformed %q", h.Offences, h.Malformed())
	}
	for _, bad := range []string{"GET / HTTP/1.1\r\nHost\r\n\r\n", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"} {
		if wire.ParseHead(bad).Malformed() == "" {
			t.Errorf("%q is well-formed", bad)
		}
	}
}

// FuzzHead reads any head: every offence lies in it.
func FuzzHead(f *testing.F) {
	f.Add("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 101 x\r\nUpgrade : y\r\n z\r\n\r\n")
	f.Add("\n", "HTTP/1.1\r\n\r\n")
	f.Fuzz(func(t *testing.T, request, response string) {
		req, resp := wire.ParseHead(request), wire.ParseHead(response)
		for _, o := range append(wire.RequestOffences(req), wire.ResponseOffences(req, resp)...) {
			lines := req.Lines
			if o.Place == wire.InResponse {
				lines = resp.Lines
			}
			if o.Index != wire.Absent && (o.From < 0 || o.From > o.To || o.To > len(lines[o.Index])) {
				t.Errorf("%v lies outside of %q", o, lines)
			}
			if o.Section == "" || strings.TrimSpace(o.Words) == "" {
				t.Errorf("%v says nothing", o)
			}
		}
	})
}
