package wstest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Options are protocol options by name, as they stand in a configuration.
type Options map[string]json.RawMessage

// A protocolOption is an option of the original.
type protocolOption struct {
	side    side
	builtin string // the value that the engine works with, as JSON
}

// A side is the end of a connection that an option is for.
type side uint8

const (
	bothSides side = iota
	serverSide
	clientSide
)

// protocolOptions lists them all. The engine's way of working is fixed, so that
// verdicts can be compared: only the built-in value has the effect it says.
var protocolOptions = map[string]protocolOption{
	"allowHixie76":          {bothSides, "false"},
	"utf8validateIncoming":  {bothSides, "true"},
	"applyMask":             {bothSides, "true"},
	"maxFramePayloadSize":   {bothSides, "0"},
	"maxMessagePayloadSize": {bothSides, "0"},
	"autoFragmentSize":      {bothSides, "0"},
	"failByDrop":            {bothSides, "false"},
	"echoCloseCodeReason":   {bothSides, "false"},
	"openHandshakeTimeout":  {bothSides, "5"},
	"closeHandshakeTimeout": {bothSides, "1"},
	"tcpNoDelay":            {bothSides, "true"},
	"autoPingInterval":      {bothSides, "0"},
	"autoPingTimeout":       {bothSides, "0"},
	"autoPingSize":          {bothSides, "4"},

	"versions":                  {serverSide, "[0,8,13]"},
	"webStatus":                 {serverSide, "true"},
	"maskServerFrames":          {serverSide, "false"},
	"requireMaskedClientFrames": {serverSide, "true"},
	"allowedOrigins":            {serverSide, `["*"]`},
	"maxConnections":            {serverSide, "0"},
	"serveFlashSocketPolicy":    {serverSide, "false"},
	"flashSocketPolicy":         {serverSide, ""}, // any

	"version":                     {clientSide, "18"},
	"acceptMaskedServerFrames":    {clientSide, "false"},
	"maskClientFrames":            {clientSide, "true"},
	"serverConnectionDropTimeout": {clientSide, "1"},
}

// check rejects options that do not exist, as the original does, and returns
// those whose values the engine does not honour.
func (o Options) check(s side) (ignored []string, err error) {
	for _, name := range slices.Sorted(maps.Keys(o)) {
		known, ok := protocolOptions[name]
		switch {
		case !ok:
			return nil, usagef("there is no protocol option %q", name)
		case known.side != bothSides && known.side != s:
			return nil, usagef("protocol option %q is not for this mode", name)
		case known.builtin != "" && !sameJSON(o[name], known.builtin):
			ignored = append(ignored, fmt.Sprintf("%s (%s is built in)", name, known.builtin))
		}
	}
	return ignored, nil
}

// sameJSON reports whether the value is the built-in one. 0 and false are the
// same, as are 1 and true, 5 and 5.0, and null leaves the built-in value.
func sameJSON(raw json.RawMessage, builtin string) bool {
	normal := func(p []byte) string {
		var v any
		if json.Unmarshal(p, &v) != nil {
			return ""
		}
		switch b := v.(type) {
		case bool:
			if b {
				return "1"
			}
			return "0"
		case nil:
			return "null"
		}
		return fmt.Sprint(v)
	}
	got := normal(raw)
	return got == "null" || got == normal([]byte(builtin))
}

// checkOptions checks the options of a mode and warns once of all that are not
// honoured.
func (c *command) checkOptions(s side, list ...Options) error {
	var all []string
	for _, o := range list {
		ignored, err := o.check(s)
		if err != nil {
			return err
		}
		all = append(all, ignored...)
	}
	slices.Sort(all)
	if all = slices.Compact(all); len(all) > 0 {
		c.warn("protocol options without effect: %s", strings.Join(all, ", "))
	}
	return nil
}
