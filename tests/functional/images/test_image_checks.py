"""What an environment runs: what was signed, what another ran before it; and what a release was, by its record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from opsctl.aws.s3 import StoredObject
from opsctl.aws.session import Endpoint
from opsctl.aws.tags import TagTakenError
from opsctl.config.models import Environment
from opsctl.config.naming import signature_tag
from opsctl.deploy.events import Event, Note
from opsctl.deploy.image import ImageMissingError, ImageRefusedError
from opsctl.deploy.planning.plan import ImagePlan
from opsctl.deploy.release import Release
from opsctl.errors import ConfigError, UsageError
from opsctl.images.oci.push import push
from opsctl.images.oci.signing import SignatureError
from opsctl.operate.image import Elsewhere, run_build, run_push, run_sign
from opsctl.operate.image_checks import CheckedImage, check_image, released_digest
from tests.functional.images.samples import image, new_store
from tests.functional.images.servers import PASSWORD, USER, Registry
from tests.functional.images.test_signing import OURS, THEIRS, pem, signer
from tests.unit.deploy.fakes import FakeCloudFormation, template
from tests.unit.deploy.world import FIRST, SECOND, FakeImage, FakeS3
from tests.unit.operate.shop import lasting

KEY = "alias/images"


class FakeKms:
    """One key, by its alias."""

    def __init__(self, key: Any) -> None:
        self.key = key

    def public_key(self, key: str) -> bytes:
        assert key == KEY
        return pem(self.key)

    def sign(self, key: str, message: bytes) -> bytes:
        assert key == KEY
        return signer(self.key)(message)


def environment(name: str, repository: str, **images: str) -> Environment:
    return Environment.model_validate({
        "name": name, "service": "salaries", "client": "acme", "ecs": {"repository_name": repository}, "images": images,
    })  # fmt: skip


def target(folder: Path, registry: Registry | None = None, repository: str = "app", **images: str) -> Any:
    """`prd`, whose workspace knows `hml` as well; both keep their records in one bucket."""
    formation = FakeCloudFormation()
    formation.put(template("bootstrap"), "CREATE_COMPLETE", outputs={"ArtifactBucketName": "artifacts"})
    ecr = SimpleNamespace(authorization=lambda: SimpleNamespace(user=USER, password=PASSWORD))
    endpoint = Endpoint(f"http://{registry.host}", "id", "secret") if registry else None
    aws: Any = SimpleNamespace(
        s3=FakeS3([]), cloudformation=formation, ecr=ecr, endpoint=endpoint, kms=FakeKms(OURS), in_region=lambda _: aws
    )
    made: dict[str, Any] = {}
    workspace = SimpleNamespace(
        root=folder, target=lambda name: made[name], configuration=SimpleNamespace(environments=made)
    )
    for name, wanted in (("prd", images), ("hml", {})):
        made[name] = SimpleNamespace(
            env=environment(name, repository, **wanted), aws=aws, workspace=workspace, is_local=False,
            templates=(template("bootstrap"),), unwanted=(), repository_account=None,
            image_store=new_store(folder), workshop=SimpleNamespace(),
            project=SimpleNamespace(version=SimpleNamespace(tag="v1")), outlasting=lasting,
        )  # fmt: skip
    return made["prd"]


def ran(found: Any, name: str, *digests: str) -> None:
    """Write the records of releases."""
    for number, digest in enumerate(digests, 1):
        body = json.dumps(asdict(Release(number, name, "run", "2026", "ann", digest=digest))).encode()
        for key in (f"{number:06}", "current"):
            found.aws.s3.objects[f"releases/{name}-salaries-acme/{key}.json"] = StoredObject(body, "")


def pushed(registry: Registry, folder: Path, repository: str) -> str:
    store = new_store(folder)
    made = image(store, layers=1, size=500)
    push(store, made, registry.repository(repository), "v1")
    return made.digest


def test_what_another_environment_ran_lately_is_taken_and_nothing_else(tmp_path: Path) -> None:
    prd = target(tmp_path, promoted_from="hml")
    with pytest.raises(ImageRefusedError, match=r"prd runs only what hml ran, and .* of hml or prd") as caught:
        check_image(prd, FIRST)
    assert (caught.value.code, caught.value.exit_code) == ("image-not-promoted", 5)
    assert "`opsctl deploy --env hml`" in caught.value.hint
    ran(prd, "hml", FIRST, SECOND)
    check_image(prd, FIRST)
    ran(prd, "hml", FIRST, *([SECOND] * 30))
    with pytest.raises(ImageRefusedError):
        check_image(prd, FIRST)


def test_what_an_environment_ran_itself_it_may_run_again_while_it_is_kept(tmp_path: Path) -> None:
    prd = target(tmp_path, promoted_from="hml")
    ran(prd, "hml", *([SECOND] * 31))
    ran(prd, "prd", FIRST, SECOND)
    check_image(prd, FIRST)
    ran(prd, "prd", FIRST, *([SECOND] * 30))
    with pytest.raises(ImageRefusedError):
        check_image(prd, FIRST)


def test_a_release_is_found_by_its_record_and_not_by_its_tag(tmp_path: Path) -> None:
    prd = target(tmp_path)
    ran(prd, "hml", FIRST, SECOND)
    assert [released_digest(prd, "hml", number) for number in (1, 2)] == [FIRST, SECOND]
    with pytest.raises(ImageRefusedError, match="hml has no record of release 3") as caught:
        released_digest(prd, "hml", 3)
    assert caught.value.code == "no-such-release"


@pytest.mark.parametrize("built", [True, False])
def test_an_image_is_checked_before_anything_is_deployed(built: bool, tmp_path: Path) -> None:
    checked = CheckedImage(FakeImage(build=built), target(tmp_path, promoted_from="hml"))
    if not built:
        with pytest.raises(ImageRefusedError):
            checked.plan("1" * 12)
    with pytest.raises(ImageRefusedError):
        checked.ensure(ImagePlan("1" * 12, "app", "v1", None, built, None), lambda _: None)
    assert (checked.commit, checked.migrations) == ("abc", "m1")


def test_only_what_the_key_signed_is_taken(protected: Registry, tmp_path: Path) -> None:
    digest = pushed(protected, tmp_path / "built", "checks/kms")
    prd = target(tmp_path, protected, "checks/kms", verify=KEY)
    with pytest.raises(SignatureError, match="has no signature") as caught:
        check_image(prd, digest)
    assert f"`opsctl image sign {digest} --env prd`" in caught.value.hint
    with pytest.raises(UsageError, match="Nothing was built here as v1, so whose image checks/kms:v1 is") as unnamed:
        run_sign(prd, None, lambda _: None)
    assert "Name the digest that you mean" in unnamed.value.hint
    with pytest.raises(SignatureError, match="has no signature"):
        check_image(prd, digest)
    assert [run_sign(prd, reference, lambda _: None)["signed"] for reference in (digest, "v1")] == [True, False]
    check_image(prd, digest)
    prd.aws.kms.key = THEIRS
    with pytest.raises(SignatureError, match="another key"):
        check_image(prd, digest)


def test_a_push_to_the_environments_repository_signs(protected: Registry, tmp_path: Path) -> None:
    prd = target(tmp_path, protected, "checks/push", verify=KEY)
    store = prd.image_store
    made = store.name("v1", image(store, layers=1, size=500), engine="native")
    elsewhere = Elsewhere(f"{protected.host}/checks/elsewhere", USER, PASSWORD)
    assert not run_push(prd, tag="v1", elsewhere=elsewhere, emit=lambda _: None).signed
    assert run_push(prd, tag="v1", elsewhere=Elsewhere(None, None, None), emit=lambda _: None).signed
    check_image(prd, made.digest)


def test_what_asks_aws_in_a_push_and_in_a_signature_outlasts_credentials(
    protected: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prd = target(tmp_path, protected, "checks/wait", verify=KEY)
    store = prd.image_store
    store.name("v1", image(store, layers=1, size=500), engine="native")
    waits: list[bool] = []
    asked: list[bool] = []

    @contextmanager
    def outlasting(_tell: object) -> Iterator[None]:
        waits.append(True)
        yield
        waits.clear()

    def noting(call: Any) -> Any:
        def noted(*given: Any) -> Any:
            asked.append(bool(waits))
            return call(*given)

        return noted

    prd.outlasting = outlasting
    for client, name in ((prd.aws.ecr, "authorization"), (prd.aws.kms, "sign"), (prd.aws.kms, "public_key")):
        monkeypatch.setattr(client, name, noting(getattr(client, name)))
    run_push(prd, tag="v1", elsewhere=Elsewhere(f"{protected.host}/checks/other", USER, PASSWORD), emit=lambda _: None)
    assert asked == []
    run_push(prd, tag="v1", elsewhere=Elsewhere(None, None, None), emit=lambda _: None)
    run_sign(prd, "v1", lambda _: None)
    assert len(asked) > 3
    assert all(asked)


def test_a_local_target_neither_asks_for_signatures_nor_makes_any(protected: Registry, tmp_path: Path) -> None:
    local = target(tmp_path, protected, "checks/local", verify=KEY)
    local.is_local, local.aws.kms = True, None
    local.image_store.name("v1", image(local.image_store, layers=1, size=500), engine="native")
    assert not run_push(local, tag="v1", elsewhere=Elsewhere(None, None, None), emit=lambda _: None).signed
    with pytest.raises(UsageError, match="runs on this machine and asks for no signature"):
        run_sign(local, None, lambda _: None)


@pytest.mark.parametrize("tag", ["prd-r5", "hml-r12", "hml-r12.sig", "prd-r5-0123456789ab"])
def test_a_tag_of_a_release_is_neither_built_nor_pushed_by_hand(tag: str, tmp_path: Path) -> None:
    prd = target(tmp_path)
    with pytest.raises(UsageError, match=f"`{tag}` is how a deploy of {tag[:3]} tags its releases"):
        run_push(prd, tag=tag, elsewhere=Elsewhere(None, None, None), emit=lambda _: None)
    with pytest.raises(UsageError, match="tags its releases"):
        run_build(prd, tag=tag, platform=None, engine="native", base=None, test=False, emit=lambda _: None)


def test_without_a_key_nothing_is_signed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="prd has no KMS key to sign with"):
        run_sign(target(tmp_path, verify="images.pub"), None, lambda _: None)


def test_an_image_that_is_not_there_is_not_signed(protected: Registry, tmp_path: Path) -> None:
    with pytest.raises(ImageMissingError, match="There is no image checks/none:v1"):
        run_sign(target(tmp_path, protected, "checks/none", verify=KEY), "v1", lambda _: None)


def test_what_was_built_here_needs_no_name_to_be_signed(protected: Registry, tmp_path: Path) -> None:
    prd = target(tmp_path, protected, "checks/unnamed", verify=KEY)
    made = prd.image_store.name("v1", image(prd.image_store, layers=1, size=500), engine="native")
    push(prd.image_store, made, protected.repository("checks/unnamed"), "v1")
    assert run_sign(prd, None, lambda _: None) == {
        "image": f"{protected.host}/checks/unnamed@{made.digest}", "tag": signature_tag(made.digest),
        "digest": made.digest, "signed": True,
    }  # fmt: skip


def test_a_public_key_may_lie_beside_the_configuration(protected: Registry, tmp_path: Path) -> None:
    digest = pushed(protected, tmp_path / "built", "checks/file")
    run_sign(target(tmp_path, protected, "checks/file", verify=KEY), digest, lambda _: None)
    prd = target(tmp_path, protected, "checks/file", verify="images.pub")
    with pytest.raises(ConfigError, match=r"images\.pub, the key of images\.verify, can't be read"):
        check_image(prd, digest)
    (tmp_path / "images.pub").write_bytes(pem(OURS))
    check_image(prd, digest)


def test_a_tag_that_holds_another_image_than_was_built_here_is_not_signed(protected: Registry, tmp_path: Path) -> None:
    pushed(protected, tmp_path / "built", "checks/tag")
    prd = target(tmp_path, protected, "checks/tag", verify=KEY)
    built = partial(prd.image_store.name, "v1", image(prd.image_store, seed=9))
    built(engine="podman")
    with pytest.raises(TagTakenError, match="checks/tag:v1 is sha256") as caught:
        run_sign(prd, "v1", lambda _: None)
    assert "An engine gives each build" in caught.value.hint
    built(engine="native")
    with pytest.raises(TagTakenError, match="checks/tag:v1 is sha256") as caught:
        run_sign(prd, None, lambda _: None)
    assert "An engine" not in caught.value.hint


def test_an_engines_image_is_pushed_under_another_tag_only_where_none_was_named(
    protected: Registry, tmp_path: Path
) -> None:
    pushed(protected, tmp_path / "built", "checks/named")
    prd, events = target(tmp_path, protected, "checks/named", verify=KEY), list[Event]()
    store = prd.image_store
    made = store.name("v1", image(store, seed=9), engine="podman")
    here, own = Elsewhere(None, None, None), f"v1-{made.digest[7:19]}"
    with pytest.raises(ImageMissingError, match=f"checks/named:{own}"):
        run_sign(prd, None, events.append)
    with pytest.raises(TagTakenError):
        run_push(prd, tag="v1", elsewhere=here, emit=events.append)
    assert not [event for event in events if isinstance(event, Note)]
    assert run_push(prd, tag=None, elsewhere=here, emit=events.append).tag == own
    assert [event.text for event in events if isinstance(event, Note)] == [
        f"v1 is taken by another image; pushed as {own}, deploy it with --image-tag {own}."
    ]
    signed = run_sign(prd, None, events.append)
    assert (signed["digest"], signed["signed"]) == (made.digest, False)
