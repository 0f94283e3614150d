// Wires the page: the address holds the filters, every change loads the figures again, the last change wins.
(function (app) {
  "use strict";

  const FILTERS = ["state", "level", "work_model"];
  const FACETS = { state: "states", level: "levels", work_model: "work_models" };
  const TOPS = { top_states: "state", top_locations: "location", top_work_models: "work_model", top_sources: "source" };
  const MOST_COMPARED = 10;
  const at = (id) => document.getElementById(id);
  const exported = document.documentElement.dataset.mode === "static";
  const figures = exported ? app.exportedFigures(window.salaryIndex) : app.liveFigures();
  const state = { lang: "en", langGiven: false, role: "", compare: [], filters: {} };
  let facets = null;
  let shown = null;
  let running = null;

  const say = (key, values) => app.text(state.lang, key, values);
  const called = (column) => (value) => app.label(state.lang, column, value);

  // A page from a file can't rewrite its query, so an export keeps the filters behind the hash.
  function readAddress() {
    const params = new URLSearchParams(exported ? location.hash.slice(1) : location.search);
    state.langGiven = params.has("lang");
    state.lang = app.language(params.get("lang"));
    state.role = (params.get("role") || "").trim().toLowerCase();
    state.compare = Array.from(new Set(params.getAll("compare").filter(Boolean))).slice(0, MOST_COMPARED);
    FILTERS.forEach((name) => { state.filters[name] = (params.get(name) || "").trim(); });
  }

  function writeAddress() {
    const params = new URLSearchParams();
    if (state.role) { params.set("role", state.role); }
    FILTERS.forEach((name) => { if (state.filters[name]) { params.set(name, state.filters[name]); } });
    state.compare.forEach((role) => params.append("compare", role));
    if (state.langGiven) { params.set("lang", state.lang); }
    const text = params.toString();
    history.replaceState(null, "", exported ? "#" + text : location.pathname + (text ? "?" + text : ""));
  }

  function translate() {
    document.documentElement.lang = state.lang;
    at("lang").value = state.lang;
    document.querySelectorAll("[data-text]").forEach((node) => { node.textContent = say(node.dataset.text); });
  }

  function drawFilters() {
    app.options(at("role"), facets.roles, null, state.role, called("role"));
    FILTERS.forEach((name) => {
      const values = facets[FACETS[name]], asked = state.filters[name].toLowerCase();
      at(name).closest("label").hidden = figures.leftOut.includes(name);
      state.filters[name] = values.find((value) => value.toLowerCase() === asked) || state.filters[name];
      app.options(at(name), values, say("all"), state.filters[name], called(name));
    });
    at("left-out").hidden = figures.leftOut.length === 0;
    at("left-out").textContent = say("left_out", { filters: figures.leftOut.map((name) => say(name)).join(", ") });
    const legend = at("compare").querySelector("legend"), focused = document.activeElement;
    const choices = facets.roles.map((role) => {
      const box = app.element("input", { type: "checkbox", name: "compare", value: role });
      box.checked = state.compare.includes(role);
      return app.element("label", {}, box, called("role")(role));
    });
    at("compare").replaceChildren(legend, ...choices);
    if (focused && focused.name === "compare") {
      const again = Array.from(at("compare").querySelectorAll("input")).find((box) => box.value === focused.value);
      if (again) { again.focus(); }
    }
    const full = state.compare.length >= MOST_COMPARED;
    at("compare").querySelectorAll("input").forEach((box) => { box.disabled = full && !box.checked; });
    at("comparison-hint").textContent = say(full ? "comparison_full" : "comparison_hint");
  }

  function draw() {
    const { summary, insights, comparison } = shown, none = summary.total_observations === 0;
    const observed = app.formats(state.lang).number(summary.total_observations);
    at("empty").hidden = !none;
    at("empty").textContent = say(facets.roles.length ? "empty" : "no_data");
    at("figures").hidden = none;
    at("compare-panel").hidden = facets.roles.length === 0;
    const role = called("role")(summary.role);
    at("status").textContent = facets.roles.length ? say("loaded", { count: observed, role }) : "";
    document.title = (none ? "" : role + " · ") + at("title").textContent;
    if (!none) { drawFigures(summary, insights); }
    drawComparison(comparison);
  }

  // After a failure nothing may stand under the filters of now that was an answer to those of before.
  function clear() {
    shown = null;
    ["empty", "figures", "comparison-range"].forEach((id) => { at(id).hidden = true; });
    app.rangeChart(at("comparison"), "", []);
    at("comparison").replaceChildren();
    at("status").textContent = "";
    document.title = at("title").textContent;
  }

  function drawFigures(summary, insights) {
    const { money, rough, number } = app.formats(state.lang), currency = insights.currency;
    const main = summary.currencies.find((block) => block.currency === currency), base = main.base_salary;
    const amount = (value) => money(value, currency);
    at("observations").textContent = number(summary.total_observations);
    at("average").textContent = amount(main.total_compensation.average);
    at("range").textContent = amount(base.min) + " – " + amount(base.max);
    at("average-base").textContent = amount(base.average_min) + " – " + amount(base.average_max);
    at("currency-note").hidden = summary.currencies.length < 2;
    at("currency-note").textContent = say("note", { currency });
    drawPercentiles(insights.percentiles, main.total_compensation, amount, (value) => rough(value, currency));
    drawLevels(summary.levels, currency, amount, (value) => rough(value, currency), number);
    Object.entries(TOPS).forEach(([name, column]) => drawTop(name, column, insights[name], amount, number));
    at("by-currency-panel").hidden = summary.currencies.length < 2;
    at("by-currency").replaceChildren(currencyTable(summary, insights, money, number));
  }

  function drawPercentiles({ p25, median, p75 }, total, amount, roughly) {
    const rows = [["p25", p25], ["p50", median], ["p75", p75]];
    at("percentiles").replaceChildren(app.table(say("percentiles"), [
      { title: say("percentile"), cell: ([name]) => say(name), bar: window.Chart ? undefined : ([, value]) => value },
      { title: say("amount"), number: true, cell: ([, value]) => amount(value) }
    ], rows));
    const label = say("middle", { low: amount(p25), high: amount(p75), median: amount(median) });
    app.rangeChart(at("percentiles"), label, [
      { name: say("everyone"), low: total.min, high: total.max, mark: total.average, markName: say("mean"), ends: ["", ""] },
      { name: say("middle_half"), low: p25, high: p75, mark: median, markName: say("median"), ends: ["P25", "P75"] }
    ], roughly);
  }

  // One row a seniority, from the lowest average up: the ladder that people look for.
  function drawLevels(levels, currency, amount, roughly, number) {
    const rows = levels.map(({ level, currencies }) => (
      { name: called("level")(level), block: currencies.find((block) => block.currency === currency) }
    )).filter(({ block }) => block).sort((a, b) => average(a) - average(b));
    at("levels-panel").hidden = rows.length === 0;
    at("levels").replaceChildren(app.table(say("by_level"), [
      { title: say("level"), cell: (row) => row.name, bar: window.Chart ? undefined : average },
      { title: say("observations"), number: true, cell: ({ block }) => number(block.observations) },
      { title: say("average"), number: true, cell: (row) => amount(average(row)) }
    ], rows));
    app.rangeChart(at("levels"), say("range_hint"), rows.map(asRange), roughly);
  }

  const average = ({ block }) => block.total_compensation.average;
  const asRange = ({ name, block }) => (
    { name, low: block.total_compensation.min, high: block.total_compensation.max, mark: block.total_compensation.average }
  );

  function drawTop(name, column, rows, amount, number) {
    if (rows.length === 0) { at(name).replaceChildren(app.element("p", { class: "hint" }, say("nothing"))); return; }
    at(name).replaceChildren(app.table(say(name), [
      { title: say(column), cell: (row) => called(column)(row[column]), bar: (row) => row.average_total_compensation },
      { title: say("observations"), number: true, cell: (row) => number(row.observations) },
      { title: say("average"), number: true, cell: (row) => amount(row.average_total_compensation) }
    ], rows));
  }

  function currencyTable(summary, insights, money, number) {
    const quartiles = new Map(insights.currencies.map((entry) => [entry.currency, entry.percentiles]));
    const quartile = (name) => (row) => money(quartiles.get(row.currency)[name], row.currency);
    return app.table(say("by_currency"), [
      { title: say("currency"), cell: (row) => row.currency },
      { title: say("observations"), number: true, cell: (row) => number(row.observations) },
      { title: say("average"), number: true, cell: (row) => money(row.total_compensation.average, row.currency) },
      { title: "P25", number: true, cell: quartile("p25") },
      { title: "P50", number: true, cell: quartile("median") },
      { title: "P75", number: true, cell: quartile("p75") }
    ], summary.currencies);
  }

  function drawComparison(comparison) {
    const holder = at("comparison"), { money, rough, number } = app.formats(state.lang);
    app.rangeChart(holder, "", []);
    at("comparison-range").hidden = comparison.roles.length === 0 || !window.Chart;
    if (comparison.roles.length === 0) {
      holder.replaceChildren(app.element("p", { class: "hint" }, say("comparison_none")));
      return;
    }
    const rows = [].concat(...comparison.roles.map(({ role, currencies }) => (
      (currencies.length ? currencies : [null]).map((block) => ({ name: called("role")(role), block }))
    )));
    const currency = mostUsed(rows), drawn = rows.filter(({ block }) => block && block.currency === currency);
    const range = (part) => (block, amount) => amount(block[part].min) + " – " + amount(block[part].max);
    const of = (text) => ({ block }) => (block ? text(block, (value) => money(value, block.currency)) : "–");
    holder.replaceChildren(app.table(say("comparison"), [
      { title: say("role"), cell: (row) => row.name, bar: window.Chart ? undefined : (row) => (drawn.includes(row) ? average(row) : 0) },
      { title: say("currency"), cell: of((block) => block.currency) },
      { title: say("observations"), number: true, cell: ({ block }) => number(block ? block.observations : 0) },
      { title: say("average"), number: true, cell: of((block, amount) => amount(block.total_compensation.average)) },
      { title: say("total_range"), number: true, cell: of(range("total_compensation")) },
      { title: say("range"), number: true, cell: of(range("base_salary")) }
    ], rows));
    app.rangeChart(holder, say("range_hint"), drawn.map(asRange), (value) => rough(value, currency));
  }

  function mostUsed(rows) {
    const counts = new Map();
    rows.forEach(({ block }) => { if (block) { counts.set(block.currency, (counts.get(block.currency) || 0) + block.observations); } });
    return Array.from(counts).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([code]) => code)[0];
  }

  async function load() {
    if (running) { running.abort(); }
    const own = new AbortController();
    running = own;
    at("results").setAttribute("aria-busy", "true");
    at("status").textContent = say("loading");
    try {
      facets = facets || await figures.facets(own.signal);
      if (running !== own) { return; }
      state.role = state.role || facets.roles[0] || "";
      drawFilters();
      writeAddress();
      const filters = { ...state.filters }, role = state.role || "–";
      const [summary, insights, comparison] = await Promise.all([
        figures.summary(role, filters, own.signal),
        figures.insights(role, filters, own.signal),
        state.compare.length ? figures.comparison(state.compare, filters, own.signal) : { roles: [] }
      ]);
      if (running !== own) { return; }
      shown = { summary, insights, comparison };
      at("failure").hidden = true;
      draw();
    } catch (error) {
      if (running !== own) { return; }
      clear();
      at("failure-text").textContent = say(exported ? "failed_export" : "failed", { reason: error.message });
      at("failure").hidden = false;
    }
    at("results").setAttribute("aria-busy", "false");
  }

  at("filters").addEventListener("change", () => {
    state.role = at("role").value;
    FILTERS.forEach((name) => { state.filters[name] = at(name).value; });
    load();
  });
  at("filters").addEventListener("reset", (event) => {
    event.preventDefault();
    FILTERS.forEach((name) => { state.filters[name] = ""; });
    load();
  });
  at("filters").addEventListener("submit", (event) => event.preventDefault());
  at("compare").addEventListener("change", () => {
    state.compare = Array.from(at("compare").querySelectorAll("input:checked"), (box) => box.value);
    load();
  });
  at("lang").addEventListener("change", () => {
    state.lang = at("lang").value;
    state.langGiven = true;
    translate();
    load();
  });
  at("retry").addEventListener("click", load);
  // Following the link would put its target where an export keeps the filters.
  at("skip").addEventListener("click", (event) => { event.preventDefault(); at("results").focus(); });
  window.addEventListener(exported ? "hashchange" : "popstate", () => { readAddress(); translate(); load(); });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (shown) { draw(); } });

  readAddress();
  translate();
  load();
})(window.Salaries = window.Salaries || {});
