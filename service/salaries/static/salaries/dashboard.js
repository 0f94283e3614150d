// Wires the page: the address holds what is chosen, every change loads the figures again, the last change wins.
(function (app) {
  "use strict";

  const { at } = app;
  const FILTERS = ["state", "level", "work_model", "currency"];
  const PLAIN = ["role", ...FILTERS];
  const MOST_COMPARED = 10;
  const exported = document.documentElement.dataset.mode === "static";
  const figures = exported ? app.exportedFigures(window.salaryIndex) : app.liveFigures();
  const state = {};
  let catalogue = null, overview = null, running = null, seen = null;

  const say = (key, values) => app.text(state.lang, key, values);

  // A page from a file can't rewrite its query, so an export keeps what is chosen behind the hash.
  const address = () => (exported ? location.hash.slice(1) : location.search.slice(1));

  function readAddress() {
    seen = address();
    const params = new URLSearchParams(seen), given = (name) => (params.get(name) || "").trim();
    state.langGiven = params.has("lang");
    state.lang = app.language(params.get("lang"));
    PLAIN.forEach((name) => { state[name] = given(name); });
    state.role = state.role.toLowerCase();
    state.compare = Array.from(new Set(params.getAll("compare").map((each) => each.trim().toLowerCase()).filter(Boolean))).slice(0, MOST_COMPARED);
    state.period = given("period") === "year" ? "year" : "month";
    state.by = given("by") === "years" ? "years" : "quarters";
    state.small = given("small") === "1";
  }

  // A choice of the visitor is a step that Back undoes; what the page fills in by itself is none.
  function writeAddress(step) {
    const params = new URLSearchParams();
    PLAIN.forEach((name) => { if (state[name]) { params.set(name, state[name]); } });
    state.compare.forEach((role) => params.append("compare", role));
    if (state.period === "year") { params.set("period", "year"); }
    if (state.by === "years") { params.set("by", "years"); }
    if (state.small) { params.set("small", "1"); }
    if (state.langGiven) { params.set("lang", state.lang); }
    const text = params.toString();
    if (text === seen) { return; }
    history[step ? "pushState" : "replaceState"](null, "", exported ? "#" + text : location.pathname + (text ? "?" + text : ""));
    seen = address();
  }

  // What only changes how figures are shown needs no new ones.
  function go(changes) {
    Object.assign(state, changes);
    state.compare = state.compare.filter((role) => role !== state.role);
    writeAddress(true);
    load();
  }
  function show(changes) {
    Object.assign(state, changes);
    writeAddress(true);
    translate();
    if (overview) { drawFilters(); draw(); }
  }

  function translate() {
    document.documentElement.lang = state.lang;
    at("lang").value = state.lang;
    at("time-as").value = state.by;
    at("small").checked = state.small;
    document.querySelectorAll("[data-text]").forEach((node) => { node.textContent = say(node.dataset.text); });
    document.querySelectorAll("[name=period]").forEach((box) => { box.checked = box.value === state.period; });
  }

  function names() {
    const roles = new Map(catalogue.roles.map((each) => [each.role, each.label]));
    const states = new Map(catalogue.states.map((each) => [each.state, each.name]));
    const name = (column, value) => app.named(state.lang, column, value) || (column === "state" && states.get(value)) || value;
    return { role: (role) => roles.get(role) || role.replace(/_/g, " "), name };
  }

  // What the drawing needs to know of now.
  function viewOf() {
    const filters = Object.fromEntries(FILTERS.map((each) => [each, state[each]])), { role, name } = names();
    const chosen = ["level", "state", "work_model"].filter((each) => state[each]).map((each) => name(each, state[each]));
    return {
      ...state, overview, catalogue, filters, chosen, say, role, name, go, f: app.formats(state.lang, state.period),
      unit: say(state.period === "year" ? "per_year" : "per_month")
    };
  }
  const now = () => (overview ? viewOf() : null);

  function drawFilters() {
    const { role, name } = names(), left = figures.leftOut;
    const roles = catalogue.roles.map((each) => each.role).sort((a, b) => role(a).localeCompare(role(b), state.lang));
    const values = { state: catalogue.states.map((each) => each.state), level: catalogue.levels, work_model: catalogue.work_models };
    app.options(at("role"), roles, null, state.role, role);
    Object.entries(values).forEach(([column, found]) => {
      at(column).closest("label").hidden = left.includes(column);
      state[column] = found.find((value) => value.toLowerCase() === state[column].toLowerCase()) || state[column];
      const text = (value) => (column === "state" && name(column, value) !== value && value.length === 2 ? `${value} – ${name(column, value)}` : name(column, value));
      app.options(at(column), found, say(column === "level" ? "all_level" : "all"), state[column], text);
    });
    at("left-out").hidden = left.length === 0;
    at("left-out").textContent = say("left_out", { filters: left.map((each) => say(each)).join(", ") });
  }

  function drawCurrencies() {
    const codes = overview.currencies.map((each) => each.currency);
    const count = new Map(overview.currencies.map((each) => [each.currency, each.observations]));
    state.currency = codes.find((code) => code.toLowerCase() === state.currency.toLowerCase()) || state.currency;
    at("currency").closest("label").hidden = codes.length < 2 && !state.currency;
    app.options(at("currency"), codes, null, state.currency || overview.currency || "", (code) => (
      count.has(code) ? `${code} (${app.formats(state.lang, "month").number(count.get(code))})` : code
    ));
  }

  function draw() {
    const view = viewOf(), none = overview.observations === 0, role = view.role(overview.role);
    at("empty").hidden = !none;
    at("empty-text").textContent = catalogue.roles.length ? say("empty") + " " + say("widen") : say("no_data");
    at("figures").hidden = none;
    at("status").textContent = none ? "" : say("loaded_status", { role, count: view.f.counted(overview.observations, "salaries") });
    at("shared").textContent = "";
    document.title = (none ? "" : [role, ...view.chosen].join(" · ") + " · ") + at("title").textContent;
    drawCurrencies();
    app.drawProvenance(view, exported);
    if (none) { return; }
    app.drawLead(view);
    app.drawGroups(view);
    app.drawComparison(view);
  }

  // After a failure nothing may stand under the filters of now that was an answer to those of before.
  function clear() {
    overview = null;
    ["empty", "figures", "provenance-panel"].forEach((id) => { at(id).hidden = true; });
    at("status").textContent = "";
    document.title = at("title").textContent;
  }

  async function load() {
    if (running) { running.abort(); }
    const own = new AbortController(), pressed = document.activeElement;
    running = own;
    at("results").setAttribute("aria-busy", "true");
    at("status").textContent = say("loading");
    try {
      const found = catalogue || await figures.catalogue(own.signal);
      if (running !== own) { return; }
      catalogue = found;
      if (!state.role) { state.role = app.defaultRole(catalogue) || ""; }
      drawFilters();
      writeAddress(false);
      const filters = Object.fromEntries(FILTERS.map((name) => [name, state[name]]));
      const answer = await figures.overview(state.role || "–", filters, state.compare, own.signal);
      if (running !== own) { return; }
      overview = answer;
      at("failure").hidden = true;
      draw();
      // What was pressed is drawn anew: whoever goes by keyboard continues at the top of the figures.
      if (!pressed.isConnected && document.activeElement === document.body) { at("results").focus(); }
    } catch (error) {
      if (running !== own) { return; }
      if (!error.key) { console.error(error); } // a fault of this page, which nobody else would tell
      clear();
      at("failure-text").textContent = say(error.key || "failed");
      at("failure").hidden = false;
    }
    at("results").setAttribute("aria-busy", "false");
  }

  // The one with most salaries; ties by name.
  app.defaultRole = function ({ roles }) {
    const sorted = roles.slice().sort((a, b) => (b.observations || 0) - (a.observations || 0) || app.byCodePoint(a.role, b.role));
    return sorted.length ? sorted[0].role : null;
  };

  at("filters").addEventListener("change", () => go(Object.fromEntries(PLAIN.map((name) => (
    // The currency that is shown without being asked for is none that was chosen.
    [name, name === "currency" && overview && !state.currency && at(name).value === overview.currency ? "" : at(name).value]
  )))));
  at("filters").addEventListener("reset", (event) => {
    event.preventDefault();
    go(Object.fromEntries(FILTERS.map((name) => [name, ""])));
  });
  at("filters").addEventListener("submit", (event) => event.preventDefault());
  at("period").addEventListener("change", (event) => show({ period: event.target.value }));
  at("small").addEventListener("change", () => show({ small: at("small").checked }));
  at("time-as").addEventListener("change", () => show({ by: at("time-as").value }));
  at("lang").addEventListener("change", () => show({ lang: at("lang").value, langGiven: true }));
  at("own").addEventListener("input", () => { if (overview) { app.drawPicture(viewOf()); } });
  at("standing-form").addEventListener("submit", (event) => event.preventDefault());
  at("retry").addEventListener("click", load);
  // Following the link would put its target where an export keeps what is chosen.
  at("skip").addEventListener("click", (event) => { event.preventDefault(); at("results").focus(); });
  ["popstate", "hashchange"].forEach((name) => window.addEventListener(name, () => {
    if (address() !== seen) { readAddress(); translate(); load(); }
  }));
  let width = 0;
  new ResizeObserver(() => {
    const wide = at("histogram").clientWidth;
    if (overview && wide && wide !== width) { app.drawPicture(viewOf()); app.drawTime(viewOf()); }
    width = wide;
  }).observe(at("histogram"));
  app.listenForRoles(now);
  app.listenForSharing(now);

  readAddress();
  translate();
  load();
})(window.Salaries = window.Salaries || {});
