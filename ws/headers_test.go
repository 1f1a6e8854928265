package ws

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPackedHeaders(t *testing.T) {
	tests := []struct {
		name              string
		request, response http.Header
	}{
		{"empty", http.Header{}, http.Header{}},
		{"usual", http.Header{"Upgrade": {"websocket"}, "Origin": {"http://a"}}, http.Header{"Server": {"x"}}},
		{"several values, one empty", http.Header{"Cookie": {"a=1", "", "b=\x00\r\n2"}}, http.Header{"X": {}}},
		{"long", http.Header{strings.Repeat("N", 200): {strings.Repeat("v", 20000)}}, http.Header{"Y": {"z"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			request, response := packHeaders(tt.request, tt.response).unpack()
			if d := cmp.Diff(tt.request, request); d != "" {
				t.Errorf("request, -want +got:\n%s", d)
			}
			if d := cmp.Diff(tt.response, response); d != "" {
				t.Errorf("response, -want +got:\n%s", d)
			}
		})
	}
}
