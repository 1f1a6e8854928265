package ws

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxOrigin is more than a scheme, a host name of 253 bytes and a port take. It
// bounds the work of matching stars.
const maxOrigin = 512

// allowsOrigin is RFC 6455 §10.2. Browsers send an Origin, and pages cannot change
// it.
func (o *AcceptOptions) allowsOrigin(r *http.Request) bool {
	values := r.Header["Origin"]
	if len(values) == 0 {
		return true
	}
	if len(values) > 1 {
		return false
	}
	if len(values[0]) > maxOrigin && !slices.Contains(o.Origins, "*") {
		return false
	}
	origin := strings.ToLower(values[0])
	if o.Origins == nil {
		u, err := url.Parse(origin)
		return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
	}
	for _, pattern := range o.Origins {
		if matchOrigin(strings.ToLower(pattern), origin) {
			return true
		}
	}
	return false
}

// checkOrigin reports a pattern that matches no origin (RFC 6454 §6.1).
func checkOrigin(pattern string) error {
	if pattern == "*" || pattern == "null" {
		return nil
	}
	scheme, host, ok := strings.Cut(pattern, "://")
	if !ok {
		scheme, host = "any", pattern
	}
	switch {
	case scheme == "" || host == "":
		return fmt.Errorf("origin %q: scheme or host is missing", pattern)
	case strings.ContainsAny(host, "/?#@") || strings.Contains(scheme, "/"):
		return fmt.Errorf("origin %q: an origin is a scheme, a host and a port, without a path", pattern)
	case strings.ContainsFunc(pattern, func(c rune) bool { return c <= ' ' || c >= 0x7F }):
		return fmt.Errorf("origin %q: only ASCII without blanks matches; write a host in its xn-- form", pattern)
	}
	return nil
}

func matchOrigin(pattern, origin string) bool {
	if pattern == "*" {
		return true
	}
	if !strings.Contains(pattern, "://") && pattern != "null" {
		_, host, ok := strings.Cut(origin, "://")
		return ok && matchStars(pattern, host)
	}
	return matchStars(pattern, origin)
}

// matchStars matches with stars for any run of characters but colon and slash.
func matchStars(pattern, s string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	s, ok := strings.CutPrefix(s, head)
	if !ok || !star {
		return ok && s == ""
	}
	for i := 0; ; i++ {
		if matchStars(rest, s[i:]) {
			return true
		}
		if i == len(s) || s[i] == ':' || s[i] == '/' {
			return false
		}
	}
}
