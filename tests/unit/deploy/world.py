"""A whole account in memory: what one `opsctl deploy` reads and writes, in the order in which it does."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import md5
from typing import TYPE_CHECKING, cast

from opsctl.aws.account import Database, DatabaseOffer, LambdaConcurrency
from opsctl.aws.ecr import Ecr, EcrImage
from opsctl.aws.ecs import Ecs, Service, Task
from opsctl.aws.errors import AwsError
from opsctl.aws.s3 import S3, StoredObject
from opsctl.aws.session import Identity
from opsctl.config.models import Environment
from opsctl.config.naming import bundle_key
from opsctl.deploy import release
from opsctl.deploy.deployment import Deployment, DeployResult
from opsctl.deploy.events import Emit, Event
from opsctl.deploy.image import ReleasedImage
from opsctl.deploy.lock import Run
from opsctl.deploy.planning.plan import Consent, ImagePlan, Plan
from opsctl.deploy.planning.situation import Request, Situation
from opsctl.deploy.rollback import Rollback
from opsctl.deploy.stackrun.stream import Pace
from opsctl.migrations.verdict import Migration
from opsctl.stacks.model import BUNDLE_VERSION, FromContext, FromOutput, StackTemplate

from .bench import Clock
from .fakes import BODY, Calls, FakeCloudFormation, template
from .services import FakeDatabases, FakeDrifts, FakeFunctions, FakeLoadBalancers, FakeLogs, FakeSecrets

if TYPE_CHECKING:
    from opsctl.aws.session import Aws

ACCOUNT = "123456789012"
ENV = Environment.model_validate({"name": "dev", "service": "salaries", "client": "acme"})
FOLDER = "dev-salaries-acme"
FIRST, SECOND = "sha256:" + "1" * 64, "sha256:" + "2" * 64


@dataclass
class FakeS3(S3):
    """One bucket's objects, and what lies under each version that was put for good."""

    calls: Calls
    objects: dict[str, StoredObject] = field(default_factory=dict)
    versions: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def get(self, bucket: str, key: str) -> StoredObject | None:
        return self.objects.get(key)

    def put(self, bucket: str, key: str, body: bytes) -> None:
        self.calls.append(("put", key))
        self.objects[key] = StoredObject(body, f'"{md5(body, usedforsecurity=False).hexdigest()}"')

    def put_if(
        self, bucket: str, key: str, body: bytes, *, etag: str | None, notes: Mapping[str, str] | None = None
    ) -> str | None:
        known = self.objects.get(key)
        if (known.etag if known else None) != etag:
            return None
        self.put(bucket, key, body)
        self.objects[key] = replace(self.objects[key], notes=dict(notes or {}))
        return self.objects[key].etag

    def put_version(self, bucket: str, key: str, body: bytes) -> str:
        self.put(bucket, key, body)
        version = f"v{len(self.versions) + 1}"
        self.versions[key, version] = body
        return version

    def delete(self, bucket: str, key: str) -> None:
        self.objects.pop(key, None)

    def sizes(self, bucket: str, prefix: str) -> dict[str, int]:
        return {key: len(each.body) for key, each in self.objects.items() if key.startswith(prefix)}

    def url(self, bucket: str, key: str, version: str) -> str:
        return f"https://{bucket}.s3.us-east-1.amazonaws.com/{key}?versionId={version}"


@dataclass
class FakeEcr(Ecr):
    """Tags, which can't be moved."""

    calls: Calls
    tags: dict[str, str] = field(default_factory=dict)

    def digest(self, repository: str, tag: str, *, registry: str | None = None) -> str | None:
        return self.tags.get(tag)

    def holds(self, repository: str, digest: str, *, registry: str | None = None) -> bool:
        return digest in self.tags.values()

    def images(self, repository: str, *, registry: str | None = None) -> list[EcrImage]:
        digests = dict.fromkeys(self.tags.values())
        return [EcrImage(each, tuple(t for t, d in self.tags.items() if d == each), "", 0) for each in digests]

    def remove_tags(self, repository: str, tags: Sequence[str], *, registry: str | None = None) -> None:
        for tag in tags:
            self.calls.append(("remove_tag", tag))
            del self.tags[tag]

    def add_tag(self, repository: str, digest: str, tag: str, *, registry: str | None = None) -> None:
        if self.tags.get(tag, digest) != digest:
            raise AwsError("the tag is immutable", aws_code="ImageTagAlreadyExistsException")
        self.calls.append(("add_tag", tag))
        self.tags[tag] = digest


@dataclass
class FakeEcs(Ecs):
    """Tasks that end as `ends` says, one after the other; the last one goes on for all that follow."""

    calls: Calls
    ends: list[Task] = field(default_factory=lambda: [ended()])
    running: list[Task] = field(default_factory=list)
    stopped: list[Task] = field(default_factory=list)
    told: Service | None = None

    def run_task(
        self, *, cluster: str, task_definition: str, subnets: Sequence[str], security_groups: Sequence[str],
        token: str, command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None, container: str = "", started_by: str = "opsctl",
        size: tuple[int, int] | None = None,
    ) -> Task:  # fmt: skip
        self.calls.append(("run_task", container))
        return Task(f"task/{token}", "PENDING", task_definition=task_definition)

    def task(self, cluster: str, arn: str) -> Task | None:
        return self.ends.pop(0) if len(self.ends) > 1 else self.ends[0]

    def tasks(self, cluster: str, *, started_by: str) -> list[Task]:
        return self.running

    def stopped_tasks(self, cluster: str, service: str) -> list[Task]:
        return self.stopped

    def service(self, cluster: str, name: str) -> Service | None:
        return self.told


@dataclass
class FakeAccount:
    """What a plan and preflight ask the account; `asked` are the questions, as each costs time."""

    images: set[str] = field(default_factory=set)
    arm_images: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)
    version: str | AwsError = "17.6"
    zones_there: dict[str, str] = field(default_factory=lambda: {"us-east-1a": "use1-az1", "us-east-1b": "use1-az2"})
    leading: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def zones(self) -> dict[str, str]:
        self.asked.append(("zones", ""))
        return self.zones_there

    def endpoint_zones(self, services: Collection[str]) -> dict[str, frozenset[str]]:
        return {name: frozenset(self.zones_there) for name in services}

    def instance_type_zones(self, instance_type: str) -> frozenset[str]:
        return frozenset(self.zones_there)

    def hosted_zone(self, identifier: str) -> str | None:
        return None

    def address_records(self, zone: str, name: str) -> tuple[str, ...]:
        self.asked.append(("address_records", name))
        return self.leading.get(name, ())

    def lambda_concurrency(self) -> LambdaConcurrency:
        return LambdaConcurrency(1000, 1000)

    def fargate_vcpus(self) -> float:
        return 100.0

    def s3_addresses(self, region: str) -> str:
        self.asked.append(("s3_addresses", region))
        return "pl-new"

    def image_fits(self, image: str, architecture: str) -> bool:
        self.asked.append(("image_fits", image))
        return image in self.images and (image in self.arm_images) == (architecture == "arm64")

    def database(self, identifier: str) -> Database | None:
        self.asked.append(("database", identifier))
        if isinstance(self.version, AwsError):
            raise self.version
        return Database(self.version)

    def upgrade_targets(self, version: str) -> tuple[str, ...]:
        return ("18",)

    def default_version(self, version: str) -> str | None:
        return None if version == "99" else version

    def database_offers(self, version: str, instance_class: str) -> tuple[DatabaseOffer, ...]:
        return (DatabaseOffer("gp3", 20, 65536, True, frozenset({"us-east-1a", "us-east-1b"})),)


@dataclass
class FakeParameters:
    """The newest Amazon Linux, by architecture."""

    images: dict[str, str] = field(default_factory=lambda: {"x86_64": "ami-2", "arm64": "ami-3"})

    def amazon_linux_image(self, architecture: str) -> str:
        return self.images[architecture]


def ended(code: int = 0) -> Task:
    """A task that ended by itself."""
    return Task("task/1", "STOPPED", "EssentialContainerExited", "", code)


@dataclass
class FakeAws:
    """One region of an account."""

    calls: Calls = field(default_factory=list)
    account: FakeAccount = field(default_factory=FakeAccount)

    def __post_init__(self) -> None:
        self.cloudformation = FakeCloudFormation(calls=self.calls)
        self.s3 = FakeS3(self.calls)
        self.ecr = FakeEcr(self.calls)
        self.ecs = FakeEcs(self.calls)
        self.logs = FakeLogs()
        self.rds = FakeDatabases(self.calls)
        self.load_balancers = FakeLoadBalancers(self.calls)
        self.parameters = FakeParameters()
        self.functions = FakeFunctions()
        self.secrets = FakeSecrets()
        self.drifts = FakeDrifts()

    def identity(self) -> Identity:
        return Identity(ACCOUNT, "arn")

    @contextmanager
    def outlasting(self, **_: object) -> Iterator[None]:
        """Its credentials do not end."""
        yield

    def in_region(self, region: str | None) -> FakeAws:
        """All stacks of these tests are in one region."""
        assert region is None
        return self


@dataclass
class FakeImage:
    """What the checkout would deploy."""

    digest: str = FIRST
    migrations: str = "m1"
    commit: str = "abc"
    build: bool = False
    verdicts: tuple[Migration, ...] | None = None

    def plan(self, account: str) -> ImagePlan:
        uri = None if self.build else f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/app@{self.digest}"
        return ImagePlan(account, "app", "abc", None if self.build else self.digest, self.build, uri)

    def ensure(self, plan: ImagePlan, emit: Emit) -> str:
        return self.digest


@dataclass
class FakeBundle:
    """The DbInit function's zip, and how often its key was asked for: on AWS that downloads and builds it."""

    asked: int = 0
    digest: str = "1"

    @property
    def key(self) -> str:
        self.asked += 1
        return bundle_key(FOLDER, self.digest)

    def content(self) -> bytes:
        return f"code {self.digest}".encode()


STACKS: tuple[StackTemplate, ...] = (
    template("bootstrap"),
    template("platform", after=("bootstrap",)),
    template("network", after=("platform",)),
    template("data", after=("network",)),
    template("front", after=("network",)),
    template(
        "functions",
        after=("network",),
        parameters={
            "DbInitBundleKey": FromContext("db_init_bundle_key"),
            "DbInitBundleVersion": FromContext(BUNDLE_VERSION),
        },
    ),
    template(
        "jobs",
        BODY + "  Role:\n    Type: AWS::IAM::Role\n",
        capabilities=("CAPABILITY_NAMED_IAM",),
        parameters={
            "ImageUri": FromContext("image_uri"),
            "DbInitBundleKey": FromOutput("functions", "DbInitBundleKey"),
            "Host": FromOutput("data", "DatabaseHost"),
        },
    ),
    template(
        "app",
        parameters={
            "ImageUri": FromContext("image_uri"),
            "Migrate": FromOutput("jobs", "MigrateTaskDefinitionArn"),
            "TargetGroupArn": FromOutput("front", "TargetGroupArn"),
        },
    ),
)
OUTPUTS = {
    "dev-bootstrap": {"ArtifactBucketName": "artifacts"},
    "dev-platform": {"ClusterName": "dev", "JobsLogGroupName": "jobs", "ServiceLogGroupName": "service"},
    "dev-network": {"PrivateSubnetIds": "s-1,s-2", "JobsSecurityGroupId": "g-1"},
    "dev-data": {"DatabaseHost": "db.example.com", "DatabaseResourceId": "db-ABC"},
    "dev-jobs": {"MigrateTaskDefinitionArn": "migrate:1"},
    "dev-functions": {"DbInitBundleKey": f"bundles/{FOLDER}/1.zip", "DbInitFunctionName": "init"},
    "dev-front": {"ServiceUrl": "https://a.example.com", "TargetGroupArn": "targets"},
    "dev-app": {"ServiceName": "dev-salaries"},
}


@dataclass
class World:
    """One environment; each `deployment` is one command of a person. `on` is its target: local or aws."""

    aws: FakeAws = field(default_factory=FakeAws)
    image: FakeImage = field(default_factory=FakeImage)
    events: list[Event] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    bundle: FakeBundle = field(default_factory=FakeBundle)
    stacks: tuple[StackTemplate, ...] = STACKS
    on: str = "local"
    variables: dict[str, str] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    runs: int = 0

    def __post_init__(self) -> None:
        self.aws.cloudformation.results = {name: dict(values) for name, values in OUTPUTS.items()}

    def deployment(self, *stacks: str, rollback: Rollback | None = None, wait_seconds: float = 0.0) -> Deployment:
        """What a command line with these stacks would run, or a rollback."""
        self.runs += 1
        situation = Situation(
            Environment.model_validate(
                {
                    "name": "dev",
                    "service": "salaries",
                    "client": "acme",
                    "target": self.on,
                    "application": {"environment": self.variables},
                    "images": self.images,
                }
            ),
            self.stacks,
            cast("Aws", self.aws),
            image=_released(self.aws, rollback.to) if rollback is not None else self.image,
            bundle=self.bundle,
            request=Request(stacks, rollback=rollback),
        )
        run = Run(f"run{self.runs}", "ann@host", "opsctl deploy")
        return Deployment(situation, run, pace=Pace(0.0, 60.0), clock=self.clock, wait_seconds=wait_seconds)

    def execute(self, work: Deployment, plan: Plan, emit: Emit | None = None) -> DeployResult:
        """Do what is planned; events are kept."""
        return work.execute(plan, emit or self.events.append, Consent())

    def deploy(self, *stacks: str) -> DeployResult:
        """Plan and execute."""
        work = self.deployment(*stacks)
        return self.execute(work, work.plan())

    def since(self, mark: int) -> Calls:
        """Writes after `mark`, without those of the lock."""
        reads = {"resources", "validation_failures"}
        return [call for call in self.aws.calls[mark:] if call[0] not in reads and not call[1].startswith("locks/")]


def _released(aws: FakeAws, to: release.Release) -> ReleasedImage:
    return ReleasedImage(aws.ecr, "dev", "us-east-1", "app", to)


# Where the newest release of the world's environment is recorded.
CURRENT = f"releases/{FOLDER}/current.json"


def current(world: World) -> release.Release:
    """The newest release's record, which there has to be."""
    found = release.current(world.aws.s3, "artifacts", ENV)
    assert found is not None
    return found
