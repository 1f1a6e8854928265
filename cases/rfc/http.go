package rfc

import "github.com/wsconform/wsconform/cases"

// http is X: the request as a message of HTTP/1.1.
var http = []cases.Case{
	{
		ID: "X.1.9", Title: "a blank before the colon of Upgrade", Roles: onlyServers,
		Requirements: []string{"RFC9112-5.1-ws-colon"},
		Conns:        []cases.Conn{{Head: cases.Head{cases.Without("Upgrade"), cases.Line("Upgrade : websocket")}}, survived},
		Want:         refused,
	},
}
