package doctor

import "strings"

// browsers says what a web page makes of the address.
func (e *examination) browsers() {
	f := Finding{Topic: Browsers, State: OK, Saw: "pages in Chromium and Firefox can connect"}
	if len(e.noPage) > 0 {
		f = Finding{Topic: Browsers, State: Fault, Saw: "pages cannot connect: browsers " + strings.Join(e.noPage, "; they ")}
	}
	if e.target.URL.Scheme == "ws" {
		f.Saw += "; a page that came over https may not use a ws address, but for one on the visitor's own machine"
	}
	if e.target.Header.Get("Authorization") != "" {
		f.Saw += "; a page cannot send Authorization: use a cookie, the query, a subprotocol or the first message"
	}
	e.found(f)
}
