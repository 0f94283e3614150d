"""Going back to a release: which stacks it takes, what of its block comes back, and what stays as it is configured."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from opsctl.aws.cloudformation import Stack
from opsctl.aws.s3 import StoredObject
from opsctl.config.application import Application
from opsctl.config.checked import tuples
from opsctl.config.models import Images
from opsctl.config.naming import lock_key, release_key
from opsctl.deploy.image import ReleasedImage
from opsctl.deploy.lease import Lease, holder_notes
from opsctl.deploy.release import Release
from opsctl.deploy.rollback import RollbackRefusedError
from opsctl.errors import BusyError, OpsctlError
from opsctl.migrations.verdict import Finding, Migration
from opsctl.operate.image_checks import CheckedImage
from opsctl.operate.image_source import released_image
from opsctl.operate.known_releases import known
from opsctl.operate.releases import audit, list_releases
from opsctl.operate.rollback import Prepared, prepare, recorded_block
from opsctl.operate.target import Target, Workspace
from tests.unit.deploy.world import ACCOUNT, FIRST, SECOND, FakeAws

BLOCK: dict[str, Any] = {
    "settings": "shop.settings",
    "environment": {"SAYS": "old"},
    "web": {"domains": ["new.example.com"], "hosted_zone_id": "Z123456", "hosted_zone_name": "example.com"},
    "workers": {"queue": {"command": ["python", "worker.py"]}},
    "buckets": {"media": {}},
}
ENVIRONMENTS = """
default_environment: dev
environments:
  dev:
    service: shop
    client: acme
    account_id: "123456789012"
    ecs: {manage_repository: true, repository_name: shop}
    nat: {use_nat_instance: true}
    observability: {alert_email: night@example.com}
    application: APPLICATION
"""


class Account(FakeAws):
    """All regions are one."""

    def in_region(self, region: str | None) -> Account:
        return self


def target(folder: Path, *records: Release, now: dict[str, Any] | None = None, image: str = SECOND) -> Target:
    """`dev`, whose application is `now` in the file, with these releases, newest first, and `image` in its service."""
    text = ENVIRONMENTS.replace("APPLICATION", json.dumps(BLOCK if now is None else now))
    (folder / "environments.yaml").write_text(text)
    found = Workspace.open(folder / "environments.yaml").target("dev")
    aws = Account()
    outputs = {"bootstrap": {"ArtifactBucketName": "artifacts"}}
    for each in found.templates:
        parameters = {"ImageUri": uri(image)} if each.stack == "app" else {}
        aws.cloudformation.stacks_by_name[each.physical_name] = Stack(
            each.physical_name, f"arn/{each.stack}", "UPDATE_COMPLETE", "", parameters, outputs.get(each.stack, {})
        )
    for name, record in (
        [("current", records[0]), *((f"{each.number:06}", each) for each in records)] if records else []
    ):
        body = json.dumps(record.to_dict()).encode()
        aws.s3.objects[release_key("dev-shop-acme", name)] = StoredObject(body, '"1"')
    aws.ecr.tags = {f"dev-r{each.number}": each.digest for each in records}
    vars(found)["aws"] = aws
    return found


def uri(digest: str) -> str:
    return f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/shop@{digest}"


def block(**changes: Any) -> dict[str, Any]:
    """What was recorded: BLOCK with these keys otherwise."""
    return Application.model_validate(tuples({**BLOCK, **changes})).model_dump(mode="json")


def release(number: int, digest: str, application: dict[str, Any] | None, **more: Any) -> Release:
    more.setdefault("verdicts", ())
    return Release(
        number, "dev", f"20261129-00000{number}-aaaaaa", f"2026-11-29T0{number}:00:00+00:00", "ann@desk",
        image=uri(digest), digest=digest, tag=f"v{number}", commit=str(number) * 40, application=application, **more,
    )  # fmt: skip


def back(folder: Path, then: dict[str, Any] | None, now: dict[str, Any] | None = None) -> Prepared:
    """A rollback from a release of today's block to one with the block `then`."""
    current = block() if now is None else Application.model_validate(tuples(now)).model_dump(mode="json")
    return prepare(target(folder, release(2, SECOND, current), release(1, FIRST, then), now=now), None)


def body(prepared: Prepared, stack: str) -> str:
    return next(each.body for each in prepared.target.templates if each.stack == stack)


def test_a_release_comes_back_with_its_variables_and_nothing_else_is_touched(tmp_path: Path) -> None:
    found = back(tmp_path, block(), {**BLOCK, "environment": {"SAYS": "new"}})
    assert found.request.stacks == ("jobs", "app")
    assert (found.number, found.request.rollback and found.request.rollback.seen) == (1, 2)
    assert "Value: old" in body(found, "app")
    assert "Value: new" not in body(found, "app")
    assert found.question.startswith("Roll dev back from release 2 to release 1 (v1, of 2026-11-29 01:00 UTC")
    assert found.notes == ("Secrets keep today's values: what they were is not recorded.",)


def test_who_names_the_release_that_runs_is_told_so(tmp_path: Path) -> None:
    made = target(tmp_path, release(2, SECOND, block()), release(1, FIRST, block()))
    assert prepare(made, "2").question.startswith(
        "dev runs release 2 (v2, of 2026-11-29 02:00 UTC by ann@desk) already."
    )


def test_its_health_check_and_port_come_back_with_the_stacks_that_have_them(tmp_path: Path) -> None:
    web = {**BLOCK["web"], "port": 9000, "health": "/up", "domains": ["old.example.com"]}
    found = back(tmp_path, block(web=web))
    assert found.request.stacks[:2] == ("jobs", "app")
    assert set(found.request.stacks[2:]) == {"network", "front"}
    assert "/up" in body(found, "front")
    assert "9000" in body(found, "network")
    # Where visitors come to is today's.
    for stack in ("front", "app"):
        assert "new.example.com" in body(found, stack)
        assert "old.example.com" not in body(found, stack)


def test_a_bucket_that_a_later_release_dropped_comes_back_and_a_newer_one_stays(tmp_path: Path) -> None:
    found = back(tmp_path, block(buckets={"files": {}}))
    assert "platform" in found.request.stacks
    assert "FilesBucket" in body(found, "platform")
    assert "MediaBucket" in body(found, "platform")
    assert "FilesBucket" in body(found, "app")
    assert "MediaBucket" not in body(found, "app")


def test_workers_and_jobs_are_those_of_the_release(tmp_path: Path) -> None:
    then = block(workers={}, jobs={"report": {"command": ["python", "job.py"]}})
    found = back(tmp_path, then)
    assert "QueueService" not in body(found, "app")
    assert "ReportTaskDefinition" in body(found, "app")
    assert "WorkersLogGroup" in body(found, "platform")


def test_who_owns_the_database_is_as_it_is_configured(tmp_path: Path) -> None:
    found = back(tmp_path, block(database={"owner": True}))
    assert found.target.env.application.database.owner is False
    assert "data" not in found.request.stacks


def test_a_block_that_does_not_go_with_todays_configuration_is_refused(tmp_path: Path) -> None:
    now = {**BLOCK, "database": {"owner": True}}
    then = block(web={**BLOCK["web"], "database_role": "writer"})
    with pytest.raises(RollbackRefusedError, match=r"application\.web\.database_role"):
        back(tmp_path, then, now)


def test_of_a_record_without_a_block_only_the_image_goes_back_with_a_note(tmp_path: Path) -> None:
    found = back(tmp_path, None)
    assert found.request.stacks == ("jobs", "app")
    assert found.target.env.application.environment == {"SAYS": "old"}
    assert "only its image goes back" in found.notes[0]


def test_keys_that_this_opsctl_does_not_know_are_left_out_and_told() -> None:
    values = block()
    values["web"]["colour"] = "red"
    values["weather"] = "fine"
    found, notes = recorded_block(release(1, FIRST, values))
    assert found == Application.model_validate(tuples(block()))
    assert sorted(note.split()[3] for note in notes) == ["application.weather,", "application.web.colour,"]
    found, notes = recorded_block(release(1, FIRST, {"web": {"port": "many"}}))
    assert found is None
    assert "can't read the application block" in notes[0]


def test_the_image_is_checked_as_any_other(tmp_path: Path) -> None:
    on = target(tmp_path, release(1, FIRST, block()))
    assert isinstance(released_image(on, release(1, FIRST, None)), ReleasedImage)
    checked = on.env.model_copy(update={"images": Images(verify="key.pem")})
    strict = replace(on, env=checked)
    vars(strict)["aws"] = on.aws
    assert isinstance(released_image(strict, release(1, FIRST, None)), CheckedImage)


def test_a_lock_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    on = target(tmp_path, release(2, SECOND, block()), release(1, FIRST, block()))
    lease = {"owner": "bob@ci", "id": "x", "command": "opsctl deploy", "acquired": 0.0, "expires": time.time() + 60}
    on.aws.s3.put("artifacts", lock_key("dev-shop-acme"), json.dumps(lease).encode())
    with pytest.raises(BusyError, match=r"bob@ci \(opsctl deploy\)") as caught:
        prepare(on, None)
    assert caught.value.exit_code == 75
    assert "`opsctl cancel --env dev`" in caught.value.hint
    on.aws.s3.put("artifacts", lock_key("dev-shop-acme"), json.dumps({**lease, "expires": 1.0}).encode())
    assert prepare(on, None).number == 1


def test_a_lock_that_a_deploy_could_take_does_not_hold_a_rollback_up(tmp_path: Path) -> None:
    """Its holder was killed on this machine, or S3's clock says it ran out, whatever the holder's or ours say."""
    on, key = target(tmp_path, release(2, SECOND, block()), release(1, FIRST, block())), lock_key("dev-shop-acme")
    lease = Lease("bob@ci", "x", "opsctl deploy", 0.0, time.time() + 60)
    dead = {**holder_notes(), "holder-process": str(2**31 - 1)}
    on.aws.s3.objects[key] = StoredObject(lease.to_bytes(), '"1"', age=1.0, notes=dead)  # type: ignore[attr-defined]
    assert prepare(on, None).number == 1
    on.aws.s3.objects[key] = StoredObject(lease.to_bytes(), '"1"', age=1.0, notes=holder_notes())  # type: ignore[attr-defined]
    with pytest.raises(BusyError, match="its lease runs 89 s more"):
        prepare(on, None)
    late = replace(lease, expires=time.time() + 3600)
    on.aws.s3.objects[key] = StoredObject(late.to_bytes(), '"1"', age=91.0)  # type: ignore[attr-defined]
    assert prepare(on, None).number == 1
    early = replace(lease, expires=time.time() - 3600)
    on.aws.s3.objects[key] = StoredObject(early.to_bytes(), '"1"', age=30.0)  # type: ignore[attr-defined]
    with pytest.raises(BusyError, match="its lease runs 60 s more"):
        prepare(on, None)


def test_without_a_record_there_is_nothing_to_go_back_to(tmp_path: Path) -> None:
    with pytest.raises(OpsctlError, match="has no release that is recorded"):
        prepare(target(tmp_path), None)


def test_of_an_environment_that_was_removed_nothing_goes_back(tmp_path: Path) -> None:
    removed = target(tmp_path, release(1, FIRST, block()))
    there = removed.aws.cloudformation.stacks_by_name  # type: ignore[attr-defined]
    for name in [each for each in there if each.startswith(("dev-shop-app", "dev-shop-jobs"))]:
        del there[name]
    with pytest.raises(OpsctlError, match="Nothing of the application of dev is deployed") as refused:
        prepare(removed, "1")
    assert "opsctl deploy --env dev" in (refused.value.hint or "")


def test_what_was_never_recorded_goes_back_to_the_newest_release(tmp_path: Path) -> None:
    """Its deploy died between service and record."""
    on = target(tmp_path, release(2, SECOND, block()), release(1, FIRST, block()), image="sha256:" + "3" * 64)
    found = prepare(on, None)
    assert found.number == 2
    assert "from a deploy that no release came of to release 2" in found.question


def test_a_rollback_that_was_interrupted_is_finished_by_the_same_command(tmp_path: Path) -> None:
    """The service runs release 1 again, and no record says so."""
    on = target(tmp_path, release(2, SECOND, block()), release(1, FIRST, block()), image=FIRST)
    found = prepare(on, None)
    assert found.number == 1
    assert "from release 2, as an interrupted rollback began, to release 1" in found.question
    assert prepare(on, "2").number == 2


@pytest.mark.parametrize(
    ("status", "number"),
    [("UPDATE_ROLLBACK_IN_PROGRESS", 2), ("UPDATE_ROLLBACK_COMPLETE", 1), ("UPDATE_IN_PROGRESS", 1)],
)
def test_while_a_failed_deploy_is_rolled_back_the_newest_release_is_meant(
    status: str, number: int, tmp_path: Path
) -> None:
    on = target(tmp_path, release(2, SECOND, block()), release(1, FIRST, block()))
    stacks = on.aws.cloudformation.stacks_by_name  # type: ignore[attr-defined]
    name = next(each.physical_name for each in on.templates if each.stack == "app")
    stacks[name] = replace(stacks[name], status=status)
    assert prepare(on, None).number == number


def test_a_migration_in_the_way_is_told_and_may_be_accepted(tmp_path: Path) -> None:
    gone = Migration("m2", "notes.0002", (Finding("breaking", "removes Note.text"),))
    on = target(
        tmp_path,
        release(2, SECOND, block(), migrations="m2", verdicts=(gone,)),
        release(1, FIRST, block(), verdicts=()),
    )
    with pytest.raises(RollbackRefusedError, match="removes Note"):
        prepare(on, "1")
    found = prepare(on, "1", {"notes.0002"})
    assert found.request.rollback is not None
    assert found.request.rollback.accepted == {"notes.0002"}


def test_releases_are_listed_with_what_runs_and_why_there_is_no_way_back(tmp_path: Path) -> None:
    gone = Migration("m3", "notes.0003", (Finding("breaking", "removes Note.text"),))
    third = "sha256:" + "3" * 64
    on = target(
        tmp_path,
        release(
            3, SECOND, block(), migrations="m1 m3", verdicts=(Migration("m1", "notes.0001"), gone), rolled_back_to=2
        ),
        release(2, third, block(), migrations="m1 m3", verdicts=(Migration("m1", "notes.0001"), gone)),
        release(1, FIRST, None, migrations="m1", verdicts=(Migration("m1", "notes.0001"),)),
    )
    newest, second, first = list_releases(on, 10)
    assert (newest.runs, newest.how, newest.rollback, newest.why_not) == (True, "rollback to 2", False, "it runs")
    assert (second.rollback, second.why_not, second.migrations) == (True, "", ("notes.0003",))
    assert (first.why_not, first.accept, first.image_only) == (
        "notes.0003 removes Note.text", ("notes.0003",), True,
    )  # fmt: skip
    on.aws.ecr.remove_tags("shop", ["dev-r2"])
    assert list_releases(on, 2)[1].why_not == "its image is gone"
    assert [each.number for each in known(tmp_path, "dev")] == [3, 2, 1]  # shells complete all, however many were shown


def test_a_release_from_another_repository_says_where_its_image_is(tmp_path: Path) -> None:
    before = replace(release(1, FIRST, block()), image=uri(FIRST).replace("/shop@", "/shop-before@"))
    on = target(tmp_path, release(2, SECOND, block()), before)
    assert list_releases(on, 2)[1].why_not == (
        "its image is in the repository shop-before, and shop is the environment's"
    )


def test_the_audit_has_releases_and_runs_of_this_machine_that_failed(tmp_path: Path) -> None:
    changes = {"app": {"action": "update", "parameters": ["ImageUri"]}}
    on = target(tmp_path, release(1, FIRST, block(), command="opsctl deploy --env dev", changes=changes))
    journal = tmp_path / ".opsctl" / "journal" / "dev"
    journal.mkdir(parents=True)

    def run(name: str, *events: dict[str, Any]) -> None:
        lines = [json.dumps({"time": "2026-11-29T09:00:00+00:00", **each}) for each in events]
        (journal / f"{name}.ndjson").write_text("\n".join([*lines, '{"broken']))

    step = {"type": "step-started", "step": "app"}
    done = {"type": "step-finished", "step": "jobs", "outcome": "done", "text": "UPDATE_COMPLETE"}
    run("20261129-000009-aaaaaa", step, done, {**done, "step": "app", "outcome": "failed", "text": "no such setting"})
    run("20261129-000008-aaaaaa", {**step, "step": "jobs"}, done)
    run("20261129-000007-aaaaaa", step)
    run("20261129-000001-aaaaaa", step)  # became release 1
    found = audit(on, 10)
    assert [(each.outcome, each.release) for each in found] == [
        ("app failed: no such setting", None), ("ended during app", None), ("release 1", 1),
    ]  # fmt: skip
    assert found[0].stacks == {"jobs": {"action": "UPDATE_COMPLETE", "parameters": []}}
    assert (found[2].command, found[2].stacks, found[2].commit) == ("opsctl deploy --env dev", changes, "1" * 40)
    assert len(audit(on, 1)) == 1
