package native

import "github.com/wsconform/wsconform/cases"

// unusualKillers are the mutants that fail the cases about faults that libraries had.
var unusualKillers = map[cases.ID][]string{
	"D.1.14": {"request-no-client-takeover-demanded"},
	"D.3.18": {"deflate-grown-cut"},
	"F.2.5":  {"text-forgets-control"},
	"H.4.1":  {"request-blanks-bare-demanded", "request-colon-blank-demanded"},
	"H.4.2":  {"request-upgrade-first-demanded", "request-upgrade-first-crash"},
	"H.4.3":  {"request-no-length-demanded"},
	"H.4.4":  {"request-head-short-demanded"},
	"H.4.5":  {"close-early-crash"},
	"H.4.6":  {"response-names-case-demanded"},
	"H.4.7":  {"response-blanks-bare-demanded", "response-colon-blank-demanded"},
	"H.4.8":  {"response-connection-first-demanded"},
	"H.4.9":  {"response-head-short-demanded"},
	"H.4.10": {"close-early-crash"},
	"H.4.11": {"eof-crash", "eof-ignored"},
	"L.3.1":  {"length-unlimited"},
	"L.3.2":  {"fragments-unlimited"},
	"L.3.3":  {"sum-wraps"},
	"L.3.4":  {"reset-crash", "reset-spills"},
	"O.1.7":  {"request-origin-crash"},
}
