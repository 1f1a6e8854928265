package ws_test

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/wsconform/wsconform/ws"
)

// A connection keeps its handshake packed, and gives it back as it was.
func TestHandshakeKept(t *testing.T) {
	made := func(target, host string, header http.Header) *http.Request {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			t.Fatal(err)
		}
		return &http.Request{
			Method: http.MethodGet, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			URL: u, RequestURI: target, Host: host, Header: header, Body: http.NoBody,
		}
	}
	overTLS := made("/", "", http.Header{})
	overTLS.TLS = &tls.ConnectionState{ServerName: "example.com"}
	tests := []struct {
		name        string
		request     *http.Request
		response    http.Header
		subprotocol string
	}{
		{"empty headers", made("/", "", http.Header{}), http.Header{}, ""},
		{"usual", made("/chat?room=1", "example.com", http.Header{"Upgrade": {"websocket"}, "Origin": {"http://a"}}), http.Header{"Server": {"x"}}, "soap"},
		{"over TLS", overTLS, http.Header{"Sec-Websocket-Extensions": {"permessage-deflate; server_max_window_bits=9"}}, ""},
		{"several values, one empty", made("/", "", http.Header{"Cookie": {"a=1", "", "b=\x00\r\n2"}}), http.Header{"X": {}}, ""},
		{"long", made("/", "", http.Header{strings.Repeat("N", 200): {strings.Repeat("v", 20000)}}), http.Header{"Y": {"z"}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := &http.Response{
				Status: "101 Switching Protocols", StatusCode: http.StatusSwitchingProtocols, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
				Header: tt.response, Body: http.NoBody, Request: tt.request, TLS: tt.request.TLS,
			}
			got := ws.PackInfo(tt.subprotocol, tt.request, tt.response)
			if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(tls.ConnectionState{}, http.Request{})); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}
