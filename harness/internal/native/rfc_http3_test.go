package native

import "github.com/wsconform/wsconform/cases"

// http3Killers are the mutants that the cases about HTTP/3 kill.
var http3Killers = map[cases.ID][]string{
	"H3.1.1": {"h3-setting-2"},
	"H3.1.2": {"h3-status-101", "h3-accept-sent", "h3-settings-twice", "h3-fin-inside"},
	"H3.1.3": {"h3-protocol-any", "h3-protocol-ends"},
	"H3.1.4": {"h3-close-ends", "h3-fin-missing", "h3-fin-reset", "h3-fin-ignored"},
	"H3.1.5": {"h3-reset-ends", "h3-reset-stalls"},
	"H3.1.6": {"h3-goaway-drops"},
	"H3.1.7": {"h3-index-hangs"},
	"H3.1.8": {"h3-index-hangs"},
	"H3.1.9": {"h3-trailers-taken"},
	"H3.2.1": {"h3-asks-early", "h3-asks-scheme", "h3-asks-protocol", "h3-asks-upgrade"},
}
