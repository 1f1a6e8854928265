package transcript

import (
	"slices"
	"time"

	"github.com/wsconform/wsconform/internal/wire"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A Transcript is what happened on a connection: everything the verdict depends
// on, and what a reader needs to follow it. It is bounded, whatever the peer
// sends, and does not depend on what the case wants.
//
// The flags follow the connection model of the Autobahn testsuite: "we" is the
// harness. Codes are 0 where there was none.
type Transcript struct {
	Role    Role   `json:"role"`
	Opened  bool   `json:"opened"` // the opening handshake was completed
	Request string `json:"request,omitempty"`
	// Address is the host and port at which a client that is started for each connection
	// was to find us, such as "127.0.0.1:9001".
	Address  string        `json:"address,omitempty"`
	Response string        `json:"response,omitempty"`
	Started  time.Time     `json:"started,omitzero"`
	Duration time.Duration `json:"duration"` // from the opening handshake to the end of TCP, in nanoseconds

	// Events are what happened, in order. The list is bounded; the events that end a
	// connection are always in it.
	Events []Event `json:"events,omitempty"`
	// Messages and Pongs count those that came, also beyond the bound of the events.
	Messages int `json:"messages,omitempty"`
	Pongs    int `json:"pongs,omitempty"`
	Flooded  int `json:"flooded,omitempty"` // frames that a [cases.Flood] was to send
	// Echoes counts the right echoes of an echo loop, WrongEcho whether one was of
	// the wrong type, length or content. In run files of version 1 they count those
	// of section 9 too, whose messages are no events there.
	Echoes    int  `json:"echoes,omitempty"`
	WrongEcho bool `json:"wrongEcho,omitempty"`
	// Wrong is the wrong echo of a loop, as a message.
	Wrong   *Event `json:"wrong,omitempty"`
	Deflate bool   `json:"deflate,omitempty"` // permessage-deflate was agreed

	ClosedByUs       bool   `json:"closedByUs"`  // our close frame was not a reply
	FailedByUs       bool   `json:"failedByUs"`  // we failed the connection
	DroppedByUs      bool   `json:"droppedByUs"` // we decided to drop TCP
	Clean            bool   `json:"clean"`       // the closing handshake was completed
	UncleanReason    string `json:"uncleanReason,omitempty"`
	OpenTimeout      bool   `json:"openTimeout,omitempty"`
	Expired          bool   `json:"expired,omitempty"`          // a wait ended by its time, in the RFC suite
	CloseTimeout     bool   `json:"closeTimeout,omitempty"`     // no answer to our close
	ServerDropExpiry bool   `json:"serverDropExpiry,omitempty"` // the server kept TCP after the closing handshake
	// Left is when we began to close, or ended our direction of TCP, before the peer did either:
	// since the opening handshake, or since our request where that was not completed. It is
	// 0 if we did not.
	Left time.Duration `json:"left,omitempty"`

	LocalCode    wsproto.StatusCode `json:"localCode,omitempty"`
	LocalReason  Octet              `json:"localReason,omitempty"`
	RemoteClose  bool               `json:"remoteClose,omitempty"` // the peer sent a close frame
	RemoteCode   wsproto.StatusCode `json:"remoteCode,omitempty"`
	RemoteZero   bool               `json:"remoteZero,omitempty"` // that code was 0 on the wire, rather than absent
	RemoteReason Octet              `json:"remoteReason,omitempty"`

	// Crowd is what became of the connections beside this one, if the case has any.
	Crowd *Crowded `json:"crowd,omitempty"`
	// Grown is how much more memory the gateway had at the most, in bytes, while the
	// connection was played. 0 means that it was not looked at, or had no more.
	Grown int64 `json:"grown,omitempty"`

	TLS *TLSState `json:"tls,omitempty"` // nil without TLS
	// Keys are the masking keys of the peer's first frames, one behind the other, as many as
	// [cases.Case.Keys] asks for.
	Keys    Octet    `json:"keys,omitempty"`
	Traffic *Traffic `json:"traffic,omitempty"`
	Stats   Stats    `json:"stats,omitzero"`
	Log     []Entry  `json:"log,omitempty"`
	LogLost int      `json:"logLost,omitempty"` // entries beyond the bound, not kept

	// Stream is set where the connection is a stream of HTTP/2 (RFC 8441): the ends of TCP
	// in the events are then those of the stream.
	Stream bool `json:"stream,omitempty"`
	// Streams are what happened on the streams of a connection that was played frame by frame
	// of HTTP/2, in the order of their numbers in the case. The events of the connection
	// itself are in Events.
	Streams []Transcript `json:"streams,omitempty"`

	// More are the transcripts of the case's further connections, in order.
	More []Transcript `json:"more,omitempty"`

	other *Transcript // see Pair
}

// Conns lists the transcripts of all connections of the case, in order.
func (t *Transcript) Conns() []*Transcript {
	list := []*Transcript{t}
	for i := range t.More {
		list = append(list, &t.More[i])
	}
	return list
}

// Received lists the events that a case of Autobahn can want: messages, pongs and
// pauses that came to their end.
func (t *Transcript) Received() []Event {
	var list []Event
	for _, e := range t.Events {
		switch e.Kind {
		case GotMessage, GotPong, GotTimeout:
			list = append(list, e)
		case GotAnswer, GotPing, GotClose, GotOffence, GotEnd, GotReset, GotAlert, GotTaken, GotBegin, GotBody, GotRequest, GotProxied, GotSettings, GotAck, GotGoAway, GotFull:
		}
	}
	return list
}

// Answers reports whether the event is a pong with the payload of a ping or a pong of
// ours, as far as the log has them. Without a log every pong is.
func (t *Transcript) Answers(e Event) bool {
	if e.Kind != GotPong {
		return false
	}
	known := false
	for _, sent := range t.Log {
		if sent.Kind != LogFrame || sent.Dir != Out {
			continue
		}
		known = true
		if sent.Opcode >= wsproto.OpPing && sent.Len == e.Len && (len(sent.Data) < sent.Len || string(sent.Data) == string(e.Data)) {
			return true
		}
	}
	return !known
}

// Find returns the first event of a kind.
func (t *Transcript) Find(kind EventKind) (Event, bool) {
	i := slices.IndexFunc(t.Events, func(e Event) bool { return e.Kind == kind })
	if i < 0 {
		return Event{}, false
	}
	return t.Events[i], true
}

// Count is the number of events of a kind.
func (t *Transcript) Count(kind EventKind) int {
	n := 0
	for _, e := range t.Events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// Pair tells the transcripts of the two halves of a connection through a gateway of each other.
func Pair(a, b *Transcript) { a.other, b.other = b, a }

// Other is the transcript of the other half of a connection through a gateway; nil
// without one, and in a stored run.
func (t *Transcript) Other() *Transcript { return t.other }

// Heads returns the head that the peer sent, without the interim responses before the last
// one, and the head that was sent at the other end of a gateway.
func (t *Transcript) Heads() (got, sent string) {
	got = t.Response
	if t.Role == Client {
		got = t.Request
	}
	switch {
	case t.other == nil:
	case t.Role == Client:
		sent = t.other.Request
	default:
		sent = t.other.Response
	}
	return level(wire.Final(got), wire.Final(sent))
}

// Struck reports whether the log has a note of the timer.
func (t Transcript) Struck(timer Timer) bool {
	return slices.ContainsFunc(t.Log, func(e Entry) bool { return e.Timer == timer })
}

// Crowded counts the connections of a [cases.Conn.Crowd].
type Crowded struct {
	Tried   int `json:"tried"`   // that were to be open at once
	Opened  int `json:"opened"`  // that did open
	Refused int `json:"refused"` // by a response, or by the end of TCP
	Sound   int `json:"sound"`   // that brought each message to its other end, and no other
	Crossed int `json:"crossed"` // that brought a message of another connection
	// Trouble is the first that went wrong, in words.
	Trouble string `json:"trouble,omitempty"`
	// Bounded says why fewer were tried than the case asks for.
	Bounded string `json:"bounded,omitempty"`
}

// Traffic sums the data frames of a compressed echo loop, one way each.
type Traffic struct {
	In  Flow `json:"in"`
	Out Flow `json:"out"`
}

// A Flow is the volume of data frames in one direction, in bytes.
type Flow struct {
	Preopen  int64 `json:"preopen"`  // of the opening handshake
	Wire     int64 `json:"wire"`     // frames with their headers
	Payload  int64 `json:"payload"`  // frame payloads, compressed
	App      int64 `json:"app"`      // messages, uncompressed
	Frames   int64 `json:"frames"`   // a count
	Messages int64 `json:"messages"` // a count
}

// Stats counts reads and writes by size and frames by opcode.
type Stats struct {
	RxOctets map[int]int `json:"rxOctets,omitempty"` // size of a TCP read: how often
	TxOctets map[int]int `json:"txOctets,omitempty"`
	RxFrames map[int]int `json:"rxFrames,omitempty"` // opcode: how many
	TxFrames map[int]int `json:"txFrames,omitempty"`
}
