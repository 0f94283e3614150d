// Taking the figures along: the link, a file for spreadsheets, a picture; and where they come from.
(function (app) {
  "use strict";

  const { at, element } = app;
  const GROUPS = [["levels", "level"], ["states", "state"], ["locations", "location"], ["work_models", "work_model"], ["sources", "source"], ["quarters", "quarter"], ["years", "year"]];

  // A cell that begins like a formula gets an apostrophe, or a spreadsheet would run it.
  app.csvCell = function (value, decimal) {
    if (value === null || value === undefined) { return ""; }
    if (typeof value === "number") { return String(value).replace(".", decimal); }
    const safe = /^[=+\-@\t\r\n]/.test(value) ? "'" + value : value;
    return /[",;\r\n]/.test(safe) ? '"' + safe.replace(/"/g, '""') + '"' : safe;
  };

  app.csvOf = function (view) {
    const { overview, say, f } = view, times = (value) => (value === null || value === undefined ? null : Math.round(value * f.times * 100) / 100);
    const figures = (row) => {
      const spread = row.percentiles || {};
      return [row.observations, ...["p10", "p25", "median", "p75", "p90"].map((name) => times(spread[name]))];
    };
    const head = [say("role"), say("group"), say("value"), say("currency"), say("unit"), say("salaries"), say("p10"), say("p25"), say("median"), say("p75"), say("p90")];
    const line = (role, group, value, row) => [view.role(role), group, value, overview.currency, view.unit, ...figures(row)];
    const lines = [head, line(overview.role, say("all"), view.chosen.join(", "), overview)];
    GROUPS.forEach(([kind, column]) => overview[kind].forEach((row) => {
      if (row.observations >= app.RANKED_FROM || view.small) { lines.push(line(overview.role, say(column === "year" || column === "quarter" ? "period" : column), view.name(column, row[column]), row)); }
    }));
    overview.comparison.forEach((row) => {
      if (row.observations >= app.RANKED_FROM || view.small) { lines.push(line(row.role, say("comparison"), "", row)); }
    });
    // The mark tells spreadsheets that it is UTF-8. Where decimals have a comma, theirs is a semicolon between cells.
    const decimal = view.lang === "pt-BR" ? "," : ".", between = decimal === "," ? ";" : ",";
    return "\ufeff" + lines.map((cells) => cells.map((cell) => app.csvCell(cell, decimal)).join(between)).join("\r\n") + "\r\n";
  };

  function save(blob, name) {
    const link = element("a", { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  const fileName = (view, suffix) => app.plain(view.role(view.overview.role)).replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 60) + suffix;

  // What others say of a place that text may not go to: it is shortened with dots.
  function wrapped(ctx, text, width) {
    const lines = [""];
    text.split(" ").forEach((word) => {
      const longer = (lines[lines.length - 1] + " " + word).trim();
      if (ctx.measureText(longer).width > width && lines[lines.length - 1]) { lines.push(word); } else { lines[lines.length - 1] = longer; }
    });
    return lines.slice(0, 3);
  }

  app.pictureOf = function (view) {
    const { overview } = view, canvas = element("canvas", { width: 1200, height: 630 }), ctx = canvas.getContext("2d");
    const style = getComputedStyle(document.documentElement), color = (name) => style.getPropertyValue(name).trim();
    const write = (text, x, y, font, kind) => { ctx.font = font + " " + getComputedStyle(document.body).fontFamily; ctx.fillStyle = color(kind); ctx.fillText(text, x, y, 1080); };
    ctx.fillStyle = color("--panel");
    ctx.fillRect(0, 0, 1200, 630);
    write(at("hero-role").textContent, 60, 80, "600 26px", "--accent");
    ctx.font = "650 46px " + getComputedStyle(document.body).fontFamily;
    const hero = wrapped(ctx, at("hero").textContent, 1080);
    hero.forEach((line, place) => write(line, 60, 145 + place * 55, "650 46px", "--text"));
    write(at("hero-half").textContent, 60, 150 + hero.length * 55, "400 28px", "--text");
    if (overview.histogram && overview.percentiles) {
      const { low, step, counts } = overview.histogram, { median } = overview.percentiles, most = Math.max(...counts);
      const x = (value) => 60 + ((value - low) / (step * counts.length)) * 1080;
      app.barsOf(overview).forEach(({ from, to, count, middle, last }) => {
        const tall = (count / most) * 180;
        ctx.fillStyle = color(middle ? "--bar" : "--bar-soft");
        ctx.fillRect(x(from), 525 - tall, Math.max(0.5, x(to) - x(from) - (last ? 3 : 0)), tall);
      });
      ctx.fillStyle = color("--text");
      ctx.fillRect(x(median) - 1.5, 335, 3, 190);
      write(view.f.short(low, overview.currency), 60, 551, "400 20px", "--quiet");
      ctx.textAlign = "right";
      write(view.f.short(low + step * counts.length, overview.currency), 1140, 551, "400 20px", "--quiet");
      ctx.textAlign = "left";
    }
    ctx.font = "400 19px " + getComputedStyle(document.body).fontFamily;
    wrapped(ctx, at("title").textContent + " · " + at("based").textContent, 1080).forEach((line, place) => write(line, 60, 585 + place * 25, "400 19px", "--quiet"));
    return canvas;
  };

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch (_error) {
      // Without https there is no clipboard; the old way still works.
      const field = element("textarea", { readonly: "", class: "hidden" });
      field.value = text;
      document.body.append(field);
      field.select();
      const done = document.execCommand("copy");
      field.remove();
      return done;
    }
  }

  app.listenForSharing = function (now) {
    at("copy-link").addEventListener("click", async () => {
      at("shared").textContent = now().say(await copy(location.href) ? "copied" : "copy_by_hand");
      at("copy-link").focus();
    });
    at("csv").addEventListener("click", () => save(new Blob([app.csvOf(now())], { type: "text/csv;charset=utf-8" }), fileName(now(), ".csv")));
    at("png").addEventListener("click", () => app.pictureOf(now()).toBlob((blob) => save(blob, fileName(now(), ".png")), "image/png"));
  };

  app.drawProvenance = function (view, exported) {
    const { catalogue, say, f } = view, { release, sources, converted_to: converted } = catalogue;
    at("provenance-panel").hidden = !release;
    if (!release) { return; }
    const facts = [["release", "r" + release.number], ["activated", f.day(release.activated_at)], ["loaded", f.day(release.loaded_at)], ["rows", f.number(release.observations)]];
    const dates = (row) => (row.dated ? f.day(row.first) + " – " + f.day(row.last) : say("no_dates"));
    const table = app.table(say("provenance"), [
      { title: say("source"), cell: (row) => row.source },
      { title: say("salaries"), number: true, cell: (row) => f.number(row.observations) },
      { title: say("dates"), cell: (row) => element("span", {}, dates(row), row.dated && row.dated < row.observations ? element("small", {}, say("dated", { dated: f.number(row.dated), count: f.counted(row.observations, "salaries") })) : null) }
    ], sources);
    const query = new URLSearchParams(app.question(view.overview.role, view.filters, view.compare).filter(([, value]) => value));
    const links = exported ? [] : [element("p", {}, element("a", { href: "/api/salaries/overview/?" + query }, say("api")), " · ", element("a", { href: "/api/schema" }, say("schema")))];
    at("provenance").replaceChildren(
      element("dl", { class: "facts" }, ...facts.map(([name, value]) => element("div", {}, element("dt", {}, say(name)), element("dd", {}, value)))),
      ...(sources.length ? [table] : []), element("h3", {}, say("made")),
      ...["made_unit", "made_month", "made_median"].map((key) => element("p", {}, say(key))),
      element("p", {}, converted.length ? say("made_converted", { codes: converted.join(", ") }) : say("made_currency")), ...links
    );
  };
})(window.Salaries = window.Salaries || {});
