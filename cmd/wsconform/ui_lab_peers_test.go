package main

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/internal/browsertest"
	"github.com/wsconform/wsconform/internal/rawscript"
)

// The lab plays what dump --raw plays: several connections, to a server that it starts, and to
// a client as the server; and it makes the script of a failed case shorter.
func TestUILabPeers(t *testing.T) {
	self, err := exec.LookPath("wsconform")
	if err != nil {
		t.Fatal(err)
	}
	b := browsertest.Start(t)
	url, _ := serveUI(t)
	p := b.OpenURL(t, url, browsertest.View{Fragment: "#/lab", Ready: "textarea.script"})
	to := func(kind, value string) {
		t.Helper()
		p.Eval(t, `{
  const f = document.querySelector("form.where").elements;
  f.kind.value = `+strconv.Quote(kind)+`; f.kind.dispatchEvent(new Event("change", {bubbles: true}));
  f.value.value = `+strconv.Quote(value)+`;
}`, nil)
	}
	send := func(script string) {
		t.Helper()
		p.Eval(t, `{
  document.querySelector("textarea.script").value = `+strconv.Quote(script)+`;
  document.querySelector("button.main").click();
}`, nil)
	}
	to("command", self+" echo --addr {host}:{port} --fault rsv-ignored")
	send("connection 1\ntext one\nconnection 2\nset X-Second: of two\nframe text rsv3 text:both\nawait text\nconnection 1\nawait text\nreset\n")
	p.Await(t, `/Connection 2 of 2/.test(document.querySelector(".answer").innerText)`)
	unfold := func() {
		t.Helper()
		p.Eval(t, `document.querySelectorAll(".answer details").forEach(d => d.open = true)`, nil)
	}
	unfold()
	p.Check(t, `text message "one"`, `text message "both"`, "X-Second: of two", "RSV3", "Link to this exchange")
	checkAxe(t, p)

	// The link holds script, answer and marks.
	p.Eval(t, `window.opened = ""; window.open = to => { window.opened = to; }; [...document.querySelectorAll(".answer button")].find(b => /Link/.test(b.textContent)).click()`, nil)
	p.Await(t, `window.opened.includes("exchange.html#x=")`)
	var link string
	p.Eval(t, `window.opened`, &link)
	q := b.OpenURL(t, url+link, browsertest.View{Ready: ".log"})
	q.Eval(t, `document.querySelectorAll("details").forEach(d => d.open = true)`, nil)
	q.Check(t, "set X-Second: of two", `text message "both"`)
	q.Close(t)

	to("server", "ws://127.0.0.1:1") // and Enter sends
	p.Eval(t, `{ document.querySelector("textarea.script").value = "text nobody hears\n"; document.querySelector("form.where").requestSubmit(); }`, nil)
	p.Await(t, `/connection refused/.test(document.querySelector(".bench").innerText)`)
	p.Check(t, "blocked")

	to("client", self+" drive {url}")
	var script string
	p.Eval(t, `document.querySelector("textarea.script").value`, &script)
	if strings.Contains(script, "{") || rawscript.Check(script) != nil {
		t.Errorf("the script for clients is %q", script)
	}
	send("connection 1\ntext 1\nclose 1000\nawait close 20s\nquit\nconnection 2\ntext Hello, client\nawait text 20s\nclose 1000\nawait close 20s\nquit\n")
	p.Await(t, `/Hello, client/.test(document.querySelector(".answer").innerText) && /Connection 2 of 2/.test(document.querySelector(".answer").innerText)`)
	unfold()
	p.Check(t, `text message "Hello, client"`, "getCaseCount", "runCase")

	// The command line does the same.
	p.Eval(t, `{ const f = document.querySelector("form:not(.where)").elements; f.subprotocol.value = "it's one"; f.header.value = "X-Lab: $HOME"; document.querySelector("#export").open = true; }`, nil)
	p.Await(t, `/^wsconform dump/.test(document.querySelector("pre.export").textContent)`)
	var line string
	p.Eval(t, `document.querySelector("pre.export").textContent`, &line)
	if !strings.Contains(line, ` --header 'X-Lab: $HOME' --subprotocol 'it'\''s one'`) {
		t.Errorf("the flags are not in the command line: %s", line)
	}
	p.Eval(t, `{ const f = document.querySelector("form:not(.where)").elements; f.subprotocol.value = "one"; document.querySelector("#export").open = false; }`, nil)
	p.Await(t, `!document.querySelector("#export").open`)
	p.Eval(t, `document.querySelector("#export").open = true`, nil)
	p.Await(t, `/--subprotocol 'one'/.test(document.querySelector("pre.export").textContent)`)
	p.Eval(t, `document.querySelector("pre.export").textContent`, &line)
	if out, err := exec.CommandContext(t.Context(), "/bin/sh", "-c", line).CombinedOutput(); err != nil || !strings.Contains(string(out), `"Hello, client"`) || !strings.Contains(string(out), "X-Lab: $HOME") {
		t.Errorf("%s\n%v: %s", line, err, out)
	}
	p.Eval(t, `document.querySelector("form:not(.where)").reset()`, nil)

	to("command", self+" echo --addr {host}:{port} --fault rsv-ignored")
	p.Eval(t, `{
  document.querySelector("textarea.script").value = "ping a\nawait pong 1s\nframe text rsv3 text:Hello\nping b\nawait close 200ms\n";
  document.querySelector("form.options").elements.close.value = "1002";
  [...document.querySelectorAll("button")].find(b => b.textContent === "Minimize").click();
}`, nil)
	p.Await(t, `/steps show it/.test(document.querySelector(".bench").innerText)`)
	p.Eval(t, `document.querySelector("textarea.script").value`, &script)
	if lines := strings.Count(script, "\n"); lines >= 5 || !strings.Contains(script, "rsv3") {
		t.Errorf("minimized to %q", script)
	}
}
