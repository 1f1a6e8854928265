package check

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/internal/wire"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// Agreed holds of a response that agrees on permessage-deflate, with legal
// parameters only, each once, with those of With and without those of Without
// (RFC 7692 §7.1).
type Agreed struct{ Without, With []string }

// Bits holds of a response in which the parameter of permessage-deflate has a value
// in the range.
type Bits struct {
	Param    string
	From, To int
}

// Declined holds if the connection opened without permessage-deflate.
type Declined struct{}

// Offers holds of a client that offers permessage-deflate, in one of its offers with
// the parameter, if there is one, and with no smaller value than Bits, if it gives one.
type Offers struct {
	Param string
	Bits  int
}

// Restricted holds if the peer restricts our compressor: it asked for messages that
// do not refer to earlier ones, or for a window below 32 KiB (RFC 7692 §7.1).
type Restricted struct{}

const deflateName = "permessage-deflate"

// Holds looks at Sec-WebSocket-Extensions.
func (a Agreed) Holds(t *transcript.Transcript) bool {
	values := wire.ParseHead(t.Response).Values("Sec-WebSocket-Extensions")
	if len(values) != 1 {
		return false
	}
	list, err := wsproto.ParseExtensions(values[0])
	if err != nil || len(list) != 1 || !strings.EqualFold(list[0].Name, deflateName) {
		return false
	}
	if _, err := wsproto.ParseDeflate(list[0]); err != nil {
		return false
	}
	has := func(name string) bool { _, found := param(list[0], name); return found }
	return !slices.ContainsFunc(a.Without, has) && !slices.ContainsFunc(a.With, func(name string) bool { return !has(name) })
}

func (a Agreed) String() string {
	s := "permessage-deflate with legal parameters"
	if len(a.With) > 0 {
		s += ", with " + strings.Join(a.With, " and ")
	}
	if len(a.Without) > 0 {
		s += ", without " + strings.Join(a.Without, " and ")
	}
	return s
}

// Holds looks at Sec-WebSocket-Extensions.
func (b Bits) Holds(t *transcript.Transcript) bool {
	list, err := wsproto.ParseExtensions(strings.Join(wire.ParseHead(t.Response).Values("Sec-WebSocket-Extensions"), ", "))
	if err != nil || len(list) != 1 {
		return false
	}
	value, _ := param(list[0], b.Param)
	n, err := strconv.Atoi(value)
	return err == nil && n >= b.From && n <= b.To
}

func (b Bits) String() string { return fmt.Sprintf("%s is %d to %d", b.Param, b.From, b.To) }

// Holds looks at what was agreed.
func (Declined) Holds(t *transcript.Transcript) bool { return t.Opened && !t.Deflate }

func (Declined) String() string { return "no permessage-deflate" }

// Holds looks at the request.
func (o Offers) Holds(t *transcript.Transcript) bool {
	list, err := wsproto.ParseExtensions(strings.Join(wire.ParseHead(t.Request).Values("Sec-WebSocket-Extensions"), ", "))
	return err == nil && slices.ContainsFunc(list, func(e wsproto.Extension) bool {
		if !strings.EqualFold(e.Name, deflateName) {
			return false
		}
		value, found := param(e, o.Param)
		n, err := strconv.Atoi(value)
		return o.Param == "" || found && (value == "" || err == nil && n >= o.Bits)
	})
}

func (o Offers) String() string {
	s := "the client offers " + deflateName
	if o.Param != "" {
		s += " with " + o.Param
	}
	if o.Bits > 0 {
		s += fmt.Sprintf(" of %d or more", o.Bits)
	}
	return s
}

// Holds looks at what was agreed for our direction.
func (Restricted) Holds(t *transcript.Transcript) bool {
	values := wire.ParseHead(t.Response).Values("Sec-WebSocket-Extensions")
	list, err := wsproto.ParseExtensions(strings.Join(values, ", "))
	if err != nil || len(list) != 1 {
		return false
	}
	p, err := wsproto.ParseDeflate(list[0])
	bits, fresh := p.ClientMaxWindowBits, p.ClientNoContextTakeover
	if t.Role == cases.Client {
		bits, fresh = p.ServerMaxWindowBits, p.ServerNoContextTakeover
	}
	return err == nil && (fresh || bits != 0 && bits < 15)
}

func (Restricted) String() string { return "the peer restricts what our compressor may refer to" }

// param returns the value of a parameter, "" for none.
func param(e wsproto.Extension, name string) (value string, found bool) {
	i := slices.IndexFunc(e.Params, func(p wsproto.Param) bool { return strings.EqualFold(p.Name, name) })
	if i < 0 {
		return "", false
	}
	return e.Params[i].Value, true
}
