"""Fargate task definitions of the one service image, and the two roles each of them runs with.

Every task is locked down the same way: a user without rights, no capabilities, a read-only root, memory for /tmp, log
lines to a group that exists already. No ECS Exec anywhere: it needs a writable root [UG ECS]; people start a one-off
task instead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from troposphere import GetAtt, Ref, Sub, ecs, iam

from opsctl.config import naming
from opsctl.config.models import Environment
from opsctl.stacks.parts.base import StackBuilder, arn
from opsctl.stacks.parts.policies import SAME_ACCOUNT, Statement, allow, document, trust

Container = Literal["service", "migrate", "dataset"]
LogGroupOutput = Literal["ServiceLogGroupName", "JobsLogGroupName"]

USER = "10001:10001"
CA_BUNDLE = "/app/certs/rds.pem"
SCRATCH = "/data"
TMP = "/tmp"  # noqa: S108  # a path inside the container, which alone has it
PULL = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]


@dataclass(frozen=True, kw_only=True)
class TaskSpec:
    """What tells one task from another. `log_mode`: `non-blocking` may lose lines when CloudWatch is slow, `blocking`
    may hold up the process; the account decides if a task definition doesn't, so it always does. [API]

    `scratch`: a writable volume at /data; otherwise DATA_DIR is the memory-backed /tmp.
    """

    name: str
    container: Container
    command: tuple[str, ...]
    cpu: int
    memory: int
    database_user: str
    allowed_hosts: Any
    log_group: LogGroupOutput
    log_mode: Literal["blocking", "non-blocking"]
    stop_timeout: int
    environment: dict[str, Any] = field(default_factory=dict)
    statements: tuple[Statement, ...] = ()
    port: int | None = None
    replica: bool = False
    scratch: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """A rendered task definition and what someone who starts it must be allowed to pass on."""

    definition: ecs.TaskDefinition
    family: str
    execution_role: iam.Role
    task_role: iam.Role


def task(stack: StackBuilder, spec: TaskSpec) -> Task:
    """Add `<name>TaskDefinition`, `<name>ExecutionRole` and `<name>TaskRole`.

    Every property of a task definition is create-only: a change makes the next revision of its family. [Schema]
    """
    family = f"{naming.cluster_name(stack.env)}-{spec.container}"
    execution_role = _execution_role(stack, spec)
    task_role = _task_role(stack, spec)
    definition = ecs.TaskDefinition(
        f"{spec.name}TaskDefinition",
        Family=family,
        RequiresCompatibilities=["FARGATE"],
        NetworkMode="awsvpc",
        # A pair that Fargate doesn't have is refused when the configuration is read. [API RegisterTaskDefinition]
        Cpu=str(spec.cpu),
        Memory=str(spec.memory),
        RuntimePlatform=ecs.RuntimePlatform(
            CpuArchitecture=stack.env.ecs.cpu_architecture, OperatingSystemFamily="LINUX"
        ),
        ExecutionRoleArn=GetAtt(execution_role, "Arn"),
        TaskRoleArn=GetAtt(task_role, "Arn"),
        ContainerDefinitions=[_container(stack, spec)],
    )
    if spec.scratch:
        definition.Volumes = [ecs.Volume(Name="scratch")]
    stack.add(definition)
    return Task(definition, family, execution_role, task_role)


def image(stack: StackBuilder) -> Any:
    """The image of the release, by digest, so that the bytes of a rollback are those that ran before."""
    return stack.context(
        "ImageUri",
        "image_uri",
        "Image of the release, by digest",
        AllowedPattern="^.+@sha256:[0-9a-f]{64}$",
        ConstraintDescription="must name an image by digest: repository@sha256:DIGEST",
    )


def connect_to_database(stack: StackBuilder, user: str, *, replica: bool = False) -> tuple[Statement, ...]:
    """Log in as exactly one database role. The resource is the instance's DbiResourceId: its name or ARN in that place
    never matches, and each instance has its own. [UG RDS UsingWithRDS.IAMDBAuth.IAMPolicy]
    """
    if stack.env.rds.auth != "iam":
        return ()
    instances = {"Database": "DatabaseResourceId", **({"Replica": "ReplicaResourceId"} if replica else {})}
    statements = []
    for name, output in instances.items():
        stack.output_of("upkeep" if name == "Replica" else "data", output)
        resource = arn("rds-db", f"dbuser:${{{output}}}/{user}")
        statements.append(allow(f"ConnectTo{name}", "rds-db:connect", resource))
    return tuple(statements)


def _container(stack: StackBuilder, spec: TaskSpec) -> ecs.ContainerDefinition:
    # What Fargate takes of these: `drop`, tmpfs (since January 2026), stopTimeout up to 120; not `add` (but
    # SYS_PTRACE), devices or sharedMemorySize. cfn-lint lets those through. [API; aws whats-new 2026/01]
    container = ecs.ContainerDefinition(
        Name=spec.container,
        Image=image(stack),
        Essential=True,
        Command=list(spec.command),
        User=USER,
        Privileged=False,
        ReadonlyRootFilesystem=True,
        LinuxParameters=ecs.LinuxParameters(
            Capabilities=ecs.KernelCapabilities(Drop=["ALL"]),
            InitProcessEnabled=True,
            Tmpfs=[ecs.Tmpfs(ContainerPath=TMP, Size=64, MountOptions=["nodev", "noexec", "nosuid"])],
        ),
        StopTimeout=spec.stop_timeout,
        Environment=[ecs.Environment(Name=name, Value=value) for name, value in _environment(stack, spec).items()],
        # By ARN; read once, when the task starts: a new value needs a new deployment. [UG ECS]
        Secrets=[ecs.Secret(Name="DJANGO_SECRET_KEY", ValueFrom=stack.output_of("platform", "DjangoSecretArn"))],
        LogConfiguration=_logging(stack, spec),
    )
    if spec.port is not None:
        container.PortMappings = [ecs.PortMapping(ContainerPort=spec.port, Protocol="tcp")]
    if spec.scratch:
        # It comes up owned by root unless the image has the path, prepared for its user. [containers-roadmap#938]
        container.MountPoints = [ecs.MountPoint(SourceVolume="scratch", ContainerPath=SCRATCH, ReadOnly=False)]
    return container


def _environment(stack: StackBuilder, spec: TaskSpec) -> dict[str, Any]:
    env = stack.env
    values: dict[str, Any] = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DEPLOY_ENV": "local" if env.target == "local" else env.name,
        "AWS_REGION": Ref("AWS::Region"),
        "ALLOWED_HOSTS": spec.allowed_hosts,
        "TLS": "on" if env.serves_https else "off",
        "DB_HOST": stack.output_of("data", "DatabaseHost"),
        "DB_PORT": stack.output_of("data", "DatabasePort"),
        "DB_NAME": stack.output_of("data", "DatabaseName"),
        "DB_USER": spec.database_user,
        "DB_AUTH": env.rds.auth,
        "DATA_DIR": SCRATCH if spec.scratch else TMP,
    }
    if env.rds.auth == "iam":
        # Encryption alone doesn't prove who answers: the client verifies the server with RDS's CA bundle. [UG RDS]
        values["DB_SSL_ROOT_CERT"] = CA_BUNDLE
    if spec.replica:
        values["DB_REPLICA_HOST"] = stack.output_of("upkeep", "ReplicaHost")
    return {**values, **spec.environment}


def _logging(stack: StackBuilder, spec: TaskSpec) -> ecs.LogConfiguration:
    """The group is the platform's: creating one here needs a right that tasks don't have. On Fargate the prefix is
    required; the stream is `prefix/container/task id`. [API LogConfiguration]
    """
    options: dict[str, Any] = {
        "awslogs-group": stack.output_of("platform", spec.log_group),
        "awslogs-region": Ref("AWS::Region"),
        "awslogs-stream-prefix": spec.container,
        "mode": spec.log_mode,
    }
    if spec.log_mode == "non-blocking":
        options["max-buffer-size"] = "4m"
    return ecs.LogConfiguration(LogDriver="awslogs", Options=options)


def _execution_role(stack: StackBuilder, spec: TaskSpec) -> iam.Role:
    """What ECS does before the first line of our code runs: pull, open the log stream, read secrets. [UG ECS]

    Its policy is part of the role: as a resource of its own it could be deleted before what uses it. [UG CFN]
    """
    stack.output_of("platform", spec.log_group)
    statements = [
        # Names no repository: there is nothing narrower than `*` for it. [service authorization reference, ECR]
        allow("LogInToRegistry", "ecr:GetAuthorizationToken", "*"),
        allow("Pull", PULL, repository_arn(stack.env)),
        allow(
            "WriteLog",
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            arn("logs", f"log-group:${{{spec.log_group}}}:log-stream:*"),
        ),
        allow("ReadSecret", "secretsmanager:GetSecretValue", stack.output_of("platform", "DjangoSecretArn")),
        *decrypt_secrets(stack),
    ]
    return stack.add(
        iam.Role(
            f"{spec.name}ExecutionRole",
            Description=f"Starts {spec.container} tasks of {stack.env.service} in {stack.env.name}",
            AssumeRolePolicyDocument=trust("ecs-tasks.amazonaws.com"),
            Policies=[iam.Policy(PolicyName="start", PolicyDocument=document(*statements))],
        )
    )


def _task_role(stack: StackBuilder, spec: TaskSpec) -> iam.Role:
    statements = (*connect_to_database(stack, spec.database_user, replica=spec.replica), *spec.statements)
    role = iam.Role(
        f"{spec.name}TaskRole",
        Description=f"What {spec.container} tasks of {stack.env.service} in {stack.env.name} may do",
        AssumeRolePolicyDocument=trust("ecs-tasks.amazonaws.com", condition=SAME_ACCOUNT),
    )
    if statements:
        role.Policies = [iam.Policy(PolicyName="work", PolicyDocument=document(*statements))]
    return stack.add(role)


def repository_arn(env: Environment) -> Any:
    """ARN of the image repository. One that another environment manages may be in another account: its name is
    enough, since that account's repository policy decides too.
    """
    account = "${AWS::AccountId}" if env.ecs.manage_repository else "*"
    return Sub(f"arn:${{AWS::Partition}}:ecr:${{AWS::Region}}:{account}:repository/{env.ecs.repository_name}")


def decrypt_secrets(stack: StackBuilder) -> tuple[Statement, ...]:
    """A secret under a customer key can be read only by who may use the key, through Secrets Manager. [UG ECS]"""
    if not stack.env.security.customer_managed_keys:
        return ()
    return (use_data_key(stack, "secretsmanager", "kms:Decrypt"),)


def use_data_key(stack: StackBuilder, service: str, *actions: str) -> Statement:
    """The environment's data key, through one service only."""
    return allow(
        f"UseKeyThrough{service.capitalize()}",
        list(actions),
        stack.output_of("platform", "DataKeyArn"),
        condition={"StringEquals": {"kms:ViaService": Sub(f"{service}.${{AWS::Region}}.${{AWS::URLSuffix}}")}},
    )
