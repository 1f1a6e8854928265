package rawscript

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// A Field is a line of a head.
type Field struct{ Name, Value string }

// A Head is a request or a response without its body, as a list of lines: fields
// keep their order and spelling, and may repeat.
type Head struct {
	start   string
	fields  []Field
	lines   []string // added at the end as they are
	segment int      // bytes a write; zero means one write
}

// RequestHead is the standard request of RFC 6455 §4.1 with a fresh key. extra
// fields follow, and replace those of the same name.
func RequestHead(target, host string, extra ...Field) Head {
	h := Head{start: "GET " + target + " HTTP/1.1", fields: []Field{
		{"Host", host},
		{"Upgrade", "websocket"},
		{"Connection", "Upgrade"},
		{"Sec-WebSocket-Key", wsproto.NewKey()},
		{"Sec-WebSocket-Version", "13"},
	}}
	h.extend(extra)
	return h
}

// responseHead is the standard response of RFC 6455 §4.2.2.
func responseHead(key string, extra ...Field) Head {
	h := Head{start: "HTTP/1.1 101 Switching Protocols", fields: []Field{
		{"Upgrade", "websocket"},
		{"Connection", "Upgrade"},
		{"Sec-WebSocket-Accept", wsproto.AcceptKey(key)},
	}}
	h.extend(extra)
	return h
}

// extend adds fields: the first of a name replaces what is there, more are added.
func (h *Head) extend(extra []Field) {
	for i, f := range extra {
		verb := "set"
		if slices.ContainsFunc(extra[:i], func(g Field) bool { return strings.EqualFold(f.Name, g.Name) }) {
			verb = "add"
		}
		h.apply(Edit{verb: verb, name: f.Name, value: f.Value})
	}
}

func (h *Head) apply(e Edit) {
	same := func(f Field) bool { return strings.EqualFold(f.Name, e.name) }
	switch e.verb {
	case "start":
		h.start = e.value
	case "set":
		if i := slices.IndexFunc(h.fields, same); i >= 0 {
			h.fields[i] = Field{e.name, e.value}
			rest := slices.DeleteFunc(h.fields[i+1:], same)
			h.fields = h.fields[:i+1+len(rest)]
			return
		}
		h.fields = append(h.fields, Field{e.name, e.value})
	case "add":
		h.fields = append(h.fields, Field{e.name, e.value})
	case "without":
		h.fields = slices.DeleteFunc(h.fields, same)
	case "line":
		h.lines = append(h.lines, e.value)
	case "segment":
		h.segment, _ = strconv.Atoi(e.value) // Parse has checked it
	}
}

// Append appends the head with its empty line.
func (h Head) Append(b []byte) []byte {
	b = fmt.Appendf(b, "%s\r\n", h.start)
	for _, f := range h.fields {
		b = fmt.Appendf(b, "%s: %s\r\n", f.Name, f.Value)
	}
	for _, line := range h.lines {
		b = fmt.Appendf(b, "%s\r\n", line)
	}
	return append(b, "\r\n"...)
}

// status is that of a response, or zero.
func status(head []byte) int {
	proto, rest, _ := strings.Cut(string(head[:min(len(head), 64)]), " ")
	if _, _, ok := http.ParseHTTPVersion(proto); !ok || len(rest) < 3 {
		return 0
	}
	n, _ := strconv.Atoi(rest[:3])
	return n
}

// field is the first field of a name.
func field(head []byte, name string) string {
	for line := range strings.Lines(string(head)) {
		if n, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(n, name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
