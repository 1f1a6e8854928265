package autobahn

import (
	"slices"
	"sync"

	"github.com/wsconform/wsconform/cases"
)

// All returns the catalogue in the order of the Autobahn testsuite, which is
// that of [cases.ID.Compare]. The slices are the caller's own.
func All() []cases.Case {
	var list []cases.Case
	for _, t := range topics {
		for _, c := range t.cases() {
			list = append(list, clone(c))
		}
	}
	return list
}

// A topic builds the cases of some sections once: the digests of long payloads take
// milliseconds.
type topic struct {
	sections []string
	cases    func() []cases.Case
}

// topics are in the order of the catalogue.
var topics = []topic{
	topicOf(framing, "1"),
	topicOf(pings, "2"),
	topicOf(reserved, "3"),
	topicOf(opcodes, "4"),
	topicOf(fragmentation, "5"),
	topicOf(utf8Text, "6"),
	topicOf(closing, "7"),
	topicOf(limits, "9"),
	topicOf(misc, "10"),
	topicOf(compression, "12", "13"),
}

func topicOf(entries func() []entry, sections ...string) topic {
	return topic{sections, sync.OnceValue(func() []cases.Case {
		var list []cases.Case
		for _, e := range entries() {
			list = append(list, e.build())
		}
		annotate(list)
		return list
	})}
}

// clone returns a copy that shares nothing that a caller may change.
func clone(c cases.Case) cases.Case {
	c = c.Clone()
	w := Of(c)
	w.Events = slices.Clone(w.Events)
	for i := range w.Events {
		w.Events[i].Events = slices.Clone(w.Events[i].Events)
	}
	w.Codes = slices.Clone(w.Codes)
	c.Want = w
	return c
}

// Find returns the case with this id.
func Find(id cases.ID) (cases.Case, bool) {
	for _, t := range topics {
		if !slices.Contains(t.sections, id.Section()) {
			continue
		}
		list := t.cases()
		if i, found := slices.BinarySearchFunc(list, id, func(c cases.Case, id cases.ID) int { return c.ID.Compare(id) }); found {
			return clone(list[i]), true
		}
	}
	return cases.Case{}, false
}

// Sections returns the chapters of the catalogue in order, each before its own
// sub-chapters. Sections 2, 3 and 5 have none; 8 and 11 do not exist.
func Sections() []cases.Section {
	return []cases.Section{
		{
			ID: "1", Title: "Framing",
			Why: "A peer that fails here cannot carry ordinary messages: some length or type of frame is read or written wrongly.",
		},
		{ID: "1.1", Title: "Text messages of one frame"},
		{ID: "1.2", Title: "Binary messages of one frame"},

		{
			ID: "2", Title: "Pings and pongs",
			Why: "Proxies and libraries ping to learn whether a connection is alive. A peer that answers wrongly is cut off at random.",
		},

		{
			ID: "3", Title: "Reserved bits",
			Why: "Reserved bits belong to extensions. A peer that ignores them takes compressed or extended data for plain data.",
		},

		{
			ID: "4", Title: "Reserved opcodes",
			Why: "Reserved opcodes belong to later versions. A peer that ignores them takes unknown frames for data, or loses track of the stream.",
		},
		{ID: "4.1", Title: "Data opcodes"},
		{ID: "4.2", Title: "Control opcodes"},

		{
			ID: "5", Title: "Fragmentation",
			Why: "Large messages come in fragments with pings between them. A peer that gets this wrong delivers halves, or joins what does not belong together.",
		},

		{
			ID: "6", Title: "UTF-8",
			Why: "Text that is not UTF-8 breaks whatever parses it next. Attackers use such text to get past filters.",
		},
		{ID: "6.1", Title: "Fragments without payload"},
		{ID: "6.2", Title: "Good text, cut anywhere"},
		{ID: "6.3", Title: "Bad text, cut anywhere"},
		{ID: "6.4", Title: "Bad text, noticed early"},
		{ID: "6.5", Title: "A few good texts"},
		{ID: "6.6", Title: "Prefixes of a Greek word"},
		{ID: "6.7", Title: "First code point of each length"},
		{ID: "6.8", Title: "First sequences of five and six bytes"},
		{ID: "6.9", Title: "Last code point of each length"},
		{ID: "6.10", Title: "Last sequences of four, five and six bytes"},
		{ID: "6.11", Title: "Beside the surrogates and the end of Unicode"},
		{ID: "6.12", Title: "Continuation bytes that continue nothing"},
		{ID: "6.13", Title: "Start bytes that start nothing"},
		{ID: "6.14", Title: "Sequences without their last byte"},
		{ID: "6.15", Title: "Truncated sequences in a row"},
		{ID: "6.16", Title: "Bytes that are never part of UTF-8"},
		{ID: "6.17", Title: "Overlong forms of a slash"},
		{ID: "6.18", Title: "Last overlong form of each length"},
		{ID: "6.19", Title: "Overlong forms of NUL"},
		{ID: "6.20", Title: "Single surrogates"},
		{ID: "6.21", Title: "Pairs of surrogates"},
		{ID: "6.22", Title: "Noncharacters"},
		{ID: "6.23", Title: "End of the Specials block"},

		{
			ID: "7", Title: "Closing handshake",
			Why: "The closing handshake tells both sides that nothing was lost. Without it connections hang, leak, or end with the wrong reason.",
		},
		{ID: "7.1", Title: "Frames before and after a close"},
		{ID: "7.3", Title: "Length of a close frame"},
		{ID: "7.5", Title: "Reason of a close frame"},
		{ID: "7.7", Title: "Codes that may be sent"},
		{ID: "7.9", Title: "Codes that must not be sent"},
		{ID: "7.13", Title: "Codes beyond all ranges"},

		{
			ID: "9", Title: "Limits and performance",
			Why: "Real messages are large and many. A peer that fails here loses data or falls over under load.",
		},
		{ID: "9.1", Title: "Long text messages"},
		{ID: "9.2", Title: "Long binary messages"},
		{ID: "9.3", Title: "Text messages in many fragments"},
		{ID: "9.4", Title: "Binary messages in many fragments"},
		{ID: "9.5", Title: "Text messages in many writes"},
		{ID: "9.6", Title: "Binary messages in many writes"},
		{ID: "9.7", Title: "Round trips of text messages"},
		{ID: "9.8", Title: "Round trips of binary messages"},

		{
			ID: "10", Title: "Miscellaneous",
			Why: "Write sizes and TCP segments do not follow frames. A peer that assumes so fails at random in production.",
		},
		{ID: "10.1", Title: "Automatic fragmentation"},

		{
			ID: "12", Title: "Compression of different payloads",
			Why: "Compression is on by default in browsers. A peer that fails here garbles their messages.",
		},
		{ID: "12.1", Title: "JSON"},
		{ID: "12.2", Title: "A grey picture"},
		{ID: "12.3", Title: "German prose, sent as binary"},
		{ID: "12.4", Title: "HTML"},
		{ID: "12.5", Title: "A document that hardly compresses"},

		{
			ID: "13", Title: "Compression with different parameters",
			Why: "Browsers and servers negotiate how to compress. A peer that breaks its own promises garbles messages once its window is full.",
		},
		{ID: "13.1", Title: "No parameters asked"},
		{ID: "13.2", Title: "No context takeover"},
		{ID: "13.3", Title: "A window of 9 bits"},
		{ID: "13.4", Title: "A window of 15 bits"},
		{ID: "13.5", Title: "No context takeover, a window of 9 bits"},
		{ID: "13.6", Title: "No context takeover, a window of 15 bits"},
		{ID: "13.7", Title: "Several offers, the strictest first"},
	}
}
