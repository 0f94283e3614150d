"""What a stack is, before anything is deployed: its template and where each parameter's value comes from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

from opsctl.config.naming import StackName

# Values that only a deploy knows. Everything else in a template follows from the configuration.
# image_uri: repository@sha256:… of the release
# db_init_bundle_key: key of the DbInit bundle in the artifact bucket, by content hash
# BUNDLE_VERSION: the version that was uploaded there; kept as long as the key is
# nat_image_id: AMI of the NAT instance: read on first create, kept afterwards
# s3_prefix_list_id: AWS's list of S3's addresses in the region: read once, kept afterwards
# guardduty: "true" when the bootstrap stack shall hold the detector
# oidc_provider: "true" when the stack of CI's roles shall hold the account's OIDC provider
# rollout:PROCESS: changes when its tasks shall be started anew
ContextKey = str
BUNDLE_VERSION: ContextKey = "db_init_bundle_version"
_ROLLOUT = "rollout:"


def rollout_key(process: str) -> ContextKey:
    """The context's key of a process that runs as a service: the web, or a worker."""
    return f"{_ROLLOUT}{process}"


def rollout_process(key: ContextKey) -> str | None:
    """The process of such a key; None for another key."""
    return key.removeprefix(_ROLLOUT) if key.startswith(_ROLLOUT) else None


@dataclass(frozen=True, slots=True)
class FromOutput:
    """The value of another stack's output, read at deploy time."""

    stack: StackName
    output: str


@dataclass(frozen=True, slots=True)
class FromContext:
    """A value that the deploy brings along."""

    key: ContextKey


ParameterSource = FromOutput | FromContext


@dataclass(frozen=True)
class StackTemplate:
    """One stack of one environment, ready to be written to `templates/<env>/<stack>.yaml` or deployed.

    `stateful` holds logical ids of resources that hold data: replacing or deleting one needs `--allow-replace`.
    `region` is set when the stack lives in another region than its environment.
    """

    stack: StackName
    physical_name: str
    body: str
    parameters: dict[str, ParameterSource] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    stateful: tuple[str, ...] = ()
    region: str | None = None
    capabilities: tuple[str, ...] = ("CAPABILITY_NAMED_IAM",)
    termination_protection: bool = False
    after: tuple[StackName, ...] = ()

    @property
    def depends_on(self) -> tuple[StackName, ...]:
        """Stacks that must be complete first: those whose outputs are read, and those named in `after`."""
        sources = (source.stack for source in self.parameters.values() if isinstance(source, FromOutput))
        return tuple(dict.fromkeys([*sources, *self.after]))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the body, in hex."""
        return hashlib.sha256(self.body.encode()).hexdigest()
