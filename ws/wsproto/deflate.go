package wsproto

import (
	"fmt"
	"strconv"
	"strings"
)

// AnyWindowBits stands for client_max_window_bits without a value, which only an
// offer may have.
const AnyWindowBits = -1

// DeflateParams are the parameters of one offer, or of the response that agrees
// on them.
type DeflateParams struct {
	ServerNoContextTakeover bool
	ClientNoContextTakeover bool
	ServerMaxWindowBits     int // 8..15; zero if absent
	ClientMaxWindowBits     int // 8..15 or AnyWindowBits; zero if absent
}

const deflateName = "permessage-deflate"

// Extension is the parameters as they stand in a header.
func (p DeflateParams) Extension() Extension {
	e := Extension{Name: deflateName}
	if p.ServerNoContextTakeover {
		e.Params = append(e.Params, Param{Name: "server_no_context_takeover"})
	}
	if p.ClientNoContextTakeover {
		e.Params = append(e.Params, Param{Name: "client_no_context_takeover"})
	}
	if p.ServerMaxWindowBits != 0 {
		e.Params = append(e.Params, Param{"server_max_window_bits", strconv.Itoa(p.ServerMaxWindowBits)})
	}
	switch {
	case p.ClientMaxWindowBits == AnyWindowBits:
		e.Params = append(e.Params, Param{Name: "client_max_window_bits"})
	case p.ClientMaxWindowBits != 0:
		e.Params = append(e.Params, Param{"client_max_window_bits", strconv.Itoa(p.ClientMaxWindowBits)})
	}
	return e
}

// ParseDeflate parses the parameters of a permessage-deflate element as an offer
// (RFC 7692 §7.1). A parameter that is unknown or there twice, a value where none
// belongs, and a window that is missing, not a plain decimal number or not in
// 8..15 are errors. A response must in addition not have AnyWindowBits.
func ParseDeflate(e Extension) (DeflateParams, error) {
	var p DeflateParams
	if !strings.EqualFold(e.Name, deflateName) {
		return p, fmt.Errorf("ws: extension %q is not %s", e.Name, deflateName)
	}
	seen := make(map[string]bool, len(e.Params))
	for _, param := range e.Params {
		name := strings.ToLower(param.Name)
		if seen[name] {
			return DeflateParams{}, deflateError("parameter %s is there twice", name)
		}
		seen[name] = true
		var err error
		switch name {
		case "server_no_context_takeover":
			p.ServerNoContextTakeover = true
			err = wantNoValue(param)
		case "client_no_context_takeover":
			p.ClientNoContextTakeover = true
			err = wantNoValue(param)
		case "server_max_window_bits":
			p.ServerMaxWindowBits, err = parseWindowBits(param)
		case "client_max_window_bits":
			if p.ClientMaxWindowBits = AnyWindowBits; param.Value != "" {
				p.ClientMaxWindowBits, err = parseWindowBits(param)
			}
		default:
			err = deflateError("parameter %s is unknown", param.Name)
		}
		if err != nil {
			return DeflateParams{}, err
		}
	}
	return p, nil
}

func deflateError(format string, args ...any) error {
	return fmt.Errorf("ws: "+deflateName+": "+format+" (RFC 7692 §7.1)", args...)
}

func wantNoValue(p Param) error {
	if p.Value != "" {
		return deflateError("parameter %s has a value", p.Name)
	}
	return nil
}

func parseWindowBits(p Param) (int, error) {
	switch p.Value {
	case "8", "9":
		return int(p.Value[0] - '0'), nil
	case "10", "11", "12", "13", "14", "15":
		return 10 + int(p.Value[1]-'0'), nil
	}
	return 0, deflateError("parameter %s has the value %q, not 8..15", p.Name, p.Value)
}
