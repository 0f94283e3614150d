// The sentence, the picture and "where am I" of the role that is chosen.
(function (app) {
  "use strict";

  const { at, element } = app;
  const POINTS = ["p10", "p25", "median", "p75", "p90"];

  app.drawLead = function (view) {
    const { overview, say, f } = view, { percentiles, currency, observations } = overview;
    const role = view.role(overview.role), amount = (value) => f.money(value, currency);
    at("hero-role").textContent = [role, ...view.chosen].join(" · ");
    at("hero").textContent = percentiles ? say("hero", { role, median: amount(percentiles.median), unit: view.unit }) : say("hero_few", { role });
    at("hero-half").textContent = percentiles ? say("hero_half", { low: amount(percentiles.p25), high: amount(percentiles.p75) }) : say("widen");
    at("based").textContent = basis(view, observations);
    at("five").replaceChildren(...(percentiles ? POINTS.map((name) => element("div", { class: name },
      element("dt", {}, say(name), element("span", {}, say(name + "_help"))), element("dd", {}, amount(percentiles[name])))) : []));
    at("standing-form").hidden = !percentiles;
    at("spread-title").textContent = say("spread", { unit: view.unit });
    at("own-label").textContent = say("own_pay", { unit: view.unit, currency: currency || "" });
    app.drawPicture(view);
  };

  // How many, of which release, and what the figures leave out.
  function basis({ overview, catalogue, say, f }, observations) {
    const others = overview.currencies.filter((each) => each.currency !== overview.currency);
    const release = catalogue.release;
    return [
      say("based", { count: f.counted(observations, "salaries") }),
      observations > 0 && observations < app.RANKED_FROM ? say("few_warning") : "",
      others.length ? f.counted(others.reduce((sum, each) => sum + each.observations, 0), "currency_out").replace("{codes}", others.map((each) => each.currency).join(", ")) : "",
      release ? say("release_since", { number: release.number, date: f.day(release.activated_at) }) : ""
    ].filter(Boolean).join(" ");
  }

  // Drawn again when the room for it changes, and when the reader types.
  app.drawPicture = function (view) {
    const { overview, say, f } = view, { histogram, percentiles, currency } = overview, holder = at("histogram");
    const typed = at("own").value.trim(), own = typed ? app.amountOf(typed) : null;
    at("standing").textContent = typed && percentiles ? standing(view, own) : "";
    if (!histogram || !percentiles) {
      holder.replaceChildren(element("p", { class: "quiet" }, say("no_histogram")));
      return;
    }
    const amount = (value) => f.money(value, currency), monthly = own === null ? null : own / f.times;
    const label = say("histogram", {
      count: f.counted(overview.observations, "salaries"), low: amount(percentiles.p25), high: amount(percentiles.p75), median: amount(percentiles.median)
    });
    const names = { median: amount(percentiles.median), p10: say("p10"), p90: say("p90"), own: say("you") };
    app.histogram(holder, overview, label, (value) => f.short(value, currency), names, monthly, f.times);
    const outside = histogram.below + histogram.above;
    const key = [["strong", "middle_half"], ["soft", "others"]].map(([kind, text]) => element("span", { class: "key " + kind }, say(text)));
    holder.append(element("p", { class: "quiet keys" }, ...key, outside ? element("span", { class: "beyond" }, f.counted(outside, "outside")) : ""));
  };

  function standing({ overview, say, f }, own) {
    const count = f.counted(overview.observations, "salaries");
    if (own === null) { return say("not_a_number", { example: f.number(8500 * f.times) }); }
    const percent = app.standing(overview.quantiles, own / f.times);
    if (percent === 0) { return say("standing_low", { count }); }
    return percent === 100 ? say("standing_high", { count }) : say("standing", { percent: f.percent(percent / 100), count });
  }
})(window.Salaries = window.Salaries || {});
