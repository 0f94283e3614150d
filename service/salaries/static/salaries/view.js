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

  // A picture beside a table that says the same; without Chart.js the table's own bars are enough.
  app.chart = function (holder, label, labels, values, show, showRough) {
    if (charts.has(holder.id)) { charts.get(holder.id).destroy(); charts.delete(holder.id); }
    if (!window.Chart || values.length === 0) { return; }
    const canvas = element("canvas", { role: "img", "aria-label": label });
    holder.prepend(element("div", { class: "chart" }, canvas));
    const style = getComputedStyle(document.documentElement), color = (name) => style.getPropertyValue(name).trim();
    charts.set(holder.id, new window.Chart(canvas, {
      type: "bar",
      data: { labels, datasets: [{ label, data: values, backgroundColor: color("--bar"), borderRadius: 4, maxBarThickness: 72 }] },
      options: {
        animation: false, maintainAspectRatio: false, responsive: true,
        plugins: { legend: { display: false }, tooltip: { callbacks: { label: (item) => show(item.parsed.y) } } },
        scales: {
          x: { ticks: { color: color("--quiet") }, grid: { display: false } },
          y: { beginAtZero: true, ticks: { color: color("--quiet"), callback: (value) => showRough(value) }, grid: { color: color("--line") } }
        }
      }
    }));
  };

  app.options = function (select, values, first, chosen) {
    const items = values.map((value) => new Option(value, value, false, value === chosen));
    select.replaceChildren(...(first === null ? [] : [new Option(first, "")]), ...items);
    // A value the data does not have, from an old address, is kept and shown, so that an empty answer explains itself.
    if (chosen && !values.includes(chosen)) { select.append(new Option(chosen, chosen, false, true)); }
  };
})(window.Salaries = window.Salaries || {});
