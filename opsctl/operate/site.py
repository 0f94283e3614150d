"""The exported dashboard of an environment: from its database to a folder here, and to its site."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsctl.config import naming
from opsctl.config.nearest import near
from opsctl.deploy.events import as_notes
from opsctl.deploy.graph import step
from opsctl.errors import OpsctlError, UsageError
from opsctl.leaving import is_wished
from opsctl.operate.archive import unpack
from opsctl.operate.dataset import bucket_of, run_command
from opsctl.operate.deployed import require_outputs, service_url, state_of
from opsctl.operate.publishing import PAGE, PublishPlan, plan_publish, publish, published, site_files
from opsctl.operate.target import run_id
from opsctl.stacks import site as site_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opsctl.aws.session import Aws
    from opsctl.deploy.events import Emit
    from opsctl.deploy.planning.state import RemoteState
    from opsctl.operate.target import Target


@dataclass(frozen=True, slots=True)
class DeployedSite:
    """Where a dashboard is published; without a distribution nobody is told that the page changed."""

    aws: Aws
    bucket: str
    distribution: str = ""
    url: str = ""


def export(target: Target, folder: Path, filename: str, emit: Emit) -> dict[str, Any]:
    """Let the dataset task export the active release, and write the files to `folder`."""
    if Path(filename).name != filename or filename.startswith("."):
        raise UsageError(f"--filename `{filename}` is no plain file name.", hint="Write one such as index.html.")
    state = state_of(target)
    wanted = target.env.application.site
    if wanted is None:
        raise OpsctlError(
            f"{target.env.name} has no static site to export.",
            code="no-dashboard",
            hint="Name its job and archive as application.site in environments.yaml.",
        )
    name, _, key = wanted.archive.partition("/")
    bucket = bucket_of(target, state, name)
    typed, text = "opsctl dashboard export", "export the dashboard of the active release"
    hint = (
        f"Correct what the error names, then run `{typed}` again; a release is made by `opsctl dataset refresh --env "
        f"{target.env.name}`, and options of the export stand in application.jobs.{wanted.job}.command."
    )
    with target.outlasting(as_notes(emit)):
        _, log = run_command(target, state, None, emit, typed=typed, text=text, job=wanted.job, if_it_fails=hint)
        stored = target.aws.s3.get(bucket, key)
    if stored is None:
        raise OpsctlError(f"The task ended well, but s3://{bucket}/{key} is not there.", code="no-bundle")
    written = unpack(stored.body, folder, filename)
    return {"environment": target.env.name, "page": str(folder / filename), **asdict(written), "log": log}


def publish_environment(target: Target, folder: Path | None, emit: Emit) -> dict[str, Any]:
    """Publish `folder`, or a new export of the active release, at the environment's site."""
    with (
        target.outlasting(as_notes(emit)),
        tempfile.TemporaryDirectory(prefix="opsctl-dashboard-") as exported,
    ):
        site = site_of(target, state_of(target))
        if folder is not None:
            return publish_folder(site, folder, emit)
        log = export(target, Path(exported), PAGE, emit)["log"]
        return {**publish_folder(site, Path(exported), emit), "log": log}


def publish_folder(site: DeployedSite, folder: Path, emit: Emit) -> dict[str, Any]:
    """Bring the site's bucket to what `folder` holds; returns what was done."""
    if not (folder / PAGE).is_file():
        raise UsageError(
            f"{folder} holds no {PAGE}.",
            code="no-bundle",
            hint=f"`opsctl dashboard export --output-dir {folder}` writes one.",
        )
    store = site.aws.s3
    invalidation: str | None = None

    def invalidate(paths: Sequence[str]) -> None:
        nonlocal invalidation
        if site.distribution:
            reference = f"opsctl-{run_id()}"
            invalidation = site.aws.cloudfront.invalidate(site.distribution, paths, reference=reference)

    with (
        # Inside an environment's this changes nothing; a bucket that was named says no account.
        site.aws.outlasting(tell=as_notes(emit), leaving=is_wished, account=lambda: ""),
        step(emit, "publish", f"sync to s3://{site.bucket}") as ending,
    ):
        files = site_files(folder)
        plan = plan_publish(files, published(store, site.bucket, files))
        publish(plan, folder, store, site.bucket, invalidate=invalidate, emit=emit)
        ending.changed, ending.text = bool(plan.upload or plan.delete), summary(plan)
    found = {"url": site.url, "bucket": site.bucket, "summary": summary(plan), "invalidation": invalidation}
    return {**found, **asdict(plan)}


def summary(plan: PublishPlan) -> str:
    """What publishing does, in one line."""
    if not plan.upload and not plan.delete:
        return f"all {plan.unchanged:,} files are there already"
    return f"{len(plan.upload):,} uploaded, {plan.unchanged:,} unchanged, {len(plan.delete):,} removed"


def named_site(bucket: str, distribution: str, *, region: str | None, ask: Callable[[str], str | None]) -> DeployedSite:
    """A bucket that no environment here knows, with whatever credentials there are: for CI. `ask` gets an MFA code."""
    from opsctl.aws.session import Aws

    if region is None:
        raise UsageError("--bucket needs --region, the bucket's own.", hint="Write one such as us-east-1.")
    return DeployedSite(Aws(region, ask=ask), bucket, distribution)


def required(folder: Path | None) -> Path:
    """The folder to publish where there is no environment to export from."""
    if folder is None:
        raise UsageError("--bucket needs --dir.", hint="`opsctl dashboard export --output-dir DIR` writes one.")
    return folder


def site_of(target: Target, state: RemoteState) -> DeployedSite:
    """The site of an environment's dashboard stack."""
    if not site_stack.wanted(target.env):
        raise OpsctlError(
            f"{target.env.name} has no dashboard site.",
            code="no-dashboard",
            hint=f"Set dashboard.enabled to true in environments.yaml, then `opsctl deploy --env {target.env.name}`.",
        )
    outputs = require_outputs(target, state, naming.SITE_STACK, "SiteBucketName", "DistributionId", "SiteUrl")
    domain, url = outputs["DistributionDomainName"], outputs["SiteUrl"]
    return DeployedSite(
        aws=target.aws,
        bucket=outputs["SiteBucketName"],
        distribution=outputs["DistributionId"],
        url=target.local.service_url(domain, 443) if target.is_local else url,
    )


def address(target: Target) -> str:
    """Where people look at the dashboard: the site, or without one the service's own page.

    Raises UsageError for an application that exports none.
    """
    if target.env.application.site is None and not site_stack.wanted(target.env):
        raise UsageError(
            f"{target.env.name} has no dashboard.",
            code="no-dashboard",
            hint=f"`opsctl open --env {target.env.name}` opens the service.",
        )
    state = state_of(target)
    if site_stack.wanted(target.env):
        return site_of(target, state).url
    front = require_outputs(target, state, "front", "LoadBalancerDnsName")
    return f"{service_url(target, front).rstrip('/')}/dashboard/"


PAGES = ("web", "dashboard")


def page(target: Target, what: str) -> str:
    """Where people look at the service (`web`) or its dashboard. Raises UsageError for another word."""
    if what not in PAGES:
        raise UsageError(
            f"There is no `{what}` to open.", code="unknown-page",
            hint=f"{near(what, PAGES)} There are {' and '.join(PAGES)}.".strip(),
        )  # fmt: skip
    if what == "dashboard":
        return address(target)
    url = service_url(target, require_outputs(target, state_of(target), "front", "LoadBalancerDnsName"))
    if not url:
        raise OpsctlError(
            f"The service of {target.env.name} has no address.", code="no-address",
            hint=f"Run `opsctl deploy --env {target.env.name}`.",
        )  # fmt: skip
    return url
