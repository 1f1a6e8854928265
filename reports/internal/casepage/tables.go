package casepage

import (
	"slices"
	"strings"
	"sync"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/fixtures/mutants"
)

// killers are the rows of the kill matrix by the cases that kill.
var killers = sync.OnceValue(func() map[cases.ID][]*mutants.Kill {
	m := map[cases.ID][]*mutants.Kill{}
	rows := mutants.Kills()
	for i := range rows {
		for _, list := range [][]string{rows[i].Autobahn, rows[i].RFC} {
			for _, id := range list {
				m[cases.ID(id)] = append(m[cases.ID(id)], &rows[i])
			}
		}
	}
	return m
})

// reasons says, by section, what goes wrong in practice where a peer fails such cases.
var reasons = map[string]string{
	"1":  "A peer that fails here cannot carry ordinary messages: some length or type of frame is read or written wrongly.",
	"2":  "Proxies and libraries ping to learn whether a connection is alive. A peer that answers wrongly is cut off at random.",
	"3":  "Reserved bits belong to extensions. A peer that ignores them takes compressed or extended data for plain data.",
	"4":  "Reserved opcodes belong to later versions. A peer that ignores them takes unknown frames for data, or loses track of the stream.",
	"5":  "Large messages come in fragments with pings between them. A peer that gets this wrong delivers halves, or joins what does not belong together.",
	"6":  "Text that is not UTF-8 breaks whatever parses it next. Attackers use such text to get past filters.",
	"7":  "The closing handshake tells both sides that nothing was lost. Without it connections hang, leak, or end with the wrong reason.",
	"9":  "Real messages are large and many. A peer that fails here loses data or falls over under load.",
	"10": "Write sizes and TCP segments do not follow frames. A peer that assumes so fails at random in production.",
	"12": "Compression is on by default in browsers. A peer that fails here garbles their messages.",
	"13": "Browsers and servers negotiate how to compress. A peer that breaks its own promises garbles messages once its window is full.",

	"A":   "Others rely on this part of the handshake for access control. A peer that gets it wrong admits whom it should refuse.",
	"C":   "The closing handshake tells both sides that nothing was lost. Without it connections hang, leak, or end with the wrong reason.",
	"D.1": "Browsers offer compression in several ways. A server that misreads an offer refuses them, or compresses in a way they cannot read.",
	"D.2": "A client that accepts what it never offered cannot decompress what follows, or decompresses without limit.",
	"D.3": "Compressed messages share a window. One mistake garbles every message behind it.",
	"D.4": "Compressed data comes from strangers. A decompressor that goes on after an error delivers garbage, or crashes.",
	"F.1": "Lengths are numbers that an attacker picks. Wrapped, negative or oversized ones have crashed servers and read past buffers.",
	"F.2": "Text that is not UTF-8 breaks whatever parses it next. Text that is, and is refused, loses users' messages.",
	"G.1": "A gateway that loses or rewrites a field of the handshake breaks applications that work without it: no login, no subprotocol, a refused upgrade. One that forwards what is about a single connection lets clients act on its own connection to the origin.",
	"G.2": "A gateway that repairs or accepts a wrong 101 hides from the client that the origin has not switched. What follows is then read as frames by one side and as something else by the other.",
	"G.3": "Clients act on the status of a refusal: they log in, follow a redirect, or wait. A gateway that turns it into another one leaves users with an error that says nothing.",
	"G.4": "Lost, repeated or reordered frames are the trouble that users of gateways report most, above all at the moment of the upgrade. They cannot be told from faults of the application.",
	"G.5": "An application decides by the close code and by how TCP ends whether to connect again. A gateway that changes them causes storms of new connections, or none at all.",
	"G.6": "A gateway that becomes a tunnel too early hands the origin requests that it has never seen. This got past access rules of several gateways in 2019 and since.",
	"H.1": "A server that accepts malformed requests can be reached by ordinary web requests, which lets other sites' pages talk to it. One that refuses legal requests shuts real browsers and proxies out.",
	"H.2": "A client that accepts malformed responses can be fooled by a server that does not speak WebSocket at all. One that refuses legal responses cannot connect through real proxies.",
	"H.3": "Servers route by the request target. One that misreads it serves the wrong resource, or none.",
	"L":   "Every limit that is missing lets one peer use up the memory or processor of another.",
	"M.1": "Masks keep a page's bytes from looking like HTTP to a proxy. A server that does without them allows its cache to be poisoned.",
	"M.2": "A client with weak or missing masks lets a page write chosen bytes to a proxy, and so poison its cache.",
	"O":   "Browsers send the page's origin. A server that ignores it can be used by any page in the name of its visitor.",
	"P.1": "A subprotocol decides what messages mean. If the two sides disagree about it, every message is misread.",
	"P.2": "A client that accepts a subprotocol it never offered misreads every message.",
	"P.3": "A server that misreads the list of extensions loses compression, refuses its clients, or crashes.",
	"P.4": "A client that accepts an extension it never offered misreads every frame.",
	"S":   "TLS proves who the other side is. An endpoint that does not check it talks to anyone.",
	"T":   "TCP cuts and joins bytes anywhere. A peer that takes a read for a frame fails at random in production.",
	"X.1": "If a proxy and a server read the same bytes differently, a request can be smuggled past the proxy's checks.",
	"X.2": "Anything may answer a WebSocket request: proxies, login pages, plain web servers. A client must not take that for a WebSocket.",
}

// why is the reason of the nearest section.
func why(id cases.ID) string {
	for section := string(id); section != ""; {
		if words := reasons[section]; words != "" {
			return words
		}
		i := strings.LastIndexByte(section, '.')
		section = section[:max(i, 0)]
	}
	return ""
}

// A dissent is what is disputed about cases.
type dissent struct {
	cases []string // patterns
	words string
}

var dissents = []dissent{
	{[]string{"3.4", "4.1.5", "4.2.5"}, "The original writes these frames byte by byte without a pause, so its verdict on an event loop varies from run to run. We leave a millisecond between bytes."},
	{[]string{"9.3.*", "9.4.*"}, "For a peer that ends TCP with our bytes unread, a reset may destroy its close frame: the closing half varies, in the original too."},
	{[]string{"13.3.*", "13.5.*", "13.7.*"}, "The original accepts some matches beyond the agreed window. We fail every one."},
	{[]string{"12.*", "13.*"}, "After a block marked as final the original decompresses nothing. We go on, since RFC 7692 7.2.3.4 permits such blocks."},
	{[]string{"7.9.*"}, "Several libraries echo any code on purpose and let the application judge it. RFC 6455 7.4 says which codes never appear in a close frame."},
	{[]string{"2.10", "2.11"}, "RFC 6455 5.5.3 lets a peer answer only the latest of several pings. Autobahn wants every pong."},
	{[]string{"X.1.4"}, "Many HTTP servers refuse or accept HTTP/1.0 before the WebSocket library sees the request."},
	{[]string{"X.1.27"}, "RFC 9112 2.2 says SHOULD, so a server that refuses a leading empty line is lenient, not failed."},
	{[]string{"P.1.2"}, "A server may choose by the client's order or by its own: both choices pass."},
	{[]string{"H.1.11", "H.1.13"}, "Some servers still speak drafts 7 and 8 of the protocol, and may accept their versions."},
	{[]string{"C.1.18"}, "A peer that fails the connection may end TCP without a close frame (RFC 6455 7.1.7). It then passes as NON-STRICT."},
}

// dissentOf lists what is disputed about the case.
func dissentOf(c cases.Case) []string {
	var list []string
	for _, d := range dissents {
		if match, err := cases.Select([]cases.Case{c}, d.cases, nil); err == nil && len(match) > 0 {
			list = append(list, d.words)
		}
	}
	return list
}

func bugsOf(id cases.ID) []Bug {
	var list []Bug
	for _, b := range Bugs {
		if slices.Contains(b.Cases, id) {
			list = append(list, b)
		}
	}
	return list
}
