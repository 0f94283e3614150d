"""What ECR's scan found in an image of an environment, worst first."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from opsctl.aws.errors import AwsError
from opsctl.deploy.image import ImageMissingError
from opsctl.errors import UsageError

if TYPE_CHECKING:
    from opsctl.aws.ecr import Ecr, Finding
    from opsctl.operate.target import Target

SEVERITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")


def run_scan(target: Target, tag: str | None) -> dict[str, Any]:
    """The findings of an image's scan, of each platform it is made for."""
    if target.is_local:
        raise UsageError(
            f"{target.env.name} runs on this machine, where nothing scans images.",
            hint="Name an environment on AWS with --env.",
        )
    ecr, repository = target.aws.ecr, target.env.ecs.repository_name
    owner = target.repository_account
    tag = tag or target.env.ecs.image_tag or target.project.version.tag
    digest = ecr.digest(repository, tag, registry=owner)
    if digest is None:
        raise ImageMissingError(
            f"There is no image {repository}:{tag}.",
            hint=f"Push it with `opsctl image push --env {target.env.name} --tag {tag}`, or name another with --tag.",
        )
    found, not_scanned = _findings(ecr, repository, digest, owner)
    ordered = sorted(found, key=lambda each: (-severity_rank(each.severity), each.id, each.package))
    counts = {name: count for name in reversed(SEVERITIES) if (count := sum(f.severity == name for f in found))}
    return {
        "repository": repository,
        "tag": tag,
        "digest": digest,
        "counts": counts,
        "findings": [asdict(each) for each in ordered],
        "not_scanned": not_scanned,
    }


def _findings(ecr: Ecr, repository: str, digest: str, owner: str | None) -> tuple[set[Finding], list[dict[str, str]]]:
    """What was found in any platform, and the platforms that ECR can't scan; an error when it can scan none."""
    found: set[Finding] = set()
    failures: dict[str, AwsError] = {}
    platforms = ecr.platform_digests(repository, digest, registry=owner)
    for each in platforms:
        try:
            found.update(ecr.findings(repository, each, registry=owner))
        except AwsError as error:
            if error.aws_code != "ScanNotDone":
                raise
            failures[each] = error
    if failures and len(failures) == len(platforms):
        raise next(iter(failures.values()))
    return found, [{"digest": each, "reason": error.message} for each, error in failures.items()]


def severity_rank(severity: str) -> int:
    """How bad: 0 for what is informational or not judged yet, 4 for CRITICAL."""
    return SEVERITIES.index(severity) + 1 if severity in SEVERITIES else 0


def threshold(text: str | None) -> str | None:
    """The severity that --fail-on names. Raises UsageError."""
    if text is not None and text.upper() not in SEVERITIES:
        raise UsageError(f"`{text}` is not a severity.", hint=f"Choose from {', '.join(SEVERITIES)}.")
    return text.upper() if text else None


def too_bad(report: dict[str, Any], limit: str | None) -> bool:
    """Whether a finding is at least as bad as the limit."""
    if limit is None:
        return False
    return any(severity_rank(each["severity"]) >= severity_rank(limit) for each in report["findings"])
