// The page of wsconform ui: which part is shown. The address says so: #/ is the list of runs,
// #/run/ID a run, #/run/ID/CASE a case of it,
// #/lab the wire lab, #/lab/RUN/CASE the same with the script of a case.
import {alarm} from "./common.js";
import {start} from "./start.js";
import {lab} from "./lab.js";
import {run} from "./run.js";

const main = $("#main"), help = $("#help");
$("#ask").addEventListener("click", () => help.showModal());

let part = null, at = "";

function route() {
  if (location.hash && !location.hash.startsWith("#/")) return; // an anchor
  const [name = "", ...rest] = location.hash.slice(2).split("/").map(w => { try { return decodeURIComponent(w); } catch { return w; } });
  if (part && name === "run" && at === rest[0] && part.open) return part.open(rest[1] || "");
  if (part && part.close) part.close();
  main.replaceChildren();
  alarm("");
  at = rest[0] || "";
  part = name === "run" ? run(main, rest[0], rest[1] || "") : name === "lab" ? lab(main, ...rest) : start(main);
  scrollTo(0, 0);
}
addEventListener("hashchange", route);
route();

document.addEventListener("keydown", e => {
  if (e.ctrlKey || e.metaKey || e.altKey || help.open) return;
  const typing = e.target.matches("input,select,textarea");
  if (typing && e.key !== "Escape") return;
  if (typing) return e.target.blur();
  if (e.key === "?") { help.showModal(); e.preventDefault(); return; }
  if (part && part.key && part.key(e.key, e)) e.preventDefault();
});
