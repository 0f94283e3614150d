"""Pictures that are drawn from the model show what the model says."""

from __future__ import annotations

from scripts.bench.first_deploy import minutes
from scripts.first_deploy_picture import PICTURE, ROOT, draw


def test_the_picture_of_a_first_deploy_is_up_to_date() -> None:
    assert PICTURE.read_text(encoding="utf-8") == draw(), "run `python -m scripts.first_deploy_picture`"


def test_the_table_of_minutes_is_up_to_date() -> None:
    table = (ROOT / "docs" / "aws.md").read_text(encoding="utf-8")
    for name, (found, least) in minutes().items():
        assert f"| {name} | {found:.1f} | {least:.1f} | {found / least:.2f} |" in table
