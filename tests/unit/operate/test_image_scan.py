"""Logins, lists and scans of ECR, as its API answers them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from opsctl.aws.ecr import Ecr, Finding
from opsctl.aws.errors import AwsError
from opsctl.cli.render_images import findings_text
from opsctl.errors import UsageError
from opsctl.operate.image_scan import run_scan, threshold, too_bad

DIGEST = "sha256:" + "a" * 64
IMAGE: dict[str, Any] = {"repositoryName": "salaries", "imageId": {"imageDigest": DIGEST}}


@pytest.fixture
def stub() -> Iterator[Stubber]:
    with Stubber(boto3.client("ecr", region_name="us-east-1")) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def ecr(stub: Stubber) -> Ecr:
    return Ecr(stub.client)


def scanned(status: str, **found: Any) -> dict[str, Any]:
    return {"imageScanStatus": {"status": status, "description": "why"}, "imageScanFindings": found}


def test_a_login_never_shows_its_password(stub: Stubber) -> None:
    token = base64.b64encode(b"AWS:pass:word").decode()
    stub.add_response("get_authorization_token", {"authorizationData": [{"authorizationToken": token}]})
    login = ecr(stub).authorization()
    assert (login.user, login.password) == ("AWS", "pass:word")
    assert "pass" not in repr(login).replace("password", "")


def test_images_come_newest_first(stub: Stubber) -> None:
    days = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2)]
    details = [{"imageDigest": f"d{n}", "imageTags": ["b", "a"], "imagePushedAt": day, "imageSizeInBytes": n}
               for n, day in enumerate(days)]  # fmt: skip
    stub.add_response("describe_images", {"imageDetails": details}, {"repositoryName": "salaries", "registryId": "1"})
    found = ecr(stub).images("salaries", registry="1")
    assert [(each.digest, each.tags, each.size) for each in found] == [("d1", ("a", "b"), 1), ("d0", ("a", "b"), 0)]


def test_a_scan_that_nobody_asked_for_is_started_and_waited_for(stub: Stubber) -> None:
    basic = {
        "name": "CVE-1", "severity": "HIGH",
        "attributes": [{"key": "package_name", "value": "openssl"}, {"key": "package_version", "value": "3.0"}],
    }  # fmt: skip
    stub.add_client_error("describe_image_scan_findings", "ScanNotFoundException")
    stub.add_response("start_image_scan", {}, IMAGE)
    stub.add_response("describe_image_scan_findings", scanned("IN_PROGRESS"), IMAGE)
    stub.add_response("describe_image_scan_findings", scanned("COMPLETE", findings=[basic]), IMAGE)
    waits: list[float] = []
    assert ecr(stub).findings("salaries", DIGEST, sleep=waits.append) == [
        Finding("CVE-1", "HIGH", "openssl", "3.0", "")
    ]
    assert waits == [5.0, 5.0]


def test_a_look_at_the_newest_scan_starts_none_and_waits_for_none(stub: Stubber) -> None:
    stub.add_client_error("describe_image_scan_findings", "ScanNotFoundException")
    assert ecr(stub).scanned("salaries", DIGEST) == ("NOT_SCANNED", [])
    stub.add_response("describe_image_scan_findings", scanned("IN_PROGRESS"), {**IMAGE, "registryId": "1"})
    assert ecr(stub).scanned("salaries", DIGEST, registry="1") == ("IN_PROGRESS", [])
    stub.add_client_error("describe_image_scan_findings", "AccessDeniedException")
    with pytest.raises(AwsError):
        ecr(stub).scanned("salaries", DIGEST)


def test_inspectors_findings_name_the_version_that_mends_them(stub: Stubber) -> None:
    raw = {
        "severity": "CRITICAL", "title": "t",
        "packageVulnerabilityDetails": {
            "vulnerabilityId": "CVE-2",
            "vulnerablePackages": [{"name": "django", "version": "5.2.1", "fixedInVersion": "5.2.9"}],
        },
    }  # fmt: skip
    stub.add_response("describe_image_scan_findings", scanned("ACTIVE", enhancedFindings=[raw]), IMAGE)
    assert ecr(stub).findings("salaries", DIGEST) == [Finding("CVE-2", "CRITICAL", "django", "5.2.1", "5.2.9")]


@pytest.mark.parametrize("status", ["FAILED", "UNSUPPORTED_IMAGE"])
def test_a_scan_that_failed_is_told_and_no_clean_result(stub: Stubber, status: str) -> None:
    stub.add_response("describe_image_scan_findings", scanned(status), IMAGE)
    with pytest.raises(AwsError, match=f"{status} why"):
        ecr(stub).findings("salaries", DIGEST)


def test_a_scan_that_takes_too_long_is_told(stub: Stubber) -> None:
    for _ in range(2):
        stub.add_response("describe_image_scan_findings", scanned("IN_PROGRESS"), IMAGE)
    with pytest.raises(AwsError, match="is still IN_PROGRESS"):
        ecr(stub).findings("salaries", DIGEST, sleep=lambda _: None, poll_seconds=400)


def test_each_platform_of_an_index_is_scanned(stub: Stubber) -> None:
    manifest = '{"manifests": [{"digest": "one"}, {"digest": "two"}]}'
    stub.add_response("batch_get_image", {"images": [{"imageManifest": manifest}]})
    assert ecr(stub).platform_digests("salaries", DIGEST) == ["one", "two"]


@pytest.mark.parametrize(
    "extra",
    [{"platform": {"os": "unknown", "architecture": "unknown"}},
     {"annotations": {"vnd.docker.reference.type": "attestation-manifest"}}],
)  # fmt: skip
def test_what_buildx_says_about_an_image_is_no_platform_to_scan(stub: Stubber, extra: dict[str, Any]) -> None:
    linux = {"digest": "one", "platform": {"os": "linux", "architecture": "amd64"}}
    manifest = json.dumps({"manifests": [linux, {"digest": "two", **extra}]})
    stub.add_response("batch_get_image", {"images": [{"imageManifest": manifest}]})
    assert ecr(stub).platform_digests("salaries", DIGEST) == ["one"]


def test_an_image_that_ecr_can_not_scan_is_told(stub: Stubber) -> None:
    stub.add_client_error("describe_image_scan_findings", "ScanNotFoundException")
    stub.add_client_error("start_image_scan", "UnsupportedImageTypeException", "The image type is not supported")
    with pytest.raises(AwsError, match="was not scanned: UNSUPPORTED_IMAGE"):
        ecr(stub).findings("salaries", DIGEST, sleep=lambda _: None)


@pytest.mark.parametrize("code", ["LimitExceededException", "ScanInProgressException"])
def test_a_scan_that_has_just_begun_is_waited_for(stub: Stubber, code: str) -> None:
    stub.add_client_error("describe_image_scan_findings", "ScanNotFoundException")
    stub.add_client_error("start_image_scan", code)
    stub.add_response("describe_image_scan_findings", scanned("COMPLETE"), IMAGE)
    assert ecr(stub).findings("salaries", DIGEST, sleep=lambda _: None) == []


@dataclass
class Platforms:
    """ECR with one answer per platform: findings, or the error that its scan ends with."""

    answers: dict[str, list[Finding] | AwsError]

    def digest(self, repository: str, tag: str, *, registry: str | None = None) -> str:
        return DIGEST

    def platform_digests(self, repository: str, digest: str, *, registry: str | None = None) -> list[str]:
        return list(self.answers)

    def findings(self, repository: str, digest: str, *, registry: str | None = None) -> list[Finding]:
        answer = self.answers[digest]
        if isinstance(answer, AwsError):
            raise answer
        return answer


FOUND = Finding("CVE-1", "HIGH", "openssl", "3", "")
UNSUPPORTED = AwsError("r@two was not scanned: UNSUPPORTED_IMAGE", aws_code="ScanNotDone")


def scan(**answers: list[Finding] | AwsError) -> dict[str, Any]:
    env = SimpleNamespace(name="dev", ecs=SimpleNamespace(repository_name="r", image_tag=None))
    target: Any = SimpleNamespace(
        env=env, aws=SimpleNamespace(ecr=Platforms(answers)), workspace=SimpleNamespace(root=Path()),
        repository_account=None, is_local=False,
    )  # fmt: skip
    return run_scan(target, "v1")


def test_on_this_machine_nothing_scans() -> None:
    target: Any = SimpleNamespace(env=SimpleNamespace(name="local"), is_local=True)
    with pytest.raises(UsageError, match="local runs on this machine, where nothing scans images") as caught:
        run_scan(target, None)
    assert "--env" in caught.value.hint


def test_a_platform_that_can_not_be_scanned_is_reported_beside_the_others() -> None:
    report = scan(one=[FOUND], two=UNSUPPORTED)
    assert [each["id"] for each in report["findings"]] == ["CVE-1"]
    assert report["not_scanned"] == [{"digest": "two", "reason": UNSUPPORTED.message}]
    assert findings_text(report).endswith(f"Not scanned: {UNSUPPORTED.message}")


def test_an_image_of_which_nothing_can_be_scanned_is_an_error() -> None:
    with pytest.raises(AwsError, match="UNSUPPORTED_IMAGE"):
        scan(two=UNSUPPORTED)


def test_a_scan_that_may_not_be_read_is_an_error_whatever_the_others_say() -> None:
    with pytest.raises(AwsError, match="denied"):
        scan(one=[FOUND], two=AwsError("denied", aws_code="AccessDenied"))


@pytest.mark.parametrize(
    ("severity", "limit", "bad"),
    [("HIGH", "HIGH", True), ("CRITICAL", "HIGH", True), ("MEDIUM", "HIGH", False), ("UNTRIAGED", "LOW", False),
     ("CRITICAL", None, False)],
)  # fmt: skip
def test_findings_as_bad_as_the_limit_fail(severity: str, limit: str | None, bad: bool) -> None:
    assert too_bad({"findings": [{"severity": severity}]}, limit) is bad


def test_a_severity_that_does_not_exist_is_refused() -> None:
    assert threshold("high") == "HIGH"
    with pytest.raises(UsageError):
        threshold("terrible")


def test_findings_read_worst_first_with_what_mends_them() -> None:
    finding = {"severity": "HIGH", "id": "CVE-1", "package": "django", "version": "5", "fixed": "6"}
    report = {
        "repository": "r",
        "tag": "t",
        "digest": DIGEST,
        "counts": {"HIGH": 1},
        "findings": [finding],
        "not_scanned": [],
    }
    assert findings_text(report).splitlines() == [
        "r:t (sha256:aaaaaaaaaaaa): 1 HIGH", "SEVERITY  ID     PACKAGE   FIXED IN", "HIGH      CVE-1  django 5  6",
    ]  # fmt: skip
