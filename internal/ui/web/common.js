// What all parts of the page use. exchange.js, which the reports use too, gives el, $ and $$.

// api asks the server. Paths are relative to the page, whose address begins with the token.
export async function api(path, body) {
  const r = await fetch("api/" + path, body === undefined ? {} : {
    method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body),
  });
  const text = await r.text();
  let value;
  try { value = JSON.parse(text); } catch { value = {error: text.slice(0, 300) || "wsconform does not answer"}; }
  if (!r.ok) throw new Error(value.error || "wsconform answers with status " + r.status);
  return value;
}

// say has screen readers say something.
export const say = words => { $("#say").textContent = words; };

export const bad = new Set(["fail", "crash", "timeout", "blocked", "harness-error"]);
export const tones = {pass: "p", "pass-lenient": "l", fail: "f", unsupported: "u", observed: "o"};
export const tone = outcome => tones[outcome] || "n";
const grades = {OK: "p", "NON-STRICT": "l", FAILED: "f", UNCLEAN: "f", UNIMPLEMENTED: "u", INFORMATIONAL: "o", "WRONG CODE": "l", "FAILED BY CLIENT": "l"};
export const grade = g => grades[g] || "n";

export function seconds(ns) {
  const ms = ns / 1e6;
  if (!ms) return "";
  return ms < 10 ? ms.toFixed(1) + " ms" : ms < 1000 ? Math.round(ms) + " ms" : (ms / 1000).toFixed(2) + " s";
}

export function ago(time) {
  const s = Math.max(0, (Date.now() - Date.parse(time)) / 1000);
  if (s < 60) return "just now";
  if (s < 3600) return Math.round(s / 60) + " min ago";
  if (s < 86400) return Math.round(s / 3600) + " h ago";
  return new Date(time).toLocaleDateString();
}

// button makes a button that waits while its work is done, and shows what went wrong.
export function button(words, work, name = "button") {
  const b = el(name, {type: "button"}, words);
  b.addEventListener("click", async () => {
    b.disabled = true;
    try { await work(); } catch (e) { alarm(e.message); }
    b.disabled = false;
  });
  return b;
}

// alarm shows an error at the top of the page, until the next one or another page.
export function alarm(words) {
  for (const old of $$(".alarm.ui-alarm")) old.remove();
  if (words) $("#main").prepend(el("p.banner.alarm.ui-alarm.c-f", {role: "alert"}, words));
}

export function field(label, input, hint) {
  return el("label.field", el("span", label), input, hint ? el("small.hint", hint) : "");
}
