package autobahn

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/wsconform/wsconform/cases"
	suite "github.com/wsconform/wsconform/cases/autobahn"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// An index is index.json: agent, case id, summary of a result.
type index map[string]map[cases.ID]indexEntry

type indexEntry struct {
	Behavior   cases.Behavior      `json:"behavior"`
	Close      cases.CloseBehavior `json:"behaviorClose"`
	ReportFile string              `json:"reportfile"`
}

// A caseReport is the report of one case, with the fields that we use.
type caseReport struct {
	Agent         string              `json:"agent"`
	ID            cases.ID            `json:"id"`
	IsServer      bool                `json:"isServer"` // Autobahn was the server
	Behavior      cases.Behavior      `json:"behavior"`
	BehaviorClose cases.CloseBehavior `json:"behaviorClose"`
	Result        string              `json:"result"`
	ResultClose   string              `json:"resultClose"`
	Started       string              `json:"started"`
	Duration      float64             `json:"duration"` // milliseconds

	HTTPRequest  string    `json:"httpRequest"`
	HTTPResponse string    `json:"httpResponse"`
	Received     []event   `json:"received"`
	Wirelog      []logLine `json:"wirelog"`

	ClosedByMe        bool    `json:"closedByMe"`
	FailedByMe        bool    `json:"failedByMe"`
	DroppedByMe       bool    `json:"droppedByMe"`
	WasClean          bool    `json:"wasClean"`
	WasNotCleanReason *string `json:"wasNotCleanReason"`
	OpenTimeout       bool    `json:"wasOpenHandshakeTimeout"`
	CloseTimeout      bool    `json:"wasCloseHandshakeTimeout"`
	DropTimeout       bool    `json:"wasServerConnectionDropTimeout"`

	LocalCloseCode    *wsproto.StatusCode `json:"localCloseCode"`
	LocalCloseReason  *string             `json:"localCloseReason"`
	RemoteCloseCode   *wsproto.StatusCode `json:"remoteCloseCode"`
	RemoteCloseReason *string             `json:"remoteCloseReason"`

	RxOctets map[int]int   `json:"rxOctetStats"`
	TxOctets map[int]int   `json:"txOctetStats"`
	RxFrames map[int]int   `json:"rxFrameStats"`
	TxFrames map[int]int   `json:"txFrameStats"`
	Traffic  *trafficStats `json:"trafficStats"`
}

type trafficStats struct {
	InPreopen   int64 `json:"preopenIncomingOctetsWireLevel"`
	InWire      int64 `json:"incomingOctetsWireLevel"`
	InPayload   int64 `json:"incomingOctetsWebSocketLevel"`
	InApp       int64 `json:"incomingOctetsAppLevel"`
	InFrames    int64 `json:"incomingWebSocketFrames"`
	InMessages  int64 `json:"incomingWebSocketMessages"`
	OutPreopen  int64 `json:"preopenOutgoingOctetsWireLevel"`
	OutWire     int64 `json:"outgoingOctetsWireLevel"`
	OutPayload  int64 `json:"outgoingOctetsWebSocketLevel"`
	OutApp      int64 `json:"outgoingOctetsAppLevel"`
	OutFrames   int64 `json:"outgoingWebSocketFrames"`
	OutMessages int64 `json:"outgoingWebSocketMessages"`
}

// epoch is the smallest "duration" of a case whose opening handshake was not
// completed: its clock was not started, so the report has milliseconds since 1970.
const epoch = 1e11

// Bounds for texts that the peer controls.
const (
	maxHead   = 32 << 10 // of a handshake
	maxReason = 2 << 10
	maxEvents = 200
)

// result turns the report into a result. Unknown verdict words make it a harness error:
// they must not count as a verdict.
func (r *caseReport) result() harness.Result {
	v := cases.Verdict{
		Behavior: r.Behavior, Reason: harness.Clip(r.Result, maxReason),
		Close: r.BehaviorClose, CloseReason: harness.Clip(r.ResultClose, maxReason),
	}
	t := r.transcript()
	res := harness.Result{Case: r.ID, Duration: t.Duration, Transcript: &t}
	if !knownVerdict(v) {
		res.Outcome = harness.HarnessError
		res.Note = fmt.Sprintf("the report has the unknown verdict %.40q / %.40q", v.Behavior, v.Close)
		return res
	}
	res.Verdict, res.Outcome = v, harness.OutcomeOf(v)
	return res
}

func knownVerdict(v cases.Verdict) bool {
	switch v.Behavior {
	case cases.OK, cases.NonStrict, cases.Informational, cases.Unimplemented, cases.Failed:
	default:
		return false
	}
	switch v.Close {
	case cases.CloseOK, cases.CloseFailedByClient, cases.CloseWrongCode, cases.CloseUnclean, cases.CloseFailed, cases.CloseInformational:
		return true
	}
	return false
}

func (r *caseReport) transcript() transcript.Transcript {
	t := transcript.Transcript{
		Role:     cases.Server,
		Opened:   r.Duration < epoch,
		Request:  harness.Clip(unlessMissing(r.HTTPRequest), maxHead),
		Response: harness.Clip(unlessMissing(r.HTTPResponse), maxHead),
		Deflate:  agreedDeflate(r.HTTPResponse),

		ClosedByUs:       r.ClosedByMe,
		FailedByUs:       r.FailedByMe,
		DroppedByUs:      r.DroppedByMe,
		Clean:            r.WasClean,
		OpenTimeout:      r.OpenTimeout,
		CloseTimeout:     r.CloseTimeout,
		ServerDropExpiry: r.DropTimeout,

		RemoteClose: r.RxFrames[int(wsproto.OpClose)] > 0,
		Stats:       transcript.Stats{RxOctets: r.RxOctets, TxOctets: r.TxOctets, RxFrames: r.RxFrames, TxFrames: r.TxFrames},
	}
	if r.IsServer {
		t.Role = cases.Client
	}
	if t.Opened && r.Duration > 0 {
		t.Duration = time.Duration(r.Duration * float64(time.Millisecond))
	}
	t.Started, _ = time.Parse("2006-01-02T15:04:05.000Z", r.Started)
	if r.WasNotCleanReason != nil {
		t.UncleanReason = harness.Clip(*r.WasNotCleanReason, maxReason)
	}
	r.closeCodes(&t)
	t.Log, t.LogLost = entries(r.Wirelog)
	t.Events = events(r.Received, t.Log)
	r.echoes(&t)
	if s := r.Traffic; s != nil {
		t.Traffic = &transcript.Traffic{
			In:  transcript.Flow{Preopen: s.InPreopen, Wire: s.InWire, Payload: s.InPayload, App: s.InApp, Frames: s.InFrames, Messages: s.InMessages},
			Out: transcript.Flow{Preopen: s.OutPreopen, Wire: s.OutWire, Payload: s.OutPayload, App: s.OutApp, Frames: s.OutFrames, Messages: s.OutMessages},
		}
	}
	return t
}

func (r *caseReport) closeCodes(t *transcript.Transcript) {
	if r.LocalCloseCode != nil {
		t.LocalCode = *r.LocalCloseCode
	}
	if r.RemoteCloseCode != nil {
		t.RemoteCode, t.RemoteZero, t.RemoteClose = *r.RemoteCloseCode, *r.RemoteCloseCode == 0, true
	}
	if r.RemoteCloseReason != nil {
		t.RemoteReason = transcript.Octet(harness.Clip(*r.RemoteCloseReason, maxReason))
	}
	if r.LocalCloseReason == nil {
		return
	}
	t.LocalReason = transcript.Octet(harness.Clip(*r.LocalCloseReason, maxReason))
	if c, _ := suite.Find(r.ID); !suite.HexReason(c) {
		return
	}
	if p, err := hex.DecodeString(*r.LocalCloseReason); err == nil {
		t.LocalReason = p
	}
}

// echoes sets the number of echoes, which is missing in a report. A case that passed saw
// them all; otherwise it is the number of received messages, an upper bound.
func (r *caseReport) echoes(t *transcript.Transcript) {
	c, _ := suite.Find(r.ID)
	switch {
	case !suite.Counts(c):
	case r.Traffic != nil:
		t.Echoes = int(r.Traffic.InMessages)
	case r.Behavior == cases.OK:
		t.Echoes = r.RxFrames[int(wsproto.OpText)] + r.RxFrames[int(wsproto.OpBinary)]
	}
}

// clip cuts s to at most n bytes.
func clip(s string, n int) string { return s[:min(len(s), n)] }

// unlessMissing returns the head of a handshake, or "" for Autobahn's "?".
func unlessMissing(head string) string {
	if head == "?" {
		return ""
	}
	return head
}

func agreedDeflate(response string) bool {
	for line := range strings.Lines(response) {
		name, value, _ := strings.Cut(line, ":")
		if strings.EqualFold(strings.TrimSpace(name), "Sec-WebSocket-Extensions") &&
			strings.Contains(strings.ToLower(value), "permessage-deflate") {
			return true
		}
	}
	return false
}

// An event is ["message", text, isBinary], ["pong", text] or ["timeout", mark].
type event struct {
	kind   string
	text   string
	binary bool
}

func (e *event) UnmarshalJSON(p []byte) error {
	*e = event{}
	return unmarshalRow(p, &e.kind, &e.text, &e.binary)
}

// unmarshalRow reads an array whose elements have different types. Fields without an
// element keep their value; extra elements are ignored.
func unmarshalRow(p []byte, into ...any) error {
	var row []json.RawMessage
	if err := json.Unmarshal(p, &row); err != nil {
		return err
	}
	for i := range min(len(row), len(into)) {
		if err := json.Unmarshal(row[i], into[i]); err != nil {
			return fmt.Errorf("element %d: %w", i, err)
		}
	}
	return nil
}

// events converts the received events. Reports cut long payloads, so their lengths come
// from the frames of the wire log, if it has them.
func events(list []event, log []transcript.Entry) []transcript.Event {
	var out []transcript.Event
	lengths := payloadLengths(log)
	for _, e := range list[:min(len(list), maxEvents)] {
		kind := transcript.EventKind(e.kind)
		data, cut := bytesOf(clip(e.text, maxReason), -1)
		ev := transcript.Event{Kind: kind, Binary: e.binary, Len: len(data), Data: data}
		if kind == transcript.GotTimeout {
			ev.Len = 0
		} else if queue := lengths[kind]; len(queue) > 0 {
			if cut {
				ev.Len = queue[0]
				ev.Data = data[:min(len(data), queue[0])]
			}
			lengths[kind] = queue[1:]
		}
		out = append(out, ev)
	}
	return out
}

// payloadLengths returns the lengths of the messages and the pongs in the log, in order.
func payloadLengths(log []transcript.Entry) map[transcript.EventKind][]int {
	out := map[transcript.EventKind][]int{}
	length := 0
	for _, e := range log {
		if e.Kind != transcript.LogFrame || e.Dir != transcript.In {
			continue
		}
		switch {
		case e.Opcode == wsproto.OpPong:
			out[transcript.GotPong] = append(out[transcript.GotPong], e.Len)
		case e.Opcode <= wsproto.OpBinary:
			length += e.Len
			if e.Fin {
				out[transcript.GotMessage] = append(out[transcript.GotMessage], length)
				length = 0
			}
		}
	}
	return out
}

// bytesOf reverses Autobahn's way of writing bytes: as text, or as 0x and hex if they
// are not UTF-8, cut to the first 64 bytes and marked " ..." if there are more than
// 60. If the length is known (not negative), it decides whether text that begins with
// 0x is hex.
func bytesOf(text string, length int) (data transcript.Octet, cut bool) {
	if head, ok := strings.CutSuffix(text, " ..."); ok && (length > 60 || length < 0 && len(head) > 60) {
		text, cut = head, true
	}
	want := length
	if cut {
		want = min(length, 64)
	}
	if digits, ok := strings.CutPrefix(text, "0x"); ok && (length < 0 || want < 0 || len(digits) == 2*want) {
		if p, err := hex.DecodeString(digits); err == nil {
			return p, cut
		}
	}
	return transcript.Octet(text), cut
}

// seconds prints a number of seconds as a duration.
func seconds(s float64) string {
	return strconv.FormatFloat(s, 'f', -1, 64) + " s"
}
