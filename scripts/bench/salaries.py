"""Raw salary files of any size: the same seedless rows every time, with the faults that real files have."""

from __future__ import annotations

from pathlib import Path

import duckdb

# A row in a hundred is of another country, one in a thousand holds a NaN, a few repeat another, a third is quoted.
_ROWS = """
SELECT 'source_' || (a % 12) AS source,
    ['Data Engineer', 'Backend Developer', 'SRE', 'Cientista de Dados', 'QA'][1 + (a // 12) % 5]
        || ' ' || (a // 60) % 32 AS job_title,
    ['junior', 'jr', 'pleno', 'mid-level', 'senior', 'sr.', 'staff'][1 + (a // 2400) % 7] AS experience_level,
    ['São Paulo', 'Rio de Janeiro', 'Belo Horizonte', 'Curitiba', 'Florianópolis', 'Recife', 'Porto Alegre', 'Remoto']
        [1 + (a // 16800) % 8] || CASE WHEN a % 7 = 0 THEN ' ' || (a // 134400) % 60 ELSE '' END AS city,
    ['SP', 'RJ', 'MG', 'PR', 'SC', 'PE', 'RS', ''][1 + (a // 16800) % 8] AS uf,
    CASE WHEN a % 97 = 0 THEN 'Portugal' WHEN a % 3 = 0 THEN 'BR' ELSE 'Brazil' END AS country,
    CASE WHEN a % 23 = 0 THEN 'USD' ELSE 'BRL' END AS currency,
    ['remote', 'hybrid', 'onsite'][1 + (a // 100) % 3] AS remote_type,
    CASE WHEN a % 1009 = 0 THEN 'NaN' ELSE 3000 + b % 20000 || '.' || lpad((b % 100)::VARCHAR, 2, '0') END
        AS salary_min,
    CASE WHEN a % 5 > 0 THEN 23500 + (b // 20000) % 15000 END AS salary_max,
    CASE WHEN a % 11 > 0 THEN 40000 + (b // 7) % 20000 || '.50' END AS total_compensation,
    strftime(DATE '2024-01-01' + ((b // 31) % 700)::INTEGER, '%Y-%m-%d') AS date
FROM (SELECT (hash(i) >> 1)::BIGINT AS a, (hash(i + 1000000000) >> 1)::BIGINT AS b FROM range(?) numbers(i))
"""


# What only Python's reader of CSV can read: every field in quotes, and line breaks inside some.
_DIFFICULT = (
    "SELECT * REPLACE (CASE WHEN city > 'R' THEN replace(city, ' ', chr(10)) ELSE city END AS city) FROM ({rows})"
)


def write_raw(path: Path, rows: int, *, difficult: bool = False) -> None:
    """Write `rows` raw rows to `path` as CSV, about 95 bytes each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    query, options = (_DIFFICULT.format(rows=_ROWS), ", FORCE_QUOTE *") if difficult else (_ROWS, "")
    with duckdb.connect() as db:
        db.execute(f"COPY ({query}) TO '{path}' (FORMAT csv, HEADER{options})", [rows])
