package native

import "github.com/wsconform/wsconform/cases"

// controlKillers are the mutants that fail the cases in which a peer is told what to do.
var controlKillers = map[cases.ID][]string{
	"A.1.1":  {"told-any-code", "told-any-reason"},
	"A.1.2":  {"told-close-1005"},
	"A.1.3":  {"told-close-sends"},
	"A.1.4":  {"told-any-offer"},
	"A.1.5":  {"told-drop-1006"},
	"A.1.6":  {"last-detail"},
	"C.1.6":  {"last-clean"},
	"C.1.4":  {"close-at-once", "tcp-kept"},
	"C.1.29": {"last-empty-1000", "last-second"},
	"C.1.20": {"told-fail-hangs", "told-fail-1010"},
	"C.2.3":  {"told-fragment-opcodes", "told-fragment-marked", "told-any-ping", "told-ping-open"},
	"S.2.6":  {"last-clean"},
	"T.1.14": {"pong-other-fails"},
}
