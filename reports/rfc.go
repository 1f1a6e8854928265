package reports

import "strings"

// requirements says in plain words what a section of an RFC asks for, as far as
// cases look at it. The text is ours; the RFC decides.
var requirements = map[string]string{
	"RFC 6455 4.1":     "A client opens with a GET request that names the host, asks for an upgrade to websocket, and carries a fresh key and version 13; it fails the connection unless the server's answer fits the key.",
	"RFC 6455 4.2.1":   "A server refuses a request that lacks what an opening handshake must have.",
	"RFC 6455 4.2.2":   "A server answers with status 101, the upgrade, and the accept value that belongs to the client's key; of subprotocols and extensions it takes only what was offered.",
	"RFC 6455 4.4":     "A server that does not speak the version asked for says which ones it speaks.",
	"RFC 6455 5.1":     "A client masks every frame and a server none; each fails the connection when the other does not keep to it.",
	"RFC 6455 5.2":     "Reserved bits are 0 unless an extension gives them a meaning, reserved opcodes are not used, and lengths take the shortest form; whoever receives anything else fails the connection.",
	"RFC 6455 5.3":     "The masking key of each frame is fresh and cannot be foreseen.",
	"RFC 6455 5.4":     "A message may come in fragments: the first has the opcode, the others are continuations, the last sets FIN. Control frames may come in between, other messages may not; a continuation of nothing fails the connection.",
	"RFC 6455 5.5":     "A control frame has at most 125 octets of payload and is not fragmented; whoever receives another one fails the connection.",
	"RFC 6455 5.5.1":   "A close frame is answered with a close frame, after which no data is sent. A body begins with a code of two octets; text that follows is UTF-8.",
	"RFC 6455 5.5.2":   "A ping is answered with a pong of the same payload, as soon as is practical, unless a close frame has come.",
	"RFC 6455 5.5.3":   "A pong has the payload of the ping it answers. Of several pings in a row the last needs an answer. A pong that nobody asked for is permitted and is not answered.",
	"RFC 6455 5.6":     "A text message is UTF-8, a binary message any octets; both may be empty.",
	"RFC 6455 5.8":     "What this version leaves open (reserved bits and opcodes) may be used by extensions alone, after they were negotiated.",
	"RFC 6455 6.1":     "Data is sent as frames of the right opcode, the last of them with FIN, masked by a client.",
	"RFC 6455 6.2":     "What is received is put together frame by frame; frames that break a rule fail the connection.",
	"RFC 6455 7.1.1":   "The server closes TCP first, after the closing handshake; the client waits for it.",
	"RFC 6455 7.1.2":   "Whoever closes first sends a close frame and waits for that of the other side; then TCP is closed.",
	"RFC 6455 7.1.4":   "A connection is closed cleanly when both close frames have been exchanged before TCP ends.",
	"RFC 6455 7.1.5":   "The close code of a connection is that of the first close frame received; without a code it counts as 1005, without a frame as 1006.",
	"RFC 6455 7.1.6":   "The reason behind a close code is UTF-8 text, and may be empty.",
	"RFC 6455 7.1.7":   "To fail the connection, an endpoint may send a close frame with a fitting code, processes nothing further, and closes TCP.",
	"RFC 6455 7.4":     "A close frame may carry a code that says why.",
	"RFC 6455 7.4.1":   "Codes 1000 to 1003 and 1007 to 1011 may be sent; 1005, 1006 and 1015 never are.",
	"RFC 6455 7.4.2":   "Codes below 1000 are not used; 1000 to 2999 belong to the protocol and need a definition; 3000 to 3999 are for libraries, 4000 to 4999 for private use.",
	"RFC 6455 8.1":     "Octets that are not UTF-8 in a text message fail the connection, with code 1007.",
	"RFC 6455 9.1":     "Extensions are negotiated in the opening handshake; a server answers with offers of the client alone.",
	"RFC 6455 10.4":    "An endpoint guards itself against frames and messages beyond its limits. Below them a message comes through whole, however it is cut into frames and writes.",
	"RFC 7692 5.1":     "Of several offers the server takes one that it can keep, or none.",
	"RFC 7692 6":       "A compressed message has RSV1 set in its first frame and in no other; control frames are never compressed.",
	"RFC 7692 7.1":     "permessage-deflate is agreed with parameters that each are known, appear once and have a legal value; anything else declines the offer or fails the connection.",
	"RFC 7692 7.1.1.1": "With server_no_context_takeover the server starts each message with an empty window.",
	"RFC 7692 7.1.1.2": "With client_no_context_takeover the client starts each message with an empty window.",
	"RFC 7692 7.1.2.1": "With server_max_window_bits the server compresses with a window of at most that many bits, from 8 to 15.",
	"RFC 7692 7.1.2.2": "With client_max_window_bits the client compresses with a window of at most that many bits, from 8 to 15.",
	"RFC 7692 7.2.1":   "A message is compressed with DEFLATE, ends at an octet boundary, and leaves out the last four octets of the empty block that ends it.",
	"RFC 7692 7.2.2":   "Whoever receives a compressed message puts those four octets back and inflates it; what cannot be inflated fails the connection.",
}

// Requirement says in plain words what a section such as "RFC 6455 5.4" asks for,
// "" if there are no words for it.
func Requirement(ref string) string { return requirements[ref] }

// sectionURL is the address of a section such as "RFC 6455 5.4", "" if it is none.
func sectionURL(ref string) string {
	words := strings.Fields(ref)
	if len(words) != 3 || words[0] != "RFC" || strings.Trim(words[1]+words[2], "0123456789.") != "" {
		return ""
	}
	return "https://www.rfc-editor.org/rfc/rfc" + words[1] + "#section-" + words[2]
}
