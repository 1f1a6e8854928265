package main

import (
	"strings"
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

// The same page in Firefox: a run, a case of it, the wire lab, and Firefox itself under test.
func TestUIFirefox(t *testing.T) {
	f := browsertest.StartFirefox(t)
	url, _ := serveUI(t)
	f.Open(t, url)
	f.Await(t, `document.querySelector(".example button")`)
	f.Eval(t, `document.querySelectorAll(".example button")[1].click()`, nil)
	f.Await(t, `/took/.test(document.querySelector(".live")?.innerText)`)
	f.Eval(t, `document.querySelector(".list td.f").closest("tr").querySelector("a").click()`, nil)
	f.Await(t, `document.querySelector(".one .log")`)
	f.Eval(t, `document.querySelector("a.lab").click()`, nil)
	f.Await(t, `document.querySelector("textarea.script")?.value.includes("rsv3")`)
	f.Eval(t, `document.querySelector("button.main").click()`, nil)
	f.Await(t, `document.querySelector(".answer .log")?.innerText.includes("RSV3")`)

	f.Open(t, url+"browser")
	f.Await(t, `document.querySelector("button.main")`)
	f.Eval(t, `document.querySelectorAll("input")[1].value = "1.1.* 7.1.1 7.7.1"`, nil)
	f.Eval(t, `document.querySelector("button.main").click()`, nil)
	f.Await(t, `/10 of 10 cases, complete/.test(document.querySelector(".live").innerText)`)
	var text string
	f.Eval(t, `document.body.innerText`, &text)
	if !strings.Contains(text, "10 pass") {
		t.Errorf("firefox does not pass: %.500s", text)
	}
}
