package cases

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
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

// A Case is one test: what is done to the peer, and what it should do.
type Case struct {
	ID     ID
	Title  string   // what is sent, in a sentence without its full stop
	Expect string   // what the peer should do, in the same form
	RFC    []string // sections that decide, such as "RFC 6455 5.4"
	// Requirements are the ids of the ledger that the case tests.
	Requirements []string
	Suite        Suite
	Level        Level
	Roles        []Role // that the peer may have; nil means server and client
	Needs        []Need // what the peer must offer; nil means nothing
	// NoEcho is set in a case for a peer that does not echo: its messages are no events.
	NoEcho bool
	Load   Load
	// Slow is set in a case that takes seconds even with a peer that keeps the standard.
	// It is played when it is asked for.
	Slow bool
	// Shows names what the case shows of a peer beside its verdict, such as "pongs".
	Shows []string
	// Disputed says in sentences what implementers or the original see differently.
	Disputed []string
	// Keys is how many masking keys of each connection the transcript keeps.
	Keys int
	// Bugs are those of well-known libraries that the case finds.
	Bugs  []Bug
	Conns []Conn // played one after another, but for [Conn.Beside]; the worst verdict counts
	Want  Want
}

// A Bug is one that a library had in a release and that a case finds: the buggy version
// does not pass the case, the fixed one does.
type Bug struct {
	Library string `json:"library"`
	Buggy   string `json:"buggy"` // a version with it
	Fixed   string `json:"fixed"` // and one without
	Role    Role   `json:"role"`
	What    string `json:"what"`   // it did, a sentence
	Source  string `json:"source"` // where it was reported or mended, such as "websockets/ws#1681"
}

// Suite names the catalogue that a case belongs to.
type Suite string

// The suites.
const (
	Autobahn Suite = "autobahn" // the 517 cases of the Autobahn testsuite
	RFC      Suite = "rfc"      // cases that Autobahn does not have
	User     Suite = "user"     // cases that users have written
)

// OneGrade reports whether verdicts of the suite's cases are a single grade, as all are but
// those of Autobahn's.
func (s Suite) OneGrade() bool { return s == RFC || s == User }

// A Level says how much a requirement demands (RFC 2119). The zero value is Must.
type Level uint8

// The levels. A peer that fails a Must or a Robustness case fails the gate; a
// Should case is then passed leniently; the others only observe.
const (
	Must Level = iota
	Should
	May
	Robustness // no standard demands it, but attacks and crashes are known
	Informing  // the case only looks
)

func (l Level) String() string {
	return [...]string{"MUST", "SHOULD", "MAY", "ROBUSTNESS", "INFORMATIONAL"}[l]
}

// A Need is what a peer must offer for a case to make sense.
type Need string

// The needs.
const (
	NeedDeflate     Need = "deflate"     // it negotiates permessage-deflate
	NeedEcho        Need = "echo"        // it sends every message back
	NeedSubprotocol Need = "subprotocol" // it speaks the subprotocol "chat"
	NeedOrigin      Need = "origin"      // a server that takes the origin http://good.test alone, and requests without one
	needAuth        Need = "auth"        // a server that asks for Basic credentials, user:secret
	NeedLimit       Need = "limit"       // it takes messages of 1 MiB at most
	NeedTLS         Need = "tls"         // the connection uses TLS
	NeedHTTP2       Need = "http2"       // it speaks WebSocket over HTTP/2, and is tested so
	NeedHTTP3       Need = "http3"       // the same over HTTP/3
	NeedCookies     Need = "cookies"     // a client that keeps cookies
	NeedVerify      Need = "verify"      // a client that verifies certificates, and trusts the one it is given with {ca}
	needTwice       Need = "twice"       // such a client that opens two connections to its URL at once
	NeedAuthority   Need = "authority"   // our certificate may sign others, which a user's own seldom may
	NeedURL         Need = "url"         // a client that is started for each connection, with its URL
	NeedProxy       Need = "proxy"       // such a client that also takes the URL of a proxy, with {proxy}

	// What it does when a text message tells it to; see docs/control.md.
	NeedControlClose    Need = "control:close"
	NeedControlFragment Need = "control:fragment"
	NeedControlPing     Need = "control:ping"
	NeedControlDrop     Need = "control:drop"
	NeedControlLast     Need = "control:last"
	NeedControlOffer    Need = "control:offer"
	needControlFail     Need = "control:fail"
)

// DeclaredNeeds are the needs that wsconform cannot detect: the user declares them.
var DeclaredNeeds = []Need{NeedSubprotocol, NeedOrigin, needAuth, NeedLimit, NeedCookies, NeedVerify, needTwice}

// ControlNeeds are those about control messages.
var ControlNeeds = []Need{NeedControlClose, NeedControlFragment, NeedControlPing, NeedControlDrop, NeedControlLast, NeedControlOffer, needControlFail}

// Command returns the command of a control message that the need is about, if any.
func (n Need) Command() (string, bool) { return strings.CutPrefix(string(n), "control:") }

// A Load says what a case costs a peer, and so what it may be played beside.
type Load uint8

// The loads.
const (
	Light Load = iota // a round trip or two, under short timers
	Idle              // it mostly waits
	Heavy             // megabytes, or a thousand messages: short timers beside it measure the load
	Alone             // an attack, or a limit in time: nothing is played beside it
)

// A Conn is one connection of a case: how it opens and what is then done. The
// zero value opens as RFC 6455 asks and does nothing.
type Conn struct {
	Head Head // what differs in our half of the handshake
	// Deflate negotiates permessage-deflate; nil means that no extension is
	// offered or accepted.
	Deflate *Deflate
	Steps   []Step
	// Want judges this connection in place of the case's. Nil means the case's.
	Want Want
	// Beside plays the connection together with the one before it, rather than after
	// it. Only a server can be asked for that.
	Beside bool
	After  time.Duration // it opens so long after it could
	// Unanswered leaves the peer's close frame without an answer.
	Unanswered bool
	// Origin is set in a connection on which we are the server behind a gateway. It is
	// the other half of the connection before it, and both are played together.
	Origin bool
	// Crowd is how many connections through a gateway are open beside this one: each has a
	// message each way before it, and another one behind it.
	Crowd int
	TLS   *TLS // nil means the usual TLS, where the peer speaks any
	// HTTP2 is set in a connection that is played frame by frame of HTTP/2, whose steps are
	// those of step_http2.go. The case needs [NeedHTTP2].
	HTTP2 *HTTP2
	// HTTP3 is set in a connection that is played frame by frame of HTTP/3, whose steps are
	// [Ask], [Carry], [ResetStream] and [Expect]. The case needs [NeedHTTP3].
	HTTP3 bool
	// URL is what a client is started with, as [Conn.Address] fills it in; "" means the
	// plain URL. The case needs [NeedURL].
	URL string
	// Listen is the address that the client is to find, such as "[::1]:0"; "" means the
	// usual one.
	Listen string
	// Proxy is the scheme of the proxy that a client is told to use: "http" or "socks5h". We are
	// both the proxy and what is behind it. "" means none. The case needs [NeedProxy].
	Proxy string
	// Again is how long a client is watched for further connections once this one is over. The
	// case needs [NeedURL].
	Again time.Duration
	// Serial has a further connection be an offence while this one is opening (RFC 6455 §4.1). The
	// case needs a client that is declared to open two at once.
	Serial bool
	// Tunnel is what differs in the response of that proxy, which is otherwise a 200 of HTTP.
	Tunnel Head
}

// Address is the URL for a client that is to connect to this host and port. In [Conn.URL],
// {host} and {port} stand for these, and {port+65536} for a port that is too large by
// so much.
func (c Conn) Address(scheme, host string, port int) string {
	url := c.URL
	if url == "" {
		url = scheme + "://{host}:{port}/"
	}
	return FillAddress(url, host, port)
}

// FillAddress fills in {host}, {port} and {port+65536}.
func FillAddress(s, host string, port int) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return strings.NewReplacer("{host}", host, "{port}", strconv.Itoa(port), "{port+65536}", strconv.Itoa(port+1<<16)).Replace(s)
}

// Ops lowers the steps of the connection.
func (c Conn) Ops() []Op {
	var ops []Op
	for _, s := range c.Steps {
		ops = append(ops, s.ops()...)
	}
	return ops
}

// For reports whether the case can be played against a peer in this role.
func (c Case) For(role Role) bool {
	return len(c.Roles) == 0 && role != Gateway || slices.Contains(c.Roles, role)
}

// Heavy reports whether the case must not run beside cases whose short timers
// measure the peer's reaction.
func (c Case) Heavy() bool { return c.Load == Heavy || c.Load == Alone }

// Together groups the connections: those of a group, by their numbers, are played at
// once, and one group after the other.
func (c Case) Together() [][]int {
	var groups [][]int
	for n, conn := range c.Conns {
		if n == 0 || !conn.Beside {
			groups = append(groups, nil)
		}
		last := len(groups) - 1
		groups[last] = append(groups[last], n)
	}
	return groups
}

// Steps lists the steps of all connections in order.
func (c Case) Steps() []Step {
	var steps []Step
	for _, conn := range c.Conns {
		steps = append(steps, conn.Steps...)
	}
	return steps
}

// Script says in lines what is done: what differs in the opening handshake, and the
// steps, of each connection.
func (c Case) Script() []string {
	var lines []string
	for i, conn := range c.Conns {
		if len(c.Conns) > 1 {
			lines = append(lines, "on "+c.nameConn(i)+":")
		}
		if conn.Beside {
			lines = append(lines, "beside the connection before")
		}
		if conn.After > 0 {
			lines = append(lines, "open it after "+seconds(conn.After))
		}
		if conn.TLS != nil {
			lines = append(lines, conn.TLS.String())
		}
		if conn.HTTP2 != nil {
			lines = append(lines, conn.HTTP2.String())
		}
		if conn.HTTP3 {
			lines = append(lines, "open a connection of HTTP/3")
		}
		if conn.URL != "" {
			lines = append(lines, fmt.Sprintf("start the client with the URL %q", conn.URL))
		}
		if conn.Listen != "" {
			lines = append(lines, "listen on "+conn.Listen)
		}
		if conn.Proxy != "" {
			lines = append(lines, "tell the client to use a proxy, "+conn.Proxy+"://{host}:{port}, which we are")
		}
		if conn.Again > 0 {
			lines = append(lines, "watch for further connections for "+seconds(conn.Again)+" once it is over, and refuse them")
		}
		if conn.Serial {
			lines = append(lines, "look for another connection before it is open")
		}
		for _, edit := range conn.Tunnel {
			lines = append(lines, "in the response of the proxy: "+edit.String())
		}
		if conn.Unanswered {
			lines = append(lines, "leave the peer's close frame without an answer")
		}
		for _, edit := range conn.Head {
			lines = append(lines, "in the opening handshake: "+edit.String())
		}
		if conn.Deflate != nil {
			lines = append(lines, "in the opening handshake: offer "+conn.Deflate.Offers)
		}
		for _, step := range conn.Steps {
			lines = append(lines, step.String())
		}
	}
	return lines
}

// nameConn is what connection i is called, in a case of several.
func (c Case) nameConn(i int) string {
	switch {
	case i >= len(c.Conns) || !c.For(Gateway):
		return fmt.Sprintf("connection %d", i+1)
	case c.Conns[i].Origin:
		return fmt.Sprintf("connection %d, at our origin", i+1)
	}
	return fmt.Sprintf("connection %d, of our client", i+1)
}

// Ops lists what an engine does in all connections in order.
func (c Case) Ops() []Op {
	var ops []Op
	for _, conn := range c.Conns {
		ops = append(ops, conn.Ops()...)
	}
	return ops
}

// Deflate returns the negotiation of the first connection that has one, or nil.
func (c Case) Deflate() *Deflate {
	for _, conn := range c.Conns {
		if conn.Deflate != nil {
			return conn.Deflate
		}
	}
	return nil
}

// Corpus names the payload whose slices the case sends, or is "".
func (c Case) Corpus() string {
	for _, op := range c.Ops() {
		if loop, ok := op.(LoopOp); ok {
			return loop.Corpus
		}
	}
	return ""
}

// Clone returns a copy that shares no slice with c but those of its steps and its want.
func (c Case) Clone() Case {
	c.RFC, c.Requirements, c.Roles, c.Needs = slices.Clone(c.RFC), slices.Clone(c.Requirements), slices.Clone(c.Roles), slices.Clone(c.Needs)
	c.Shows, c.Disputed = slices.Clone(c.Shows), slices.Clone(c.Disputed)
	c.Conns = slices.Clone(c.Conns)
	for i, conn := range c.Conns {
		c.Conns[i].Head, c.Conns[i].Steps, c.Conns[i].Tunnel = slices.Clone(conn.Head), slices.Clone(conn.Steps), slices.Clone(conn.Tunnel)
		if conn.Deflate != nil {
			c.Conns[i].Deflate = &Deflate{Offers: conn.Deflate.Offers, Accept: slices.Clone(conn.Deflate.Accept)}
		}
		if conn.TLS != nil {
			own := *conn.TLS
			own.Protocols = slices.Clone(own.Protocols)
			c.Conns[i].TLS = &own
		}
	}
	return c
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

	// What the harness promises of its own compressor, though the client did not ask.
	ServerNoContextTakeover bool
	ServerMaxWindowBits     uint8 // 0 means none; the smaller value counts if the client asked too
}

// Section is a chapter of a catalogue.
type Section struct {
	ID    string // "6" or "6.4"
	Title string
	Why   string // what goes wrong in practice where a peer fails its cases; "" is that of the section above
}
