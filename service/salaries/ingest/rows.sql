-- Canonical rows, made ready for the database: checked, sorted, numbered, money in cents.
-- Sorting makes a release's bytes depend on its rows alone, and stores a role's rows side by side.

-- block: columns
-- A line break inside a field would end a row on its way into the database; a role is one spelling, or none would find it.
on_one_line(source) AS source, nfc_normalize(lower(on_one_line(role))) AS role, on_one_line(level) AS level,
on_one_line(location) AS location, on_one_line(state) AS state, on_one_line(country) AS country,
on_one_line(currency) AS currency, on_one_line(work_model) AS work_model,
base_salary_min, base_salary_max, total_compensation, observed_at

-- block: line macro
CREATE TEMP MACRO cell(x) AS CASE
    WHEN contains(x, ',') OR contains(x, '"') OR x = null_mark() THEN '"' || replace(x, '"', '""') || '"'
    ELSE x
END;

-- block: macros
CREATE TEMP MACRO on_one_line(x) AS CASE
    WHEN x IS NULL THEN ''
    WHEN contains(x, chr(10)) OR contains(x, chr(13)) THEN translate(x, chr(10) || chr(13), '  ')
    ELSE x
END;

-- block: macros without quotes
-- Only a quoted field can hold a line break.
CREATE TEMP MACRO on_one_line(x) AS coalesce(x, '');

-- block: merge
INSERT INTO rows
SELECT fresh.* EXCLUDE (copy) FROM (
    SELECT *, row_number() OVER (
        PARTITION BY source, role, level, location, state, work_model, base_salary_min, base_salary_max, total_compensation
        ORDER BY rowid
    ) AS copy FROM incoming
) AS fresh
ANTI JOIN rows USING (
    source, role, level, location, state, work_model, base_salary_min, base_salary_max, total_compensation
)
WHERE copy = 1

-- block: broken
SELECT count(*) FROM rows
WHERE role = '' OR base_salary_min IS NULL OR base_salary_max IS NULL OR total_compensation IS NULL
    OR base_salary_min < 0 OR base_salary_min > base_salary_max OR total_compensation < 0
    OR length(currency) > $currency_limit
    OR greatest(length(source), length(role), length(level), length(location), length(state), length(country),
        length(work_model)) > $text_limit

-- block: sorted
CREATE TEMP VIEW sorted AS
SELECT row_number() OVER () AS position, * FROM (
    SELECT source, role, level, location, state, country, currency, work_model,
        (base_salary_min * 100)::BIGINT AS base_min_cents, (base_salary_max * 100)::BIGINT AS base_max_cents,
        (total_compensation * 100)::BIGINT AS total_cents, observed_at
    FROM rows
    ORDER BY role, state, level, work_model, currency, location, source, country, total_cents, base_min_cents,
        base_max_cents, observed_at
)

-- block: lines
-- In COPY's CSV form: what stands for a missing date is no text.
SELECT concat(position, ',', cell(source), ',', cell(role), ',', cell(level), ',', cell(location), ',', cell(state), ',',
    cell(country), ',', cell(currency), ',', cell(work_model), ',', base_min_cents, ',', base_max_cents, ',', total_cents,
    ',', coalesce(observed_at::VARCHAR, null_mark()), chr(10)) AS line
FROM sorted
