package native

// A Deviation is a place where the native engine differs from the Autobahn
// testsuite by choice.
type Deviation struct {
	What     string // the original does, and what we do instead
	Verdict  string // whose verdict it can change; "none" for no sane peer's
	Because  string // the reason
	Sections string // of the RFC that decide, where one does
}

// Deviations lists every one of them.
var Deviations = []Deviation{
	{
		"A server that closes first and keeps TCP open makes the original wait for ever (2.*, 5.3-5.8, 6.1, 6.2, 9.*, 12, 13); we end TCP.",
		"none: the closing verdict is FAILED already", "A run has to end.", "RFC 6455 7.1.1",
	},
	{
		"A server without a name whose handshake fails crashes the original's reports; we call it UnknownServer.",
		"none", "Reports have to be written.", "",
	},
	{
		"A runCase without an agent spoils all later reports of the original; we refuse it.", "none", "Reports have to be written.", "",
	},
	{
		"The duration of a case that never opened is the time of day in the original; ours is 0.", "none", "It did not run.", "",
	},
	{
		"The original refuses a Host field whose port is not its own; we do not compare it.",
		"clients behind a port mapping, which fail everything in the original", "The port in Host is the one the client dialled, which a mapping changes.", "RFC 9112 3.2",
	},
	{
		"The original refuses malformed offers of permessage-bzip2; we ignore the extension.",
		"clients that offer nonsense", "A server ignores extensions it does not know.", "RFC 6455 9.1",
	},
	{
		"The original counts a fault twice when a frame header arrives in two pieces; we count it once.",
		"peers whose faulty headers are cut on the wire: UNCLEAN becomes OK or WRONG CODE", "TCP may cut anywhere; a verdict must not depend on it.", "RFC 6455 5.4",
	},
	{
		"The original accepts matches beyond the agreed window as long as they lie in one piece of its decoder's output; we fail any distance beyond the window.",
		"peers whose far matches are all lucky: OK becomes FAILED in 13.3, 13.5 and 13.7", "The window size is a promise.", "RFC 7692 7.1.2",
	},
	{
		"The original cannot compress with a window of 8 bits and drops the connection; we use a window of 256 bytes.",
		"peers that demand 8 bits: FAILED becomes OK", "8 is a legal value.", "RFC 7692 7.1.2.1",
	},
	{
		"After a deflate block marked as final the original inflates to nothing; we go on behind it.",
		"peers that end a message so: FAILED becomes OK in 12 and 13", "Such blocks are permitted.", "RFC 7692 7.2.3.4",
	},
	{
		"The original skips the rest of a server's cases after one refused connection; we try again, and list the rest as not run.",
		"none", "A full backlog is not the end of a server, and what was not run has to be named.", "",
	},
	{
		"The original plays each case once. We play it again where chance may have decided the verdict: the byte-wise frames of 3.4, 4.1.5 and 4.2.5 with time for the echo before them.",
		"peers that race with themselves: the same of OK and NON-STRICT, or of OK and UNCLEAN, comes out every time; OK in 3.4, 4.1.5 and 4.2.5 wherever the peer can echo in time", "A verdict that changes from run to run says nothing of the peer.", "",
	},
	{
		"The original writes byte-wise frames without a pause, about 8 ms each; we leave about a millisecond between two bytes, also in wstest.",
		"event-loop servers (hypercorn, websockets, trio) in 3.4, 4.1.5 and 4.2.5: of 90 plays the original gives NON-STRICT in 50, we give OK in 89", "The case asks whether the peer fails in time, not whether its loop runs between two bytes.", "RFC 6455 7.1.7",
	},
	{
		"In 9.3 and 9.4 the closing half differs from run to run for peers that end TCP with our bytes unread, such as golang.org/x/net: the reset that follows may destroy their close frame. It does so in the original too, and we do not play these cases again if there are more than four.",
		"peers that do not read up to our close frame: OK or UNCLEAN by chance in 9.3 and 9.4", "Playing them again costs minutes and settles nothing: each play is another draw.", "RFC 6455 7.1.1",
	},
	{
		"The original reads a field that is folded over two lines as a line without a colon and fails the handshake; we read the fold as a blank.",
		"peers that fold their header fields, which fail everything in the original", "A user agent must read it so.", "RFC 9112 5.2",
	},
	{
		"The original reads a handshake of any length; we end it after 64 KiB.",
		"peers whose handshake is longer than that", "A peer must not fill our memory.", "RFC 6455 10.4",
	},
}
