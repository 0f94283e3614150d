// The API's overview, computed from exported role files: the same rows, the same rounding, the same order.
//
// A role file holds groups of rows that agree in currency, state, level, work model, location, source and quarter. Amounts
// are whole multiples of `unit` cents. A group is a run of numbers: seven positions in the lists of values, the number of
// rows n, then n totals in ascending order, each as the step from the one before. Sums stay below 2^53, so plain numbers
// are exact.
(function (app) {
  "use strict";

  const DIMENSIONS = ["currency", "state", "level", "work_model", "location", "source", "quarter"];
  const FILTERS = { state: 1, level: 2, work_model: 3 };
  const GROUPS = [["levels", "level"], ["states", "state"], ["locations", "location"], ["work_models", "work_model"], ["sources", "source"]];
  const PERCENTILES = { p10: 10, p25: 25, median: 50, p75: 75, p90: 90 };
  const STEPS = [[30, 8], [200, 12], [2000, 16], [Infinity, 24]];
  const PLACES_LISTED = 10, PERIODS_LISTED = 24;
  app.RANKED_FROM = 5;
  app.PERCENTILES_FROM = 4;

  const fold = (text) => text.normalize("NFC").toLowerCase();
  const byCodePoint = (a, b) => {
    // JavaScript compares UTF-16 units; Python and the API compare code points.
    const left = Array.from(a), right = Array.from(b);
    for (let i = 0; i < left.length && i < right.length; i += 1) {
      if (left[i] !== right[i]) { return left[i].codePointAt(0) - right[i].codePointAt(0); }
    }
    return left.length - right.length;
  };
  const money = (cents) => cents / 100;
  const mean = (sum, count) => {
    const n = BigInt(count);
    return money(Number((2n * BigInt(sum) + n) / (2n * n)));
  };

  function groups(data) {
    const found = [], numbers = data.groups;
    for (let at = 0; at < numbers.length;) {
      const place = numbers.slice(at, at + DIMENSIONS.length), n = numbers[at + DIMENSIONS.length], totals = [];
      at += DIMENSIONS.length + 1;
      let total = 0;
      for (let i = 0; i < n; i += 1) { total += numbers[at + i] * data.unit; totals.push(total); }
      at += n;
      found.push({ place, totals });
    }
    return found;
  }

  function matching(data, filters) {
    data.parsed = data.parsed || groups(data);
    return data.parsed.filter((group) => Object.entries(FILTERS).every(([name, position]) => (
      !filters[name] || fold(data.values[name][group.place[position]]) === fold(filters[name])
    )));
  }

  function byValue(data, rows, dimension) {
    const position = DIMENSIONS.indexOf(dimension), found = new Map();
    rows.forEach((group) => {
      const value = data.values[dimension][group.place[position]];
      if (!found.has(value)) { found.set(value, []); }
      found.get(value).push(group);
    });
    return found;
  }

  const count = (rows) => rows.reduce((total, group) => total + group.totals.length, 0);

  // All totals of the groups, in order.
  function amounts(rows) {
    const found = new Float64Array(count(rows));
    let at = 0;
    rows.forEach(({ totals }) => { found.set(totals, at); at += totals.length; });
    return found.sort();
  }

  // In hundredths of a cent, interpolated between the closest ranks.
  function point(sorted, percent) {
    const position = percent * (sorted.length - 1), place = Math.floor(position / 100), rest = position % 100;
    return 100 * sorted[place] + (rest ? rest * (sorted[place + 1] - sorted[place]) : 0);
  }
  const rounded = (hundredths) => money(Math.floor((hundredths + 50) / 100));

  function figures(sorted) {
    if (sorted.length === 0) { return { observations: 0, average: null, percentiles: null }; }
    const enough = sorted.length >= app.PERCENTILES_FROM, percentiles = {};
    Object.entries(PERCENTILES).forEach(([name, percent]) => { percentiles[name] = rounded(point(sorted, percent)); });
    return {
      observations: sorted.length, average: mean(sorted.reduce((sum, each) => sum + each, 0), sorted.length),
      percentiles: enough ? percentiles : null
    };
  }

  function roundStep(low, high, wanted) {
    for (let power = 100; ; power *= 10) {
      const digit = [1, 2, 5].find((each) => each * power * wanted >= high - low);
      if (digit) { return digit * power; }
    }
  }

  function histogram(sorted) {
    const n = sorted.length;
    if (n < app.RANKED_FROM) { return null; }
    const low = Math.floor(point(sorted, 1) / 100), high = Math.floor(point(sorted, 99) / 100);
    const step = roundStep(low, high, STEPS.find(([rows]) => n < rows)[1]);
    const first = Math.floor(low / step), counts = new Array(Math.floor(high / step) - first + 1).fill(0);
    let below = 0, above = 0;
    sorted.forEach((amount) => {
      const place = Math.floor(amount / step) - first;
      if (place < 0) { below += 1; } else if (place >= counts.length) { above += 1; } else { counts[place] += 1; }
    });
    return { low: money(first * step), step: money(step), counts, below, above };
  }

  function grouped(data, rows, dimension) {
    const found = Array.from(byValue(data, rows, dimension)).filter(([value]) => value !== "");
    return found.map(([value, part]) => ({ value, sorted: amounts(part) }));
  }

  function places(found) {
    const enough = found.filter(({ sorted }) => sorted.length >= app.RANKED_FROM);
    const few = found.filter(({ sorted }) => sorted.length < app.RANKED_FROM);
    enough.sort((a, b) => point(b.sorted, 50) - point(a.sorted, 50) || byCodePoint(a.value, b.value));
    few.sort((a, b) => b.sorted.length - a.sorted.length || byCodePoint(a.value, b.value));
    return enough.slice(0, PLACES_LISTED).concat(few.slice(0, PLACES_LISTED));
  }

  function periods(found, column) {
    found.sort((a, b) => byCodePoint(a.value, b.value));
    return found.slice(-PERIODS_LISTED).map(({ value, sorted }) => ({ [column]: value, ...figures(sorted) }));
  }

  function years(data, rows) {
    const found = new Map();
    byValue(data, rows, "quarter").forEach((part, quarter) => {
      const year = quarter.split("-")[0];
      if (year) { found.set(year, (found.get(year) || []).concat(part)); }
    });
    return Array.from(found).map(([value, part]) => ({ value, sorted: amounts(part) }));
  }

  // `levels` is the order of seniority.
  function byLevel(data, rows, levels) {
    const order = new Map(levels.map((level, place) => [level, place]));
    const found = grouped(data, rows, "level").sort((a, b) => order.get(a.value) - order.get(b.value));
    return found.map(({ value, sorted }) => ({ level: value, ...figures(sorted) }));
  }

  function chosen(counts, wanted) {
    const codes = Array.from(counts.keys()).sort(byCodePoint);
    if (wanted) { return codes.find((code) => code.toLowerCase() === wanted.toLowerCase()); }
    return codes.sort((a, b) => counts.get(b) - counts.get(a) || byCodePoint(a, b))[0];
  }

  app.overviewOf = function (data, role, filters, levels) {
    const all = matching(data, filters), currencies = byValue(data, all, "currency");
    const counts = new Map(Array.from(currencies, ([code, part]) => [code, count(part)]));
    const currency = chosen(counts, filters.currency), rows = currency === undefined ? [] : currencies.get(currency);
    const sorted = amounts(rows), byYear = years(data, rows);
    const answer = {
      role, period: "month", total_observations: count(all), currency: currency === undefined ? null : currency,
      currencies: Array.from(counts.keys()).sort(byCodePoint).map((code) => ({ currency: code, observations: counts.get(code) })),
      ...figures(sorted),
      quantiles: sorted.length < app.PERCENTILES_FROM ? [] : Array.from({ length: 101 }, (_none, percent) => rounded(point(sorted, percent))),
      histogram: histogram(sorted)
    };
    GROUPS.forEach(([kind, column]) => {
      const found = grouped(data, rows, column), listed = kind === "locations" ? places(found) : found;
      if (kind === "locations") { answer.locations_left_out = found.length - listed.length; }
      listed.sort((a, b) => byCodePoint(a.value, b.value));
      answer[kind] = listed.map((each) => ({ [column]: each.value, ...figures(each.sorted) }));
    });
    answer.levels = byLevel(data, rows, levels);
    answer.undated = sorted.length - byYear.reduce((total, each) => total + each.sorted.length, 0);
    answer.quarters = periods(grouped(data, rows, "quarter"), "quarter");
    answer.years = periods(byYear, "year");
    return answer;
  };

  // One entry of the comparison, in the currency of the role that it is compared with.
  app.comparedOf = function (data, role, filters, levels, currency) {
    const rows = byValue(data, matching(data, filters), "currency").get(currency) || [];
    return { role, ...figures(amounts(rows)), levels: byLevel(data, rows, levels) };
  };

  app.byCodePoint = byCodePoint;
})(window.Salaries = window.Salaries || {});
