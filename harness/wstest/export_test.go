package wstest

import (
	"net/http"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
)

// NewWebSite returns the site of a fuzzing server whose reports are in outdir.
func NewWebSite(outdir string, secret ...string) http.Handler {
	return webSite{scheme: "ws", port: 9001, list: catalogue.All(), outdir: outdir, secret: secret}.handler()
}

// NewWebSiteOf returns the site of a fuzzing server on a port, with its cases.
func NewWebSiteOf(port int, list []cases.Case, outdir string) http.Handler {
	return webSite{scheme: "ws", port: port, list: list, outdir: outdir}.handler()
}

// What the tests in package wstest_test see of the command line and of configurations.
type (
	Args       = arguments
	Spec       = specification
	ServerSpec = serverSpec
	Patterns   = patterns
	UsageError = usageError
)

var (
	ParseArgs = parseArgs
	ParseSpec = parseSpec
)
