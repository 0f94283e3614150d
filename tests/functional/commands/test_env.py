"""`opsctl env`, usage errors and exit codes, through the real program."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from opsctl import __version__
from tests.functional.cli import ROOT, opsctl

BROKEN = ROOT / "tests" / "functional" / "commands" / "broken"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copyfile(ROOT / "environments.yaml", tmp_path / "environments.yaml")
    return tmp_path


def test_the_version_is_told(tmp_path: Path) -> None:
    assert opsctl("--version", cwd=tmp_path).out == f"opsctl {__version__}\n"


def test_environments_are_listed_as_data(project: Path) -> None:
    ran = opsctl("env", "list", "--json", cwd=project)
    assert ran.code == 0
    assert [item["name"] for item in ran.json] == ["local", "dev", "hml", "prd"]
    assert ran.err == ""


def test_the_file_is_found_from_a_folder_below(project: Path) -> None:
    below = project / "a" / "b"
    below.mkdir(parents=True)
    assert opsctl("env", "validate", cwd=below).code == 0


def test_without_a_file_one_sentence_says_what_to_do(tmp_path: Path) -> None:
    ran = opsctl("env", "validate", cwd=tmp_path)
    assert ran.code == 4
    assert ran.out == ""
    assert "no environments.yaml" in ran.err
    assert "--config" in ran.err
    assert "Traceback" not in ran.err


def test_show_prints_all_defaults(project: Path) -> None:
    shown = opsctl("env", "show", "--env", "prd", "--json", cwd=project).json
    assert shown["rds"]["multi_az"] is True
    assert shown["application"]["web"]["requests_target"] == 600
    assert len(shown["vpc"]["availability_zones"]) == 3


@pytest.mark.parametrize("arguments", [("deplyo",), ("deploy", "--foo"), ("env", "bad"), ("deploy", "--timeout", "x")])
def test_a_wrong_command_line_exits_2_without_a_traceback(project: Path, arguments: tuple[str, ...]) -> None:
    ran = opsctl(*arguments, cwd=project)
    assert ran.code == 2
    assert ran.err.startswith("Error: ")
    assert "Traceback" not in ran.err


def test_under_json_an_error_is_json_too(project: Path) -> None:
    ran = opsctl("status", "--env", "prod", "--json", cwd=project)
    assert ran.code == 2
    assert ran.json["error"]["code"] == "unknown-environment"


def test_the_environment_variable_names_the_environment(project: Path) -> None:
    ran = opsctl("env", "show", "--json", cwd=project, env={"OPSCTL_ENV": "dev"})
    assert ran.json["name"] == "dev"


def test_the_committed_schema_is_the_one_that_is_printed() -> None:
    assert opsctl("env", "schema", "--check", cwd=ROOT).code == 0


@pytest.mark.parametrize(
    ("first", "place"),
    [
        ("# yaml-language-server: $schema=docs/shape.json", "docs/shape.json"),
        ("# yaml-language-server: $schema=https://example.com/shape.json", "environments.schema.json"),
        ("# yaml-language-server: $schema=/shape.json", "environments.schema.json"),
        ("", "environments.schema.json"),
    ],
)
def test_the_schema_is_written_where_the_file_names_it(project: Path, first: str, place: str) -> None:
    config = project / "environments.yaml"
    config.write_text(f"{first}\n" + config.read_text().partition("\n")[2])
    assert opsctl("env", "schema", "--check", cwd=project).code == 3
    assert opsctl("env", "schema", "--write", cwd=project).code == 0
    assert json.loads((project / place).read_text())["title"] == "environments.yaml of opsctl"
    assert opsctl("env", "schema", "--check", cwd=project).code == 0


def test_the_schema_accepts_the_committed_file_and_refuses_an_unknown_key() -> None:
    import yaml

    schema = json.loads(opsctl("env", "schema", cwd=ROOT).out)
    validator = Draft202012Validator(schema)
    content = yaml.safe_load((ROOT / "environments.yaml").read_text())
    assert list(validator.iter_errors(content)) == []
    content["environments"]["dev"]["ecs"]["cpus"] = 1
    assert [error.validator for error in validator.iter_errors(content)] == ["anyOf"]


def test_the_files_first_line_names_the_schema() -> None:
    first = (ROOT / "environments.yaml").read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=docs/environments.schema.json"


@pytest.mark.parametrize("path", sorted(BROKEN.glob("*.yaml")), ids=lambda path: path.stem)
def test_each_broken_file_gets_its_message(path: Path, tmp_path: Path) -> None:
    """The expected lines stand in the file itself, as comments that start with `#>`."""
    text = path.read_text()
    expected = [line.removeprefix("#> ") for line in text.splitlines() if line.startswith("#> ")]
    assert expected, path
    shutil.copyfile(path, tmp_path / "environments.yaml")
    ran = opsctl("env", "validate", cwd=tmp_path)
    assert ran.code == 4
    assert "Traceback" not in ran.err
    shown = [line.strip() for line in ran.err.splitlines() if "environments.yaml:" in line]
    assert shown == expected


@pytest.mark.parametrize(
    ("region", "told"),
    [
        ("us-gov-west-1", "another partition of AWS"),
        ("eu-vest-1", "Did you mean `eu-west-1`?"),
        ("me-central-1", "CloudFront writes no logs to buckets in me-central-1"),
        ("nowhere", "is not a region"),
    ],
)
def test_the_region_of_the_command_line_is_held_to_the_same_rules(project: Path, region: str, told: str) -> None:
    ran = opsctl("diff", "--env", "hml", "--region", region, cwd=project)
    assert ran.code == 2
    assert told in ran.err


def test_there_are_twenty_broken_files() -> None:
    assert len(list(BROKEN.glob("*.yaml"))) >= 20


def test_a_policy_that_fits_is_one_document(project: Path) -> None:
    ran = opsctl("env", "policy", "publish", "--env", "prd", "--account", "123456789012", cwd=project)
    assert (ran.code, ran.err) == (0, "")
    push = ran.json["Statement"][1]
    assert push["Resource"] == "arn:aws:ecr:us-east-1:123456789012:repository/salaries"


def test_a_policy_that_does_not_is_a_list_and_each_part_can_be_had_alone(project: Path) -> None:
    words = ("env", "policy", "deploy", "--env", "dev", "--account", "123456789012")
    whole = opsctl(*words, cwd=project)
    assert len(whole.json) > 1
    assert f"{len(whole.json)} documents" in whole.err
    last = opsctl(*words, "--part", str(len(whole.json)), cwd=project)
    assert (last.json, last.err) == (whole.json[-1], "")
    beyond = opsctl(*words, "--part", "99", cwd=project)
    assert (beyond.code, beyond.out) == (2, "")
    assert f"There are {len(whole.json)} documents." in beyond.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("plan", "--env", "dev"), "dev names no account"),
        (("plan", "--env", "dev", "--account", "prod"), "`prod` is no account"),
        (("plan", "--env", "local", "--account", "123456789012"), "local runs on this machine"),
        (("admin", "--env", "dev"), "no policy `admin`"),
    ],
)
def test_what_no_policy_can_be_made_for_is_one_sentence(project: Path, words: tuple[str, ...], said: str) -> None:
    ran = opsctl("env", "policy", *words, cwd=project)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert "Next: " in ran.err


def test_a_policy_takes_account_and_region_from_the_file_unless_told_otherwise(project: Path) -> None:
    path = project / "environments.yaml"
    path.write_text(path.read_text().replace("  dev:\n", '  dev:\n    account_id: "210987654321"\n', 1))
    assert ":us-east-1:210987654321:" in opsctl("env", "policy", "publish", "--env", "dev", cwd=project).out
    moved = opsctl("env", "policy", "publish", "--env", "dev", "--region", "eu-west-1", cwd=project)
    assert ":eu-west-1:210987654321:" in moved.out


def test_names_that_policies_can_not_tell_apart_are_told(project: Path) -> None:
    path = project / "environments.yaml"
    path.write_text(
        path.read_text().replace("\n  dev:\n", "\n  developers:\n", 1).replace("\n  hml:\n", "\n  develop:\n")
    )
    ran = opsctl("env", "policy", "publish", "--env", "develop", "--account", "123456789012", cwd=project)
    assert ran.code == 0
    assert "develop and developers are too alike in name or tags" in ran.err
    path.write_text(path.read_text().replace("\n  developers:\n", "\n  qa:\n    tags: {environment: develop}\n", 1))
    ran = opsctl("env", "policy", "publish", "--env", "develop", "--account", "123456789012", cwd=project)
    assert "develop and qa are too alike in name or tags" in ran.err
