package wstest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/wsconform/wsconform/harness/internal/native"
)

// options are the protocol options of a configuration, by name.
type options map[string]json.RawMessage

// A protocolOption is an option of the original.
type protocolOption struct {
	side    side
	builtin string // the engine's value, as JSON; "" for any
	honoured
}

// A side is the end of a connection that an option is for.
type side uint8

const (
	bothSides side = iota
	serverSide
	clientSide
)

// honoured says how the engine takes the value of an option.
type honoured uint8

const (
	fixed   honoured = iota // only the built-in value has its effect
	seconds                 // a number of seconds; 0 means no limit
	boolean
	draft // a version of the protocol whose handshake is that of RFC 6455
)

// protocolOptions lists them all.
var protocolOptions = map[string]protocolOption{
	"allowHixie76":          {bothSides, "false", fixed},
	"utf8validateIncoming":  {bothSides, "true", fixed},
	"applyMask":             {bothSides, "true", fixed},
	"maxFramePayloadSize":   {bothSides, "0", fixed},
	"maxMessagePayloadSize": {bothSides, "0", fixed},
	"autoFragmentSize":      {bothSides, "0", fixed},
	"failByDrop":            {bothSides, "false", boolean},
	"echoCloseCodeReason":   {bothSides, "false", fixed},
	"openHandshakeTimeout":  {bothSides, "5", seconds},
	"closeHandshakeTimeout": {bothSides, "1", seconds},
	"tcpNoDelay":            {bothSides, "true", fixed},
	"autoPingInterval":      {bothSides, "0", fixed},
	"autoPingTimeout":       {bothSides, "0", fixed},
	"autoPingSize":          {bothSides, "4", fixed},

	"versions":                  {serverSide, "[0,8,13]", fixed},
	"webStatus":                 {serverSide, "true", boolean},
	"maskServerFrames":          {serverSide, "false", fixed},
	"requireMaskedClientFrames": {serverSide, "true", fixed},
	"allowedOrigins":            {serverSide, `["*"]`, fixed},
	"maxConnections":            {serverSide, "0", fixed},
	"serveFlashSocketPolicy":    {serverSide, "false", fixed},
	"flashSocketPolicy":         {serverSide, "", fixed},

	"version":                     {clientSide, "18", draft},
	"acceptMaskedServerFrames":    {clientSide, "false", fixed},
	"maskClientFrames":            {clientSide, "true", fixed},
	"serverConnectionDropTimeout": {clientSide, "1", seconds},
}

// maxSeconds bounds a time limit in a configuration.
const maxSeconds = 24 * 60 * 60

// settings are the options that have an effect.
type settings struct {
	protocol native.Protocol
	// noStatus is set where a request that asks for no WebSocket is refused.
	noStatus bool
}

// settings reads the options under the key path of a configuration. Unknown options
// are an error, as in the original. ignored lists the options whose values have no
// effect.
func (o options) settings(file source, s side, path ...string) (set settings, ignored []string, err error) {
	for _, name := range slices.Sorted(maps.Keys(o)) {
		known, ok := protocolOptions[name]
		at := append(slices.Clone(path), name)
		switch {
		case !ok:
			return set, nil, file.fault(usagef("there is no such protocol option"), at...)
		case known.side != bothSides && known.side != s:
			return set, nil, file.fault(usagef("this protocol option is not for this mode"), at...)
		case string(o[name]) == "null": // leaves the built-in value
			continue
		}
		switch known.honoured {
		case fixed:
			if known.builtin != "" && !sameJSON(o[name], known.builtin) {
				ignored = append(ignored, fmt.Sprintf("%s (always %s here)", name, known.builtin))
			}
		case draft:
			var n float64
			if json.Unmarshal(o[name], &n) != nil || n < 13 || n > 18 {
				ignored = append(ignored, fmt.Sprintf("%s (always %s here)", name, known.builtin))
			}
		case boolean:
			yes := sameJSON(o[name], "true")
			if !yes && !sameJSON(o[name], "false") {
				return set, nil, file.fault(usagef("must be true or false, not %.40s", o[name]), at...)
			}
			set.take(name, yes, 0)
		case seconds:
			var n float64
			if json.Unmarshal(o[name], &n) != nil || n < 0 || n > maxSeconds {
				return set, nil, file.fault(usagef("must be a number of seconds from 0, which means no limit, to %d, not %.40s", maxSeconds, o[name]), at...)
			}
			d := time.Duration(n * float64(time.Second))
			if d == 0 {
				d = -1
			}
			set.take(name, false, d)
		}
	}
	return set, ignored, nil
}

// take sets the option of that name.
func (set *settings) take(name string, yes bool, d time.Duration) {
	switch name {
	case "failByDrop":
		set.protocol.FailByDrop = yes
	case "webStatus":
		set.noStatus = !yes
	case "openHandshakeTimeout":
		set.protocol.OpenTimeout = d
	case "closeHandshakeTimeout":
		set.protocol.CloseTimeout = d
	case "serverConnectionDropTimeout":
		set.protocol.DropTimeout = d
	}
}

// sameJSON reports whether two values are the same to Python: 0 and false are,
// as are 1 and true, and 5 and 5.0.
func sameJSON(raw json.RawMessage, other string) bool {
	normal := func(p []byte) string {
		var v any
		if json.Unmarshal(p, &v) != nil {
			return ""
		}
		if b, ok := v.(bool); ok {
			v = 0
			if b {
				v = 1
			}
		}
		return fmt.Sprint(v)
	}
	return normal(raw) == normal([]byte(other))
}

// warnIgnored names the options that have no effect, each once.
func (c *command) warnIgnored(list []string) {
	slices.Sort(list)
	if list = slices.Compact(list); len(list) > 0 {
		c.warn("protocol options without effect: %s", strings.Join(list, ", "))
	}
}
