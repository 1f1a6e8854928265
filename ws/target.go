package ws

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/net/idna"
)

// A target is where a URL leads.
type target struct {
	url    *url.URL // of scheme ws or wss; the host is in ASCII
	socket string   // path of the unix socket; empty means TCP
}

// noScheme is an address and not a URL, with a name that url.Parse does not take for a
// scheme.
var noScheme = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[0-9A-Za-z.-]+:[0-9]+(/|\?|$)|^\[[0-9A-Fa-f:.]+\](:[0-9]+)?(/|\?|$)`)
})

// parseTarget checks a URL against RFC 6455 §3.
func parseTarget(rawURL string) (target, error) {
	u, err := url.Parse(rawURL)
	switch {
	case err != nil && noScheme().MatchString(rawURL), err == nil && !hasScheme(u): // 127.0.0.1:8080 does not parse
		return target{}, errNoScheme(rawURL)
	case err != nil:
		return target{}, errors.New("malformed URL")
	}
	u.RawQuery = escapeQuery(u.RawQuery)
	scheme, unix := strings.CutSuffix(u.Scheme, "+unix")
	switch {
	case u.Scheme == "http" || u.Scheme == "https":
		return target{}, fmt.Errorf("scheme %q: write %q", u.Scheme, map[string]string{"http": "ws", "https": "wss"}[u.Scheme])
	case scheme != "ws" && scheme != "wss":
		return target{}, fmt.Errorf("scheme %q is none of ws, wss, ws+unix and wss+unix", u.Scheme)
	case u.Fragment != "" || strings.HasSuffix(rawURL, "#"):
		return target{}, errors.New("URL with a fragment (RFC 6455 §3)")
	case u.Opaque != "":
		return target{}, errors.New("malformed URL")
	case unix:
		return unixTarget(u, scheme)
	case u.Hostname() == "":
		return target{}, errors.New("URL without a host")
	case strings.ContainsAny(u.Hostname(), "[]"): // url.Parse lets pass what stands outside a pair
		return target{}, errors.New("malformed host")
	}
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return target{}, fmt.Errorf("port %q is not within 1-65535", port)
		}
	}
	if u.Host, err = asciiHost(u.Host); err != nil {
		return target{}, err
	}
	return target{url: u}, nil
}

// escapeQuery escapes what url.Parse lets pass in a query though it is none (RFC
// 3986 §3.4) and would end the request line's target early: what browsers escape.
func escapeQuery(query string) string {
	var b strings.Builder
	for i := range len(query) {
		if c := query[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"<>`, c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// unixTarget takes apart what stands in the path: the socket's path, up to a
// colon, and the resource.
func unixTarget(u *url.URL, scheme string) (target, error) {
	socket, resource, _ := strings.Cut(u.EscapedPath(), ":")
	if u.Host != "" || !strings.HasPrefix(socket, "/") {
		return target{}, fmt.Errorf("the path of a socket must be absolute, as in %s:///run/socket:/path", u.Scheme)
	}
	socket, err := url.PathUnescape(socket)
	if err != nil || strings.ContainsRune(socket, 0) {
		return target{}, errors.New("malformed path of a socket")
	}
	if resource != "" && !strings.HasPrefix(resource, "/") {
		return target{}, fmt.Errorf("the resource behind the socket must begin with a slash, as in %s:///run/socket:/path", u.Scheme)
	}
	v := &url.URL{Scheme: scheme, Host: "localhost", User: u.User, RawQuery: u.RawQuery, ForceQuery: u.ForceQuery, RawPath: resource}
	if v.Path, err = url.PathUnescape(resource); err != nil {
		return target{}, errors.New("malformed URL")
	}
	return target{url: v, socket: socket}, nil
}

// asciiHost is how a host goes into a request and to a resolver (RFC 5891 §5).
func asciiHost(host string) (string, error) {
	for i := range len(host) {
		if host[i] < 0x80 {
			continue
		}
		if host[0] == '[' {
			return "", errors.New("IPv6 address that is not ASCII")
		}
		name, port, _ := strings.Cut(host, ":")
		name, err := idna.Lookup.ToASCII(name)
		if err != nil {
			return "", fmt.Errorf("host: %w", err)
		}
		if port != "" {
			return net.JoinHostPort(name, port), nil
		}
		return name, nil
	}
	return host, nil
}

// addr is host and port to connect to.
func (t target) addr() string {
	port := t.url.Port()
	if port == "" {
		port = map[string]string{"ws": "80", "wss": "443"}[t.url.Scheme]
	}
	return net.JoinHostPort(t.url.Hostname(), port)
}

// http is the URL as cookie jars and redirects know it.
func (t target) http() *url.URL {
	u := *t.url
	u.Scheme = map[string]string{"ws": "http", "wss": "https"}[u.Scheme]
	return &u
}

// redact leaves out what must not go into messages and logs: the password, and the
// query, in which tokens are.
func redact(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "URL" // there may be a password in what cannot be parsed
	}
	if u.RawQuery != "" {
		u.RawQuery = "…"
	}
	u.Fragment, u.RawFragment = "", ""
	return u.Redacted()
}

// errNoScheme is for what is an address rather than a URL.
func errNoScheme(rawURL string) error {
	host, rest := strings.TrimPrefix(rawURL, "//"), ""
	if i := strings.IndexAny(host, "/?#"); i >= 0 {
		host, rest = host[:i], host[i:]
	}
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		rest = rest[:i] // where tokens are
	}
	return fmt.Errorf("scheme is missing: write ws://%[1]s%[2]s, or wss://%[1]s%[2]s for TLS", host, rest)
}

// hasScheme reports whether a URL has a scheme rather than a host in front of a port.
func hasScheme(u *url.URL) bool {
	if u.Scheme == "" || strings.Contains(u.Scheme, ".") {
		return false
	}
	port, _, _ := strings.Cut(u.Opaque, "/")
	_, err := strconv.ParseUint(port, 10, 16)
	return err != nil // as in localhost:8080
}
