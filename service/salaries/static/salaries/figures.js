// The API's figures, computed from an exported role file: the same rows, the same rounding, the same order.
//
// A role file holds groups of rows that agree in currency, state, level, work model, location and source. Amounts are
// whole multiples of `unit` cents. A group is a run of numbers: six positions in the lists of values, the number of rows n,
// lowest and highest base salary, for n > 1 the sums of both, then n totals in ascending order, each as the step from the
// one before. Sums stay below 2^53, so plain numbers are exact.
(function (app) {
  "use strict";

  const DIMENSIONS = ["currency", "state", "level", "work_model", "location", "source"];
  const FILTERS = { state: 1, level: 2, work_model: 3 };
  const TOPS = [["top_states", "state"], ["top_locations", "location"], ["top_work_models", "work_model"], ["top_sources", "source"]];
  const fold = (text) => text.normalize("NFC").toLowerCase();
  const byCodePoint = (a, b) => {
    // JavaScript compares UTF-16 units; Python and the API compare code points.
    const left = Array.from(a), right = Array.from(b);
    for (let i = 0; i < left.length && i < right.length; i += 1) {
      if (left[i] !== right[i]) { return left[i].codePointAt(0) - right[i].codePointAt(0); }
    }
    return left.length - right.length;
  };
  const cents = (value) => Number(value) / 100;
  const mean = (sum, count) => {
    const n = BigInt(count);
    return cents((2n * BigInt(sum) + n) / (2n * n));
  };

  function groups(data) {
    const found = [], numbers = data.groups, unit = data.unit;
    let at = 0;
    while (at < numbers.length) {
      const place = numbers.slice(at, at + 6), n = numbers[at + 6];
      const low = numbers[at + 7] * unit, high = numbers[at + 8] * unit;
      at += 9;
      let lowSum = low, highSum = high;
      if (n > 1) { lowSum = numbers[at] * unit; highSum = numbers[at + 1] * unit; at += 2; }
      const totals = [];
      let total = 0, all = 0;
      for (let i = 0; i < n; i += 1) { total += numbers[at + i] * unit; all += total; totals.push(total); }
      at += n;
      found.push({ place, n, low, high, lowSum, highSum, totals, sum: all });
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

  const count = (rows) => rows.reduce((total, group) => total + group.n, 0);
  const sum = (rows, name) => rows.reduce((total, group) => total + group[name], 0);
  const least = (rows, pick) => rows.reduce((found, group) => Math.min(found, pick(group)), Infinity);
  const most = (rows, pick) => rows.reduce((found, group) => Math.max(found, pick(group)), -Infinity);

  function block(currency, rows) {
    const n = count(rows);
    return {
      currency, observations: n,
      base_salary: {
        min: cents(least(rows, (g) => g.low)), max: cents(most(rows, (g) => g.high)),
        average_min: mean(sum(rows, "lowSum"), n), average_max: mean(sum(rows, "highSum"), n)
      },
      total_compensation: {
        min: cents(least(rows, (g) => g.totals[0])), max: cents(most(rows, (g) => g.totals[g.n - 1])),
        average: mean(sum(rows, "sum"), n)
      }
    };
  }

  const sortedValues = (data, rows, dimension) => (
    Array.from(byValue(data, rows, dimension)).sort((a, b) => byCodePoint(a[0], b[0]))
  );
  const blocks = (data, rows) => sortedValues(data, rows, "currency").map(([code, part]) => block(code, part));

  app.summaryOf = function (data, role, filters) {
    const rows = matching(data, filters);
    const levels = sortedValues(data, rows, "level").filter(([level]) => level !== "");
    return {
      role, total_observations: count(rows), currencies: blocks(data, rows),
      levels: levels.map(([level, part]) => ({ level, observations: count(part), currencies: blocks(data, part) }))
    };
  };

  function percentiles(rows) {
    const totals = [];
    rows.forEach((group) => group.totals.forEach((total) => totals.push(total)));
    totals.sort((a, b) => a - b);
    const at = (quarter) => {
      const position = quarter * (totals.length - 1), place = Math.floor(position / 4), rest = position % 4;
      const quarters = 4 * totals[place] + (rest ? rest * (totals[place + 1] - totals[place]) : 0);
      return cents(Math.floor((quarters + 2) / 4));
    };
    return totals.length ? { p25: at(1), median: at(2), p75: at(3) } : { p25: null, median: null, p75: null };
  }

  function best(data, rows, dimension) {
    const found = Array.from(byValue(data, rows, dimension)).filter(([value]) => value !== "");
    const ranked = found.map(([value, part]) => ({ value, n: count(part), sum: sum(part, "sum") }));
    ranked.sort((a, b) => {
      const left = BigInt(a.sum) * BigInt(b.n), right = BigInt(b.sum) * BigInt(a.n);
      return left === right ? byCodePoint(a.value, b.value) : (left > right ? -1 : 1);
    });
    return ranked.slice(0, 5).map((item) => (
      { [dimension]: item.value, observations: item.n, average_total_compensation: mean(item.sum, item.n) }
    ));
  }

  app.insightsOf = function (data, role, filters) {
    const rows = matching(data, filters), currencies = byValue(data, rows, "currency");
    const codes = Array.from(currencies.keys()).sort(byCodePoint);
    const main = codes.slice().sort((a, b) => count(currencies.get(b)) - count(currencies.get(a)) || byCodePoint(a, b))[0];
    const chosen = main === undefined ? [] : currencies.get(main);
    const answer = {
      role, total_observations: count(rows), currency: main === undefined ? null : main, percentiles: percentiles(chosen),
      currencies: codes.map((code) => (
        { currency: code, observations: count(currencies.get(code)), percentiles: percentiles(currencies.get(code)) }
      ))
    };
    TOPS.forEach(([name, dimension]) => { answer[name] = best(data, chosen, dimension); });
    return answer;
  };

  // Where figures come from: the API of the live page, or the data files of an export.
  app.liveFigures = function () {
    const get = async (path, params, signal) => {
      const query = new URLSearchParams(params.filter(([, value]) => value)).toString();
      const response = await fetch(path + (query ? "?" + query : ""), { signal, headers: { Accept: "application/json" } });
      const body = await response.json().catch(() => ({}));
      if (!response.ok) { throw new Error(body.error || "HTTP " + response.status); }
      return body;
    };
    const about = (role, filters) => [["role", role], ...Object.entries(filters)];
    const only = (...lists) => ["lists", lists.join(",")]; // the rest of a summary is many times as long
    return {
      leftOut: [],
      facets: (signal) => get("/api/filters/", [], signal),
      summary: (role, filters, signal) => get("/api/salaries/", [...about(role, filters), only("currencies", "levels")], signal),
      insights: (role, filters, signal) => get("/api/salaries/insights/", about(role, filters), signal),
      comparison: (roles, filters, signal) => (
        get("/api/salaries/comparison/", [...roles.map((role) => ["role", role]), ...Object.entries(filters), only("currencies")], signal)
      )
    };
  };

  app.exportedFigures = function (index) {
    const files = new Map(index.files), loads = new Map(), nothing = { unit: 1, groups: [], values: {} };
    window.salaryRole = (role, data) => { loads.get(role).done(data); };
    const load = (role) => {
      if (!files.has(role)) { return Promise.resolve(nothing); }
      if (!loads.has(role)) {
        const entry = {};
        entry.promise = new Promise((resolve, reject) => {
          entry.done = resolve;
          const script = document.createElement("script");
          script.src = files.get(role);
          script.onerror = () => { loads.delete(role); reject(new Error(files.get(role))); };
          document.head.append(script);
        });
        loads.set(role, entry);
      }
      return loads.get(role).promise;
    };
    return {
      leftOut: index.left_out,
      facets: () => Promise.resolve(index.facets),
      summary: async (role, filters) => app.summaryOf(await load(role), role, filters),
      insights: async (role, filters) => app.insightsOf(await load(role), role, filters),
      comparison: async (roles, filters) => {
        const sorted = Array.from(new Set(roles)).sort(byCodePoint);
        return { roles: await Promise.all(sorted.map(async (role) => app.summaryOf(await load(role), role, filters))) };
      }
    };
  };
})(window.Salaries = window.Salaries || {});
