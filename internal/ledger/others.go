package ledger

// others holds the requirements of close codes registered with IANA, TLS, cookies, subprotocols, and the interface of browsers.
var others = []Requirement{
	{"IANA-CLOSE-1012", "IANA close codes", May, Both, Wire, "1012, the service restarts, may be sent: IANA has registered it."},
	{"IANA-CLOSE-1013", "IANA close codes", May, Both, Wire, "1013, try again later, may be sent: IANA has registered it."},
	{"IANA-CLOSE-1014", "IANA close codes", May, Both, Wire, "1014, a gateway got a bad response, may be sent: IANA has registered it."},
	{"IANA-CLOSE-3000-3999-registered", "IANA close codes", May, Both, Wire, "Any code from 3000 to 3999 is taken, registered (such as 3000, 3003, 3008) or not."},
	{"IANA-CLOSE-5000-up", "IANA close codes", ShouldNot, Both, Wire, "Codes from 5000 on have no range, and no RFC says what they mean."},
	{"RFC7936-2-case-sensitive", "RFC 7936 2", Must, Both, Wire, "Names of subprotocols are compared with regard to case."},
	{"RFC8307-1-well-known", "RFC 8307 1", May, Server, Wire, "A ws or wss URI may have a path under /.well-known/."},
	{"RFC6066-3-sni-authority", "RFC 6066 3", ShouldNot, Client, Wire, "The host of a request is the one that SNI named."},
	{"RFC6066-3-no-ip", "RFC 6066 3", MustNot, Client, Wire, "SNI holds no IP address."},
	{"RFC7301-3.2-no-overlap", "RFC 7301 3.2", Must, Server, Wire, "A server that shares no ALPN protocol with the client sends the alert no_application_protocol."},
	{"RFC7301-3.2-h2-only", "RFC 7301 3.2", Should, Both, Wire, "Once ALPN has chosen h2, neither side tries the upgrade of HTTP/1.1."},
	{"RFC6265-5.4-cookie", "RFC 6265 5.4", MustNot, Client, Wire, "A client sends one Cookie field at most."},
	{"WHATWG-WS-url-scheme", "WHATWG WebSockets", Must, Client, API, "A URL whose scheme is not ws, wss, http or https throws a SyntaxError."},
	{"WHATWG-WS-protocols-invalid", "WHATWG WebSockets", Must, Client, API, "A subprotocol that is no token or comes twice throws a SyntaxError."},
	{"WHATWG-WS-close-code-range", "WHATWG WebSockets", Must, Client, API, "close takes the code 1000 or one from 3000 to 4999."},
	{"WHATWG-WS-close-reason-123", "WHATWG WebSockets", Must, Client, API, "close takes a reason of at most 123 bytes in UTF-8."},
	{"WHATWG-WS-close-no-body", "WHATWG WebSockets", Must, Client, Wire, "Calling close with no code leaves the body of the close frame empty."},
	{"WHATWG-WS-redirect-error", "WHATWG WebSockets", Must, Client, Wire, "A redirect fails the connection; it is never followed."},
	{"WHATWG-WS-subprotocol-required", "WHATWG WebSockets", Must, Client, Wire, "A client that offered subprotocols fails a connection whose response names none."},
	{"WHATWG-WS-no-failure-detail", "WHATWG WebSockets", MustNot, Client, API, "A script learns no more of a failure than 1006."},
	{"WHATWG-WS-buffered-after-close", "WHATWG WebSockets", Must, Client, API, "send after close sends nothing, and adds to bufferedAmount."},
}
