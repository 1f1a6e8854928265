"use strict";

(() => {
  const element = (id) => document.getElementById(id);
  const settings = document.body.dataset;
  const classes = {
    "OK": "ok", "NON-STRICT": "lenient", "INFORMATIONAL": "info", "UNIMPLEMENTED": "lack", "FAILED": "failed",
  };
  let stopping = false;

  element("server").value = `${settings.scheme}://${location.hostname || "localhost"}:${settings.port}`;
  element("agent").value = browserName();

  // The name of this browser and its version, as far as it tells.
  function browserName() {
    for (const name of ["Firefox", "Edg", "OPR", "Chrome", "Version"]) {
      const found = navigator.userAgent.match(new RegExp(name + "/([0-9.]+)"));
      if (found) {
        const known = { Edg: "Edge", OPR: "Opera", Version: "Safari" };
        return `${known[name] || name} ${found[1]}`;
      }
    }
    return "Browser";
  }

  function address(resource, parameters) {
    const query = new URLSearchParams(parameters).toString();
    return element("server").value.replace(/\/+$/, "") + resource + (query ? "?" + query : "");
  }

  // ask opens a resource and yields the text that it answers with.
  function ask(resource, parameters) {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(address(resource, parameters));
      let answer = "";
      let opened = false;
      socket.onopen = () => { opened = true; };
      socket.onmessage = (event) => { answer = event.data; };
      socket.onclose = () => (opened ? resolve(answer) : reject(new Error("no answer from " + socket.url)));
    });
  }

  // play echoes on one connection until it ends, in whatever way.
  function play(number, agent) {
    return new Promise((resolve) => {
      const socket = new WebSocket(address("/runCase", { case: number, agent }));
      socket.binaryType = "arraybuffer";
      socket.onmessage = (event) => { socket.send(event.data); };
      socket.onclose = resolve;
    });
  }

  async function verdict(number, agent) {
    try {
      return JSON.parse(await ask("/getCaseStatus", { case: number, agent })).behavior;
    } catch {
      return "";
    }
  }

  async function run() {
    const agent = element("agent").value.trim() || "Browser";
    const count = Number(await ask("/getCaseCount", {}));
    const cells = Array.from({ length: count }, () => document.createElement("li"));
    element("grid").replaceChildren(...cells);
    element("progress").max = count || 1;
    const totals = {};
    let next = 1;
    let done = 0;
    async function worker() {
      while (next <= count && !stopping) {
        const number = next++;
        const cell = cells[number - 1];
        cell.className = "now";
        await play(number, agent);
        const grade = await verdict(number, agent);
        cell.className = classes[grade] || "failed";
        cell.title = `${number}: ${grade || "no verdict"}`;
        totals[grade || "no verdict"] = (totals[grade || "no verdict"] || 0) + 1;
        done++;
        element("progress").value = done;
        element("status").textContent = `${done} of ${count}: ` +
          Object.entries(totals).map(([name, n]) => `${n} ${name}`).join(", ");
      }
    }
    const workers = Math.min(Math.max(Number(element("parallel").value) || 1, 1), 8);
    await Promise.all(Array.from({ length: workers }, worker));
    await update();
    element("status").textContent += stopping ? " (stopped)" : " (finished)";
  }

  async function update() {
    const agent = element("agent").value.trim() || "Browser";
    await ask("/updateReports", { agent });
    if (settings.reports) {
      element("reports").hidden = false;
      element("reports").firstElementChild.href = settings.reports;
    }
  }

  // guarded runs an action with the buttons locked, and shows what went wrong.
  async function guarded(action) {
    element("start").disabled = element("update").disabled = true;
    element("stop").disabled = false;
    stopping = false;
    try {
      await action();
    } catch (failure) {
      element("status").textContent = "Stopped: " + failure.message;
    }
    element("start").disabled = element("update").disabled = false;
    element("stop").disabled = true;
  }

  element("start").addEventListener("click", () => guarded(run));
  element("update").addEventListener("click", () => guarded(update));
  element("stop").addEventListener("click", () => { stopping = true; });
  if (new URLSearchParams(location.search).has("run")) {
    guarded(run);
  }
})();
