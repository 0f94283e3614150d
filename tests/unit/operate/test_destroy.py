"""Removing an environment: what its stacks say is taken for its own only where it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from opsctl.aws.cloudformation import Stack
from opsctl.deploy.destroy import DestroyPlan, plan_destroy
from opsctl.deploy.lock import Run
from opsctl.deploy.planning.state import RemoteState
from opsctl.operate.deployed import opsctls, state_of
from opsctl.operate.destroy import cluster_of, remove_all, removed_before
from opsctl.operate.target import Workspace
from tests.unit.deploy.world import FakeS3
from tests.unit.operate.shop import ENVIRONMENTS, SETTINGS, Shop, stack


def test_without_a_file_a_stack_that_is_only_called_like_one_of_the_environments_stays() -> None:
    tags = {"managed-by": "opsctl", "environment": "dev", "service": "shop", "client": "acme"}
    app = Stack("dev-shop-app-acme", "1", "CREATE_COMPLETE", tags=tags)
    network = Stack("dev-shop-network-acme", "2", "CREATE_COMPLETE", tags={"owner": "somebody"})
    own = opsctls(RemoteState({"app": app, "network": network}))
    assert own.stacks == {"app": app}
    assert own.others == (network,)
    assert plan_destroy(own, delete_data=True).remove == ("app",)


def test_what_an_interrupted_run_removed_is_known_to_the_one_that_goes_on(tmp_path: Path) -> None:
    made, gone = datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 2, 12, tzinfo=UTC)
    shop = Shop(tmp_path, stacks=[stack("bootstrap", updated=gone), stack("network", updated=made)])
    shop.deleted = [
        replace(stack(name, "DELETE_COMPLETE"), updated=when)
        for name, when in (("front", gone), ("app", gone), ("egress", made - timedelta(days=9)), ("network", gone))
    ]
    target = shop.target
    assert removed_before(target, state_of(target)) == {"app": gone, "front": gone}
    shop.stacks = [stack("network", updated=gone + timedelta(days=1))]  # a deploy came in between
    assert removed_before(target, state_of(target)) == {}


@pytest.mark.parametrize(("before", "gone"), [((), []), (("app",), ["dev/shop/derived/URL"])])
def test_what_was_derived_for_an_app_that_an_interrupted_run_removed_goes_with_the_rest(
    tmp_path: Path, before: tuple[str, ...], gone: list[str]
) -> None:
    target = Shop(tmp_path, application=f"{SETTINGS}\n    secrets: [API_KEY]").target
    removed: list[str] = []
    store = SimpleNamespace(
        below=lambda prefix: ["dev/shop/derived/URL"] if "derived" in prefix else [],
        remove=lambda name, days: removed.append(name),
    )
    aws: Any = target.aws
    aws.s3, aws.secrets = FakeS3([]), store
    run = Run("run", "ann@host", "opsctl destroy")
    remove_all(target, state_of(target), DestroyPlan((), {}), lambda _: None, run=run, timeout_minutes=1, before=before)
    assert removed == gone


@pytest.mark.parametrize(("said", "taken"), [("dev-shop-acme", "dev-shop-acme"), ("prd-shop-acme", ""), (None, "")])
def test_a_stack_that_names_anothers_cluster_has_no_tasks_stopped_there(
    tmp_path: Path, said: str | None, taken: str
) -> None:
    (tmp_path / "environments.yaml").write_text(ENVIRONMENTS)
    target = Workspace.open(tmp_path / "environments.yaml").target("dev")
    outputs = {} if said is None else {"ClusterName": said}
    platform = Stack("dev-shop-platform-acme", "id", "CREATE_COMPLETE", outputs=outputs)
    assert cluster_of(target, RemoteState({"platform": platform})) == taken


@pytest.mark.parametrize("other", [False, True], ids=["the last", "one of two"])
def test_what_an_administrator_made_is_told_with_how_it_goes(tmp_path: Path, other: bool) -> None:
    tags = {"managed-by": "opsctl", "environment": "dev", "service": "shop", "client": "acme"}
    roles = Stack("opsctl-ci-dev-shop-acme", "7", "CREATE_COMPLETE", tags=tags)
    others = [Stack("hml-shop-app-acme", "8", "CREATE_COMPLETE", tags={**tags, "environment": "hml"})] if other else []
    target = Shop(tmp_path, stacks=[stack("bootstrap"), roles, *others]).target
    aws: Any = target.aws
    aws.s3, aws.secrets = FakeS3([]), SimpleNamespace(below=lambda prefix: [])
    run = Run("run", "ann@host", "opsctl destroy")
    left = remove_all(target, state_of(target), DestroyPlan((), {}), lambda _: None, run=run, timeout_minutes=1)
    assert [each.name for each in left] == ["opsctl-ci-dev-shop-acme", *([] if other else ["opsctl-bootstrap"])]
    assert left[0].command.endswith(
        " && aws cloudformation delete-stack --stack-name opsctl-ci-dev-shop-acme --region us-east-1"
    )
