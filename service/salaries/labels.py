"""What people call the values of the data: roles as they are written, states by name, seniority in its own order."""

from __future__ import annotations

import re

# Words that have a spelling of their own; every other word begins with a capital.
_SPELLINGS = {
    word.lower(): word
    for word in (
        "AI", "API", "AWS", "BI", "CEO", "CFO", "CIO", "CISO", "CRM", "CTO", "DBA", "DevOps", "DevSecOps",
        "ERP", "ETL", "FinOps", "GCP", "GIS", "GraphQL", "HR", "II", "III", "IoT", "iOS", "IT", "IV",
        "JavaScript", "LLM", "macOS", "ML", "MLOps", "NLP", "NoSQL", "PHP", "PL/SQL", "PMO", "PO",
        "PostgreSQL", "QA", "R&D", "RH", "RPA", "SAP", "SDET", "SEO", "SOC", "SQL", "SRE", "TI", "TypeScript",
        "UI", "UI/UX", "UX", "UX/UI", "VP", "VR",
    )
}  # fmt: skip
_SMALL = frozenset({
    "a", "and", "as", "at", "by", "com", "da", "das", "de", "do", "dos", "e", "em", "for", "in",
    "na", "no", "of", "on", "or", "para", "the", "to", "with",
})  # fmt: skip

# From the first step of a career to the last; what is not here comes after, by name.
LEVELS = (
    "estagio", "estágio", "estagiario", "estagiário", "estagiária", "intern", "aprendiz", "trainee",
    "assistente", "auxiliar", "junior", "júnior", "pleno", "senior", "sênior", "especialista", "specialist",
    "staff", "lead", "lider", "líder", "tech lead", "principal", "coordenador", "coordenadora", "supervisor",
    "gerente", "manager", "head", "diretor", "diretora", "director", "executivo", "executive", "c-level",
)  # fmt: skip
_LEVEL_PLACES = {level: place for place, level in enumerate(LEVELS)}

STATES = {
    "AC": "Acre", "AL": "Alagoas", "AM": "Amazonas", "AP": "Amapá", "BA": "Bahia", "CE": "Ceará",
    "DF": "Distrito Federal", "ES": "Espírito Santo", "GO": "Goiás", "MA": "Maranhão", "MG": "Minas Gerais",
    "MS": "Mato Grosso do Sul", "MT": "Mato Grosso", "PA": "Pará", "PB": "Paraíba", "PE": "Pernambuco",
    "PI": "Piauí", "PR": "Paraná", "RJ": "Rio de Janeiro", "RN": "Rio Grande do Norte", "RO": "Rondônia",
    "RR": "Roraima", "RS": "Rio Grande do Sul", "SC": "Santa Catarina", "SE": "Sergipe", "SP": "São Paulo",
    "TO": "Tocantins",
}  # fmt: skip


def role_label(role: str) -> str:
    """Return a stored role as people write it: `qa_engineer` is `QA Engineer`."""
    words = re.split(r"([_\s]+)", role.strip("_ "))
    spelt = [_spelt(word, first=place == 0) for place, word in enumerate(words) if place % 2 == 0]
    return " ".join(spelt) or role


def level_order(level: str) -> tuple[int, str]:
    """Return the key that sorts levels by seniority."""
    return _LEVEL_PLACES.get(level.lower(), len(LEVELS)), level


def state_name(state: str) -> str:
    """Return the name of a Brazilian state, or what stands for another value: itself."""
    return STATES.get(state, state)


def _spelt(word: str, *, first: bool) -> str:
    known = _SPELLINGS.get(word)
    if known:
        return known
    if word in _SMALL and not first:
        return word
    # What stands behind a word for another gender, as in `desenvolvedor(a)`, stays small.
    return re.sub(r"(^\(?|[-/](?!(?:[ao]s?)\b))(\w)", lambda found: found[1] + found[2].upper(), word)
