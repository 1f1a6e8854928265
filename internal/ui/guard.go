package ui

import (
	"crypto/subtle"
	"mime"
	"net"
	"net/http"
	"strings"
)

// policy is the content security policy of the page: its own scripts and styles, its own
// server, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// guard refuses what does not come from the page. A page of another site can make a browser
// send requests here. It does not know the token, which is the first element of every path;
// a name of its own that resolves to 127.0.0.1 (DNS rebinding) shows in Host; and the browser
// says in Origin and Sec-Fetch-Site that it is another site's. Requests that change
// something are JSON, which a form of another site cannot send.
func (s *server) guard(next http.Handler) http.Handler {
	_, port, _ := net.SplitHostPort(s.address)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		token, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		var why string
		switch {
		case r.Host != s.address && r.Host != "localhost:"+port:
			why = "the Host field names another server"
		case r.Header.Get("Origin") != "" && r.Header.Get("Origin") != "http://"+r.Host:
			why = "the request comes from a page of another site"
		case !ownSite(r.Header.Get("Sec-Fetch-Site")):
			why = "the request comes from a page of another site"
		case subtle.ConstantTimeCompare([]byte(token), []byte(s.token)) != 1:
			why = "the token in the URL is missing or wrong: use the URL that wsconform ui prints"
		case r.Method != http.MethodGet && !isJSON(r):
			why = "the request is not JSON"
		}
		if why != "" {
			http.Error(w, "Refused: "+why+".", http.StatusForbidden)
			return
		}
		own := r.Clone(r.Context())
		own.URL.Path, own.URL.RawPath = "/"+rest, ""
		own.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, own)
	})
}

// maxBody bounds a request, in bytes.
const maxBody = 1 << 20

// ownSite reports whether a browser would send this for the page itself, or for a URL that
// the user opens. Programs send nothing.
func ownSite(site string) bool { return site == "" || site == "same-origin" || site == "none" }

func isJSON(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/json"
}
