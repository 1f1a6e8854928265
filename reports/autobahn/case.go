package autobahn

import (
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/autobahn"
	"github.com/wsconform/wsconform/internal/transcript"
)

// writeIndex writes index.json.
func writeIndex(w io.Writer, entries []entry) error {
	index := jsonObject{}
	for _, e := range entries {
		agent, ok := index[e.agent].(jsonObject)
		if !ok {
			agent = jsonObject{}
			index[e.agent] = agent
		}
		agent[string(e.c.ID)] = jsonObject{
			"behavior":        string(e.r.Behavior),
			"behaviorClose":   string(e.r.Close),
			"duration":        e.milliseconds(),
			"remoteCloseCode": e.remoteCode(),
			"reportfile":      e.file("json"),
		}
	}
	return writeJSONValue(w, index)
}

// writeJSON writes the report of a result.
func (e entry) writeJSON(w io.Writer) error {
	t := e.t
	rx, tx := e.sizeStats()
	log, logged := wirelogOf(e.c, t)
	return writeJSONValue(w, jsonObject{
		"agent":                          e.agent,
		"behavior":                       string(e.r.Behavior),
		"behaviorClose":                  string(e.r.Close),
		"case":                           e.number,
		"closedByMe":                     t.ClosedByUs,
		"createStats":                    true,
		"createWirelog":                  logged,
		"description":                    sentenceOf(e.c.Title),
		"droppedByMe":                    t.DroppedByUs,
		"duration":                       e.milliseconds(),
		"expectation":                    sentenceOf(e.c.Expect),
		"expected":                       e.expected(),
		"expectedClose":                  e.expectedClose(),
		"failedByMe":                     t.FailedByUs,
		"httpRequest":                    orMissing(t.Request),
		"httpResponse":                   orMissing(t.Response),
		"id":                             string(e.c.ID),
		"isServer":                       t.Role == cases.Client,
		"localCloseCode":                 e.localCode(),
		"localCloseReason":               e.localReason(),
		"received":                       eventList(autobahn.Received(e.c, &t)),
		"remoteCloseCode":                e.remoteCode(),
		"remoteCloseReason":              textOrNil(t.RemoteReason),
		"reportCompressionRatio":         e.timed() && e.c.Deflate() != nil,
		"reportTime":                     e.timed(),
		"result":                         e.result(),
		"resultClose":                    e.resultClose(),
		"rxFrameStats":                   jsonCounts(t.Stats.RxFrames),
		"rxOctetStats":                   rx,
		"started":                        t.Started.UTC().Format("2006-01-02T15:04:05.000Z"),
		"trafficStats":                   e.traffic(),
		"txFrameStats":                   jsonCounts(t.Stats.TxFrames),
		"txOctetStats":                   tx,
		"wasClean":                       t.Clean,
		"wasCloseHandshakeTimeout":       t.CloseTimeout,
		"wasNotCleanReason":              textOrNil([]byte(t.UncleanReason)),
		"wasOpenHandshakeTimeout":        t.OpenTimeout,
		"wasServerConnectionDropTimeout": t.ServerDropExpiry,
		"wirelog":                        log,
	})
}

// timed reports whether the duration of the case means something.
func (e entry) timed() bool { return e.c.Heavy() }

// expected maps a grade to the events that earn it. A case whose connection was
// never opened expects nothing yet.
func (e entry) expected() jsonObject {
	o := jsonObject{}
	if !e.t.Opened {
		return o
	}
	switch autobahn.Of(e.c).Rule {
	case autobahn.EchoLength, autobahn.EchoAll, autobahn.EchoDeflated: // their events are not compared
	case autobahn.CompareEvents, autobahn.WrongCodeFails, autobahn.Observe:
		for _, r := range autobahn.Of(e.c).Events {
			o[string(r.Behavior)] = eventList(r.Events)
		}
	}
	return o
}

func (e entry) expectedClose() jsonObject {
	w := autobahn.Of(e.c)
	if !e.t.Opened && w.Rule != autobahn.EchoDeflated {
		return jsonObject{}
	}
	codes := jsonList{}
	for _, code := range w.Codes {
		codes = append(codes, int(code))
	}
	o := jsonObject{"closedByMe": w.ClosedByUs, "closeCode": codes, "requireClean": w.Clean}
	if w.WrongEndFails {
		o["closedByWrongEndpointIsFatal"] = true
	}
	return o
}

// result explains the behaviour. Where judges of others compare the words, they
// are Autobahn's.
func (e entry) result() string {
	rule := autobahn.Of(e.c).Rule
	switch {
	case e.r.Behavior == cases.Failed && rule == autobahn.WrongCodeFails && e.r.Close == cases.CloseWrongCode:
		return e.resultClose()
	case e.r.Behavior == cases.Failed && rule == autobahn.EchoLength && e.t.Opened && !e.t.WrongEcho && !e.answered():
		for _, op := range e.c.Ops() {
			if limit, ok := op.(cases.TimerOp); ok {
				return fmt.Sprintf("Did not receive message within %d seconds.", int(limit.After.Seconds()))
			}
		}
	}
	return sentenceOf(e.r.Reason)
}

// answered reports whether any message came.
func (e entry) answered() bool {
	_, ok := e.t.Find(transcript.GotMessage)
	return ok
}

// resultClose explains the closing behaviour.
func (e entry) resultClose() string {
	if e.r.Close != cases.CloseWrongCode {
		return sentenceOf(e.r.CloseReason)
	}
	codes := make([]string, len(autobahn.Of(e.c).Codes))
	for i, code := range autobahn.Of(e.c).Codes {
		codes[i] = strconv.Itoa(int(code))
	}
	return "The close code should have been " + strings.Join(codes, ", ") + " or empty"
}

// localCode is the code of our close frame, nil if there was none. A close
// with the code 0 carries it where others have their reason.
func (e entry) localCode() any {
	if e.t.LocalCode == 0 && string(e.t.LocalReason) != "\x00\x00" {
		return nil
	}
	return int(e.t.LocalCode)
}

func (e entry) localReason() any {
	switch {
	case autobahn.HexReason(e.c):
		if len(e.t.LocalReason) == 0 {
			return "?"
		}
		return hex.EncodeToString(e.t.LocalReason)
	case e.t.LocalCode == 0 && string(e.t.LocalReason) == "\x00\x00":
		return nil
	}
	return textOrNil(e.t.LocalReason)
}

// sizeStats counts reads and writes by their size, those of the opening
// handshake among them.
func (e entry) sizeStats() (rx, tx jsonCounts) {
	rx, tx = jsonCounts{}, jsonCounts{}
	maps.Copy(rx, e.t.Stats.RxOctets)
	maps.Copy(tx, e.t.Stats.TxOctets)
	sent, received := e.t.Request, e.t.Response
	if e.t.Role == cases.Client {
		sent, received = received, sent
	}
	if sent != "" {
		tx[len(sent)]++
	}
	if received != "" {
		rx[len(received)]++
	}
	return rx, tx
}

// traffic is the volume of a compressed echo loop that came through.
func (e entry) traffic() any {
	if e.t.Traffic == nil || e.r.Behavior != cases.OK {
		return nil
	}
	o := jsonObject{}
	for name, f := range map[string]transcript.Flow{"incoming": e.t.Traffic.In, "outgoing": e.t.Traffic.Out} {
		capital := "In" + name[2:]
		if name == "outgoing" {
			capital = "Out" + name[3:]
		}
		o["preopen"+capital+"OctetsWireLevel"] = int(f.Preopen)
		o[name+"OctetsWireLevel"] = int(f.Wire)
		o[name+"OctetsWebSocketLevel"] = int(f.Payload)
		o[name+"OctetsAppLevel"] = int(f.App)
		o[name+"CompressionRatio"] = ratio(f.Payload, f.App)
		o[name+"WebSocketOverhead"] = ratio(f.Wire-f.Payload, f.Payload)
		o[name+"WebSocketFrames"] = int(f.Frames)
		o[name+"WebSocketMessages"] = int(f.Messages)
	}
	return o
}

func ratio(a, b int64) any {
	if b == 0 {
		return nil
	}
	return float64(a) / float64(b)
}

// eventList is ["message", text, binary], ["pong", text] or ["timeout", mark].
func eventList(events []transcript.Event) jsonList {
	list := jsonList{}
	for _, e := range events {
		switch e.Kind {
		case transcript.GotMessage:
			list = append(list, jsonList{"message", textOf(e.Data, e.Len), e.Binary})
		case transcript.GotPong:
			list = append(list, jsonList{"pong", textOf(e.Data, e.Len)})
		case transcript.GotTimeout:
			list = append(list, jsonList{"timeout", string(e.Data)})
		default: // Autobahn does not list it
		}
	}
	return list
}

// What is shown of bytes: beyond shownWhole only the first shownCut.
const (
	shownWhole = 60
	shownCut   = 64
)

// textOf is how the reports show bytes; data are the first of them and
// length the number: as text if they are UTF-8, else as 0x and hex.
func textOf(data []byte, length int) string {
	more := ""
	if length > shownWhole {
		data, more = data[:min(len(data), shownCut)], " ..."
	}
	if utf8.Valid(data) {
		return string(data) + more
	}
	return "0x" + hex.EncodeToString(data) + more
}

// hexOf is how the wire log shows bytes.
func hexOf(data []byte, length int) string {
	more := ""
	if length > shownWhole {
		data, more = data[:min(len(data), shownCut)], " ..."
	}
	return hex.EncodeToString(data) + more
}

func textOrNil(data []byte) any {
	if len(data) == 0 {
		return nil
	}
	return string(data)
}

// orMissing is the head of a handshake, or the mark of there being none.
func orMissing(head string) string {
	if head == "" {
		return "?"
	}
	return head
}

// sentence ends the text with a full stop and begins it with a capital.
func sentenceOf(s string) string {
	if s == "" {
		return ""
	}
	if s[0] >= 'a' && s[0] <= 'z' {
		s = string(s[0]-'a'+'A') + s[1:]
	}
	if last := s[len(s)-1]; last != '.' && last != '?' {
		s += "."
	}
	return s
}
