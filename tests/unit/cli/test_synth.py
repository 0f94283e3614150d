"""What `opsctl synth` says of the templates."""

from __future__ import annotations

import pytest

from opsctl.cli.commands.synth import _text
from opsctl.stacks.synth import SynthResult


@pytest.mark.parametrize(
    ("changed", "unchanged", "said"),
    [
        (("dev/app.yaml",), (), "templates/dev/app.yaml written"),
        (("dev/app.yaml",), ("dev/data.yaml",), "templates/dev/app.yaml written\n1 template is up to date."),
        ((), ("dev/app.yaml", "dev/data.yaml"), "2 templates are up to date."),
        ((), (), "0 templates are up to date."),
    ],
)
def test_it_counts_what_is_up_to_date_where_anything_is(
    changed: tuple[str, ...], unchanged: tuple[str, ...], said: str
) -> None:
    assert _text(SynthResult(unchanged=unchanged, changed=changed, missing=(), stray=()), check=False) == said
