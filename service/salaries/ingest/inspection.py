"""How one file would be read, told so that a person can correct it: what each column was taken for, what was not used,
what was assumed, some rows before and after, and a mapping to paste into the list of sources.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from salaries.ingest.columns import ALIASES, CANONICAL, DEFAULTS, MONEY_COLUMNS
from salaries.ingest.currencies import DOLLAR, DOLLARS, currencies_in
from salaries.ingest.engine import engine, sql_blocks
from salaries.ingest.figures import have_two_readings, is_band, period_of
from salaries.ingest.judging import define_rules
from salaries.ingest.mapping import SEPARATOR, Mapping
from salaries.ingest.mapping_keys import ASKED, asked, mapping_of, presets
from salaries.ingest.reading import Reader, ReadFile, assumed, columns_read, doubtful
from salaries.ingest.records import WRONG_BYTE, RawFile, glance_at, records
from salaries.ingest.sources import Declared, encoding_of
from salaries.ingest.words import folded, spelled, spellings

_SAMPLES = 5
_WHERE = {"skip_rows", "sheet", "encoding"}
_WINDOWS = "windows-1252"  # in which Excel writes CSV in the west, and which holds Latin-1
_TITLES = 10  # lines in which a header is looked for when the first one is but a title
_LOOKED_AT = 500  # rows that a proposal is drawn from
_PERIODS = {
    "year": r"\byear|\bannual|\banual|\bano\b",
    "hour": r"\bhour|\bhora|\bhrly\b",
    "month": r"\bmonth|\bmensal|\bmes\b",
}
# By which a proposal is shown; the person who pastes it says what is true.
_ANSWERS = {
    "period": "month",
    "currency": DEFAULTS["currency"],
    "defaults.country": DEFAULTS["country"],
    "decimal": ",",
}


@dataclass(frozen=True)
class Outcome:
    """How the rows of a file fare: rows in all, kept, of other countries, rejected by reason.

    `after` are the first rows as they are kept, then as those of other countries would be.
    """

    trouble: str
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
    `proposed` are keys for the file's source, `ASKED` where nothing in the file says what one should hold; None when
    keys were told. `headers` are those that they may name, `with_proposed` is how the rows would fare with `answers` to
    what is asked; None when columns lack. `periods` are the headers of columns that hold periods.
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
    headers: list[str] = field(default_factory=list)
    with_proposed: Outcome | None = None
    answers: dict[str, str] = field(default_factory=dict)
    periods: list[str] = field(default_factory=list)


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
    keys = ({} if encoding == "utf-8" else {"encoding": encoding}) | (keys or {})
    encoding = encoding_of(keys.get("encoding", encoding), path.stem)
    mapping = mapping_of(keys, path.stem)
    raw = glance_at(path, name=path.name, encoding=encoding, mapping=mapping)
    outcome = _outcome(path, folder=folder, country=country, encoding=encoding, mapping=mapping)
    taken, unused = columns_read(mapping, raw.header)
    found = Inspection(
        name=path.name, trouble=outcome.trouble, header=list(raw.header), delimiter=raw.delimiter,
        taken=taken, unused=unused, before=_sample(raw, _SAMPLES), outcome=outcome,
    )  # fmt: skip
    # Who has said only where the table is has said nothing of how to read it.
    if raw.header and {*keys} <= _WHERE and (not raw.trouble or "known columns" in raw.trouble):
        return _with_proposal(found, raw, keys, folder=folder, country=country)
    return found


def _table(raw: RawFile, keys: dict[str, Any]) -> tuple[RawFile, dict[str, Any]]:
    """Return the file as it should be read, and the keys that say where its table is and in which encoding."""
    if _is_of_windows(raw):
        keys = keys | {"encoding": _WINDOWS}
        raw = glance_at(raw.path, name=raw.name, encoding=_WINDOWS, mapping=mapping_of(keys, ""))
    if "skip_rows" in keys or len(set(filter(None, raw.header))) > 2:
        return raw, keys
    # What was taken for the header may be a title: another line may hold more known names.
    found = [(raw, keys)]
    for skip in range(1, _TITLES):
        below = keys | {"skip_rows": skip}
        encoding = below.get("encoding", "utf-8")
        found.append((glance_at(raw.path, name=raw.name, encoding=encoding, mapping=mapping_of(below, "")), below))
    columns = [_columns(each.header, []) for each, _ in found]
    known = [len(each) if "role" in each or len(each) > 1 else 0 for each in columns]
    return found[known.index(max(known))]


def _is_of_windows(raw: RawFile) -> bool:
    """Tell whether a file that is read as UTF-8 has accents that are not of it, and none that are."""
    seen = {char for line in islice(chain.from_iterable(raw.lines()), _LOOKED_AT) for char in line if ord(char) > 127}
    return seen == {WRONG_BYTE}


def _sample(raw: RawFile, count: int) -> list[dict[str, str]]:
    return [dict(zip(raw.header, _fields(text), strict=False)) for _, text in islice(records(raw), count)]


def _with_proposal(found: Inspection, raw: RawFile, keys: dict[str, Any], *, folder: Path, country: str) -> Inspection:
    path = raw.path
    raw, keys = _table(raw, keys)
    sample = _sample(raw, _LOOKED_AT)
    keys = keys | propose(raw.header, sample)
    headers = [name for name in raw.header if name]
    by_name = _columns(raw.header, []).get("period")
    periods = [name for name in headers if name == by_name or _by_values(_texts_of(name, sample)) == "period"]
    found = replace(found, headers=headers, periods=periods)
    answers = {name: answer for name, answer in _ANSWERS.items() if name in asked(keys)}
    if len(answers) < len(asked(keys)):
        return replace(found, proposed=keys)
    mapping = mapping_of(_answered(keys), path.stem)
    encoding = keys.get("encoding", "utf-8")
    outcome = _outcome(path, folder=folder, country=country, encoding=encoding, mapping=mapping)
    return replace(found, proposed=keys, with_proposed=outcome, answers=answers)


def _answered(keys: dict[str, Any]) -> dict[str, Any]:
    """Return `keys` with the answers that show best what they would do."""
    answers = {name: _ANSWERS[name] for name in asked(keys)}
    country = {"defaults": {"country": answers.pop("defaults.country")}} if "defaults.country" in answers else {}
    return keys | answers | country


def propose(header: tuple[str, ...], sample: list[dict[str, str]]) -> dict[str, Any]:
    """Return the keys that would read such a file, `ASKED` for what nothing in it says."""
    for name, preset in presets().items():
        if _fits(preset, header):
            return {"preset": name}
    columns = _columns(header, sample)
    base = columns.pop("base", "")
    if base and "total_compensation" in columns:
        columns = {"base_salary_min": base, "base_salary_max": base} | columns
    elif base:
        columns["total_compensation"] = base
    figures = [columns[name] for name in (*MONEY_COLUMNS, "band") if name in columns]
    keys: dict[str, Any] = {"columns": {name: each for name, each in columns.items() if name in ALIASES}}
    keys["columns"] |= {} if "role" in columns else {"role": ASKED}
    keys["columns"] |= {} if figures else {"total_compensation": ASKED}
    keys |= {"band": columns["band"]} if "band" in columns else {}
    texts = [row[name] for row in sample for name in figures if re.search(r"\d", row.get(name, ""))]
    if "period" in columns:
        keys["period"] = _period_by(columns["period"], sample, figures)
    elif not texts or not all(map(period_of, texts)):
        keys["period"] = _period(figures)
    # Dollars in the name of a column are dollars, whatever the currency of the row is.
    if code := _currency(figures):
        keys["currency"] = code
        keys["columns"].pop("currency", None)
    elif "currency" not in columns and not _tell_currency(texts):
        keys["currency"] = ASKED
    reais = keys.get("currency") == "BRL" or (bool(texts) and all("R$" in text for text in texts))
    if have_two_readings(texts):
        # In Brazil it is thousands that are dotted.
        keys["decimal"] = "," if reais else ASKED
    if _months_first([row.get(columns.get("observed_at", ""), "") for row in sample]):
        keys["columns"]["observed_at"] = {"constant": ""}
    if "country" not in columns:
        _propose_country(keys, columns, sample, reais=reais)
    if sum(";" in row.get(columns.get("role", ""), "") for row in sample) * 5 > len(sample):
        keys["multiple"] = "first"
    return keys


def _fits(preset: dict[str, Any], header: tuple[str, ...]) -> bool:
    """Tell whether a preset finds its role and its figures in a header, and all but one of what else it reads."""
    mapping = mapping_of(preset, "") or Mapping()
    choices = {name: choice for name, choice in mapping.columns.items() if choice.headers}
    choices |= {"band": mapping.band} if mapping.band else {}
    missing = {name for name, choice in choices.items() if not {*choice.headers} & {*header}}
    return len(missing) < 2 and missing.isdisjoint({"role", "band", *MONEY_COLUMNS})


def _columns(header: tuple[str, ...], sample: list[dict[str, str]]) -> dict[str, str]:
    """Return the header of each column, of `band` and `period`: a known name, else one of known parts."""
    aliases = {alias: name for name, names in ALIASES.items() for alias in names}
    known = {spelled(alias): name for alias, name in aliases.items()} | spellings("header", "mapped")
    parts = spellings("header", "within")
    meant = {name: aliases.get(name) or known.get(_words(name), "") for name in header}
    found: dict[str, str] = {}
    periods: list[str] = []
    for name in sorted(filter(None, header), key=lambda name: not meant[name]):
        inside = [part for part in parts if f" {part} " in f" {_words(name)} "]
        column = meant[name] or (parts[max(inside, key=len)] if inside else "")
        if not meant[name] and "other" in map(parts.get, inside):
            continue
        texts = _texts_of(name, sample)
        if column in (*MONEY_COLUMNS, "base") and any(map(is_band, texts)):
            column = "band"
        if column == "level" and sum(map(_is_years, texts)) * 2 > len(texts):
            column = ""
        if not column:
            column = _by_values(texts)
        if column == "period" and not meant[name] and not inside:
            periods.append(name)
            continue
        if not column and sum(is_band(text) and bool(currencies_in(text)) for text in texts) * 2 > len(texts):
            column = "band"
        if column:
            found.setdefault(column, name)
    # Of several columns of periods only one is that of the figures, and nothing says which.
    if periods and "period" not in found:
        found["period"] = periods[0] if len(periods) == 1 else ASKED
    return found


def _texts_of(name: str, sample: list[dict[str, str]]) -> list[str]:
    return [text for row in sample if (text := row.get(name, "").strip())]


def _is_years(text: str) -> bool:
    """Tell whether a text counts years of experience, and names no level."""
    return bool(re.fullmatch(r"[\d.,+\s–-]+((to|a|yrs?|years?|anos?)[\d.,+\s–-]*)*", folded(text)))


def _by_values(texts: list[str]) -> str:
    """Return what most values of a column are, whatever its header: periods, currencies or countries; "" for others.

    What has one or two letters is none that is sure: a state of the United States is written like a country.
    """
    for column in ("period", "currency", "country"):
        known = spellings(column, "mapped")
        if sum(len(text) > 2 and spelled(text) in known for text in texts) * 2 > len(texts):
            return column
    return ""


def _propose_country(
    keys: dict[str, Any], columns: dict[str, str], sample: list[dict[str, str]], *, reais: bool
) -> None:
    """Add where the country of a row stands: in its place, or in the answer of a person."""
    place = columns.get("location", "")
    if part := _country_in([row.get(place, "") for row in sample]):
        keys["columns"] |= {
            "location": {"header": place, "part": 1},
            "country": {"header": place, "part": part},
        }
    else:
        keys["defaults"] = {"country": DEFAULTS["country"] if reais else ASKED}


def _months_first(texts: list[str]) -> bool:
    """Tell whether a date says that months stand before days, so that others of its file are read wrongly."""
    return any(re.match(r"\d{1,2}/(1[3-9]|2\d|3[01])/\d{4}", text.strip()) for text in texts)


def _country_in(places: list[str]) -> int:
    """Return which piece of the places, between commas, is a country in each of them; 0 when none is."""
    known = spellings("country", "mapped")
    pieces = [[piece.strip() for piece in place.split(",")] for place in places if place.strip()]
    # What has two letters is a state of the United States as well.
    sure = pieces and all(len(each[-1]) > 3 and spelled(each[-1]) in known for each in pieces)
    return len(pieces[0]) if sure and len({len(each) for each in pieces}) == 1 and len(pieces[0]) > 1 else 0


def _tell_currency(texts: list[str]) -> bool:
    """Tell whether all figures name their currency; a `$` alone may be of any country, unless others are there.

    Beside another country's dollars it may well be one of those.
    """
    named = [currencies_in(text) for text in texts]
    found = set().union(*named)
    return bool(texts) and all(named) and found != {DOLLAR} and (DOLLAR not in found or not found & DOLLARS - {"USD"})


def _words(name: str) -> str:
    """Return the words of a header, without notes in brackets and marks."""
    return spelled(re.sub(r"\(.*?\)|[?:!.,*]", " ", name))


def _period(figures: list[str]) -> str:
    """Return the period that the headers of figures name, or `ASKED`."""
    named = {period for period, words in _PERIODS.items() for name in figures if re.search(words, spelled(name))}
    return named.pop() if len(named) == 1 else ASKED


def _period_by(name: str, sample: list[dict[str, str]], figures: list[str]) -> dict[str, str] | str:
    """Return how a column says the period, or `ASKED` where it may be that of other figures.

    A payroll holds an hourly rate and what it is a year, and a column for one of them.
    """
    named, known = _period(figures), spellings("period", "mapped")
    others = {known.get(spelled(text)) for text in _texts_of(name, sample)} - {named}
    return ASKED if name == ASKED or not figures or (named != ASKED and others) else {"column": name}


def _currency(figures: list[str]) -> str:
    """Return the currency that the headers of figures name, or ""."""
    named = currencies_in(" ".join(figures)) - {DOLLAR}
    return named.pop() if len(named) == 1 else ""


def _outcome(path: Path, *, folder: Path, country: str, encoding: str, mapping: Mapping | None) -> Outcome:
    told = Declared({path.name: encoding}, {path.name: mapping} if mapping else {})
    with engine(folder) as db:
        define_rules(db, country=country)
        file: ReadFile = Reader(db).read(path, path.name, told)
        fates = dict(db.execute("SELECT coalesce(outcome, ''), count(*) FROM judged GROUP BY ALL").fetchall())
        reasons = {name: count for name, count in sorted(fates.items()) if name and name != "-country"}
        counts = assumed(db, 0)
        doubts = doubtful(file, counts, rejected=sum(reasons.values()))
        lines = db.execute(sql_blocks("rules.sql")["lines"], {"count": _SAMPLES}).fetchall()
        return Outcome(
            trouble=file.trouble, rows=file.rows, kept=fates.get("", 0), elsewhere=fates.get("-country", 0),
            reasons=reasons, assumed=counts, doubts=doubts,
            after=[dict(zip(CANONICAL, row, strict=True)) for row in csv.reader(line for (line,) in lines)],
        )  # fmt: skip


def _fields(text: str) -> list[str]:
    return text.split(SEPARATOR)[1:]
