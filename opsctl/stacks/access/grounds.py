"""How IAM tells environments apart: by name where names say it, by tags where AWS makes them up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from opsctl.config import naming
from opsctl.config.models import Environment
from opsctl.stacks.parts.base import stack_tags

Condition = dict[str, dict[str, Any]]
# CloudFront's certificate and its firewall live there, wherever the environment does.
GLOBAL_REGION = "us-east-1"
# CloudFormation cuts a stack's name to 24 characters at the earliest when it names a resource after it; to five for a
# load balancer, whose name is short.
_NAME_LENGTH = 24
_BALANCER_LENGTH = 5


def actions(service: str, names: str) -> list[str]:
    """Actions of one service."""
    return [f"{service}:{name}" for name in names.split()]


@dataclass(frozen=True)
class Grounds:
    """One environment in one account."""

    env: Environment
    account: str
    registry: str
    """The account that has the image repository."""

    @property
    def made(self) -> str:
        """Begins the name of whatever CloudFormation names after one of the environment's stacks."""
        return f"{self.env.name}-{self.env.service}-"[:_NAME_LENGTH]

    def is_like(self, other: Grounds) -> bool:
        """Whether names or tags don't tell the other environment's resources from this one's."""
        accounts = {self.env.account_id, other.env.account_id}
        if None not in accounts and len(accounts) == 2:
            return False
        names = (self.made, other.made), (self.made[:_BALANCER_LENGTH], other.made[:_BALANCER_LENGTH])
        return self.ours == other.ours or any(one.startswith(two) or two.startswith(one) for one, two in names)

    def arn(self, service: str, resource: str, *, region: str | None = None, account: str | None = None) -> str:
        """An ARN of the account and region."""
        region = self.env.region if region is None else region
        return f"arn:aws:{service}:{region}:{self.account if account is None else account}:{resource}"

    def named(self, service: str, *kinds: str, region: str | None = None) -> list[str]:
        """ARNs of what CloudFormation names, of these kinds (`role/`, `db:`), up to the name."""
        return [self.arn(service, f"{kind}{self.made}*", region=region) for kind in kinds]

    def everywhere(self, service: str, resource: str) -> list[str]:
        """An ARN in each region that the environment has stacks in."""
        return [self.arn(service, resource, region=each) for each in dict.fromkeys((self.env.region, GLOBAL_REGION))]

    @property
    def stacks(self) -> list[str]:
        """The environment's stacks, and those that AWS nests in them for a rotation."""
        return self.everywhere("cloudformation", f"stack/{self.env.name}-{self.env.service}-*")

    @property
    def taken_over(self) -> list[str]:
        """The database that the first deploy takes over, which has a name of its own."""
        name = self.env.rds.import_instance
        return [] if name is None else [self.arn("rds", f"db:{name}")]

    @property
    def snapshot(self) -> str | None:
        """The ARN of the snapshot that the first deploy restores; another account's is written as one. RDS keeps its
        name in lower case, however it is written, and IAM tells cases apart.
        """
        if self.env.rds.snapshot_identifier is None:
            return None
        name = self.env.rds.snapshot_identifier.lower()
        return name if name.startswith("arn:") else self.arn("rds", f"snapshot:{name}")

    @property
    def cluster(self) -> str:
        """The ECS cluster."""
        return self.arn("ecs", f"cluster/{naming.cluster_name(self.env)}")

    @property
    def artifacts(self) -> str:
        """The artifact bucket, of whatever region."""
        return f"arn:aws:s3:::{naming.BOOTSTRAP_STACK}-artifactbucket-*"

    @property
    def buckets(self) -> list[str]:
        """The environment's own buckets."""
        named = self.env.site.bucket_name
        return [f"arn:aws:s3:::{self.made}*", *([f"arn:aws:s3:::{named}"] if named else [])]

    @property
    def load_balancer(self) -> str:
        """For the firewall's calls, which know no tags of it."""
        return self.arn("elasticloadbalancing", f"loadbalancer/app/{self.made[:_BALANCER_LENGTH]}*")

    @property
    def repository(self) -> str:
        """The image repository, in the account that has it."""
        return self.arn("ecr", f"repository/{self.env.ecs.repository_name}", account=self.registry)

    @property
    def signing_key(self) -> tuple[str, Condition | None] | None:
        """The KMS key that signs images, as a resource and, for an alias, the condition that tells it from other keys:
        IAM knows an alias only by the name that the request used.
        """
        images = self.env.images
        if images.kms_key is None:
            return None
        name = images.kms_key.rpartition(":")[2]
        if name.startswith("key/"):
            return images.kms_key, None
        account = images.kms_key.split(":")[4] if images.kms_key.startswith("arn:") else None
        every = self.arn("kms", "key/*", region=images.key_region, account=account)
        return every, {"StringEquals": {"kms:RequestAlias": name}}

    @property
    def log_groups(self) -> list[str]:
        """The environment's log groups, with and without what follows the name of one that has streams."""
        names = [naming.log_group(self.env, "*"), *(f"{name}*" for name in naming.own_log_groups(self.env).values())]
        return [self.arn("logs", f"log-group:{name}") for name in dict.fromkeys(names)]

    @property
    def secrets(self) -> str:
        """Secrets that opsctl names."""
        return self.arn("secretsmanager", f"secret:opsctl/{self.env.name}/{self.env.service}/*")

    @property
    def foreign_secrets(self) -> list[str]:
        """Secrets of somebody else that the application reads."""
        return [source for source in self.env.application.secrets.values() if source.startswith("arn:")]

    @property
    def domains(self) -> list[str]:
        """Names under which the environment is reached."""
        found = [*self.env.application.web.domains, self.env.site.domain_name or ""]
        return [name for name in dict.fromkeys(found) if name]

    @property
    def zones(self) -> list[str]:
        """Hosted zones in which they are."""
        found = (self.env.application.web.hosted_zone_id, self.env.site.hosted_zone_id)
        return [f"arn:aws:route53:::hostedzone/{zone}" for zone in dict.fromkeys(found) if zone]

    @property
    def ours(self) -> Condition:
        """What is tagged as this environment's."""
        return {"StringEquals": self._tags("aws:ResourceTag")}

    @property
    def nobody_elses(self) -> Condition:
        """What is new, or AWS's, or this environment's: whatever is tagged as another's is not."""
        return {"StringEqualsIfExists": self._tags("aws:ResourceTag")}

    @property
    def born_ours(self) -> Condition:
        """What is tagged as this environment's when it is made."""
        return {"StringEquals": self._tags("aws:RequestTag")}

    @property
    def tagged_ours(self) -> Condition:
        """Tags on what is nobody else's, which don't make it somebody else's."""
        return {"StringEqualsIfExists": {**self._tags("aws:ResourceTag"), **self._tags("aws:RequestTag")}}

    @property
    def in_cluster(self) -> Condition:
        """In the environment's own ECS cluster."""
        return {"ArnEquals": {"ecs:cluster": self.cluster}}

    @property
    def in_account(self) -> Condition:
        """S3's ARNs name no account: a stranger's bucket may be called like ours."""
        return {"StringEquals": {"aws:ResourceAccount": self.account}}

    def _tags(self, key: str) -> dict[str, str]:
        tags = stack_tags(self.env, "network")
        return {f"{key}/{name}": tags[name] for name in ("environment", "service")}
