// Draws figures. Text of the data only ever goes in as text, so markup in it stays visible characters.
(function (app) {
  "use strict";

  app.element = function (name, attributes, ...children) {
    const node = document.createElement(name);
    Object.entries(attributes || {}).forEach(([key, value]) => { if (value !== "") { node.setAttribute(key, value); } });
    children.forEach((child) => node.append(child));
    return node;
  };
  const element = app.element;

  app.formats = function (lang) {
    const formats = new Map();
    const plain = new Intl.NumberFormat(lang, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
    const money = (value, currency) => {
      if (value === null || value === undefined) { return "–"; }
      if (!formats.has(currency)) {
        try {
          formats.set(currency, new Intl.NumberFormat(lang, { style: "currency", currency, minimumFractionDigits: 2, maximumFractionDigits: 2 }));
        } catch (_error) {
          formats.set(currency, null); // not an ISO code: show it beside the number
        }
      }
      const format = formats.get(currency);
      return format ? format.format(value) : plain.format(value) + " " + currency;
    };
    // Labels of an axis are round; cents would only take room.
    const rough = (value, currency) => {
      try {
        return new Intl.NumberFormat(lang, { style: "currency", currency, maximumFractionDigits: 0 }).format(value);
      } catch (_error) {
        return new Intl.NumberFormat(lang, { maximumFractionDigits: 0 }).format(value) + " " + currency;
      }
    };
    return { money, rough, number: (value) => new Intl.NumberFormat(lang).format(value) };
  };

  function bar(value, most) {
    const node = element("div", { class: "bar", "aria-hidden": "true" });
    node.style.width = (most > 0 ? Math.max(1, (100 * value) / most) : 0) + "%";
    return node;
  }

  // columns: [{title, number?, cell(row) -> text, bar?(row) -> number}]; the first column heads its row.
  app.table = function (caption, columns, rows) {
    const kind = (column) => (column.number ? "number" : "");
    const head = element("tr", {}, ...columns.map((column) => element("th", { scope: "col", class: kind(column) }, column.title)));
    const most = columns.filter((column) => column.bar).reduce((found, column) => Math.max(found, ...rows.map(column.bar)), 0);
    const body = rows.map((row) => element("tr", {}, ...columns.map((column, index) => {
      const attributes = index === 0 ? { scope: "row" } : { class: kind(column) };
      const cell = element(index === 0 ? "th" : "td", attributes, column.cell(row));
      if (column.bar) { cell.append(bar(column.bar(row), most)); }
      return cell;
    })));
    return element("table", {}, element("caption", { class: "hidden" }, caption), element("thead", {}, head), element("tbody", {}, ...body));
  };

  const charts = new Map();
  const ROW = 46, ROW_WITH_ENDS = 66; // pixels

  // Marks and their amounts, drawn over the bars; what would leave the picture is moved inside.
  const labels = {
    id: "labels",
    afterDatasetsDraw(chart, _event, { rows, amount, colors }) {
      const { ctx, scales } = chart;
      const write = (text, x, y, color) => {
        const half = ctx.measureText(text).width / 2;
        ctx.fillStyle = color;
        ctx.fillText(text, Math.max(half, Math.min(x, chart.width - half)), y);
      };
      ctx.save();
      ctx.textAlign = "center";
      ctx.font = "600 12px " + window.Chart.defaults.font.family;
      chart.getDatasetMeta(0).data.forEach((bar, index) => {
        const { low, high, mark, markName, ends } = rows[index], x = scales.x.getPixelForValue(mark);
        ctx.fillStyle = colors.text;
        ctx.fillRect(x - 1.5, bar.y - 11, 3, 22);
        write((markName ? markName + " " : "") + amount(mark), x, bar.y - 15, colors.text);
        if (ends) {
          const [left, right] = [[ends[0], low], [ends[1], high]].map(([name, value]) => (name + " " + amount(value)).trim());
          const [half, otherHalf] = [left, right].map((text) => ctx.measureText(text).width / 2);
          // Close together, they make room for each other to both sides.
          const [from, to] = [low, high].map((value) => scales.x.getPixelForValue(value));
          const apart = Math.max(0, half + otherHalf + 12 - (to - from)) / 2;
          const start = Math.max(from - apart, half);
          write(left, start, bar.y + 24, colors.quiet);
          write(right, Math.max(to + apart, start + half + otherHalf + 12), bar.y + 24, colors.quiet);
        }
      });
      ctx.restore();
    }
  };

  // Names in at most two short lines, so that the bars keep their room on a phone.
  function inLines(name) {
    const lines = [""];
    name.split(" ").forEach((word) => {
      const last = lines[lines.length - 1];
      if (last && last.length + word.length >= 18) { lines.push(word); } else { lines[lines.length - 1] = (last + " " + word).trim(); }
    });
    const short = lines.slice(0, 2).map((line) => (line.length > 18 ? line.slice(0, 17) + "…" : line));
    return lines.length > 2 ? [short[0], short[1].slice(0, 17) + "…"] : short;
  }

  // rows: [{name, low, high, mark, markName?, ends?}]. A picture beside a table that says the same; without Chart.js the
  // table's own bars are enough.
  app.rangeChart = function (holder, label, rows, amount) {
    if (charts.has(holder.id)) { charts.get(holder.id).destroy(); charts.delete(holder.id); }
    if (!window.Chart || rows.length === 0) { return; }
    const canvas = element("canvas", { role: "img", "aria-label": label }), frame = element("div", { class: "chart" }, canvas);
    frame.style.height = rows.length * (rows.some((row) => row.ends) ? ROW_WITH_ENDS : ROW) + 46 + "px";
    holder.prepend(frame);
    const style = getComputedStyle(document.documentElement), color = (name) => style.getPropertyValue(name).trim();
    const most = Math.max(...rows.map((row) => row.high));
    charts.set(holder.id, new window.Chart(canvas, {
      type: "bar",
      plugins: [labels],
      data: {
        labels: rows.map((row) => inLines(row.name)),
        datasets: [{
          label, data: rows.map((row) => [row.low, row.high]), backgroundColor: color("--bar"), borderRadius: 4,
          borderSkipped: false, barThickness: 14, minBarLength: 4
        }]
      },
      options: {
        indexAxis: "y", animation: false, maintainAspectRatio: false, responsive: true,
        layout: { padding: { top: 6 } },
        plugins: {
          labels: { rows, amount, colors: { text: color("--text"), quiet: color("--quiet") } },
          legend: { display: false },
          tooltip: { callbacks: { title: ([item]) => rows[item.dataIndex].name, label: (item) => amount(item.raw[0]) + " – " + amount(item.raw[1]) } }
        },
        scales: {
          x: {
            beginAtZero: true, suggestedMax: most * 1.1, grid: { color: color("--line") },
            ticks: { color: color("--quiet"), maxTicksLimit: holder.clientWidth < 480 ? 3 : 6, maxRotation: 0, callback: (value) => amount(value) }
          },
          y: { ticks: { color: color("--text") }, grid: { display: false } }
        }
      }
    }));
  };

  app.options = function (select, values, first, chosen, label) {
    const items = values.map((value) => new Option(label(value), value, false, value === chosen));
    select.replaceChildren(...(first === null ? [] : [new Option(first, "")]), ...items);
    // A value the data does not have, from an old address, is kept and shown, so that an empty answer explains itself.
    if (chosen && !values.includes(chosen)) { select.append(new Option(chosen, chosen, false, true)); }
  };
})(window.Salaries = window.Salaries || {});
