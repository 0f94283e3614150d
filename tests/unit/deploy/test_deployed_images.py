"""What a deploy runs: code of functions by its version, images by their digest, and what keeps or lets go of them."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from opsctl.aws.errors import AwsError
from opsctl.config.naming import signature_tag
from opsctl.deploy.events import Emit, Note
from opsctl.deploy.planning.plan import ImagePlan
from opsctl.errors import OpsctlError

from .world import FIRST, FOLDER, SECOND, STACKS, FakeImage, World, current


def test_the_code_of_a_function_is_uploaded_before_its_stack_and_once() -> None:
    world = World()
    world.deploy()
    calls = world.since(0)
    assert calls.index(("put", f"bundles/{FOLDER}/1.zip")) < calls.index(("create_change_set", "dev-functions"))
    world.image.digest = SECOND
    mark = len(world.aws.calls)
    world.deploy()
    assert ("put", f"bundles/{FOLDER}/1.zip") not in world.since(mark)


def deployed_code(world: World) -> bytes:
    """What Lambda reads for the function as it is deployed."""
    stack = world.aws.cloudformation.stack("dev-functions")
    assert stack is not None
    parameters = stack.parameters
    return world.aws.s3.versions[parameters["DbInitBundleKey"], parameters["DbInitBundleVersion"]]


def test_code_that_somebody_put_under_the_key_before_is_never_deployed() -> None:
    world = World()
    world.aws.s3.put_version("artifacts", f"bundles/{FOLDER}/1.zip", b"a stranger's")
    world.deploy()
    assert deployed_code(world) == b"code 1"


def test_code_that_somebody_puts_under_the_key_afterwards_changes_nothing() -> None:
    world = World()
    world.deploy()
    world.aws.s3.put_version("artifacts", f"bundles/{FOLDER}/1.zip", b"a stranger's")
    assert world.deployment().plan().is_empty
    world.image.digest = SECOND
    world.deploy()
    assert deployed_code(world) == b"code 1"


def test_other_code_gets_a_version_of_its_own_and_so_does_the_first_when_it_comes_back() -> None:
    world = World()
    for digest in ("1", "2", "1"):
        world.bundle.digest = digest
        world.deploy()
        assert deployed_code(world) == f"code {digest}".encode()
    assert len(world.aws.s3.versions) == 3


def test_a_function_that_names_no_version_yet_is_given_one() -> None:
    """An earlier opsctl deployed it, from a key that all environments shared."""
    world = World()
    world.deploy()
    api = world.aws.cloudformation
    stack = api.stacks_by_name["dev-functions"]
    api.stacks_by_name["dev-functions"] = replace(stack, parameters={"DbInitBundleKey": "bundles/1.zip"})
    assert world.deployment().plan().stacks[5].action == "update"
    world.deploy()
    assert deployed_code(world) == b"code 1"
    assert world.deployment().plan().is_empty


# -- image and release number ------------------------------------------------------------------------------------------


def test_an_image_that_has_to_be_built_is_deployed_by_the_digest_that_came_out() -> None:
    world = World()
    world.image.build = True
    world.deploy()
    app = world.aws.cloudformation.stack("dev-app")
    assert app is not None
    assert app.parameters["ImageUri"] == f"123456789012.dkr.ecr.us-east-1.amazonaws.com/app@{FIRST}"
    assert world.aws.ecr.tags["dev-r1"] == FIRST


def test_the_jobs_wait_for_an_image_that_takes_longer_than_the_database() -> None:
    class Slow(FakeImage):
        def ensure(self, plan: ImagePlan, emit: Emit) -> str:
            while ("execute_change_set", "dev-data") not in world.aws.calls:
                time.sleep(0.01)
            time.sleep(0.3)  # time in which jobs would start without it
            return super().ensure(plan, emit)

    world = World(image=Slow(build=True))
    world.deploy()
    assert current(world).digest == FIRST


def test_a_release_whose_tag_a_stranger_took_has_its_number_all_the_same_and_a_tag_of_its_own() -> None:
    world = World()
    world.aws.ecr.tags = {"dev-r1": SECOND}
    assert world.deploy().release == 1
    assert world.aws.ecr.tags == {"dev-r1-111111111111": FIRST}
    assert current(world).digest == FIRST


def test_a_deploy_is_refused_when_nothing_could_keep_its_image() -> None:
    world = World()
    world.aws.ecr.tags = {"dev-r1": SECOND, "dev-r1-111111111111": SECOND}
    with pytest.raises(OpsctlError, match="which no deploy of dev put there") as caught:
        world.deploy()
    assert (caught.value.code, caught.value.exit_code) == ("release-tag-taken", 5)


def test_ten_thousand_tags_of_a_stranger_cost_a_deploy_two_questions() -> None:
    world = World()
    world.aws.ecr.tags = {f"dev-r{number}": SECOND for number in range(1, 10_000)}
    assert world.deploy().release == 1
    assert set(world.aws.ecr.tags.values()) == {FIRST}


def test_an_image_goes_when_thirty_releases_did_not_run_it_and_others_keep_theirs() -> None:
    world = World()
    world.aws.ecr.tags = {"hml-r1": FIRST, "dev-r2-r1": FIRST, "abc": FIRST}
    digests = [f"sha256:{number:064}" for number in range(1, 33)]
    for digest in digests:
        world.image.digest = digest
        world.deploy()
    left = {tag for tag in world.aws.ecr.tags if tag.startswith("dev-r") and tag != "dev-r2-r1"}
    assert left == {f"dev-r{number}" for number in range(3, 33)}
    assert {"hml-r1", "dev-r2-r1", "abc"} <= set(world.aws.ecr.tags)


def test_what_still_runs_stays_although_its_tag_is_older_than_thirty_releases() -> None:
    world = World()
    for number in range(1, 35):
        world.stacks = tuple(
            replace(item, tags={"team": str(number)}) if item.stack == "platform" else item for item in STACKS
        )
        world.deploy()
    assert current(world).number == 34
    assert world.aws.ecr.tags == {"dev-r1": FIRST}


def test_the_signature_of_what_is_released_is_kept_and_let_go_with_it() -> None:
    world = World()
    world.aws.ecr.tags = {signature_tag(FIRST): "sha256:" + "a" * 64}
    world.deploy()
    assert world.aws.ecr.tags["dev-r1.sig"] == "sha256:" + "a" * 64
    for number in range(2, 32):
        world.image.digest = f"sha256:{number:064}"
        world.deploy()
    assert "dev-r1" not in world.aws.ecr.tags
    assert "dev-r1.sig" not in world.aws.ecr.tags


@pytest.mark.parametrize("tag", ["dev-r1", "dev-r1-111111111111"])
def test_a_signature_that_was_made_after_the_deploy_is_kept_by_the_next_one(tag: str) -> None:
    world = World(images={"verify": "images.pub"})
    world.aws.ecr.tags = {} if tag == "dev-r1" else {"dev-r1": SECOND, "x": SECOND}
    world.deploy()
    assert world.deployment().plan().is_empty
    world.aws.ecr.tags |= {signature_tag(FIRST): "sha256:" + "a" * 64}
    plan = world.deployment().plan()
    assert (plan.signature, plan.is_empty) == (True, False)
    done = world.deploy()
    assert (done.changed, done.release) == (False, None)
    assert world.aws.ecr.tags[f"{tag}.sig"] == "sha256:" + "a" * 64
    assert world.deployment().plan().is_empty


def test_who_wants_no_signatures_asks_for_none() -> None:
    world = World()
    world.deploy()
    world.aws.ecr.tags |= {signature_tag(FIRST): "sha256:" + "a" * 64}
    assert world.deployment().plan().is_empty


def test_a_deploy_that_may_not_delete_images_says_so_and_is_done() -> None:
    world = World()

    def refuse(repository: str, tags: object, *, registry: str | None = None) -> None:
        raise AwsError("You may not.", aws_code="AccessDeniedException")

    world.aws.ecr.remove_tags = refuse  # type: ignore[method-assign]
    assert world.deploy().release == 1
    assert [event.text for event in world.events if isinstance(event, Note)] == [
        "Images of old releases were not let go: You may not."
    ]


def test_a_number_that_a_failed_deploy_gave_to_the_same_image_is_used_again() -> None:
    world = World()
    world.aws.ecr.tags = {"dev-r1": FIRST}
    world.deploy()
    assert current(world).number == 1
    assert not [call for call in world.aws.calls if call[0] == "add_tag"]


def test_a_change_without_a_new_image_is_a_release_without_a_tag_of_its_own() -> None:
    world = World()
    world.deploy()
    mark = len(world.aws.calls)
    world.stacks = tuple(replace(item, tags={"team": "x"}) if item.stack == "platform" else item for item in STACKS)
    world.deploy()
    assert [call for call, _ in world.since(mark)] == ["create_change_set", "execute_change_set", "put", "put"]
    assert current(world).number == 2
