"""environments.yaml: what is read, and what each mistake is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from opsctl.config.loader import Configuration, InvalidConfigurationError, load
from opsctl.dbroles.model import RESERVED_NAMES
from opsctl.errors import ConfigError, ExitCode, UsageError

VALID = """\
default_environment: dev
defaults:
  service: salaries
  client: acme
  observability: {alert_email: oncall@example.com}
environments:
  dev:
    nat: {use_nat_instance: true}
    ecs: {manage_repository: true}
"""


def read(tmp_path: Path, text: str) -> Configuration:
    path = tmp_path / "environments.yaml"
    path.write_text(text)
    return load(path)


def issues(tmp_path: Path, text: str) -> dict[str, str]:
    with pytest.raises(InvalidConfigurationError) as caught:
        read(tmp_path, text)
    return {issue.path: f"{issue.line}: {issue.what}. {issue.fix}" for issue in caught.value.issues}


def test_defaults_are_merged_under_each_environment(tmp_path: Path) -> None:
    env = read(tmp_path, VALID).environment(None)
    assert (env.name, env.service, env.ecs.manage_repository, env.application.web.cpu) == ("dev", "salaries", True, 256)
    assert env.observability.alert_email == "oncall@example.com"


def test_an_environment_is_frozen(tmp_path: Path) -> None:
    env = read(tmp_path, VALID).environment("dev")
    with pytest.raises(ValueError, match="frozen"):
        env.region = "eu-west-1"  # type: ignore[misc]


def test_lists_replace_and_mappings_merge(tmp_path: Path) -> None:
    text = VALID.replace(
        "  client: acme\n", "  client: acme\n  tags: {a: '1', b: '2'}\n  vpc: {availability_zones: [a, b]}\n"
    )
    text += "    tags: {b: '3'}\n    vpc: {availability_zones: [c, d, e]}\n"
    env = read(tmp_path, text).environment("dev")
    assert env.tags == {"a": "1", "b": "3"}
    assert env.vpc.availability_zones == ("c", "d", "e")


def test_an_unknown_environment_gets_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Did you mean `dev`") as caught:
        read(tmp_path, VALID).environment("dve")
    assert caught.value.exit_code == ExitCode.USAGE


def test_all_problems_of_all_environments_are_told_at_once(tmp_path: Path) -> None:
    found = issues(
        tmp_path,
        VALID + "    rds: {port: 5432, engin_version: '18'}\n  two:\n    ecs: {cpu: 300, min_count: 4, max_count: 2}\n",
    )
    assert set(found) == {
        "environments.dev.rds.port",
        "environments.dev.rds.engin_version",
        "environments.two.ecs.cpu",
        "environments.two.ecs.min_count",
        "environments.two.vpc.nat_gateways",
    }
    assert "Did you mean `engine_version`?" in found["environments.dev.rds.engin_version"]


def test_a_mistake_in_defaults_is_told_once_and_where_it_stands(tmp_path: Path) -> None:
    text = VALID.replace("service: salaries", "service: Salaries") + "  two:\n    nat: {use_nat_instance: true}\n"
    assert list(issues(tmp_path, text)) == ["defaults.service"]


def test_a_wrong_value_does_not_hide_rules_about_other_values(tmp_path: Path) -> None:
    found = issues(tmp_path, VALID + "    rds: {backup_days: 0, enable_replica: true, app_user: pg_app}\n")
    assert set(found) == {"environments.dev.rds.enable_replica", "environments.dev.rds.app_user"}


@pytest.mark.parametrize(
    ("kind", "block", "wrong"),
    [
        ("jobs", "command: refresh", "command"),
        ("jobs", "command: [python, 1]", "command.1"),
        ("workers", "memory: 512", "command"),
    ],
)
def test_a_wrong_command_does_not_hide_rules_about_other_values(
    tmp_path: Path, kind: str, block: str, wrong: str
) -> None:
    application = f"    application: {{web: {{count: [4, 2]}}, {kind}: {{refresh: {{{block}}}}}}}\n"
    found = issues(tmp_path, VALID + application)
    assert {path.removeprefix("environments.dev.application.") for path in found} == {
        f"{kind}.refresh.{wrong}",
        "web.count",
    }


def test_a_rule_is_not_checked_on_a_value_that_was_wrong_by_itself(tmp_path: Path) -> None:
    found = issues(tmp_path, VALID + "    security: {enforce_tls: maybe}\n")
    assert list(found) == ["environments.dev.security.enforce_tls"]


def test_the_accounts_that_share_a_repository_are_told_to_its_owner(tmp_path: Path) -> None:
    text = (
        VALID
        + "    account_id: '111111111111'\n  two:\n    account_id: '222222222222'\n    nat: {use_nat_instance: true}\n"
    )
    configuration = read(tmp_path, text)
    assert configuration.environments["dev"].repository_reader_accounts == ("222222222222",)
    assert configuration.environments["two"].repository_reader_accounts == ()


# Each line doubles the one before: 2^20 values from 500 bytes.
BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 21))

BROKEN = {
    "tabs": ("environments:\n\tdev: {}\n", "a tab indents this line"),
    "twice": (VALID + "  dev: {}\n", "`dev` is written twice"),
    "bomb": (BOMB, "expands to more than"),
    "cycle": ("environments: &e\n  dev: *e\n", "alias refers to the value it stands in"),
    "merge key": ("x: &x {a: 1}\nenvironments:\n  dev:\n    <<: *x\n", "merge keys"),
    "empty": ("", "the file is empty"),
    "list": ("- a\n", "must hold `defaults` and `environments`"),
    "object": ("environments: !!python/object:os.system {}\n", "is not allowed"),
    "nul": ("environments: \0\n", "is not allowed in YAML"),
    "newline in a value": (VALID + '    region: "us-east-1\\n"\n', "line break or control character"),
    "date": ("environments: {dev: 2026-13-45}\n", "can't be read"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_unusable_yaml_is_told_with_its_line(tmp_path: Path, case: str) -> None:
    text, expected = BROKEN[case]
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    shown = " ".join([caught.value.message, *caught.value.detail])
    assert expected in shown
    assert "environments.yaml:" in shown
    assert caught.value.exit_code == ExitCode.INVALID_CONFIG


@pytest.mark.parametrize("name", [*sorted(RESERVED_NAMES), "pg_user", "rds_user", "u" * 64])
def test_a_role_name_that_db_init_would_refuse_is_refused_here(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, VALID + f"    rds: {{app_user: {name}}}\n")
    assert "environments.dev.rds.app_user" in caught.value.detail[0]


def test_a_file_that_is_not_utf8_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "environments.yaml"
    path.write_bytes(b"defaults:\n  service: caf\xe9\n")
    with pytest.raises(ConfigError, match=r"environments.yaml:2: the file is not UTF-8"):
        load(path)


def test_a_missing_file_names_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist") as caught:
        load(tmp_path / "environments.yaml")
    assert "--config" in caught.value.hint


def test_an_account_number_without_quotes_is_explained(tmp_path: Path) -> None:
    found = issues(tmp_path, VALID + "    account_id: 123456789012\n")
    assert 'in quotes: "123456789012"' in found["environments.dev.account_id"]


@pytest.mark.parametrize("rest", ["    ecs: {manage_repository: false}\n", "    images: {promoted_from: qa}\n"])
def test_a_wrong_name_is_told_beside_what_is_wrong_between_environments(tmp_path: Path, rest: str) -> None:
    text = VALID.replace("default_environment: dev\n", "").replace("  dev:", "  my dev:") + rest
    found = issues(tmp_path, text.replace("    ecs: {manage_repository: true}\n", "") if "ecs" in rest else text)
    assert any("my dev" in path for path in found)
    assert any("repository" in what or "no other environment" in what for what in found.values())


def test_database_and_repository_are_named_after_the_service(tmp_path: Path) -> None:
    env = read(tmp_path, VALID.replace("salaries", "my-shop")).environment(None)
    assert (env.rds.database, env.ecs.repository_name) == ("my_shop", "my-shop")
    written = VALID.replace("salaries", "my-shop").replace(
        "{manage_repository", "{repository_name: kept, manage_repository"
    )
    assert read(tmp_path, written).environment(None).ecs.repository_name == "kept"
