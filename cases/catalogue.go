package cases

import (
	"slices"
	"sync"
)

// All returns the catalogue in the order of the Autobahn testsuite, which is
// that of [ID.Compare]. The slices are the caller's own.
func All() []Case {
	list := slices.Clone(catalogue())
	for i, c := range list {
		list[i] = c.clone()
	}
	return list
}

// catalogue is built once: the digests of long payloads take milliseconds.
var catalogue = sync.OnceValue(func() []Case {
	return slices.Concat(
		framing(),       // 1
		pings(),         // 2
		reserved(),      // 3
		opcodes(),       // 4
		fragmentation(), // 5
		utf8Text(),      // 6
		closing(),       // 7
		limits(),        // 9
		misc(),          // 10
		compression(),   // 12 and 13
	)
})

func (c Case) clone() Case {
	c.RFC = slices.Clone(c.RFC)
	c.Steps = slices.Clone(c.Steps)
	c.Want.Events = slices.Clone(c.Want.Events)
	for i := range c.Want.Events {
		c.Want.Events[i].Events = slices.Clone(c.Want.Events[i].Events)
	}
	c.Want.Codes = slices.Clone(c.Want.Codes)
	if c.Deflate != nil {
		c.Deflate = &Deflate{Offers: c.Deflate.Offers, Accept: slices.Clone(c.Deflate.Accept)}
	}
	return c
}

// Find returns the case with this id.
func Find(id ID) (Case, bool) {
	list := catalogue()
	i, found := slices.BinarySearchFunc(list, id, func(c Case, id ID) int { return c.ID.Compare(id) })
	if !found {
		return Case{}, false
	}
	return list[i].clone(), true
}

// Sections returns the chapters of the catalogue in order, each before its own
// sub-chapters. Sections 2, 3 and 5 have none; 8 and 11 do not exist.
func Sections() []Section {
	return []Section{
		{"1", "Framing"},
		{"1.1", "Text messages of one frame"},
		{"1.2", "Binary messages of one frame"},

		{"2", "Pings and pongs"},

		{"3", "Reserved bits"},

		{"4", "Reserved opcodes"},
		{"4.1", "Data opcodes"},
		{"4.2", "Control opcodes"},

		{"5", "Fragmentation"},

		{"6", "UTF-8"},
		{"6.1", "Fragments without payload"},
		{"6.2", "Good text, cut anywhere"},
		{"6.3", "Bad text, cut anywhere"},
		{"6.4", "Bad text, noticed early"},
		{"6.5", "A few good texts"},
		{"6.6", "Prefixes of a Greek word"},
		{"6.7", "First code point of each length"},
		{"6.8", "First sequences of five and six octets"},
		{"6.9", "Last code point of each length"},
		{"6.10", "Last sequences of four, five and six octets"},
		{"6.11", "Beside the surrogates and the end of Unicode"},
		{"6.12", "Continuation octets that continue nothing"},
		{"6.13", "Start octets that start nothing"},
		{"6.14", "Sequences without their last octet"},
		{"6.15", "Truncated sequences in a row"},
		{"6.16", "Octets that are never part of UTF-8"},
		{"6.17", "Overlong forms of a slash"},
		{"6.18", "Last overlong form of each length"},
		{"6.19", "Overlong forms of NUL"},
		{"6.20", "Single surrogates"},
		{"6.21", "Pairs of surrogates"},
		{"6.22", "Noncharacters"},
		{"6.23", "End of the Specials block"},

		{"7", "Closing handshake"},
		{"7.1", "Frames before and after a close"},
		{"7.3", "Length of a close frame"},
		{"7.5", "Reason of a close frame"},
		{"7.7", "Codes that may be sent"},
		{"7.9", "Codes that must not be sent"},
		{"7.13", "Codes beyond all ranges"},

		{"9", "Limits and performance"},
		{"9.1", "Long text messages"},
		{"9.2", "Long binary messages"},
		{"9.3", "Text messages in many fragments"},
		{"9.4", "Binary messages in many fragments"},
		{"9.5", "Text messages in many writes"},
		{"9.6", "Binary messages in many writes"},
		{"9.7", "Round trips of text messages"},
		{"9.8", "Round trips of binary messages"},

		{"10", "Miscellaneous"},
		{"10.1", "Automatic fragmentation"},

		{"12", "Compression of different payloads"},
		{"12.1", "JSON"},
		{"12.2", "A grey picture"},
		{"12.3", "German prose, sent as binary"},
		{"12.4", "HTML"},
		{"12.5", "A document that hardly compresses"},

		{"13", "Compression with different parameters"},
		{"13.1", "No parameters asked"},
		{"13.2", "No context takeover"},
		{"13.3", "A window of 9 bits"},
		{"13.4", "A window of 15 bits"},
		{"13.5", "No context takeover, a window of 9 bits"},
		{"13.6", "No context takeover, a window of 15 bits"},
		{"13.7", "Several offers, the strictest first"},
	}
}
