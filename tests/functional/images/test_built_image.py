"""`build_on_deploy` against a registry: content that is there is never built nor sent again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

from opsctl.aws.session import Aws, Endpoint
from opsctl.aws.tags import TagTakenError
from opsctl.config.models import Images
from opsctl.config.naming import MIGRATIONS_ANNOTATION
from opsctl.deploy.events import Event, Progress
from opsctl.deploy.image import PublishedImage
from opsctl.errors import UsageError
from opsctl.images.build.content import content_tag
from opsctl.images.errors import BuildError
from opsctl.images.names import ImageName
from opsctl.images.oci.push import push
from opsctl.images.oci.signing import SignatureError
from opsctl.images.registry.repository import MANIFEST
from opsctl.images.workshop import BASE_VARIABLE
from opsctl.local.target import LocalTarget
from opsctl.operate.built_image import BuiltImage
from opsctl.operate.image_checks import CheckedImage
from opsctl.operate.image_source import image_source
from opsctl.operate.repositories import repository_of
from opsctl.operate.target import Target, Workspace
from tests.functional.cli import ROOT
from tests.functional.images.samples import image

BASE = "python:3.13-slim@sha256:" + "a" * 64
ACCOUNT = "000000000000"
PLATFORM = ("linux/amd64",)
INCLUDED = ("../data/salary_sources.json", "../data/sample_salaries.csv")
pytestmark = pytest.mark.emulator


@dataclass(frozen=True)
class EmulatedTarget(Target):
    """An environment of AWS whose AWS is the emulator."""

    endpoint: Endpoint

    @cached_property
    def aws(self) -> Aws:
        return Aws(self.env.region, self.endpoint)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    local = LocalTarget(tmp_path_factory.mktemp("emulator"))
    found = local.ensure_started(lambda _: None)
    try:
        yield Endpoint(found.endpoint_url, local.key.id, local.key.secret)
    finally:
        local.reset()


@pytest.fixture
def target(tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatedTarget]:
    """A checkout of `dev`, its repository empty, the image of its content built already."""
    shutil.copyfile(ROOT / "environments.yaml", tmp_path / "environments.yaml")
    for name in ("service/manage.py", *(f"service/{name}" for name in INCLUDED)):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    shutil.copyfile(ROOT / "service" / "requirements.txt", tmp_path / "service" / "requirements.txt")
    monkeypatch.setenv(BASE_VARIABLE, BASE)
    plain = Workspace.open(tmp_path / "environments.yaml").target("dev")
    made = EmulatedTarget(plain.workspace, plain.env, plain.configured, endpoint)
    client = made.aws.client("ecr")
    client.create_repository(repositoryName=plain.env.ecs.repository_name, imageTagMutability="IMMUTABLE")
    store_image(made, seed=1)
    yield made
    client.delete_repository(repositoryName=plain.env.ecs.repository_name, force=True)


def key(target: Target) -> str:
    return target.workshop.content_key(ImageName.parse(BASE), PLATFORM)


def store_image(target: Target, seed: int) -> str:
    """Put an image of the checkout's content where a build would; answers its digest."""
    store = target.workshop.store
    made = image(store, seed)
    store.name(f"seed-{seed}", made, engine="native", content=key(target))
    return made.digest


def release(target: Target, tag: str) -> tuple[str, list[Event]]:
    """What a deploy does for the image."""
    events: list[Event] = []
    source = BuiltImage(target, tag=tag)
    account = target.aws.identity().account_id
    return source.ensure(source.plan(account), events.append), events


def test_a_deploy_builds_when_asked_to_and_else_only_looks(target: EmulatedTarget) -> None:
    assert isinstance(image_source(target, None), BuiltImage)
    assert isinstance(image_source(target, "v7"), PublishedImage)


def test_a_deploy_that_builds_takes_no_tag_of_a_release(target: EmulatedTarget) -> None:
    env = target.env.model_copy(update={"ecs": target.env.ecs.model_copy(update={"image_tag": "prd-r5"})})
    named = EmulatedTarget(target.workspace, env, target.configured, target.endpoint)
    with pytest.raises(UsageError, match="`prd-r5` is how a deploy of prd tags its releases"):
        image_source(named, None)


@pytest.mark.parametrize("tag", ["latest", "", "a b"])
def test_a_deploy_refuses_what_is_no_tag(target: EmulatedTarget, tag: str) -> None:
    with pytest.raises(UsageError, match=r"`latest` names another image|can't be a tag"):
        image_source(target, tag)


def test_the_registry_tells_which_migrations_a_tag_brings(target: EmulatedTarget) -> None:
    store = target.workshop.store
    values = store.json(image(store, seed=3).digest) | {"annotations": {MIGRATIONS_ANNOTATION: "m1 m2"}}
    push(store, store.add(json.dumps(values).encode(), MANIFEST), repository_of(target, writable=True), "v7")
    assert image_source(target, "v7").migrations == "m1 m2"


def test_missing_content_is_pushed_under_its_tag_and_its_content(target: EmulatedTarget) -> None:
    account = target.aws.identity().account_id
    assert BuiltImage(target, tag="commit-1").plan(account).build
    digest, events = release(target, "commit-1")
    names = target.aws.ecr.images(target.env.ecs.repository_name)
    assert [(each.digest, each.tags) for each in names] == [(digest, ("commit-1", content_tag(key(target))))]
    assert any(isinstance(event, Progress) and event.unit == "bytes" for event in events)


def test_another_commit_with_the_same_content_sends_nothing(target: EmulatedTarget) -> None:
    first, _ = release(target, "commit-1")
    shutil.rmtree(target.workshop.store.root)
    second, events = release(target, "commit-2")
    assert second == first
    assert events == [], "nothing is built, although nothing is here any more"
    plan = BuiltImage(target, tag="commit-2").plan(target.aws.identity().account_id)
    assert (plan.build, plan.digest) == (False, first)


def test_a_plan_names_the_image_that_is_there_under_another_commit(target: EmulatedTarget) -> None:
    digest, _ = release(target, "commit-1")
    plan = BuiltImage(target, tag="commit-2").plan(target.aws.identity().account_id)
    assert plan.uri is not None
    assert plan.uri.endswith(f"/{target.env.ecs.repository_name}@{digest}")


def test_changed_content_is_another_image(target: EmulatedTarget) -> None:
    first, _ = release(target, "commit-1")
    (target.workspace.root / "service" / "manage.py").write_text("changed")
    store_image(target, seed=2)
    second, _ = release(target, "commit-2")
    assert second != first


def taken(target: Target, tag: str) -> str:
    """A stranger's image under a tag; answers its digest."""
    store = target.workshop.store
    made = image(store, seed=66)
    push(store, made, repository_of(target, writable=True), tag)
    return made.digest


def signing(target: EmulatedTarget, monkeypatch: pytest.MonkeyPatch) -> tuple[EmulatedTarget, list[str]]:
    """The same, of an environment that wants signatures; what is signed is in the list."""
    env = target.env.model_copy(update={"images": Images(verify="alias/images")})
    asking, signed = EmulatedTarget(target.workspace, env, target.configured, target.endpoint), list[str]()

    def check(_: Target, digest: str) -> None:
        if digest not in signed:
            raise SignatureError(f"{digest} has no signature")

    monkeypatch.setattr("opsctl.operate.image_checks.check_image", check)
    monkeypatch.setattr("opsctl.operate.built_image.sign_image", lambda _, digest: signed.append(digest))
    return asking, signed


@pytest.mark.parametrize("which", ["commit", "content"])
def test_a_tag_that_a_stranger_took_first_is_refused_and_nothing_is_pushed(which: str, target: EmulatedTarget) -> None:
    foreign = taken(target, "commit-1" if which == "commit" else content_tag(key(target)))
    with pytest.raises(TagTakenError, match=foreign) as caught:
        release(target, "commit-1")
    assert caught.value.exit_code == 5
    assert [each.digest for each in target.aws.ecr.images(target.env.ecs.repository_name)] == [foreign]


@pytest.mark.parametrize("which", ["commit", "content"])
def test_what_an_engine_built_here_is_run_and_not_the_strangers(
    which: str, target: EmulatedTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opsctl.operate.built_image.default_engine", lambda _: "docker")
    store = target.workshop.store
    ours = image(store, seed=7)
    store.name("ours", ours, engine="podman", content=key(target))
    foreign = taken(target, "commit-1" if which == "commit" else content_tag(key(target)))
    digest, _ = release(target, "commit-1")
    assert digest == ours.digest
    tags = {tag: each.digest for each in target.aws.ecr.images(target.env.ecs.repository_name) for tag in each.tags}
    assert foreign in tags.values()
    suffix = f"-{ours.digest[7:19]}"
    assert tags["commit-1" + (suffix if which == "commit" else "")] == ours.digest
    assert tags[content_tag(key(target)) + (suffix if which == "content" else "")] == ours.digest


def test_what_was_pushed_before_is_compared_with_what_was_built_under_its_name(target: EmulatedTarget) -> None:
    foreign = taken(target, "v7")
    assert image_source(target, "v7").plan(ACCOUNT).digest == foreign
    target.workshop.store.name("v7", image(target.workshop.store, seed=2), engine="native")
    with pytest.raises(TagTakenError, match=foreign):
        image_source(target, "v7").plan(ACCOUNT)


def test_another_image_than_was_built_under_its_name_is_run_when_it_is_signed(
    target: EmulatedTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = taken(target, "v7")
    target.workshop.store.name("v7", image(target.workshop.store, seed=2), engine="native")
    asking, signed = signing(target, monkeypatch)
    with pytest.raises(SignatureError):
        image_source(asking, "v7").plan(ACCOUNT)
    signed.append(foreign)
    assert image_source(asking, "v7").plan(ACCOUNT).digest == foreign


@pytest.mark.parametrize("which", ["commit", "content"])
def test_a_deploy_that_builds_takes_what_is_signed_as_well(
    which: str, target: EmulatedTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking, signed = signing(target, monkeypatch)
    foreign = taken(target, "commit-1" if which == "commit" else content_tag(key(target)))
    source = CheckedImage(BuiltImage(asking, tag="commit-1"), asking)
    with pytest.raises(SignatureError):
        source.plan(ACCOUNT)
    signed.append(foreign)
    assert source.ensure(source.plan(ACCOUNT), lambda _: None) == foreign
    assert signed == [foreign]


def test_a_tag_of_a_release_is_resolved_by_its_record(target: EmulatedTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign, recorded = taken(target, "dev-r12"), "sha256:" + "5" * 64
    asked: list[tuple[str, int]] = []

    def record(_: Target, environment: str, number: int) -> str:
        asked.append((environment, number))
        return recorded

    monkeypatch.setattr("opsctl.operate.image_checks.released_digest", record)
    assert image_source(target, "dev-r12").plan(ACCOUNT).digest == recorded != foreign
    assert asked == [("dev", 12)]


@pytest.mark.parametrize("images", [{"verify": "alias/images"}, {"promoted_from": "hml"}])
@pytest.mark.parametrize("tag", [None, "v7"])
def test_what_an_environment_asks_of_images_is_asked_of_each(
    images: dict[str, str], tag: str | None, target: EmulatedTarget
) -> None:
    env = target.env.model_copy(update={"images": Images.model_validate(images)})
    asking = EmulatedTarget(target.workspace, env, target.configured, target.endpoint)
    assert isinstance(image_source(asking, tag), CheckedImage)


def test_content_of_the_registry_that_nobody_signed_is_refused_before_anything_is_deployed(
    target: EmulatedTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken(target, content_tag(key(target)))
    shutil.rmtree(target.workshop.store.root)
    asking, _ = signing(target, monkeypatch)
    with pytest.raises(SignatureError):
        image_source(asking, None).plan(ACCOUNT)


def test_what_an_earlier_deploy_pushed_and_did_not_sign_is_signed(
    target: EmulatedTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = target.workshop.store.images()[0]
    push(target.workshop.store, built, repository_of(target, writable=True), content_tag(key(target)))
    asking, signed = signing(target, monkeypatch)
    source = image_source(asking, None)
    plan = source.plan(ACCOUNT)
    assert (plan.digest, plan.signs, signed) == (None, True, [])
    assert source.ensure(plan, lambda _: None) == built.digest
    assert signed == [built.digest]


def test_a_checkout_without_its_assets_is_told_before_anything_is_done(target: EmulatedTarget) -> None:
    (target.workspace.root / "service" / INCLUDED[0]).unlink()
    fresh = EmulatedTarget(target.workspace, target.env, target.configured, target.endpoint)
    with pytest.raises(BuildError, match=r"is not there, and application\.include names it"):
        BuiltImage(fresh, tag="commit-1").plan(target.aws.identity().account_id)
