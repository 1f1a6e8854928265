package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/internal/wire"
)

// On holds if the check holds of a stream, by its number in the case.
type On struct {
	Stream int
	Check  cases.Check
}

// EachOf holds if the check holds of each of the first so many streams.
type EachOf struct {
	Streams int
	Check   cases.Check
}

// Setting holds if the first SETTINGS has the setting with this value, once.
type Setting struct {
	Name  string
	Value uint32
}

// NoSetting holds if no SETTINGS has the setting.
type NoSetting struct{ Name string }

// NeverSetting holds if no SETTINGS has the setting with this value.
type NeverSetting Setting

// ResetWith holds of a stream that the peer has reset with one of these codes; none stands for any.
type ResetWith []string

// EndsStream holds of a stream whose direction the peer has ended in order.
type EndsStream struct{}

// Over holds of a stream that the peer has ended or reset.
type Over struct{}

// Lives holds of a connection of HTTP/2 that the peer has not ended, and means to go on with.
type Lives struct{}

// Left holds of a connection that the peer has ended, or announced by GOAWAY to end.
type Left struct{}

// LeftWith holds of a connection that the peer has ended, or announced to end, with one of these
// codes.
type LeftWith []string

// Acks holds if so many PINGs were acknowledged.
type Acks struct{ Count int }

// Extended holds of a request over HTTP/2 that asks for a WebSocket as RFC 8441 §5.1 says.
type Extended struct{}

// NotRelayed holds if the peer did not connect to the host that :authority named.
type NotRelayed struct{}

// LawfulHTTP2 holds if the peer broke no rule, neither on the connection nor on its streams.
type LawfulHTTP2 struct{}

// Holds looks at the stream.
func (o On) Holds(t *transcript.Transcript) bool {
	return len(t.Streams) >= o.Stream && o.Check.Holds(&t.Streams[o.Stream-1])
}

func (o On) String() string { return fmt.Sprintf("on stream %d: %v", o.Stream, o.Check) }

// Holds looks at the streams.
func (e EachOf) Holds(t *transcript.Transcript) bool {
	if len(t.Streams) < e.Streams {
		return false
	}
	for i := range e.Streams {
		if !e.Check.Holds(&t.Streams[i]) {
			return false
		}
	}
	return true
}

func (e EachOf) String() string {
	return fmt.Sprintf("on each of the first %d streams: %v", e.Streams, e.Check)
}

// values lists those of a setting in a SETTINGS frame.
func values(e transcript.Event, name string) []string {
	var list []string
	for one := range strings.SplitSeq(string(e.Data), ", ") {
		if n, value, ok := strings.Cut(one, " = "); ok && n == name {
			list = append(list, value)
		}
	}
	return list
}

// Holds looks at the first SETTINGS.
func (s Setting) Holds(t *transcript.Transcript) bool {
	e, ok := t.Find(transcript.GotSettings)
	return ok && slices.Equal(values(e, s.Name), []string{fmt.Sprint(s.Value)})
}

func (s Setting) String() string { return fmt.Sprintf("SETTINGS have %s = %d, once", s.Name, s.Value) }

// Holds looks at all SETTINGS.
func (s NoSetting) Holds(t *transcript.Transcript) bool {
	return t.Count(transcript.GotSettings) > 0 && !slices.ContainsFunc(t.Events, func(e transcript.Event) bool {
		return e.Kind == transcript.GotSettings && len(values(e, s.Name)) > 0
	})
}

func (s NoSetting) String() string { return "SETTINGS have no " + s.Name }

// Holds looks at all SETTINGS.
func (s NeverSetting) Holds(t *transcript.Transcript) bool {
	return !slices.ContainsFunc(t.Events, func(e transcript.Event) bool {
		return e.Kind == transcript.GotSettings && slices.Contains(values(e, s.Name), fmt.Sprint(s.Value))
	})
}

func (s NeverSetting) String() string {
	return fmt.Sprintf("SETTINGS never have %s = %d", s.Name, s.Value)
}

// Holds looks at the reset.
func (r ResetWith) Holds(t *transcript.Transcript) bool {
	e, ok := t.Find(transcript.GotReset)
	return ok && (len(r) == 0 || slices.Contains(r, string(e.Data)))
}

func (r ResetWith) String() string {
	if len(r) == 0 {
		return "RST_STREAM"
	}
	return "RST_STREAM with " + strings.Join(r, " or ")
}

// Holds looks for the end.
func (EndsStream) Holds(t *transcript.Transcript) bool { return t.Count(transcript.GotEnd) > 0 }

func (EndsStream) String() string { return "END_STREAM" }

// Holds looks for either end.
func (Over) Holds(t *transcript.Transcript) bool {
	return t.Count(transcript.GotEnd)+t.Count(transcript.GotReset) > 0
}

func (Over) String() string { return "END_STREAM or RST_STREAM" }

// Holds looks at the connection.
func (Lives) Holds(t *transcript.Transcript) bool {
	return t.Count(transcript.GotEnd)+t.Count(transcript.GotReset)+t.Count(transcript.GotGoAway) == 0
}

func (Lives) String() string { return "the connection goes on" }

// Holds looks at the connection.
func (Left) Holds(t *transcript.Transcript) bool { return !Lives{}.Holds(t) }

func (Left) String() string { return "GOAWAY, or the end of the connection" }

// Holds looks at the codes.
func (l LeftWith) Holds(t *transcript.Transcript) bool {
	return slices.ContainsFunc(t.Events, func(e transcript.Event) bool {
		return (e.Kind == transcript.GotGoAway || e.Kind == transcript.GotReset) && slices.Contains(l, string(e.Data))
	})
}

func (l LeftWith) String() string { return "the connection ends with " + strings.Join(l, " or ") }

// Holds counts.
func (a Acks) Holds(t *transcript.Transcript) bool { return t.Count(transcript.GotAck) >= a.Count }

func (a Acks) String() string {
	if a.Count == 1 {
		return "PING is acknowledged"
	}
	return fmt.Sprintf("%d PINGs are acknowledged", a.Count)
}

// Holds looks at the request.
func (Extended) Holds(t *transcript.Transcript) bool {
	head := wire.ParseHead(t.Request)
	pseudo := map[string]string{}
	for _, line := range head.Lines {
		if rest, ok := strings.CutPrefix(line, ":"); ok {
			name, value, _ := strings.Cut(rest, ": ")
			pseudo[name] = value
		}
	}
	scheme := "http"
	if t.TLS != nil {
		scheme = "https"
	}
	lower := !slices.ContainsFunc(head.Fields, func(f wire.Field) bool { return f.Name != strings.ToLower(f.Name) })
	version, _ := head.One("sec-websocket-version")
	return strings.HasPrefix(head.Start(), "CONNECT /") && pseudo["protocol"] == "websocket" && pseudo["scheme"] == scheme && pseudo["authority"] != "" &&
		lower && version == "13" && len(head.Values("connection"))+len(head.Values("upgrade"))+len(head.Values("transfer-encoding")) == 0
}

func (Extended) String() string {
	return "CONNECT with :protocol websocket, :scheme, :authority, version 13, names in lower case, and neither Connection nor Upgrade"
}

// Holds looks for the connection.
func (NotRelayed) Holds(t *transcript.Transcript) bool { return t.Count(transcript.GotRequest) == 0 }

func (NotRelayed) String() string { return "no connection to the host of :authority" }

// Holds looks for offences.
func (LawfulHTTP2) Holds(t *transcript.Transcript) bool {
	return t.Count(transcript.GotOffence) == 0 && !slices.ContainsFunc(t.Streams, func(s transcript.Transcript) bool { return s.Count(transcript.GotOffence) > 0 })
}

func (LawfulHTTP2) String() string { return "no rule is broken" }
