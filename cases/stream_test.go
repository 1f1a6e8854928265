package cases_test

import (
	"strings"
	"testing"

	"github.com/wsconform/wsconform/cases"
)

// Which cases make sense over a stream of HTTP/2, and why others do not.
func TestOverStream(t *testing.T) {
	conn := func(edits ...cases.Edit) cases.Case { return cases.Case{Conns: []cases.Conn{{Head: edits}}} }
	for _, test := range []struct {
		name string
		c    cases.Case
		want string // in the reason; "" means that it does
	}{
		{"the standard handshake", conn(), ""},
		{"a field that both have", conn(cases.Set("Origin", "http://a.test")), ""},
		{"a field of HTTP/1.1", conn(cases.Without("Upgrade")), "does not use"},
		{"a line as it is", conn(cases.Line("x")), "bytes of an HTTP/1.1 handshake"},
		{"a blank in front", conn(cases.Set("Origin", " a")), "bytes of an HTTP/1.1 handshake"},
		{"frames with the request", conn(cases.Together()), "with the request"},
		{"the key", cases.Case{Requirements: []string{"RFC6455-4.1-key-random"}, Conns: []cases.Conn{{}}}, "does not use"},
		{"TLS", cases.Case{Needs: []cases.Need{cases.NeedTLS}, Conns: []cases.Conn{{}}}, "TLS"},
		{"the end of TCP", cases.Case{Conns: []cases.Conn{{Steps: []cases.Step{cases.HalfClose{}}}}}, ""},
		{"the end of TCP without that of TLS", cases.Case{Conns: []cases.Conn{{Steps: []cases.Step{cases.Truncate{}}}}}, "TLS"},
		{"HTTP/2 itself", cases.Case{Conns: []cases.Conn{{HTTP2: &cases.HTTP2{}, Head: cases.Head{cases.Line("x")}}}}, ""},
	} {
		if got := test.c.OverStream(); (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}
