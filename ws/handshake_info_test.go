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
	"github.com/wsconform/wsconform/ws/wsproto"
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
		name string
		want ws.HandshakeInfo
	}{
		{"empty headers", ws.HandshakeInfo{Request: made("/", "", http.Header{}), ResponseHeader: http.Header{}}},
		{"usual", ws.HandshakeInfo{
			Request:        made("/chat?room=1", "example.com", http.Header{"Upgrade": {"websocket"}, "Origin": {"http://a"}}),
			ResponseHeader: http.Header{"Server": {"x"}}, Subprotocol: "soap",
		}},
		{"compressed, over TLS", ws.HandshakeInfo{
			Request:        overTLS,
			ResponseHeader: http.Header{"Sec-Websocket-Extensions": {"permessage-deflate; server_max_window_bits=9"}},
			Extensions: []wsproto.Extension{{
				Name: "permessage-deflate", Params: []wsproto.Param{{Name: "server_max_window_bits", Value: "9"}},
			}},
			Deflate: &wsproto.DeflateParams{ServerMaxWindowBits: 9, ClientMaxWindowBits: 10}, // the client's own limit
		}},
		{"several values, one empty", ws.HandshakeInfo{
			Request:        made("/", "", http.Header{"Cookie": {"a=1", "", "b=\x00\r\n2"}}),
			ResponseHeader: http.Header{"X": {}},
		}},
		{"long", ws.HandshakeInfo{
			Request:        made("/", "", http.Header{strings.Repeat("N", 200): {strings.Repeat("v", 20000)}}),
			ResponseHeader: http.Header{"Y": {"z"}},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ws.PackInfo(&tt.want)
			if d := cmp.Diff(&tt.want, got, cmpopts.IgnoreUnexported(tls.ConnectionState{}, http.Request{}, ws.HandshakeInfo{})); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}
