// The page of an exchange that comes with the address, or in a file that this page has saved.
// Whoever made it may have made it up: it is shown as text, within bounds, and has no links.
(() => {
const clean = document.documentElement.outerHTML;
const main = $("#main"), most = 2 << 20; // bytes of the details
const longest = 30000; // of an address that all browsers and most chats take

const misleading = /[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;
const plain = v => typeof v === "string" ? v.replace(misleading, "\ufffd").slice(0, 8192)
  : Array.isArray(v) ? v.slice(0, 20000).map(plain)
    : v && typeof v === "object" ? Object.fromEntries(Object.entries(v).slice(0, 20000).map(([k, w]) => [plain(k), plain(w)])) : v;

async function read() {
  const kept = JSON.parse($("#data").textContent);
  if (kept) return kept;
  const m = location.hash.match(/^#x=([A-Za-z0-9_-]+)$/);
  if (!m) return null;
  const bytes = Uint8Array.from(atob(m[1].replaceAll("-", "+").replaceAll("_", "/")), c => c.charCodeAt(0));
  return JSON.parse(new TextDecoder("utf-8", {fatal: true}).decode(await through(new DecompressionStream("deflate-raw"), bytes, most)));
}

async function show() {
  main.replaceChildren();
  let found;
  try { found = await read(); } catch { found = {}; }
  if (!found) return main.append(el("p", "There is no exchange in the address. Reports of wsconform, and wsconform ui, make such addresses: open a case, and take \u201cLink to this exchange\u201d."));
  try {
    const x = plain(found), d = x.data.cases[x.id], v = x.verdict;
    if (x.v !== 1 || !d) throw new Error("version");
    $("h1").textContent = x.id;
    $("#sub").replaceChildren(String(x.title));
    document.title = x.id + " \u00b7 " + x.title + " \u00b7 wsconform";
    main.append(el("p.hint", "This page shows what its address contains. It has not played anything itself."), el("h2", "What was wanted, sent and received"),
      el("div.detail", exchange(x.data, false).caseView(String(x.id), d, {outcome: String(v.outcome), behavior: String(v.behavior || ""), close: String(v.close || "")})));
    const save = el("button", {type: "button"}, "Save as a file");
    save.addEventListener("click", () => {
      const text = "<!doctype html>\n" + clean.replace(/(<script type="application\/json" id="data">)null/, (_, tag) => tag + JSON.stringify(found).replaceAll("<", "\\u003c"));
      const link = el("a", {href: URL.createObjectURL(new Blob([text], {type: "text/html"})), download: "exchange-" + String(x.id).replaceAll(/[^\w.-]/g, "_") + ".html"});
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
    main.append(el("p.row", location.hash.length > longest ? el("span.hint", "The address is too long for some programs: save the exchange as a file.") : el("span.hint", "Copy the address to share the exchange."), save));
  } catch { main.replaceChildren(el("p", {role: "alert"}, "The exchange in the address is damaged.")); }
}
addEventListener("hashchange", show);
show();
})();
