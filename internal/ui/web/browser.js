// The page that is the client under test: it speaks Autobahn's driver protocol with the
// WebSocket API of the browser that has it open. Each tab is a run of its own.
import {alarm, api, bad, button, field, say, tone} from "./common.js";

const main = $("#main");

// play connects, hands every message to handle, and resolves when the connection has ended.
function play(address, handle) {
  return new Promise(resolve => {
    const socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    socket.onmessage = e => handle(socket, e.data);
    socket.onclose = resolve;
  });
}

async function drive(base, name) {
  const agent = encodeURIComponent(name);
  let last = 0;
  await play(base + "/getCaseCount", (_, data) => { last = Number(data); });
  if (!(last > 0)) throw new Error("the run did not say how many cases it has");
  for (let n = 1; n <= last; n++) await play(`${base}/runCase?case=${n}&agent=${agent}`, (socket, data) => socket.send(data));
  await play(`${base}/updateReports?agent=${agent}`, () => {});
}

// nameOf names the browser, as far as it says.
function nameOf() {
  const ua = navigator.userAgent, m = ua.match(/(Firefox|Edg|OPR|Chrome|HeadlessChrome|Version)\/(\d+)/g) || [];
  const found = m.map(w => w.split("/")).find(([n]) => n !== "Chrome" && n !== "Version") || (m[0] || "browser/").split("/");
  const words = {Edg: "Edge", OPR: "Opera", Version: "Safari", HeadlessChrome: "Chromium"};
  return ((words[found[0]] || found[0]) + " " + found[1]).trim();
}

const name = el("input", {value: nameOf(), maxlength: "60", autocomplete: "off"}), cases = el("input", {placeholder: "all", autocomplete: "off", spellcheck: "false"});
const status = el("p.row", {role: "status"}), bar = el("progress", {max: "1", value: "0", "aria-label": "Cases played"}), counts = el("div.chips"), failures = el("p"), link = el("p");
const begin = button("Start", start);
begin.classList.add("main");
const live = el("section.banner.live", {"aria-label": "Progress", hidden: ""}, el("p.row", bar, status), counts, failures, link);
main.append(el("p.sub", "Its WebSocket API plays the cases: data, fragments, limits and close codes as a page sees them."),
  el("div.target", el("div.options", field("Name", name, "of the browser, in reports"), field("Cases", cases, "Ids or patterns, such as 1.* 7.*")), el("p", begin)), live);

async function start() {
  alarm("");
  begin.hidden = true;
  const {run} = await api("browser", {name: name.value.trim() || "a browser", cases: cases.value, exclude: "", suite: "", slow: false});
  live.hidden = false;
  link.replaceChildren(el("a", {href: "./#/run/" + run, target: "_blank", rel: "noopener"}, "Watch the run"), ". Keep this page open until it is over.");
  watch(run);
  for (;;) {
    const next = await api("runs/" + run + "/driver");
    if (next.over) break;
    if (!next.url) continue;
    try { await drive(next.url, name.value.trim()); } catch (e) { alarm(e.message); }
    await api("runs/" + run + "/driver", {number: next.number});
  }
  begin.hidden = false;
}

function watch(run) {
  const results = new Map();
  let total = 0;
  const source = new EventSource("api/runs/" + run + "/events?drives"); // its end says that the page is gone
  source.addEventListener("head", e => { const h = JSON.parse(e.data); total = h.sections.reduce((n, s) => n + s.cases.length, 0); results.clear(); });
  source.addEventListener("cases", e => {
    for (const r of JSON.parse(e.data)) results.set(r.case, r);
    const of = {};
    for (const r of results.values()) of[r.outcome] = (of[r.outcome] || 0) + 1;
    bar.max = total || 1;
    bar.value = results.size;
    status.textContent = results.size + " of " + total + " cases";
    counts.replaceChildren(...Object.entries(of).flatMap(([o, n]) => [el("span.g." + tone(o), n + " " + o), " "]));
    const wrong = [...results.values()].filter(r => bad.has(r.outcome));
    failures.replaceChildren(...(wrong.length ? ["Failures: ", ...wrong.slice(0, 30).flatMap(r => [el("a", {href: "./#/run/" + run + "/" + encodeURIComponent(r.case), target: "_blank", rel: "noopener"}, r.case), " "])] : []));
  });
  source.addEventListener("end", e => {
    const end = JSON.parse(e.data);
    source.close();
    status.textContent = (results.size ? results.size + " of " + total + " cases, " : "") + end.state + (end.error ? ": " + end.error : "");
    link.replaceChildren(el("a", {href: "./#/run/" + run}, "See the run"));
    if (!results.size && end.said) failures.replaceChildren(el("pre.http.said", {tabindex: "0"}, end.said));
    say(status.textContent);
  });
}
