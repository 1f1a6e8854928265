package rfc

import "github.com/wsconform/wsconform/cases"

// http is X: the request as a message of HTTP/1.1.
var http = []cases.Case{
	{
		ID: "X.1.1", Title: "a POST with every field of an opening handshake", Roles: onlyServers,
		Requirements: []string{"RFC6455-4.2.1-get-1.1", "RFC9110-15.5.6-405"},
		Conns:        []cases.Conn{{Head: cases.Head{cases.Start("POST {target} HTTP/1.1"), cases.Add("Content-Length", "0")}}, survived},
		Want:         refused,
	},
	{
		ID: "X.1.3", Title: "the method in lower case", Roles: onlyServers,
		Requirements: []string{"RFC6455-4.2.1-get-1.1", "RFC6455-4.2.1-reject-malformed"},
		Conns:        []cases.Conn{{Head: cases.Head{cases.Start("get {target} HTTP/1.1")}}, survived},
		Want:         refused,
	},
	{
		ID: "X.1.6", Title: "a request without Host", Roles: onlyServers,
		Requirements: []string{"RFC9112-3.2-host-400", "RFC6455-4.2.1-host"},
		Conns:        []cases.Conn{{Head: cases.Head{cases.Without("Host")}}, survived},
		Want:         refused,
	},
	{
		ID: "X.1.9", Title: "a blank before the colon of Upgrade", Roles: onlyServers,
		Requirements: []string{"RFC9112-5.1-ws-colon"},
		Conns:        []cases.Conn{{Head: cases.Head{cases.Without("Upgrade"), cases.Line("Upgrade : websocket")}}, survived},
		Want:         refused,
	},
}
