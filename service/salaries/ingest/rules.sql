-- The rules of the dataset, in one place. Python registers the records of a file as `chunk` (number: of the line; text: what
-- is wrong with the record and its fields, each behind a separator), piece by piece, and runs `judge` on each.
-- Blocks are named by `-- block:` lines. A cheap test before a dear one is what makes the common row cheap.

-- block: macros
-- A record without spaces around its fields; Python took away all other blanks.
CREATE MACRO tidied(x) AS CASE
    WHEN contains(x, ' ' || separator()) OR contains(x, separator() || ' ') OR suffix(x, ' ')
        THEN regexp_replace(x, blanks_around(), '\1', 'g')
    ELSE x
END;
-- A text that says that there is no value is none; but NA is a country, and NaN a figure that is wrong.
CREATE MACRO given(x) AS CASE WHEN strlen(x) <= 4 AND is_missing(lower(x)) THEN NULL ELSE x END;
CREATE MACRO given_but(x, word) AS CASE WHEN strlen(x) <= 4 AND lower(x) <> word AND is_missing(lower(x)) THEN NULL ELSE x END;
CREATE MACRO folded(x) AS trim(regexp_replace(strip_accents(lower(x)), '[\s_-]+', ' ', 'g'));

CREATE MACRO is_plain(x) AS regexp_full_match(x, '[+]?[0-9]{1,10}([.][0-9]{0,2})?');
CREATE MACRO is_grouped(x) AS regexp_full_match(x, '[+]?[0-9]{1,3}(,[0-9]{3})+([.][0-9]*)?');
CREATE MACRO is_number(x) AS
    regexp_full_match(x, '[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,4})?');
CREATE MACRO is_zero(x) AS regexp_full_match(x, '[+-]?[0,.]*([eE].*)?');
-- More decimals than two are kept by a wide type first, so that a value that does not fit is seen, not rounded. What even
-- that type would round (an exponent or a fraction too long for it) is not looked at any further.
CREATE MACRO wide(x) AS TRY_CAST(replace(x, ',', '') AS DECIMAL(38, 20));
CREATE MACRO is_exact(x) AS NOT regexp_matches(x, '[.][0-9]{11,}[eE]|[.][0-9]{21,}|[eE]-0*[1-9][0-9]');
CREATE MACRO fits(v, x) AS v >= 0 AND v < 10000000000 AND v = round(v, 2) AND is_exact(x);
-- Thousands for one reader and decimals for another: 12.500, and 12,500 where the file writes decimals with a comma.
-- What the file's own other figures say is `decimal_mark()`: a dot, a comma, or nothing beyond doubt.
CREATE MACRO is_dotted(x) AS regexp_full_match(x, '[+]?[1-9][0-9]{0,2}[.][0-9]{3}');
CREATE MACRO has_two_readings(x) AS
    (decimal_mark() = '' AND is_dotted(x)) OR (decimal_mark() = ',' AND regexp_full_match(x, '[+]?[0-9]{1,3},[0-9]{3}'));
-- What is no figure, or none that the column holds, is -1.
CREATE MACRO amount(x) AS CASE WHEN x IS NOT NULL THEN coalesce(CASE
    WHEN is_plain(x) THEN TRY_CAST(x AS DECIMAL(12, 2))
    WHEN has_two_readings(x) OR NOT (is_grouped(x) OR is_number(x)) THEN NULL
    WHEN decimal_mark() = ',' AND is_dotted(x) THEN TRY_CAST(replace(x, '.', '') AS DECIMAL(12, 2))
    WHEN is_zero(x) THEN 0::DECIMAL(12, 2)
    WHEN fits(wide(x), x) THEN TRY_CAST(wide(x) AS DECIMAL(12, 2))
END, (-1)::DECIMAL(12, 2)) END;
CREATE MACRO amount_problem(x) AS CASE
    WHEN regexp_full_match(x, '[+-]?(nan|inf|infinity|infinito)', 'i') THEN 'not a finite number'
    WHEN regexp_full_match(x, '-[0-9.,eE+-]+') THEN 'negative figure'
    WHEN has_two_readings(x) THEN two_readings()
    WHEN is_number(x) OR is_grouped(x) THEN 'more digits than the column holds'
    WHEN regexp_full_match(x, '[+]?[0-9.]*,[0-9]+') THEN 'decimal comma'
    ELSE 'not a number'
END;
-- RE2's \s knows ASCII only.
CREATE MACRO role_of(x) AS CASE
    WHEN strlen(x) <> length(x) THEN nfc_normalize(regexp_replace(lower(x), '[\s\p{Z}\x{0b}\x{85}]+', '_', 'g'))
    WHEN regexp_matches(x, '  |[\t-\r]') THEN regexp_replace(lower(x), '[\s\x{0b}]+', '_', 'g')
    ELSE replace(lower(x), ' ', '_')
END;
CREATE MACRO ratio(x) AS TRY_CAST(CASE WHEN regexp_full_match(x, '[+-]?[0-9]{1,9}([.]0*)?') THEN split_part(x, '.', 1) END AS BIGINT);
CREATE MACRO ratio_work_model(r) AS CASE
    WHEN r >= 80 THEN 'remoto'
    WHEN r <= 20 THEN 'presencial'
    WHEN r IS NOT NULL THEN 'hibrido'
END;
CREATE MACRO country_of(x) AS coalesce(known_country(x), known_country(folded(x)), x, 'Brazil');
-- The year 0 is none: DuckDB would write it as 0001-01-01 (BC). A time of the day is left out.
CREATE MACRO day_of(x) AS CASE
    WHEN strlen(x) = 10 AND TRY_CAST(x AS DATE)::VARCHAR = x THEN TRY_CAST(x AS DATE)
    WHEN regexp_full_match(x, '[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}.*)?') AND x >= '0001'
        THEN TRY_CAST(x[1:10] AS DATE)
    WHEN regexp_full_match(x, '[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}') AND split_part(x, '/', 3) >= '0001'
        THEN TRY_CAST(concat_ws('-', split_part(x, '/', 3), split_part(x, '/', 2), split_part(x, '/', 1)) AS DATE)
END;
CREATE MACRO needs_quotes(x) AS
    contains(x, ',') OR contains(x, '"') OR contains(x, chr(10)) OR contains(x, chr(13));
CREATE MACRO cell(x) AS CASE WHEN needs_quotes(x) THEN '"' || replace(x, '"', '""') || '"' ELSE x END;

-- block: table
-- Every row of every file, in order. outcome: NULL when it is kept, '-country' when it is of another one, else why it is
-- rejected; copy: whether it repeats a row before it (a text changed in a few of 10 million rows takes DuckDB 8 s, a boolean
-- 0.1 s); detail: the text that is wrong, or of a row that is kept the role that a spreadsheet would run; assumed: a bit for
-- each column that has a default; mark: equal for rows that may be duplicates. The rest is there of rows that are not rejected,
-- as the canonical file has it: front, its first five columns; back, work model and figures; paid, the figures as they were
-- kept, where a mapping made others of them.
CREATE TABLE judged (
    file USMALLINT, number BIGINT, outcome VARCHAR, copy BOOLEAN, detail VARCHAR, undated BOOLEAN, assumed UTINYINT, mark UBIGINT,
    front VARCHAR, country VARCHAR, currency VARCHAR, back VARCHAR, observed_at DATE, paid VARCHAR
);
CREATE VIEW kept AS SELECT * FROM judged WHERE outcome IS NULL AND NOT copy

-- block: judge
INSERT INTO judged
WITH told AS (
    -- One step each, since a macro repeats what it is given.
    SELECT number, problem, given(source) AS source, given(role) AS role, lower(given(level)) AS level,
        given(location) AS location, given(state) AS state, given_but(country, 'na') AS country,
        given(currency) AS currency, lower(given(work_model)) AS work_model, ratio(remote_ratio) AS remote_ratio,
        given_but(base_salary_min, 'nan') AS low_text, given_but(base_salary_max, 'nan') AS high_text,
        given_but(total_compensation, 'nan') AS total_text, given(observed_at) AS day_text,
        problem_value, paid, may_need_quotes
    FROM raw
), valued AS (
    SELECT * EXCLUDE (source, role, level, location, state, country, currency, work_model, remote_ratio),
        ((source IS NULL)::INTEGER + 2 * (level IS NULL)::INTEGER + 4 * (location IS NULL)::INTEGER
            + 8 * (state IS NULL)::INTEGER + 16 * (country IS NULL)::INTEGER + 32 * (currency IS NULL)::INTEGER
            + 64 * (work_model IS NULL AND remote_ratio IS NULL)::INTEGER)::UTINYINT AS assumed,
        coalesce(source, 'unknown') AS source,
        role_of(role) AS role,
        coalesce(known_level(level), known_level(folded(level)), level, 'pleno') AS level,
        coalesce(location, 'Remoto') AS location,
        coalesce(upper(state), 'REMOTE') AS state,
        country_of(country) AS country,
        coalesce(upper(currency), 'BRL') AS currency,
        coalesce(ratio_work_model(remote_ratio), known_work_model(work_model), known_work_model(folded(work_model)),
            'hibrido') AS work_model,
        amount(low_text) AS low, amount(high_text) AS high, amount(total_text) AS total,
        day_of(day_text) AS day
    FROM told
), filled AS (
    SELECT *, coalesce(low, high, total) AS low_filled, coalesce(high, low, total) AS high_filled,
        coalesce(total, high, low) AS total_filled
    FROM valued
), outcomes AS (
    SELECT *, CASE
        -- Most rows are fine, and one cheap test says so.
        WHEN problem = '' AND role IS NOT NULL AND least(low, high, total) >= 0 AND low_filled <= high_filled
            AND country = wanted_country() AND strlen(currency) <= currency_limit()
            AND strlen(source) + strlen(role) + strlen(level) + strlen(location) + strlen(state) <= text_limit() THEN NULL
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
    FROM filled
), written AS (
    SELECT *, left(CASE
            WHEN outcome IS NULL THEN CASE WHEN left(role, 1) IN ('=', '+', '-', '@') THEN role END
            WHEN outcome = '-country' THEN NULL
            WHEN problem <> '' THEN problem_value
            WHEN role IS NULL AND role_hint() <> '' THEN role_hint()
            WHEN low < 0 THEN low_text
            WHEN high < 0 THEN high_text
            WHEN total < 0 THEN total_text
            WHEN role IS NOT NULL AND total_filled IS NULL THEN salary_hint()
            WHEN low_filled > high_filled THEN low_filled || ' > ' || high_filled
            WHEN outcome = 'text too long' THEN left(role, 60)
        END, 200) AS detail,
        CASE
            WHEN outcome <> '-country' THEN NULL
            WHEN may_need_quotes THEN concat(cell(source), ',', cell(role), ',', cell(level), ',', cell(location), ',', cell(state))
            ELSE concat(source, ',', role, ',', level, ',', location, ',', state)
        END AS front,
        CASE WHEN outcome <> '-country' THEN NULL ELSE cell(country) END AS country_cell,
        CASE WHEN outcome <> '-country' THEN NULL ELSE cell(currency) END AS currency_cell,
        CASE
            WHEN outcome <> '-country' THEN NULL
            ELSE concat(work_model, ',', low_filled, ',', high_filled, ',', total_filled)
        END AS back
    FROM outcomes
)
SELECT file_number(), number, outcome, false, detail, day_text IS NOT NULL AND day IS NULL, assumed, hash(front, back),
    front, country_cell, currency_cell, back, day, paid
FROM written

-- block: marks
-- Whether figures of the file can be read only with a dot, or only with a comma, before the decimals.
SELECT coalesce(bool_or(regexp_full_match(x, '[+]?([0-9]*[.][0-9]{1,2}|[0-9]{4,}[.][0-9]+|[0-9]*[.][0-9]{4,}'
        '|[0-9]{1,3}(,[0-9]{3})+[.][0-9]*|[0-9]{1,3}(,[0-9]{3}){2,})')), false),
    coalesce(bool_or(regexp_full_match(x, '[+]?([0-9]*,[0-9]{1,2}|[0-9]{4,},[0-9]+|[0-9]*,[0-9]{4,}'
        '|[0-9]{1,3}([.][0-9]{3})+,[0-9]*|[0-9]{1,3}([.][0-9]{3}){2,})')), false)
FROM (SELECT unnest([base_salary_min, base_salary_max, total_compensation]) AS x FROM raw)

-- block: repeats
-- Rows are compared by hash first, so that only suspects, few in clean data, are compared whole; the first one stays.
UPDATE judged SET copy = true WHERE rowid IN (
    SELECT place FROM (
        SELECT rowid AS place, row_number() OVER (PARTITION BY front, back ORDER BY rowid) AS turn
        FROM judged
        WHERE outcome IS NULL
            AND mark IN (SELECT mark FROM judged WHERE outcome IS NULL GROUP BY mark HAVING count(*) > 1)
    ) WHERE turn > 1
)

-- block: counts
SELECT file, CASE WHEN copy THEN '-repeat' ELSE outcome END, count(*) FROM judged GROUP BY ALL ORDER BY ALL

-- block: rejects
SELECT file, number, outcome, coalesce(detail, '') FROM judged WHERE outcome NOT LIKE '-%'

-- block: lines
-- The first rows of the canonical file, then what rows of other countries would be in it.
SELECT concat_ws(',', front, country, currency, back, coalesce(observed_at::VARCHAR, '')) FROM judged
WHERE NOT copy AND coalesce(outcome, '-country') = '-country' ORDER BY outcome IS NOT NULL, rowid LIMIT $count

-- block: doubts
SELECT count(*) > 0 FROM judged WHERE file = $file AND outcome IN (two_readings(), 'decimal comma')

-- block: converted
SELECT DISTINCT currency FROM kept WHERE paid <> '' AND NOT suffix(paid, ',,') ORDER BY currency

-- block: undated
SELECT count(*) FROM kept WHERE undated

-- block: assumed
-- How many rows of a file took the default, a column each.
SELECT count(*) FILTER (assumed & 1 > 0), count(*) FILTER (assumed & 2 > 0), count(*) FILTER (assumed & 4 > 0),
    count(*) FILTER (assumed & 8 > 0), count(*) FILTER (assumed & 16 > 0), count(*) FILTER (assumed & 32 > 0),
    count(*) FILTER (assumed & 64 > 0)
FROM judged WHERE file = $file

-- block: formulas
-- Text stays text here; but who opens it in a spreadsheet without care runs it.
SELECT detail, count(*) FROM kept WHERE detail IS NOT NULL GROUP BY detail ORDER BY detail
