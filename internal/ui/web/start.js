// The first page: what to test, and the runs there are.
import {ago, alarm, api, button, field, tone} from "./common.js";

export const kinds = [
  ["server", "A server, by its URL", "ws://127.0.0.1:9001", "The server runs already and echoes messages."],
  ["command", "A server, by its command", "./my-server --port {port}", "wsconform starts it. {port} becomes a free port, {host} the address."],
  ["client", "A client, by its command", "./my-client {url}", "It speaks Autobahn's driver protocol. {url} becomes the address to connect to."],
  ["agent", "An agent, by its folder", "fixtures/agents/go-gorilla", "A folder as wsconform compare takes it, or the name of an agent that wsconform brings along. It is built first."],
];

export function start(main) {
  document.title = "wsconform";
  const runs = el("section", {"aria-labelledby": "runs-title"}), examples = el("div.cards");
  main.append(el("h1", "Test a WebSocket implementation"), el("p.sub", {id: "folder"}, " "), form(),
    el("section", {"aria-labelledby": "examples-title"}, el("h2", {id: "examples-title"}, "Examples"),
      el("p.hint", "They test wsconform's own peers, and need nothing else."), examples),
    el("section", {"aria-labelledby": "browser-title"}, el("h2", {id: "browser-title"}, "This browser"), el("p", el("a", {href: "browser"}, "Test this browser"), ": a page plays the cases with its WebSocket API. Open it in any browser of this machine.")), runs);
  let timer = 0, closed = false;
  async function load() {
    try {
      const state = await api("state");
      if (closed) return;
      $("#folder").textContent = "in " + state.folder;
      if (!examples.firstChild) examples.append(...state.examples.map(example));
      list(runs, state.runs);
      timer = setTimeout(load, state.runs.some(r => r.state === "running") ? 1500 : 6000);
    } catch (e) { if (!closed) { alarm(e.message); timer = setTimeout(load, 5000); } }
  }
  load();
  return {close() { closed = true; clearTimeout(timer); }};
}

async function begin(request) {
  const {run} = await api("runs", request);
  location.hash = "#/run/" + run;
}

function form() {
  const value = el("input", {name: "value", required: "", autocomplete: "off", spellcheck: "false"});
  const hint = el("small.hint", {id: "value-hint"});
  value.setAttribute("aria-describedby", "value-hint");
  const label = el("span", "");
  const choose = kind => {
    const [, name, sample, words] = kinds.find(k => k[0] === kind);
    label.textContent = name;
    value.placeholder = sample;
    hint.textContent = words;
  };
  const radios = kinds.map(([kind, name], i) => {
    const r = el("input", {type: "radio", name: "kind", value: kind, ...(i ? {} : {checked: ""})});
    r.addEventListener("change", () => choose(kind));
    return el("label.radio", r, name);
  });
  choose("server");
  const input = (name, more = {}) => el("input", {name, autocomplete: "off", spellcheck: "false", ...more});
  const check = (name, words) => el("label.radio", el("input", {type: "checkbox", name}), words);
  const f = el("form.target", {"aria-label": "What to test"},
    el("fieldset.radios", el("legend", "Test"), radios),
    el("label.field.wide-field", label, value, hint),
    el("details", el("summary", "Options"), el("div.options",
      field("Cases", input("cases", {placeholder: "all"}), "Ids or patterns, such as 5.* 7.1.1"),
      field("Without", input("exclude"), "Patterns of cases to leave out"),
      field("Suite", el("select", {name: "suite"}, el("option", {value: ""}, "both"), el("option", {value: "autobahn"}, "Autobahn's cases"), el("option", {value: "rfc"}, "the RFC suite"))),
      field("Role of an agent", el("select", {name: "role"}, el("option", "server"), el("option", "client"))),
      field("Name", input("name"), "of the implementation, in reports"),
      field("Header field", input("header", {placeholder: "Authorization: Bearer …"}), "sent with every handshake; masked in all files"),
      el("div.checks", check("slow", "also the cases that take many seconds"), check("noEcho", "the server does not echo"),
        check("insecure", "accept any certificate"), check("strict", "fail where the standard says SHOULD")))),
    el("p", el("button.main", {type: "submit"}, "Start")));
  f.addEventListener("submit", async e => {
    e.preventDefault();
    const d = new FormData(f), on = name => d.get(name) === "on", text = name => d.get(name).trim();
    const submit = $("button.main", f);
    submit.disabled = true;
    try {
      alarm("");
      await begin({
        kind: d.get("kind"), value: text("value"), role: d.get("role"), name: text("name"), cases: text("cases"), exclude: text("exclude"), suite: d.get("suite"),
        header: text("header") ? [text("header")] : [], slow: on("slow"), noEcho: on("noEcho"), insecure: on("insecure"), strict: on("strict"),
      });
    } catch (err) { alarm(err.message); }
    submit.disabled = false;
  });
  return f;
}

function example(e) {
  return el("article.example", el("h3", e.title), el("p", e.about), el("p.hint", e.cases ? "Cases " + e.cases.replaceAll(",", " ") : "All cases"),
    button("Test it", () => begin({kind: "example", value: e.name})));
}

function list(section, runs) {
  const rows = runs.map(r => {
    const counts = Object.entries(r.counts || {}).sort((a, b) => b[1] - a[1]);
    return el("tr", el("th", {scope: "row"}, el("a", {href: "#/run/" + r.id}, r.agent || "unnamed")), el("td", r.role),
      el("td.tally", r.state === "complete" || r.state === "partial" && counts.length ? counts.map(([o, n]) => el("span.g." + tone(o), n + " " + o)) : "",
        r.state === "complete" ? "" : el("b.state", r.state)),
      el("td", {title: r.started}, ago(r.started)), el("td.path", r.file));
  });
  section.replaceChildren(el("h2", {id: "runs-title"}, "Recent runs"), rows.length
    ? el("div.wide", {tabindex: "0", role: "region", "aria-label": "The table of runs"}, el("table.runs", el("thead", el("tr", ["Implementation", "Role", "Outcomes", "Started", "File"].map(t => el("th", {scope: "col"}, t)))), el("tbody", rows)))
    : el("p.hint", "There are none in this folder yet."));
}
