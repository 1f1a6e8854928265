// The wire lab: a script is edited, played to a server or a client as wsconform dump --raw
// plays it, and what comes is shown. It starts from a case of a run, from one of the library, or
// from nothing.
import {alarm, api, bad, button, field, say} from "./common.js";
import {kinds} from "./start.js";

const first = `# One step a line; docs/raw.md has them all.
frame text text:Hello
await text 2s
close 1000
`;

// A client that speaks Autobahn's driver protocol asks for the number of cases first, then for
// each case, each on a connection of its own.
const toClients = `# The client connects to us: first for the number of cases, then for the case.
connection 1
text 1
close 1000
await close 2s
quit
connection 2
frame text text:Hello
await text 2s
close 1000
await end 2s
`;

export function lab(main, run = "", name = "", conn = "0", as = "server") {
  document.title = "Wire lab · wsconform";
  const script = el("textarea.script", {rows: "14", spellcheck: "false", autocomplete: "off", "aria-label": "Script", "aria-describedby": "script-hint"});
  const answer = el("section.answer", {"aria-label": "Answer", "aria-live": "polite"}, el("p.hint", "What comes back is shown here."));
  const choose = el("input", {list: "library", placeholder: "5.15", "aria-label": "Begin with the script of a case", autocomplete: "off"}), library = el("datalist", {id: "library"});
  const conns = el("select", {"aria-label": "Connection", hidden: ""}), verdict = el("p", {role: "status"});
  const target = run ? el("p.hint", "To the peer of ", el("a", {href: "#/run/" + run + (name ? "/" + encodeURIComponent(name) : "")}, "this run")) : where();
  const form = save(), reach = how();
  const command = el("pre.http.export", {tabindex: "0"});
  let source = null, closed = false, role = as, loaded = {title: "", requirements: []}, last = "";

  script.value = as === "client" ? toClients : first;
  const send = button("Send", play);
  send.classList.add("main");
  // The shortest script that shows the failure: of the case it began with, or by the checks below.
  const found = el("p.hint", {role: "status"});
  const shorter = button("Minimize", async () => {
    const {run: of, target} = request(), own = form.spec();
    const checks = Object.keys(own.want[0]).length > 0;
    found.textContent = "Looking for the shortest script that shows the failure…";
    try {
      const m = await api("minimize", {run: of, target: full(target), reach: reach.flags(), case: checks ? {...own, id: ""} : {id: last, title: "", script: "", want: []}});
      script.value = m.script;
      found.textContent = (m.why && m.steps === m.of ? "Nothing was left out." : m.steps + " of " + m.of + " steps show it, found in " + m.plays + " plays.") + (m.why ? " " + m.why[0].toUpperCase() + m.why.slice(1) + "." : "");
    } catch (e) { found.textContent = ""; throw e; }
  });
  main.append(el("h1", "Wire lab"), el("p.sub", "Change a frame, a header field or any byte, send it, and see what comes back."), target, reach.node,
    el("div.bench",
      el("section", {"aria-label": "Script"}, el("p.bar", el("label.inline", "Begin with case ", choose), conns, library), script,
        el("small.hint", {id: "script-hint"}, "Ctrl+Enter sends. A remark begins with #."), el("p.bar", send, shorter), found,
        el("details", el("summary", "Save as a case of your own"), form.node),
        el("details", {id: "export"}, el("summary", "As a command line"), command, button("Copy", () => navigator.clipboard.writeText(command.textContent)))),
      el("div", verdict, answer)));
  script.addEventListener("keydown", e => { if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) { e.preventDefault(); send.click(); } });
  for (const f of [target, reach.node]) f.addEventListener("submit", e => { e.preventDefault(); send.click(); });
  $("#export", main).addEventListener("toggle", () => { command.textContent = exported(); });
  choose.addEventListener("change", () => load(choose.value.trim(), 0));
  conns.addEventListener("change", () => load(last, Number(conns.value)));
  const fill = () => api("library?role=" + role).then(list => library.replaceChildren(...list.map(([id, title]) => el("option", {value: id}, title)))).catch(e => alarm(e.message));
  fill();
  if (name) { choose.value = name; load(name, Number(conn)); }

  async function load(id, n) {
    if (!id) return;
    try {
      const got = await api("script?" + new URLSearchParams({case: id, conn: n}));
      if (closed) return;
      last = id; loaded = got;
      script.value = role === "client" ? toClients.slice(0, toClients.indexOf("frame text")) + got.script : got.script;
      conns.hidden = got.conns < 2;
      conns.replaceChildren(...Array.from({length: got.conns}, (_, i) => el("option", {value: i, ...(i === n ? {selected: ""} : {})}, "connection " + (i + 1) + " of " + got.conns)));
      form.begin(id, got);
      alarm("");
    } catch (e) { alarm(e.message); }
  }

  function where() {
    const kind = el("select", {name: "kind"}, kinds.slice(0, 3).map(([k, words]) => el("option", {value: k}, words)));
    const value = el("input", {name: "value", placeholder: kinds[0][2], autocomplete: "off", spellcheck: "false"});
    kind.addEventListener("change", () => {
      value.placeholder = kinds.find(k => k[0] === kind.value)[2];
      const now = kind.value === "client" ? "client" : "server";
      if (now === role) return;
      if (script.value === (role === "client" ? toClients : first)) script.value = now === "client" ? toClients : first;
      role = now;
      fill();
    });
    return el("form.where", field("To", kind), field("Address or command", value));
  }

  // how are the ways to the peer that dump --raw has flags for.
  function how() {
    const input = (name, more = {}) => el("input", {name, autocomplete: "off", spellcheck: "false", ...more});
    const node = el("form", el("details", el("summary", "How to get there"), el("div.options",
      field("Header field", input("header", {placeholder: "Authorization: Bearer …"}), "sent with every handshake; masked in all files"),
      field("Subprotocols", input("subprotocol"), "with commas between"),
      field("Proxy", input("proxy", {placeholder: "socks5h://127.0.0.1:1080"}), "http, https, socks4, socks4a, socks5 or socks5h"),
      field("Authorities", input("ca"), "a PEM file that the server's certificate is checked with"),
      field("Our certificate", input("cert"), "a PEM file; for a client it makes our side TLS"),
      field("Its key", input("key"), "a PEM file"),
      field("Server name", input("serverName"), "for TLS, in place of the host of the URL"),
      el("div.checks", el("label.radio", el("input", {type: "checkbox", name: "insecure"}), "accept any certificate")))));
    const text = name => node.elements[name].value.trim();
    return {
      node,
      flags: () => ({...Object.fromEntries(["header", "subprotocol", "proxy", "ca", "cert", "key", "serverName"].map(name => [name, text(name)])), insecure: node.elements.insecure.checked}),
    };
  }

  const request = () => {
    if (run) return {run, target: {kind: "", value: "", name: ""}};
    const f = new FormData(target);
    return {run: "", target: {kind: f.get("kind"), value: f.get("value"), name: ""}};
  };
  // A server that reads unknown members as an error gets all of those it knows.
  const full = t => ({role: "", cases: "", exclude: "", suite: "", slow: false, header: [], insecure: false, noEcho: false, strict: false, ...t});

  async function play(spec) {
    alarm("");
    if (source) source.close();
    const {run: of, target} = request();
    answer.replaceChildren(el("p.hint", "…"));
    verdict.textContent = "";
    let got;
    try { got = await api("lab", {run: of, target: full(target), reach: reach.flags(), case: {id: "", title: "", script: script.value, want: [], ...(spec && spec.want ? spec : {})}}); } catch (e) {
      answer.replaceChildren();
      mark(e.message);
      throw e;
    }
    let result = null;
    const sent = script.value;
    source = new EventSource("api/runs/" + got.run + "/events");
    source.addEventListener("cases", e => { for (const r of JSON.parse(e.data)) if (r.case === "U.lab") { result = r; show(got.run, r, sent); } });
    const over = e => {
      const end = JSON.parse(e.data);
      if (e.type === "end") source.close();
      if (!result) answer.replaceChildren(el("p", "Nothing was played."), el("pre.http.said", {tabindex: "0"}, end.said || end.error || ""));
    };
    source.addEventListener("end", over);
  }

  // mark selects the line that an error is about.
  function mark(words) {
    const m = words.match(/line (\d+):/);
    if (!m) return;
    const lines = script.value.split("\n"), at = Number(m[1]) - 1;
    const from = lines.slice(0, at).join("\n").length + (at ? 1 : 0);
    script.focus();
    script.setSelectionRange(from, from + (lines[at] || "").length);
  }

  async function show(id, r, sent) {
    const data = await api("runs/" + id + "/cases/U.lab");
    if (closed) return;
    const d = Object.values(data.cases)[0], x = exchange(data);
    if (r.outcome !== "observed" || !r.behavior) verdict.replaceChildren(el("b.t." + (bad.has(r.outcome) ? "f" : "p"), r.behavior || r.outcome), " ", r.note);
    const all = [d, ...(d.m || [])];
    data.page = "exchange.html"; data.title = "A raw script";
    d.sc = sent;
    const share = button("Link to this exchange", async () => { open(await x.permalink("U.lab", d, {outcome: r.outcome, behavior: r.behavior, close: ""}), "_blank"); });
    answer.replaceChildren(el("h2", "Answer"), el("div.detail", all.map((c, i) => [all.length > 1 ? el("h3", "Connection " + (i + 1) + " of " + all.length) : "",
      el("div.box", el(all.length > 1 ? "h4" : "h3", "What happened"), x.happened(c) || el("p.none", "nothing")), x.connection(c, true)])), el("p", share));
    say("An answer came: " + r.outcome);
  }

  const shell = word => "'" + word.replaceAll("'", "'\\''") + "'";
  function exported() {
    const {target: t} = request(), f = Object.entries(reach.flags()).filter(([, v]) => v).map(([k, v]) => " --" + (k === "serverName" ? "server-name" : t.kind === "client" && (k === "cert" || k === "key") ? "tls-" + k : k) + (v === true ? "" : " " + shell(v)));
    const more = f.join("");
    const to = t.kind === "command" && t.value ? "--server-cmd " + shell(t.value) : t.kind === "client" && t.value ? "--listen 127.0.0.1:0 --oneshot --eof-wait 1s --client-cmd " + shell(t.value) :
      shell(t.kind === "server" && t.value ? t.value : "ws://127.0.0.1:9001");
    return "wsconform dump " + to + more + " --raw -v <<'SCRIPT'\n" + script.value.replace(/\n*$/, "\n") + "SCRIPT\n";
  }

  // save is the form for a case of one's own.
  function save() {
    const input = (name, more = {}) => el("input", {name, autocomplete: "off", spellcheck: "false", ...more});
    const check = (name, words) => el("label.radio", el("input", {type: "checkbox", name}), words);
    const node = el("form.options",
      field("Id", input("id", {placeholder: "reserved-bit", required: "", pattern: "[A-Za-z0-9][A-Za-z0-9._\\-]*"}), "a name of your own; U. comes before it"),
      field("Title", input("title", {required: "", maxlength: "200"}), "what is sent"),
      field("Level", el("select", {name: "level"}, ["MUST", "SHOULD", "MAY", "ROBUSTNESS", "INFORMATIONAL"].map(l => el("option", l)))),
      field("Requirements", input("requirements"), "ids of wsconform ledger"),
      field("Close codes", input("close", {placeholder: "1002", pattern: "[0-9 ,]*"}), "the peer closes with one of these; 0 is no code"),
      field("Echo", input("echo"), "this text comes back, once"),
      field("Pong", input("pong"), "a pong with this payload comes"),
      field("Status", input("status", {placeholder: "400 499", pattern: "[0-9 ,]*"}), "of the response, one or from and to"),
      el("div.checks", check("open", "the connection opens"), check("quiet", "no message comes, and no pong in answer"), check("clean", "the closing handshake is completed"),
        check("noOffence", "the peer breaks no rule"), check("ofItself", "the peer closes before we do")),
      el("p.bar", el("button", {type: "submit"}, "Save"), button("Send with these checks", () => play(spec()))), el("p", {role: "status"}));
    const text = name => node.elements[name].value.trim(), numbers = name => text(name).split(/[\s,]+/).filter(Boolean).map(Number);
    function spec() {
      const want = {};
      for (const name of ["open", "quiet", "clean", "noOffence", "ofItself"]) if (node.elements[name].checked) want[name] = true;
      for (const name of ["close", "status"]) if (numbers(name).length) want[name] = numbers(name);
      for (const name of ["echo", "pong"]) if (node.elements[name].value) want[name] = node.elements[name].value;
      return {id: "U." + text("id"), title: text("title") || "a script", level: text("level"), requirements: text("requirements").split(/[\s,]+/).filter(Boolean), script: script.value, want: [want]};
    }
    node.addEventListener("submit", async e => {
      e.preventDefault();
      const done = $("p[role=status]", node);
      try {
        const {file} = await api("cases", spec());
        alarm("");
        done.textContent = "Saved in " + file + ". wsconform test plays it from now on.";
      } catch (err) { done.textContent = ""; alarm(err.message); }
    });
    return {node, spec, begin(id, got) {
      node.elements.id.value = "from-" + id.replaceAll(/[^A-Za-z0-9._-]/g, "-");
      node.elements.title.value = got.title;
      node.elements.requirements.value = got.requirements.join(" ");
    }};
  }

  return {close() { closed = true; if (source) source.close(); }, key(k) { if (k !== "Escape") return false; location.hash = run ? "#/run/" + run + (name ? "/" + encodeURIComponent(name) : "") : "#/"; return true; }};
}
