"""Fargate task definitions of the application's processes, all of one image, and the two roles each of them runs with.

Every task is locked down the same way: no capabilities, an init process, log lines to a group that exists already, and
with `security.read_only_root` a root that can't be written and memory for /tmp. No ECS Exec anywhere: it needs a
writable root [UG ECS]; people start a one-off task instead.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Any, Literal

from troposphere import GetAtt, Ref, Sub, ecs, iam

from opsctl.config import naming
from opsctl.config.application import Application, Job, Process, Release, Web, Worker
from opsctl.config.models import Environment
from opsctl.stacks.parts.base import StackBuilder, arn, named, skip
from opsctl.stacks.parts.image import image
from opsctl.stacks.parts.policies import (
    SAME_ACCOUNT,
    SAME_ACCOUNT_IF_TOLD,
    Statement,
    allow,
    document,
    objects_in,
    trust,
)
from opsctl.stacks.parts.variables import Variables, login_user, variables

LogGroupOutput = Literal["ServiceLogGroupName", "JobsLogGroupName", "WorkersLogGroupName"]

USER = "10001:10001"
TMP = "/tmp"  # noqa: S108  # a path inside the container, which alone has it
PULL = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
START = ("python", f"{naming.LAYER}/start.py")
BUCKET_OBJECTS = [
    "s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject",
]  # fmt: skip
# Words of opsctl's own for the two processes that every application has.
_NAMES = {"web": "service", "release": "migrate"}


@dataclass(frozen=True, slots=True)
class TaskParts:
    """A rendered task definition and what someone who starts it must be allowed to pass on."""

    definition: ecs.TaskDefinition
    family: str
    execution_role: iam.Role
    task_role: iam.Role


def container_name(process: str) -> str:
    """What the process's container, and the start of its log streams, are called."""
    return _NAMES.get(process, process)


def rollout_parameter(process: str) -> str:
    """The parameter of the app stack that makes a service start its tasks anew when it changes."""
    return f"{naming.part_id(container_name(process))}Rollout"


def task(stack: StackBuilder, process: str) -> TaskParts:
    """Add `<Name>TaskDefinition`, `<Name>ExecutionRole` and `<Name>TaskRole` of one process of the application.

    Every property of a task definition is create-only: a change makes the next revision of its family. [Schema]
    """
    block = dict(stack.env.application.processes())[process]
    container = container_name(process)
    found = variables(stack, process, block)
    title, family = naming.part_id(container), f"{naming.cluster_name(stack.env)}-{container}"
    execution_role = _execution_role(stack, block, title, container, found)
    task_role = _task_role(stack, process, block, title, container, found)
    definition = ecs.TaskDefinition(
        f"{title}TaskDefinition",
        Family=family,
        RequiresCompatibilities=["FARGATE"],
        NetworkMode="awsvpc",
        # A pair that Fargate doesn't have is refused when the configuration is read. [API RegisterTaskDefinition]
        Cpu=str(block.cpu),
        Memory=str(block.memory),
        RuntimePlatform=ecs.RuntimePlatform(
            CpuArchitecture=block.architecture or stack.env.ecs.cpu_architecture, OperatingSystemFamily="LINUX"
        ),
        ExecutionRoleArn=GetAtt(execution_role, "Arn"),
        TaskRoleArn=GetAtt(task_role, "Arn"),
        ContainerDefinitions=[_container(stack, block, container, found)],
    )
    if block.scratch is not None:
        definition.Volumes = [ecs.Volume(Name="scratch")]
    if block.disk is not None:
        definition.EphemeralStorage = ecs.EphemeralStorage(SizeInGiB=block.disk)
    if not stack.env.security.read_only_root:
        skip(definition, "CKV_AWS_336", "security.read_only_root is off: most projects write beside their code.")
    stack.add(definition)
    return TaskParts(definition, family, execution_role, task_role)


def command_of(process: Process) -> tuple[str, ...]:
    """What a process runs; empty for the web's default."""
    if isinstance(process, Release):
        return timed(_in_order(process.commands), process.timeout)
    if isinstance(process, Job):
        return timed(process.command, process.timeout)
    return (process.command or ()) if isinstance(process, Web | Worker) else ()


_TCP = {"tcp_keepalive_time": "30", "tcp_keepalive_intvl": "10", "tcp_keepalive_probes": "3", "tcp_retries2": "7"}
# What `timeout` ends with: 124, or 137 when SIGKILL was needed.
TIMED_OUT = (124, 137)


def timed(command: tuple[str, ...], seconds: int | None) -> tuple[str, ...]:
    """The command under coreutils' timeout: SIGTERM when its time is over, SIGKILL half a minute later."""
    return command if seconds is None else ("timeout", "-k", "30", str(seconds), *command)


def started(application: Application, process: Process, command: tuple[str, ...]) -> tuple[str, ...]:
    """The command by way of the start program, where that has something to do before it."""
    return (*START, *command) if command and (application.files or process.alone) else command


def _in_order(commands: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    """One command as it is; several one after the other, until one fails."""
    if len(commands) == 1:
        return commands[0]
    return ("/bin/sh", "-ec", "\n".join(shlex.join(command) for command in commands))


def connect_to_database(stack: StackBuilder, user: str, *, replica: bool = False) -> tuple[Statement, ...]:
    """Log in as exactly one database role. The resource is the instance's DbiResourceId: its name or ARN in that place
    never matches, and each instance has its own. [UG RDS UsingWithRDS.IAMDBAuth.IAMPolicy]
    """
    if stack.env.database_auth != "iam":
        return ()
    instances = {"Database": "DatabaseResourceId", **({"Replica": "ReplicaResourceId"} if replica else {})}
    statements = []
    for name, output in instances.items():
        instance = named(stack.output_of("upkeep" if name == "Replica" else "data", output))
        resource = arn("rds-db", f"dbuser:{instance}/{user}")
        statements.append(allow(f"ConnectTo{name}", "rds-db:connect", resource))
    return tuple(statements)


def _container(stack: StackBuilder, block: Process, name: str, found: Variables) -> ecs.ContainerDefinition:
    # What Fargate takes of these: `drop`, tmpfs (since January 2026), stopTimeout up to 120; not `add` (but
    # SYS_PTRACE), devices or sharedMemorySize. cfn-lint lets those through. [API; aws whats-new 2026/01]
    container = ecs.ContainerDefinition(
        Name=name,
        Image=image(stack),
        Essential=True,
        Privileged=False,
        ReadonlyRootFilesystem=stack.env.security.read_only_root,
        LinuxParameters=_linux(stack),
        StopTimeout=block.stop_timeout,
        Environment=[ecs.Environment(Name=each, Value=value) for each, value in found.plain.items()],
        LogConfiguration=_logging(stack, block, name),
        # A database whose host vanished is found out in a minute, not after hours (keepalive) or a quarter of one
        # (a question under way). Of the task's own network, so any client of the project has them. [API SystemControl]
        SystemControls=[ecs.SystemControl(Namespace=f"net.ipv4.{key}", Value=value) for key, value in _TCP.items()],
    )
    if found.secrets:
        # By ARN; read once, when the task starts: a new value needs a new deployment. [UG ECS]
        container.Secrets = [ecs.Secret(Name=each, ValueFrom=value) for each, value in found.secrets.items()]
    command = started(stack.env.application, block, command_of(block))
    _command(stack.env.application, container, command, is_web=isinstance(block, Web))
    if isinstance(block, Web):
        container.PortMappings = [ecs.PortMapping(ContainerPort=block.port, Protocol="tcp")]
    if block.scratch is not None:
        # It comes up owned by root unless the image has the path, prepared for its user. [containers-roadmap#938]
        container.MountPoints = [ecs.MountPoint(SourceVolume="scratch", ContainerPath=block.scratch, ReadOnly=False)]
    return container


def _linux(stack: StackBuilder) -> ecs.LinuxParameters:
    parameters = ecs.LinuxParameters(Capabilities=ecs.KernelCapabilities(Drop=["ALL"]), InitProcessEnabled=True)
    if stack.env.security.read_only_root:
        parameters.Tmpfs = [ecs.Tmpfs(ContainerPath=TMP, Size=64, MountOptions=["nodev", "noexec", "nosuid"])]
    return parameters


def _command(
    application: Application, container: ecs.ContainerDefinition, command: tuple[str, ...], *, is_web: bool
) -> None:
    """Set entry point and command. An image that opsctl made has no entry point, and runs as opsctl's user.

    Elsewhere a command replaces both: many entry points wait for a database and migrate in every task. `env` stands in
    for them, so that a one-off task can bring another command. What is left out is the image's own.
    """
    made_here = application.image is None and application.dockerfile is None
    if made_here:
        container.User = USER
    if not command and not (is_web and made_here):
        return
    if not command:
        command = START
    if not made_here:
        container.EntryPoint = ["/usr/bin/env"]
    container.Command = list(command)


def log_group_output(block: Process) -> LogGroupOutput:
    """The platform's output that names the group which its tasks write to."""
    if isinstance(block, Web):
        return "ServiceLogGroupName"
    return "WorkersLogGroupName" if isinstance(block, Worker) else "JobsLogGroupName"


def _logging(stack: StackBuilder, block: Process, name: str) -> ecs.LogConfiguration:
    """The group is the platform's: creating one here needs a right that tasks don't have. On Fargate the prefix is
    required; the stream is `prefix/container/task id`.

    `non-blocking` may lose lines when CloudWatch is slow, `blocking` may hold up the process; the account decides if a
    task definition doesn't. A web has to answer; a job's log is what a failed deploy shows. [API LogConfiguration]
    """
    waits = not isinstance(block, Web | Worker)
    options: dict[str, Any] = {
        "awslogs-group": stack.output_of("platform", log_group_output(block)),
        "awslogs-region": Ref("AWS::Region"),
        "awslogs-stream-prefix": name,
        "mode": "blocking" if waits else "non-blocking",
    }
    if not waits:
        options["max-buffer-size"] = "4m"
    return ecs.LogConfiguration(LogDriver="awslogs", Options=options)


def _execution_role(stack: StackBuilder, block: Process, title: str, name: str, found: Variables) -> iam.Role:
    """What ECS does before the first line of our code runs: pull, open the log stream, read secrets. [UG ECS]

    Its policy is part of the role: as a resource of its own it could be deleted before what uses it. [UG CFN]
    """
    group = named(stack.output_of("platform", log_group_output(block)))
    statements = [
        # Names no repository: there is nothing narrower than `*` for it. [service authorization reference, ECR]
        allow("LogInToRegistry", "ecr:GetAuthorizationToken", "*"),
        allow("Pull", PULL, repository_arn(stack.env)),
        allow(
            "WriteLog",
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            arn("logs", f"log-group:{group}:log-stream:*"),
        ),
    ]
    if found.arns:
        places = [readable(place) for place in found.arns]
        statements.append(
            allow("ReadSecret", "secretsmanager:GetSecretValue", places[0] if len(places) == 1 else places)
        )
        statements += decrypt_secrets(stack)
        statements += _foreign_keys(places)
    return stack.add(
        iam.Role(
            f"{title}ExecutionRole",
            Description=f"Starts {name} tasks of {stack.env.service} in {stack.env.name}",
            # Its guide names the condition for the task's own role only.
            AssumeRolePolicyDocument=trust("ecs-tasks.amazonaws.com", condition=SAME_ACCOUNT_IF_TOLD),
            Policies=[iam.Policy(PolicyName="start", PolicyDocument=document(*statements))],
        )
    )


def _foreign_keys(places: list[Any]) -> list[Statement]:
    """A secret of somebody else may lie under a key of theirs; which one, only Secrets Manager knows. Taken for one of
    the secret's own account, whose key policy has to agree as well. [UG Secrets Manager, cross-account access]
    """
    foreign = [place for place in places if isinstance(place, str)]
    if not foreign:
        return []
    keys = dict.fromkeys(":".join([*place.split(":")[:2], "kms", *place.split(":")[3:5], "key/*"]) for place in foreign)
    through = {"kms:ViaService": Sub("secretsmanager.${AWS::Region}.${AWS::URLSuffix}")}
    condition = {"StringEquals": through, "StringLike": {"kms:EncryptionContext:SecretARN": foreign}}
    return [allow("DecryptForeignSecrets", "kms:Decrypt", [*keys], condition=condition)]


def readable(place: Any) -> Any:
    """The resource of a policy: an ARN that opsctl wrote lacks the six characters that Secrets Manager adds."""
    if isinstance(place, Sub):
        return Sub(f"{place.data['Fn::Sub']}-??????")
    if isinstance(place, str) and not re.search(r"-[A-Za-z0-9]{6}$", place):
        return f"{place}-??????"
    return place


def _task_role(stack: StackBuilder, process: str, block: Process, title: str, name: str, found: Variables) -> iam.Role:
    user = login_user(stack.env, process)
    statements = (
        *connect_to_database(stack, user, replica=found.replica and stack.env.rds.enable_replica),
        *_bucket_rights(stack, process),
        *_source_rights(block),
        *(ask_for_tasks(stack) if block.alone else ()),
    )
    role = iam.Role(
        f"{title}TaskRole",
        Description=f"What {name} tasks of {stack.env.service} in {stack.env.name} may do",
        AssumeRolePolicyDocument=trust("ecs-tasks.amazonaws.com", condition=SAME_ACCOUNT),
    )
    if statements:
        role.Policies = [iam.Policy(PolicyName="work", PolicyDocument=document(*statements))]
    return stack.add(role)


def _bucket_rights(stack: StackBuilder, process: str) -> tuple[Statement, ...]:
    rights: list[Statement] = []
    for name, bucket in stack.env.application.buckets.items():
        if bucket.processes is not None and process not in bucket.processes:
            continue
        title = naming.part_id(name)
        place = f"arn:${{AWS::Partition}}:s3:::{named(stack.output_of('platform', f'{title}BucketName'))}"
        rights += [
            allow(f"List{title}Bucket", ["s3:GetBucketLocation", "s3:ListBucket"], Sub(place)),
            allow(f"Use{title}Bucket", BUCKET_OBJECTS, Sub(f"{place}/*")),
        ]
    if rights and stack.env.security.customer_managed_keys:
        rights.append(use_data_key(stack, "s3", "kms:Decrypt", "kms:GenerateDataKey"))
    return tuple(rights)


def ask_for_tasks(stack: StackBuilder) -> tuple[Statement, ...]:
    """What the start program of a job asks: ListTasks names no task, so the cluster alone narrows it. [service
    authorization reference, ECS]
    """
    condition = {"ArnEquals": {"ecs:cluster": stack.output_of("platform", "ClusterArn")}}
    tasks = arn("ecs", f"task/{named(stack.output_of('platform', 'ClusterName'))}/*")
    return (
        allow("ListTasks", "ecs:ListTasks", "*", condition=condition),
        allow("SeeTasks", "ecs:DescribeTasks", tasks, condition=condition),
    )


def _source_rights(block: Process) -> tuple[Statement, ...]:
    return (allow("ReadSources", "s3:GetObject", objects_in(block.reads)),) if block.reads else ()


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
