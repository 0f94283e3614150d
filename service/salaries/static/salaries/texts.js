// Every text of the page, in each language, and names for the values that every dataset has; others are shown as they are.
(function (app) {
  "use strict";

  app.texts = {
    "en": {
      skip: "Skip to the figures", tagline: "What people in tech earn, by role, place, seniority and work model.",
      language: "Language", role: "Role", state: "State", level: "Seniority", work_model: "Work model",
      location: "City", source: "Source", currency: "Currency", all: "All", reset: "Clear filters", retry: "Try again",
      overview: "Overview", observations: "Observations", average: "Average total compensation",
      range: "Base salary range", average_base: "Average base salary",
      percentiles: "Percentiles of total compensation", percentile: "Percentile", amount: "Amount",
      middle: "Half of all earn between {low} and {high}; the median is {median}.",
      everyone: "Everyone", middle_half: "Middle half", mean: "Average", median: "Median",
      by_level: "Total compensation by seniority", total_range: "Total compensation range",
      range_hint: "Each bar goes from the lowest to the highest total compensation; the mark is the average.",
      p25: "25% earn less (P25)", p50: "Half earn less (median)", p75: "75% earn less (P75)",
      top_states: "Best paying states", top_locations: "Best paying cities", top_work_models: "Best paying work models",
      top_sources: "Best paying sources", by_currency: "By currency", comparison: "Compare roles",
      comparison_hint: "Pick up to ten roles; the filters above apply to all of them.",
      comparison_none: "No role is picked yet.", comparison_full: "Ten roles are the most that can be compared.",
      empty: "No salaries match these filters. Clear one of them to see more.",
      no_data: "There is no data yet. It appears here after the first dataset refresh.",
      loading: "Loading the figures…", loaded: "{count} observations for {role}.",
      failed: "The figures could not be loaded: {reason}", nothing: "No values.",
      failed_export: "The file {reason} could not be loaded. There may be a newer version of this page: load it again.",
      note: "Several currencies: the figures cover {currency}, which has the most rows. The others are in the table by currency.",
      left_out: "This export leaves out the filters: {filters}.",
      level_junior: "Junior", level_pleno: "Mid-level", level_senior: "Senior", level_especialista: "Specialist",
      work_model_remoto: "Remote", work_model_hibrido: "Hybrid", work_model_presencial: "On site",
      state_REMOTE: "Remote", location_Remoto: "Remote"
    },
    "pt-BR": {
      skip: "Ir para os números", tagline: "Quanto se ganha em tecnologia, por cargo, lugar, senioridade e modelo de trabalho.",
      language: "Idioma", role: "Cargo", state: "Estado", level: "Senioridade", work_model: "Modelo de trabalho",
      location: "Cidade", source: "Fonte", currency: "Moeda", all: "Todos", reset: "Limpar filtros", retry: "Tentar de novo",
      overview: "Resumo", observations: "Observações", average: "Remuneração total média",
      range: "Faixa de salário base", average_base: "Salário base médio",
      percentiles: "Percentis da remuneração total", percentile: "Percentil", amount: "Valor",
      middle: "Metade ganha entre {low} e {high}; a mediana é {median}.",
      everyone: "Todos", middle_half: "Metade central", mean: "Média", median: "Mediana",
      by_level: "Remuneração total por senioridade", total_range: "Faixa da remuneração total",
      range_hint: "Cada barra vai da menor à maior remuneração total; a marca é a média.",
      p25: "25% ganham menos (P25)", p50: "Metade ganha menos (mediana)", p75: "75% ganham menos (P75)",
      top_states: "Estados que pagam mais", top_locations: "Cidades que pagam mais",
      top_work_models: "Modelos de trabalho que pagam mais", top_sources: "Fontes com valores mais altos",
      by_currency: "Por moeda", comparison: "Comparar cargos",
      comparison_hint: "Escolha até dez cargos; os filtros acima valem para todos.",
      comparison_none: "Nenhum cargo escolhido ainda.", comparison_full: "Dez cargos é o máximo que se pode comparar.",
      empty: "Nenhum salário corresponde a estes filtros. Limpe um deles para ver mais.",
      no_data: "Ainda não há dados. Eles aparecem aqui após a primeira atualização.",
      loading: "Carregando os números…", loaded: "{count} observações para {role}.",
      failed: "Não foi possível carregar os números: {reason}", nothing: "Sem valores.",
      failed_export: "Não foi possível carregar o arquivo {reason}. Pode haver uma versão nova desta página: recarregue.",
      note: "Há várias moedas: os números são de {currency}, a que tem mais linhas. As outras estão na tabela por moeda.",
      left_out: "Esta exportação não inclui os filtros: {filters}.",
      level_junior: "Júnior", level_pleno: "Pleno", level_senior: "Sênior", level_especialista: "Especialista",
      work_model_remoto: "Remoto", work_model_hibrido: "Híbrido", work_model_presencial: "Presencial",
      state_REMOTE: "Remoto", location_Remoto: "Remoto"
    }
  };

  app.language = function (wanted) {
    if (Object.prototype.hasOwnProperty.call(app.texts, wanted || "")) { return wanted; }
    return (navigator.language || "").toLowerCase().startsWith("pt") ? "pt-BR" : "en";
  };

  // What a value of the data is called: `data_engineer` is read as words, `remoto` in the reader's language.
  app.label = function (lang, column, value) {
    if (column === "role") { return value.replace(/_/g, " "); }
    const key = column + "_" + value;
    return Object.prototype.hasOwnProperty.call(app.texts[lang], key) ? app.texts[lang][key] : value;
  };

  app.text = function (lang, key, values) {
    const pattern = app.texts[lang][key] || key;
    return pattern.replace(/\{(\w+)\}/g, (whole, name) => (values && name in values ? String(values[name]) : whole));
  };
})(window.Salaries = window.Salaries || {});
