"use strict";

(() => {
  const element = (id) => document.getElementById(id);
  const settings = document.body.dataset;
  const sections = JSON.parse(element("data").textContent);
  const classes = {
    "OK": "ok", "NON-STRICT": "lenient", "INFORMATIONAL": "info", "UNIMPLEMENTED": "missing", "FAILED": "failed",
    "WRONG CODE": "lenient", "UNCLEAN": "failed", "FAILED BY CLIENT": "lenient",
  };
  const verdictPatience = 5000; // ms to wait for a verdict once the connection has ended
  const cells = new Map(); // by case id
  const open = new Set(); // sockets, closed by Stop
  let running = false;
  let stopping = false;

  const query = new URLSearchParams(location.search);
  element("server").value = `${settings.scheme}://${location.hostname || "localhost"}:${settings.port}`;
  element("agent").value = query.get("agent") || browserName();
  element("cases").value = query.get("cases") || "";

  // browserName is the name of this browser and its version, as far as it tells.
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

  const agentName = () => element("agent").value.trim() || "Browser";

  function address(resource, parameters) {
    const query = new URLSearchParams(parameters).toString();
    return element("server").value.replace(/\/+$/, "") + resource + (query ? "?" + query : "");
  }

  function make(tag, text, attributes = {}) {
    const made = document.createElement(tag);
    made.textContent = text;
    for (const [name, value] of Object.entries(attributes)) {
      made.setAttribute(name, value);
    }
    return made;
  }

  // build shows a square for each case, and a button for each section.
  function build() {
    for (const section of sections) {
      const heading = make("h2", `${section.id} ${section.title} `);
      const button = make("button", "Run", { type: "button", "aria-label": `Run section ${section.id}` });
      button.addEventListener("click", () => guarded(section.cases.map((c) => c.id)));
      heading.append(button);
      const grid = make("ol", "", { class: "grid" });
      for (const c of section.cases) {
        const cell = make("a", c.id, { href: "#" + c.id, title: `${c.id}: ${c.title}` });
        cell.addEventListener("click", (event) => {
          if (!cell.dataset.detail) {
            event.preventDefault();
            guarded([c.id]);
          }
        });
        const item = make("li", "");
        item.append(cell);
        grid.append(item);
        cells.set(c.id, { cell, title: c.title });
      }
      element("sections").append(heading, grid);
    }
  }

  // show gives a square the colors and words of a verdict.
  function show(id, behavior, close, report) {
    const known = cells.get(id);
    if (!known) {
      return;
    }
    const left = classes[behavior] || "failed";
    known.cell.className = `left-${left} right-${close ? classes[close] || "failed" : left}`;
    known.cell.title = `${id}: ${known.title}\n${behavior || "no verdict"}${close ? ", closed: " + close : ""}`;
    known.cell.setAttribute("aria-label", `${id}: ${behavior || "no verdict"}${close ? ", closed " + close : ""}`);
    if (report) {
      known.cell.href = report;
      known.cell.dataset.detail = "true";
    }
  }

  function clear(id) {
    const { cell } = cells.get(id);
    cell.className = "now";
    cell.href = "#" + id;
    delete cell.dataset.detail;
  }

  // connect opens a resource. The promise yields whether it was opened and what
  // text came last.
  function connect(resource, parameters, { echo = false, patience = 0 } = {}) {
    return new Promise((resolve) => {
      const socket = new WebSocket(address(resource, parameters));
      const result = { opened: false, text: "" };
      let timer = 0;
      socket.binaryType = "arraybuffer";
      open.add(socket);
      socket.onopen = () => { result.opened = true; };
      socket.onmessage = (event) => {
        if (echo) {
          socket.send(event.data);
        } else {
          result.text = event.data;
        }
      };
      socket.onclose = () => {
        clearTimeout(timer);
        open.delete(socket);
        resolve(result);
      };
      if (patience) {
        timer = setTimeout(() => socket.close(), patience);
      }
    });
  }

  // play runs one case and returns both halves of its verdict, or nothing.
  async function play(id) {
    const agent = agentName();
    const played = await connect("/runCase", { casetuple: id, agent }, { echo: true });
    if (stopping || !played.opened && !(await connect("/getCaseCount", {})).opened) {
      return {};
    }
    const status = await connect("/getCaseStatus", { casetuple: id, agent, full: "true" }, { patience: verdictPatience });
    try {
      return JSON.parse(status.text);
    } catch {
      return {};
    }
  }

  // matching lists the cases that the patterns select, separated by blanks or
  // commas. No pattern selects all.
  function matching(patterns) {
    const all = [...cells.keys()];
    const tests = patterns.split(/[\s,]+/).filter(Boolean).map((pattern) =>
      new RegExp("^" + pattern.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*") + (pattern.includes("*") ? "" : "(\\.|$)")));
    return tests.length ? all.filter((id) => tests.some((test) => test.test(id))) : all;
  }

  async function run(ids) {
    const counted = await connect("/getCaseCount", {});
    if (!counted.opened) {
      throw new Error("no answer from " + element("server").value);
    }
    ids.forEach(clear);
    element("progress").max = ids.length || 1;
    element("progress").value = 0;
    const totals = {};
    const queue = [...ids];
    let done = 0;
    async function worker() {
      while (queue.length && !stopping) {
        const id = queue.shift();
        const { behavior, behaviorClose } = await play(id);
        if (stopping) {
          cells.get(id).cell.className = "";
          break;
        }
        show(id, behavior, behaviorClose);
        const word = behavior ? behavior + (behaviorClose && behaviorClose !== "OK" && behaviorClose !== behavior ? "/" + behaviorClose : "") : "no verdict";
        totals[word] = (totals[word] || 0) + 1;
        element("progress").value = ++done;
        element("status").textContent = `${done} of ${ids.length}: ` +
          Object.entries(totals).map(([name, n]) => `${n} ${name}`).join(", ");
      }
    }
    const workers = Math.min(Math.max(Number(element("parallel").value) || 1, 1), 8);
    await Promise.all(Array.from({ length: workers }, worker));
    queue.forEach((id) => { cells.get(id).cell.className = ""; });
    element("status").textContent += stopping ? " (stopped; writing reports)" : " (writing reports)";
    await connect("/updateReports", { agent: agentName() });
    await paint();
    element("status").textContent = element("status").textContent.replace(/; writing reports\)|\(writing reports\)/, (found) => (found[0] === ";" ? ")" : "(finished)"));
  }

  // paint shows what the reports on disk say of this agent, and links to them.
  async function paint() {
    if (!settings.reports) {
      return;
    }
    let index = {};
    try {
      const answer = await fetch(settings.reports.replace(/index\.html$/, "index.json"), { cache: "no-store" });
      if (!answer.ok) {
        return;
      }
      index = await answer.json();
    } catch {
      return; // there are no reports yet
    }
    element("reports").hidden = false;
    element("reports").firstElementChild.href = settings.reports;
    const folder = settings.reports.replace(/index\.html$/, "");
    for (const [id, entry] of Object.entries(index[agentName()] || {})) {
      show(id, entry.behavior, entry.behaviorClose, folder + encodeURIComponent(entry.reportfile.replace(/json$/, "html")));
    }
  }

  // guarded runs cases with the form locked, and shows what went wrong.
  async function guarded(ids) {
    if (running) {
      return;
    }
    if (!ids.length) {
      element("status").textContent = "No case matches.";
      return;
    }
    running = true;
    stopping = false;
    document.body.classList.add("running");
    element("start").hidden = true;
    element("stop").hidden = false;
    try {
      await run(ids);
    } catch (failure) {
      element("status").textContent = "Stopped: " + failure.message;
    }
    running = false;
    document.body.classList.remove("running");
    element("start").hidden = false;
    element("stop").hidden = true;
  }

  build();
  paint();
  element("agent").addEventListener("change", () => {
    if (!running) {
      cells.forEach((_, id) => { clear(id); cells.get(id).cell.className = ""; });
      paint();
    }
  });
  element("form").addEventListener("submit", (event) => {
    event.preventDefault();
    guarded(matching(element("cases").value));
  });
  element("stop").addEventListener("click", () => {
    stopping = true;
    open.forEach((socket) => socket.close());
  });
  if (query.has("run")) {
    guarded(matching(element("cases").value));
  }
})();
