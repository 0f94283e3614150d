"""How one file would be read, told so that a person can correct it: what each column was taken for, what was not used,
what was assumed, some rows before and after, and a mapping to paste into the list of sources.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from salaries.ingest.columns import ALIASES, CANONICAL, DEFAULTS, MONEY_COLUMNS
from salaries.ingest.engine import engine
from salaries.ingest.figures import TWO_READINGS, FigureError, read_band, read_figure
from salaries.ingest.judging import define_rules
from salaries.ingest.mapping import SEPARATOR, Choice, Mapping
from salaries.ingest.mapping_keys import mapping_of, presets
from salaries.ingest.reading import Reader, ReadFile, assumed, doubtful
from salaries.ingest.records import RawFile, glance_at, records
from salaries.ingest.sources import Declared
from salaries.ingest.words import spelled, spellings

_SAMPLES = 5
_LOOKED_AT = 500  # rows that a proposal is drawn from
_PERIODS = {"year": r"year|annual|anual|\bano\b", "hour": r"hour|\bhora", "month": r"month|mensal|\bmes\b"}


@dataclass(frozen=True)
class Outcome:
    """How the rows of a file fare: rows in all, kept, of other countries, rejected by reason."""

    rows: int
    kept: int
    elsewhere: int
    reasons: dict[str, int]
    assumed: dict[str, int]
    doubts: list[str]
    after: list[dict[str, str]]


@dataclass(frozen=True)
class Inspection:
    """What a look at a file told.

    `taken` maps a column to the headers it is read from, `before` are the first rows as they stand in the file, and
    `proposed` are keys for the file's source, with how the rows would fare under them; None when nothing is better.
    """

    name: str
    trouble: str
    header: list[str]
    delimiter: str
    taken: dict[str, list[str]]
    unused: list[str]
    before: list[dict[str, str]]
    outcome: Outcome
    proposed: dict[str, Any] | None = None
    with_proposed: Outcome | None = None
    guesses: list[str] = field(default_factory=list)


def inspect_file(
    path: Path, *, folder: Path, country: str, encoding: str = "utf-8", keys: dict[str, Any] | None = None
) -> Inspection:
    """Return how `path` would be read under the keys of a source.

    Args:
        path: the file.
        folder: where what does not fit into memory goes.
        country: rows of other countries are left out.
        encoding: as a source declares it.
        keys: of a source, such as `{"preset": "levels"}`; none when the file has no mapping.

    Raises:
        IngestError: the keys are wrong, or the file is damaged.
    """
    mapping = mapping_of(keys or {}, path.stem)
    raw = glance_at(path, name=path.name, encoding=encoding, mapping=mapping)
    outcome = _outcome(path, folder=folder, country=country, encoding=encoding, mapping=mapping)
    chosen = (mapping or Mapping()).chosen(raw.header)
    taken = {name: [each for each in choice.headers if each in raw.header] for name, choice in chosen.items()}
    for name, choice in (("band", mapping and mapping.band), ("period", mapping and mapping.period)):
        if choice:
            taken[name] = [each for each in choice.headers if each in raw.header]
    used = {each for headers in taken.values() for each in headers}
    sample = [dict(zip(raw.header, _fields(text), strict=False)) for _, text in islice(records(raw), _LOOKED_AT)]
    found = Inspection(
        name=path.name, trouble=raw.trouble, header=list(raw.header), delimiter=raw.delimiter,
        taken={name: headers for name, headers in taken.items() if headers},
        unused=[name for name in raw.header if name and name not in used], before=sample[:_SAMPLES], outcome=outcome,
    )  # fmt: skip
    if raw.header and not mapping and (not raw.trouble or "known columns" in raw.trouble):
        return _with_proposal(found, raw, sample, path, folder=folder, country=country, encoding=encoding)
    return found


def _with_proposal(
    found: Inspection,
    raw: RawFile,
    sample: list[dict[str, str]],
    path: Path,
    *,
    folder: Path,
    country: str,
    encoding: str,
) -> Inspection:
    keys, guesses = propose(raw.header, sample)
    outcome = _outcome(path, folder=folder, country=country, encoding=encoding, mapping=mapping_of(keys, path.stem))
    if TWO_READINGS in outcome.reasons:
        keys["decimal"] = "," if any("R$" in text for row in sample for text in row.values()) else "."
        guesses.append("decimal: its figures can be read in two ways")
        outcome = _outcome(path, folder=folder, country=country, encoding=encoding, mapping=mapping_of(keys, path.stem))
    return Inspection(**{**vars(found), "proposed": keys, "with_proposed": outcome, "guesses": guesses})


def propose(header: tuple[str, ...], sample: list[dict[str, str]]) -> tuple[dict[str, Any], list[str]]:
    """Return the keys that would read such a file, and what of them nothing in the file says."""
    for name, preset in presets().items():
        if {choice.headers[0] for choice in _read_by(preset)} <= {*header}:
            return {"preset": name}, []
    columns = _columns(header, sample)
    figures = [columns[name] for name in (*MONEY_COLUMNS, "band") if name in columns]
    keys: dict[str, Any] = {"columns": {name: each for name, each in columns.items() if name in ALIASES}}
    keys |= {"band": columns["band"]} if "band" in columns else {}
    guesses = []
    period = _period(figures, sample)
    keys["period"] = {"column": columns["period"]} if "period" in columns else period or "month"
    if not period and "period" not in columns:
        guesses.append("period: nothing in the file says whether its figures are a month's or a year's")
    if "currency" not in columns and not _have_signs(sample, figures):
        code = re.search(r"\b(usd|eur|brl|gbp)\b", " ".join(figures).replace("_", " "))
        keys["currency"] = code[0].upper() if code else DEFAULTS["currency"]
        guesses += [] if code else ["currency: nothing in the file says it"]
    if "country" not in columns:
        keys["defaults"] = {"country": DEFAULTS["country"]}
        guesses.append("country: no column says it")
    if sum(";" in row.get(columns.get("role", ""), "") for row in sample) * 5 > len(sample):
        keys["multiple"] = "first"
    return keys, guesses


def _columns(header: tuple[str, ...], sample: list[dict[str, str]]) -> dict[str, str]:
    """Return the header that each column, `band` and `period` would be read from."""
    known = spellings("header", "mapped")
    aliases = {alias: name for name, names in ALIASES.items() for alias in names}
    found: dict[str, str] = {}
    for name in header:
        meant = aliases.get(name) or known.get(spelled(name), "")
        texts = [row.get(name, "").strip() for row in sample if row.get(name, "").strip()]
        if meant in MONEY_COLUMNS and texts and _are_bands(texts):
            meant = "band"
        if meant:
            found.setdefault(meant, name)
    return found


def _period(figures: list[str], sample: list[dict[str, str]]) -> str:
    """Return the period that the headers or texts of figures name, or ""."""
    texts = [spelled(row.get(name, "")) for row in sample for name in figures]
    for period, words in _PERIODS.items():
        if any(re.search(words, spelled(name)) for name in figures):
            return period
        if any(re.search(rf"(?:/|per |por |a )(?:{words})", text) for text in texts):
            return period
    return ""


def _read_by(preset: dict[str, Any]) -> list[Choice]:
    """Return what the columns of a preset are read from, without constants."""
    mapping = mapping_of(preset, "") or Mapping()
    return [choice for choice in (*mapping.columns.values(), mapping.band) if choice and choice.headers]


def _are_bands(texts: list[str]) -> bool:
    """Tell whether most of the texts say a least and a most."""
    bands = 0
    for text in texts:
        try:
            read_figure(text, decimal="")
        except FigureError:
            try:
                read_band(text, decimal=",")
                bands += 1
            except FigureError:
                continue
    return bands * 2 > len(texts)


def _have_signs(sample: list[dict[str, str]], figures: list[str]) -> bool:
    texts = [row.get(name, "") for row in sample for name in figures]
    signs = sum(bool(re.search(r"[$€£]|\b[A-Z]{3}\b", text)) for text in texts)
    return signs * 2 > sum(bool(text.strip()) for text in texts)


def _outcome(path: Path, *, folder: Path, country: str, encoding: str, mapping: Mapping | None) -> Outcome:
    told = Declared({path.name: encoding}, {path.name: mapping} if mapping else {})
    with engine(folder, input_bytes=0) as db:
        define_rules(db, country=country)
        file: ReadFile = Reader(db).read(path, path.name, told)
        fates = dict(db.execute("SELECT coalesce(outcome, ''), count(*) FROM judged GROUP BY ALL").fetchall())
        reasons = {name: count for name, count in sorted(fates.items()) if name and name != "-country"}
        doubts = doubtful(db, [file], Counter({path.name: sum(reasons.values())})).get(path.name, [])
        kept = db.table("judged").filter("outcome IS NULL").project(", ".join(CANONICAL))
        after = kept.limit(_SAMPLES).fetchall()
        return Outcome(
            rows=file.rows, kept=fates.get("", 0), elsewhere=fates.get("-country", 0), reasons=reasons,
            assumed={name: count for name, count in assumed(db, 0).items() if count}, doubts=doubts,
            after=[{name: "" if value is None else str(value) for name, value in zip(CANONICAL, row, strict=True)}
                   for row in after],
        )  # fmt: skip


def _fields(text: str) -> list[str]:
    return text.split(SEPARATOR)[1:]
