// Where figures come from: the API of the live page, or the data files of an export. Both give the same answers.
(function (app) {
  "use strict";

  const RETRIES = 4, PAUSE = 700; // milliseconds

  // What went wrong, by the name of the text that says so to the reader.
  class Failure extends Error {
    constructor(key) { super(key); this.key = key; }
  }

  const pause = (signal) => new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, PAUSE);
    signal.addEventListener("abort", () => { clearTimeout(timer); reject(new Failure("failed")); });
  });

  async function ask(path, params, signal) {
    const query = new URLSearchParams(params.filter(([, value]) => value)).toString();
    for (let tried = 0; ; tried += 1) {
      let response;
      try {
        response = await fetch(path + (query ? "?" + query : ""), { signal, headers: { Accept: "application/json" } });
      } catch (_error) {
        throw new Failure("failed_network");
      }
      if (response.ok) { return response.json(); }
      // While a deploy rolls, a task of the release before may answer, which knows nothing of this path.
      if (response.status !== 404 || tried === RETRIES) {
        throw new Failure(response.status === 400 ? "failed_question" : response.status === 404 ? "failed_version" : "failed");
      }
      await pause(signal);
    }
  }

  app.liveFigures = function () {
    return {
      leftOut: [],
      catalogue: (signal) => ask("/api/salaries/catalogue/", [], signal),
      overview: (role, filters, compared, signal) => ask("/api/salaries/overview/", app.question(role, filters, compared), signal)
    };
  };

  app.question = (role, filters, compared) => (
    [["role", role], ...Object.entries(filters), ...compared.map((each) => ["compare", each])]
  );

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
          script.onerror = () => { loads.delete(role); reject(new Failure("failed_export")); };
          document.head.append(script);
        });
        loads.set(role, entry);
      }
      return loads.get(role).promise;
    };
    const levels = index.catalogue.levels;
    return {
      leftOut: index.left_out,
      catalogue: () => Promise.resolve(index.catalogue),
      overview: async (role, filters, compared) => {
        const main = app.overviewOf(await load(role), role, filters, levels);
        const others = Array.from(new Set(compared)).filter((each) => each !== role).sort(app.byCodePoint);
        main.comparison = await Promise.all(others.map(async (each) => (
          app.comparedOf(await load(each), each, filters, levels, main.currency)
        )));
        return main;
      }
    };
  };
})(window.Salaries = window.Salaries || {});
