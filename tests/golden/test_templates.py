"""The committed templates are what the configuration renders, byte for byte. `opsctl synth` rewrites them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cfnlint.config import ConfigMixIn
from cfnlint.runner import Runner

from opsctl.stacks import data, synth
from tests.unit.stacks.reading import NAMES, ROOT, environment, environments, stacks

TEMPLATES = ROOT / "templates"
# CloudFormation's limits. [UG CFN quotas]
MAX_BYTES, MAX_PARAMETERS, MAX_OUTPUTS, MAX_RESOURCES = 1_048_576, 200, 200, 500


def test_committed_templates_are_what_the_configuration_renders() -> None:
    rendered = synth.render(environments().values())
    result = synth.compare(rendered, TEMPLATES, everything=True)
    assert result.in_sync, f"run `opsctl synth`: {result.changed=} {result.missing=} {result.stray=}"
    assert result.unchanged == tuple(rendered)


def test_the_same_configuration_renders_the_same_bytes() -> None:
    assert synth.render(environments().values()) == synth.render(environments().values())


@pytest.mark.parametrize("name", NAMES)
def test_another_region_changes_no_template(name: str) -> None:
    moved = environment(name, region="sa-east-1")
    assert synth.render([moved]) == synth.render([environment(name)])


@pytest.mark.parametrize("name", NAMES)
def test_no_template_names_what_only_a_deploy_knows(name: str) -> None:
    for path, text in synth.render([environment(name)]).items():
        assert not re.search(r"sha256:[0-9a-f]{64}", text), path
        assert not re.search(r"(?<![\w.])\d{12}(?!\w)", text), f"{path} holds an account id"
        assert not re.search(r"\b(us|eu|sa|ap|ca)-[a-z]+-\d\b", text), f"{path} holds a region"
        assert "ImportValue" not in text, f"{path}: exports deadlock"
        assert "Export:" not in text, f"{path}: exports deadlock"


@pytest.mark.parametrize("name", NAMES)
def test_every_template_stays_within_cloudformations_limits(name: str) -> None:
    for stack in stacks(name):
        document = stack.document
        assert len(stack.template.body.encode()) <= MAX_BYTES
        assert len(document["Resources"]) <= MAX_RESOURCES
        assert len(document.get("Parameters", {})) <= MAX_PARAMETERS
        assert len(document.get("Outputs", {})) <= MAX_OUTPUTS
        assert len(document["Description"].encode()) <= 1024


def test_cfn_lint_finds_nothing_in_templates_of_settings_that_no_committed_environment_has(tmp_path: Path) -> None:
    """The committed ones are `make check`'s. Metadata may leave out two rules: W3691 (an engine version grows old) and
    E3020 on the replica, whose encryption is stated although it is inherited.
    """
    paths = []
    for setting in ("snapshot_identifier", "import_instance"):
        body = data.build(environment("prd", **{f"rds__{setting}": "old-prd"})).body
        (tmp_path / f"{setting}.yaml").write_text(body)
        paths.append(str(tmp_path / f"{setting}.yaml"))
    runner = Runner(ConfigMixIn(paths, regions=["us-east-1"]))
    found = [f"{match.filename}:{match.linenumber} {match.rule.id} {match.message}" for match in runner.run()]
    assert found == []


def test_no_other_lint_rule_is_left_out() -> None:
    ignored = {
        (logical, rule)
        for name in NAMES
        for stack in stacks(name)
        for logical, resource in stack.resources.items()
        for rule in resource.get("Metadata", {}).get("cfn-lint", {}).get("config", {}).get("ignore_checks", [])
    }
    assert ignored <= {("Database", "W3691"), ("Replica", "E3020")}
