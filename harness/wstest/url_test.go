package wstest

import "testing"

// A URL without a port has that of its scheme.
func TestParseURL(t *testing.T) {
	for _, test := range []struct {
		url    string
		server bool
		port   int // 0 if it is refused
	}{
		{"ws://h", false, 80},
		{"wss://h/p", false, 443},
		{"ws://h:9001", true, 9001},
		{"wss://h:65535", false, 65535},
		{"ws://h:65536", false, 0},
		{"http://h", false, 0},
		{"ws://", false, 0},
		{"ws://h/#f", false, 0},
		{"ws://h/?q", false, 80},
		{"ws://h/?q", true, 0},
	} {
		_, port, err := parseURL(test.url, test.server)
		if (err == nil) != (test.port > 0) || err == nil && port != test.port {
			t.Errorf("%s, to listen on %t: got port %d, error %v; want %d", test.url, test.server, port, err, test.port)
		}
	}
}
