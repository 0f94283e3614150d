"""What adding or altering a field's column means to code that knows it only as it was, or not at all.

PostgreSQL checks every row that is written, so what is narrowed refuses rows of older code; what is widened does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opsctl.migrations.syntax import Call, Open

# Fields without a column of their own: adding one makes at most a table beside, which older code does not know.
_NO_COLUMN = frozenset({"ManyToManyField", "GenericRelation", "GenericForeignKey", "TaggableManager"})
_LENGTHS: Mapping[str, int | None] = {
    "CharField": None, "SlugField": 50, "URLField": 200, "EmailField": 254, "FileField": 100, "ImageField": 100,
    "FilePathField": 100, "CommaSeparatedIntegerField": None,
}  # fmt: skip
"""Fields that are varchar, with their max_length by default."""
# Bytes of each, and whether PostgreSQL refuses what is below zero.
_INTEGERS: Mapping[str, tuple[int, bool]] = {
    "SmallIntegerField": (2, False), "IntegerField": (4, False), "BigIntegerField": (8, False),
    "PositiveSmallIntegerField": (2, True), "PositiveIntegerField": (4, True), "PositiveBigIntegerField": (8, True),
}  # fmt: skip
_SERIALS = {"SmallAutoField": 2, "AutoField": 4, "BigAutoField": 8}
_RELATIONS = frozenset({"ForeignKey", "OneToOneField"})
# What the database knows of a field, beside its type. Everything else is for forms, Python and the admin.
_IN_DATABASE = ("null", "unique", "primary_key", "db_column", "db_default", "db_constraint", "db_collation", "db_table")
# Fields whose other arguments say nothing to the database.
_PLAIN = frozenset({
    "TextField", "BooleanField", "NullBooleanField", "DateField", "DateTimeField", "TimeField", "DurationField",
    "FloatField", "UUIDField", "JSONField", "BinaryField", "GenericIPAddressField", "IPAddressField", "HStoreField",
    "SearchVectorField", *_INTEGERS, *_SERIALS,
})  # fmt: skip
Told = tuple[str, str]
"""A verdict other than additive, and why."""


def has_column(field: Call | Open) -> bool:
    """Whether the model's table has a column for it."""
    return isinstance(field, Open) or field.name not in _NO_COLUMN


def keeps_rows(field: Call | Open) -> Told | None:
    """What is wrong with a field that a table gets, if anything: older code writes rows without naming it."""
    if isinstance(field, Open) or not field.whole:
        return "unknown", "in a way that only running it would tell"
    if not has_column(field):
        return None
    null, unique = field.get("null", default=False), _is_unique(field)
    if isinstance(null, Open) or isinstance(unique, Open):
        return "unknown", "with arguments that only running it would tell"
    if null:
        return None  # NULLs are no duplicates of each other
    if not _has_default(field):
        return "breaking", "NOT NULL without db_default, so rows that older code inserts are refused"
    if unique:
        return "breaking", "unique with one db_default, so the second row that older code inserts is refused"
    return None


def narrows(old: Call | Open, new: Call | Open) -> Told | None:
    """What of a field is narrower than before, if anything."""
    if isinstance(old, Open) or isinstance(new, Open) or not (old.whole and new.whole):
        return "unknown", "in a way that only running it would tell"
    for name in _IN_DATABASE:
        before, now = old.get(name), new.get(name)
        if before != now and (isinstance(before, Open) or isinstance(now, Open)) and name != "db_default":
            return "unknown", f"with another {name}, which only running it would tell"
    return _constraint(old, new) or _type(old, new)


def _constraint(old: Call, new: Call) -> Told | None:
    if old.get("null") and not new.get("null"):
        return "breaking", "to NOT NULL, and older code writes NULL"
    if _is_unique(new) and not _is_unique(old):
        return "breaking", "to unique, and older code writes duplicates"
    if bool(old.get("primary_key")) != bool(new.get("primary_key")):
        return "breaking", "to another primary key"
    if old.get("db_column") != new.get("db_column") or old.get("db_table") != new.get("db_table"):
        return "breaking", "to another name in the database"
    if _has_default(old) and not _has_default(new) and not new.get("null"):
        return "breaking", "to no db_default, which rows of older code rely on"
    if old.get("db_constraint", default=True) is False and new.get("db_constraint", default=True) is not False:
        return "breaking", "to have a foreign key constraint"
    if old.get("db_collation") != new.get("db_collation"):
        return "unknown", "to another collation"
    return None


def _type(old: Call, new: Call) -> Told | None:
    narrower = "breaking", f"from {_shown(old)} to {_shown(new)}"
    if old.name in _LENGTHS and new.name in _LENGTHS:
        before, now = _length(old), _length(new)
        if isinstance(before, Open) or isinstance(now, Open):
            return None if before == now else ("unknown", "to a max_length that only running it would tell")
        return narrower if now is not None and (before is None or now < before) else None
    if old.name in _LENGTHS and new.name == "TextField":
        return None
    if old.name in _INTEGERS and new.name in _INTEGERS:
        (size, _), (size_now, positive) = _INTEGERS[old.name], _INTEGERS[new.name]
        return narrower if size_now < size or (positive and not _INTEGERS[old.name][1]) else None
    if old.name in _SERIALS and new.name in _SERIALS:
        return narrower if _SERIALS[new.name] < _SERIALS[old.name] else None
    if {old.name, new.name} == {"BooleanField", "NullBooleanField"}:
        return None if new.name == "NullBooleanField" or new.get("null") else narrower
    if old.name in _RELATIONS and new.name in _RELATIONS:
        before, now = _text(old.get("to", 0)), _text(new.get("to", 0))
        if before != now and (isinstance(before, Open) or isinstance(now, Open)):
            return "unknown", "to a model that only running it would tell"
        return None if before == now and old.get("to_field") == new.get("to_field") else narrower
    return _same_kind(old, new) if old.name == new.name else narrower if _known(old) and _known(new) else (
        "unknown", f"from {_shown(old)} to {_shown(new)}"
    )  # fmt: skip


def _same_kind(old: Call, new: Call) -> Told | None:
    narrower = "breaking", f"from {_shown(old)} to {_shown(new)}"
    if old.name in _PLAIN:
        return None
    if old.name == "DecimalField":
        return _decimal(old, new)
    if old.name == "ArrayField":
        before, now = old.get("base_field", 0), new.get("base_field", 0)
        return narrows(before, now) if isinstance(before, Call) and isinstance(now, Call) else _unsure(old, new)
    if old.name == "ManyToManyField":
        same = _text(old.get("to", 0)) == _text(new.get("to", 0)) and old.get("through") == new.get("through")
        return None if same else narrower
    return _unsure(old, new)


def _unsure(old: Call, new: Call) -> Told | None:
    """A field of a kind that is not known here: the same if what its column is made from is the same."""
    harmless = {
        "blank", "choices", "default", "editable", "error_messages", "help_text", "null", "validators", "verbose_name",
        "db_index", "db_comment", "unique", "auto_created", "serialize", "related_name", "db_default",
    }  # fmt: skip
    left = [{name: each for name, each in field.named.items() if name not in harmless} for field in (old, new)]
    return None if left[0] == left[1] and old.positional == new.positional else (
        "unknown", f"to another {new.name}, a field that opsctl does not know"
    )  # fmt: skip


def _decimal(old: Call, new: Call) -> Told | None:
    sizes = [field.get(name) for field in (old, new) for name in ("max_digits", "decimal_places")]
    if not all(isinstance(each, int) for each in sizes):
        same = sizes[:2] == sizes[2:]
        return None if same else ("unknown", "to digits that only running it would tell")
    digits, places, digits_now, places_now = sizes
    if places_now < places or digits_now - places_now < digits - places:
        return "breaking", f"from numeric({digits}, {places}) to numeric({digits_now}, {places_now})"
    return None


def _is_unique(field: Call) -> Any:
    primary = field.get("primary_key", default=False)
    return True if field.name == "OneToOneField" or primary is True else field.get("unique", default=False)


def _has_default(field: Call) -> bool:
    given = field.get("db_default")
    none = given is None or (isinstance(given, Open) and given.text.endswith("NOT_PROVIDED"))
    # PostgreSQL counts a key by itself, and computes what is generated.
    return not none or field.name in _SERIALS or field.name == "GeneratedField"


def _length(field: Call) -> Any:
    return field.get("max_length", default=_LENGTHS[field.name])


def _text(value: Any) -> Any:
    """A model's name, which counts in any case."""
    return value.lower() if isinstance(value, str) else value


def _known(field: Call) -> bool:
    return field.name in {*_PLAIN, *_LENGTHS, *_RELATIONS, "DecimalField", "ArrayField", "ManyToManyField"}


def _shown(field: Call) -> str:
    length = _length(field) if field.name in _LENGTHS else None
    return f"{field.name}({length})" if isinstance(length, int) else field.name
