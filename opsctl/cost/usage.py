"""Assumptions as people give them on a command line: `requests=50`."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from opsctl.config.models import Usage
from opsctl.config.nearest import nearest
from opsctl.errors import UsageError


def assumed(base: Usage, texts: Sequence[str]) -> Usage:
    """`base` with these in place of its own. Raises UsageError for a name or a number that is none."""
    given: dict[str, float] = {}
    for text in texts:
        name, sign, number = text.partition("=")
        if name not in Usage.model_fields:
            raise UsageError(f"There is no assumption `{name}`.", hint=nearest(name, Usage.model_fields))
        try:
            given[name] = float(number)
        except ValueError:
            what = f"`{number}` is no number" if sign else "it has no number"
            raise UsageError(f"--usage {name}: {what}.", hint=f"Write --usage {name}=5.") from None
    try:
        return Usage.model_validate({**base.model_dump(), **given})
    except ValidationError as error:
        wrong = error.errors()[0]
        name = str(wrong["loc"][0])
        raise UsageError(
            f"--usage {name}={given.get(name, ''):g} can't be: {wrong['msg'].lower()}.", hint="Write another number."
        ) from None
