-- The rules of the dataset, in one place. Python creates the view `raw` for one file after another (columns: line, problem
-- and one text column a canonical name, blanks already NULL) and runs the statements below.
-- Blocks are named by `-- block:` lines.

-- block: macros
-- Every test before `trim` is cheap; a value that passes them has no blank at either end, and most values do.
CREATE MACRO clean(x) AS CASE
    WHEN x < '!' OR suffix(x, ' ') OR strlen(x) <> length(x) THEN nullif(trim(x), '')
    ELSE x
END;
CREATE MACRO is_plain(x) AS regexp_full_match(x, '[+]?[0-9]{1,10}([.][0-9]{0,2}0*)?');
CREATE MACRO is_grouped(x) AS regexp_full_match(x, '[+]?[0-9]{1,3}(,[0-9]{3})+([.][0-9]*)?');
CREATE MACRO is_number(x) AS
    regexp_full_match(x, '[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,4})?');
CREATE MACRO is_zero(x) AS regexp_full_match(x, '[+-]?[0,.]*([eE].*)?');
-- More decimals than two are kept by a wide type first, so that a value that does not fit is seen, not rounded. What even
-- that type would round (an exponent or a fraction too long for it) is not looked at any further.
CREATE MACRO wide(x) AS TRY_CAST(replace(x, ',', '') AS DECIMAL(38, 20));
CREATE MACRO is_exact(x) AS NOT regexp_matches(x, '[.][0-9]{11,}[eE]|[.][0-9]{21,}|[eE]-0*[1-9][0-9]');
CREATE MACRO fits(v, x) AS v >= 0 AND v < 10000000000 AND v = round(v, 2) AND is_exact(x);
CREATE MACRO amount(x) AS CASE
    WHEN x IS NULL THEN NULL
    WHEN is_plain(x) THEN TRY_CAST(x AS DECIMAL(12, 2))
    WHEN NOT (is_grouped(x) OR is_number(x)) THEN NULL
    WHEN is_zero(x) THEN 0::DECIMAL(12, 2)
    WHEN fits(wide(x), x) THEN TRY_CAST(wide(x) AS DECIMAL(12, 2))
END;
CREATE MACRO amount_problem(x) AS CASE
    WHEN x IS NULL OR amount(x) IS NOT NULL THEN NULL
    WHEN regexp_full_match(x, '[+-]?(nan|inf|infinity|infinito)', 'i') THEN 'not a finite number'
    WHEN regexp_full_match(x, '-[0-9.,eE+-]+') THEN 'negative figure'
    WHEN is_number(x) OR is_grouped(x) THEN 'more digits than the column holds'
    WHEN regexp_full_match(x, '[+]?[0-9.]*,[0-9]+') THEN 'decimal comma'
    ELSE 'not a number'
END;
-- RE2's \s knows ASCII only. The cheap test comes first: most roles are plain ASCII with at most a space in them.
CREATE MACRO role_of(x) AS CASE
    WHEN strlen(x) <> length(x) THEN nfc_normalize(regexp_replace(lower(x), '[\s\p{Z}\x{0085}]+', '_', 'g'))
    WHEN contains(x, '  ') OR regexp_matches(x, '[\t-\r]') THEN regexp_replace(lower(x), '\s+', '_', 'g')
    ELSE replace(lower(x), ' ', '_')
END;
CREATE MACRO level_of(x) AS CASE
    WHEN x IS NULL THEN 'pleno'
    WHEN x IN ('jr', 'jr.') THEN 'junior'
    WHEN x IN ('mid', 'md', 'mid-level') THEN 'pleno'
    WHEN x IN ('sr', 'sr.') THEN 'senior'
    ELSE x
END;
CREATE MACRO ratio(x) AS CASE
    WHEN regexp_full_match(x, '[+-]?[0-9]{1,9}([.]0*)?') THEN TRY_CAST(TRY_CAST(x AS DOUBLE) AS BIGINT)
END;
CREATE MACRO work_model_of(x, r) AS CASE
    WHEN r >= 80 THEN 'remoto'
    WHEN r <= 20 THEN 'presencial'
    WHEN r IS NOT NULL THEN 'hibrido'
    WHEN x IN ('remote', 'remoto', 'fully remote', '100% remote', 'home office', 'r') THEN 'remoto'
    WHEN x IN ('onsite', 'presencial', 'in-person', 'office', 'o') THEN 'presencial'
    ELSE 'hibrido'
END;
CREATE MACRO country_of(x) AS CASE
    WHEN x IS NULL OR lower(x) IN ('br', 'bra', 'brasil') THEN 'Brazil'
    ELSE x
END;
-- The year 0 is none: DuckDB would write it as 0001-01-01 (BC).
CREATE MACRO day_of(x) AS CASE
    WHEN x LIKE '0000-%' OR x LIKE '%/0000' THEN NULL
    WHEN regexp_full_match(x, '[0-9]{4}-[0-9]{2}-[0-9]{2}') THEN TRY_CAST(x AS DATE)
    WHEN regexp_full_match(x, '[0-9]{2}/[0-9]{2}/[0-9]{4}')
        THEN TRY_CAST(x[7:10] || '-' || x[4:5] || '-' || x[1:2] AS DATE)
END;
CREATE TABLE staged (
    file INTEGER, line BIGINT, outcome VARCHAR, detail VARCHAR,
    source VARCHAR, role VARCHAR, level VARCHAR, location VARCHAR, state VARCHAR, country VARCHAR, currency VARCHAR,
    work_model VARCHAR,
    base_salary_min DECIMAL(12, 2), base_salary_max DECIMAL(12, 2), total_compensation DECIMAL(12, 2),
    observed_at DATE, undated BOOLEAN
);

-- block: stage
INSERT INTO staged
WITH valued AS (
    SELECT
        line, problem,
        coalesce(source, 'unknown') AS source,
        role_of(role) AS role,
        level_of(lower(level)) AS level,
        coalesce(location, 'Remoto') AS location,
        coalesce(upper(state), 'REMOTE') AS state,
        country_of(country) AS country,
        coalesce(upper(currency), 'BRL') AS currency,
        work_model_of(lower(work_model), ratio(remote_ratio)) AS work_model,
        amount(base_salary_min) AS low, amount(base_salary_max) AS high, amount(total_compensation) AS total,
        day_of(observed_at) AS observed_at,
        observed_at IS NOT NULL AS dated,
        base_salary_min AS low_text, base_salary_max AS high_text, total_compensation AS total_text
    FROM raw
), filled AS (
    SELECT *,
        coalesce(low, high, total) AS low_filled,
        coalesce(high, low, total) AS high_filled,
        coalesce(total, high, low) AS total_filled
    FROM valued
), judged AS (
    -- Most rows are fine, and one cheap test says so; only the others are asked what is wrong with them.
    SELECT *, coalesce(
        problem = '' AND role IS NOT NULL AND low_filled <= high_filled
        AND NOT (low IS NULL AND low_text IS NOT NULL)
        AND NOT (high IS NULL AND high_text IS NOT NULL)
        AND NOT (total IS NULL AND total_text IS NOT NULL)
        AND country = country_of($country),
        false
    ) AS fine
    FROM filled
)
SELECT
    $file, line,
    CASE
        WHEN fine THEN NULL
        WHEN problem <> '' THEN problem
        WHEN role IS NULL THEN 'role is missing'
        WHEN low IS NULL AND low_text IS NOT NULL THEN amount_problem(low_text)
        WHEN high IS NULL AND high_text IS NOT NULL THEN amount_problem(high_text)
        WHEN total IS NULL AND total_text IS NOT NULL THEN amount_problem(total_text)
        WHEN total_filled IS NULL THEN 'no salary figure'
        WHEN low_filled > high_filled THEN 'minimum above maximum'
        WHEN lower(country) <> lower(country_of($country)) THEN '-country'
    END AS outcome,
    CASE
        WHEN fine OR problem <> '' THEN NULL
        WHEN low IS NULL AND low_text IS NOT NULL THEN low_text
        WHEN high IS NULL AND high_text IS NOT NULL THEN high_text
        WHEN total IS NULL AND total_text IS NOT NULL THEN total_text
        WHEN low_filled > high_filled THEN low_filled || ' > ' || high_filled
    END AS detail,
    source, role, level, location, state, country, currency, work_model,
    low_filled, high_filled, total_filled, observed_at, dated AND observed_at IS NULL
FROM judged;

-- block: long
-- A table knows how long its longest texts are, so this looks at rows only where some text may be too long.
UPDATE staged SET outcome = 'text too long', detail = left(role, 60)
WHERE (outcome IS NULL OR outcome = '-country') AND (
    greatest(length(source), length(role), length(level), length(location), length(state), length(country)) > $text_limit
    OR length(currency) > $currency_limit
);

-- block: finish
-- Rows are compared by hash first, so that only suspects, few in clean data, are grouped by their nine columns.
CREATE VIEW keyed AS
SELECT rowid AS place, source, role, level, location, state, work_model, base_salary_min, base_salary_max,
    total_compensation, hash(source, role, level, location, state, work_model, base_salary_min, base_salary_max,
    total_compensation) AS mark
FROM staged WHERE outcome IS NULL;
CREATE TABLE suspects AS SELECT mark FROM keyed GROUP BY mark HAVING count(*) > 1;
CREATE TABLE repeated AS
SELECT source, role, level, location, state, work_model, base_salary_min, base_salary_max, total_compensation,
    min(place) AS first_row
FROM keyed WHERE mark IN (SELECT mark FROM suspects)
GROUP BY ALL HAVING count(*) > 1;
UPDATE staged SET outcome = '-duplicate' FROM repeated
WHERE staged.outcome IS NULL AND staged.rowid <> repeated.first_row
    AND staged.source = repeated.source AND staged.role = repeated.role AND staged.level = repeated.level
    AND staged.location = repeated.location AND staged.state = repeated.state
    AND staged.work_model = repeated.work_model AND staged.base_salary_min = repeated.base_salary_min
    AND staged.base_salary_max = repeated.base_salary_max
    AND staged.total_compensation = repeated.total_compensation;

-- block: canonical
-- A table without joins is read in the order of insertion, which is that of files and lines.
SELECT source, role, level, location, state, country, currency, work_model,
    base_salary_min, base_salary_max, total_compensation, observed_at
FROM staged WHERE outcome IS NULL

-- block: rejects
SELECT files.name AS file, coalesce(line, staged.rowid - files.first_row + 2) AS line, outcome AS reason,
    CASE WHEN detail ~ '[=+@\t\r-].*' THEN '''' || left(detail, 200) ELSE left(detail, 200) END AS value
FROM staged JOIN files ON files.number = staged.file
WHERE outcome NOT LIKE '-%' ORDER BY staged.rowid

-- block: counts
SELECT count(*) AS total,
    count(*) FILTER (WHERE outcome IS NULL) AS kept,
    count(*) FILTER (WHERE outcome = '-duplicate') AS duplicates,
    count(*) FILTER (WHERE outcome = '-country') AS elsewhere,
    count(*) FILTER (WHERE outcome NOT LIKE '-%') AS rejected,
    count(*) FILTER (WHERE undated AND outcome IS NULL) AS undated
FROM staged

-- block: reasons
SELECT outcome, count(*) FROM staged WHERE outcome NOT LIKE '-%' GROUP BY outcome ORDER BY outcome
