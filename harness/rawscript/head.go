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
	Start   string
	Fields  []Field
	Lines   []string // added at the end as they are
	Segment int      // bytes a write; zero means one write
}

// RequestHead is the standard request of RFC 6455 §4.1 with a fresh key. extra
// fields follow, and replace those of the same name.
func RequestHead(target, host string, extra ...Field) Head {
	h := Head{Start: "GET " + target + " HTTP/1.1", Fields: []Field{
		{"Host", host},
		{"Upgrade", "websocket"},
		{"Connection", "Upgrade"},
		{"Sec-WebSocket-Key", wsproto.NewKey()},
		{"Sec-WebSocket-Version", "13"},
	}}
	h.extend(extra)
	return h
}

// ResponseHead is the standard response of RFC 6455 §4.2.2.
func ResponseHead(key string, extra ...Field) Head {
	h := Head{Start: "HTTP/1.1 101 Switching Protocols", Fields: []Field{
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
		h.apply(Edit{Verb: verb, Name: f.Name, Value: f.Value})
	}
}

func (h *Head) apply(e Edit) {
	same := func(f Field) bool { return strings.EqualFold(f.Name, e.Name) }
	switch e.Verb {
	case "start":
		h.Start = e.Value
	case "set":
		if i := slices.IndexFunc(h.Fields, same); i >= 0 {
			h.Fields[i] = Field{e.Name, e.Value}
			rest := slices.DeleteFunc(h.Fields[i+1:], same)
			h.Fields = h.Fields[:i+1+len(rest)]
			return
		}
		h.Fields = append(h.Fields, Field{e.Name, e.Value})
	case "add":
		h.Fields = append(h.Fields, Field{e.Name, e.Value})
	case "without":
		h.Fields = slices.DeleteFunc(h.Fields, same)
	case "line":
		h.Lines = append(h.Lines, e.Value)
	case "segment":
		h.Segment, _ = strconv.Atoi(e.Value) // Parse has checked it
	}
}

// Append appends the head with its empty line.
func (h Head) Append(b []byte) []byte {
	b = fmt.Appendf(b, "%s\r\n", h.Start)
	for _, f := range h.Fields {
		b = fmt.Appendf(b, "%s: %s\r\n", f.Name, f.Value)
	}
	for _, line := range h.Lines {
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
