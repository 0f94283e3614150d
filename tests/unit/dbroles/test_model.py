"""The role model: what it accepts, and that everything else is refused before any SQL."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from opsctl.dbroles.errors import BadModelError
from opsctl.dbroles.model import PLANNER_VERSION, RoleModel


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("a" * 64, "64 characters"),
        ("app\0user", "not accepted"),
        ("app_user\n", "not accepted"),
        ("App_user", "not accepted"),
        ("1app", "not accepted"),
        ("", "not accepted"),
        ('a"; DROP ROLE b; --', "not accepted"),
        ("pg_monitor", "reserved"),
        ("rdsadmin", "reserved"),
        ("rds_iam", "reserved"),
        ("public", "reserved"),
        ("none", "reserved"),
        (None, "not a text"),
        (7, "not a text"),
    ],
)
def test_it_says_why_a_name_is_refused(name: object, why: str) -> None:
    with pytest.raises(BadModelError, match=why) as caught:
        RoleModel.from_mapping({"user": name})
    assert "the role user" in caught.value.message
    assert caught.value.hint


def test_it_takes_the_longest_name_that_fits() -> None:
    assert RoleModel.from_mapping({"user": "a" * 63}).user == "a" * 63


def test_it_has_the_default_names() -> None:
    assert RoleModel.from_mapping({}).names == (
        "app_owner",
        "app_migrator",
        "app_writer",
        "app_reader",
        "app_loader",
        "app_user",
        "app_readonly",
    )


def test_it_reads_what_cloudformation_makes_of_bool_and_int() -> None:
    model = RoleModel.from_mapping({"user_writer": "true", "user_connection_limit": "12"})
    assert model == RoleModel(user_writer=True, user_connection_limit=12)
    assert RoleModel.from_mapping({"user_writer": "false"}) == RoleModel()


@pytest.mark.parametrize(
    "mapping",
    [
        {"user_writer": "yes"},
        {"user_writer": 1},
        {"user_connection_limit": "many"},
        {"user_connection_limit": True},
        {"user_connection_limit": 0},
        {"user_connection_limit": "100000"},
        {"user_connection_limit": "٣"},
        {"admin": "app_admin"},
        {"user": "same", "reader": "same"},
    ],
)
def test_it_refuses_a_bad_setting(mapping: dict[str, object]) -> None:
    with pytest.raises(BadModelError):
        RoleModel.from_mapping(mapping)


def test_it_refuses_something_that_is_no_mapping() -> None:
    with pytest.raises(BadModelError, match="mapping"):
        RoleModel.from_mapping(["app_user"])  # type: ignore[arg-type]


def test_it_reads_back_what_it_writes() -> None:
    model = RoleModel(user="service", user_writer=True)
    assert RoleModel.from_mapping(model.to_dict()) == model


def test_its_digest_changes_with_every_part_and_with_nothing_else() -> None:
    model = RoleModel()
    assert model.digest() == RoleModel.from_mapping(model.to_dict()).digest()
    others = [RoleModel(**{key: f"other_{key}"}) for key in ("owner", "migrator", "user", "readonly")]  # type: ignore[arg-type]
    others += [RoleModel(user_writer=True), RoleModel(user_connection_limit=41)]
    assert len({model.digest(), *(other.digest() for other in others)}) == len(others) + 1


def test_its_digest_covers_the_version_of_the_planner(monkeypatch: pytest.MonkeyPatch) -> None:
    before = RoleModel().digest()
    monkeypatch.setattr("opsctl.dbroles.model.PLANNER_VERSION", PLANNER_VERSION + 1)
    assert RoleModel().digest() != before


def test_it_gives_only_the_migrator_the_owners_role() -> None:
    model = RoleModel()
    assert [role for role in model.login_roles if "role" in model.settings(role)] == [model.migrator]
    assert all(model.settings(role)["search_path"] == ("app", "pg_temp") for role in model.login_roles)


def test_it_never_puts_a_login_role_above_another_role() -> None:
    model = RoleModel(user_writer=True)
    assert not {role for role, _ in model.memberships} & set(model.login_roles)


def test_what_came_later_is_absent_from_a_model_that_does_not_use_it() -> None:
    """A template of the release before has the same mapping, and the same digest."""
    assert sorted(RoleModel().to_dict()) == sorted(
        ["owner", "migrator", "writer", "reader", "loader", "user", "readonly", "user_writer", "user_connection_limit"]
    )
    assert RoleModel().digest() == "0bd4b2909982fa580a39ee1950378b88"
    model = RoleModel.from_mapping({"owner_login": "true", "extensions": ["pg_trgm", "uuid-ossp", "pg_trgm"]})
    assert model == RoleModel(owner_login=True, extensions=("pg_trgm", "uuid-ossp"))
    assert RoleModel.from_mapping(model.to_dict()) == model
    assert RoleModel.from_mapping({"owner_login": False, "extensions": []}) == RoleModel()


@pytest.mark.parametrize(
    "extensions",
    [
        "pg_trgm",
        {"pg_trgm": 1},
        [7],
        [""],
        ["Pg"],
        ['a"; DROP TABLE b'],
        ["a" * 64],
        ["a\n"],
        ["-a"],
        ["a"] * 101,
        None,
    ],
)
def test_it_refuses_what_can_not_be_extensions(extensions: object) -> None:
    with pytest.raises(BadModelError, match=r"application\.database\.extensions"):
        RoleModel.from_mapping({"extensions": extensions})


def test_its_digest_changes_with_the_kind_of_model_and_its_extensions() -> None:
    owner = RoleModel(owner_login=True)
    models = [RoleModel(), owner, owner.for_auth("password"), RoleModel(extensions=("pg_trgm",))]
    assert len({model.digest() for model in models}) == len(models)
    assert RoleModel().for_auth("iam") == RoleModel()


def test_an_owners_login_becomes_the_owner_and_has_no_limits() -> None:
    model = RoleModel(owner_login=True)
    assert (model.names, model.login_roles, model.limited_roles) == (("app_owner", "app_user"), ("app_user",), ())
    assert model.settings("app_user") == {"search_path": ("public",), "role": ("app_owner",)}
    pair = model.for_auth("password")
    assert pair.names == ("app_owner", "app_user_a", "app_user_b")
    assert pair.memberships == (("app_owner", "app_user_a"), ("app_owner", "app_user_b"))


def test_it_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        RoleModel().user = "other"  # type: ignore[misc]
