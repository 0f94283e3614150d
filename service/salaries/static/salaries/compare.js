// Roles beside the one that is chosen: found by typing, shown as small distributions, and by seniority.
(function (app) {
  "use strict";

  const { at, element } = app;
  const MOST = 10, OFFERED = 8, IN_MATRIX = 10;
  let offered = [], active = -1;

  app.drawComparison = function (view) {
    const { overview, say, f } = view, full = view.compare.length >= MOST, holder = at("comparison");
    at("add").disabled = full;
    at("compare-hint").textContent = say(full ? "compare_full" : "compare_hint");
    const own = overview.percentiles && overview.percentiles.median;
    const rows = [{ ...overview, own: true }, ...overview.comparison].map((row) => (
      { ...row, name: view.role(row.role), faint: row.observations < app.RANKED_FROM }
    ));
    const shown = rows.map((row) => (row.faint && !view.small && !row.own ? { ...row, percentiles: null, average: null } : row));
    const other = (row) => (row.own || !row.percentiles || !own ? null : row.percentiles.median / own - 1);
    const difference = (row) => {
      if (row.own) { return rows.length > 1 ? element("small", {}, say("this_role")) : null; }
      return other(row) === null ? null : element("small", { class: "difference" }, f.difference(other(row)));
    };
    const columns = rows.length > 1 ? [{ title: say("removal"), hideTitle: true, class: "remover", cell: (row) => (row.own ? "" : remover(view, row)) }] : [];
    holder.replaceChildren(app.boxTable(view, say("comparison"), say("role"), shown, { note: difference, columns }));
    drawMatrix(view);
  };

  const remover = (view, row) => app.button("×", { class: "remove", "aria-label": view.say("remove", { role: row.name }) }, () => {
    view.go({ compare: view.compare.filter((role) => role !== row.role) });
    at("add").focus();
  });

  function drawMatrix(view) {
    const { overview, catalogue, say, f } = view;
    const most = catalogue.roles.filter((each) => each.levels.length && each.currency === overview.currency)
      .sort((a, b) => b.observations - a.observations).slice(0, IN_MATRIX);
    // In a currency that no role is mostly paid in, the chosen one stands alone.
    const compared = overview.comparison.length > 0 || most.length === 0;
    const rows = compared ? [overview, ...overview.comparison] : most;
    const levels = catalogue.levels.filter((level) => rows.some((row) => row.levels.some((each) => each.level === level)));
    at("matrix-panel").hidden = rows.length === 0 || levels.length === 0;
    at("matrix-hint").textContent = say(compared ? "matrix_compared" : "matrix_all") + " " + say("median") + " " + view.unit + ".";
    const medians = rows.flatMap((row) => row.levels.filter((each) => each.observations >= app.RANKED_FROM).map(median));
    const low = Math.min(...medians), high = Math.max(...medians);
    let empty = 0;
    const cell = (level) => (row) => {
      const found = row.levels.find((each) => each.level === level);
      if (!found) { return ""; }
      const few = found.observations < app.RANKED_FROM;
      if (few && (!view.small || median(found) === null)) { empty += 1; return element("small", { class: "quiet" }, "·"); }
      const node = app.button(f.short(median(found), overview.currency), {
        class: "cell" + (few ? " faint" : ""),
        title: `${view.role(row.role)}, ${view.name("level", level)}: ${f.money(median(found), overview.currency)} ${view.unit}, ${f.counted(found.observations, "salaries")}${few ? ", " + say("small_tag") : ""}`
      }, () => view.go(compared ? { role: row.role, level } : { role: row.role, level, state: "", work_model: "", currency: "" }));
      node.append(element("small", {}, "n = " + f.number(found.observations)));
      if (!few) { node.style.setProperty("--share", Math.round(6 + (high > low ? (median(found) - low) / (high - low) : 0.5) * 34) + "%"); }
      return node;
    };
    const table = app.table(say("matrix"), [
      { title: say("role"), cell: (row) => app.button(view.role(row.role), { class: "link", title: say("show_role", { role: view.role(row.role) }) }, () => view.go({ role: row.role })) },
      ...levels.map((level) => ({ title: view.name("level", level), number: true, cell: cell(level) }))
    ], rows);
    const note = empty ? [element("p", { class: "quiet" }, f.counted(empty, "hidden_cells"))] : [];
    at("matrix").replaceChildren(table, ...note);
  }

  const median = (each) => (each.percentiles ? each.percentiles.median : each.median === undefined ? null : each.median);

  // The list of roles that fit what is typed. `view` is the one of now, whenever a key is pressed.
  app.listenForRoles = function (now) {
    const input = at("add"), list = at("add-options");
    const close = () => { list.hidden = true; input.setAttribute("aria-expanded", "false"); input.removeAttribute("aria-activedescendant"); active = -1; };
    const pick = (role) => {
      const view = now();
      input.value = "";
      close();
      if (role !== view.overview.role && !view.compare.includes(role)) { view.go({ compare: [...view.compare, role] }); }
    };
    const point = (place) => {
      active = place;
      Array.from(list.children).forEach((node, index) => node.setAttribute("aria-selected", String(index === active)));
      const node = list.children[active];
      if (node) { input.setAttribute("aria-activedescendant", node.id); node.scrollIntoView({ block: "nearest" }); }
    };
    const open = () => {
      const view = now();
      if (!view) { return; }
      const words = app.plain(input.value).split(/\s+/).filter(Boolean);
      offered = view.catalogue.roles.filter(({ role, label }) => (
        role !== view.overview.role && !view.compare.includes(role) && words.every((word) => app.plain(label + " " + role).includes(word))
      )).sort((a, b) => (b.observations || 0) - (a.observations || 0)).slice(0, OFFERED);
      list.replaceChildren(...offered.map(({ role, label, observations }, place) => {
        const node = element("li", { role: "option", id: "add-option-" + place, "aria-selected": "false" }, label,
          observations === null ? null : element("small", {}, view.f.counted(observations, "salaries")));
        node.addEventListener("pointerdown", (event) => { event.preventDefault(); pick(role); });
        return node;
      }));
      active = -1;
      input.removeAttribute("aria-activedescendant");
      list.hidden = offered.length === 0;
      input.setAttribute("aria-expanded", String(!list.hidden));
      at("add-found").textContent = offered.length ? view.f.counted(offered.length, "options") : view.say("compare_none");
    };
    input.addEventListener("input", open);
    input.addEventListener("focus", open);
    input.addEventListener("blur", close);
    input.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        if (list.hidden) { open(); }
        const step = event.key === "ArrowDown" ? 1 : -1;
        if (offered.length) { point((active + step + offered.length + (active < 0 && step < 0 ? 1 : 0)) % offered.length); }
      } else if (event.key === "Enter") {
        event.preventDefault();
        const found = offered[Math.max(0, active)];
        if (!list.hidden && found) { pick(found.role); }
      } else if (event.key === "Escape") { close(); }
    });
  };
})(window.Salaries = window.Salaries || {});
