package doctor_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/internal/doctor"
)

// A tunnel is a proxy with the CONNECT method. It passes bytes on, unless it says otherwise.
type tunnel struct {
	status int             // that it answers; 0 means 200
	open   tls.Certificate // it ends TLS itself, and shows this certificate
	edit   func(head string, response bool) string
}

func (p tunnel) start(t *testing.T) *url.URL {
	t.Helper()
	s := quietServer(p)
	s.Start()
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func (p tunnel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.status != 0 || r.Method != http.MethodConnect {
		w.WriteHeader(max(p.status, http.StatusBadRequest))
		return
	}
	out, err := net.Dial("tcp", r.Host)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer out.Close()
	nc, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer nc.Close()
	if _, err := io.WriteString(nc, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	if len(p.open.Certificate) > 0 {
		nc = tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{p.open}, NextProtos: []string{"http/1.1"}})
		out = tls.Client(out, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.pass(nc, out, true)
		out.Close()
		nc.Close()
	}()
	p.pass(out, nc, false)
	out.Close()
	<-done
}

// pass copies, and edits the first head.
func (p tunnel) pass(to io.Writer, from io.Reader, response bool) {
	r := bufio.NewReader(from)
	if p.edit != nil {
		var head strings.Builder
		for !strings.HasSuffix(head.String(), "\r\n\r\n") {
			line, err := r.ReadString('\n')
			head.WriteString(line)
			if err != nil {
				break
			}
		}
		if _, err := io.WriteString(to, p.edit(head.String(), response)); err != nil {
			return
		}
	}
	io.Copy(to, r) // it ends with either end
}

// A proxy that stands between is named, with what it changes and why it fails, and nothing
// else is blamed.
func TestProxy(t *testing.T) {
	by := func(setUp func(*testing.T) address, p tunnel) func(*testing.T) address {
		return func(t *testing.T) address {
			a := setUp(t)
			a.opts.Proxy = p.start(t)
			return a
		}
	}
	adding := func(line string) tunnel {
		return tunnel{edit: func(head string, response bool) string {
			if !response {
				return head
			}
			return strings.TrimSuffix(head, "\r\n") + line + "\r\n\r\n"
		}}
	}
	for _, row := range []struct {
		name  string
		setUp func(*testing.T) address
		topic doctor.Topic
		state doctor.State
		words []string
		also  []doctor.Topic // that the same trouble shows in
	}{
		{"a tunnel", by(plain(echo()), tunnel{}), doctor.Proxy, doctor.OK, []string{"changes nothing that is seen"}, nil},
		{"a tunnel, TLS", by(secure(echo(), certificate{}), tunnel{}), doctor.Proxy, doctor.OK, []string{"changes nothing that is seen"}, nil},
		{"HTTP/2 through it", by(overHTTP2(nil), tunnel{}), doctor.HTTP2, doctor.OK, []string{"does not announce the setting"}, nil},
		{"the server's own trouble", by(raw(careless), tunnel{}), doctor.Masking, doctor.Fault, []string{"answers an unmasked ping"}, nil},
		{"no user", by(plain(echo()), tunnel{status: http.StatusProxyAuthRequired}), doctor.Proxy, doctor.Fault, []string{"it answers 407", "wants a user and a password"}, nil},
		{"the wrong user", func(t *testing.T) address {
			a := by(plain(echo()), tunnel{status: http.StatusProxyAuthRequired})(t)
			a.opts.Proxy.User = url.UserPassword("me", "hidden")
			return a
		}, doctor.Proxy, doctor.Fault, []string{"does not take the user"}, nil},
		{"the port is forbidden", by(plain(echo()), tunnel{status: http.StatusForbidden}), doctor.Proxy, doctor.Fault, []string{"it answers 403", "port 443 only"}, nil},
		{"the proxy does not reach the server", by(gone, tunnel{}), doctor.Proxy, doctor.Fault, []string{"it answers 502", "does not reach 127.0.0.1:"}, nil},
		{"no proxy listens", func(t *testing.T) address {
			a, u := plain(echo())(t), tunnel{}.start(t)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			u.Host = l.Addr().String()
			l.Close()
			a.opts.Proxy = u
			return a
		}, doctor.Proxy, doctor.Fault, []string{"connection refused", "is the proxy running"}, nil},
		{"no TLS at an https proxy", func(t *testing.T) address {
			a := by(plain(echo()), tunnel{})(t)
			a.opts.Proxy.Scheme = "https"
			return a
		}, doctor.Proxy, doctor.Fault, []string{"http:// instead of https://"}, nil},
		{"no SOCKS", func(t *testing.T) address {
			a := by(plain(echo()), tunnel{})(t)
			a.opts.Proxy.Scheme = "socks5"
			return a
		}, doctor.Proxy, doctor.Fault, []string{"is it a proxy, and of this kind?"}, nil},
		{"no proxy at all", func(t *testing.T) address {
			a := plain(echo())(t)
			u, err := url.Parse("http" + strings.TrimPrefix(a.url, "ws"))
			if err != nil {
				t.Fatal(err)
			}
			u.Path = ""
			a.opts.Proxy = u
			return a
		}, doctor.Proxy, doctor.Fault, []string{"one without CONNECT"}, nil},
		{"it opens TLS", func(t *testing.T) address {
			pair, trust := certificate{}.issue(t)
			a := by(secure(echo(), certificate{}), tunnel{open: pair})(t)
			a.target.TLS.RootCAs = trust.RootCAs // the proxy's authority is known
			return a
		}, doctor.Proxy, doctor.Warning, []string{"opens TLS", "--ca FILE"}, nil},
		{"it adds a field", by(plain(echo()), adding("Via: 1.1 between")), doctor.Proxy, doctor.Note, []string{"it adds Via: 1.1 between"}, nil},
		{"it drops Upgrade", by(plain(echo()), tunnel{edit: func(head string, response bool) string {
			if response {
				return head
			}
			return strings.Replace(head, "Upgrade: websocket\r\n", "", 1)
		}}), doctor.Proxy, doctor.Fault, []string{"without the proxy the connection opens", "use wss"}, []doctor.Topic{doctor.Opening}},
		{"one before the server", func(t *testing.T) address {
			origin := httptest.NewServer(echo())
			t.Cleanup(origin.Close)
			to, err := url.Parse(origin.URL)
			if err != nil {
				t.Fatal(err)
			}
			return plain(&httputil.ReverseProxy{
				Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host },
				ModifyResponse: func(r *http.Response) error { r.Header.Set("Via", "1.1 edge"); return nil },
				ErrorLog:       log.New(io.Discard, "", 0),
			})(t)
		}, doctor.Proxy, doctor.Note, []string{"stands before the server", "Via: 1.1 edge"}, []doctor.Topic{doctor.FirstFrame}},
		{"one of the environment", func(t *testing.T) address {
			a := plain(echo())(t)
			a.opts.Environment = &url.URL{Scheme: "http", Host: "proxy.test:3128", User: url.UserPassword("me", "hidden")}
			return a
		}, doctor.Proxy, doctor.Note, []string{"the environment names the proxy http://proxy.test:3128", "--proxy env"}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := examine(t, row.setUp(t))
			var text bytes.Buffer
			if err := doctor.WriteText(&text, r, 100); err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(r.Findings, func(f doctor.Finding) bool {
				said := f.Saw + " " + f.Advice
				return f.Topic == row.topic && f.State == row.state && !slices.ContainsFunc(row.words, func(w string) bool { return !strings.Contains(said, w) })
			}) {
				t.Errorf("no %s about %s with %q", row.state, row.topic, row.words)
			}
			for _, f := range r.Findings {
				blamed := f.State == doctor.Fault || f.State == doctor.Warning
				if blamed && f.Topic != row.topic && f.Topic != doctor.Browsers && !slices.Contains(row.also, f.Topic) {
					t.Errorf("%s about %s, where nothing is wrong: %s", f.State, f.Topic, f.Saw)
				}
			}
			if strings.Contains(fmt.Sprint(*r), "hidden") || r.Conns > doctor.MaxConns {
				t.Errorf("%d connections, or a secret is shown", r.Conns)
			}
			if t.Failed() {
				t.Logf("the whole report:\n%s", &text)
			}
		})
	}
}

// gone is an address where nobody listens.
func gone(*testing.T) address {
	s := httptest.NewServer(nil)
	s.Close()
	return address{url: "ws" + strings.TrimPrefix(s.URL, "http")}
}
