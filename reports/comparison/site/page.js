// The page: what the hash says is shown, what the tools say goes into the hash.
const $ = id => document.getElementById(id);
const tools = ["q", "role", "engine", "suite", "half", "strict", "sort", "with"];

function read() {
  for (const k of Object.keys(state)) state[k] = "";
  for (const part of location.hash.slice(1).split("&").filter(Boolean)) {
    let [key, value = ""] = part.split(/=(.*)/s);
    try { value = decodeURIComponent(value); } catch { continue; }
    if (tools.includes(key)) state[key] = value;
    else if (Object.hasOwn(views, key) && key) { state.view = key; state.arg = value; }
  }
}

function hash() {
  const parts = [];
  if (state.view) parts.push(state.arg ? hashOf(state.view, state.arg) : state.view);
  for (const k of tools) if (state[k]) parts.push(hashOf(k, state[k]));
  return "#" + parts.join("&");
}

// change puts the state into the address, which shows it.
function change() {
  history.replaceState(null, "", hash());
  show();
}

// keep carries filters along when a link leads to another view.
function keep(e) {
  const a = e.target.closest("a[href^='#']");
  if (!a || e.ctrlKey || e.metaKey || e.shiftKey || e.button || a.classList.contains("skip")) return;
  e.preventDefault();
  const filters = Object.fromEntries(tools.filter(k => k !== "with").map(k => [k, state[k]]));
  history.pushState(null, "", a.getAttribute("href"));
  read();
  Object.assign(state, filters);
  history.replaceState(null, "", hash());
  show();
  scrollTo(0, 0);
  $("main").focus({ preventScroll: true });
}

function show() {
  const view = views[state.view];
  const title = typeof view.title === "function" ? view.title() : view.title;
  $("title").textContent = title;
  document.title = title + " · wsconform";
  for (const k of ["q", "role", "engine", "suite", "half", "strict"]) if ($(k).value !== state[k]) $(k).value = state[k];
  $("tools").hidden = ["row", "diff"].includes(state.view);
  for (const a of $("views").children) a.toggleAttribute("aria-current", a.dataset.view === state.view);
  for (const a of $("views").querySelectorAll("[aria-current]")) a.setAttribute("aria-current", "page");
  $("main").replaceChildren(...view.show().flat(Infinity).filter(Boolean));
  const first = $("main").querySelector(".grid td a");
  if (first) first.tabIndex = 0;
}

// arrows move within a grid: one cell of it is in the order of the Tab key.
function move(e) {
  const cell = e.target.closest(".grid td");
  const by = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[e.key];
  if (!cell || !by) return false;
  const row = by[0] < 0 ? cell.parentNode.previousElementSibling : by[0] > 0 ? cell.parentNode.nextElementSibling : cell.parentNode;
  const next = row && row.cells[cell.cellIndex + by[1]];
  const a = next && next.querySelector("a.f,a.p,a.l,a.u,a.o,a.n");
  if (!a || next.tagName !== "TD") return true;
  e.target.tabIndex = -1;
  a.tabIndex = 0;
  a.focus();
  return true;
}

function keys(e) {
  if (e.ctrlKey || e.metaKey || e.altKey || $("help").open) return;
  if (e.target.matches("input,select")) { if (e.key === "Escape") e.target.blur(); return; }
  if (move(e)) return e.preventDefault();
  if (e.key === "/") { $("q").focus(); e.preventDefault(); }
  if (e.key === "s") { state.strict = state.strict ? "" : "1"; change(); }
  if (e.key === "m") { state.view = state.arg = ""; change(); }
  if (e.key === "?") $("help").showModal();
}

function theme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
}

document.documentElement.classList.add("js");
$("views").append(...Object.entries(views).filter(([, v]) => v.nav).map(([k, v]) => el("a", { href: "#" + k, "data-view": k }, v.nav)));
$("engine").append(el("option", { value: "" }, "all"), ...[...new Set(rows.map(r => r.engine))].map(e => el("option", {}, e)));
$("suite").append(...suites.map(s => el("option", {}, s)));
$("suites").hidden = suites.length < 2;
const languages = new Set(rows.map(r => r.language).filter(Boolean)), folders = new Set(rows.map(r => r.folder));
const verdicts = rows.reduce((n, r) => n + [...r.b].filter(b => b !== "." && !outcomes[b]).length, 0);
const days = rows.map(r => r.started.slice(0, 10)).sort();
for (const text of [plural(folders.size, "implementation", "implementations"), plural(languages.size, "language", "languages"), plural(rows.length, "row", "rows"), verdicts.toLocaleString("en") + " verdicts",
  days[0] === days.at(-1) ? days[0] : days[0] + " to " + days.at(-1)]) $("sub").append(el("span", {}, text));
for (const k of ["q", "role", "engine", "suite", "half", "strict"]) $(k).addEventListener(k === "q" ? "input" : "change", () => { state[k] = $(k).value; change(); });
$("tools").addEventListener("submit", e => e.preventDefault());
$("theme").addEventListener("click", theme);
$("helpbutton").addEventListener("click", () => $("help").showModal());
document.addEventListener("click", keep);
document.addEventListener("keydown", keys);
addEventListener("hashchange", () => { read(); show(); });
addEventListener("popstate", () => { read(); show(); });
read();
show();
