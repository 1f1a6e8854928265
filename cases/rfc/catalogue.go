// Package rfc holds the cases that the Autobahn testsuite does not have: one file per topic,
// one literal per case. Start reading at [All], then at a topic, such as masking.go; what
// several cases want, such as failed, is in shared.go.
//
// A case names only what differs from the standard handshake and an empty script. What it
// wants is a list of grades and checks. To add a case, write its literal in the file of its
// topic: its sections follow from its requirements, and its checks say what is expected.
package rfc

import (
	"slices"
	"strings"
	"sync"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/ledger"
)

// All returns the cases, in the order of [cases.ID.Compare]. The slices are the
// caller's own.
func All() []cases.Case {
	list := slices.Clone(catalogue())
	for i, c := range list {
		list[i] = c.Clone()
	}
	return list
}

var catalogue = sync.OnceValue(func() []cases.Case {
	list := slices.Concat(handshake(), unusual(), http(), negotiation(), masking(), framing(), closing(), sent(), deflate(), timing(), origin(), urls(), limits(), recommended(), secure(), secureClients(), controlled(), gateway(), http2Servers(), http2Clients(), http3())
	for i := range list {
		c := &list[i]
		c.Suite = cases.RFC
		c.RFC = sections(c.Requirements)
		if c.For(cases.Gateway) {
			c.Want = c.Conns[0].Want
			c.Expect = strings.ReplaceAll("at the client, "+c.WantOf(0).String()+"; at the origin, "+c.WantOf(1).String(), "\n", "; ")
		}
		if c.Expect == "" {
			c.Expect = strings.ReplaceAll(c.Want.String(), "\n", "; ")
		}
	}
	slices.SortFunc(list, func(a, b cases.Case) int { return a.ID.Compare(b.ID) })
	return list
})

// sections are those that ask for the requirements, each once.
func sections(requirements []string) []string {
	var list []string
	for _, id := range requirements {
		if r, ok := ledger.Find(id); ok && !slices.Contains(list, r.Ref) {
			list = append(list, r.Ref)
		}
	}
	return list
}

// Find returns the case with this id.
func Find(id cases.ID) (cases.Case, bool) {
	list := catalogue()
	i := slices.IndexFunc(list, func(c cases.Case) bool { return c.ID == id })
	if i < 0 {
		return cases.Case{}, false
	}
	return list[i].Clone(), true
}

// Sections returns the chapters, each before its sub-chapters.
func Sections() []cases.Section {
	return []cases.Section{
		{
			ID: "A", Title: "What a library lets its program do",
			Why: "A program passes on what it is given. The library is the last that can keep a reserved code or a stray line off the wire.",
		},
		{ID: "A.1", Title: "Control messages"},
		{
			ID: "C", Title: "Closing",
			Why: "The closing handshake tells both sides that nothing was lost. Without it connections hang, leak, or end with the wrong reason.",
		},
		{ID: "C.1", Title: "The end of a connection"},
		{ID: "C.2", Title: "What a peer sends"},
		{ID: "D", Title: "permessage-deflate"},
		{
			ID: "D.1", Title: "Negotiation by a server",
			Why: "Browsers offer compression in several ways. A server that misreads an offer refuses them, or compresses in a way they cannot read.",
		},
		{
			ID: "D.2", Title: "Negotiation by a client",
			Why: "A client that accepts what it never offered cannot decompress what follows, or decompresses without limit.",
		},
		{
			ID: "D.3", Title: "Compressed messages",
			Why: "Compressed messages share a window. One mistake garbles every message behind it.",
		},
		{
			ID: "D.4", Title: "Errors under compression",
			Why: "Compressed data comes from strangers. A decompressor that goes on after an error delivers garbage, or crashes.",
		},
		{ID: "F", Title: "Framing"},
		{
			ID: "F.1", Title: "Lengths and fragments",
			Why: "Lengths are numbers that an attacker picks. Wrapped, negative or oversized ones have crashed servers and read past buffers.",
		},
		{
			ID: "F.2", Title: "Text",
			Why: "Text that is not UTF-8 breaks whatever parses it next. Text that is, and is refused, loses users' messages.",
		},
		{ID: "G", Title: "Gateways"},
		{
			ID: "G.1", Title: "The request on its way to the origin",
			Why: "A gateway that loses or rewrites a field of the handshake breaks applications that work without it: no login, no subprotocol, a refused upgrade. One that forwards what is about a single connection lets clients act on its own connection to the origin.",
		},
		{
			ID: "G.2", Title: "Responses that open a connection",
			Why: "A gateway that repairs or accepts a wrong 101 hides from the client that the origin has not switched. What follows is then read as frames by one side and as something else by the other.",
		},
		{
			ID: "G.3", Title: "Responses that open none",
			Why: "Clients act on the status of a refusal: they log in, follow a redirect, or wait. A gateway that turns it into another one leaves users with an error that says nothing.",
		},
		{
			ID: "G.4", Title: "Frames",
			Why: "Lost, repeated or reordered frames are the trouble that users of gateways report most, above all at the moment of the upgrade. They cannot be told from faults of the application.",
		},
		{
			ID: "G.5", Title: "The end of a connection",
			Why: "An application decides by the close code and by how TCP ends whether to connect again. A gateway that changes them causes storms of new connections, or none at all.",
		},
		{
			ID: "G.6", Title: "Requests behind others",
			Why: "A gateway that becomes a tunnel too early hands the origin requests that it has never seen. This got past access rules of several gateways in 2019 and since.",
		},
		{
			ID: "G.7", Title: "Load and silence",
			Why: "A gateway serves many clients at once, fast and slow ones. Where it keeps what a slow one does not take, a few of them cost all of its memory; where it ends what is silent, applications lose messages unless they send pings.",
		},
		{ID: "H", Title: "Opening handshake"},
		{
			ID: "H.1", Title: "The request",
			Why: "A server that accepts malformed requests can be reached by ordinary web requests, which lets other sites' pages talk to it. One that refuses legal requests shuts real browsers and proxies out.",
		},
		{
			ID: "H.2", Title: "The response",
			Why: "A client that accepts malformed responses can be fooled by a server that does not speak WebSocket at all. One that refuses legal responses cannot connect through real proxies.",
		},
		{
			ID: "H.3", Title: "The request target",
			Why: "Servers route by the request target. One that misreads it serves the wrong resource, or none.",
		},
		{
			ID: "H.4", Title: "Unusual forms",
			Why: "Browsers, proxies and servers write the same handshake in many forms. A peer that knows only the form of its own library cannot connect to others.",
		},
		{
			ID: "H2", Title: "WebSocket over HTTP/2",
			Why: "Browsers open WebSockets over HTTP/2 by default where a server announces them. A server that gets a stream wrong fails its users at random, and one that ends the connection takes every other request with it.",
		},
		{ID: "H2.1", Title: "A server"},
		{ID: "H2.2", Title: "A client"},
		{
			ID: "H3", Title: "WebSocket over HTTP/3",
			Why: "HTTP/3 takes over the rules of HTTP/2 for WebSockets, and has other names and numbers for the ends of streams. A peer that mixes them up cuts connections that others closed in order.",
		},
		{ID: "H3.1", Title: "A server"},
		{ID: "H3.2", Title: "A client"},
		{
			ID: "L", Title: "Limits",
			Why: "Every limit that is missing lets one peer use up the memory or processor of another.",
		},
		{ID: "L.1", Title: "Heads and connections"},
		{ID: "L.2", Title: "Frames and messages"},
		{ID: "L.3", Title: "Limits that are recommended, and ends without one"},
		{ID: "M", Title: "Masking"},
		{
			ID: "M.1", Title: "Frames of a client",
			Why: "Masks keep a page's bytes from looking like HTTP to a proxy. A server that does without them allows its cache to be poisoned.",
		},
		{
			ID: "M.2", Title: "Frames of a server",
			Why: "A client with weak or missing masks lets a page write chosen bytes to a proxy, and so poison its cache.",
		},
		{
			ID: "O", Title: "Origin, cookies and the URL",
			Why: "Browsers send the page's origin. A server that ignores it can be used by any page in the name of its visitor.",
		},
		{ID: "O.1", Title: "What a server takes"},
		{ID: "O.2", Title: "What a client sends"},
		{ID: "P", Title: "Subprotocols and extensions"},
		{
			ID: "P.1", Title: "The choice of a server",
			Why: "A subprotocol decides what messages mean. If the two sides disagree about it, every message is misread.",
		},
		{
			ID: "P.2", Title: "What a client takes",
			Why: "A client that accepts a subprotocol it never offered misreads every message.",
		},
		{
			ID: "P.3", Title: "Extensions that a server takes",
			Why: "A server that misreads the list of extensions loses compression, refuses its clients, or crashes.",
		},
		{
			ID: "P.4", Title: "Extensions that a client takes",
			Why: "A client that accepts an extension it never offered misreads every frame.",
		},
		{
			ID: "S", Title: "TLS",
			Why: "TLS proves who the other side is. An endpoint that does not check it talks to anyone.",
		},
		{ID: "S.1", Title: "A server"},
		{ID: "S.2", Title: "A client"},
		{
			ID: "T", Title: "Timing and segmentation",
			Why: "TCP cuts and joins bytes anywhere. A peer that takes a read for a frame fails at random in production.",
		},
		{ID: "T.1", Title: "What comes when"},
		{ID: "X", Title: "HTTP"},
		{
			ID: "X.1", Title: "Requests",
			Why: "If a proxy and a server read the same bytes differently, a request can be smuggled past the proxy's checks.",
		},
		{
			ID: "X.2", Title: "Responses",
			Why: "Anything may answer a WebSocket request: proxies, login pages, plain web servers. A client must not take that for a WebSocket.",
		},
	}
}
