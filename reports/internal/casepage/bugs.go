package casepage

import "github.com/wsconform/wsconform/cases"

// A Bug is one that a library had in a release, and that a case finds.
type Bug struct {
	Library string     `json:"library"`
	Buggy   string     `json:"buggy"` // a version with it
	Fixed   string     `json:"fixed"` // and one without
	Role    string     `json:"role"`
	What    string     `json:"what"` // it did, a sentence
	Source  string     `json:"source"`
	Cases   []cases.ID `json:"-"`
}

// Bugs lists them. Both versions were played against the cases: the buggy one does not
// pass them, the fixed one does.
var Bugs = []Bug{
	{
		"ws", "3.3.0", "3.3.1", "server", "An extension named constructor, which every JavaScript object inherits, ended the process.",
		"websockets/ws commit c4fe4660",
		[]cases.ID{"P.3.4"},
	},
	{"ws", "7.2.1", "7.2.2", "server", "It echoed frames without a mask.", "websockets/ws#1681", []cases.ID{"M.1.1"}},
	{"ws", "6.1.2", "6.1.3", "server", "A close frame that came in several TCP segments was never answered.", "websockets/ws#1494", []cases.ID{"C.1.27"}},
	{"ws", "8.18.2", "8.18.3", "server", "It refused an unknown version without listing those it speaks.", "websockets/ws#2291", []cases.ID{"H.1.13"}},
	{"ws", "7.2.1", "7.2.2", "server", "It refused the registered close code 1014.", "websockets/ws#1682", []cases.ID{"C.1.9"}},
	{"ws", "8.6.0", "8.7.0", "client", "It did not look at Upgrade in the response.", "websockets/ws commit 0fdcc0af", []cases.ID{"H.2.12"}},
	{"undici", "6.15.0", "6.16.0", "client", "A close reason that is not UTF-8 ended the process.", "nodejs/undici#3206", []cases.ID{"7.5.1"}},
	{"undici", "6.16.0", "6.17.0", "client", "An empty fragment ended a message early, and a continuation of nothing was delivered.", "nodejs/undici#3247", []cases.ID{"5.9"}},
	{"aiohttp", "3.13.5", "3.14.0", "server", "It found upgrade inside the word notupgrade.", "aio-libs/aiohttp#12723", []cases.ID{"H.1.26"}},
	{
		"aiohttp", "3.14.1", "3.14.2", "server", "A ping between the fragments of a compressed message made it forget that the message is compressed.",
		"aio-libs/aiohttp#12988",
		[]cases.ID{"D.3.12"},
	},
	{"aiohttp", "3.14.1", "3.14.2", "client", "It inflated frames with RSV1 though no compression was agreed.", "aio-libs/aiohttp#12976", []cases.ID{"D.2.11"}},
	{"gorilla/websocket", "1.4.2", "1.5.0", "client", "It refused a response with Connection: keep-alive, Upgrade.", "gorilla/websocket#604", []cases.ID{"H.2.14"}},
	{"nhooyr.io/websocket", "1.8.1", "1.8.2", "server", "It refused Connection: keep-alive, Upgrade, which Firefox sends.", "coder/websocket#189", []cases.ID{"H.1.23"}},
	{"nhooyr.io/websocket", "1.8.7", "1.8.10", "server", "It accepted keys that are not 16 bytes in base64.", "coder/websocket commit 1a344a4", []cases.ID{"H.1.5"}},
	{"nhooyr.io/websocket", "1.8.7", "1.8.10", "server", "It refused a client whose second offer of compression it could have accepted.", "coder/websocket#258", []cases.ID{"D.1.6"}},
	{"websockets", "4.0.1", "5.0", "server", "It inflated a small message to 64 MiB, whatever its limit.", "CVE-2018-1000518", []cases.ID{"D.4.11"}},
	{"websockets", "16.0", "16.1", "server", "It accepted RSV1 on the second fragment of a compressed message.", "websockets changelog 16.1", []cases.ID{"D.4.2"}},
	{"websockets", "13.1", "14.0", "server", "It closed with 1011 where text was not UTF-8.", "websockets changelog 14.0", []cases.ID{"F.2.2"}},
	{"wsproto", "1.1.0", "1.2.0", "server", "A second Sec-WebSocket-Extensions line replaced the first.", "wsproto changelog 1.2.0", []cases.ID{"P.3.6"}},
	{"undici", "6.6.2", "6.7.0", "client", "It refused the second of the subprotocols that it had offered.", "nodejs/undici#2845", []cases.ID{"P.2.8"}},
	{"tungstenite", "0.20.0", "0.20.1", "server", "It searched a header without an end from its start at each piece that came.", "CVE-2023-43669", []cases.ID{"L.1.3"}},
	{"Java-WebSocket", "1.5.1", "1.5.2", "server", "It accepted a request without a key.", "TooTallNate/Java-WebSocket#1053", []cases.ID{"H.1.3"}},
	{"ws", "1.1.0", "1.1.1", "server", "It had no limit for messages unless one was set.", "CVE-2016-10542", []cases.ID{"L.3.1"}},
	{"ws", "8.21.0", "8.21.1", "server", "It did not count fragments without payload, so a message could have any number of them.", "websockets/ws#2329", []cases.ID{"L.3.2"}},
	{"Tomcat", "9.0.36", "9.0.37", "server", "It read a length with its top bit set as negative, and handed out empty parts without end.", "CVE-2020-13935", []cases.ID{"F.1.4"}},
	{"trio-websocket", "0.9.1", "0.9.2", "server", "It left TCP open after the closing handshake.", "python-trio/trio-websocket#115", []cases.ID{"C.1.3"}},
}
