package show_test

import (
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/reports/internal/show"
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
		if got := show.Repeat(harness.Header{Engine: harness.Engine{Name: tt.engine}, Agent: tt.agent}, "5.15"); got != tt.want {
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
