"""What the dashboard shows without a script: the figures of the role with most rows, in each language."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from salaries.api.overview import overview_of
from salaries.api.params import Query
from salaries.labels import state_name
from salaries.selectors.catalogue import catalogue_payload, default_role
from salaries.selectors.releases import Release
from salaries.selectors.rows import FILTERS
from salaries.stats import RANKED_FROM

_TEXTS = {
    "en": {
        "hero": "The median {role} earns {median} gross per month.",
        "half": "The middle half earns {low} to {high}.",
        "based": "Based on {count} salaries. Release {release}, active since {date}.",
        "others": "Salaries in other currencies ({codes}) are left out: {count}.",
        "unit": "per month",
        "count": "n = {count}",
        "note": "Gross total compensation per month. Groups with fewer than five salaries are left out. With "
        "JavaScript this page has every role, filters, comparisons and pictures.",
        "names": ("P25", "Median", "P75"),
        "levels": "By seniority",
        "states": "By state",
        "work_models": "By work model",
    },
    "pt-BR": {
        "hero": "O salário bruto mediano de {role} é de {median} por mês.",
        "half": "A metade central ganha entre {low} e {high}.",
        "based": "Com base em {count} salários. Versão {release}, ativa desde {date}.",
        "others": "Salários em outras moedas ({codes}) ficam de fora: {count}.",
        "unit": "por mês",
        "count": "n = {count}",
        "note": "Remuneração total bruta por mês. Grupos com menos de cinco salários ficam de fora. Com JavaScript "
        "esta página tem todos os cargos, filtros, comparações e figuras.",
        "names": ("P25", "Mediana", "P75"),
        "levels": "Por senioridade",
        "states": "Por estado",
        "work_models": "Por modelo de trabalho",
    },
}
# As the page's own texts have them.
_NAMES = {
    "en": {
        "estagio": "Intern", "trainee": "Trainee", "junior": "Junior", "pleno": "Mid-level", "senior": "Senior",
        "especialista": "Specialist", "staff": "Staff", "lead": "Lead", "principal": "Principal", "gerente": "Manager",
        "diretor": "Director", "executivo": "Executive", "intern": "Intern", "manager": "Manager",
        "director": "Director", "specialist": "Specialist",
        "remoto": "Remote", "hibrido": "Hybrid", "presencial": "On site", "REMOTE": "Remote",
    },
    "pt-BR": {
        "estagio": "Estágio", "trainee": "Trainee", "junior": "Júnior", "pleno": "Pleno", "senior": "Sênior",
        "especialista": "Especialista", "staff": "Staff", "lead": "Líder", "principal": "Principal",
        "gerente": "Gerente", "diretor": "Diretor", "executivo": "Executivo", "intern": "Estágio",
        "manager": "Gerente", "director": "Diretor", "specialist": "Especialista",
        "remoto": "Remoto", "hibrido": "Híbrido", "presencial": "Presencial", "REMOTE": "Remoto",
    },
}  # fmt: skip
_GROUPS = {"levels": "level", "states": "state", "work_models": "work_model"}


def plain_parts(release: Release) -> list[dict[str, Any]]:
    """Return the texts and tables of each language; none without data."""
    catalogue = catalogue_payload(release=release)
    role = default_role(catalogue)
    if role is None:
        return []
    overview = overview_of(release, Query([role], dict.fromkeys(FILTERS)))
    if overview["percentiles"] is None:
        return []
    label = next(each["label"] for each in catalogue["roles"] if each["role"] == role)
    return [_part(lang, label, overview, catalogue["release"]) for lang in _TEXTS]


def _part(lang: str, label: str, overview: dict[str, Any], release: dict[str, Any]) -> dict[str, Any]:
    texts: dict[str, Any] = _TEXTS[lang]
    spread = overview["percentiles"]

    def amount(value: float) -> str:
        return f"{_number(lang, value)} {overview['currency']}"

    return {
        "lang": lang,
        "title": label,
        "hero": " ".join((
            texts["hero"].format(role=label, median=amount(spread["median"])),
            texts["half"].format(low=amount(spread["p25"]), high=amount(spread["p75"])),
        )),
        "based": " ".join(_basis(lang, texts, overview, release)),
        "note": texts["note"],
        "tables": [
            table for kind, column in _GROUPS.items() if (table := _table(lang, texts, kind, column, overview))["rows"]
        ],
    }  # fmt: skip


def _basis(lang: str, texts: dict[str, Any], overview: dict[str, Any], release: dict[str, Any]) -> Iterator[str]:
    day = release["activated_at"]
    if lang == "pt-BR":
        day = "/".join(reversed(day.split("-")))
    yield texts["based"].format(count=_number(lang, overview["observations"]), release=release["number"], date=day)
    others = [each for each in overview["currencies"] if each["currency"] != overview["currency"]]
    if others:
        yield texts["others"].format(
            codes=", ".join(each["currency"] for each in others),
            count=_number(lang, sum(each["observations"] for each in others)),
        )


def _table(lang: str, texts: dict[str, Any], kind: str, column: str, overview: dict[str, Any]) -> dict[str, Any]:
    rows = [
        [
            {
                "text": _NAMES[lang].get(row[column]) or state_name(row[column]),
                "count": texts["count"].format(count=_number(lang, row["observations"])),
            },
            *(_number(lang, row["percentiles"][name]) for name in ("p25", "median", "p75")),
        ]
        for row in overview[kind]
        if row["observations"] >= RANKED_FROM
    ]
    caption = f"{texts[kind]}, {overview['currency']} {texts['unit']}"
    return {"caption": caption, "names": ["", *texts["names"]], "rows": rows}


def _number(lang: str, value: float) -> str:
    """Return a whole number with the language's mark between thousands."""
    text = f"{int(value + 0.5):,}"
    return text.replace(",", ".") if lang == "pt-BR" else text
