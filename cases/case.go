package cases

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// An ID names a case. Those of the Autobahn testsuite are dotted numbers such
// as "5.15"; they are frozen, whatever becomes of the catalogue.
type ID string

// Section returns the part before the first dot: "5" of "5.15".
func (id ID) Section() string {
	section, _, _ := strings.Cut(string(id), ".")
	return section
}

// Group returns the id without its last part: "7.1" of "7.1.2", "5" of "5.15".
func (id ID) Group() string {
	if i := strings.LastIndexByte(string(id), '.'); i >= 0 {
		return string(id[:i])
	}
	return string(id)
}

// Compare orders ids by their dotted parts: numerically where both parts are
// numbers, so that 2.9 comes before 2.10.
func (id ID) Compare(other ID) int {
	return slices.CompareFunc(strings.Split(string(id), "."), strings.Split(string(other), "."), compareParts)
}

func compareParts(a, b string) int {
	m, errA := strconv.Atoi(a)
	n, errB := strconv.Atoi(b)
	if errA == nil && errB == nil {
		return m - n
	}
	return strings.Compare(a, b)
}

// A Role says which end of the connection is under test.
type Role uint8

// The two roles of a peer under test.
const (
	Server Role = iota // the peer accepts; the harness dials and masks its frames
	Client             // the peer dials; the harness accepts and masks nothing
)

func (r Role) String() string {
	if r == Client {
		return "client"
	}
	return "server"
}

// MarshalText writes the role as "server" or "client".
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what MarshalText writes; anything else is an error.
func (r *Role) UnmarshalText(text []byte) error {
	switch string(text) {
	case "server":
		*r = Server
	case "client":
		*r = Client
	default:
		return fmt.Errorf("cases: unknown role %q: want server or client", text)
	}
	return nil
}

// A Case is one test: what is done to the peer, and what it should do.
type Case struct {
	ID     ID
	Title  string   // what is sent, in a sentence without its full stop
	Expect string   // what the peer should do, likewise
	RFC    []string // sections that decide, such as "RFC 6455 5.4"
	Steps  []Step
	Want   Want
	// Deflate is the extension negotiation of the case; nil means that no
	// extension is offered or accepted.
	Deflate *Deflate
}

// Deflate says how a case negotiates permessage-deflate (RFC 7692 §7).
type Deflate struct {
	// Offers is the value of Sec-WebSocket-Extensions when the peer is a server.
	Offers string
	// Accept lists, in order of preference, what is asked of a peer that is a
	// client. The first demand that one of its offers can satisfy wins; none
	// declines the extension.
	Accept []Demand
}

// A Demand is what the harness, as a server, asks of a client's compressor on
// top of echoing the server_ parameters of the accepted offer (RFC 7692 §7.1.2).
type Demand struct {
	NoContextTakeover bool  // client_no_context_takeover
	MaxWindowBits     uint8 // client_max_window_bits; 0 means none, so any offer will do
}

// Section is a chapter of the catalogue.
type Section struct {
	ID    string // "6" or "6.4"
	Title string
}

// Heavy reports whether the case moves megabytes and so must not run beside
// cases whose short timers measure the peer's reaction (sections 9, 12, 13).
func (c Case) Heavy() bool {
	switch c.ID.Section() {
	case "9", "12", "13":
		return true
	}
	return false
}

// Corpus names the payload whose slices the case sends, or is "".
func (c Case) Corpus() string {
	return c.echoLoop().Corpus
}

// echoLoop returns the echo loop among the steps, or an empty one.
func (c Case) echoLoop() EchoLoop {
	for _, s := range c.Steps {
		if loop, ok := s.(EchoLoop); ok {
			return loop
		}
	}
	return EchoLoop{}
}

// Wanted returns the type and the length in octets of the message that an
// [EchoLength] case waits for: those of the message it sends. Without one, the
// opcode is [wsproto.OpContinuation].
func (c Case) Wanted() (op wsproto.Opcode, length int) {
	for _, s := range c.Steps {
		switch s := s.(type) {
		case Frame:
			return s.Opcode, s.Payload.Len
		case Message:
			return s.Opcode, s.Payload.Len
		default: // no message
		}
	}
	return wsproto.OpContinuation, 0
}
