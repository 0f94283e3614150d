"""Tell from what a migration said that it failed for want of an extension, and of which one. Pure.

PostgreSQL names what it does not know, a type or a function, and never the extension that would bring it.
"""

from __future__ import annotations

import re

_QUOTE = r"""\\*["“]"""  # a log line in JSON has \" for "
_QUALIFIED = r"(?:[\w$]+\.)?"

_NAMED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"permission denied to create extension {_QUOTE}([a-z_][a-z0-9_-]*)",
        rf"extension {_QUOTE}([a-z_][a-z0-9_-]*)\\*[\"”] (?:is not available|is not installed|does not exist)",
        rf"required extension {_QUOTE}([a-z_][a-z0-9_-]*)",
        rf"could not open extension control file {_QUOTE}[^\"]*?([a-z_][a-z0-9_-]*)\.control",
    )
)
_TYPE = re.compile(rf"type {_QUOTE}?{_QUALIFIED}(\w+)(?:\[\])*(?:\([^)]*\))?\\*[\"”]? does not exist", re.IGNORECASE)
_OPERATOR_CLASS = re.compile(rf"operator class {_QUOTE}{_QUALIFIED}(\w+)\\*[\"”] does not exist", re.IGNORECASE)
_NO_DEFAULT = re.compile(rf"has no default operator class for access method {_QUOTE}(gin|gist)", re.IGNORECASE)
_ACCESS_METHOD = re.compile(rf"access method {_QUOTE}(\w+)\\*[\"”] does not exist", re.IGNORECASE)
_FUNCTION = re.compile(rf"function {_QUALIFIED}(\w+)\([^)]*\) does not exist", re.IGNORECASE)
_DICTIONARY = re.compile(rf"text search (?:dictionary|template) {_QUOTE}{_QUALIFIED}(\w+)", re.IGNORECASE)

_TYPES = {
    **dict.fromkeys(("vector", "halfvec", "sparsevec"), "vector"),
    **dict.fromkeys(("geometry", "geography", "box2d", "box3d"), "postgis"),
    **dict.fromkeys(("ltree", "lquery", "ltxtquery"), "ltree"),
    **dict.fromkeys(("isbn", "isbn13", "issn", "issn13", "ismn", "ismn13", "ean13", "upc"), "isn"),
    **{name: name for name in ("citext", "hstore", "cube", "seg")},
    "earth": "earthdistance",
    "raster": "postgis_raster",
    "topogeometry": "postgis_topology",
    "query_int": "intarray",
}
_OPERATOR_CLASSES = (
    (re.compile(r"g(in|ist)_trgm_ops"), "pg_trgm"),
    (re.compile(r"(vector|halfvec|sparsevec|bit)_(l2|ip|cosine|l1|hamming|jaccard)_ops"), "vector"),
    (re.compile(r"g(in|ist)_(hstore)_ops"), "hstore"),
    (re.compile(r"gist_(ltree|_ltree)_ops|_?ltree_ops"), "ltree"),
    (re.compile(r"(gist|gin|spgist|brin)_(geometry|geography)_ops(_\w+)?"), "postgis"),
    (re.compile(r"gin__int_ops|gist__int(big)?_ops"), "intarray"),
    (re.compile(r"gist_(bool|cash|date|float|inet|int|interval|macaddr|numeric|text|time|uuid)\w*_ops"), "btree_gist"),
    (re.compile(r"citext_(pattern_)?ops"), "citext"),
)
_FUNCTIONS = (
    (re.compile(r"unaccent(_lexize)?"), "unaccent"),
    (re.compile(r"uuid_(generate_v[1345](mc)?|nil|ns_\w+)"), "uuid-ossp"),
    (re.compile(r"(strict_)?(word_)?similarity(_\w+)?|(set|show)_(limit|trgm)"), "pg_trgm"),
    (re.compile(r"gen_(random_bytes|salt)|crypt|digest|hmac|pgp_\w+|armor|dearmor|encrypt|decrypt"), "pgcrypto"),
    (re.compile(r"st_\w+|postgis_\w+|addgeometrycolumn|populate_geometry_columns"), "postgis"),
    (re.compile(r"hstore|akeys|avals|skeys|svals|hstore_to_json"), "hstore"),
    (re.compile(r"(levenshtein|soundex|metaphone|dmetaphone|daitch_mokotoff)\w*|difference"), "fuzzystrmatch"),
    (re.compile(r"crosstab\w*|connectby|normal_rand"), "tablefunc"),
    (re.compile(r"earth_(box|distance)|ll_to_earth|earth"), "earthdistance"),
    (re.compile(r"(cosine|l1|l2|inner|hamming|jaccard)_(distance|product)"), "vector"),
    (re.compile(r"subltree|subpath|nlevel|text2ltree"), "ltree"),
)
_ACCESS_METHODS = {"hnsw": "vector", "ivfflat": "vector", "bloom": "bloom"}
_DEFAULTS = {"gin": "btree_gin", "gist": "btree_gist"}


def missing_extension(text: str) -> str | None:
    """The extension for want of which `text` says that something failed, or None. The first one that is told counts."""
    found = sorted(_named(text) + _told(text))
    return found[0][1] if found else None


def _named(text: str) -> list[tuple[int, str]]:
    return [(match.start(), match[1].lower()) for pattern in _NAMED if (match := pattern.search(text))]


def _told(text: str) -> list[tuple[int, str]]:
    """(place, extension) of everything that PostgreSQL did not know and an extension would bring."""
    found = [(one.start(), _TYPES.get(one[1].lower())) for one in _TYPE.finditer(text)]
    found += [(one.start(), _first(_OPERATOR_CLASSES, one[1])) for one in _OPERATOR_CLASS.finditer(text)]
    found += [(one.start(), _first(_FUNCTIONS, one[1])) for one in _FUNCTION.finditer(text)]
    found += [(one.start(), _ACCESS_METHODS.get(one[1].lower())) for one in _ACCESS_METHOD.finditer(text)]
    found += [(one.start(), _DEFAULTS[one[1].lower()]) for one in _NO_DEFAULT.finditer(text)]
    found += [(one.start(), "unaccent") for one in _DICTIONARY.finditer(text) if one[1].lower() == "unaccent"]
    return [(place, name) for place, name in found if name]


def _first(table: tuple[tuple[re.Pattern[str], str], ...], word: str) -> str | None:
    return next((extension for pattern, extension in table if pattern.fullmatch(word.lower())), None)
