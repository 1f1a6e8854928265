package check

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/internal/wire"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// NamesOnly holds of a response whose field comes once and is this word, whatever its
// case.
type NamesOnly struct{ Name, Word string }

// Sound holds if the peer's half of the opening handshake breaks no rule.
type Sound struct{}

// FreshNonces holds if no two connections of the case had the same Sec-WebSocket-Key.
type FreshNonces struct{}

// NoOffence holds if the peer broke no rule once its half of the handshake was there.
type NoOffence struct{}

// Measured holds of a response that says where its body ends (RFC 9112 §6.3).
type Measured struct{}

// Parts holds of a response that says that the connection ends behind it.
type Parts struct{}

// HasField holds of a response with the field.
type HasField struct{ Name string }

// Unasked holds of a client whose request does not have the field.
type Unasked struct{ Name string }

// Prompt holds if each connection of the case had a response, and the quickest of the
// second Base connections took no longer than Within, or than eight times the quickest
// of the first Base. The quickest of several tells the peer from a machine that is busy.
type Prompt struct {
	Base   int
	Within time.Duration
}

// SoundKey holds if the client's Sec-WebSocket-Key is the base64 of 16 bytes, with its
// unused bits clear.
type SoundKey struct{}

// SoundOrigin holds if the client sends no Origin, or one that is an origin: a scheme, a
// host and perhaps a port, or null.
type SoundOrigin struct{}

// Asks holds of a request that has the field once, with this in its value.
type Asks struct{ Name, Part string }

// AsksHost holds of a request that names this host, once, where {host} and {port} stand
// for where it came.
type AsksHost struct{ Host string }

// Targets holds of a request for one of these targets. Letters in percent signs have no
// case.
type Targets []string

// NoRequest holds if the client sent no request.
type NoRequest struct{}

// Retries holds if the client asked again no more often than this, where our response did not
// open the connection.
type Retries struct{ Most int }

// BacksOff holds if the client, where it connected again and again, waited longer each time.
type BacksOff struct{}

// Unprompted holds of a response that came before we ended our direction of TCP.
type Unprompted struct{}

// Withholds holds if no further request of the client has one of these fields. It looks at
// what the transcript keeps of them.
type Withholds []string

// WithholdsPlain holds if no further request of the client that comes without TLS, where the first
// had it, has one of these fields.
type WithholdsPlain []string

// StaysSecure holds if no further request of the client comes without TLS, where the first had it.
type StaysSecure struct{}

// Proxied holds if the client asked its proxy for something.
type Proxied struct{}

// Tunnels holds if the client asked its proxy of HTTP for a tunnel to this host and port, as
// [cases.FillAddress] fills them in, and named no other host in Host.
type Tunnels struct{ To string }

// AsksByName holds if the client asked its proxy of SOCKS for this host and port, and left it to
// the proxy to look up the name.
type AsksByName struct{ To string }

// AsksNot holds of a request without the field.
type AsksNot struct{ Name string }

// Holds looks at the field.
func (n NamesOnly) Holds(t *transcript.Transcript) bool {
	value, ok := wire.ParseHead(t.Response).One(n.Name)
	return ok && strings.EqualFold(value, n.Word)
}

func (n NamesOnly) String() string { return n.Name + " is " + n.Word + ", once" }

// Holds looks at the half of the peer.
func (Sound) Holds(t *transcript.Transcript) bool {
	request, response := wire.ParseHead(t.Request), wire.ParseHead(t.Response)
	switch {
	case t.Stream: // whose own offences are events
		return t.Request != "" && t.Response != ""
	case t.Role == cases.Client:
		return len(wire.RequestOffences(request)) == 0 && t.Request != ""
	}
	return len(wire.ResponseOffences(request, response)) == 0 && t.Response != ""
}

func (Sound) String() string { return "the peer's half of the opening handshake breaks no rule" }

// Holds looks at the requests of all connections.
func (FreshNonces) Holds(t *transcript.Transcript) bool {
	seen := map[string]bool{}
	for _, c := range t.Conns() {
		key, ok := wire.ParseHead(c.Request).One("Sec-WebSocket-Key")
		if !ok || seen[key] {
			return false
		}
		seen[key] = true
	}
	return true
}

func (FreshNonces) String() string { return "every connection has a key of its own" }

// Holds looks for an offence.
func (NoOffence) Holds(t *transcript.Transcript) bool {
	_, found := t.Find(transcript.GotOffence)
	return !found
}

func (NoOffence) String() string { return "no rule is broken" }

// Holds looks at the fields that give a length.
func (Measured) Holds(t *transcript.Transcript) bool {
	h := wire.ParseHead(t.Response)
	coding := h.List("Transfer-Encoding")
	_, length := h.One("Content-Length")
	return length || (Parts{}).Holds(t) || slices.Contains(coding, "chunked") || strings.HasPrefix(h.Start(), "HTTP/1.1 304")
}

func (Measured) String() string { return "the response says where its body ends" }

// Holds looks at Connection.
func (Parts) Holds(t *transcript.Transcript) bool {
	return wire.ParseHead(t.Response).Last()
}

func (Parts) String() string { return "the response ends the connection" }

// Holds looks for the field.
func (f HasField) Holds(t *transcript.Transcript) bool {
	return barred(t, f.Name) || len(wire.ParseHead(t.Response).Values(f.Name)) > 0
}

// barred reports whether no message may have the field, since the connection is a stream of
// HTTP/2 (RFC 9113 §8.2.2).
func barred(t *transcript.Transcript, name string) bool { return t.Stream && name == "Upgrade" }

func (f HasField) String() string { return "a field " + f.Name }

// Holds looks at the request.
func (u Unasked) Holds(t *transcript.Transcript) bool {
	return t.Request != "" && len(wire.ParseHead(t.Request).Values(u.Name)) == 0
}

func (u Unasked) String() string { return "the request has no " + u.Name }

// Holds compares the times of the responses on all connections.
func (p Prompt) Holds(t *transcript.Transcript) bool {
	var took []time.Duration
	for _, c := range t.Conns() {
		e, ok := c.Find(transcript.GotAnswer)
		if !ok {
			return false
		}
		took = append(took, e.At)
	}
	return len(took) >= 2*p.Base && slices.Min(took[p.Base:2*p.Base]) <= max(p.Within, 8*slices.Min(took[:p.Base]))
}

func (p Prompt) String() string {
	return fmt.Sprintf("a response within %s, or eight times what the first %d connections take", seconds(p.Within), p.Base)
}

// Holds looks at the request.
func (SoundKey) Holds(t *transcript.Transcript) bool {
	key, ok := wire.ParseHead(t.Request).One("Sec-WebSocket-Key")
	return ok && wsproto.ValidKey(key)
}

func (SoundKey) String() string { return "the key is the base64 of 16 bytes, without stray bits" }

var originForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(null|[a-z][a-z0-9+.-]*://[^/?#@ ]*)$`) })

// Holds looks at the request.
func (SoundOrigin) Holds(t *transcript.Transcript) bool {
	h := wire.ParseHead(t.Request)
	origin, ok := h.One("Origin")
	return len(h.Values("Origin")) == 0 || ok && originForm().MatchString(origin)
}

func (SoundOrigin) String() string { return "one origin, without a path, or none" }

// Holds looks at the field.
func (a Asks) Holds(t *transcript.Transcript) bool {
	value, ok := wire.ParseHead(t.Request).One(a.Name)
	return ok && strings.Contains(value, a.Part)
}

func (a Asks) String() string { return "a request with " + a.Name + ": " + a.Part + ", once" }

// Holds looks for the field.
func (a AsksNot) Holds(t *transcript.Transcript) bool {
	return t.Request != "" && len(wire.ParseHead(t.Request).Values(a.Name)) == 0
}

func (a AsksNot) String() string { return "a request without " + a.Name }

// Holds looks at Host.
func (a AsksHost) Holds(t *transcript.Transcript) bool {
	value, ok := wire.ParseHead(t.Request).One("Host")
	return ok && strings.EqualFold(value, atAddress(t, a.Host))
}

func (a AsksHost) String() string { return "a request with Host: " + a.Host + ", once" }

var percent = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`%[0-9A-Fa-f]{2}`) })

// Holds looks at the first line.
func (list Targets) Holds(t *transcript.Transcript) bool {
	words := strings.Split(wire.ParseHead(t.Request).Start(), " ")
	return len(words) == 3 && slices.Contains(list, percent().ReplaceAllStringFunc(words[1], strings.ToUpper))
}

func (list Targets) String() string { return "a request for " + strings.Join(list, " or ") }

// Holds counts requests beyond the first.
func (r Retries) Holds(t *transcript.Transcript) bool {
	return t.Count(transcript.GotRequest) <= r.Most
}

func (r Retries) String() string { return fmt.Sprintf("at most %d further requests", r.Most) }

// Holds compares the times between further requests, and leaves a tenth of them to chance.
func (BacksOff) Holds(t *transcript.Transcript) bool {
	var last, gap time.Duration
	first := true
	for _, e := range t.Events {
		if e.Kind != transcript.GotRequest {
			continue
		}
		if !first {
			if e.At-last <= gap*11/10 {
				return false
			}
			gap = e.At - last
		}
		last, first = e.At, false
	}
	return true
}

func (BacksOff) String() string {
	return "each wait before a further connection is longer than the one before"
}

// Holds compares the times of both.
func (Unprompted) Holds(t *transcript.Transcript) bool {
	e, ok := t.Find(transcript.GotAnswer)
	return ok && (t.Left == 0 || e.At < t.Left)
}

func (Unprompted) String() string { return "the response comes before we end our direction" }

// Holds looks at further requests.
func (w Withholds) Holds(t *transcript.Transcript) bool {
	return !slices.ContainsFunc(t.Events, func(e transcript.Event) bool {
		return e.Kind == transcript.GotRequest && slices.ContainsFunc(w, func(name string) bool {
			return len(wire.ParseHead(string(e.Data)).Values(name)) > 0
		})
	})
}

func (w Withholds) String() string { return "no further request with " + strings.Join(w, " or ") }

// Holds looks at further requests.
func (w WithholdsPlain) Holds(t *transcript.Transcript) bool {
	return Withholds(w).Holds(&transcript.Transcript{Events: slices.DeleteFunc(slices.Clone(t.Events), func(e transcript.Event) bool { return !e.Plain })})
}

func (w WithholdsPlain) String() string {
	return "no further request without TLS with " + strings.Join(w, " or ")
}

// Holds looks at further requests.
func (StaysSecure) Holds(t *transcript.Transcript) bool {
	return !slices.ContainsFunc(t.Events, func(e transcript.Event) bool { return e.Plain })
}

func (StaysSecure) String() string { return "no further request without TLS" }

// Holds looks for what it asked.
func (Proxied) Holds(t *transcript.Transcript) bool { return t.Count(transcript.GotProxied) > 0 }

func (Proxied) String() string { return "the client asks the proxy" }

// Holds looks at the first request to the proxy. RFC 6455 §4.1 shows Host without a port.
func (x Tunnels) Holds(t *transcript.Transcript) bool {
	e, _ := t.Find(transcript.GotProxied)
	h := wire.ParseHead(string(e.Data))
	to := atAddress(t, x.To)
	name, _, _ := strings.Cut(to, ":")
	host, ok := h.One("Host")
	return ok && h.Start() == "CONNECT "+to+" HTTP/1.1" && (strings.EqualFold(host, to) || strings.EqualFold(host, name))
}

func (x Tunnels) String() string {
	return "the client asks the proxy to CONNECT to " + x.To + ", with Host"
}

// Holds looks at the first request to the proxy.
func (x AsksByName) Holds(t *transcript.Transcript) bool {
	e, _ := t.Find(transcript.GotProxied)
	return string(e.Data) == "name "+atAddress(t, x.To)
}

func (x AsksByName) String() string { return "the client asks the proxy for " + x.To + " by name" }

// atAddress fills in where the client was to find us.
func atAddress(t *transcript.Transcript, s string) string {
	colon := strings.LastIndexByte(t.Address, ':')
	port, err := strconv.Atoi(t.Address[colon+1:])
	if err != nil {
		return "nowhere"
	}
	return cases.FillAddress(s, strings.Trim(t.Address[:max(colon, 0)], "[]"), port)
}

// Holds looks for a request.
func (NoRequest) Holds(t *transcript.Transcript) bool { return t.Request == "" }

func (NoRequest) String() string { return "no request" }
