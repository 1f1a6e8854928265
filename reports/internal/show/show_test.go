package show_test

import (
	"strings"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/reports/internal/show"
	"github.com/wsconform/wsconform/ws/wsproto"
)

func TestRepeat(t *testing.T) {
	tests := []struct {
		engine string
		agent  harness.Agent
		want   string
	}{
		{"native", harness.Agent{URL: "ws://127.0.0.1:9001"}, "wsconform test ws://127.0.0.1:9001 --cases 5.15"},
		{"native", harness.Agent{}, "wsconform test URL --cases 5.15"},
		{"native", harness.Agent{URL: "ws://h/?a=1&b='"}, `wsconform test 'ws://h/?a=1&b='\''' --cases 5.15`},
		{
			"native",
			harness.Agent{URL: "ws://h", Command: []string{"/bin/sh", "-c", "exec ./srv --port {port}"}},
			"wsconform test --server-cmd './srv --port {port}' --cases 5.15",
		},
		{"native", harness.Agent{Command: []string{"./a b", "{port}"}}, `wsconform test --server-cmd ''\''./a b'\'' {port}' --cases 5.15`},
		{
			"native",
			harness.Agent{Role: cases.Client, Command: []string{"./drive", "{url}", "x y"}},
			"wsconform test --client --cases 5.15 -- ./drive {url} 'x y'",
		},
		{"native", harness.Agent{Role: cases.Client}, "wsconform test --client --cases 5.15 -- COMMAND {url}"},
		{"autobahn", harness.Agent{URL: "ws://127.0.0.1:9001"}, "wsconform test --engine autobahn ws://127.0.0.1:9001 --cases 5.15"},
		{
			"autobahn",
			harness.Agent{Role: cases.Client, Command: []string{"./drive", "{url}"}},
			"wsconform test --engine autobahn --client --cases 5.15 -- ./drive {url}",
		},
		{
			"native",
			harness.Agent{Role: cases.Client, Command: []string{"./agent"}, About: &harness.Implementation{Folder: "go-gorilla"}},
			"wsconform compare go-gorilla --role client --engine native --cases 5.15 -o out/repeat",
		},
	}
	for _, tt := range tests {
		if got := show.Repeat(runfile.Header{Engine: runfile.Engine{Name: tt.engine}, Agent: tt.agent}, "5.15"); got != tt.want {
			t.Errorf("%s, %+v:\ngot  %s\nwant %s", tt.engine, tt.agent, got, tt.want)
		}
	}
}

func TestVisible(t *testing.T) {
	tests := []struct{ in, want string }{
		{"plain, with space and é 漢 א", "plain, with space and é 漢 א"},
		{"\x00\x1b[31m\x7f\n", "␀␛[31m␡␊"},
		{"a\u202eb\u200f\ufeff\u2028", `a\u{202e}b\u{200f}\u{feff}\u{2028}`},
		{"\u0085\u00a0\U000e0041", `\u{0085}\u{00a0}\u{e0041}`},
		{"\xff\xfe\xed\xa0\x80", `\xff\xfe\xed\xa0\x80`},
		{"\ufffd", "\ufffd"},
	}
	for _, tt := range tests {
		if got := show.Visible(tt.in); got != tt.want {
			t.Errorf("visible(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
	if got, want := show.Short("aé漢字", 5), "aé… (9 bytes, SHA-256 e2b99317248babed8b8fc276c9fbaf65a8c9dd54002f2f2444dfde5c7f66fc09)"; got != want {
		t.Errorf("short = %q, want %q", got, want)
	}
}

// A text is cut by its length, and by the length of what is shown of it.
func TestShort(t *testing.T) {
	tests := []struct {
		in   string
		n    int
		want string // without the mark
		cut  bool
	}{
		{"abc", 3, "abc", false},
		{"abcd", 3, "abc", true},
		{"é", 1, "", true},
		{"\x1b\x1b", 3, "␛␛", false}, // 6 bytes are shown of at most 6
		{"\x1b\x1b\x1b", 3, "␛␛", true},
		{"\xff\xff\xff\xff", 4, `\xff\xff`, true},
		{"\u202e\u202e", 6, `\u{202e}`, true},
		{"\x7f\x7f\x7f", 4, "␡␡", true},
	}
	for _, tt := range tests {
		got, mark := harness.Clipped(show.Short(tt.in, tt.n))
		if got != tt.want || (mark != "") != tt.cut {
			t.Errorf("Short(%q, %d): got %q and the mark %q, want %q, cut %v", tt.in, tt.n, got, mark, tt.want, tt.cut)
		}
	}
	if got, want := show.Name(show.Text(strings.Repeat("a", 1000))), "(1000 bytes, SHA-256 "; !strings.Contains(got, want) {
		t.Errorf("got %q, which does not say %q", got, want)
	}
}

func TestCodeWords(t *testing.T) {
	for code, want := range map[wsproto.StatusCode]string{
		0: "not used: codes begin at 1000", 999: "not used: codes begin at 1000", 1000: "normal closure",
		1004: "reserved, not for the wire", 1005: "no code was received, not for the wire", 1006: "no close frame came, not for the wire",
		1009: "message too big", 1015: "TLS handshake failed, not for the wire", 1016: "reserved for later versions of the protocol",
		2999: "reserved for later versions of the protocol", 3000: "for libraries and frameworks", 3999: "for libraries and frameworks",
		4000: "for private use", 4999: "for private use", 5000: "undefined: codes end at 4999", 65535: "undefined: codes end at 4999",
	} {
		if got := show.CodeWords(code); got != want {
			t.Errorf("%d: got %q, want %q", uint16(code), got, want)
		}
	}
}
