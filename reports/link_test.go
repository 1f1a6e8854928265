package reports_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/internal/browsertest"
	"github.com/wsconform/wsconform/reports"
)

// A report makes an address that shows an exchange without the report, and without trusting
// whoever made it.
func TestPermalink(t *testing.T) {
	b := browsertest.Start(t)
	dir := t.TempDir()
	for name, in := range map[string]reports.Input{"gated": gated(), "hostile": {Run: hostile()}} {
		if err := reports.Write(filepath.Join(dir, name), in, "html", "exchange"); err != nil {
			t.Fatal(err)
		}
	}
	page := filepath.Join(dir, "gated", "exchange.html")
	for _, name := range []string{"gated", "hostile"} {
		p := b.Open(t, filepath.Join(dir, name, "index.html"), browsertest.View{Ready: ".list"})
		var got struct{ ID, Address, Shown string }
		p.Eval(t, `(async () => {
  let address = "";
  window.open = a => { address = a; };
  for (const row of document.querySelectorAll(".list tbody tr[data-o=fail]")) {
    row.querySelector("a").click();
    const detail = document.querySelector(".detail"), share = [...detail.querySelectorAll("button")].find(b => b.textContent === "Link to this exchange");
    if (!share || !detail.querySelector(".log")) continue;
    share.click();
    while (!address) await new Promise(r => setTimeout(r, 10));
    return {ID: row.querySelector("th").textContent, Address: address, Shown: detail.querySelector(".log").innerText};
  }
  return {};
})()`, &got)
		fragment, ok := strings.CutPrefix(got.Address, "exchange.html")
		if !ok || len(fragment) > 30000 {
			t.Fatalf("%s: got the address %.100q of %d bytes", name, got.Address, len(got.Address))
		}
		t.Logf("%s: case %s, an address of %d bytes", name, got.ID, len(got.Address))
		q := b.Open(t, page, browsertest.View{Fragment: fragment, Ready: ".detail"})
		var shown string
		q.Eval(t, `document.querySelector(".log").innerText`, &shown)
		if shown != got.Shown {
			t.Errorf("%s: the page of the link shows\n%.500s\nthe report\n%.500s", name, shown, got.Shown)
		}
		q.Check(t, "Expected", "Got", got.ID)
		var links int
		q.Eval(t, `document.querySelectorAll("main a").length`, &links)
		if axe := os.Getenv("AXE_CORE"); axe != "" {
			for _, v := range q.Violations(t, browsertest.Axe(t)) {
				t.Errorf("%s: axe-core: %s: %s: %.300q", name, v.ID, v.Help, v.Nodes)
			}
		}
		if shots := os.Getenv("SCREENSHOTS"); shots != "" {
			q.Screenshot(t, filepath.Join(shots, "exchange-"+name+".png"))
		}
		if links > 0 {
			t.Errorf("%s: there are %d links, which the address could have made up", name, links)
		}
	}

	// Addresses that are damaged, made up, or would fill the memory.
	const pack = `async v => btoa(String.fromCharCode(...new Uint8Array(await new Response(new Blob([typeof v === "string" ? v : JSON.stringify(v)]).stream().pipeThrough(new CompressionStream("deflate-raw"))).arrayBuffer()))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")`
	q := b.Open(t, page, browsertest.View{})
	q.Check(t, "There is no exchange in the address")
	for name, value := range map[string]string{
		"not JSON":       `"{"`,
		"another kind":   `{v: 1, id: "x", data: 5, verdict: {}}`,
		"another number": `{v: 2, id: "x", data: {texts: [], cases: {x: {}}}, verdict: {}}`,
		"ten megabytes":  `"[" + "1,".repeat(5e6) + "1]"`,
	} {
		var fragment string
		q.Eval(t, `(`+pack+`)(`+value+`)`, &fragment)
		q.Eval(t, `location.hash = "#x=" + `+"`"+fragment+"`", nil)
		q.Await(t, `/is damaged/.test(document.body.innerText)`)
		q.Eval(t, `location.hash = ""`, nil)
		q.Await(t, `/There is no exchange/.test(document.body.innerText)`)
		t.Log(name)
	}
	var fragment string
	q.Eval(t, `(`+pack+`)({v: 1, id: "<img src=x onerror=window.pwned=1>", title: "\u202eevil", verdict: {outcome: "fail"}, data: {texts: ["", "javascript:window.pwned=1", "<script>window.pwned=1</script>"],
  codes: {}, before: "rm -rf ", after: "", cases: {"<img src=x onerror=window.pwned=1>": {r: [[2, 1, 2]], lk: "javascript:window.pwned=1", ex: 2, pg: "javascript:1", l: [["fin", 1, 3, "<b>"]]}}}})`, &fragment)
	q.Eval(t, `location.hash = "#x=" + `+"`"+fragment+"`", nil)
	q.Await(t, `document.querySelector(".detail .log")`)
	var bad bool
	q.Eval(t, `Boolean(window.pwned) || document.images.length > 0 || document.querySelectorAll("main a").length > 0 || document.body.innerText.includes("\u202e")`, &bad)
	if bad {
		t.Error("what the address says has become markup, a link, or text that misleads")
	}
}

// Whatever formats are written, a page links to files that there are.
func TestLinksLead(t *testing.T) {
	for _, formats := range [][]string{{"html"}, {"html", "exchange"}, {"html", "cases"}, {}} {
		dir := t.TempDir()
		if err := reports.Write(dir, gated(), formats...); err != nil {
			t.Fatal(err)
		}
		checkLinks(t, dir)
	}
	dir := t.TempDir()
	if err := reports.WriteSite(dir, []reports.Input{gated(), {Run: hostile()}}); err != nil {
		t.Fatal(err)
	}
	checkLinks(t, dir)
}

// checkLinks checks the links of the pages in the folder to files beside them.
func checkLinks(t *testing.T, dir string) {
	t.Helper()
	pages, err := filepath.Glob(filepath.Join(dir, "*.html"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("%d pages: %v", len(pages), err)
	}
	exchange, err := os.Stat(filepath.Join(dir, "exchange.html"))
	shown := false
	for _, page := range pages {
		text, readErr := os.ReadFile(page)
		if readErr != nil {
			t.Fatal(readErr)
		}
		for _, m := range relativeLink.FindAllStringSubmatch(string(text), -1) {
			shown = shown || m[1] == "data-exchange"
			if _, err := os.Stat(filepath.Join(dir, m[2])); err != nil {
				t.Errorf("%s: %s leads nowhere: %v", filepath.Base(page), m[0], err)
			}
		}
	}
	if err == nil && exchange.Size() > 0 && !shown {
		t.Error("no page links to the page of exchanges")
	}
}

var relativeLink = regexp.MustCompile(`\b(href|data-exchange)="([\w./-]+)"`)
