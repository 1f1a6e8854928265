// The views. Each returns what goes into <main>; its title is in the table of views at the end.

const legend = () => el("p", { class: "legend2" }, [..."plfuon"].map(k => mark(k)),
  el("span", {}, state.strict ? "strict: only OK and INFORMATIONAL are good" : "lenient: NON-STRICT, WRONG CODE and FAILED BY CLIENT are good too"));

// whyOf is what the verdict rests on, and whose fault it is.
const whyOf = (r, i) => [(r.why[i] || []).map(n => el("div", {}, reasons[n])), i in r.varied && el("div", { class: "varied" }, "varies: " + reasons[r.varied[i]]),
  r.faultOf.has(i) ? el("div", { class: "fault" }, faultText(r.faultOf.get(i))) : isUnexplained(r, i) && el("div", { class: "fault" }, unexplained)];

const byName = (a, b) => a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1;

// idsOf are links to some of the cases.
const idsOf = (list, most) => [list.slice(0, most).map((i, n) => [n ? " " : "", caseLink(cases[i].id)]), list.length > most && " and " + (list.length - most) + " more"];

// ---- the matrix of agents by sections

function sectionCell(row, id) {
  const t = tally(row, inSection.get(id));
  if (!t.total) return el("td", {}, "");
  const worst = [...order].find(k => t[k] && k !== "o") || "p";
  const bad = t.f + t.n + t.u + (state.strict ? t.l : 0);
  const text = !bad ? "✓" : worst === "p" ? "✓" : glyph[worst] + " " + t[worst] + (t.total === t[worst] ? "" : "/" + t.total);
  const bar = el("span", { class: "bar", "aria-hidden": "true" }, [..."pofunl"].filter(k => t[k]).map(k => {
    const piece = el("i", { class: k });
    piece.style.flexGrow = t[k];
    return piece;
  }));
  const spoken = [...order].filter(k => t[k]).map(k => t[k] + " " + words[k]).join(", ");
  return el("td", {}, el("a", { class: "sect " + (bad ? worst : "p"), href: "#" + hashOf("section", id), title: spoken }, el("b", {}, text), el("span", { class: "vh" }, " section " + id + ": " + spoken), bar));
}

// failures are the findings of a row and what is unexplained, each with its cases, the most of them first.
const failures = r => [...(r.faults || []).map(f => [faultText(f), f.cases]), ...(r.unexplained || []).length ? [[unexplained, r.unexplained]] : []].sort((a, b) => b[1].length - a[1].length);

const share = row => { const t = tally(row, every()); return t.total ? t.good / t.total : -1; };
const columns = () => [
  { id: "name", title: "Implementation", key: r => r.name.toLowerCase() },
  { id: "language", title: "Language", key: r => r.language.toLowerCase(), class: "langh" },
  { id: "role", title: "Role", key: r => r.role },
  { id: "score", title: "Good", key: share, down: true, class: "num" },
  ...parts().map(s => ({ id: s.id, title: s.id, hint: s.title, key: r => { const t = tally(r, inSection.get(s.id)); return t.total ? t.good / t.total : -1; }, down: true })),
  { id: "time", title: "Time", key: r => r.ms.reduce((a, b) => a + b, 0), class: "num" },
];

function sorted(list) {
  const [id, dir] = state.sort.split("-");
  const all = columns(), column = all.find(c => c.id === id) || all[3];
  const sign = dir === "up" ? 1 : dir === "down" ? -1 : column.down ? -1 : 1;
  return list.map(r => [column.key(r), r]).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0) * sign).map(x => x[1]);
}

function header(c) {
  const [id, dir] = (state.sort || "score-down").split("-");
  const is = id === c.id;
  const turn = () => { state.sort = c.id + "-" + (is ? (dir === "up" ? "down" : "up") : c.down ? "down" : "up"); change(); };
  return el("th", { scope: "col", class: c.class, "aria-sort": is && (dir === "up" ? "ascending" : "descending"), title: c.hint },
    el("button", { type: "button", onclick: turn }, c.title, c.hint && el("span", { class: "vh" }, " " + c.hint)));
}

// mostly tells what most failures of the row are owed to.
function mostly(r) {
  const list = failures(r);
  if (!list.length) return null;
  const all = list.map(([text, ids]) => text + " (" + plural(ids.length, "case", "cases") + ")");
  return el("div", { class: "mostly", title: all.join("\n") }, all[0], all.length > 1 && " and " + plural(all.length - 1, "other finding", "other findings"));
}

function matrix() {
  const list = sorted(shown());
  if (!list.length) return [el("p", { class: "remark" }, "Nothing matches the filter.")];
  const several = new Set(list.map(r => r.engine)).size > 1;
  const body = list.map(r => {
    const t = tally(r, every());
    const name = el("th", { scope: "row" }, rowLink(r), el("small", {}, r.version), mostly(r));
    const lead = [name, el("td", { class: "lang" }, r.language), el("td", {}, r.role, several && el("small", {}, r.engine))];
    const judged = t.total - t.n;
    if (!judged) return el("tr", { class: "gap" }, lead, el("td", { class: "gaptext", colspan: columns().length - 3 }, mark("n", causes[r.cause] || "no verdict"), r.error ? ": " : "", (r.error || "").split("\n")[0].slice(0, 200)));
    return el("tr", {}, lead, el("td", { class: "num score" }, (Math.floor(1000 * t.good / t.total) / 10).toFixed(1) + " %"),
      parts().map(s => sectionCell(r, s.id)), el("td", { class: "num" }, (r.ms.reduce((a, b) => a + b, 0) / 1000).toFixed(1) + " s"));
  });
  return [legend(), table("impls", columns().map(header), body),
    el("p", { class: "remark" }, "Each cell is a section: ✓ if all its cases are good, otherwise the worst outcome and how often it occurred. Click it to see the cases. Below each name is the main cause of its failures, and whose fault it is. ",
      "Time is the sum over cases, which overlap: it says nothing about speed.")];
}

// ---- one section: agents by cases

function sectionView() {
  const list = inSection.get(top_(state.arg)) || [];
  const ids = list.filter(i => state.arg === top_(state.arg) || cases[i].id.startsWith(state.arg + "."));
  const visible = sorted(shown()).filter(r => ids.some(i => r.b[i] !== "."));
  const subs = sections.filter(s => s.id.startsWith(top_(state.arg) + "."));
  const head = [hidden("Implementation"), ids.map(i => el("th", { scope: "col", title: cases[i].title }, caseLink(cases[i].id)))].flat();
  const body = visible.map(r => el("tr", {}, el("th", { scope: "row" }, rowLink(r), " ", el("small", {}, r.role + (r.engine === data.engine ? "" : ", " + r.engine))),
    ids.map(i => {
      const k = classOf(r, i);
      if (!k) return el("td");
      const text = label(r) + ", case " + cases[i].id + ": " + verdict(r, i) + (i in r.varied ? ", varies" : "");
      return el("td", {}, el("a", { class: k + (i in r.varied ? " varied" : ""), href: "#" + hashOf("case", cases[i].id) + "&" + hashOf("with", r.id), title: text, "aria-label": text, tabindex: "-1" }, glyph[k]));
    })));
  return [
    el("p", { class: "crumb" }, chapters.map(s => [s.id === top_(state.arg) ? el("b", {}, s.id + " " + s.title) : link(hashOf("section", s.id), s.id + " " + s.title), " · "]).flat().slice(0, -1)),
    subs.length > 0 && el("p", { class: "pick" }, el("label", {}, "Part ", el("select", { onchange: e => { state.arg = e.target.value; change(); } },
      el("option", { value: top_(state.arg) }, "all"), subs.map(s => el("option", { value: s.id, selected: s.id === state.arg }, s.id + " " + s.title))))),
    legend(), table("grid", head, body),
    el("p", { class: "remark" }, "A framed cell: the verdict varied when the case was played again. Arrow keys move, Enter opens.")];
}

// ---- one case: who does what

function caseView() {
  const i = caseIndex.get(state.arg);
  if (i === undefined) return [el("p", { class: "remark" }, "There is no such case.")];
  const c = cases[i];
  const list = shown().filter(r => r.b[i] !== ".").sort((a, b) => order.indexOf(classOf(a, i)) - order.indexOf(classOf(b, i)));
  const violators = list.filter(r => classOf(r, i) === "f").length;
  const step = by => cases[i + by] ? link(hashOf("case", cases[i + by].id), by < 0 ? "← " + cases[i + by].id : cases[i + by].id + " →") : "";
  const body = list.map(r => el("tr", { class: state.with === r.id && "here" }, el("th", { scope: "row" }, rowLink(r), " ", el("small", {}, [r.version, r.role, r.engine].join(", "))),
    el("td", {}, mark(classOf(r, i), verdict(r, i))), el("td", {}, whyOf(r, i)),
    el("td", {}, codeText(r, i)), el("td", { class: "ms" }, r.ms[i] + " ms"), el("td", {}, wireLog(r, i))));
  return [el("p", { class: "crumb" }, step(-1), " ", link(hashOf("section", top_(c.id)), "section " + top_(c.id) + " " + titleOf(top_(c.id))), " ", step(1)),
    el("dl", { class: "facts2" }, el("dt", {}, "Sends"), el("dd", {}, c.title, c.level ? ". " + c.level : "", " (", el("a", { href: "cases/" + c.id + ".html" }, "about this case"), ")"), el("dt", {}, "Wants"), el("dd", {}, c.expect),
      el("dt", {}, "Decided by"), el("dd", {}, c.rfc.map((r, n) => [n ? ", " : "", link(hashOf("rfc", r), r)]))),
    el("p", { class: "remark" }, (violators || "None") + " of " + plural(list.length, "row", "rows") + (violators === 1 || !violators ? " fails it." : " fail it.")),
    table("list2 wide", ["Implementation", "Verdict", "Why", "Close code", "Time", hidden("Wire log")], body)];
}

const codeText = (r, i) => !(i in r.codes) ? "–" : r.codes[i] === -1 ? "none" : String(r.codes[i]);

// ---- who violates which section of the RFCs

const requirements = (() => {
  const map = new Map();
  cases.forEach((c, i) => c.rfc.forEach(r => map.set(r, (map.get(r) || []).concat(i))));
  const parts = s => s.split(/[ .]/).map(x => /^\d+$/.test(x) ? x.padStart(6, "0") : x).join(" ");
  return new Map([...map].sort((a, b) => parts(a[0]) < parts(b[0]) ? -1 : 1));
})();

const failsIn = (r, list) => list.filter(i => classOf(r, i) === "f");

function rfcView() {
  if (state.arg) return oneRequirement();
  const visible = shown();
  const body = [...requirements].map(([name, list]) => {
    const who = visible.filter(r => failsIn(r, list).length);
    return el("tr", {}, el("th", { scope: "row" }, link(hashOf("rfc", name), name)), el("td", {}, plural(list.length, "case", "cases")),
      el("td", {}, who.length ? mark("f", String(who.length)) : mark("p", "none")),
      el("td", {}, who.slice(0, 12).map((r, n) => [n ? ", " : "", rowLink(r), el("small", {}, " " + r.role)]), who.length > 12 && " and " + (who.length - 12) + " more"));
  });
  return [el("p", { class: "remark" }, "The sections that cases cite, and the rows that fail at least one of these cases. A case may cite several sections: its wire log shows which one was broken."),
    table("list2 wide", ["Section", "Cases", "Violated by", hidden("Who")], body)];
}

function oneRequirement() {
  const list = requirements.get(state.arg) || [];
  const bad = shown().map(r => [r, failsIn(r, list)]).filter(x => x[1].length).sort((a, b) => b[1].length - a[1].length);
  return [el("p", { class: "crumb" }, link("rfc", "all sections")),
    el("p", { class: "remark" }, plural(list.length, "case cites", "cases cite") + " " + state.arg + ". ", bad.length ? "Rows that fail some of them:" : "No row fails any of them."),
    table("list2 wide", ["Implementation", "Fails", "Cases"], bad.map(([r, ids]) => el("tr", {}, el("th", { scope: "row" }, rowLink(r), " ", el("small", {}, [r.version, r.role, r.engine].join(", "))),
      el("td", {}, mark("f", ids.length + " of " + list.length)), el("td", {}, idsOf(ids, 60)))))];
}

// ---- behavior, compression, limits and speed

const traits = [
  ["utf8", "Bad UTF-8 is noticed"], ["echo", "Echoes the good message before it fails"], ["protocol", "On protocol errors (3, 4, 5)"], ["text", "On bad UTF-8 (6)"],
  ["close", "Answers a close with"], ["badclose", "On close codes that must not be sent (7.9)"], ["pongs", "Ten pings in a row"], ["tcp", "Ends TCP"],
];

function behaviorView() {
  const list = shown().filter(r => r.traits && r.traits.length).sort(byName);
  const body = list.map(r => el("tr", {}, el("th", { scope: "row" }, rowLink(r), " ", el("small", {}, [r.version, r.role, r.engine].join(", "))),
    traits.map(([id]) => el("td", {}, (r.traits.find(t => t.id === id) || { value: "" }).value))));
  return [el("p", { class: "remark" }, "How implementations behave, as their wire logs show. The RFCs leave much of this open. A number is a close code; “TCP only” means that the connection ended without a close frame."),
    table("list2 wide", ["Implementation", ...traits.map(t => t[1])], body)];
}

function deflateView() {
  const list = shown().filter(r => r.offers && r.offers.length).sort(byName);
  const body = list.flatMap(r => r.offers.filter(o => o.group.startsWith("13.")).map((o, n, all) => el("tr", {},
    n === 0 && el("th", { scope: "rowgroup", rowspan: all.length }, rowLink(r), " ", el("small", {}, [r.version, r.role, r.engine].join(", "))),
    el("td", {}, link(hashOf("section", o.group), o.group + " " + titleOf(o.group))),
    el("td", {}, o.refused ? mark("f", "handshake fails") : !o.agreed ? mark("u", "declined") : o.kept === o.total ? mark("p", "honoured") : mark("f", "broken: " + o.kept + " of " + o.total)),
    el("td", {}, el("code", {}, r.role === "client" ? o.offer || "–" : o.answer || "–")))));
  return [el("p", { class: "remark" }, "permessage-deflate: which parameters an implementation agrees to, and whether it keeps to them in both directions. The last column is its own header: a server's response, a client's offer."),
    table("list2 wide", ["Implementation", "Asked for", "Outcome", "Sec-WebSocket-Extensions"], body)];
}

function limitsView() {
  const list = shown().filter(r => (r.largest && r.largest.length) || (r.speed && r.speed.length)).sort(byName);
  const speedOf = (r, id) => {
    const s = (r.speed || []).find(x => x.section === id);
    if (!s || !s.cases) return el("td", {}, "–");
    return el("td", {}, s.seconds.toFixed(2) + " s ", el("small", {}, "for " + s.cases + " of " + s.total + (s.mib ? ", " + (s.mib / s.seconds).toFixed(0) + " MiB/s" : "")));
  };
  const heavy = chapters.map(s => s.id).filter(id => rows.some(r => (r.speed || []).some(x => x.section === id)));
  const limitOf = (r, kind) => {
    const l = (r.largest || []).find(x => x.kind === kind);
    if (!l) return el("td", {}, "–");
    return el("td", {}, size(l.passed), l.failed ? el("small", {}, "; refuses " + size(l.failed) + (l.code ? " with " + l.code : "")) : "");
  };
  const body = list.map(r => el("tr", {}, el("th", { scope: "row" }, rowLink(r), " ", el("small", {}, [r.version, r.role, r.engine].join(", "))),
    limitOf(r, "text"), limitOf(r, "binary"), el("td", {}, r.limit ? size(r.limit) : "–"), heavy.map(id => speedOf(r, id))));
  return [el("p", { class: "remark" }, "The longest message that came back (the longest that is sent has 16 MiB), and the time of the heavy sections, summed over the cases that passed. ",
    el("b", {}, "Not a benchmark: "), "cases of a row overlap, the harness shares the processors with the agent, and the agents are written to be simple, not fast. Differences below a factor of two mean nothing."),
  table("list2 wide", ["Implementation", "Longest text", "Longest binary", "Known limit", ...heavy.map(id => titleOf(id) + " (" + id + ")")], body)];
}

// ---- whose fault it is

function faultsView() {
  const list = shown().filter(r => failures(r).length).sort(byName);
  const count = whose => list.reduce((n, r) => n + (r.faults || []).filter(f => f.whose === whose).reduce((m, f) => m + f.cases.length, 0), 0);
  const open = list.reduce((n, r) => n + (r.unexplained || []).length, 0);
  const by = [["library", "the libraries"], ["agent", "our agents around them"], ["harness", "the harness or the machine"]].map(([k, text]) => [count(k), text]);
  const body = list.flatMap(r => failures(r).map(([text, ids], n, all) => el("tr", {},
    n === 0 && el("th", { scope: "rowgroup", rowspan: all.length }, rowLink(r), " ", el("small", {}, [r.version, r.role, r.engine].join(", "))),
    el("td", {}, text), el("td", {}, String(ids.length)), el("td", {}, idsOf(ids, 8)))));
  return [el("p", { class: "remark" }, plural(by.reduce((n, x) => n + x[0], open), "failure", "failures") + " in these rows: ", by.filter(x => x[0]).map(([n, text]) => n + " caused by " + text + ", "), open + " unexplained. ",
    "The causes were found by reading the wire logs and the library's source. They are in findings.yaml in the agent's folder."),
  table("list2 wide", ["Implementation", "Whose fault", "Fails", "Cases"], body)];
}

// ---- one row

function rowView() {
  const r = byId(state.arg);
  if (!r) return [el("p", { class: "remark" }, "There is no such row.")];
  const t = tally(r, every());
  const facts = [["Library", r.library], ["Version", r.version], ["Language", r.language], ["From", r.origin], ["Licence", r.licence], ["Homepage", r.homepage], ["Role", r.role],
    ["Judged by", r.judge], ["With", r.tool], ["On", r.host], ["Isolation", r.isolation === "docker" ? "container" : r.isolation === "none" ? "process with limits on memory and processes" : ""],
    ["Started", r.started], ["Took", r.seconds], ["State", r.state + (r.cause ? ": " + (causes[r.cause] || r.cause) : "")], ["Cases", r.selected], ["Folder", r.folder], ["Content", r.hash && "sha256 " + r.hash], ["Command", r.command], ["Notes", r.notes]];
  const bad = every().filter(i => ["f", "n", "l", "u"].includes(classOf(r, i))).sort((a, b) => order.indexOf(classOf(r, a)) - order.indexOf(classOf(r, b)) || a - b);
  const limit = 250;
  return [
    el("p", { class: "crumb" }, rows.filter(o => o.folder === r.folder && o !== r).map(o => [link(hashOf("row", o.id), o.role + ", " + o.engine), " · "]), r.page && el("a", { href: r.page }, "the whole run with its wire logs"), " · ", link(hashOf("diff", r.id), "compare with another")),
    el("p", { class: "legend2" }, [..."plfuon"].filter(k => t[k]).map(k => mark(k, t[k] + " " + words[k]))),
    r.error && el("pre", { class: "remark" }, r.error),
    r.repeat && el("dl", { class: "facts2" }, el("dt", {}, "To reproduce"), el("dd", {}, el("code", {}, r.repeat))),
    r.traits && r.traits.length > 0 && [el("h2", {}, "Behavior"), el("dl", { class: "facts2" }, traits.map(([id, title]) => { const x = r.traits.find(y => y.id === id); return x ? [el("dt", {}, title), el("dd", {}, x.value)] : []; }))],
    failures(r).length > 0 && [el("h2", {}, "Why cases fail"), table("list2 wide", ["Whose fault", "Cases"], failures(r).map(([text, ids]) => el("tr", {}, el("td", {}, text), el("td", {}, plural(ids.length, "case", "cases") + ": ", idsOf(ids, 20)))))],
    bad.length > 0 && [el("h2", {}, "Cases that are not OK"), table("list2 wide", ["Case", "Sends", "Verdict", "Why", hidden("Wire log")], bad.slice(0, limit).map(i => el("tr", {}, el("th", { scope: "row" }, caseLink(cases[i].id)), el("td", {}, cases[i].title),
      el("td", {}, mark(classOf(r, i), verdict(r, i))), el("td", {}, whyOf(r, i)), el("td", {}, wireLog(r, i))))),
    bad.length > limit && el("p", { class: "remark" }, "and " + (bad.length - limit) + " more")],
    el("h2", {}, "Provenance"), el("dl", { class: "facts2" }, facts.filter(f => f[1]).map(([k, v]) => [el("dt", {}, k), el("dd", {}, k === "Homepage" && /^https:\/\//.test(v) ? el("a", { href: v, rel: "noopener noreferrer" }, v) : v)]))];
}

// ---- two rows

function diffView() {
  const [a, b] = state.arg.split(",").map(byId);
  const choose = (n, chosen) => el("select", { "aria-label": "Row " + (n + 1), onchange: e => { const ids = [a && a.id || "", b && b.id || ""]; ids[n] = e.target.value; state.arg = ids.join(","); change(); } },
    el("option", { value: "" }, "choose a row"), rows.filter(r => r.page).map(r => el("option", { value: r.id, selected: r === chosen }, r.id)));
  const pick = el("p", { class: "pick" }, choose(0, a), " against ", choose(1, b));
  if (!a || !b) return [pick, el("p", { class: "remark" }, "Choose two rows to compare: two implementations, two versions, two roles or two engines.")];
  const list = every().filter(i => a.b[i] !== "." && b.b[i] !== "." && (a.b[i] !== b.b[i] || a.c[i] !== b.c[i]));
  const both = every().filter(i => a.b[i] !== "." && b.b[i] !== ".").length;
  return [pick, el("p", { class: "remark" }, both - list.length + " of " + both + " verdicts are the same, " + list.length + " differ."),
    table("list2 wide", ["Case", "Sends", a.id, b.id, hidden("Wire logs")], list.map(i => el("tr", {}, el("th", { scope: "row" }, caseLink(cases[i].id)), el("td", {}, cases[i].title),
      el("td", {}, mark(classOf(a, i), verdict(a, i))), el("td", {}, mark(classOf(b, i), verdict(b, i))), el("td", {}, wireLog(a, i, "one"), " ", wireLog(b, i, "other")))))];
}

// ---- native against Autobahn

function enginesView() {
  if (!pairs || !pairs.length) return [el("p", { class: "remark" }, "No agent was run under both engines. wsconform compare --engine both does that.")];
  const total = pairs.reduce((n, p) => n + p.agree + p.differ.length, 0);
  const one = (p, d) => [p.row, p.reference].some(n => !behaviors[rows[n].b[d.case]]); // only one has a verdict
  const count = is => pairs.reduce((n, p) => n + p.differ.filter(d => is(p, d)).length, 0);
  const differ = count(() => true), missing = count(one), races = count((p, d) => d.race && !one(p, d));
  return [el("p", { class: "remark" }, `${pairs.length} agents and roles: ${total - differ} of ${total} verdicts of the native engine are the same as Autobahn's; ${races} differ because of a known race, ${differ - races - missing} for other reasons` + (missing ? `; ${missing} have a verdict from one engine only.` : ".")),
    table("list2 wide", ["Implementation", "Agree", "Differ", "Case", "Native", "Autobahn", "Race"], pairs.toSorted((p, q) => Boolean(q.differ.length) - Boolean(p.differ.length)).flatMap(p => {
      const a = rows[p.row], b = rows[p.reference];
      const head = n => [el("th", { scope: "rowgroup", rowspan: n }, link(hashOf("diff", a.id + "," + b.id), a.name), " ", el("small", {}, a.version + ", " + a.role)), el("td", { rowspan: n }, String(p.agree)), el("td", { rowspan: n }, p.differ.length ? String(p.differ.length) : mark("p", "none"))];
      if (!p.differ.length) return [el("tr", {}, head(1), el("td", { colspan: 4 }))];
      return p.differ.map((d, n) => el("tr", {}, n === 0 && head(p.differ.length), el("td", {}, caseLink(cases[d.case].id)), el("td", {}, verdict(a, d.case)), el("td", {}, verdict(b, d.case)), el("td", {}, one(p, d) ? el("small", {}, "no verdict to compare") : d.race ? el("small", {}, d.race) : mark("f", "none known"))));
    }))];
}

const views = {
  "": { title: "WebSocket implementations compared", nav: "Matrix", show: matrix },
  section: { title: () => "Section " + state.arg + ": " + titleOf(state.arg), show: sectionView },
  case: { title: () => "Case " + state.arg, show: caseView },
  rfc: { title: () => state.arg ? "Who violates " + state.arg + "?" : "Who violates which requirement?", nav: "Requirements", show: rfcView },
  faults: { title: "Why cases fail, and whose fault that is", nav: "Faults", show: faultsView },
  behavior: { title: "How they behave", nav: "Behavior", show: behaviorView },
  deflate: { title: "Compression parameters", nav: "Compression", show: deflateView },
  limits: { title: "Limits and speed", nav: "Limits, speed", show: limitsView },
  diff: { title: "Two rows side by side", nav: "Differences", show: diffView },
  engines: { title: "The native engine against Autobahn", nav: "Engines", show: enginesView },
  row: { title: () => { const r = byId(state.arg); return r ? label(r) : "Unknown row"; }, show: rowView },
};
