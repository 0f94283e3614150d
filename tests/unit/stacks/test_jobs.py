"""The jobs stack: the DbInit function answers in time, runs once an event, and runs again when it must."""

from __future__ import annotations

from typing import Any

import pytest

from opsctl.config.connections import user_connection_limit
from opsctl.config.naming import role_mapping
from opsctl.dbroles.model import RoleModel
from opsctl.stacks import functions, jobs
from opsctl.stacks.model import FromContext, FromOutput
from tests.unit.stacks.reading import NAMES, Stack, environment, ref


def build(name: str, **settings: Any) -> Stack:
    return Stack(jobs.build(environment(name, **settings)))


@pytest.mark.parametrize("name", NAMES)
def test_cloudformation_gives_up_just_after_the_function_must_have_answered(name: str) -> None:
    function = Stack(functions.build(environment(name)))
    timeout = function["DbInitFunction"]["Timeout"]
    waits = function["DbInitInvocation"]["MaximumEventAgeInSeconds"]
    assert timeout == 120
    assert build(name)["DatabaseRoles"]["ServiceTimeout"] == 180 >= timeout + waits


def test_an_event_is_never_run_a_second_time() -> None:
    assert Stack(functions.build(environment("prd")))["DbInitInvocation"]["MaximumRetryAttempts"] == 0
    # The rule is in force, and the function may read the secret, before the first event.
    stack = build("prd")
    assert "functions" in stack.template.depends_on
    assert stack.attribute("DatabaseRoles", "DependsOn") == ["DbInitReadsMasterLogin"]


def test_the_resource_carries_an_arn_and_never_a_reference_that_resolves_to_a_secret() -> None:
    stack = build("prd")
    assert stack["DatabaseRoles"]["MasterSecretArn"] == ref("MasterSecretArn")
    assert "{{resolve" not in stack.template.body


@pytest.mark.parametrize("name", NAMES)
def test_the_role_mapping_is_what_the_handler_reads(name: str) -> None:
    env = environment(name)
    given = build(name)["DatabaseRoles"]["Roles"]
    as_sent = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in given.items()}
    model = RoleModel.from_mapping(as_sent)
    assert model.user == env.rds.app_user
    assert model.migrator == env.rds.roles.migrator
    assert model.user_writer is env.rds.app_user_writer
    assert model.user_connection_limit == user_connection_limit(env)
    assert set(role_mapping(env)) <= {*RoleModel.__dataclass_fields__}


def test_a_changed_role_model_or_a_changed_bundle_makes_it_run_again() -> None:
    before, after = build("dev")["DatabaseRoles"], build("dev", rds__app_user_writer=True)["DatabaseRoles"]
    assert before["RolesHash"] != after["RolesHash"]
    assert before["RolesHash"] == build("dev")["DatabaseRoles"]["RolesHash"]
    assert before["BundleKey"] == ref("DbInitBundleKey")


def test_it_waits_for_data_and_takes_image_and_bundle_from_the_deploy() -> None:
    template = build("prd").template
    assert {"platform", "egress", "data", "functions"} == set(template.depends_on)
    assert template.parameters["ImageUri"] == FromContext("image_uri")
    # As deployed with the function: it runs again once that has the new code, and not before.
    assert template.parameters["DbInitBundleKey"] == FromOutput("functions", "DbInitBundleKey")
    assert template.parameters["MasterSecretArn"] == FromOutput("data", "MasterSecretArn")
    assert set(build("prd").outputs) == {"MigrateTaskDefinitionArn"}
