package transcript

import (
	"slices"
	"strings"
)

// notStreams are the fields of a handshake over HTTP/1.1 that one over HTTP/2 does without
// (RFC 8441 §5). A gateway between the two makes them, or takes them away.
var notStreams = []string{"connection", "upgrade", "sec-websocket-key", "sec-websocket-accept"}

// level makes both heads those of HTTP/1.1, where one is of HTTP/2, without what one of them
// cannot have.
func level(got, sent string) (string, string) {
	if got == "" || sent == "" || ofStream(got) == ofStream(sent) {
		return got, sent
	}
	return levelled(got), levelled(sent)
}

// ofStream reports whether a head is of HTTP/2 or HTTP/3.
func ofStream(text string) bool {
	start, _, _ := strings.Cut(text, "\r\n")
	return strings.HasPrefix(start, "HTTP/2 ") || strings.HasPrefix(start, "HTTP/3 ") || strings.HasSuffix(start, " HTTP/2") || strings.HasSuffix(start, " HTTP/3")
}

func levelled(text string) string {
	start, rest, _ := strings.Cut(text, "\r\n")
	if ofStream(text) {
		first, second, _ := strings.Cut(start, " ")
		target, _, _ := strings.Cut(second, " ")
		switch {
		case first == "CONNECT":
			start = "GET " + target + " HTTP/1.1"
		case second == "200":
			start = "HTTP/1.1 101 Switching Protocols"
		case strings.HasPrefix(first, "HTTP/"):
			start = "HTTP/1.1 " + second
		}
	}
	var out strings.Builder
	out.WriteString(start + "\r\n")
	for line := range strings.SplitSeq(rest, "\r\n") {
		if value, ok := strings.CutPrefix(line, ":authority: "); ok {
			line = "host: " + value
		}
		name, _, _ := strings.Cut(line, ":")
		if line != "" && name != "" && !slices.Contains(notStreams, strings.ToLower(name)) {
			out.WriteString(line + "\r\n")
		}
	}
	return out.String() + "\r\n"
}
