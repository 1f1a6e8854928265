package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// open opens a connection over HTTP/1.1 as a program would. If that fails, it looks for
// a subprotocol and a path with which it works.
func (e *examination) open(ctx context.Context) bool {
	c, err := e.connect(ctx, e.options())
	if err == nil {
		defer c.CloseNow()
		saw := "101 Switching Protocols over HTTP/1.1"
		if server := c.Handshake().Header.Get("Server"); server != "" {
			saw += ", by " + server
		}
		e.found(Finding{Topic: Opening, State: OK, Saw: saw})
		e.between(c.Handshake().Header)
		return true
	}
	f := Finding{Topic: Opening, State: Fault, Saw: err.Error()}
	target := e.target
	target.TLS = e.tlsConfig("http/1.1")
	if d, _ := target.DiagnoseOpening(ctx); d != nil {
		f.Saw, f.Advice = d.Saw, d.Advice
	}
	status := 0
	if h, ok := errors.AsType[*ws.HandshakeError](err); ok {
		status = h.Status
		if want := h.Header.Get("WWW-Authenticate"); want != "" {
			f.Saw += ", and wants " + want
		}
		if by := gatewayOf(h.Header); by != "" && upgradeLost(status, h) {
			f.Advice = fmt.Sprintf("the answer comes through %s, which may not pass Upgrade and Connection on: configure it for WebSockets (nginx: proxy_http_version 1.1, proxy_set_header Upgrade $http_upgrade, proxy_set_header Connection upgrade)", by)
		}
		f.Saw += e.spotted(h)
	}
	if works := e.elsewhere(ctx, status); works != "" {
		f.Advice = works
	}
	e.found(f)
	return false
}

// spotted names what a client told the server, so that one sees whether a token was sent.
func (e *examination) spotted(h *ws.HandshakeError) string {
	if h.Status != http.StatusUnauthorized && h.Status != http.StatusForbidden {
		return ""
	}
	var sent []string
	for _, name := range []string{"Authorization", "Cookie", "Origin"} {
		if e.target.Header.Get(name) != "" {
			sent = append(sent, name)
		}
	}
	switch {
	case len(sent) > 0:
		return "; the request had " + strings.Join(sent, ", ")
	case e.target.URL.RawQuery != "":
		return "; the request had a query, and neither Authorization nor Cookie"
	}
	return "; the request had neither Authorization nor Cookie"
}

// gatewayOf names the proxy that a response came through, if it says so.
func gatewayOf(h http.Header) string {
	if via := h.Get("Via"); via != "" {
		return via
	}
	server := h.Get("Server")
	for _, name := range []string{"nginx", "openresty", "envoy", "istio", "haproxy", "traefik", "caddy", "varnish", "squid", "cloudflare", "awselb", "apache", "lighttpd", "litespeed"} {
		if strings.Contains(strings.ToLower(server), name) {
			return server
		}
	}
	return ""
}

// upgradeLost reports whether a response looks as if its sender never saw that a
// WebSocket was wanted.
func upgradeLost(status int, h *ws.HandshakeError) bool {
	body := strings.ToLower(string(h.Body))
	return status == http.StatusUpgradeRequired || status == http.StatusHTTPVersionNotSupported ||
		status == http.StatusBadRequest && (strings.Contains(body, "upgrade") || strings.Contains(body, "websocket"))
}

// commonPaths are where servers usually have their WebSocket endpoint.
var commonPaths = []string{"/ws", "/websocket", "/socket", "/"}

// commonSubprotocols are those that a server may insist on.
var commonSubprotocols = []string{"graphql-transport-ws", "graphql-ws", "mqtt", "v12.stomp", "wamp.2.json", "ocpp1.6", "ocpp2.0.1", "sip", "xmpp", "chat", "json"}

// elsewhere looks for what opens a connection where the URL as it is does not: another
// path, after a status that may be about the path, or a subprotocol.
func (e *examination) elsewhere(ctx context.Context, status int) (advice string) {
	switch status {
	case http.StatusOK, http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusUpgradeRequired:
	default:
		return ""
	}
	if len(e.target.Subprotocols) == 0 && status != http.StatusNotFound {
		o := e.options()
		o.Subprotocols = commonSubprotocols
		if c, err := e.connect(ctx, o); err == nil {
			defer c.CloseNow()
			if chosen := c.Subprotocol(); chosen != "" {
				return fmt.Sprintf("it wants a subprotocol: offered common ones, it opens the connection with %s; use --subprotocol %s", chosen, chosen)
			}
		}
	}
	for _, path := range commonPaths {
		u := *e.target.URL
		if u.Path == path || u.Path == "" && path == "/" {
			continue
		}
		u.Path, u.RawPath = path, ""
		if c, err := ws.Dial(ctx, u.String(), e.options()); err == nil {
			c.CloseNow()
			return fmt.Sprintf("it is the path: a connection opens at %s", u.String())
		}
	}
	return ""
}

// subprotocol looks at which subprotocol the server takes.
func (e *examination) subprotocol(ctx context.Context) {
	own := e.target.Subprotocols
	offer := own
	if len(own) == 0 {
		offer = commonSubprotocols
	}
	o := e.options()
	o.Subprotocols = offer
	c, err := e.connect(ctx, o)
	if err != nil {
		e.found(Finding{Topic: Subprotocol, State: Warning, Saw: "offered subprotocols, it does not open a connection: " + refusal(err), Advice: "a server that knows none of those that are offered may leave the field out and go on (RFC 6455 section 4.2.2)"})
		return
	}
	defer c.CloseNow()
	switch chosen := c.Subprotocol(); {
	case chosen != "" && len(own) > 0:
		e.found(Finding{Topic: Subprotocol, State: OK, Saw: fmt.Sprintf("it takes %s of those offered", chosen)})
	case chosen != "":
		e.found(Finding{Topic: Subprotocol, State: Note, Saw: fmt.Sprintf("of common ones it takes %s", chosen)})
	case len(own) > 0:
		e.found(Finding{
			Topic: Subprotocol, State: Fault, Rule: "WHATWG WebSockets, establish a connection",
			Saw:    "it takes none of the subprotocols offered: " + strings.Join(own, ", "),
			Advice: "browsers fail the connection then: offer what the server supports, or offer nothing",
		})
		e.pagesFail("want one of the subprotocols offered")
	default:
		e.found(Finding{Topic: Subprotocol, State: OK, Saw: "it takes none of the common ones, and opens the connection all the same"})
	}
}

// compression looks at which parameters of permessage-deflate the server agrees to: with
// what Chromium offers, and with limits (RFC 7692 §7).
func (e *examination) compression(ctx context.Context) {
	agreed := func(offer wsproto.DeflateParams) (string, error) {
		o := e.options()
		o.Deflate = &ws.Deflate{Offers: []wsproto.DeflateParams{offer}}
		c, err := e.connect(ctx, o)
		if err != nil {
			return "", err
		}
		defer c.CloseNow()
		return strings.Join(c.Handshake().Header["Sec-Websocket-Extensions"], ", "), nil
	}
	usual, err := agreed(wsproto.DeflateParams{ClientMaxWindowBits: wsproto.AnyWindowBits})
	if err != nil {
		e.found(Finding{Topic: Compression, State: Fault, Rule: "RFC 6455 section 9.1", Saw: "offered compression, it does not open a valid connection: " + refusal(err), Advice: "a server that does not compress leaves the offer unanswered"})
		return
	}
	if usual == "" {
		e.found(Finding{Topic: Compression, State: Note, Saw: "it does not compress"})
		return
	}
	e.found(Finding{Topic: Compression, State: OK, Saw: "offered what Chromium offers, it answers " + usual})
	limited, err := agreed(wsproto.DeflateParams{ServerNoContextTakeover: true, ClientNoContextTakeover: true, ServerMaxWindowBits: 10, ClientMaxWindowBits: 10})
	switch {
	case err != nil:
		e.found(Finding{Topic: Compression, State: Fault, Rule: "RFC 7692 section 7.1", Saw: "asked for small windows without context takeover, it gives no valid answer: " + refusal(err)})
	case limited == "":
		e.found(Finding{Topic: Compression, State: Note, Saw: "asked for windows of 1 KiB without context takeover, it does not compress", Advice: "clients with little memory get no compression"})
	default:
		e.found(Finding{Topic: Compression, State: OK, Saw: "asked for windows of 1 KiB without context takeover, it answers " + limited})
	}
}

// foreign is the origin of no page.
const foreign = "https://doctor.invalid"

// origin looks at whether pages of other sites get in, and whether its own do.
func (e *examination) origin(ctx context.Context) {
	if e.target.Header.Get("Origin") != "" {
		e.found(Finding{Topic: Origin, State: Note, Saw: "not tried, since you give an Origin"})
		return
	}
	enters := func(origin string) error {
		o := e.options()
		o.Header.Set("Origin", origin)
		c, err := e.connect(ctx, o)
		if err == nil {
			c.CloseNow()
		}
		return err
	}
	own := strings.Replace(e.target.URL.Scheme, "ws", "http", 1) + "://" + e.target.URL.Host
	switch other, same := enters(foreign), enters(own); {
	case other == nil && slices.ContainsFunc([]string{"Cookie", "Authorization"}, func(name string) bool { return e.target.Header.Get(name) != "" }):
		e.found(Finding{Topic: Origin, State: Warning, Rule: "RFC 6455 section 10.2", Saw: "a page of any site gets in, with the credentials of this request", Advice: "if browsers send these by themselves, as they do with cookies, check Origin on the server"})
	case other == nil:
		e.found(Finding{Topic: Origin, State: Note, Rule: "RFC 6455 section 10.2", Saw: "a page of any site gets in", Advice: "check Origin on the server if it trusts cookies or the visitor's network"})
	case same != nil:
		e.found(Finding{Topic: Origin, State: Warning, Saw: fmt.Sprintf("pages of %s and of other sites are both turned away: %s", own, refusal(same)), Advice: "if pages use it, which site are they of? Try it with -H 'Origin: https://SITE'"})
		e.pagesFail("always send Origin, which is turned away")
	default:
		e.found(Finding{Topic: Origin, State: OK, Saw: fmt.Sprintf("pages of %s get in, those of other sites do not: %s", own, refusal(other))})
	}
}
