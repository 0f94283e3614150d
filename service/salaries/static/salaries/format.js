// Amounts, counts, dates and names as the reader writes them.
(function (app) {
  "use strict";

  const YEAR = 12; // months
  const LONG = 1e6; // from here on an amount is told in millions, so that it fits where it stands

  // `period` is what amounts are shown for; the data's are those of a month.
  app.formats = function (lang, period) {
    const times = period === "year" ? YEAR : 1, made = new Map();
    const format = (currency, options) => {
      const key = currency + JSON.stringify(options);
      if (!made.has(key)) {
        const plain = { minimumFractionDigits: 0, maximumFractionDigits: 0, ...options };
        try {
          made.set(key, new Intl.NumberFormat(lang, { style: "currency", currency, ...plain }));
        } catch (_error) {
          // Not an ISO code: show it beside the number.
          const number = new Intl.NumberFormat(lang, plain);
          made.set(key, { format: (value) => number.format(value) + "\u00a0" + currency });
        }
      }
      return made.get(key);
    };
    const shown = (value, currency, options) => (
      value === null || value === undefined ? "–" : format(currency, options).format(value * times)
    );
    const counts = new Intl.NumberFormat(lang), plurals = new Intl.PluralRules(lang);
    return {
      money: (value, currency) => shown(value, currency, value * times < LONG ? {} : { notation: "compact", maximumFractionDigits: 2 }),
      // For axes and small pictures: 12.5k.
      short: (value, currency) => shown(value, currency, { notation: "compact", maximumFractionDigits: 1 }),
      number: (value) => counts.format(value),
      // `1 salary`, `1,234 salaries`.
      counted: (value, key) => {
        const form = plurals.select(value) === "one" ? "_one" : "_other";
        return app.text(lang, key + form, { count: counts.format(value) });
      },
      percent: (value) => new Intl.NumberFormat(lang, { style: "percent", maximumFractionDigits: 0 }).format(value),
      difference: (value) => {
        const signed = new Intl.NumberFormat(lang, { style: "percent", maximumFractionDigits: 0, signDisplay: "exceptZero" });
        return value < 10 ? signed.format(value) : "> " + signed.format(9.99);
      },
      // Days of the data have no hour, so none may move them.
      day: (value) => (value ? new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeZone: "UTC" }).format(new Date(value + "T00:00:00Z")) : "–"),
      list: (values) => new Intl.ListFormat(lang, { type: "conjunction" }).format(values),
      times
    };
  };

  // An amount as people type it, or null: `12.500`, `12,500`, `R$ 12.500,00`, `85k`, `8,5 mil`. What stands before exactly
  // three last digits parts thousands, in either language. Of other letters behind the digits nobody knows what they count.
  app.amountOf = function (text) {
    const typed = /^[^\d.,-]*(\d[\d.,\s'’]*?)\s*(k|mil)?\b\s*(?:reais|[a-z]{3}|[$€£])?$/i.exec(text);
    const found = typed && /^(.*?)(?:[.,](\d{1,2}))?$/.exec(typed[1].replace(/[^\d.,]/g, ""));
    const whole = found ? found[1].replace(/[.,]/g, "") : "";
    if (!whole || whole.length > 12) { return null; }
    return Number(whole + "." + (found[2] || "0")) * (typed[2] ? 1000 : 1);
  };

  // Letters without accents and case, to find them as they are typed.
  app.plain = (text) => text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase();

  // How many per cent earn less than `amount`; `quantiles` are the amounts at 0, 1 … 100 per cent.
  app.standing = function (quantiles, amount) {
    if (amount < quantiles[0]) { return 0; }
    if (amount >= quantiles[100]) { return 100; }
    const above = quantiles.findIndex((each) => each > amount), low = quantiles[above - 1], high = quantiles[above];
    return Math.round(above - 1 + (amount - low) / (high - low));
  };
})(window.Salaries = window.Salaries || {});
