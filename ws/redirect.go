package ws

import (
	"fmt"
	"net/http"
	"strings"
)

// redirects reports whether the response asks to go elsewhere (RFC 9110 §15.4).
func (e *HandshakeError) redirects() bool {
	switch e.Status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return e.Header.Get("Location") != ""
	}
	return false
}

// follow returns where a redirect leads and what to say there. A redirect that
// must not be followed is the error, with the reason.
func (o *DialOptions) follow(from target, response *HandshakeError) (*DialOptions, target, error) {
	refuse := func(reason string) (*DialOptions, target, error) {
		response.Reason = reason
		return nil, target{}, response
	}
	location := response.Header.Get("Location")
	u, err := from.http().Parse(location)
	if err != nil {
		return refuse("redirected to a malformed URL")
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "ws":
		u.Scheme = "ws"
	case "https", "wss":
		u.Scheme = "wss"
	default:
		return refuse(fmt.Sprintf("redirected to scheme %q", u.Scheme))
	}
	u.Fragment, u.RawFragment = "", "" // for documents (RFC 9110 §10.2.2)
	to, err := parseTarget(u.String())
	if err != nil {
		return refuse("redirected: " + err.Error())
	}
	if from.url.Scheme == "wss" && to.url.Scheme == "ws" {
		return refuse("redirected from wss to ws")
	}
	if !sameHost(from, to) {
		return o.withoutCredentials(), to, nil
	}
	to.socket = from.socket
	if to.url.User == nil {
		to.url.User = from.url.User
	}
	return o, to, nil
}

// sameHost reports whether credentials for one are good for the other: the same
// host and port, or the same host by TLS where it was without.
func sameHost(from, to target) bool {
	if !strings.EqualFold(from.url.Hostname(), to.url.Hostname()) {
		return false
	}
	if from.socket != "" {
		return from.url.Scheme == to.url.Scheme && to.url.Port() == ""
	}
	return strings.EqualFold(from.addr(), to.addr()) || from.url.Scheme == "ws" && to.url.Scheme == "wss"
}

// withoutCredentials leaves out what is meant for one server. The cookie jar
// stays, since it knows whose each cookie is.
func (o *DialOptions) withoutCredentials() *DialOptions {
	bare := *o
	bare.Header = o.Header.Clone()
	for name := range bare.Header {
		switch http.CanonicalHeaderKey(name) {
		case "Authorization", "Cookie", "Host", "Proxy-Authorization":
			delete(bare.Header, name)
		}
	}
	if o.TLS != nil {
		bare.TLS = o.TLS.Clone()
		bare.TLS.ServerName = ""
		bare.TLS.Certificates = nil
		bare.TLS.GetClientCertificate = nil
	}
	return &bare
}
