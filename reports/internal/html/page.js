// The page of a run; exchange.js shows what happened in a case.
(() => {
const help = $("#help");
$("#ask").addEventListener("click", () => help.showModal());

const list = $(".list");
if (!list) return; // the overview has none

const data = JSON.parse($("#data").textContent);
data.page = list.dataset.exchange || "";
data.title = $("h1").textContent;
const {caseView, copied} = exchange(data);
const rows = $$("tbody tr[id]", list);
const idOf = row => row.id.slice(5);
const search = rows.map(row => row.textContent.toLowerCase());
const byId = new Map(rows.map(row => [idOf(row), row]));
for (const p of $$(".card .cmd")) copied(p);

function detail(row) {
  const d = data.cases[idOf(row)], cells = $$("td", row).map(c => c.textContent);
  const columns = $$(":scope > thead th", list).filter(th => th.offsetWidth).length;
  const cell = el("td", {colspan: columns}), body = el("tr.detail", cell);
  if (!d) return cell.append(el("p", "This page has no details of this case.")), body;
  const one = "g" in row.dataset, ran = one || cells.length === 5;
  cell.append(...caseView($("th", row).textContent, d, {outcome: row.dataset.o, behavior: ran ? cells[1] : "", close: ran && !one ? cells[2] : ""}));
  return body;
}

// --- state: what is filtered, and which case is open. The URL holds it. ---

const state = {q: "", section: "", outcome: new Set(), open: ""};
const chips = $$(".chip"), query = $("#q"), section = $("#section");
const problems = new Set(["fail", "crash", "timeout", "blocked", "harness-error"]);
let shown = rows, cursor = null;

function readHash() {
  let hash = location.hash.slice(1);
  state.open = ""; state.q = ""; state.section = ""; state.outcome = new Set();
  for (const part of hash.split("&")) {
    let [key, value = ""] = part.split(/=(.*)/s);
    try { value = decodeURIComponent(value); key = decodeURIComponent(key); } catch { continue; }
    if (key.startsWith("case-")) state.open = key.slice(5);
    if (key === "q") state.q = value;
    if (key === "section") state.section = value;
    if (key === "outcome") state.outcome = new Set(value.split(",").filter(o => chips.some(c => c.dataset.o === o)));
  }
  return hash;
}

function writeHash() {
  const parts = [];
  if (state.open) parts.push("case-" + encodeURIComponent(state.open));
  if (state.outcome.size) parts.push("outcome=" + [...state.outcome].join(","));
  if (state.section) parts.push("section=" + encodeURIComponent(state.section));
  if (state.q) parts.push("q=" + encodeURIComponent(state.q));
  const hash = "#" + parts.join("&");
  if (hash !== (location.hash || "#")) history.replaceState(null, "", hash === "#" ? location.pathname + location.search : hash);
}

function filter() {
  const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
  shown = [];
  rows.forEach((row, i) => {
    const ok = (!state.outcome.size || state.outcome.has(row.dataset.o) || state.outcome.has(row.dataset.m)) &&
      (!state.section || $("th", row).textContent.split(".")[0] === state.section) && words.every(w => search[i].includes(w));
    row.hidden = !ok && idOf(row) !== state.open;
    if (!row.hidden) shown.push(row);
  });
  query.value = state.q; section.value = state.section;
  for (const c of chips) c.setAttribute("aria-pressed", state.outcome.has(c.dataset.o));
  $("#count").textContent = shown.length === rows.length ? rows.length + " cases" : shown.length + " of " + rows.length + " cases";
  $("#none").hidden = shown.length > 0;
}

function close() {
  for (const d of $$(".detail", list)) d.remove();
  for (const r of $$("tr.open", list)) { r.classList.remove("open"); $("a", r).setAttribute("aria-expanded", "false"); }
  state.open = "";
}

function open(id, scroll) {
  close();
  const row = byId.get(id);
  if (!row) return;
  state.open = id;
  row.hidden = false;
  row.classList.add("open");
  row.after(detail(row));
  $("a", row).setAttribute("aria-expanded", "true");
  point(row, scroll);
}

function point(row, scroll) {
  if (cursor) cursor.classList.remove("cur");
  cursor = row;
  if (!row) return;
  row.classList.add("cur");
  $("a", row).focus({preventScroll: true});
  if (scroll) row.scrollIntoView({block: scroll === true ? "start" : scroll});
}

function toggle(row) {
  if (state.open === idOf(row)) { close(); filter(); } else { open(idOf(row), "nearest"); }
  writeHash();
}

function apply() {
  const hash = readHash(), id = state.open;
  filter();
  if (id) open(id, true); else close();
  if (!id && /^(outcome|section|q)=/.test(hash)) $("#cases").scrollIntoView();
}

function change() { filter(); writeHash(); }

query.addEventListener("input", () => { state.q = query.value; change(); });
section.addEventListener("change", () => { state.section = section.value; change(); });
for (const c of chips) c.addEventListener("click", () => {
  if (!state.outcome.delete(c.dataset.o)) state.outcome.add(c.dataset.o);
  change();
});
$("#reset").addEventListener("click", () => { state.q = state.section = ""; state.outcome.clear(); change(); query.focus(); });
list.addEventListener("click", e => {
  const row = e.target.closest("tr[id]");
  if (!row || !getSelection().isCollapsed) return;
  e.preventDefault();
  toggle(row);
});
$(".secs").addEventListener("click", e => {
  if (!e.target.matches(".waffle i")) return;
  const row = rows[squares.indexOf(e.target)];
  if (row) { open(idOf(row), true); filter(); writeHash(); }
});
const squares = $$(".waffle i");
$(".secs").addEventListener("mouseover", e => {
  if (e.target.matches(".waffle i") && !e.target.title) e.target.title = rows[squares.indexOf(e.target)].textContent.trim().replace(/\s+/g, " ");
});
addEventListener("hashchange", apply);

document.addEventListener("keydown", e => {
  if (e.ctrlKey || e.metaKey || e.altKey || help.open) return;
  const typing = e.target.matches("input,select,textarea");
  if (e.key === "Escape") {
    if (typing) e.target.blur();
    if (state.open) close(); else { state.q = state.section = ""; state.outcome.clear(); }
    change();
    return;
  }
  if (typing) { if (e.key === "Enter" && e.target === query && shown[0]) { query.blur(); point(shown[0], "center"); e.preventDefault(); } return; }
  const step = (of, by) => {
    if (!of.length) return;
    const at = of.indexOf(cursor);
    let next = at + by;
    if (at < 0) { const here = cursor ? rows.indexOf(cursor) : -1; next = by > 0 ? of.findIndex(r => rows.indexOf(r) > here) : of.findLastIndex(r => rows.indexOf(r) < here); }
    const row = of[next < 0 && at < 0 ? (by > 0 ? 0 : of.length - 1) : Math.max(0, Math.min(of.length - 1, next))];
    if (state.open) { open(idOf(row), true); writeHash(); } else point(row, "center");
  };
  const failing = () => shown.filter(r => r.dataset.m === "not-as-expected" || r.dataset.m !== "as-expected" && problems.has(r.dataset.o));
  const keys = {
    j: () => step(shown, 1), k: () => step(shown, -1), n: () => step(failing(), 1), p: () => step(failing(), -1),
    "/": () => { $("#cases").scrollIntoView(); query.focus(); query.select(); },
    "?": () => help.showModal(),
    Enter: () => { if (cursor && (e.target === document.body || e.target.closest("tr") === cursor)) toggle(cursor); else return true; },
  };
  const act = keys[e.key];
  if (act && !act()) e.preventDefault();
});

for (const row of rows) $("a", row).setAttribute("aria-expanded", "false");
apply();
})();
