-- The rules of the dataset, in one place. Python creates the view `raw` for one file after another (columns: line, problem
-- and one text column a canonical name, as the file has it) and reads `rows`, in the order of files and lines.
-- Blocks are named by `-- block:` lines. A cheap test before a dear one is what makes the common row cheap.

-- What differs by the kind of file, see inspect.py. Every test before `trim` is cheap; a value that passes them has no blank
-- at either end, and most values do.

-- block: tidy file
CREATE OR REPLACE MACRO clean(x) AS CASE WHEN x < '!' OR suffix(x, ' ') THEN nullif(trim(x), '') ELSE x END;
CREATE OR REPLACE MACRO role_blanks(x) AS x;
CREATE OR REPLACE MACRO cell(x) AS x;

-- block: plain file
CREATE OR REPLACE MACRO clean(x) AS CASE
    WHEN x < '!' OR suffix(x, ' ') OR strlen(x) <> length(x) THEN nullif(trim(x), '')
    ELSE x
END;
CREATE OR REPLACE MACRO role_blanks(x) AS x;
CREATE OR REPLACE MACRO cell(x) AS CASE
    WHEN contains(x, ',') OR contains(x, '"') THEN '"' || replace(x, '"', '""') || '"'
    ELSE x
END;

-- block: rewritten file
CREATE OR REPLACE MACRO clean(x) AS nullif(trim(x), '');
CREATE OR REPLACE MACRO role_blanks(x) AS regexp_replace(x, '[\t-\r]', ' ', 'g');
CREATE OR REPLACE MACRO cell(x) AS CASE
    WHEN regexp_matches(x, '[,"\n\r]') THEN '"' || replace(x, '"', '""') || '"'
    ELSE x
END;

-- block: macros
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
-- What is no figure, or none that the column holds, is -1.
CREATE MACRO amount(x) AS coalesce(CASE
    WHEN is_plain(x) THEN TRY_CAST(x AS DECIMAL(12, 2))
    WHEN NOT (is_grouped(x) OR is_number(x)) THEN NULL
    WHEN is_zero(x) THEN 0::DECIMAL(12, 2)
    WHEN fits(wide(x), x) THEN TRY_CAST(wide(x) AS DECIMAL(12, 2))
END, (-1)::DECIMAL(12, 2));
CREATE MACRO amount_problem(x) AS CASE
    WHEN regexp_full_match(x, '[+-]?(nan|inf|infinity|infinito)', 'i') THEN 'not a finite number'
    WHEN regexp_full_match(x, '-[0-9.,eE+-]+') THEN 'negative figure'
    WHEN is_number(x) OR is_grouped(x) THEN 'more digits than the column holds'
    WHEN regexp_full_match(x, '[+]?[0-9.]*,[0-9]+') THEN 'decimal comma'
    ELSE 'not a number'
END;
-- RE2's \s knows ASCII only.
CREATE MACRO role_of(x) AS CASE
    WHEN strlen(x) <> length(x) THEN nfc_normalize(regexp_replace(lower(x), '[\s\p{Z}\x{0085}]+', '_', 'g'))
    WHEN contains(x, '  ') THEN regexp_replace(lower(x), '\s+', '_', 'g')
    ELSE replace(lower(x), ' ', '_')
END;
CREATE MACRO known_level(x) AS CASE
    WHEN x IN ('junior', 'jr', 'jr.') THEN 'junior'
    WHEN x IN ('pleno', 'mid', 'md', 'mid-level') THEN 'pleno'
    WHEN x IN ('senior', 'sr', 'sr.') THEN 'senior'
END;
CREATE MACRO ratio(x) AS CASE
    WHEN regexp_full_match(x, '[+-]?[0-9]{1,9}([.]0*)?') THEN TRY_CAST(TRY_CAST(x AS DOUBLE) AS BIGINT)
END;
CREATE MACRO ratio_work_model(r) AS CASE
    WHEN r >= 80 THEN 'remoto'
    WHEN r <= 20 THEN 'presencial'
    WHEN r IS NOT NULL THEN 'hibrido'
END;
CREATE MACRO known_work_model(x) AS CASE
    WHEN x IN ('remote', 'remoto', 'fully remote', '100% remote', 'home office', 'r') THEN 'remoto'
    WHEN x IN ('onsite', 'presencial', 'in-person', 'office', 'o') THEN 'presencial'
    WHEN x IN ('hybrid', 'hibrido') THEN 'hibrido'
END;
CREATE MACRO known_country(x) AS CASE
    WHEN x = 'Brazil' OR lower(x) IN ('br', 'bra', 'brasil') THEN 'Brazil'
END;
CREATE MACRO country_of(x) AS coalesce(known_country(x), known_country(clean(x)), clean(x), 'Brazil');
CREATE MACRO currency_of(x) AS CASE WHEN x IN ('BRL', 'USD') THEN x ELSE coalesce(upper(clean(x)), 'BRL') END;
-- The year 0 is none: DuckDB would write it as 0001-01-01 (BC).
CREATE MACRO day_of(x) AS CASE
    WHEN x LIKE '0000-%' OR x LIKE '%/0000' THEN NULL
    WHEN regexp_full_match(x, '[0-9]{4}-[0-9]{2}-[0-9]{2}') THEN TRY_CAST(x AS DATE)
    WHEN regexp_full_match(x, '[0-9]{2}/[0-9]{2}/[0-9]{4}')
        THEN TRY_CAST(x[7:10] || '-' || x[4:5] || '-' || x[1:2] AS DATE)
END;

-- block: rows
-- One row for each of `raw`. line: of the canonical file, with its end, NULL when the row is not kept; mark: equal for
-- rows that may be duplicates; number: of the line in the raw file, or 0; problem: why the row is rejected; detail: the
-- text that is wrong; fate: 0 the row is kept, 1 without its unreadable date, 2 it is of another country, 3 it is rejected.
WITH parsed AS (
    SELECT *,
        lower(level) AS lower_level, lower(work_model) AS lower_work_model,
        TRY_CAST(base_salary_min AS DECIMAL(12, 2)) AS low_value,
        TRY_CAST(base_salary_max AS DECIMAL(12, 2)) AS high_value,
        TRY_CAST(total_compensation AS DECIMAL(12, 2)) AS total_value
    FROM raw
), shown AS (
    SELECT *, low_value::VARCHAR AS low_shown, high_value::VARCHAR AS high_shown, total_value::VARCHAR AS total_shown
    FROM parsed
), told AS (
    -- A value that is written the common way is known by now; of the others this is the text to look at more closely.
    -- A figure's common way is how its value is written, or the beginning of that: 4200, 4200.5 and 4200.50 are.
    SELECT *,
        CASE WHEN base_salary_min >= '0' AND prefix(low_shown, base_salary_min) THEN NULL
            ELSE clean(base_salary_min) END AS low_text,
        CASE WHEN base_salary_max >= '0' AND prefix(high_shown, base_salary_max) THEN NULL
            ELSE clean(base_salary_max) END AS high_text,
        CASE WHEN total_compensation >= '0' AND prefix(total_shown, total_compensation) THEN NULL
            ELSE clean(total_compensation) END AS total_text,
        CASE WHEN strlen(observed_at) = 10 AND TRY_CAST(observed_at AS DATE)::VARCHAR = observed_at THEN NULL
            ELSE clean(observed_at) END AS day_text
    FROM shown
), valued AS (
    SELECT line AS number, problem, low_text, high_text, total_text, low_shown, high_shown, total_shown,
        coalesce(clean(source), 'unknown') AS source,
        role_of(clean(role_blanks(role))) AS role,
        coalesce(known_level(lower_level), known_level(clean(lower_level)), clean(lower_level), 'pleno') AS level,
        coalesce(clean(location), 'Remoto') AS location,
        coalesce(upper(clean(state)), 'REMOTE') AS state,
        country_of(country) AS country,
        currency_of(currency) AS currency,
        coalesce(ratio_work_model(ratio(clean(remote_ratio))), known_work_model(lower_work_model),
            known_work_model(clean(lower_work_model)), 'hibrido') AS work_model,
        CASE WHEN low_text IS NULL THEN low_value ELSE amount(low_text) END AS low,
        CASE WHEN high_text IS NULL THEN high_value ELSE amount(high_text) END AS high,
        CASE WHEN total_text IS NULL THEN total_value ELSE amount(total_text) END AS total,
        CASE WHEN day_text IS NOT NULL THEN coalesce(day_of(day_text)::VARCHAR, '')
            WHEN observed_at >= '0' THEN observed_at END AS day
    FROM told
), filled AS (
    SELECT * EXCLUDE (low_shown, high_shown, total_shown),
        coalesce(low, high, total) AS low_filled,
        coalesce(high, low, total) AS high_filled,
        coalesce(total, high, low) AS total_filled,
        CASE WHEN low_text IS NULL THEN low_shown ELSE low::VARCHAR END AS low_shown,
        CASE WHEN high_text IS NULL THEN high_shown ELSE high::VARCHAR END AS high_shown,
        CASE WHEN total_text IS NULL THEN total_shown ELSE total::VARCHAR END AS total_shown
    FROM valued
), written AS (
    SELECT *, concat(
        cell(source), ',', cell(role), ',', cell(level), ',', cell(location), ',', cell(state), ',', cell(country), ',',
        cell(currency), ',', work_model, ',', coalesce(low_shown, high_shown, total_shown), ',',
        coalesce(high_shown, low_shown, total_shown), ',', coalesce(total_shown, high_shown, low_shown), ',', day, chr(10)
    ) AS line
    FROM filled
), judged AS (
    SELECT *, CASE
        -- Most rows are fine, and one cheap test says so; only the others are asked what is wrong with them. What a line has
        -- besides texts of the file takes 30 bytes at least.
        WHEN problem = '' AND role IS NOT NULL AND least(low, high, total) >= 0 AND low_filled <= high_filled
            AND country = wanted_country() AND strlen(line) <= text_limit() + 30 AND strlen(currency) <= currency_limit()
            THEN NULL
        WHEN problem <> '' THEN problem
        WHEN role IS NULL THEN 'role is missing'
        WHEN low < 0 THEN amount_problem(low_text)
        WHEN high < 0 THEN amount_problem(high_text)
        WHEN total < 0 THEN amount_problem(total_text)
        WHEN total_filled IS NULL THEN 'no salary figure'
        WHEN low_filled > high_filled THEN 'minimum above maximum'
        WHEN greatest(length(source), length(role), length(level), length(location), length(state), length(country))
            > text_limit() OR length(currency) > currency_limit() THEN 'text too long'
        WHEN lower(country) <> lower(wanted_country()) THEN '-country'
    END AS outcome
    FROM written
)
SELECT
    CASE WHEN outcome IS NULL THEN line END AS line,
    hash(source, role, location, low_filled, high_filled, total_filled) AS mark,
    coalesce(number, 0) AS number,
    CASE WHEN outcome <> '-country' THEN outcome END AS problem,
    left(CASE
        WHEN outcome IS NULL OR outcome = '-country' OR problem <> '' THEN NULL
        WHEN low < 0 THEN low_text
        WHEN high < 0 THEN high_text
        WHEN total < 0 THEN total_text
        WHEN low_filled > high_filled THEN low_filled || ' > ' || high_filled
        WHEN outcome = 'text too long' THEN left(role, 60)
    END, 200) AS detail,
    CASE
        WHEN outcome IS NULL AND day = '' THEN 1
        WHEN outcome IS NULL THEN 0
        WHEN outcome = '-country' THEN 2
        ELSE 3
    END::UTINYINT AS fate
FROM judged

-- block: kept
-- Where each kept row lies in the canonical file.
CREATE TABLE kept (mark UBIGINT, start UBIGINT, size UINTEGER, undated BOOLEAN)

-- block: note
INSERT INTO kept SELECT mark, first + start, stop - start, fate = 1 FROM notes WHERE fate < 2

-- block: suspects
-- Rows are compared by hash first, so that only suspects, few in clean data, are read again.
SELECT mark, start, size FROM kept
WHERE mark IN (SELECT mark FROM kept GROUP BY mark HAVING count(*) > 1)
ORDER BY mark, start

-- block: repeats
SELECT start, size, undated FROM kept JOIN repeats USING (start) ORDER BY start
