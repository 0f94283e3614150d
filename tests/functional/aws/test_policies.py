"""The policies as the emulator enforces them: one environment's deployer at the artifact bucket."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from opsctl.aws.errors import AwsRefusedError
from opsctl.aws.s3 import S3
from opsctl.config import naming
from opsctl.config.models import Environment
from opsctl.deploy.artifacts import Artifacts
from opsctl.deploy.lock import Lock, Run
from opsctl.deploy.release import Release, Releases, current
from opsctl.stacks.access.changing import deploy
from opsctl.stacks.access.grounds import Grounds
from opsctl.stacks.model import StackTemplate
from tests.functional.aws.enforcing import Emulator, enforcing
from tests.unit.deploy.world import FakeEcr
from tests.unit.stacks.access.judge import ACCOUNT, deployers

pytestmark = pytest.mark.emulator
BUCKET = "opsctl-bootstrap-artifactbucket-1"


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with enforcing(tmp_path_factory.mktemp("emulator")) as found:
        root = found.client("s3")
        root.create_bucket(Bucket=BUCKET)
        root.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield found


@pytest.fixture(scope="module")
def people(emulator: Emulator) -> dict[str, S3]:
    return {name: emulator.user(name, deployers(name)) for name in ("dev", "prd")}


KEYS = ("bundle", "template", "lock", "record", "current record")


def key_of(what: str, name: str) -> str:
    folder = f"{name}-salaries-acme"
    return {
        "bundle": naming.bundle_key(folder, "1"),
        "template": naming.template_key(folder, "app", "1"),
        "lock": naming.lock_key(folder),
        "record": naming.release_key(folder, "000001"),
        "current record": naming.release_key(folder),
    }[what]


@pytest.mark.parametrize("what", KEYS)
def test_a_deployer_writes_and_reads_what_is_its_own_environments_and_nothing_else(
    people: dict[str, S3], what: str
) -> None:
    for mine, other in (("dev", "prd"), ("prd", "dev")):
        people[mine].put(BUCKET, key_of(what, mine), mine.encode())
        found = people[mine].get(BUCKET, key_of(what, mine))
        assert found is not None
        assert found.body == mine.encode()
        key = key_of(what, other)
        with pytest.raises(AwsRefusedError):
            people[mine].put(BUCKET, key, b"a stranger's")
        with pytest.raises(AwsRefusedError):
            people[mine].get(BUCKET, key)
        with pytest.raises(AwsRefusedError):
            people[mine].delete(BUCKET, key)


def test_a_free_key_is_told_as_free_and_not_as_forbidden(people: dict[str, S3]) -> None:
    """A first deploy asks for a lock and a record that are not there yet."""
    assert people["dev"].get(BUCKET, naming.release_key("dev-salaries-acme", "000099")) is None


def test_what_lies_under_the_key_of_a_template_is_not_what_is_deployed(
    emulator: Emulator, people: dict[str, S3]
) -> None:
    """Somebody with every right in the account put it there, before and afterwards."""
    template = StackTemplate("app", "prd-salaries-app-acme", "Resources: {}\n")
    key, root = naming.template_key("prd-salaries-acme", "app", template.digest), emulator.client("s3")
    root.put_object(Bucket=BUCKET, Key=key, Body=b"Resources: a stranger's")
    url = Artifacts(people["prd"], BUCKET, "prd-salaries-acme").template(template)
    root.put_object(Bucket=BUCKET, Key=key, Body=b"Resources: a stranger's")
    version = url.partition("?versionId=")[2]
    assert root.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"Resources: a stranger's"
    assert root.get_object(Bucket=BUCKET, Key=key, VersionId=version)["Body"].read() == template.body.encode()


def test_projects_whose_environments_have_one_name_share_neither_lock_nor_record(emulator: Emulator) -> None:
    """Two `dev` in one account, each deployed by a person of its own."""
    people: list[tuple[Environment, S3, Releases]] = []
    for service in ("shop", "blog"):
        env = Environment.model_validate({"name": "dev", "service": service, "client": "acme"})
        s3 = emulator.user(f"dev-{service}", deploy(Grounds(env, ACCOUNT, ACCOUNT)))
        people.append((env, s3, Releases(s3, FakeEcr([]), BUCKET, env)))
    (shop, shops, _), (blog, blogs, _) = people
    with (
        Lock(shops, BUCKET, shop, Run("1", "ann", "deploy"), clock=time.time) as ours,
        Lock(blogs, BUCKET, blog, Run("2", "bob", "deploy"), clock=time.time) as theirs,
    ):
        for env, s3, releases in people:
            assert releases.number == 1
            releases.record(Release(1, "dev", "run", "2026", env.service))
            found = current(s3, BUCKET, env)
            assert found is not None
            assert found.by == env.service
        for each in (ours, theirs):
            each.ensure()
    for store, other in ((shops, blog), (blogs, shop)):
        folder = naming.artifact_folder(other)
        for key in (naming.lock_key(folder), naming.release_key(folder), naming.bundle_key(folder, "1")):
            with pytest.raises(AwsRefusedError):
                store.put(BUCKET, key, b"a stranger's")
            with pytest.raises(AwsRefusedError):
                store.get(BUCKET, key)
