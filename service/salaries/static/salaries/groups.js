// What the rows have in common: seniority, places, work models and time. Nothing is ranked with fewer than five salaries
// unless the reader asks for it, and then it is greyed.
(function (app) {
  "use strict";

  const { at, element } = app;
  const GROUPS = [["levels", "level"], ["work_models", "work_model"], ["locations", "location"], ["states", "state"]];
  const enough = (row) => row.observations >= app.RANKED_FROM;
  const value = (row) => (row.percentiles ? row.percentiles.median : row.average);

  app.drawGroups = function (view) {
    GROUPS.forEach(([kind, column]) => {
      const all = view.overview[kind];
      at(kind + "-panel").hidden = all.length === 0;
      const ranked = all.filter(enough), few = view.small ? all.filter((row) => !enough(row)) : [];
      if (kind !== "levels") { [ranked, few].forEach((rows) => rows.sort((a, b) => value(b) - value(a))); }
      const order = all.map((row) => row[column]);
      const rows = ranked.concat(few).map((row) => ({ ...row, faint: !enough(row), name: view.name(column, row[column]), place: order.indexOf(row[column]) }));
      if (kind === "levels") { rows.sort((a, b) => a.place - b.place); }
      at(kind).replaceChildren(...groupTable(view, kind, column, rows), ...leftOut(view, kind, all.length - rows.length));
    });
    drawMap(view);
    app.drawTime(view);
  };

  function groupTable(view, kind, column, rows) {
    if (rows.length === 0) { return [element("p", { class: "quiet" }, view.say("nothing_ranked"))]; }
    return [app.boxTable(view, at(kind + "-panel").querySelector("h2").textContent, view.say(column), rows)];
  }

  function leftOut(view, kind, hidden) {
    const lines = [];
    if (hidden > 0) { lines.push(view.f.counted(hidden, "hidden_" + kind)); }
    if (kind === "locations" && view.overview.locations_left_out > 0) { lines.push(view.f.counted(view.overview.locations_left_out, "more_locations")); }
    return lines.length ? [element("p", { class: "quiet" }, lines.join(" "))] : [];
  }

  // The figure of a group: its median, or for fewer than four the average, said so.
  app.figure = function (view, row) {
    const amount = view.f.money(value(row), view.overview.currency);
    if (!row.faint || row.observations === 0) { return amount; }
    const tag = [view.say("small_tag"), row.percentiles || row.average === null ? "" : view.say("of_average")].filter(Boolean).join(", ");
    return element("span", {}, amount, element("small", {}, tag));
  };

  // One row a group: its name and how many, how it is spread, its median. `more` may add to the figure and to the columns.
  app.boxTable = function (view, caption, heading, rows, more) {
    const scale = app.scaleOf(rows), { note, columns } = { note: () => null, columns: [], ...more };
    const named = (row) => element("span", {}, row.name, element("small", {}, view.f.counted(row.observations, "salaries")));
    const table = app.table(caption + ", " + view.unit, [
      { title: heading, cell: named },
      { title: view.say("distribution"), hideTitle: true, class: "boxes", cell: (row) => app.box(row.percentiles, scale) },
      { title: view.say("median") + " " + view.unit, number: true, class: "money", cell: (row) => element("span", {}, app.figure(view, row), note(row)) },
      ...columns
    ], rows);
    table.classList.add("boxed");
    return table;
  };

  function drawMap(view) {
    const rows = new Map(view.overview.states.map((row) => [row.state, row])), holder = at("map");
    holder.hidden = !view.overview.states.some((row) => app.tileCodes.includes(row.state));
    if (holder.hidden) { return; }
    const medians = view.overview.states.filter(enough).map(value);
    const low = Math.min(...medians), high = Math.max(...medians), { f, say } = view, currency = view.overview.currency;
    const tiles = new Map();
    rows.forEach((row, code) => {
      const shown = enough(row) || view.small, name = view.name("state", code), count = f.counted(row.observations, "salaries");
      const amount = [shown ? f.money(value(row), currency) + " " + view.unit : "", enough(row) ? "" : say("small_tag")].filter(Boolean).join(", ");
      tiles.set(code, {
        name, text: shown ? f.short(value(row), currency).replace(/^[^\d]+/, "") : "", help: `${name}: ${amount}, ${count}`,
        share: enough(row) ? (high > low ? (value(row) - low) / (high - low) : 0.5) : null
      });
    });
    app.tiles(holder, tiles, say("map"), view.filters.state, (code) => view.go({ state: view.filters.state === code ? "" : code }));
    if (medians.length) { holder.append(element("p", { class: "quiet" }, say("map_help", { unit: view.unit, currency }))); }
  }

  app.drawTime = function (view) {
    const { overview, say, f, by } = view, all = overview[by], column = by === "years" ? "year" : "quarter";
    at("time-panel").hidden = overview.years.length === 0;
    const named = (row) => ({ ...row, faint: !enough(row), name: period(row[column], say) });
    const rows = all.filter((row) => enough(row) || view.small).map(named);
    const drawn = rows.filter((row) => row.percentiles);
    const notes = [];
    if (all.length > rows.length) { notes.push(f.counted(all.length - rows.length, "hidden_periods")); }
    if (overview.undated) { notes.push(f.counted(overview.undated, "undated")); }
    const picture = element("div", {}), holder = at("time");
    const before = holder.querySelector("details"), opened = Boolean(before && before.open);
    holder.replaceChildren(picture);
    if (drawn.length > 1) {
      const said = drawn.map((row) => row.name + ": " + f.money(row.percentiles.median, overview.currency)).join("; ");
      app.timeline(picture, drawn, say("by_time") + ", " + view.unit + ": " + said, (amount) => f.short(amount, overview.currency), f.times);
      notes.unshift(say("time_help", { unit: view.unit }));
    } else {
      picture.append(element("p", { class: "quiet" }, say("time_few")));
    }
    if (rows.length) {
      const details = element("details", {}, element("summary", {}, say("as_table")), app.boxTable(view, say("by_time"), say("period"), rows));
      details.open = opened;
      holder.append(details);
    }
    if (notes.length) { holder.append(element("p", { class: "quiet" }, notes.join(" "))); }
  };

  // `2026-Q1` as the reader writes it.
  const period = (text, say) => text.replace(/^(\d+)-Q(\d)$/, (_all, year, quarter) => say("quarter_name", { quarter, year }));
})(window.Salaries = window.Salaries || {});
