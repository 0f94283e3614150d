// Makes elements. Text of the data only ever goes in as text, so markup in it stays visible characters.
(function (app) {
  "use strict";

  document.documentElement.classList.add("js");
  app.at = (id) => document.getElementById(id);

  function filled(node, attributes, children) {
    Object.entries(attributes || {}).forEach(([key, value]) => {
      if (value !== "" && value !== undefined && value !== null && value !== false) { node.setAttribute(key, value); }
    });
    children.forEach((child) => { if (child !== null && child !== undefined) { node.append(child); } });
    return node;
  }
  app.element = (name, attributes, ...children) => filled(document.createElement(name), attributes, children);
  app.svg = (name, attributes, ...children) => (
    filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children)
  );
  const element = app.element;

  app.button = function (text, attributes, press) {
    const node = element("button", { type: "button", ...attributes }, text);
    node.addEventListener("click", press);
    return node;
  };

  // columns: [{title, number?, hideTitle?, class?, cell(row) -> text or node}]; the first column heads its row. A row with
  // `faint` is greyed.
  app.table = function (caption, columns, rows) {
    const kind = (column) => [column.number ? "number" : "", column.class || ""].join(" ").trim();
    const title = (column) => (column.hideTitle ? element("span", { class: "hidden" }, column.title) : column.title);
    const head = element("tr", { role: "row" }, ...columns.map((column) => element("th", { role: "columnheader", scope: "col", class: kind(column) }, title(column))));
    const body = rows.map((row) => element("tr", { role: "row", class: row.faint ? "faint" : "" }, ...columns.map((column, index) => (
      element(index === 0 ? "th" : "td", { role: index === 0 ? "rowheader" : "cell", scope: index === 0 ? "row" : "", class: kind(column) }, column.cell(row))
    ))));
    // Their roles are told, since a narrow screen lays rows out otherwise and some browsers take that for no table.
    const rowgroup = { role: "rowgroup" };
    return element("table", { role: "table" }, element("caption", { class: "hidden" }, caption), element("thead", rowgroup, head), element("tbody", rowgroup, ...body));
  };

  app.options = function (select, values, first, chosen, label) {
    const items = values.map((value) => new Option(label(value), value, false, value === chosen));
    select.replaceChildren(...(first === null ? [] : [new Option(first, "")]), ...items);
    // A value the data does not have, from an old address, is kept and shown, so that an empty answer explains itself.
    if (chosen && !values.includes(chosen)) { select.append(new Option(chosen, chosen, false, true)); }
  };
})(window.Salaries = window.Salaries || {});
