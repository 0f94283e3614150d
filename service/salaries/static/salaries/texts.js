// Every text of the page, in each language, and names for the values that every dataset has; others are shown as they are.
(function (app) {
  "use strict";

  app.texts = {
    "en": {
      skip: "Skip to the figures", language: "Language", filters: "Choose", role: "Role", state: "State", level: "Seniority",
      work_model: "Work model", location: "City", source: "Source", currency: "Currency", quarter: "Dates", all: "All",
      reset: "Clear filters", retry: "Try again", unit: "Gross pay", per_month: "per month", per_year: "per year",
      small: "Show small samples", small_tag: "small sample", of_average: "average",
      hero: "The median {role} earns {median} gross {unit}.", hero_half: "The middle half earns {low} to {high}.",
      hero_few: "Too few salaries for a median of {role}.", hero_where: "Filtered by {filters}.",
      based: "Based on {count}.", release_since: "Release {number}, active since {date}.",
      salaries_one: "{count} salary", salaries_other: "{count} salaries",
      currency_out_one: "{count} salary in another currency is left out ({codes}).",
      currency_out_other: "{count} salaries in other currencies are left out ({codes}).",
      widen: "Clear a filter to widen the choice.", few_warning: "Fewer than five salaries: read these figures with care.",
      spread: "How pay is spread", p10: "P10", p25: "P25", median: "Median", p75: "P75", p90: "P90",
      p10_help: "10% earn less", p25_help: "25% earn less", median_help: "half earn less", p75_help: "75% earn less", p90_help: "90% earn less",
      middle_half: "middle half", others: "others", you: "You",
      histogram: "Histogram of {count}: the middle half lies between {low} and {high}, the median is {median}.",
      outside_one: "{count} salary lies outside of the picture.", outside_other: "{count} salaries lie outside of the picture.",
      no_histogram: "A picture needs at least five salaries.",
      where: "Where am I?", own_pay: "Your gross pay {unit}, in {currency}", private: "It stays in this browser.",
      standing: "You earn more than {percent} of these {count}.", standing_low: "You earn less than all of these {count}.",
      standing_high: "You earn at least as much as all of these {count}.", not_a_number: "Please type an amount, such as {example}.",
      by_level: "By seniority", by_state: "By state", by_location: "Best paying cities", by_work_model: "By work model",
      by_time: "Over time", time_quarters: "by quarter", time_years: "by year", time_as: "Show",
      undated_one: "{count} salary without a date is left out.", undated_other: "{count} salaries without a date are left out.",
      time_few: "A line needs two periods with at least five salaries each.",
      hidden_levels_one: "{count} level with fewer than five salaries is left out.", hidden_levels_other: "{count} levels with fewer than five salaries are left out.",
      hidden_states_one: "{count} state with fewer than five salaries is left out.", hidden_states_other: "{count} states with fewer than five salaries are left out.",
      hidden_locations_one: "{count} city with fewer than five salaries is left out.", hidden_locations_other: "{count} cities with fewer than five salaries are left out.",
      hidden_work_models_one: "{count} work model with fewer than five salaries is left out.", hidden_work_models_other: "{count} work models with fewer than five salaries are left out.",
      hidden_periods_one: "{count} period with fewer than five salaries is left out.", hidden_periods_other: "{count} periods with fewer than five salaries are left out.",
      hidden_cells_one: "{count} cell with fewer than five salaries is left empty.", hidden_cells_other: "{count} cells with fewer than five salaries are left empty.",
      more_locations_one: "{count} more city is not listed.", more_locations_other: "{count} more cities are not listed.",
      map: "Map of the states", filter_by: "Show {name} only", nothing: "No values.", nothing_ranked: "No group has five salaries.",
      range_help: "Line: P10 to P90. Bar: middle half. Mark: median.", distribution: "Distribution", salaries: "Salaries", period: "Period",
      comparison: "Compare roles", compare_add: "Add a role", compare_hint: "Up to ten roles; the filters apply to all.",
      compare_full: "Ten roles are the most that can be compared.", compare_none: "No role is called that.", remove: "Remove {role}", removal: "Remove", as_table: "As a table",
      this_role: "this role", options_one: "{count} role found", options_other: "{count} roles found",
      matrix: "Roles by seniority", matrix_compared: "Median of the compared roles, under the filters above.",
      matrix_all: "Median of the roles with most salaries, without filters.", show_role: "Show {role}",
      provenance: "Where these figures come from", release: "Release", activated: "Active since", loaded: "Loaded", rows: "Salaries in all",
      dates: "Dates", dated: "{dated} of {count} with a date", no_dates: "no dates", made: "How they are made",
      made_unit: "All amounts are gross total compensation per month; a year is twelve times that.",
      made_month: "Where a source says pay a year, a twelfth of it counts; where it says pay an hour, 2,080 hours a year do.",
      made_median: "Percentiles are interpolated between the closest ranks. Nothing is ranked below five salaries, and there are no percentiles below four.",
      made_currency: "Currencies are never mixed, and none was converted.",
      made_converted: "Currencies are never mixed. Figures in others were converted to {codes} by dated rates of their source.", api: "These figures as JSON", schema: "Description of the API",
      copy_link: "Copy link", copied: "The link is copied.", copy_by_hand: "Copy the address from the browser's address bar.", csv: "Download CSV", png: "Download PNG", group: "Group", value: "Value", of_month: "per month",
      empty: "No salaries match these filters.", no_data: "There is no data yet. It appears here after the first dataset refresh.",
      loading: "Loading the figures…", loaded_status: "{role}: {count}.",
      failed: "The figures could not be loaded. The service may be busy; please try again in a moment.",
      failed_network: "The figures could not be loaded. Please check your connection and try again.",
      failed_question: "These filters can't be used. Please clear them and choose again.",
      failed_version: "The service is being updated. Please try again in a minute.",
      failed_export: "A data file could not be loaded. There may be a newer version of this page: please load it again.",
      left_out: "To stay small, this copy leaves out: {filters}.",
      level_estagio: "Intern", level_trainee: "Trainee", level_junior: "Junior", level_pleno: "Mid-level", level_senior: "Senior",
      level_especialista: "Specialist", level_staff: "Staff", level_lead: "Lead", level_principal: "Principal", level_gerente: "Manager", level_diretor: "Director",
      level_intern: "Intern", level_manager: "Manager", level_director: "Director", level_specialist: "Specialist",
      work_model_remoto: "Remote", work_model_hibrido: "Hybrid", work_model_presencial: "On site",
      state_REMOTE: "Remote", location_Remoto: "Remote"
    },
    "pt-BR": {
      skip: "Ir para os números", language: "Idioma", filters: "Escolha", role: "Cargo", state: "Estado", level: "Senioridade",
      work_model: "Modelo de trabalho", location: "Cidade", source: "Fonte", currency: "Moeda", quarter: "Datas", all: "Todos",
      reset: "Limpar filtros", retry: "Tentar de novo", unit: "Remuneração bruta", per_month: "por mês", per_year: "por ano",
      small: "Mostrar amostras pequenas", small_tag: "amostra pequena", of_average: "média",
      hero: "A mediana de {role} é de {median} brutos {unit}.", hero_half: "A metade central ganha de {low} a {high}.",
      hero_few: "Poucos salários para uma mediana de {role}.", hero_where: "Filtros: {filters}.",
      based: "Com base em {count}.", release_since: "Versão {number}, ativa desde {date}.",
      salaries_one: "{count} salário", salaries_other: "{count} salários",
      currency_out_one: "{count} salário em outra moeda fica de fora ({codes}).",
      currency_out_other: "{count} salários em outras moedas ficam de fora ({codes}).",
      widen: "Limpe um filtro para ampliar a escolha.", few_warning: "Menos de cinco salários: leia estes números com cuidado.",
      spread: "Como a remuneração se distribui", p10: "P10", p25: "P25", median: "Mediana", p75: "P75", p90: "P90",
      p10_help: "10% ganham menos", p25_help: "25% ganham menos", median_help: "metade ganha menos", p75_help: "75% ganham menos", p90_help: "90% ganham menos",
      middle_half: "metade central", others: "demais", you: "Você",
      histogram: "Histograma de {count}: a metade central fica entre {low} e {high}, a mediana é {median}.",
      outside_one: "{count} salário fica fora da figura.", outside_other: "{count} salários ficam fora da figura.",
      no_histogram: "A figura precisa de pelo menos cinco salários.",
      where: "Onde estou?", own_pay: "Sua remuneração bruta {unit}, em {currency}", private: "Ela não sai deste navegador.",
      standing: "Você ganha mais do que {percent} destes {count}.", standing_low: "Você ganha menos do que todos estes {count}.",
      standing_high: "Você ganha pelo menos tanto quanto todos estes {count}.", not_a_number: "Digite um valor, como {example}.",
      by_level: "Por senioridade", by_state: "Por estado", by_location: "Cidades que pagam mais", by_work_model: "Por modelo de trabalho",
      by_time: "Ao longo do tempo", time_quarters: "por trimestre", time_years: "por ano", time_as: "Mostrar",
      undated_one: "{count} salário sem data fica de fora.", undated_other: "{count} salários sem data ficam de fora.",
      time_few: "A linha precisa de dois períodos com pelo menos cinco salários cada.",
      hidden_levels_one: "{count} nível com menos de cinco salários fica de fora.", hidden_levels_other: "{count} níveis com menos de cinco salários ficam de fora.",
      hidden_states_one: "{count} estado com menos de cinco salários fica de fora.", hidden_states_other: "{count} estados com menos de cinco salários ficam de fora.",
      hidden_locations_one: "{count} cidade com menos de cinco salários fica de fora.", hidden_locations_other: "{count} cidades com menos de cinco salários ficam de fora.",
      hidden_work_models_one: "{count} modelo com menos de cinco salários fica de fora.", hidden_work_models_other: "{count} modelos com menos de cinco salários ficam de fora.",
      hidden_periods_one: "{count} período com menos de cinco salários fica de fora.", hidden_periods_other: "{count} períodos com menos de cinco salários ficam de fora.",
      hidden_cells_one: "{count} célula com menos de cinco salários fica vazia.", hidden_cells_other: "{count} células com menos de cinco salários ficam vazias.",
      more_locations_one: "Mais {count} cidade não aparece na lista.", more_locations_other: "Mais {count} cidades não aparecem na lista.",
      map: "Mapa dos estados", filter_by: "Mostrar só {name}", nothing: "Sem valores.", nothing_ranked: "Nenhum grupo tem cinco salários.",
      range_help: "Linha: P10 a P90. Barra: metade central. Marca: mediana.", distribution: "Distribuição", salaries: "Salários", period: "Período",
      comparison: "Comparar cargos", compare_add: "Adicionar um cargo", compare_hint: "Até dez cargos; os filtros valem para todos.",
      compare_full: "Dez cargos é o máximo que se pode comparar.", compare_none: "Nenhum cargo com esse nome.", remove: "Remover {role}", removal: "Remover", as_table: "Em tabela",
      this_role: "este cargo", options_one: "{count} cargo encontrado", options_other: "{count} cargos encontrados",
      matrix: "Cargos por senioridade", matrix_compared: "Mediana dos cargos comparados, com os filtros acima.",
      matrix_all: "Mediana dos cargos com mais salários, sem filtros.", show_role: "Mostrar {role}",
      provenance: "De onde vêm estes números", release: "Versão", activated: "Ativa desde", loaded: "Carregada em", rows: "Salários ao todo",
      dates: "Datas", dated: "{dated} de {count} com data", no_dates: "sem datas", made: "Como são feitos",
      made_unit: "Todos os valores são remuneração total bruta por mês; um ano são doze vezes isso.",
      made_month: "De um salário por ano conta um doze avos; de um por hora, 2.080 horas por ano.",
      made_median: "Percentis são interpolados entre as posições mais próximas. Nada é classificado com menos de cinco salários, e não há percentis com menos de quatro.",
      made_currency: "Moedas nunca são misturadas, e nenhuma foi convertida.",
      made_converted: "Moedas nunca são misturadas. Valores em outras foram convertidos para {codes} por cotações datadas da fonte.", api: "Estes números em JSON", schema: "Descrição da API",
      copy_link: "Copiar link", copied: "O link foi copiado.", copy_by_hand: "Copie o endereço da barra do navegador.", csv: "Baixar CSV", png: "Baixar PNG", group: "Grupo", value: "Valor", of_month: "por mês",
      empty: "Nenhum salário corresponde a estes filtros.", no_data: "Ainda não há dados. Eles aparecem aqui após a primeira atualização.",
      loading: "Carregando os números…", loaded_status: "{role}: {count}.",
      failed: "Não foi possível carregar os números. O serviço pode estar ocupado; tente de novo em instantes.",
      failed_network: "Não foi possível carregar os números. Verifique a conexão e tente de novo.",
      failed_question: "Estes filtros não podem ser usados. Limpe-os e escolha de novo.",
      failed_version: "O serviço está sendo atualizado. Tente de novo em um minuto.",
      failed_export: "Não foi possível carregar um arquivo de dados. Pode haver uma versão nova desta página: recarregue.",
      left_out: "Para ficar leve, esta cópia não inclui: {filters}.",
      level_estagio: "Estágio", level_trainee: "Trainee", level_junior: "Júnior", level_pleno: "Pleno", level_senior: "Sênior",
      level_especialista: "Especialista", level_staff: "Staff", level_lead: "Líder", level_principal: "Principal", level_gerente: "Gerente", level_diretor: "Diretor",
      level_intern: "Estágio", level_manager: "Gerente", level_director: "Diretor", level_specialist: "Especialista",
      work_model_remoto: "Remoto", work_model_hibrido: "Híbrido", work_model_presencial: "Presencial",
      state_REMOTE: "Remoto", location_Remoto: "Remoto"
    }
  };

  app.language = function (wanted) {
    if (Object.prototype.hasOwnProperty.call(app.texts, wanted || "")) { return wanted; }
    const known = (navigator.languages || []).find((each) => /^(pt|en)\b/i.test(each)) || "";
    return known.toLowerCase().startsWith("pt") ? "pt-BR" : "en";
  };

  // The texts' own name of a value, such as `remoto`, or undefined.
  app.named = function (lang, column, value) {
    const key = column + "_" + value;
    return Object.prototype.hasOwnProperty.call(app.texts[lang], key) ? app.texts[lang][key] : undefined;
  };

  app.text = function (lang, key, values) {
    const pattern = app.texts[lang][key] || key;
    return pattern.replace(/\{(\w+)\}/g, (whole, name) => (values && name in values ? String(values[name]) : whole));
  };
})(window.Salaries = window.Salaries || {});
