// What is sent and received in a case, from its details: the report page and wsconform ui
// show it alike. Everything is shown through text nodes: nothing that a peer has sent is
// parsed as markup.
"use strict";
const $ = (sel, at = document) => at.querySelector(sel);
const $$ = (sel, at = document) => [...at.querySelectorAll(sel)];
document.documentElement.classList.add("js");

// el makes an element: el("p.note", {title: "x"}, "text", child, [children]).
function el(name, ...rest) {
  const [tag, ...classes] = name.split(".");
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  for (const part of rest.flat(Infinity)) {
    if (part == null || part === false || part === "") continue;
    if (typeof part === "object" && !(part instanceof Node)) {
      for (const [k, v] of Object.entries(part)) node.setAttribute(k, v);
    } else node.append(part);
  }
  return node;
}

// Theme: that of the system until a reader chooses.
const root = document.documentElement;
const dark = matchMedia("(prefers-color-scheme:dark)");
try { const kept = localStorage.getItem("wsconform-theme"); if (kept) root.dataset.theme = kept; } catch { /* no storage */ }
$("#theme").addEventListener("click", () => {
  const now = root.dataset.theme || (dark.matches ? "dark" : "light");
  root.dataset.theme = now === "dark" ? "light" : "dark";
  try { localStorage.setItem("wsconform-theme", root.dataset.theme); } catch { /* no storage */ }
});

// through sends bytes through a stream that changes them, up to a bound.
async function through(stream, bytes, most = Infinity) {
  const parts = [], reader = new Blob([bytes]).stream().pipeThrough(stream).getReader();
  let size = 0;
  for (;;) {
    const {done, value} = await reader.read();
    if (done) break;
    size += value.length;
    if (size > most) { reader.cancel(); throw new Error("too long"); }
    parts.push(value);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}
const base64 = bytes => btoa(Array.from(bytes, b => String.fromCharCode(b)).join("")).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

// exchange shows the cases of these details. Those that are not trusted, since they come with
// a link, have no links of their own.
function exchange(data, trusted = true) {
const used = new Set(); // texts
const T = i => { used.add(i || 0); return data.texts[i || 0] || ""; };
const a = (name, href, words) => trusted ? el(name, {href, rel: "noreferrer"}, words) : words;
// --- bytes ---

const utf8 = new TextEncoder();
const bytesOf = s => !s ? new Uint8Array() : !s.startsWith("0x") ? utf8.encode(s)
  : Uint8Array.from(s.slice(2).match(/../g) || [], h => parseInt(h, 16));
const hidden = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u;
const hex = b => b.toString(16).padStart(2, "0");
const many = n => n.toLocaleString("en").replaceAll(",", "\u202f");
const sizeOf = n => n === 1 ? "1 byte" : many(n) + " bytes";

function visible(ch) {
  const c = ch.codePointAt(0);
  if (c < 32) return String.fromCodePoint(0x2400 + c);
  if (c === 127) return "\u2421";
  return hidden.test(ch) ? "\\u{" + c.toString(16).padStart(4, "0") + "}" : ch;
}

// decode cuts bytes into characters: [bytes, text, is it UTF-8].
function decode(bytes, cut) {
  const out = [];
  for (let i = 0; i < bytes.length;) {
    const b = bytes[i];
    const n = b < 0x80 ? 1 : b >= 0xc2 && b < 0xe0 ? 2 : b >= 0xe0 && b < 0xf0 ? 3 : b >= 0xf0 && b < 0xf5 ? 4 : 0;
    let ch = null;
    if (n && i + n <= bytes.length) {
      try { ch = new TextDecoder("utf-8", {fatal: true, ignoreBOM: true}).decode(bytes.subarray(i, i + n)); } catch { /* not UTF-8 */ }
    }
    if (ch !== null) { out.push([n, visible(ch), true]); i += n; continue; }
    const tail = cut && n && i + n > bytes.length; // only cut off by us
    out.push([1, "\\x" + hex(b), tail]); i++;
  }
  return out;
}

// marked puts pieces into a span; those that are bad are marked.
function marked(pieces, cls) {
  const span = el("span." + (cls || "data"));
  let text = "", bad = false;
  const flush = () => { if (text) span.append(bad ? el("mark", text) : text); text = ""; };
  for (const [t, b] of pieces) {
    if (b !== bad) { flush(); bad = b; }
    text += t;
  }
  flush();
  return span;
}

// payload shows bytes as text and hex. bad(i) says whether byte i offends; with
// check, so do those of a text that are not UTF-8.
function payload(bytes, {text, check, whole = true, bad = () => false}) {
  const chars = decode(bytes, !whole);
  const isText = text || chars.every(c => c[2]);
  const pieces = [];
  let i = 0;
  const badBytes = new Set();
  for (const [n, t, ok] of chars) {
    let off = check && !ok;
    for (let k = 0; k < n; k++) off = off || bad(i + k);
    if (off) for (let k = 0; k < n; k++) badBytes.add(i + k);
    pieces.push([t, off]);
    i += n;
  }
  const more = whole ? "" : " …";
  const gap = k => k % 16 ? k % 4 ? " " : "  " : "\n";
  const hexes = [...bytes].flatMap((b, k) => {
    const bad = badBytes.has(k);
    return k ? [[gap(k), bad && badBytes.has(k - 1)], [hex(b), bad]] : [[hex(b), bad]];
  });
  return {text: isText ? [marked([["\u201c", false], ...pieces, ["\u201d", false]]), more] : null, hex: [marked(hexes), more]};
}

// --- frames ---

const opcodes = {0: "continuation", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"};
const flagWords = [
  "opening handshake complete", "permessage-deflate negotiated", "harness closed first", "harness failed the connection",
  "harness ended TCP", "closing handshake complete", "peer sent a close frame", "an echo was wrong",
  "opening handshake timed out", "peer did not answer the close in time", "server did not end TCP after the closing handshake"];
const code = k => !k ? "no code" : data.codes[k] ? k + " (" + data.codes[k] + ")" : String(k);

function clock(us) {
  if (!us) return "";
  const ms = us / 1000;
  return ms < 10 ? ms.toFixed(3) + " ms" : ms < 1000 ? ms.toFixed(1) + " ms" : (ms / 1000).toFixed(3) + " s";
}

// rawOnes tells which bytes of a log are frames over again, as they were read
// or written, or the opening handshake. Others are all there is to see, such as
// a payload that is written piece by piece behind a frame header.
function rawOnes(log) {
  const raw = new Set();
  let owed = 0; // bytes of frames sent, still to be written
  log.forEach((e, i) => {
    const [kind, , len = 0, text = "", , , mask = "", repeat = 0] = e;
    if (kind === "fout" && (!len || text)) {
      const n = repeat || len;
      owed += n + 2 + (n > 65535 ? 8 : n > 125 ? 2 : 0) + (mask ? 4 : 0);
    } else if (kind[0] === "o" && /^0x(47455420|48545450)/.test(text)) raw.add(i); // GET, HTTP
    else if (kind === "oout" && len <= owed) { owed -= len; raw.add(i); }
  });
  let frame = false; // whether what was read became a frame
  for (let i = log.length - 1; i >= 0; i--) {
    if (log[i][0] !== "oin") frame = log[i][0] === "fin";
    else if (frame) raw.add(i);
  }
  return raw;
}

// offence says what is wrong and which section says so. What the harness does
// wrong is the case's doing.
const offence = ([words, section, url], out) => el(out ? "p.off.ours" : "p.off", T(words), " ",
  url ? a("a.nb", T(url), T(section)) : T(section));

function entry(e, raw) {
  const [kind, at = 0, len = 0, text0 = "", op = 0, set = 0, mask = "", repeat = 0, chop = 0, note = 0, missing = 0, head = "", marks = []] = e;
  if (kind === "cut") return el("li.note", el("span"), el("span"), el("span", many(len) + " entries left out here; the run file has them"));
  const time = el("span.at", clock(at));
  if (kind === "note") return el("li.note", time, el("span"), el("span", T(note)));
  const out = kind.endsWith("out");
  const dir = el("span.dir", out ? "harness → peer" : "harness ← peer");
  const bytes = bytesOf(text0), what = el("div.what"), add = (t, cls) => what.append(el("span" + (cls || ""), t));
  if (kind[0] === "o") {
    what.append(el("b", out ? "bytes written" : "bytes read"));
    add(sizeOf(len));
    if (bytes.length) what.append(el("pre.hex", payload(bytes, {whole: bytes.length >= len}).hex));
    return el((out ? "li.out" : "li.in") + (raw ? ".raw" : ""), time, dir, what);
  }
  const rsv = set >> 2, fin = set & 1, name = opcodes[op];
  what.append(el("b", (name || "opcode " + op).toUpperCase()));
  if (!name) add("reserved opcode");
  add(fin ? "FIN" : "more follow");
  for (const [i, bit] of [[1, 4], [2, 2], [3, 1]]) if (rsv & bit) add("RSV" + i);
  add(sizeOf(repeat || len));
  if (missing) add(many(missing) + " of them not received");
  if (mask) add("mask " + mask);
  if (repeat) add(many(len) + " repeated");
  if (chop) add("in writes of " + sizeOf(chop));
  if (set & 2) add("in a write of its own");
  const whole = bytes.length >= len;
  const offends = (place, skip = 0) => i => marks.some(m => m[0] === place && i + skip >= m[1] && i + skip < m[2]);
  if (marks.some(m => m[0] === 0)) what.append(el("pre.hex", "header  ", payload(bytesOf("0x" + head), {bad: offends(0)}).hex));
  let body = bytes, text = op === 1 && fin;
  if (op === 8) {
    if (len === 0) add("no code");
    else if (bytes.length < 2) add("body of one byte");
    else {
      const k = bytes[0] << 8 | bytes[1];
      add(code(k));
      body = bytes.subarray(2); text = true;
    }
  }
  if (body.length) {
    const p = payload(body, {text, whole, bad: offends(1, op === 8 ? 2 : 0)});
    what.append(el(body.length > 24 ? "div.pay.long" : "div.pay", p.text ? el("pre", p.text) : "", op !== 8 ? el("pre.hex", p.hex) : ""));
  }
  if (op === 8 && bytes.length) what.append(el("pre.hex", payload(bytes, {whole, bad: offends(1)}).hex));
  for (const m of marks) what.append(offence(m.slice(3), out));
  return el(out ? "li.out" : "li.in", time, dir, what);
}

// --- expected against got ---

// events lists events; those unlike the ones in other are marked.
function events(list, other) {
  if (!list.length) return el("p.none", "no message and no pong");
  return el("ul", list.map((e, i) => {
    const [kind, binary = 0, len = 0, raw = "", sum = ""] = e;
    if (kind === "more") return el("li.none", "and " + many(len) + " more");
    if (kind === "timeout") return el("li.ev", el("b", "pause " + raw), " ended");
    const o = other && other[i];
    const same = o && JSON.stringify(o) === JSON.stringify(e);
    const bytes = bytesOf(raw), theirs = o ? bytesOf(o[3]) : null;
    const bad = !other || same ? () => false : k => !theirs || bytes[k] !== theirs[k];
    const isText = !binary && kind === "message", p = payload(bytes, {text: isText, check: isText, whole: bytes.length >= len, bad});
    const first = other && !same && theirs ? bytes.findIndex((b, k) => b !== theirs[k]) : -1;
    return el("li.ev", el("b", kind === "pong" ? "pong" : (binary ? "binary" : "text") + " message"), " " + sizeOf(len) + " ",
      bytes.length ? p.text || p.hex : "", sum ? el("span.rfc", " SHA-256 " + sum) : "",
      first >= 0 ? el("span.rfc", " differs from byte " + many(first)) : "",
      other && !o ? el("span.rfc", " not expected") : "");
  }));
}

function expected(d) {
  const w = d.w, box = el("div.box", el("h3", "Expected"), d.cl ? "" : el("p", T(d.e) || "This version of wsconform does not have the case."));
  for (const [ref, url, words] of d.r || []) box.append(el("p.rfc", url ? a("a.nb", T(url), T(ref)) : T(ref), " ", T(words)));
  for (const [id, level, words] of d.q || []) box.append(el("p.rfc", {title: T(id)}, el("b.nb", T(level)), " ", T(words)));
  if (!w) { if (!d.m) box.append(clauses(d)); return box; }
  if (w.u) box.append(el("p", T(w.u)));
  for (const r of w.r) box.append(el("p", el("b.t." + grade(r.g), r.g), r.e.length ? " for these events:" : " for no message and no pong"), r.e.length ? events(r.e) : "");
  const codes = (w.k || []).map(code);
  box.append(el("p", el("b", "Closing: "), w.o ? "our close frame comes first and the peer answers" : "the peer fails the connection",
    codes.length ? " with " + codes.join(", ") + " or no code" : "", w.c ? ", and the closing handshake is complete." : "."));
  return box;
}

// clauses lists what earns which grade on a connection.
const clauses = c => el("div", (c.cl || []).map(i => {
  const [, g, rest] = T(i).match(/^([A-Z-]+)(: .*)$/s) || [];
  return el("p", g ? [el("b.t." + grade(g), g), rest] : T(i));
}));

// happened lists the events of a connection.
const happened = c => c.hp ? el("ul", c.hp.map(i => el("li.ev", T(i)))) : "";

const grade = g => ({OK: "p", "NON-STRICT": "l", FAILED: "f", UNCLEAN: "f", UNIMPLEMENTED: "u", INFORMATIONAL: "o", "WRONG CODE": "l", "FAILED BY CLIENT": "l"})[g] || "n";

function received(d, v) {
  const box = el("div.box", el("h3", "Got"));
  const g = d.g;
  if (v.behavior && !v.close) {
    box.append(el("p", el("b.t." + grade(v.behavior), v.behavior), T(d.rs) ? ": " + T(d.rs) : ""));
  } else if (v.behavior) {
    const half = (word, name, why) => el("p", el("b.t." + grade(word), word), " " + name + (why ? ": " + why : ""));
    box.append(half(v.behavior, "behavior", T(d.rs)), half(v.close, "close", T(d.cr)));
  } else box.append(el("p", el("b.t.n", v.outcome), " no verdict"));
  if (d.di) box.append(el("p", T(d.di)));
  if (!d.m) box.append(happened(d));
  if (d.n) box.append(el("p", T(d.n)));
  if (d.ex) box.append(el("p", el("b", "Expectation: "), T(d.ex), d.lk ? [" ", a("a", d.lk, d.lk)] : ""));
  if (d.br && !(d.ex && T(d.ex) === T(d.br))) box.append(el("p", el("b", "Gate: "), T(d.br)));
  if (d.at) box.append(el("p", "Played " + d.at + " times."));
  const broken = [...(d.ho || []), ...(d.l || []).filter(e => e[0] === "fin").flatMap(e => (e[12] || []).map(m => m.slice(3)))];
  box.append(...broken.slice(0, 3).map(o => offence(o)), broken.length > 3 ? el("p.off", many(broken.length - 3) + " more, marked in the wire log") : "");
  if (!g) return box;
  const flags = new Set(g.f), wanted = d.w && d.w.r.length ? d.w.r[0].e : null;
  if (g.e || wanted) box.append(events(g.e || [], wanted));
  if (g.n) box.append(el("p", many(g.n) + " right " + (g.n === 1 ? "echo" : "echoes")));
  if (g.t) box.append(g.t.map(t => el("p", T(t))));
  const reason = s => s ? [", reason ", payload(bytesOf(s), {text: true}).text] : "";
  box.append(el("p", el("b", "Closing: "), flags.has(2) ? "the harness closed first. " : "the peer closed first, or TCP ended. ",
    g.rc ? ["The peer sent ", g.rz ? "0 (not a valid code)" : code(g.rk), reason(g.rr)] : "The peer sent no close frame", ". ",
    g.lk || g.lr ? ["The harness sent ", code(g.lk), reason(g.lr), "."] : "", g.u ? " " + T(g.u) : ""));
  return box;
}

// copied adds a button that copies the command in the paragraph.
function copied(p) {
  const code = $("code", p), button = el("button", {type: "button"}, "Copy");
  button.addEventListener("click", async () => {
    try { await navigator.clipboard.writeText(code.textContent); button.textContent = "Copied"; } catch { getSelection().selectAllChildren(code); }
  });
  p.append(" ", button);
  return p;
}

// connection shows the wire log and the opening handshake of a connection.
function connection(c, known) {
  const list = [];
  if (c.l && c.l.length) {
    const again = rawOnes(c.l);
    const log = el("ol.log", c.l.map((e, i) => entry(e, again.has(i))));
    const raw = again.size;
    const frames = c.l.length - raw;
    const toggle = el("button", {type: "button", "aria-pressed": "false"}, "Show " + raw + " reads and writes");
    toggle.addEventListener("click", () => {
      const on = log.classList.toggle("all");
      toggle.setAttribute("aria-pressed", on);
    });
    if (!frames) log.classList.add("all");
    list.push(el("section", el("div.row", el("h3", "Wire log"), raw && frames ? toggle : ""), log,
      c.x ? el("p.hint", many(c.x) + " more entries were not recorded.") : "",
      data.cut ? el("p.hint", "Logs are cut to keep this page small. The run file has all of them.") : ""));
  } else if (known) list.push(el("section", el("h3", "Wire log"), el("p.none", c.x ? many(c.x) + " entries were not recorded." : "Nothing was recorded.")));

  const http = list => el("pre.http", (list || []).map(l => [Array.isArray(l) ? [T(l[0]), el("mark", T(l[1])), T(l[2])] : T(l), "\n"]));
  if (c.rq || c.rp) list.push(el("section", el("details", c.ho ? {open: ""} : {}, el("summary", "Opening handshake"), el("div.pair",
    el("div.box", el("h3", "Request"), http(c.rq)),
    el("div.box", el("h3", "Response"), http(c.rp))), (c.ho || []).map(o => offence(o)))));
  return list;
}

// caseView shows a case: what is wanted, what came, and every connection. The verdict v has
// behavior and close, or outcome where there is none; close is "" in cases of one grade.
function caseView(id, d, v) {
  const list = [el("div.pair", expected(d), received(d, v))];
  const word = /^[\w.:@%+=,\/-]+$/.test(id) ? id : "'" + id.replaceAll("'", "'\\''") + "'";
  const again = copied(el("p.cmd", el("code", data.before + word + data.after)));
  if (trusted && data.page) {
    const share = el("button", {type: "button"}, "Link to this exchange");
    share.addEventListener("click", async () => { open(await permalink(id, d, v), "_blank"); });
    again.append(" ", share);
  }
  list.push(el("section", el("h3", "Play it again"), again));
  if (d.pg && trusted) list.push(el("p", el("a", {href: d.pg}, "About this case: why it matters, and which bugs it finds")));

  if (!d.m) list.push(...connection(d, d.g));
  else for (const [i, c] of [d, ...d.m].entries()) {
    list.push(el("section", el("h3.conn", "Connection " + (i + 1) + " of " + (d.m.length + 1)),
      el("div.pair", el("div.box", el("h3", "Expected"), clauses(c)), el("div.box", el("h3", "What happened"), happened(c) || el("p.none", "nothing")))), ...connection(c, true));
  }
  if (d.sc) list.push(el("section", el("details", el("summary", "As a raw script"), el("pre.http", {tabindex: "0"}, d.sc))));
  if (d.st) list.push(el("section", el("details", el("summary", "What the harness does"), el("ol.steps", d.st.map(s => el("li", T(s)))))));
  if (d.g) {
    const flags = new Set(d.g.f);
    list.push(el("section", el("details", el("summary", "Flags"), el("table", el("tbody",
      flagWords.map((name, i) => el("tr", el("th", {scope: "row"}, name), el("td", flags.has(i) ? "yes" : "no"))),
      d.g.d ? el("tr", el("th", {scope: "row"}, "time from opening to end"), el("td", clock(d.g.d))) : "")))));
  }
  return list;
}

// permalink is the address of the page exchange.html with this case in its fragment.
async function permalink(id, d, v) {
  used.clear();
  caseView(id, d, v); // uses what is needed
  const texts = data.texts.slice(0, Math.max(...used) + 1).map((t, i) => used.has(i) ? t : "");
  const {pg, lk, ...own} = d, title = data.title || document.title;
  const text = JSON.stringify({v: 1, id, title, verdict: v, data: {texts, codes: data.codes, before: data.before, after: data.after, cases: {[id]: own}}});
  return data.page + "#x=" + base64(await through(new CompressionStream("deflate-raw"), utf8.encode(text)));
}

return {caseView, copied, connection, happened, expected, received, permalink};
}
