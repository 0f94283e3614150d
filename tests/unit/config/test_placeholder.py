"""Placeholders: what a value is made of, and what may stand in it."""

from __future__ import annotations

import pytest

from opsctl.config import placeholder
from opsctl.config.application import Application
from opsctl.config.placeholder import Placeholder, PlaceholderError, parse

VALUES: dict[str, tuple[object, ...]] = {
    "": (),
    "plain": ("plain",),
    "$$": ("$",),
    "5$$ and $${web.url}": ("5$ and ${web.url}",),
    "${web.url}": (Placeholder("web.url"),),
    "a${x}b${y}": ("a", Placeholder("x"), "b", Placeholder("y")),
    "${web.hosts/json}": (Placeholder("web.hosts", "json"),),
    "${}": (Placeholder(""),),
    "a}b{c": ("a}b{c",),
}


@pytest.mark.parametrize("text", VALUES)
def test_a_value_is_text_and_placeholders(text: str) -> None:
    assert parse(text) == VALUES[text]


@pytest.mark.parametrize("text", ["$", "a$b", "${open", "$ {x}", "$$$"])
def test_a_lone_dollar_is_refused(text: str) -> None:
    with pytest.raises(PlaceholderError) as caught:
        parse(text)
    assert "$$" in caught.value.fix


def test_every_placeholder_of_the_table_is_known() -> None:
    application = Application.model_validate({"secrets": ("TOKEN",), "buckets": {"media": None}})
    table = """
        secret_key database.url database.host database.port database.name database.user database.password
        database.sslmode database.ca replica.url replica.host web.host web.hosts web.url web.origins web.tls
        buckets.media secrets.TOKEN environment region release
    """
    assert set(table.split()) <= set(placeholder.known(application))


@pytest.mark.parametrize(
    ("name", "with_password", "without"),
    [
        ("secret_key", True, True), ("secrets.A", True, True), ("database.url", True, False),
        ("database.password", True, False), ("database.user", True, False), ("replica.url", True, False),
        ("database.host", False, False), ("web.url", False, False), ("buckets.a", False, False),
    ],
)  # fmt: skip
def test_what_holds_a_password_is_a_secret(name: str, with_password: bool, without: bool) -> None:
    part = Placeholder(name)
    assert placeholder.is_secret(part, password=True) is with_password
    assert placeholder.is_secret(part, password=False) is without
