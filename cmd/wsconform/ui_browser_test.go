package main

import (
	"testing"

	"github.com/wsconform/wsconform/internal/browsertest"
)

// The browser that opens the page is tested itself, in two tabs, each a run of its own.
func TestUIBrowser(t *testing.T) {
	b := browsertest.Start(t)
	url, _ := serveUI(t)
	var tabs []*browsertest.Page
	for range 2 {
		p := b.OpenURL(t, url+"browser", browsertest.View{Ready: "button.main"})
		p.Check(t, "Test this browser")
		p.Eval(t, `document.querySelectorAll("input")[1].value = "1.1.* 7.1.1 7.7.1"; document.querySelector("button.main").click()`, nil)
		tabs = append(tabs, p)
	}
	for _, p := range tabs {
		p.Await(t, `/complete/.test(document.querySelector(".live").innerText)`)
		p.Check(t, "10 of 10 cases, complete", "10 pass", "See the run")
		checkAxe(t, p)
	}
}
