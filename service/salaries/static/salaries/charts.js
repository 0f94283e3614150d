// Pictures as SVG: they take the page's colours, print as they are, and every figure in them stands in a table beside.
(function (app) {
  "use strict";

  const svg = app.svg;
  const NARROWEST = 260;

  // Places of an axis from `low` to `high` that are round once they are taken `times` 12 for a year.
  function ticks(low, high, most, times) {
    if (times > 1) { return ticks(low * times, high * times, most, 1).map((value) => value / times); }
    const raw = (high - low) / most, power = 10 ** Math.floor(Math.log10(raw || 1));
    const step = [1, 2, 2.5, 5, 10].map((digit) => digit * power).find((each) => each >= raw) || power;
    const found = [];
    for (let at = Math.ceil(low / step) * step; at <= high + step / 1e6; at += step) { found.push(at); }
    return found;
  }

  // The bars of a histogram, of which those of the middle half are strong; one that a quartile cuts is two, unless both
  // quartiles are one amount. `last` is the part behind which the next bar begins.
  app.barsOf = function ({ histogram: { low, step, counts }, percentiles: { p25, p75 } }) {
    return counts.flatMap((count, place) => {
      const start = low + step * place, end = start + step, ends = [p25, p75].filter((cut) => cut > start && cut < end).concat(end);
      if (p25 === p75) { return count === 0 ? [] : [{ from: start, to: end, count, middle: p25 >= start && p25 < end, last: true }]; }
      return count === 0 ? [] : ends.map((to, part) => {
        const from = part ? ends[part - 1] : start, centre = (from + to) / 2;
        return { from, to, count, middle: centre >= p25 && centre <= p75, last: to === end };
      });
    });
  };

  // `own` is the reader's pay; `amount` writes the axis, `names` the marks.
  app.histogram = function (holder, overview, label, amount, names, own, times) {
    const { low, step, counts } = overview.histogram, { p10, median, p90 } = overview.percentiles;
    const width = Math.max(NARROWEST, holder.clientWidth || 640), height = Math.min(240, Math.max(150, width / 3)), foot = 24, top = 26;
    const high = low + step * counts.length, most = Math.max(...counts, 1), base = height - foot;
    const x = (value) => 2 + ((Math.min(Math.max(value, low), high) - low) / (high - low)) * (width - 4);
    const tall = (count) => (count / most) * (base - top);
    const bars = app.barsOf(overview).map(({ from, to, count, middle, last }) => svg("rect", {
      class: middle ? "strong" : "soft", x: x(from).toFixed(1), y: (base - tall(count)).toFixed(1),
      width: Math.max(0.5, x(to) - x(from) - (last ? 1 : 0)).toFixed(1), height: tall(count).toFixed(1)
    }));
    const mark = (value, text, kind, beside) => {
      const at = x(value), side = beside || (at < 60 ? "start" : at > width - 60 ? "end" : "middle"), away = beside ? -2 : 2;
      return svg("g", { class: kind },
        svg("line", { x1: at, x2: at, y1: 16, y2: base }),
        svg("text", { x: side === "start" ? Math.max(0, at - away) : side === "end" ? Math.min(width, at + away) : at, y: 12, "text-anchor": side }, text));
    };
    // Two names that would cover each other stand back to back.
    const near = own !== null && Math.abs(x(own) - x(median)) < 110, sides = near && x(own) < x(median) ? ["start", "end"] : ["end", "start"];
    const taken = [median, ...(own === null ? [] : [own])].map(x);
    const edges = [["p10", p10], ["p90", p90]].filter(([, value]) => taken.every((at) => Math.abs(x(value) - at) > 100));
    // Where all are paid alike, amounts that are written alike are named once.
    const places = ticks(low, high, width < 420 ? 3 : 6, times).filter((value, place, all) => amount(value) !== amount(all[place - 1]));
    const scale = places.map((value) => {
      const at = x(value), side = at < 20 ? "start" : at > width - 24 ? "end" : "middle";
      return svg("text", { class: "tick", x: at, y: height - 6, "text-anchor": side }, amount(value));
    });
    holder.replaceChildren(svg("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
      ...bars, svg("line", { class: "axis", x1: 0, x2: width, y1: base, y2: base }), ...scale,
      ...edges.map(([name, value]) => mark(value, names[name], "edge")),
      mark(median, names.median, "median", near && sides[0]),
      own === null ? null : mark(own, names.own, "own", near && sides[1])));
  };

  // A small distribution in a table's cell: P10 to P90, the middle half, the median. What it shows stands beside it.
  app.box = function (percentiles, scale) {
    if (!percentiles) { return svg("svg", { class: "box", "aria-hidden": "true" }); }
    const at = (value) => (100 * (value - scale.low)) / (scale.high - scale.low || 1);
    const { p10, p25, median, p75, p90 } = percentiles;
    const wide = (from, to) => Math.max(0.6, at(to) - at(from)).toFixed(2) + "%";
    return svg("svg", { class: "box", "aria-hidden": "true", focusable: "false" },
      svg("rect", { class: "whisker", x: at(p10).toFixed(2) + "%", width: wide(p10, p90), y: 9, height: 2 }),
      svg("rect", { class: "strong", x: at(p25).toFixed(2) + "%", width: wide(p25, p75), y: 5, height: 10, rx: 2 }),
      svg("line", { class: "mark", x1: at(median).toFixed(2) + "%", x2: at(median).toFixed(2) + "%", y1: 2, y2: 18 }));
  };

  // What a column of boxes has in common, from 0 when that is near.
  app.scaleOf = function (rows) {
    const known = rows.map((row) => row.percentiles).filter(Boolean);
    const low = Math.min(...known.map((each) => each.p10)), high = Math.max(...known.map((each) => each.p90));
    return known.length ? { low: low < high / 2 ? 0 : low - (high - low) * 0.15, high: high + (high - low || 1) * 0.03 } : { low: 0, high: 1 };
  };

  // periods: [{name, percentiles, faint}] in order.
  app.timeline = function (holder, periods, label, amount, times) {
    const width = Math.max(NARROWEST, holder.clientWidth || 480), height = 190, left = 54, foot = 24, top = 14;
    const low = Math.min(...periods.map((each) => each.percentiles.p25)), high = Math.max(...periods.map((each) => each.percentiles.p75));
    const from = Math.max(0, low - (high - low) * 0.1), base = height - foot;
    const x = (place) => left + 8 + (place / (periods.length - 1)) * (width - left - 24);
    const y = (value) => base - ((value - from) / (high - from || 1)) * (base - top);
    const line = (name) => periods.map((each, place) => `${x(place).toFixed(1)},${y(each.percentiles[name]).toFixed(1)}`);
    const rules = ticks(from, high, 4, times).map((value) => svg("g", {},
      svg("line", { class: "rule", x1: left, x2: width, y1: y(value), y2: y(value) }),
      svg("text", { class: "tick", x: left - 6, y: y(value) + 4, "text-anchor": "end" }, amount(value))));
    // The last name ends where the others have their middle, so it needs room for half another.
    const room = 12 + 10 * Math.max(...periods.map((each) => each.name.length));
    const every = Math.ceil(periods.length / Math.max(2, Math.floor((width - left) / room)));
    const names = periods.map((each, place) => (
      (periods.length - 1 - place) % every ? null
        : svg("text", { class: "tick", x: x(place), y: height - 6, "text-anchor": place === periods.length - 1 ? "end" : "middle" }, each.name)
    ));
    holder.replaceChildren(svg("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
      ...rules, svg("polygon", { class: "soft", points: [...line("p75"), ...line("p25").reverse()].join(" ") }),
      svg("polyline", { class: "median", points: line("median").join(" ") }),
      ...periods.map((each, place) => svg("circle", { class: each.faint ? "dot faint" : "dot", cx: x(place), cy: y(each.percentiles.median), r: 4 })),
      ...names));
  };

  // Column and row of each Brazilian state.
  const TILES = {
    RR: [2, 1], AP: [4, 1], AM: [2, 2], PA: [3, 2], MA: [4, 2], CE: [5, 2], RN: [6, 2], AC: [1, 3], RO: [2, 3], TO: [3, 3],
    PI: [4, 3], PE: [5, 3], PB: [6, 3], MT: [2, 4], DF: [3, 4], BA: [4, 4], SE: [5, 4], AL: [6, 4], MS: [2, 5], GO: [3, 5],
    MG: [4, 5], ES: [5, 5], SP: [3, 6], RJ: [4, 6], PR: [3, 7], SC: [3, 8], RS: [2, 8]
  };

  // states: Map of code -> {name, text, help, share 0..1 or null}; pressing a tile chooses its state.
  app.tiles = function (holder, states, label, chosen, press) {
    const tiles = Object.entries(TILES).map(([code, [column, row]]) => {
      const found = states.get(code), has = found && found.share !== null;
      const seen = (name, text) => app.element("span", { class: name, "aria-hidden": "true" }, text);
      const node = found
        ? app.element("button", { type: "button", class: "tile" + (has ? " known" : " faint"), "aria-pressed": String(code === chosen), title: found.help },
          app.element("b", {}, code), seen("tile-name", found.name), seen("tile-amount", found.text), app.element("span", { class: "hidden" }, found.help))
        : app.element("span", { class: "tile none", "aria-hidden": "true" }, app.element("b", {}, code));
      node.style.gridArea = `${row} / ${column}`;
      if (has) { node.style.setProperty("--share", Math.round(8 + found.share * 34) + "%"); }
      if (found) { node.addEventListener("click", () => press(code)); }
      return node;
    });
    holder.replaceChildren(app.element("div", { class: "tiles", role: "group", "aria-label": label }, ...tiles));
  };
  app.tileCodes = Object.keys(TILES);
})(window.Salaries = window.Salaries || {});
