"""Pictures that are drawn from the model show what the model says."""

from __future__ import annotations

from scripts.first_deploy_picture import PICTURE, draw


def test_the_picture_of_a_first_deploy_is_up_to_date() -> None:
    assert PICTURE.read_text(encoding="utf-8") == draw(), "run `python -m scripts.first_deploy_picture`"
