"use strict";
/* The page's behaviour: the explorer's controls and results, tables that sort, paper.

   What is chosen lives in one `state` object; it is read from the address when the page opens and
   written back after each change. Names come from anyone, so text is only ever set as text. */
(() => {
  const byId = (id) => document.getElementById(id);
  const percent = (value, digits = 2) => `${(100 * value).toFixed(digits)}\u00a0%`;

  function make(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  /* ---- tables that sort ---- */

  function compareCells(numeric, sign) {
    return (a, b) => {
      if (a.value === null || b.value === null) return (a.value === null) - (b.value === null);
      return sign * (numeric ? a.value - b.value : a.value.localeCompare(b.value, "en"));
    };
  }

  function sortTable(table, header, column) {
    const numeric = header.dataset.kind === "number";
    const before = header.getAttribute("aria-sort");
    const first = numeric ? "descending" : "ascending";
    const direction = before === first ? { descending: "ascending", ascending: "descending" }[first] : first;
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", direction);
    const rows = Array.from(table.tBodies[0].rows, (row) => {
      const { dataset, textContent } = row.cells[column];
      const value = numeric ? (dataset.value === undefined ? null : Number(dataset.value)) : textContent;
      return { row, value };
    });
    rows.sort(compareCells(numeric, direction === "ascending" ? 1 : -1));
    table.tBodies[0].append(...rows.map(({ row }) => row));
  }

  function makeSortable(table) {
    Array.from(table.tHead.rows[0].cells).forEach((header, column) => {
      const button = make("button", { type: "button" }, header.textContent);
      header.replaceChildren(button);
      button.addEventListener("click", () => sortTable(table, header, column));
    });
  }

  function unfoldOnPaper() {
    let closed = [];
    addEventListener("beforeprint", () => {
      closed = Array.from(document.querySelectorAll("details:not([open])"));
      for (const block of closed) block.open = true;
    });
    addEventListener("afterprint", () => {
      for (const block of closed) block.open = false;
    });
  }

  /* ---- the explorer ---- */

  function defaults(model) {
    return {
      members: model.members.map((_, index) => index),
      weighting: "average",
      exponent: model.exponent,
      temperature: false,
      cost: model.costs[0].name,
    };
  }

  function writeState(model, state) {
    const address = new URLSearchParams();
    for (const index of state.members) address.append("m", model.members[index].name);
    if (!state.members.length) address.append("m", "");
    address.set("w", state.weighting);
    if (state.weighting === "exponential") address.set("q", String(state.exponent));
    if (state.temperature) address.set("t", "1");
    if (state.cost !== model.costs[0].name) address.set("x", state.cost);
    return `#${address}`;
  }

  /* The state that an address asks for, and what in it makes no sense here. */
  function readState(model, hash) {
    const state = defaults(model);
    const problems = [];
    if (!hash.includes("=")) return { state, problems };
    const address = new URLSearchParams(hash.slice(1));
    const names = model.members.map((member) => member.name);
    const asked = address.getAll("m").filter((name) => name !== "");
    for (const name of asked) if (!names.includes(name)) problems.push(`the member “${name}”`);
    const known = asked.filter((name) => names.includes(name));
    if (known.length) state.members = names.flatMap((name, i) => (known.includes(name) ? [i] : []));
    else if (address.has("m") && !asked.length) state.members = [];
    const oneOf = (key, list, what) => {
      if (!address.has(key)) return null;
      if (list.some((entry) => entry.name === address.get(key))) return address.get(key);
      problems.push(`the ${what} “${address.get(key)}”`);
      return null;
    };
    state.weighting = oneOf("w", model.weightings, "weighting") ?? state.weighting;
    state.cost = oneOf("x", model.costs, "cost") ?? state.cost;
    if (address.has("q")) {
      const exponent = Number(address.get("q"));
      const [least, most] = model.exponents;
      if (address.get("q").trim() !== "" && exponent >= least && exponent <= most) state.exponent = exponent;
      else problems.push(`the exponent “${address.get("q")}”`);
    }
    if (address.has("t") && !["0", "1"].includes(address.get("t"))) {
      problems.push(`the temperature “${address.get("t")}”`);
    }
    state.temperature = address.get("t") === "1";
    return { state, problems };
  }

  function choice(type, name, value, label, help, amount) {
    const input = make("input", { type, name, value });
    const text = make("span", {}, label);
    if (help) text.append(make("small", {}, help));
    const row = make("label", { class: "choice" }, input, text);
    if (amount) row.append(make("span", { class: "amount" }, amount));
    return { row, input };
  }

  function buildControls(model, change) {
    const boxes = model.members.map((member, index) => {
      const amount = `${percent(member.accuracy, 1)} val.`;
      const { row, input } = choice("checkbox", "member", String(index), member.name, "", amount);
      byId("member-list").append(row);
      return input;
    });
    const radios = model.weightings.map(({ name, label, help }) => {
      const { row, input } = choice("radio", "weighting", name, label, help);
      byId("weighting-list").append(row);
      return input;
    });
    for (const { name, label } of model.costs) byId("cost").append(make("option", { value: name }, label));
    for (const id of ["exponent-range", "exponent-number"]) {
      [byId(id).min, byId(id).max] = model.exponents;
    }
    const preset = (label, members) => {
      const button = make("button", { type: "button" }, label);
      button.addEventListener("click", () => change({ members: [...members].sort((a, b) => a - b) }));
      byId("presets").append(button);
    };
    preset("All", model.members.keys());
    if (model.ranking.length > 3) preset("Best 3 on validation", model.ranking.slice(0, 3));
    if (model.ranking.length > 1) preset("Best 1", model.ranking.slice(0, 1));
    preset("None", []);
    return { boxes, radios };
  }

  function listen(model, controls, change) {
    const ticked = () => controls.boxes.flatMap((box, index) => (box.checked ? [index] : []));
    for (const box of controls.boxes) box.addEventListener("change", () => change({ members: ticked() }));
    for (const radio of controls.radios) {
      radio.addEventListener("change", () => change({ weighting: radio.value }));
    }
    for (const id of ["exponent-range", "exponent-number"]) {
      byId(id).addEventListener("input", (event) => {
        const { value, valueAsNumber } = event.target;
        const [least, most] = model.exponents;
        if (value !== "" && valueAsNumber >= least && valueAsNumber <= most) change({ exponent: valueAsNumber });
      });
    }
    byId("temperature").addEventListener("change", (event) => change({ temperature: event.target.checked }));
    byId("cost").addEventListener("change", (event) => change({ cost: event.target.value }));
    byId("shares").addEventListener("change", () => change({}));
    byId("reset").addEventListener("click", () => change(defaults(model)));
    byId("controls").addEventListener("submit", (event) => event.preventDefault());
  }

  function showControls(controls, state) {
    controls.boxes.forEach((box, index) => { box.checked = state.members.includes(index); });
    for (const radio of controls.radios) radio.checked = radio.value === state.weighting;
    byId("exponent-field").hidden = state.weighting !== "exponential";
    for (const id of ["exponent-range", "exponent-number"]) {
      if (document.activeElement !== byId(id) || byId(id).valueAsNumber !== state.exponent) {
        byId(id).value = state.exponent;
      }
    }
    byId("temperature").checked = state.temperature;
    byId("cost").value = state.cost;
  }

  function costOf(model, state, members) {
    if (state.cost === "members") return members.length;
    return members.reduce((sum, index) => sum + model.members[index].cost[state.cost], 0);
  }

  function showScore(model, state, result) {
    byId("accuracy").textContent = result ? percent(result.accuracy) : "–";
    const facts = [];
    if (result) {
      const { best } = model;
      let [won, lost] = [0, 0];
      model.labels.forEach((label, i) => {
        const [mine, its] = [result.predicted[i] === label, best.predicted[i] === label];
        won += mine && !its;
        lost += its && !mine;
      });
      const points = (100 * (result.accuracy - best.accuracy)).toFixed(2).replace("-", "\u2212");
      const sign = result.accuracy > best.accuracy ? "+" : "";
      facts.push(["95\u00a0% interval", `${(100 * result.low).toFixed(2)}\u2013${percent(result.high)}`]);
      if (model.leaked.size && result.unique !== null) {
        facts.push([`without ${model.leaked.size} leaked`, percent(result.unique)]);
      }
      facts.push([`against ${best.name}`, `${sign}${points} points`]);
      facts.push(["images won, images lost", `${won}, ${lost}`]);
    } else {
      facts.push(["Tick at least one member.", ""]);
    }
    byId("score-facts").replaceChildren(...facts.map(([what, value]) =>
      make("div", {}, make("dt", {}, what), make("dd", {}, value))));
  }

  function showPlot(model, state, result) {
    const { label } = model.costs.find(({ name }) => name === state.cost);
    const singles = model.singles.map((single, index) => ({
      name: model.members[index].name,
      accuracy: single.accuracy,
      cost: costOf(model, state, [index]),
      used: state.members.includes(index),
    }));
    const now = result && { ...result, cost: costOf(model, state, state.members) };
    plot.draw(byId("plot"), singles, now, label);
  }

  function buildBars(model) {
    const caption = make("caption", {}, "Recall of each class",
      make("small", {}, make("span", { class: "key" }), ` ${model.best.name}, the best on validation`));
    const head = make("thead", {}, make("tr", {},
      make("th", { scope: "col" }, "Class"), make("th", { scope: "col", class: "track" }, ""),
      make("th", { scope: "col", class: "number" }, "Recall"),
      make("th", { scope: "col", class: "number" }, "Change")));
    head.rows[0].cells[1].setAttribute("aria-hidden", "true");
    const rows = model.classes.map((name, c) => {
      const [bar, mark] = [make("i"), make("b")];
      const best = model.best.recalls[c];
      if (best !== null) mark.style.left = `${100 * best}%`;
      const recall = make("td", { class: "number" });
      const difference = make("td", { class: "number" });
      const track = make("td", { class: "track", "aria-hidden": "true" }, make("div", {}, bar, mark));
      const row = make("tr", {}, make("th", { scope: "row" }, name), track, recall, difference);
      return { row, bar, recall, difference, best };
    });
    byId("bars").replaceChildren(caption, head, make("tbody", {}, ...rows.map(({ row }) => row)));
    return rows;
  }

  function recallsOf(confusion) {
    return confusion.map((row, c) => {
      const total = row.reduce((sum, count) => sum + count, 0);
      return total ? row[c] / total : null;
    });
  }

  function showBars(bars, result) {
    const recalls = result ? recallsOf(result.confusion) : bars.map(() => null);
    bars.forEach(({ bar, recall, difference, best }, c) => {
      const known = recalls[c] !== null;
      bar.style.width = `${100 * (recalls[c] ?? 0)}%`;
      recall.textContent = known ? percent(recalls[c], 1) : "–";
      const change = known ? (100 * (recalls[c] - best)).toFixed(1) : "";
      difference.textContent = known
        ? change.startsWith("-") ? change.replace("-", "\u2212") : `+${change}` : "–";
    });
  }

  function buildConfusion(model) {
    const caption = make("caption", {}, "Confusion matrix",
      make("small", {}, "rows: true class; columns: predicted class"));
    const heads = model.classes.map((name) => make("th", { scope: "col" }, make("span", {}, name)));
    const head = make("thead", {}, make("tr", {}, make("td", { class: "corner" }), ...heads));
    const cells = model.classes.map((_, t) =>
      model.classes.map((__, p) => make("td", t === p ? { class: "diagonal" } : {})));
    const body = model.classes.map((name, t) =>
      make("tr", {}, make("th", { scope: "row" }, name), ...cells[t]));
    byId("confusion").replaceChildren(caption, head, make("tbody", {}, ...body));
    return cells;
  }

  function showConfusion(cells, result) {
    const asShares = byId("shares").checked;
    cells.forEach((row, t) => {
      const total = result ? result.confusion[t].reduce((sum, count) => sum + count, 0) : 0;
      row.forEach((cell, p) => {
        const count = result ? result.confusion[t][p] : null;
        const share = total ? count / total : 0;
        cell.style.setProperty("--share", share.toFixed(4));
        cell.classList.toggle("middling", share > 0.6); // where letters change their colour
        cell.classList.toggle("strong", share > 0.78);
        cell.textContent = count === null ? "" : asShares ? (100 * share).toFixed(0) : count;
      });
    });
  }

  function announce(model, state, result) {
    const { label } = model.weightings.find(({ name }) => name === state.weighting);
    const count = state.members.length;
    byId("announcement").textContent = result
      ? `${label}, ${count} ${count === 1 ? "member" : "members"}: test accuracy ` +
        `${percent(result.accuracy)}, interval ${percent(result.low)} to ${percent(result.high)}.`
      : "No member is ticked.";
  }

  function prepare(data) {
    const model = explorer.load(data);
    model.costs = [...model.costs, { name: "members", label: "Number of members", unit: "" }];
    const single = (index) => ({ members: [index], weighting: "average", temperature: false });
    model.singles = model.members.map((_, index) => explorer.evaluate(model, single(index)));
    const first = model.ranking[0];
    model.best = { ...model.singles[first], name: model.members[first].name };
    model.best.recalls = recallsOf(model.best.confusion);
    return model;
  }

  function startExplorer(data) {
    const model = prepare(data);
    explorer.model = model; // so that anyone can check the page's figures from the console
    let state = defaults(model);
    let writing = 0;

    function show() {
      const result = state.members.length ? explorer.evaluate(model, state) : null;
      showControls(controls, state);
      showScore(model, state, result);
      showPlot(model, state, result);
      showBars(bars, result);
      showConfusion(cells, result);
      return result;
    }

    function change(update) {
      state = { ...state, ...update };
      byId("address-problem").hidden = true;
      const result = show();
      clearTimeout(writing);
      // Browsers limit how often an address may change, and listeners how often one may speak.
      writing = setTimeout(() => {
        history.replaceState(null, "", writeState(model, state));
        announce(model, state, result);
      }, 200);
    }

    function fromAddress() {
      const read = readState(model, location.hash);
      state = read.state;
      byId("address-problem").hidden = !read.problems.length;
      byId("address-problem").textContent =
        `This page does not have ${read.problems.join(", ")}, which the address asks for; the rest of it is shown.`;
      show();
    }

    byId("explorer-app").hidden = false;
    byId("needs-script").hidden = true;
    const controls = buildControls(model, change);
    const bars = buildBars(model);
    const cells = buildConfusion(model);
    listen(model, controls, change);
    fromAddress();
    addEventListener("hashchange", () => { if (location.hash.includes("=")) fromAddress(); });
    addEventListener("resize", () => showPlot(model, state, state.members.length ? explorer.evaluate(model, state) : null));
  }

  for (const table of document.querySelectorAll("table.data")) makeSortable(table);
  const hint = byId("sort-hint");
  if (hint) hint.hidden = false;
  unfoldOnPaper();
  const data = byId("data");
  if (data) startExplorer(JSON.parse(data.textContent));
})();
