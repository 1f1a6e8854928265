// A run: its cases by section, with their verdicts as they come, and a case of it.
import {alarm, api, bad, button, grade, say, seconds, tone} from "./common.js";

export function run(main, id, first) {
  const v = view(main), cells = new Map(); // case: what is known of it
  let head = null, order = [], done = 0, counts = {}, state = "running", begun = performance.now(), current = first, query = "", source = null;
  document.title = "wsconform";

  // --- the stream ---

  function connect() {
    source = new EventSource("api/runs/" + id + "/events");
    source.addEventListener("head", e => begin(JSON.parse(e.data)));
    source.addEventListener("cases", e => take(JSON.parse(e.data)));
    for (const name of ["foot", "end"]) source.addEventListener(name, e => finish(JSON.parse(e.data), name === "end"));
    source.onerror = () => { v.left.textContent = "no connection to wsconform"; };
  }

  // begin draws the cases without verdicts. After a reconnection all comes again.
  function begin(h) {
    const again = head !== null;
    head = h; done = 0; counts = {}; state = "running"; begun = performance.now() - Math.max(0, h.going ? Date.now() - Date.parse(h.started) : 0);
    document.title = h.agent + " · wsconform";
    v.title.textContent = h.agent;
    v.sub.replaceChildren(el("span", h.role + " under test"), ...[h.url.endsWith(":0") ? "" : h.url, h.file, h.levels].filter(Boolean).map(w => el("span", w)));
    if (again) { for (const c of cells.values()) { c.result = null; c.sec.counts = {}; } } else draw();
    v.stop.hidden = !h.going;
    count();
  }

  function draw() {
    const table = el("tbody"), rows = [];
    let suite = "";
    const suites = new Set(head.sections.map(s => s.suite));
    for (const s of head.sections) {
      const waffle = el("div.waffle", {"aria-hidden": "true"}), tally = el("td.tally");
      if (suites.size > 1 && s.suite !== suite) table.append(el("tr.suite", el("th", {scope: "rowgroup", colspan: "3"}, s.suite === "rfc" ? "The RFC suite" : s.suite === "user" ? "Your cases" : "The Autobahn testsuite's cases")));
      suite = s.suite;
      const sec = {counts: {}, tally, shown: new Map()};
      for (const [name, title, level] of s.cases) {
        const square = el("i"), link = el("a", {href: "#/run/" + id + "/" + encodeURIComponent(name)}, name);
        const tds = [el("td.g.n"), el("td.g.n"), el("td"), el("td")];
        const row = el("tr", el("th", {scope: "row"}, link), el("td", title, level ? [" ", el("em.lv", level)] : ""), tds);
        const cell = {name, title, level, square, row, tds, link, sec, result: null, old: head.before ? head.before.outcomes[name] || "" : ""};
        square.cell = row.cell = cell;
        square.title = name + " " + title;
        cells.set(name, cell);
        order.push(cell);
        rows.push(row);
        waffle.append(square);
      }
      table.append(el("tr", el("th", {scope: "row"}, el("span.num", s.id), " ", s.title), el("td", waffle), tally));
    }
    v.sections.append(el("table.secs", el("thead", el("tr", ["Section", "Cases", "Outcomes"].map(t => el("th", {scope: "col"}, t)))), table));
    v.rows.append(...rows);
    filter();
  }

  function take(list) {
    const touched = new Set();
    for (const r of list) {
      const c = cells.get(r.case);
      if (!c) continue;
      if (c.result) { counts[c.result.outcome]--; c.sec.counts[c.result.outcome]--; } else done++;
      counts[r.outcome] = (counts[r.outcome] || 0) + 1;
      c.sec.counts[r.outcome] = (c.sec.counts[r.outcome] || 0) + 1;
      c.result = r;
      touched.add(c.sec);
      paint(c);
    }
    for (const s of touched) total(s);
    count();
    if (current && list.some(r => r.case === current)) open(current);
    if (v.chosen.size || v.only.value) filter();
  }

  function paint(c) {
    const r = c.result, one = r.behavior && !r.close;
    c.square.className = r.behavior ? "b" + grade(r.behavior) + " k" + grade(one ? r.behavior : r.close) : "bn kn";
    const [a, b, change, time] = c.tds;
    a.className = "g " + (r.behavior ? grade(r.behavior) : "n");
    a.textContent = r.behavior || r.outcome;
    b.className = "g " + grade(r.close);
    b.textContent = r.close || "";
    b.classList.toggle("none", !r.close);
    change.textContent = changed(c);
    change.className = changed(c) === "regressed" ? "f" : "p";
    time.textContent = seconds(r.duration);
  }

  function finish(e, last) {
    if (head || e.error) state = e.state;
    v.stop.hidden = true;
    if (last) { source.close(); source = null; }
    v.left.textContent = e.state === "complete" ? (e.duration ? "took " + e.duration.toFixed(1) + " s" : "complete") : e.state + (e.error ? ": " + e.error : "");
    v.said.hidden = !e.said;
    v.said.replaceChildren(el("summary", "What wsconform printed" + (e.exit === undefined ? "" : ", exit code " + e.exit)), el("pre.http.said", {tabindex: "0"}, e.said || ""));
    if (!head && e.said) v.said.open = true;
    if (!head) v.title.textContent = "The run did not start";
    v.report.hidden = !e.report;
    if (e.report) $("a", v.report).href = "api/runs/" + id + "/report";
    v.again.hidden = false;
    count();
    say((counts.fail || 0) + " failed, " + (counts.pass || 0) + " passed, of " + done + " cases");
  }

  // --- numbers ---

  // total shows how many cases of a section have which outcome.
  function total(s) {
    for (const [o, n] of Object.entries(s.counts)) {
      const shown = s.shown.get(o) || el("span.g." + tone(o));
      if (!s.shown.has(o)) { s.shown.set(o, shown); s.tally.append(shown, " "); }
      text(shown, n > 0 ? n + " " + o : "");
      shown.hidden = n <= 0;
    }
  }

  function changed(c) {
    if (!c.result || !c.old) return "";
    const was = bad.has(c.old), is = bad.has(c.result.outcome);
    return was && !is ? "fixed" : is && !was ? "regressed" : "";
  }

  // count shows the numbers. It runs with every batch of verdicts, so it touches what has changed.
  const chips = new Map(), text = (node, words) => { if (node.textContent !== words) node.textContent = words; };
  let compared = "";
  function count() {
    const total = order.length;
    v.bar.max = total || 1;
    v.bar.value = done;
    text(v.done, done + " of " + total + " cases");
    for (const [o, n] of Object.entries(counts)) {
      let chip = chips.get(o);
      if (!chip) {
        chip = {n: el("b"), button: el("button.chip.g." + tone(o), {type: "button"}, o, " ")};
        chip.button.append(chip.n);
        chip.button.addEventListener("click", () => { if (!v.chosen.delete(o)) v.chosen.add(o); count(); filter(); });
        chips.set(o, chip);
        v.counts.append(chip.button);
      }
      text(chip.n, String(n));
      chip.button.hidden = n <= 0;
      chip.button.setAttribute("aria-pressed", v.chosen.has(o));
    }
    v.againFailed.hidden = ![...bad].some(o => counts[o] > 0);
    if (state === "running" && done && done < total) {
      const spent = (performance.now() - begun) / 1000, left = Math.ceil(spent / done * (total - done));
      text(v.left, "about " + (left < 60 ? left + " s" : Math.ceil(left / 60) + " min") + " left");
    }
    v.change.hidden = !head || !head.before;
    if (!head || !head.before) return;
    const fixed = order.filter(c => changed(c) === "fixed"), worse = order.filter(c => changed(c) === "regressed");
    const key = fixed.length + " " + worse.length;
    if (key === compared) return;
    compared = key;
    const names = (list, word, cls) => el("span.g." + cls, list.length + " " + word, list.length ? ": " : "", list.slice(0, 12).flatMap(c => [link(c), " "]), list.length > 12 ? "…" : "");
    v.change.replaceChildren("Compared with ", el("a", {href: "#/run/" + head.before.id}, "the run before"), ": ", names(worse, "regressed", worse.length ? "f" : "n"), " ", names(fixed, "fixed", fixed.length ? "p" : "n"));
  }

  const link = c => el("a", {href: "#/run/" + id + "/" + encodeURIComponent(c.name)}, c.name);

  // --- the table ---

  function filter() {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    let n = 0;
    for (const c of order) {
      const o = c.result ? c.result.outcome : "";
      const show = (!v.chosen.size || v.chosen.has(o)) && (!v.only.value || changed(c) === v.only.value || v.only.value === "failures" && bad.has(o)) &&
        words.every(w => (c.name + " " + c.title + " " + o).toLowerCase().includes(w));
      if (c.row.hidden === show) c.row.hidden = !show;
      n += show;
    }
    v.shown.textContent = n === order.length ? "" : n + " shown";
  }
  v.query.addEventListener("input", () => { query = v.query.value; filter(); });
  v.only.addEventListener("change", filter);
  v.rows.addEventListener("click", e => {
    const row = e.target.closest("tr");
    if (row && row.cell && !e.target.closest("a")) go(row.cell.name);
  });
  v.sections.addEventListener("click", e => { if (e.target.cell) go(e.target.cell.name); });

  const go = name => { location.hash = "#/run/" + id + (name ? "/" + encodeURIComponent(name) : ""); };

  // --- again, stop ---

  // repeat plays cases of the run again, and shows the new run, or a case of it.
  async function repeat({cases, open}) {
    const {run} = await api("runs/" + id + "/again", {cases, exclude: "", suite: "", slow: false});
    location.hash = "#/run/" + run + (open ? "/" + encodeURIComponent(open) : "");
  }
  v.stop.append(button("Stop", () => api("runs/" + id + "/stop", {})));
  v.againAll.append(button("Run all again", () => repeat({cases: (head ? head.selected : []).join(" ")})));
  v.againFailed.append(button("Run the failures again", () => repeat({cases: order.filter(c => c.result && bad.has(c.result.outcome)).map(c => c.name).join(" ")})));
  v.pattern.addEventListener("submit", async e => {
    e.preventDefault();
    try { await repeat({cases: $("input", v.pattern).value}); } catch (err) { alarm(err.message); }
  });

  // --- a case ---

  let asked = 0, entries = [], entry = -1;
  async function open(name) {
    current = name;
    const c = cells.get(name), mine = ++asked;
    v.grid.hidden = Boolean(name);
    v.one.hidden = !name;
    for (const o of $$("tr.cur", v.rows)) o.classList.remove("cur");
    if (!name) return;
    if (!c) { v.one.replaceChildren(el("p", head ? "This run does not have the case " + name + "." : "…")); return; }
    c.row.classList.add("cur");
    const r = c.result, at = order.indexOf(c);
    const step = (words, to) => to ? el("a.step", {href: "#/run/" + id + "/" + encodeURIComponent(to.name)}, words) : el("span.step.none", words);
    const title = el("h2", {tabindex: "-1"}, el("span.num", name), " ", c.title, c.level ? [" ", el("em.lv", c.level)] : "");
    const bar = el("p.bar", el("a", {href: "#/run/" + id}, "All cases"), step("Previous", order[at - 1]), step("Next", order[at + 1]),
      step("Next failure", next(at, 1)), button("Run this case again", () => repeat({cases: name, open: name})),
      head.role === "gateway" ? "" : el("a.step.lab", {href: "#/lab/" + id + "/" + encodeURIComponent(name) + (head.role === "client" ? "/0/client" : "")}, "Open in the wire lab"));
    if (!r) { v.one.replaceChildren(bar, title, el("p.hint", state === "running" ? "It has no verdict yet." : "It was not played.")); return; }
    let data;
    try { data = await api("runs/" + id + "/cases/" + encodeURIComponent(name)); } catch (e) { if (mine === asked) v.one.replaceChildren(bar, title, el("p", e.message)); return; }
    if (mine !== asked) return;
    const d = Object.values(data.cases)[0];
    if (!d) return;
    data.page = "exchange.html"; data.title = head.agent;
    const body = el("div.detail", exchange(data).caseView(name, d, {outcome: r.outcome, behavior: r.behavior, close: r.close}));
    const more = changed(c) ? el("p.g." + (changed(c) === "fixed" ? "p" : "f"), changed(c) + ": it was " + c.old + " in the run before") : "";
    v.one.replaceChildren(bar, title, more, body);
    timeline(body, d);
    entries = $$("ol.log > li", body);
    for (const li of entries) li.tabIndex = -1;
    entry = -1;
    title.focus({preventScroll: true});
    scrollTo(0, 0);
  }

  const next = (at, by) => {
    for (let i = at + by; i >= 0 && i < order.length; i += by) if (order[i].result && bad.has(order[i].result.outcome)) return order[i];
    return null;
  };

  // timeline draws each connection: a lane for each direction, a mark for each frame.
  function timeline(body, d) {
    const logs = $$("ol.log", body), all = [d, ...(d.m || [])].filter(c => c.l && c.l.length);
    logs.forEach((log, i) => {
      const list = (all[i] ? all[i].l : []).map((e, n) => ({at: e[1] || 0, out: e[0] === "fout", frame: e[0] === "fin" || e[0] === "fout", off: e[0] === "fin" && (e[12] || []).length > 0, li: log.children[n]})).filter(e => e.frame);
      if (list.length < 2) return;
      const end = Math.max(...list.map(e => e.at), 1), svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      svg.setAttribute("class", "line");
      svg.setAttribute("viewBox", "0 0 1000 44");
      svg.setAttribute("preserveAspectRatio", "none");
      svg.setAttribute("aria-hidden", "true");
      for (const e of list) {
        const mark = document.createElementNS("http://www.w3.org/2000/svg", "rect");
        for (const [k, val] of Object.entries({x: 4 + e.at / end * 988, y: e.out ? 4 : 24, width: 4, height: 16, class: e.off ? "off" : e.out ? "out" : "in"})) mark.setAttribute(k, val);
        mark.addEventListener("click", () => focusEntry(entries.indexOf(e.li)));
        e.li.mark = mark;
        svg.append(mark);
      }
      log.before(el("div.lines", el("span.hint", "sent"), el("span.hint", "received"), svg));
    });
  }

  function focusEntry(n) {
    if (n < 0 || n >= entries.length) return;
    if (entries[entry]) { entries[entry].classList.remove("cur"); if (entries[entry].mark) entries[entry].mark.classList.remove("cur"); }
    entry = n;
    entries[n].classList.add("cur");
    if (entries[n].mark) entries[n].mark.classList.add("cur");
    entries[n].focus({preventScroll: true});
    entries[n].scrollIntoView({block: "nearest"});
  }

  function key(k) {
    const at = current ? order.findIndex(c => c.name === current) : order.findIndex(c => c.row.classList.contains("cur"));
    const move = c => {
      if (!c) return true;
      if (current) go(c.name); else {
        for (const o of $$("tr.cur", v.rows)) o.classList.remove("cur");
        c.row.classList.add("cur");
        c.link.focus({preventScroll: true});
        c.row.scrollIntoView({block: "center"});
      }
      return true;
    };
    const visible = (from, by) => { for (let i = from + by; i >= 0 && i < order.length; i += by) if (!order[i].row.hidden) return order[i]; return null; };
    switch (k) {
      case "j": return move(visible(at, 1));
      case "k": return move(visible(at < 0 ? order.length : at, -1));
      case "n": return move(next(at, 1));
      case "p": return move(next(at < 0 ? order.length : at, -1));
      case "r": if (current) repeat({cases: current, open: current}).catch(e => alarm(e.message)); return true;
      case "/": go(""); v.grid.hidden = false; v.query.focus(); return true;
      case "Escape": if (current) go(""); else location.hash = "#/"; return true;
    }
    if (!current || !entries.length || k !== "ArrowDown" && k !== "ArrowUp") return false;
    const shown = n => entries[n] && entries[n].offsetParent !== null;
    const by = k === "ArrowDown" ? 1 : -1;
    let n = entry + by;
    while (n >= 0 && n < entries.length && !shown(n)) n += by;
    focusEntry(n);
    return true;
  }

  connect();
  open(first);
  return {close() { if (source) source.close(); }, open, key};
}

// view makes the parts of the page of a run.
function view(main) {
  const v = {
    title: el("h1", "…"), sub: el("p.sub"), stop: el("span", {hidden: ""}), bar: el("progress", {max: "1", value: "0", "aria-label": "Cases played"}), done: el("span"), left: el("span.hint"),
    counts: el("div.chips", {role: "group", "aria-label": "Outcomes"}), change: el("p.change", {hidden: ""}), again: el("div.again"), againAll: el("span"), againFailed: el("span", {hidden: ""}),
    pattern: el("form.inline", el("label", "Cases ", el("input", {name: "cases", placeholder: "5.* 7.1.1", required: "", autocomplete: "off", spellcheck: "false"})), " ", el("button", {type: "submit"}, "Run")),
    said: el("details", {hidden: ""}), report: el("p", {hidden: ""}, el("a", {target: "_blank", rel: "noreferrer"}, "The report")),
    sections: el("div"), rows: el("tbody"), query: el("input", {id: "q", type: "search", placeholder: "Search", "aria-label": "Search the cases", autocomplete: "off", spellcheck: "false"}),
    only: el("select", {"aria-label": "Which cases"}, [["", "All cases"], ["failures", "Failures"], ["regressed", "Regressed"], ["fixed", "Fixed"]].map(([value, words]) => el("option", {value}, words))),
    shown: el("span.hint", {role: "status"}), chosen: new Set(), grid: el("div"), one: el("section.one", {hidden: "", "aria-label": "A case"}),
  };
  v.again.append(v.againAll, v.againFailed, v.pattern, v.report);
  v.grid.append(v.change, v.sections, el("h2", "Cases"), el("div.tools", {role: "search"}, v.query, v.only, v.shown),
    el("table.list", el("thead", el("tr", ["Case", "What is sent", "Behavior", "Close", "Change", "Time"].map(t => el("th", {scope: "col"}, t)))), v.rows));
  main.append(v.title, v.sub, el("section.banner.live", {"aria-label": "Progress"}, el("p.row", v.bar, v.done, v.left, v.stop), v.counts, v.again, v.said), v.grid, v.one);
  return v;
}
