package autobahn_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/autobahn"
	"github.com/wsconform/wsconform/internal/corpora"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A fact is what Autobahn 25.10.1 does in a case, to the byte. The file was
// taken down from the original once; it holds no prose.
type fact struct {
	Index         int                    `json:"index"`
	ID            string                 `json:"id"`
	Steps         []factStep             `json:"steps"`
	Events        map[string][]factEvent `json:"events"`
	ClosedByUs    bool                   `json:"closedByUs"`
	Codes         []wsproto.StatusCode   `json:"codes"`
	Clean         bool                   `json:"clean"`
	WrongEndFails bool                   `json:"wrongEndFails"`
	ClosesOnMatch bool                   `json:"closesOnMatch"`
	NoAutoClose   bool                   `json:"noAutoClose"`
	Rule          string                 `json:"rule"`
	RFC           []string               `json:"rfc"`
	Offers        string                 `json:"offers"`
	Accept        []cases.Demand         `json:"accept"`
}

type factStep struct {
	Do       string
	Opcode   wsproto.Opcode
	Fin      bool
	RSV      uint8
	Payload  factPayload
	Chop     int
	Alone    bool
	Len      int
	Fragment int
	Frames   int // of a message, in all
	Last     int // length of its last frame
	Body     string
	Seconds  float64
	Mark     string
	Count    int
	Corpus   string
	Units    string
}

type factPayload struct {
	Unit string
	Len  int
}

type factEvent struct {
	Kind    transcript.EventKind
	Binary  bool
	Payload factPayload
	Mark    string
}

func loadFacts(t *testing.T) []fact {
	t.Helper()
	packed, err := os.ReadFile("testdata/facts.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	var facts []fact
	if err := json.NewDecoder(r).Decode(&facts); err != nil {
		t.Fatal(err)
	}
	return facts
}

func TestCatalogueAgreesWithAutobahn(t *testing.T) {
	facts := loadFacts(t)
	list := autobahn.All()
	if len(list) != 517 || len(facts) != 517 {
		t.Fatalf("got %d cases and %d facts, want 517 of each", len(list), len(facts))
	}
	for i, c := range list {
		got, want := reflect.ValueOf(asFact(i+1, c)), reflect.ValueOf(facts[i])
		for f := range got.NumField() {
			if g, w := got.Field(f).Interface(), want.Field(f).Interface(); !equalField(g, w) {
				t.Errorf("case %s: %s:\n got %s\nwant %s", c.ID, got.Type().Field(f).Name, spell(g), spell(w))
			}
		}
	}
}

// equalField treats events by their bytes, which the catalogue does not keep whole.
func equalField(got, want any) bool {
	if events, ok := want.(map[string][]factEvent); ok {
		digested := map[string][]factEvent{}
		for grade, list := range events {
			digested[grade] = []factEvent{}
			for _, e := range list {
				if e.Kind != transcript.GotTimeout {
					e.Payload = digest(e.Payload)
				}
				digested[grade] = append(digested[grade], e)
			}
		}
		want = digested
	}
	return reflect.DeepEqual(got, want)
}

func spell(v any) string {
	p, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	if len(p) > 1500 {
		p = append(p[:1500], "..."...)
	}
	return string(p)
}

// digest replaces the unit of a payload by the SHA-256 of the whole.
func digest(p factPayload) factPayload {
	unit, err := hex.DecodeString(p.Unit)
	if err != nil {
		panic(err)
	}
	whole := cases.Payload{Unit: unit, Len: p.Len}.Bytes()
	return factPayload{Unit: sum(whole), Len: p.Len}
}

func sum(p []byte) string {
	s := sha256.Sum256(p)
	return hex.EncodeToString(s[:])
}

func asFact(index int, c cases.Case) fact {
	f := fact{
		Index: index, ID: string(c.ID), RFC: c.RFC, Events: map[string][]factEvent{},
		ClosedByUs: autobahn.Of(c).ClosedByUs, Codes: autobahn.Of(c).Codes, Clean: autobahn.Of(c).Clean,
		WrongEndFails: autobahn.Of(c).WrongEndFails, NoAutoClose: autobahn.Of(c).NoAutoClose,
		Rule: map[autobahn.Rule]string{
			autobahn.WrongCodeFails: "wrong code fails",
			autobahn.Observe:        "observe",
			autobahn.EchoLength:     "echo length",
			autobahn.EchoAll:        "echo all",
			autobahn.EchoDeflated:   "echo deflated",
		}[autobahn.Of(c).Rule],
	}
	for _, s := range c.Steps() {
		f.Steps = append(f.Steps, asFactSteps(c.ID, s)...)
	}
	for _, r := range autobahn.Of(c).Events {
		list := []factEvent{}
		for _, e := range r.Events {
			list = append(list, asFactEvent(e))
		}
		f.Events[string(r.Behavior)] = list
	}
	f.ClosesOnMatch = autobahn.Of(c).ClosedByUs && !autobahn.Of(c).NoAutoClose &&
		len(autobahn.Of(c).Events) == 1 && len(autobahn.Of(c).Events[0].Events) > 0
	if c.Deflate() != nil {
		f.Offers, f.Accept = c.Deflate().Offers, c.Deflate().Accept
	}
	return f
}

func asFactEvent(e transcript.Event) factEvent {
	f := factEvent{Kind: e.Kind, Binary: e.Binary}
	switch {
	case e.Kind == transcript.GotTimeout:
		f.Mark = string(e.Data)
	case e.SHA256 != "":
		f.Payload = factPayload{e.SHA256, e.Len}
	default:
		f.Payload = factPayload{sum(e.Data), e.Len}
	}
	return f
}

func asFactPayload(p cases.Payload) factPayload {
	if p.Len == 0 {
		return factPayload{}
	}
	return factPayload{hex.EncodeToString(p.Unit), p.Len}
}

func asFactSteps(id cases.ID, s cases.Step) []factStep {
	switch s := s.(type) {
	case cases.Frame:
		return []factStep{{
			Do: "frame", Opcode: s.Opcode, Fin: !s.NotFin, RSV: s.RSV, Payload: asFactPayload(s.Payload),
			Chop: s.Chop, Alone: s.Alone,
		}}
	case cases.FrameHeader:
		return []factStep{{Do: "header", Opcode: s.Opcode, Fin: !s.NotFin, RSV: s.RSV, Len: int(s.Length)}}
	case cases.Octets:
		return []factStep{{Do: "octets", Payload: asFactPayload(s.Payload)}}
	case cases.Message:
		return messageFacts(id, s)
	case cases.Close:
		return []factStep{{Do: "close", Body: hex.EncodeToString(s.Body())}}
	case cases.Pause:
		return []factStep{{Do: "pause", Seconds: s.For.Seconds(), Mark: s.Mark}}
	case cases.KillAfter:
		return []factStep{{Do: "kill", Seconds: s.After.Seconds()}}
	case cases.CloseAfter:
		return []factStep{{Do: "closeAfter", Seconds: s.After.Seconds()}}
	case cases.EchoLoop:
		f := factStep{Do: "loop", Opcode: s.Opcode, Count: s.Count, Len: s.Length, Fragment: s.Fragment}
		if s.Corpus == "" {
			f.Payload = factPayload{hex.EncodeToString(s.Payload.Unit), s.Payload.Len}
			if s.Payload.Len == 0 {
				f.Payload.Unit = ""
			}
			return []factStep{f}
		}
		f.Corpus, f.Units = corpora.Original(s.Corpus), "octets"
		if corpora.IsText(s.Corpus) {
			f.Units = "characters"
		}
		return []factStep{f}
	default:
		panic(fmt.Sprintf("case %s: step %T", id, s))
	}
}

// messageFacts writes short messages as their frames, as the facts do.
func messageFacts(id cases.ID, m cases.Message) []factStep {
	frames := fragments(m)
	if id.Section() == "6" {
		var list []factStep
		for i, p := range frames {
			f := factStep{
				Do: "frame", Opcode: wsproto.OpContinuation, Fin: i == len(frames)-1,
				Payload: asFactPayload(cases.Data(p)),
			}
			if i == 0 {
				f.Opcode = m.Opcode
			}
			list = append(list, f)
		}
		return list
	}
	return []factStep{{
		Do: "message", Opcode: m.Opcode, Payload: asFactPayload(m.Payload), Fragment: m.Fragment,
		Frames: len(frames), Last: len(frames[len(frames)-1]),
	}}
}

// fragments cuts a message as [cases.Message] says.
func fragments(m cases.Message) [][]byte {
	p := m.Payload.Bytes()
	if m.Fragment == 0 || len(p) <= m.Fragment {
		return [][]byte{p}
	}
	frames := slices.Collect(slices.Chunk(p, m.Fragment))
	if len(p)%m.Fragment == 0 {
		frames = append(frames, nil)
	}
	return frames
}
