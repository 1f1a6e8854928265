"use strict";
// The data of the page, and what is worked out of it. See row.go for the fields.
const data = JSON.parse(document.getElementById("data").textContent);
const { cases, sections, rows, reasons, pairs } = data;
const caseIndex = new Map(cases.map((c, i) => [c.id, i]));
const top_ = id => id.split(".")[0];
const chapters = sections.filter(s => !s.id.includes("."));
const inSection = new Map(chapters.map(s => [s.id, cases.flatMap((c, i) => top_(c.id) === s.id ? [i] : [])]));
const titleOf = id => (sections.find(s => s.id === id) || {}).title || "";

const behaviors = { o: "OK", n: "NON-STRICT", i: "INFORMATIONAL", u: "UNIMPLEMENTED", f: "FAILED" };
const closes = { o: "OK", d: "FAILED BY CLIENT", w: "WRONG CODE", x: "UNCLEAN", f: "FAILED", i: "INFORMATIONAL" };
const outcomes = { C: "crash", T: "timeout", B: "blocked", N: "not run", H: "harness error" };
const classOfBehavior = { o: "p", n: "l", i: "o", u: "u", f: "f" };
const classOfClose = { o: "p", d: "l", w: "l", x: "f", f: "f", i: "o" };
const causes = {
  missing: "a program that it needs is not installed", network: "a registry could not be reached", build: "it does not build",
  start: "it does not start", echo: "it does not echo", crash: "it crashed during the run", hang: "it did not finish in time",
  "out-of-memory": "it used too much memory", processes: "it had too many processes",
};
const glyph = { p: "✓", l: "≈", f: "✕", u: "□", o: "○", n: "–", "": "" };
const words = { p: "pass", l: "lenient", f: "fail", u: "unsupported", o: "observed", n: "no verdict" };
const order = "flunop";

// state is what the hash and the tools say.
const state = { view: "", arg: "", q: "", role: "", engine: "", suite: "", half: "", strict: "", sort: "", with: "" };

// classOf is the class of a verdict in the chosen half; "" where the case was not selected.
function classOf(row, i, half = state.half) {
  const b = row.b[i], c = row.c[i];
  if (b === ".") return "";
  if (outcomes[b]) return "n";
  const x = classOfBehavior[b], y = classOfClose[c];
  if (half === "c") return y || "";
  if (!y && x !== "u") { // a case of one grade, which its level weighs
    const level = cases[i].level;
    if (level === "MAY" || level === "INFORMATIONAL") return "o";
    if (level === "SHOULD" && x === "f") return "l";
  }
  if (half === "b") return x;
  if (x === "u") return "u";
  if (x === "f" || y === "f") return "f";
  if (x === "o") return "o";
  return x === "l" || y === "l" ? "l" : "p";
}

// tally counts the classes of the cases.
function tally(row, list) {
  const t = { p: 0, l: 0, f: 0, u: 0, o: 0, n: 0, total: 0 };
  for (const i of list) {
    const k = classOf(row, i);
    if (k) { t[k]++; t.total++; }
  }
  t.good = t.p + t.o + (state.strict ? 0 : t.l);
  return t;
}

// used are the cases that a row has, suites are theirs; every and parts are the cases and
// the sections of the chosen suite.
const used = new Set(cases.flatMap((c, i) => rows.some(r => r.b[i] !== ".") ? [i] : []));
const suites = [...new Set([...used].map(i => cases[i].suite))];
const every = () => cases.flatMap((c, i) => !state.suite || c.suite === state.suite ? [i] : []);
const parts = () => chapters.filter(s => inSection.get(s.id).some(i => used.has(i) && (!state.suite || cases[i].suite === state.suite)));

// faultOf is the finding that explains the failure of a case, if there is one.
for (const r of rows) r.faultOf = new Map((r.faults || []).flatMap(f => f.cases.map(i => [i, f])));
const faultText = f => (f.whose === "agent" ? "our agent" : f.whose) + ": " + f.why;
const unexplained = "not yet explained";
const isUnexplained = (r, i) => (r.unexplained || []).includes(i);
const verdict = (row, i) => outcomes[row.b[i]] || (row.b[i] === "." ? "not selected" : behaviors[row.b[i]] + (closes[row.c[i]] ? " / " + closes[row.c[i]] : ""));
const label = row => row.name + " " + row.version + ", " + row.role;
const byId = id => rows.find(r => r.id === id);

// shown are the rows that the tools leave.
function shown() {
  const wanted = state.q.toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter(r => (!state.role || r.role === state.role) && (!state.engine || r.engine === state.engine) &&
    wanted.every(w => [r.name, r.folder, r.language, r.library, r.version, r.engine, r.role, r.licence].join(" ").toLowerCase().includes(w)));
}

// el makes an element. Text is text: nothing that comes from a peer is markup.
function el(tag, props = {}, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(props)) {
    if (v === undefined || v === false) continue;
    if (k.startsWith("on")) e.addEventListener(k.slice(2), v);
    else if (k === "class") e.className = v;
    else e.setAttribute(k, v === true ? "" : v);
  }
  e.append(...children.flat(Infinity).filter(c => c !== null && c !== undefined && c !== false));
  return e;
}
const link = (hash, ...text) => el("a", { href: "#" + hash }, text);
const hashOf = (key, value) => key + "=" + encodeURIComponent(value);
const caseLink = id => link(hashOf("case", id), id);
const rowLink = row => link(hashOf("row", row.id), row.name);
const wireLog = (row, i, text = "wire log") => row.page && row.b[i] !== "." ? el("a", { href: row.page + "#case-" + cases[i].id }, text) : null;
const mark = (k, text) => el("span", { class: "g " + k }, text === undefined ? words[k] : text);
const hidden = text => el("th", { scope: "col" }, el("span", { class: "vh" }, text)); // a heading that need not be seen
const table = (cls, head, body) => el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "table: " + head.map(h => h instanceof Node ? h.textContent : h).join(", ") },
  el("table", { class: cls }, el("thead", {}, el("tr", {}, head.map(h => h instanceof Node ? h : el("th", { scope: "col" }, h)))), el("tbody", {}, body)));
const size = n => n >= 1 << 20 ? (n / (1 << 20)) + " MiB" : n >= 1024 ? (n / 1024) + " KiB" : n + " B";
const plural = (n, one, many) => n + " " + (n === 1 ? one : many);
