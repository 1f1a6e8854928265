package ws_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// status is the number in an answer.
func status(answer string) string {
	_, rest, _ := strings.Cut(answer, " ")
	code, _, _ := strings.Cut(rest, " ")
	return code
}

func TestOrigins(t *testing.T) {
	tests := []struct {
		allowed []string
		origin  string // empty: no header
		want    string
	}{
		{nil, "", "101"},
		{nil, "https://example.com", "101"},
		{nil, "https://EXAMPLE.com", "101"},
		{nil, "https://example.com:8443", "403"},
		{nil, "https://a.example.com", "403"},
		{nil, "null", "403"},
		{[]string{}, "https://example.com", "403"},
		{[]string{}, "", "101"},
		{[]string{"*"}, "null", "101"},
		{[]string{"*"}, "https://" + strings.Repeat("a", 600), "101"},
		{[]string{"null"}, "null", "101"},
		{[]string{"https://a.test", "https://b.test"}, "https://B.test", "101"},
		{[]string{"https://a.test"}, "http://a.test", "403"},
		{[]string{"https://a.test"}, "https://a.test.evil", "403"},
		{[]string{"https://*.a.test"}, "https://x.a.test", "101"},
		{[]string{"https://*.a.test"}, "https://x.y.a.test", "101"},
		{[]string{"https://*.a.test"}, "https://a.test", "403"},
		{[]string{"https://*.a.test"}, "https://evil.test/.a.test", "403"},
		{[]string{"https://*.a.test"}, "https://evil.test:1.a.test", "403"},
		{[]string{"https://*a.test"}, "https://a.test", "101"},
		{[]string{"https://*.*.test"}, "https://a.b.c.test", "101"},
		{[]string{"https://*.*.test"}, "https://a.test", "403"},
		{[]string{"http://localhost:*"}, "http://localhost:3000", "101"},
		{[]string{"http://localhost:*"}, "http://localhost", "403"},
		{[]string{"http://[::1]:*"}, "http://[::1]:3000", "101"},
		{[]string{"a.test"}, "https://a.test", "101"},
		{[]string{"a.test"}, "http://a.test", "101"},
		{[]string{"*.a.test"}, "http://x.a.test", "101"},
		{[]string{"a.test"}, "a.test", "403"},
		{[]string{"*.test"}, "https://" + strings.Repeat("a.", 300) + "test", "403"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%v %.40s", tt.allowed, tt.origin), func(t *testing.T) {
			req := request()
			if tt.origin != "" {
				req = request("Origin: " + tt.origin)
			}
			answer, _ := serverAnswer(t, req, &ws.AcceptOptions{Origins: tt.allowed})
			if got := status(answer); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestSubprotocolPreference(t *testing.T) {
	tests := []struct{ speaks, offers, want string }{
		{"", "a b", ""},
		{"a", "", ""},
		{"a", "b", ""},
		{"a b", "b a", "a"}, // equals: the server decides
		{"a b c", "b c a", "b"},
		{"a b c", "c b", "b"},
		{"a b c", "x c", "c"},
	}
	for _, tt := range tests {
		t.Run(tt.speaks+" to "+tt.offers, func(t *testing.T) {
			answer, _ := serverAnswer(t, request("Sec-WebSocket-Protocol: "+strings.ReplaceAll(tt.offers, " ", ", ")),
				&ws.AcceptOptions{Subprotocols: strings.Fields(tt.speaks)})
			if got := headerOf([]byte(answer), "Sec-WebSocket-Protocol"); got != tt.want || status(answer) != "101" {
				t.Errorf("got %q in %q, want %q", got, answer, tt.want)
			}
		})
	}
}

func TestSelectSubprotocol(t *testing.T) {
	tests := []struct {
		name   string
		choose func(r *http.Request, offered []string) (string, error)
		status string
		want   string
	}{
		{"one of them", func(_ *http.Request, offered []string) (string, error) { return offered[1], nil }, "101", "b"},
		{"by the request", func(r *http.Request, _ []string) (string, error) { return strings.TrimPrefix(r.URL.Path, "/ch"), nil }, "500", ""},
		{"none", func(*http.Request, []string) (string, error) { return "", nil }, "101", ""},
		{"one that was not offered", func(*http.Request, []string) (string, error) { return "c", nil }, "500", ""},
		{"refused", func(*http.Request, []string) (string, error) { return "", errors.New("no") }, "403", ""},
		{"refused with an answer", func(*http.Request, []string) (string, error) { return "", &ws.RejectError{Status: 400} }, "400", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answer, _ := serverAnswer(t, request("Sec-WebSocket-Protocol: a, b"),
				&ws.AcceptOptions{Subprotocols: []string{"a"}, SelectSubprotocol: tt.choose})
			if got := headerOf([]byte(answer), "Sec-WebSocket-Protocol"); got != tt.want || status(answer) != tt.status {
				t.Errorf("got %q in %q, want %q and %s", got, answer, tt.want, tt.status)
			}
		})
	}
}

func TestBasicAuth(t *testing.T) {
	basic := func(userinfo string) string {
		return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(userinfo))
	}
	auth := &ws.BasicAuth{
		Realm: `the "inner" room`,
		Users: map[string]string{"ada": "lovelace", "nobody": ""},
		Check: func(_ context.Context, user, password string) bool { return user == "guest" && password == "guest" },
	}
	tests := []struct {
		name string
		line string
		user string // empty: refused
	}{
		{"right", basic("ada:lovelace"), "ada"},
		{"scheme in small letters", "authorization: basic " + base64.StdEncoding.EncodeToString([]byte("ada:lovelace")), "ada"},
		{"wrong password", basic("ada:byron"), ""},
		{"part of the password", basic("ada:love"), ""},
		{"no password", basic("ada:"), ""},
		{"no colon", basic("ada"), ""},
		{"unknown user", basic("bob:lovelace"), ""},
		{"unknown user without a password", basic("bob:"), ""},
		{"no user", basic(":"), ""},
		{"empty password that is right", basic("nobody:"), "nobody"},
		{"by Check", basic("guest:guest"), "guest"},
		{"not by Check", basic("guest:ghost"), ""},
		{"Check is not asked about a user that is known", basic("ada:guest"), ""},
		{"nothing", "X: y", ""},
		{"another scheme", "Authorization: Bearer YWRhOmxvdmVsYWNl", ""},
		{"not base64", "Authorization: Basic ada:lovelace", ""},
		{"twice", basic("ada:lovelace") + "\r\n" + basic("ada:lovelace"), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var user string
			answer, _ := serverAnswer(t, request(tt.line), &ws.AcceptOptions{
				BasicAuth: auth,
				Check: func(r *http.Request, _ http.Header) (context.Context, error) {
					user, _, _ = r.BasicAuth()
					return nil, nil
				},
			})
			want := "101"
			if tt.user == "" {
				want = "401"
				if got := headerOf([]byte(answer), "WWW-Authenticate"); got != `Basic realm="the \"inner\" room", charset="UTF-8"` {
					t.Errorf("got challenge %s", got)
				}
			}
			if got := status(answer); got != want || user != tt.user {
				t.Errorf("got %s for user %q, want %s for %q", got, user, want, tt.user)
			}
		})
	}
}

// The hooks see what they should, in order, on both ways into the server.
func TestAcceptHooks(t *testing.T) {
	answers := func(opts *ws.AcceptOptions) []func(req string) string {
		return []func(string) string{
			func(req string) string {
				answer, _ := serverAnswer(t, req, opts)
				return answer
			},
			func(req string) string {
				srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if c, err := ws.Accept(w, r, opts); err == nil {
						_ = c.CloseNow()
					}
				}))
				defer srv.Close()
				return exchange(t, srv.Listener.Addr().String(), strings.Replace(req, "Connection: Upgrade", "Connection: close, Upgrade", 1))
			},
		}
	}
	var seen []string
	opts := &ws.AcceptOptions{
		Intercept: func(w http.ResponseWriter, r *http.Request) {
			seen = append(seen, "Intercept "+r.Method+" "+r.URL.Path)
			if r.URL.Path == "/health" {
				_, _ = io.WriteString(w, "fine\n")
			}
		},
		Check: func(r *http.Request, response http.Header) (context.Context, error) {
			seen = append(seen, "Check "+response.Get("Sec-WebSocket-Accept"))
			switch r.URL.Path {
			case "/away":
				return nil, &ws.RejectError{Status: http.StatusFound, Header: http.Header{"location": {"/here"}}}
			case "/late":
				return nil, errors.New("after all")
			case "/evil":
				response.Add("Set-Cookie", "id=1\r\nX-Evil: 1")
			case "/worse":
				return nil, &ws.RejectError{Status: http.StatusFound, Header: http.Header{"Location": {"/here\r\nX-Evil: 1"}}}
			}
			response.Add("Set-Cookie", "id=1")
			response.Set("Sec-WebSocket-Accept", "wrong")
			response.Set("Content-Length", "7")
			response.Set("Sec-WebSocket-Protocol", "made up")
			return nil, nil
		},
		Header: http.Header{"x-static": {"1", "2"}, "Server": {"wsconform"}},
	}
	const check = "Check s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
	tests := []struct {
		name string
		req  string
		want string // parts of the answer, joined by |; those with a minus are not in it
		seen []string
	}{
		{
			"handshake", request(),
			"HTTP/1.1 101 |X-Static: 1\r\nX-Static: 2\r\n|Server: wsconform\r\n|Set-Cookie: id=1\r\n|Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n|-Content-Length|-made up",
			[]string{"Intercept GET /chat", check},
		},
		{"health check", "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", " 200 |\r\n\r\nfine\n|Server: wsconform\r\n|Content-Length: 5\r\n|Date: |X-Static: 1", []string{"Intercept GET /health"}},
		{"health check with HEAD", "HEAD /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", " 200 |Content-Length: 5\r\n|-fine", []string{"Intercept HEAD /health"}},
		{"health check with HTTP/1.0", "OPTIONS /health HTTP/1.0\r\n\r\n", " 200 ", []string{"Intercept OPTIONS /health"}},
		{"redirect", request("GET /away HTTP/1.1"), " 302 |Location: /here\r\n|Server: wsconform\r\n", []string{"Intercept GET /away", check}},
		{"not a handshake", "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", " 426 |Sec-WebSocket-Version: 13\r\n|Upgrade: websocket\r\n|Connection: |Upgrade|Server: wsconform\r\n", []string{"Intercept GET /"}},
		{"refused late", request("GET /late HTTP/1.1"), " 403 |-Set-Cookie", []string{"Intercept GET /late", check}},
		{"line break in the response", request("GET /evil HTTP/1.1"), " 500 |-X-Evil|-Set-Cookie: |header Set-Cookie has a value with control characters", []string{"Intercept GET /evil", check}},
		{"line break in a refusal", request("GET /worse HTTP/1.1"), " 500 |-X-Evil|header Location has a value with control characters", []string{"Intercept GET /worse", check}},
	}
	for i, answer := range answers(opts) {
		for _, tt := range tests {
			t.Run(fmt.Sprintf("%s/%s", []string{"AcceptNet", "Accept"}[i], tt.name), func(t *testing.T) {
				seen = nil
				got := answer(tt.req)
				for want := range strings.SplitSeq(tt.want, "|") {
					absent, not := strings.CutPrefix(want, "-")
					if !not && !strings.Contains(got, want) || not && strings.Contains(got, absent) {
						t.Errorf("got %q, want %q", got, want)
					}
				}
				if !slices.Equal(seen, tt.seen) {
					t.Errorf("got calls %q, want %q", seen, tt.seen)
				}
			})
		}
	}
}

func TestAcceptOptionsInvalid(t *testing.T) {
	tests := []struct {
		name string
		opts ws.AcceptOptions
	}{
		{"subprotocol not a token", ws.AcceptOptions{Subprotocols: []string{"a b"}}},
		{"subprotocol twice", ws.AcceptOptions{Subprotocols: []string{"a", "a"}}},
		{"realm with a line break", ws.AcceptOptions{BasicAuth: &ws.BasicAuth{Realm: "a\r\nb"}}},
		{"window", ws.AcceptOptions{Options: ws.Options{Deflate: &ws.Deflate{DeflateParams: wsproto.DeflateParams{ServerMaxWindowBits: 7}}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answer, err := serverAnswer(t, request(), &tt.opts)
			if err == nil || answer != "" {
				t.Errorf("got %q, error %v; want an error", answer, err)
			}
			w := httptest.NewRecorder()
			if _, err := ws.Accept(w, httptest.NewRequest(http.MethodGet, "/", nil), &tt.opts); err == nil || w.Code != 500 {
				t.Errorf("got status %d, error %v; want 500 and an error", w.Code, err)
			}
		})
	}
}

// The limits of a request head, at the limit and one beyond.
func TestHeadLimits(t *testing.T) {
	fields := strings.Count(request(), "\r\n") - 2 // but for request line and empty line
	long := func(total int) string {
		return request("X: " + strings.Repeat("x", total-len(request())-len("X: \r\n")))
	}
	many := func(n int) string {
		var lines []string
		for i := range n - fields + 1 { // Host is not counted
			lines = append(lines, fmt.Sprintf("X-%d: 1", i%10))
		}
		return request(lines...)
	}
	tests := []struct {
		name string
		opts ws.AcceptOptions
		req  string
		want string
	}{
		{"16 KiB", ws.AcceptOptions{}, long(16 << 10), "101"},
		{"16 KiB and one", ws.AcceptOptions{}, long(16<<10 + 1), "431"},
		{"MaxHeaderBytes", ws.AcceptOptions{MaxHeaderBytes: 300}, long(300), "101"},
		{"MaxHeaderBytes and one", ws.AcceptOptions{MaxHeaderBytes: 300}, long(301), "431"},
		{"128 fields", ws.AcceptOptions{}, many(128), "101"},
		{"129 fields", ws.AcceptOptions{}, many(129), "431"},
		{"MaxHeaderFields", ws.AcceptOptions{MaxHeaderFields: 10}, many(10), "101"},
		{"MaxHeaderFields and one", ws.AcceptOptions{MaxHeaderFields: 10}, many(11), "431"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answer, _ := serverAnswer(t, tt.req, &tt.opts)
			if got := status(answer); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
