package autobahn

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/wsconform/wsconform/cases"
)

// shows lists what cases show of a peer beside their verdicts, and which do.
var shows = []struct {
	what    string
	in      []string
	failing bool // of the cases that match, only those in which the peer has to fail the connection
}{
	// What every peer has to do to be tested at all.
	{"echoes text", []string{"1.1.2"}, false},
	{"echoes binary", []string{"1.2.2"}, false},
	{"answers pings", []string{"2.2"}, false},
	{"answers a close", []string{"7.1.1"}, false},

	// What a standard leaves to the peer, or how well it does.
	{"bad frames", []string{"3", "4", "5"}, true},
	{"bad text", []string{"6"}, true},
	{"bad text in a frame of its own", []string{"6.4.1"}, false},
	{"bad text in the middle of a frame", []string{"6.4.3"}, false},
	{"close codes", []string{"7.7"}, false},
	{"bad close codes", []string{"7.9"}, false},
	{"pongs", []string{"2.10"}, false}, // how many of ten pings are answered
	{"long text", []string{"9.1"}, false},
	{"long binary", []string{"9.2"}, false},
}

// disputed lists what implementers or the original see differently.
var disputed = []struct {
	in    []string
	words string
}{
	{[]string{"3.4", "4.1.5", "4.2.5"}, "The original writes these frames byte by byte without a pause, so its verdict on an event loop varies from run to run. We leave a millisecond between bytes."},
	{[]string{"9.3", "9.4"}, "For a peer that ends TCP with our bytes unread, a reset may destroy its close frame: the closing half varies, in the original too."},
	{[]string{"13.3", "13.5", "13.7"}, "The original accepts some matches beyond the agreed window. We fail every one."},
	{[]string{"12", "13"}, "After a block marked as final the original decompresses nothing. We go on, since RFC 7692 7.2.3.4 permits such blocks."},
	{[]string{"7.9"}, "Several libraries echo any code on purpose and let the application judge it. RFC 6455 7.4 says which codes never appear in a close frame."},
	{[]string{"2.10", "2.11"}, "RFC 6455 5.5.3 lets a peer answer only the latest of several pings. Autobahn wants every pong."},
}

// annotate fills in what the tables above say of the cases.
func annotate(list []cases.Case) {
	for i := range list {
		c := &list[i]
		for _, s := range shows {
			if in(c.ID, s.in) && !(s.failing && Of(*c).ClosedByUs) {
				c.Shows = append(c.Shows, s.what)
			}
		}
		for _, d := range disputed {
			if in(c.ID, d.in) {
				c.Disputed = append(c.Disputed, d.words)
			}
		}
	}
}

// in reports whether a case is one of the list, or in one of its sections.
func in(id cases.ID, list []string) bool {
	return slices.ContainsFunc(list, func(place string) bool {
		rest, ok := strings.CutPrefix(string(id), place)
		return ok && (rest == "" || rest[0] == '.')
	})
}

// Counts reports whether the original counts the echoes of the case, rather than to compare
// them.
func Counts(c cases.Case) bool {
	switch Of(c).Rule {
	case EchoLength, EchoAll, EchoDeflated:
		return true
	case CompareEvents, WrongCodeFails, Observe:
	}
	return false
}

// HexReason reports whether the original writes the reason of our close in hex, as it is not
// UTF-8.
func HexReason(c cases.Case) bool {
	return slices.ContainsFunc(c.Ops(), func(op cases.Op) bool {
		end, ok := op.(cases.CloseOp)
		return ok && !utf8.Valid(end.Close.Reason)
	})
}
