"""ECR as moto has it, with immutable tags by Stubber, as moto lets them move."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from moto import mock_aws

from opsctl.aws.ecr import Ecr
from opsctl.aws.errors import AwsError

from .clients import ACCOUNT, client, stubbed

MANIFEST = json.dumps({
    "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 2, "digest": "sha256:" + "0" * 64},
    "layers": [],
})  # fmt: skip
DIGEST = "sha256:" + hashlib.sha256(MANIFEST.encode()).hexdigest()


@pytest.fixture
def registry() -> Any:
    with mock_aws():
        made = client("ecr")
        made.create_repository(repositoryName="app")
        made.put_image(repositoryName="app", imageManifest=MANIFEST, imageTag="abc")
        yield made


def test_a_tag_names_a_digest(registry: Any) -> None:
    found = Ecr(registry).digest("app", "abc", registry=ACCOUNT)
    assert found is not None
    assert found.startswith("sha256:")


@pytest.mark.parametrize(("repository", "tag"), [("app", "other"), ("no-such", "abc")])
def test_a_tag_or_repository_that_is_not_there_is_none(registry: Any, repository: str, tag: str) -> None:
    assert Ecr(registry).digest(repository, tag) is None


def test_an_image_gets_one_more_tag_and_keeps_its_digest(registry: Any) -> None:
    ecr = Ecr(registry)
    digest = ecr.digest("app", "abc")
    assert digest is not None
    ecr.add_tag("app", digest, "dev-r1")
    assert ecr.digest("app", "dev-r1") == digest


def test_a_tag_that_goes_leaves_the_image_to_its_others(registry: Any) -> None:
    ecr = Ecr(registry)
    digest = ecr.digest("app", "abc")
    assert digest is not None
    ecr.add_tag("app", digest, "dev-r1")
    ecr.remove_tags("app", ["dev-r1"], registry=ACCOUNT)
    assert (ecr.digest("app", "dev-r1"), ecr.digest("app", "abc")) == (None, digest)


def test_tags_go_a_hundred_at_a_time_and_what_stays_is_an_error_although_the_answer_was_200() -> None:
    tags = [f"dev-r{number}" for number in range(101)]
    missing = {"imageId": {"imageTag": "dev-r1"}, "failureCode": "ImageNotFound", "failureReason": "none"}
    kept = {"imageId": {"imageTag": "dev-r100"}, "failureCode": "ImageReferencedByManifestList", "failureReason": "no"}
    with stubbed("ecr") as (made, stub):
        for part, failure in ((tags[:100], missing), (tags[100:], kept)):
            asked = {"repositoryName": "app", "imageIds": [{"imageTag": tag} for tag in part]}
            stub.add_response("batch_delete_image", {"failures": [failure]}, asked)
        with pytest.raises(AwsError, match=r"app:dev-r100 could not be removed: no\."):
            Ecr(made).remove_tags("app", tags)


def test_an_image_is_looked_for_by_its_digest() -> None:
    asked = {"repositoryName": "app", "imageIds": [{"imageDigest": DIGEST}], "registryId": "210987654321"}
    with stubbed("ecr") as (made, stub):
        stub.add_response("describe_images", {"imageDetails": [{"imageDigest": DIGEST}]}, asked)
        assert Ecr(made).holds("app", DIGEST, registry="210987654321")
        for code in ("ImageNotFoundException", "RepositoryNotFoundException"):
            stub.add_client_error("describe_images", code)
            assert not Ecr(made).holds("app", DIGEST)
        stub.add_client_error("describe_images", "AccessDeniedException")
        with pytest.raises(AwsError):
            Ecr(made).holds("app", DIGEST)


def test_an_emulated_registry_knows_which_digests_it_has(registry: Any) -> None:
    assert not Ecr(registry).holds("app", "sha256:" + "1" * 64)


def test_an_image_that_is_gone_can_not_be_tagged(registry: Any) -> None:
    with pytest.raises(AwsError, match="is not in the registry") as caught:
        Ecr(registry).add_tag("app", "sha256:" + "1" * 64, "dev-r1")
    assert caught.value.aws_code == "ImageNotFoundException"


GOT = {"images": [{"imageManifest": MANIFEST, "imageManifestMediaType": "application/vnd.oci.image.index.v1+json"}]}


def test_an_index_is_put_back_as_an_index_in_the_owners_registry() -> None:
    sent = {
        "repositoryName": "app", "imageManifest": MANIFEST, "imageTag": "dev-r1", "registryId": "210987654321",
        "imageManifestMediaType": "application/vnd.oci.image.index.v1+json",
    }  # fmt: skip
    with stubbed("ecr") as (made, stub):
        stub.add_response("batch_get_image", GOT)
        stub.add_response("put_image", {}, sent)
        Ecr(made).add_tag("app", DIGEST, "dev-r1", registry="210987654321")


def test_what_a_builder_noted_in_an_image_is_read() -> None:
    noted = json.dumps({**json.loads(MANIFEST), "annotations": {"dev.opsctl.migrations": "m1 m2"}})
    with stubbed("ecr") as (made, stub):
        stub.add_response("batch_get_image", {"images": [{"imageManifest": noted}]})
        stub.add_response("batch_get_image", GOT)
        assert Ecr(made).annotations("app", DIGEST) == {"dev.opsctl.migrations": "m1 m2"}
        assert Ecr(made).annotations("app", DIGEST) == {}


def test_a_tag_that_names_this_image_already_is_no_error() -> None:
    with stubbed("ecr") as (made, stub):
        stub.add_response("batch_get_image", GOT)
        stub.add_client_error("put_image", "ImageAlreadyExistsException")
        Ecr(made).add_tag("app", DIGEST, "dev-r1")


def test_an_immutable_tag_that_another_deploy_gave_this_image_meanwhile_is_no_error() -> None:
    with stubbed("ecr") as (made, stub):
        stub.add_response("batch_get_image", GOT)
        stub.add_client_error("put_image", "ImageTagAlreadyExistsException", "tag is immutable")
        stub.add_response("describe_images", {"imageDetails": [{"imageDigest": DIGEST}]})
        Ecr(made).add_tag("app", DIGEST, "dev-r1")


def test_an_immutable_tag_of_another_image_is_an_error() -> None:
    with stubbed("ecr") as (made, stub):
        stub.add_response("batch_get_image", GOT)
        stub.add_client_error("put_image", "ImageTagAlreadyExistsException", "tag is immutable")
        stub.add_response("describe_images", {"imageDetails": [{"imageDigest": "sha256:other"}]})
        with pytest.raises(AwsError, match="tag is immutable"):
            Ecr(made).add_tag("app", DIGEST, "dev-r1")


def test_a_registry_that_may_not_be_read_is_not_without_the_image() -> None:
    with stubbed("ecr") as (made, stub):
        stub.add_client_error("describe_images", "AccessDeniedException", "no")
        with pytest.raises(AwsError, match="denied DescribeImages"):
            Ecr(made).digest("app", "abc")
