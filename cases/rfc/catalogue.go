// Package rfc holds cases that the Autobahn testsuite does not have: one file per topic,
// one literal per case. A case names only what differs from the standard handshake
// and an empty script; what it wants is a list of grades and checks.
//
// To add a case, write its literal in the file of its topic. Its sections follow
// from its requirements, and what it expects is said by its checks.
package rfc

import (
	"slices"
	"strings"
	"sync"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/ledger"
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
	list := slices.Concat(handshake(), http(), negotiation(), masking(), framing(), closing(), sent(), deflate(), timing(), origin(), urls(), limits(), secure(), secureClients(), gateway())
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
		{ID: "C", Title: "Closing"},
		{ID: "C.1", Title: "The end of a connection"},
		{ID: "C.2", Title: "What a peer sends"},
		{ID: "D", Title: "permessage-deflate"},
		{ID: "D.1", Title: "Negotiation by a server"},
		{ID: "D.2", Title: "Negotiation by a client"},
		{ID: "D.3", Title: "Compressed messages"},
		{ID: "D.4", Title: "Errors under compression"},
		{ID: "F", Title: "Framing"},
		{ID: "F.1", Title: "Lengths and fragments"},
		{ID: "F.2", Title: "Text"},
		{ID: "G", Title: "Gateways"},
		{ID: "G.1", Title: "The request on its way to the origin"},
		{ID: "G.2", Title: "Responses that open a connection"},
		{ID: "G.3", Title: "Responses that open none"},
		{ID: "G.4", Title: "Frames"},
		{ID: "G.5", Title: "The end of a connection"},
		{ID: "G.6", Title: "Requests behind others"},
		{ID: "H", Title: "Opening handshake"},
		{ID: "H.1", Title: "The request"},
		{ID: "H.2", Title: "The response"},
		{ID: "H.3", Title: "The request target"},
		{ID: "L", Title: "Limits"},
		{ID: "L.1", Title: "Heads and connections"},
		{ID: "L.2", Title: "Frames and messages"},
		{ID: "M", Title: "Masking"},
		{ID: "M.1", Title: "Frames of a client"},
		{ID: "M.2", Title: "Frames of a server"},
		{ID: "O", Title: "Origin, cookies and the URL"},
		{ID: "O.1", Title: "What a server takes"},
		{ID: "O.2", Title: "What a client sends"},
		{ID: "P", Title: "Subprotocols and extensions"},
		{ID: "P.1", Title: "The choice of a server"},
		{ID: "P.2", Title: "What a client takes"},
		{ID: "P.3", Title: "Extensions that a server takes"},
		{ID: "P.4", Title: "Extensions that a client takes"},
		{ID: "S", Title: "TLS"},
		{ID: "S.1", Title: "A server"},
		{ID: "S.2", Title: "A client"},
		{ID: "T", Title: "Timing and segmentation"},
		{ID: "T.1", Title: "What comes when"},
		{ID: "X", Title: "HTTP"},
		{ID: "X.1", Title: "Requests"},
		{ID: "X.2", Title: "Responses"},
	}
}
