package ws_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
)

// says opens a connection, sends a message and wants it back.
func says(t *testing.T, c *ws.Conn, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	ctx := within(t, 10*time.Second)
	if err := c.Write(ctx, ws.MessageText, []byte("over here")); err != nil {
		t.Fatal(err)
	}
	if _, p, err := c.Read(ctx); err != nil || string(p) != "over here" {
		t.Fatalf("got %q, %v", p, err)
	}
}

// serve runs an echo server on a listener.
func serve(t *testing.T, l net.Listener, accept ws.AcceptOptions) {
	t.Helper()
	s := &ws.Server{Accept: accept}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.Shutdown(ctx)
		<-served
	})
}

func listen(t *testing.T, network, addr string) net.Listener {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), network, addr)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestDialAddresses(t *testing.T) {
	v4 := listen(t, "tcp4", "127.0.0.1:0")
	serve(t, v4, ws.AcceptOptions{})
	_, port, _ := net.SplitHostPort(v4.Addr().String())
	socket := filepath.Join(t.TempDir(), "a:b.sock")
	var resource, host string
	serve(t, listen(t, "unix", socket), ws.AcceptOptions{Check: func(r *http.Request, _ http.Header) (context.Context, error) {
		resource, host = r.RequestURI, r.Host
		return nil, nil
	}})
	escaped := strings.ReplaceAll(socket, ":", "%3A")

	for _, row := range []struct {
		name, url string
		opts      ws.DialOptions
	}{
		{"IPv4", "ws://127.0.0.1:" + port, ws.DialOptions{}},
		{"name", "ws://localhost:" + port, ws.DialOptions{}},
		{"socket", "ws+unix://" + escaped, ws.DialOptions{}},
		{"socket and resource", "ws+unix://" + escaped + ":/chat?room=1", ws.DialOptions{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, err := ws.Dial(within(t, 10*time.Second), row.url, &row.opts)
			says(t, c, err)
		})
	}
	if resource != "/chat?room=1" || host != "localhost" {
		t.Errorf("over the socket: resource %q of host %q", resource, host)
	}
	nc, err := net.Dial("tcp", v4.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := ws.Dial(within(t, 10*time.Second), "ws://elsewhere.example/", &ws.DialOptions{NetDial: over(nc), Proxy: http.ProxyURL(nil)})
	says(t, c, err)
}

// A query may hold what would end the request line's target (RFC 3986 §3.4).
func TestDialQuery(t *testing.T) {
	l := listen(t, "tcp4", "127.0.0.1:0")
	resources := make(chan string, 1)
	serve(t, l, ws.AcceptOptions{Check: func(r *http.Request, _ http.Header) (context.Context, error) {
		resources <- r.RequestURI
		return nil, nil
	}})
	for _, row := range []struct{ query, want string }{
		{"?", "/?"},
		{"?a=b+c&d=%20;[/?|", "/?a=b+c&d=%20;[/?|"},
		{`?a b="<ü>"`, "/?a%20b=%22%3C%C3%BC%3E%22"},
		{"?\xf3", "/?%F3"},
	} {
		c, err := ws.Dial(within(t, 10*time.Second), "ws://"+l.Addr().String()+row.query, nil)
		if err != nil {
			t.Errorf("%q: %v", row.query, err)
			continue
		}
		c.CloseNow()
		if got := <-resources; got != row.want {
			t.Errorf("%q: the request is for %q, want %q", row.query, got, row.want)
		}
	}
}

func TestDialURLs(t *testing.T) {
	for _, row := range []struct{ url, want string }{
		{"http://host/", `scheme "http"`},
		{"ws:///path", "without a host"},
		{"ws://host/#part", "fragment"},
		{"ws://host#", "fragment"},
		{"ws:host", "malformed URL"},
		{"ws://host:0/", `port "0"`},
		{"ws://host:65536/", `port "65536"`},
		{"ws://host:/", `port ""`},
		{"ws://user:geheim@host:99999/", "ws://user:xxxxx@host:99999/"},
		{"ws://user:geheim@[::1", "malformed URL"},
		{"wss://]0", "malformed host"},
		{"localhost:8080/chat", "scheme is missing: write ws://localhost:8080/chat, or wss://localhost:8080/chat for TLS"},
		{"127.0.0.1:8080", "scheme is missing: write ws://127.0.0.1:8080,"},
		{"[::1]:8080/a?token=geheim", "scheme is missing: write ws://[::1]:8080/a,"},
		{"//host/a", "scheme is missing: write ws://host/a,"},
		{"example.com", "scheme is missing: write ws://example.com,"},
		{"http://example.com/", `scheme "http": write "ws"`},
		{"https://example.com/?token=geheim", `scheme "https": write "wss"`},
		{"ws+unix://host/socket", "must be absolute"},
		{"ws+unix:", "must be absolute"},
		{"ws+unix:///socket:path", "must begin with a slash"},
		{"ws+unix:///a%00b", "malformed path of a socket"},
		{"ws://a\u2488b/", "host: "},
	} {
		_, err := ws.Dial(t.Context(), row.url, nil)
		if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: got %v, want %q", row.url, err, row.want)
		}
		if _, ok := errors.AsType[*url.Error](err); !ok {
			t.Errorf("%s: got %T, want a url.Error", row.url, err)
		}
	}
}

// A refusal says who refused, with what, and in what words; not with which password.
func TestRefusalSaysWhy(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	serve(t, l, ws.AcceptOptions{Check: func(*http.Request, http.Header) (context.Context, error) {
		return nil, &ws.RejectError{Status: http.StatusForbidden, Body: []byte("\n  wrong token\nask the operator\n")}
	}})
	_, err := ws.Dial(within(t, 10*time.Second), "ws://me:geheim@"+l.Addr().String()+"/chat?token=geheim", nil)
	want := "ws: dial ws://me:xxxxx@" + l.Addr().String() + `/chat?…: server refused (HTTP status 403 Forbidden): "wrong token"`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// noHijack is what a middleware makes of a ResponseWriter that forgets Unwrap.
type noHijack struct{ http.ResponseWriter }

// An error of Accept that the program is to blame for says what to do.
func TestAcceptWithoutHijacker(t *testing.T) {
	got := make(chan error, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := ws.Accept(noHijack{w}, r, nil)
		got <- err
	}))
	defer srv.Close()
	_, err := ws.Dial(within(t, 10*time.Second), strings.Replace(srv.URL, "http", "ws", 1), nil)
	if he, ok := errors.AsType[*ws.HandshakeError](err); !ok || he.Status != http.StatusInternalServerError {
		t.Errorf("got error %v, want status 500", err)
	}
	if err := <-got; !errors.Is(err, http.ErrNotSupported) || !strings.Contains(err.Error(), "noHijack") || !strings.Contains(err.Error(), "Unwrap") {
		t.Errorf("got error %v", err)
	}
}

func TestDialInternationalName(t *testing.T) {
	var dialed string
	_, err := ws.Dial(t.Context(), "ws://bücher.example:81/", &ws.DialOptions{
		NetDial: func(_ context.Context, _, addr string) (net.Conn, error) {
			dialed = addr
			return nil, errors.New("no further")
		},
	})
	if err == nil || dialed != "xn--bcher-kva.example:81" {
		t.Errorf("got %q, %v", dialed, err)
	}
}

func TestDialHeaders(t *testing.T) {
	var got *http.Request
	l := listen(t, "tcp", "127.0.0.1:0")
	serve(t, l, ws.AcceptOptions{Origins: []string{"*"}, Check: func(r *http.Request, _ http.Header) (context.Context, error) {
		got = r
		return nil, nil
	}})
	jar, _ := cookiejar.New(nil)
	jar.SetCookies(&url.URL{Scheme: "http", Host: l.Addr().String(), Path: "/"}, []*http.Cookie{{Name: "jar", Value: "1"}})
	for _, row := range []struct {
		name   string
		opts   ws.DialOptions
		user   string
		host   string // empty: the URL's
		header map[string][]string
		absent []string
	}{
		{
			name:   "nothing more than needed",
			absent: []string{"Origin", "User-Agent", "Cookie", "Authorization", "Sec-Websocket-Protocol", "Sec-Websocket-Extensions"},
		},
		{
			name: "everything",
			opts: ws.DialOptions{
				Header: http.Header{"User-Agent": {"me"}, "x-twice": {"a", "b"}, "Cookie": {"own=2"}, "Host": {"other.example"}, "Origin": {"https://example.com"}},
				Jar:    jar, Subprotocols: []string{"a", "b"},
			},
			user: "me:se%20cret@", host: "other.example",
			header: map[string][]string{
				"User-Agent": {"me"}, "X-Twice": {"a", "b"}, "Cookie": {"own=2; jar=1"},
				"Origin": {"https://example.com"}, "Authorization": {"Basic bWU6c2UgY3JldA=="},
				"Sec-Websocket-Protocol": {"a, b"},
			},
		},
		{
			name:   "left out",
			opts:   ws.DialOptions{Header: http.Header{"authorization": nil, "Cookie": nil}, Jar: jar},
			user:   "me:secret@",
			absent: []string{"Cookie", "Authorization"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, err := ws.Dial(within(t, 10*time.Second), "ws://"+row.user+l.Addr().String(), &row.opts)
			if err != nil {
				t.Fatal(err)
			}
			c.CloseNow()
			if row.host == "" {
				row.host = l.Addr().String()
			}
			if got.Host != row.host {
				t.Errorf("Host: got %q, want %q", got.Host, row.host)
			}
			for name, want := range row.header {
				if !slices.Equal(got.Header[name], want) {
					t.Errorf("%s: got %q, want %q", name, got.Header[name], want)
				}
			}
			for _, name := range row.absent {
				if v, there := got.Header[name]; there {
					t.Errorf("%s: got %q, want none", name, v)
				}
			}
		})
	}
}

// What cannot be sent is an error before anything is: nothing is dropped in silence.
func TestDialRefusesHeaders(t *testing.T) {
	for _, row := range []struct {
		name string
		opts ws.DialOptions
		want string
	}{
		{"of the handshake", ws.DialOptions{Header: http.Header{"Upgrade": {"h2c"}}}, "header Upgrade is set by the handshake"},
		{"in any spelling", ws.DialOptions{Header: http.Header{"sec-websocket-version": {"8"}}}, "is set by the handshake"},
		{"subprotocol", ws.DialOptions{Header: http.Header{"Sec-WebSocket-Protocol": {"chat"}}}, "use Subprotocols instead"},
		{"extensions", ws.DialOptions{Header: http.Header{"Sec-Websocket-Extensions": {"x"}}}, "use Deflate instead"},
		{"bad name", ws.DialOptions{Header: http.Header{"X A": {"1"}}}, `header name "X A" is not a token`},
		{"line break", ws.DialOptions{Header: http.Header{"X-A": {"1\r\nX-B: 2"}}}, "header X-A has a value with control characters"},
		{"line break in a subprotocol", ws.DialOptions{Subprotocols: []string{"a\r\nX-B: 2"}}, "is not a token"},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.opts.NetDial = func(context.Context, string, string) (net.Conn, error) {
				t.Error("it was dialed")
				return nil, net.ErrClosed
			}
			if _, err := ws.Dial(t.Context(), "ws://x/", &row.opts); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got error %v, want %s", err, row.want)
			}
		})
	}
}

func TestDialWithoutHost(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	serve(t, l, ws.AcceptOptions{})
	_, err := ws.Dial(t.Context(), "ws://"+l.Addr().String(), &ws.DialOptions{Header: http.Header{"Host": nil}})
	var he *ws.HandshakeError
	if !errors.As(err, &he) || he.Status != http.StatusBadRequest || !strings.Contains(string(he.Body), "Host") {
		t.Errorf("got %v", err)
	}
}

func TestDialKeepsCookies(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	serve(t, l, ws.AcceptOptions{Header: http.Header{"Set-Cookie": {"session=42; Path=/", "other=1; Domain=evil.example"}}})
	jar, _ := cookiejar.New(nil)
	c, err := ws.Dial(t.Context(), "ws://"+l.Addr().String(), &ws.DialOptions{Jar: jar})
	says(t, c, err)
	got := jar.Cookies(&url.URL{Scheme: "http", Host: l.Addr().String(), Path: "/"})
	if len(got) != 1 || got[0].Name != "session" {
		t.Errorf("got %v", got)
	}
}

// A place answers with a redirect or shakes hands, and remembers the request.
type place struct {
	*httptest.Server
	got http.Header
}

func newPlace(t *testing.T, secure bool, location func() string) *place {
	t.Helper()
	p := &place{}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.got = r.Header.Clone()
		if to := location(); to != "" && r.URL.Path != "/end" {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		if c, err := ws.Accept(w, r, nil); err == nil {
			_ = ws.Echo(r.Context(), c)
		}
	})
	if p.Server = httptest.NewUnstartedServer(handler); secure {
		p.StartTLS()
	} else {
		p.Start()
	}
	t.Cleanup(p.Close)
	return p
}

func TestDialRedirects(t *testing.T) {
	end := newPlace(t, false, func() string { return "" })
	safe := newPlace(t, true, func() string { return "" })
	var location string
	start := newPlace(t, false, func() string { return location })
	secureStart := newPlace(t, true, func() string { return location })
	roots := safe.Client().Transport.(*http.Transport).TLSClientConfig

	for _, row := range []struct {
		name, location string
		secure         bool
		max            int
		want           string // part of the error
		at             *place
		credentials    bool
	}{
		{name: "not asked for", location: "/end", want: "server refused (HTTP status 302 Found)"},
		{name: "path", location: "/end", max: 1, at: start, credentials: true},
		{name: "same host", location: start.URL + "/end#here", max: 1, at: start, credentials: true},
		{name: "ws URL", location: strings.Replace(start.URL, "http", "ws", 1) + "/end", max: 1, at: start, credentials: true},
		{name: "other port", location: end.URL, max: 1, at: end},
		{name: "same host, secure", location: safe.URL, max: 1, at: safe, credentials: true},
		{name: "other host", location: strings.Replace(safe.URL, "127.0.0.1", "localhost", 1), max: 1, want: "certificate"},
		{name: "downgrade", location: end.URL, secure: true, max: 1, want: "redirected from wss to ws"},
		{name: "for ever", location: "/again", max: 5, want: "more than 5 redirects (HTTP status 302 Found)"},
		{name: "scheme", location: "ftp://host/", max: 1, want: `scheme "ftp"`},
		{name: "socket", location: "ws+unix:///run/socket", max: 1, want: `scheme "ws+unix"`},
		{name: "nonsense", location: "http://[", max: 1, want: "malformed URL"},
		{name: "port", location: "http://host:0/", max: 1, want: `port "0"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			location = row.location
			from := start
			if row.secure {
				from = secureStart
			}
			u := strings.Replace(from.URL, "://", "://me:secret@", 1)
			c, err := ws.Dial(within(t, 10*time.Second), strings.Replace(u, "http", "ws", 1), &ws.DialOptions{
				MaxRedirects: row.max, TLS: roots, Header: http.Header{"Cookie": {"a=b"}, "X-Mine": {"1"}},
			})
			if row.want != "" {
				if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "secret") {
					t.Fatalf("got %v, want %q", err, row.want)
				}
				return
			}
			says(t, c, err)
			got := row.at.got
			if got.Get("X-Mine") != "1" {
				t.Error("a header that is no credential was dropped")
			}
			if has := got.Get("Authorization") != ""; has != row.credentials {
				t.Errorf("Authorization went along: %v, want %v", has, row.credentials)
			}
			if has := got.Get("Cookie") != ""; has != row.credentials {
				t.Errorf("Cookie went along: %v, want %v", has, row.credentials)
			}
		})
	}
}

func TestDialRefused(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, "later, please")
	}))
	defer srv.Close()
	_, err := ws.Dial(t.Context(), strings.Replace(srv.URL, "http", "ws", 1), nil)
	var he *ws.HandshakeError
	if !errors.As(err, &he) || he.Status != 503 || he.Header.Get("Retry-After") != "7" || string(he.Body) != "later, please" {
		t.Errorf("got %+v", err)
	}
}

// silent accepts connections and says nothing.
func silent(t *testing.T) net.Listener {
	t.Helper()
	l := listen(t, "tcp", "127.0.0.1:0")
	t.Cleanup(func() { l.Close() })
	return l
}

func TestTimeouts(t *testing.T) {
	l := silent(t)
	for _, row := range []struct {
		name string
		opts ws.DialOptions
		url  string
		op   string
	}{
		{"handshake", ws.DialOptions{Options: ws.Options{HandshakeTimeout: time.Millisecond}}, "ws://" + l.Addr().String(), "handshake"},
		{"TLS", ws.DialOptions{Options: ws.Options{HandshakeTimeout: time.Millisecond}}, "wss://" + l.Addr().String(), "handshake"},
		{"TCP", ws.DialOptions{Options: ws.Options{HandshakeTimeout: time.Millisecond}, NetDial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}, "ws://host", "handshake"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := ws.Dial(t.Context(), row.url, &row.opts)
			if err == nil || !strings.Contains(err.Error(), row.op+" timed out after 1ms") {
				t.Fatalf("got %v, want a %s timeout", err, row.op)
			}
			var ne net.Error
			if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &ne) || !ne.Timeout() {
				t.Errorf("%v is not a timeout to others", err)
			}
		})
	}
}

func TestWriteTimeout(t *testing.T) {
	client, _ := pair(t, &ws.DialOptions{Options: ws.Options{WriteTimeout: 10 * time.Millisecond}}, nil)
	err := client.Write(t.Context(), ws.MessageBinary, make([]byte, 1<<20)) // the peer does not read
	if !timedOut(err, "write") {
		t.Fatalf("got %v, want a write timeout", err)
	}
}
