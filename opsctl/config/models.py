"""The settings of one environment, as `environments.yaml` spells them.

Shapes only: what one value may be. Rules between values live in `rules.py`, so that all of them are reported together.
Field descriptions become the JSON Schema that editors show while someone types.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from opsctl.config.application import Application, Architecture
from opsctl.config.database import Rds
from opsctl.config.moved import move
from opsctl.config.section import (
    SLUG,
    AccountId,
    BucketName,
    CertificateArn,
    DomainName,
    Email,
    HostedZoneId,
    Region,
    Section,
    Slug,
    ZoneLetter,
)

SET_BY_LOADER = ("repository_reader_accounts", "repository_environments", "repository_folders")
"""Fields of an environment that the loader fills in, and nobody writes."""
# CloudWatch Logs accepts these retention periods only (PutRetentionPolicy, in days).
LOG_RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip


def _all(value: Any) -> Any:
    return None if value == "all" else value


_EGRESS_SCHEMA = {
    "anyOf": [{"const": "all"}, {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 65535}}]
}
Egress = Annotated[
    Annotated[tuple[Annotated[int, Field(ge=1, le=65535)], ...], Field(max_length=40)] | None,
    BeforeValidator(_all),
    PlainSerializer(lambda ports: "all" if ports is None else ports),
    WithJsonSchema(_EGRESS_SCHEMA, mode="validation"),
]
"""Ports; None for all of them."""


class KmsAliases(Section):
    """Alias names (without `alias/`) of the customer keys; the default is `{env}-{service}-{purpose}`."""

    data: str | None = Field(None, description="Key of the database, secrets and dataset bucket.")
    logs: str | None = Field(None, description="Key of the CloudWatch log groups.")
    notifications: str | None = Field(None, description="Key of the alarm topic.")


class Security(Section):
    """Switches with which one environment is stricter than another."""

    encryption_at_rest: bool = Field(True, description="Encrypt the database storage.")
    customer_managed_keys: bool = Field(
        False, description="Use customer KMS keys for data and logs instead of AWS managed ones."
    )
    enforce_tls: bool = Field(False, description="Serve HTTPS only: port 80 redirects, HSTS and secure cookies are on.")
    guardduty: bool = Field(False, description="Want a GuardDuty detector in this account and region.")
    waf: bool = Field(False, description="Put AWS WAF (managed rules, rate limit) before ALB and CloudFront.")
    termination_protection: bool = Field(
        False, description="Protect the stacks and the load balancer against deletion."
    )
    egress: Egress = Field(
        (443,), description="TCP ports of the internet that tasks may open connections to, or `all`."
    )
    read_only_root: bool = Field(
        False, description="Tasks can't write to their file system but to /tmp, which is 64 MiB of memory."
    )
    log_group_prefix: str = Field(
        "/opsctl",
        pattern=r"^/(?!aws/)[A-Za-z0-9_./#-]{1,200}$",
        description="First part of every log group's name.",
    )
    kms_aliases: KmsAliases = KmsAliases()


class Vpc(Section):
    """The network: per zone one /26 public and one /22 private subnet."""

    cidr: str = Field("10.20.0.0/16", description="IPv4 range of the VPC, /16 to /20.")
    availability_zones: tuple[ZoneLetter, ...] = Field(
        ("a", "b"), min_length=2, max_length=6, description="Zone letters; rendered as region + letter."
    )
    nat_gateways: int = Field(0, ge=0, le=6, description="Managed NAT gateways, at most one per zone.")
    interface_endpoints: bool = Field(
        False,
        description="Interface endpoints for what tasks call: ECR, CloudWatch Logs, Secrets Manager, perhaps ECS.",
    )


class Nat(Section):
    """The cheap alternative to NAT gateways for development."""

    use_nat_instance: bool = Field(False, description="Run one EC2 instance as NAT instead of NAT gateways.")
    instance_type: str = Field(
        "t3.micro", pattern=r"^[a-z][a-z0-9-]*\.[a-z0-9]+$", description="EC2 type of the NAT instance."
    )


class Ecs(Section):
    """The image and the cluster; what runs there is `application`."""

    build_on_deploy: bool = Field(False, description="Build and push the image as part of `opsctl deploy`.")
    cpu_architecture: Architecture = Field("X86_64", description="Of every process that names no other.")
    repository_name: str = Field(
        "",
        pattern=r"^(?=.{2,256}$)[a-z0-9]+([._/-][a-z0-9]+)*$",
        description="ECR repository; default: the service's name.",
    )
    manage_repository: bool = Field(False, description="This environment creates and owns the repository.")
    image_tag: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$",
        description="Tag to deploy; default: the commit.",
    )
    assign_public_ip: bool = Field(
        False,
        description="Web and workers in public subnets, with addresses of their own; jobs and functions stay private.",
    )
    container_insights: Literal["disabled", "enabled", "enhanced"] = Field(
        "disabled", description="Metrics of tasks and containers, billed one by one."
    )
    init_reserved_concurrency: Literal[1] | None = Field(
        None, description="Reserve concurrency for the DbInit function (a new account can't)."
    )


class Images(Section):
    """Which images an environment runs, beside that they are there."""

    verify: str | None = Field(
        None,
        pattern=r"^(alias/[A-Za-z0-9/_-]{1,250}|arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(key|alias)/[A-Za-z0-9/_-]{1,250}"
        r"|(?!/|arn:|alias/)(?!.*\.\.)[A-Za-z0-9._/-]{1,200}\.(pem|pub))$",
        description="Run only what this key signed: a KMS key (alias/NAME or ARN; ECC_NIST_P256, SIGN_VERIFY), or the "
        "file of a PEM public key beside environments.yaml.",
    )
    promoted_from: Slug | None = Field(
        None,
        description="Run only what releases of this environment ran, by its records; what ran here may run again.",
    )

    @property
    def kms_key(self) -> str | None:
        """The key of `verify` when KMS has it, which can sign as well."""
        return self.verify if self.verify is not None and self.verify.startswith(("alias/", "arn:")) else None

    @property
    def key_region(self) -> str | None:
        """The region in an ARN; None where it goes without saying."""
        return self.verify.split(":")[3] if self.verify is not None and self.verify.startswith("arn:") else None


class AlbAccessLogs(Section):
    """Access logs of the load balancer, in a bucket of their own."""

    enabled: bool = Field(True, description="Keep them.")
    prefix: str = Field(
        "alb", pattern=r"^(?!.*AWSLogs)[A-Za-z0-9][A-Za-z0-9/_-]{0,60}[A-Za-z0-9]$", description="First part of keys."
    )
    expire_days: int = Field(30, ge=1, le=3650, description="Days until they are deleted.")


Amount = Annotated[float, Field(ge=0, le=1_000_000_000, allow_inf_nan=False)]


class Usage(Section):
    """What a bill depends on beside the configuration, a month: the assumptions of `opsctl cost`, and of plans."""

    requests: Amount = Field(1, description="Million requests to the web.")
    out_gb: Amount = Field(10, description="GB that the web sends to visitors.")
    lcu: Amount | None = Field(
        None, description="Capacity units that the load balancer uses on average; default: from requests and out_gb."
    )
    extra_tasks: Amount = Field(0, description="Tasks of the web above the least of its count, on average.")
    job_minutes: Amount = Field(10, description="Minutes that a job runs, each time its schedule starts it.")
    nat_gb: Amount = Field(10, description="GB that pass the NAT gateways, both ways.")
    endpoint_gb: Amount = Field(10, description="GB that pass the interface endpoints, images among them.")
    log_gb: Amount = Field(2, description="GB of logs of tasks, functions, database and its monitoring.")
    flow_log_gb: Amount = Field(1, description="GB of flow logs.")
    bucket_gb: Amount = Field(5, description="GB in all buckets.")
    image_gb: Amount = Field(5, description="GB of images in the repository.")
    database_growth_gb: Amount = Field(
        0, description="GB that the database's storage has grown beyond allocated_storage."
    )
    backup_gb: Amount = Field(0, description="GB of backups beyond the database's own size, which costs nothing.")
    site_gb: Amount = Field(1, description="GB that the site sends to visitors near the region.")
    site_requests: Amount = Field(0.1, description="Million requests to the site.")


class Observability(Section):
    """Alarms, logs, costs, and where word of them goes."""

    alert_email: Email | None = Field(None, description="Receives alarms, after confirming one e-mail.")
    log_retention_days: int = Field(
        14,
        description="One of the values CloudWatch Logs accepts.",
        json_schema_extra={"enum": list(LOG_RETENTION_DAYS)},
    )
    alb_access_logs: AlbAccessLogs = AlbAccessLogs()
    flow_logs: bool = Field(False, description="VPC flow logs to CloudWatch Logs.")
    monthly_budget: float | None = Field(
        None,
        gt=0,
        le=1_000_000_000,
        allow_inf_nan=False,
        description="US dollars a month that the environment may cost: above it `opsctl cost` exits 3.",
    )
    budget_alarm: bool = Field(
        False,
        description="Have AWS Budgets mail alert_email when what is billed with the tag `environment` passes it.",
    )
    usage: Usage = Usage()


class SiteAddress(Section):
    """Where the static site is reached: S3 behind CloudFront. `application.site` says what is on it."""

    enabled: bool = Field(False, description="Make the site.")
    domain_name: DomainName | None = Field(None, description="Its name; default: CloudFront's.")
    hosted_zone_id: HostedZoneId | None = Field(None, description="Route 53 zone that gets record and certificate.")
    hosted_zone_name: DomainName | None = Field(None, description="Name of that zone.")
    certificate_arn: CertificateArn | None = Field(None, description="Existing ACM certificate in us-east-1.")
    bucket_name: BucketName | None = Field(None, description="Default: named by CloudFormation.")
    access_logs: bool = Field(False, description="Log requests to the site, in a bucket of their own.")


class Environment(Section):
    """One environment, complete: defaults merged in and every rule checked."""

    name: Slug
    service: Slug = Field(description="First part of what resources are called.")
    client: Slug = Field(description="Last part of what resources are called.")
    target: Literal["aws", "local"] = Field("aws", description="`local` deploys to an emulator on this machine.")
    region: Region = Field("us-east-1", description="Where everything lies but what CloudFront wants in us-east-1.")
    account_id: AccountId | None = Field(
        None, description="Quoted, 12 digits. Credentials of another account are refused."
    )
    confidentiality: Literal["public", "internal", "confidential", "restricted"] = Field(
        "internal", description="A tag; nothing else follows from it."
    )
    tags: dict[str, str] = Field(default_factory=dict, description="Tags of every stack and its resources.")
    tag_overrides: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="By stack: tags added to, or replacing, `tags`."
    )
    security: Security = Security()
    vpc: Vpc = Vpc()
    nat: Nat = Nat()
    rds: Rds = Rds()
    ecs: Ecs = Ecs()
    images: Images = Images()
    observability: Observability = Observability()
    # Its key is also the short name of its stack.
    site: SiteAddress = Field(SiteAddress(), alias="dashboard")
    application: Application = Application()
    # Accounts of the other environments that pull from the repository this one manages; set by the loader.
    repository_reader_accounts: tuple[AccountId, ...] = Field((), exclude=True, repr=False)
    # Names of all environments that run images of the repository this one manages; set by the loader.
    repository_environments: tuple[str, ...] = Field((), exclude=True, repr=False)
    # Their folders in the artifact bucket; set by the loader.
    repository_folders: tuple[str, ...] = Field((), exclude=True, repr=False)

    @property
    def serves_https(self) -> bool:
        """Whether the load balancer has a certificate: a given one, or one issued for the domain."""
        return self.application.web.certificate_arn is not None or bool(self.application.web.domains)

    @property
    def database_auth(self) -> Literal["iam", "password", "trust"]:
        """How the application logs in to the database, given or by default."""
        database = self.application.database
        if database.auth is not None:
            return database.auth
        if self.target == "local":
            return "trust"
        return "password" if database.owner else "iam"

    def login_role(self, process: str) -> str:
        """Which of the database's roles a process logs in as, by its purpose (a key of rds.roles, or `user`)."""
        if self.application.database.owner:
            return "user"
        return dict(self.application.processes())[process].database_role or (
            "migrator" if process == "release" else "user"
        )

    @model_validator(mode="before")
    @classmethod
    def _old_keys(cls, data: Any) -> Any:
        return _named_after_service(move(data).data) if isinstance(data, dict) else data


def _named_after_service(data: dict[str, Any]) -> dict[str, Any]:
    """The same with the names of database and repository that were left out. A service that is no name, or a block that
    is none, is told by its own field.
    """
    service = data.get("service")
    if not isinstance(service, str) or not re.match(SLUG, service):
        return data
    named = dict(data)
    for block, key, name in (("rds", "database", service.replace("-", "_")), ("ecs", "repository_name", service)):
        given = data.get(block, {})
        if isinstance(given, dict):
            named[block] = {key: name, **given}
    return named
