package wstest

import "net/http"

// NewWebSite returns the site of a fuzzing server whose reports are in outdir.
func NewWebSite(outdir string, secret ...string) http.Handler {
	return webSite{scheme: "ws", port: 9001, total: 517, outdir: outdir, secret: secret}.handler()
}
