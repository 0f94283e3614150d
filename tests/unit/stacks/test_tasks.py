"""Task definitions: how every container is locked down, what it is told, and what its roles may do."""

from __future__ import annotations

import re
from typing import Any

import pytest

from opsctl.stacks import app, jobs
from tests.unit.stacks.reading import NAMES, Stack, environment, ref, statements, sub

TASKS = ("Service", "Dataset", "Migrate")


def stack_of(task: str, name: str, **settings: Any) -> Stack:
    build = jobs.build if task == "Migrate" else app.build
    return Stack(build(environment(name, **settings)))


def container(task: str, name: str, **settings: Any) -> dict[str, Any]:
    found: dict[str, Any] = stack_of(task, name, **settings)[f"{task}TaskDefinition"]["ContainerDefinitions"][0]
    return found


def variables(task: str, name: str, **settings: Any) -> dict[str, Any]:
    return {each["Name"]: each["Value"] for each in container(task, name, **settings)["Environment"]}


def rights(task: str, name: str, role: str, **settings: Any) -> dict[str, dict[str, Any]]:
    policies = stack_of(task, name, **settings)[f"{task}{role}Role"].get("Policies", [])
    return statements(policies[0]["PolicyDocument"]) if policies else {}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("task", TASKS)
def test_every_container_is_locked_down(task: str, name: str) -> None:
    given = container(task, name)
    assert given["User"] == "10001:10001"
    assert given["Privileged"] is False
    assert given["ReadonlyRootFilesystem"] is True
    linux = given["LinuxParameters"]
    assert linux["Capabilities"] == {"Drop": ["ALL"]}
    assert linux["InitProcessEnabled"] is True
    assert [each["ContainerPath"] for each in linux["Tmpfs"]] == ["/tmp"]
    # Fargate takes neither, and cfn-lint doesn't say so.
    assert not {"Devices", "SharedMemorySize"} & set(linux)


@pytest.mark.parametrize("task", TASKS)
def test_tasks_run_on_fargate_without_host_namespaces_or_ephemeral_storage_sizes(task: str) -> None:
    definition = stack_of(task, "prd")[f"{task}TaskDefinition"]
    assert definition["RequiresCompatibilities"] == ["FARGATE"]
    assert definition["NetworkMode"] == "awsvpc"
    # 20 GiB is the default and yet no legal value, so it is never written.
    assert not {"PidMode", "IpcMode", "EphemeralStorage"} & set(definition)


@pytest.mark.parametrize(
    ("task", "command"),
    [
        ("Service", ["python", "manage.py", "serve"]),
        ("Migrate", ["python", "manage.py", "migrate", "--no-input"]),
        ("Dataset", ["python", "manage.py", "refresh_salary_dataset"]),
    ],
)
def test_commands_are_those_of_the_container_contract(task: str, command: list[str]) -> None:
    given = container(task, "prd")
    assert given["Command"] == command
    assert given["Name"] == task.lower()


@pytest.mark.parametrize(
    ("task", "user"), [("Service", "app_user"), ("Migrate", "app_migrator"), ("Dataset", "app_loader")]
)
def test_each_task_logs_in_as_its_own_database_role_and_no_other(task: str, user: str) -> None:
    assert variables(task, "dev")["DB_USER"] == user
    connect = [each for each in rights(task, "dev", "Task").values() if each["Action"] == "rds-db:connect"]
    prefix = "arn:${AWS::Partition}:rds-db:${AWS::Region}:${AWS::AccountId}:dbuser:"
    assert [each["Resource"] for each in connect] == [sub(f"{prefix}${{DatabaseResourceId}}/{user}")]


def test_only_the_service_reads_from_the_replica() -> None:
    assert variables("Service", "prd")["DB_REPLICA_HOST"] == ref("ReplicaHost")
    assert rights("Service", "prd", "Task")["ConnectToReplica"]["Resource"] == sub(
        "arn:${AWS::Partition}:rds-db:${AWS::Region}:${AWS::AccountId}:dbuser:${ReplicaResourceId}/app_user"
    )
    for task in ("Migrate", "Dataset"):
        assert "DB_REPLICA_HOST" not in variables(task, "prd")
        assert "ConnectToReplica" not in rights(task, "prd", "Task")
    assert variables("Service", "dev")["DB_REPLICA_HOST"] == ""


def test_the_database_is_verified_with_rdss_certificates_where_iam_logs_in() -> None:
    assert variables("Service", "prd")["DB_AUTH"] == "iam"
    assert variables("Service", "prd")["DB_SSL_ROOT_CERT"] == "/opt/opsctl/rds.pem"
    assert variables("Service", "local")["DB_AUTH"] == "trust"
    assert variables("Service", "local")["DB_SSL_ROOT_CERT"] == ""
    assert rights("Service", "local", "Task") == {}


@pytest.mark.parametrize("task", TASKS)
def test_the_secret_key_comes_from_its_arn_and_no_variable_holds_a_secret(task: str) -> None:
    assert container(task, "prd")["Secrets"] == [{"Name": "DJANGO_SECRET_KEY", "ValueFrom": ref("DjangoSecretArn")}]
    assert not [each for each in variables(task, "prd") if "SECRET" in each or "PASSWORD" in each]


@pytest.mark.parametrize("task", TASKS)
def test_a_service_gets_what_its_settings_refuse_to_guess(task: str) -> None:
    needed = {
        "DJANGO_SETTINGS_MODULE", "DEPLOY_ENV", "ALLOWED_HOSTS", "TLS", "DB_HOST", "DB_PORT", "DB_NAME", "DB_USER",
        "DB_AUTH", "DB_SSL_ROOT_CERT", "AWS_REGION", "DATA_DIR",
    }  # fmt: skip
    assert needed <= set(variables(task, "prd"))
    assert variables(task, "prd")["DEPLOY_ENV"] == "prd"


def test_tls_follows_whether_there_is_a_certificate() -> None:
    assert variables("Service", "prd")["TLS"] == "True"
    assert variables("Service", "dev")["TLS"] == "False"


def test_the_service_answers_to_its_domain_or_else_to_the_load_balancers_name() -> None:
    assert variables("Service", "prd")["ALLOWED_HOSTS"] == "app.salaries.example.com"
    assert variables("Service", "dev")["ALLOWED_HOSTS"] == {"Ref": "LoadBalancerDnsName"}
    assert "127.0.0.1" in variables("Service", "local")["ALLOWED_HOSTS"]["Fn::Join"][1][0].split(",")


@pytest.mark.parametrize(
    ("task", "group", "mode"),
    [
        ("Service", "ServiceLogGroupName", "non-blocking"),
        ("Migrate", "JobsLogGroupName", "blocking"),
        ("Dataset", "JobsLogGroupName", "blocking"),
    ],
)
def test_log_lines_go_to_an_existing_group_in_a_mode_that_no_account_setting_decides(
    task: str, group: str, mode: str
) -> None:
    logging = container(task, "prd")["LogConfiguration"]
    assert logging["LogDriver"] == "awslogs"
    assert logging["Options"]["mode"] == mode
    assert logging["Options"]["awslogs-group"] == ref(group)
    assert logging["Options"]["awslogs-stream-prefix"] == task.lower()
    assert "awslogs-create-group" not in logging["Options"]
    assert rights(task, "prd", "Execution")["WriteLog"]["Resource"] == sub(
        f"arn:${{AWS::Partition}}:logs:${{AWS::Region}}:${{AWS::AccountId}}:log-group:${{{group}}}:log-stream:*"
    )


@pytest.mark.parametrize("task", TASKS)
def test_the_execution_role_pulls_logs_and_reads_one_secret(task: str) -> None:
    given = rights(task, "dev", "Execution")
    assert set(given) == {"LogInToRegistry", "Pull", "WriteLog", "ReadSecret"}
    assert given["ReadSecret"]["Resource"] == ref("DjangoSecretArn")
    assert given["LogInToRegistry"]["Resource"] == "*"
    assert [each for each in given.values() if each["Resource"] == "*"] == [given["LogInToRegistry"]]


def test_a_secret_under_a_customer_key_needs_the_key_too() -> None:
    key = rights("Service", "prd", "Execution")["UseKeyThroughSecretsmanager"]
    assert key["Action"] == ["kms:Decrypt"]
    assert key["Resource"] == ref("DataKeyArn")
    assert "kms:ViaService" in key["Condition"]["StringEquals"]


def test_it_pulls_from_its_own_account_if_it_manages_the_repository_and_else_by_the_repositorys_name() -> None:
    repository = "arn:${AWS::Partition}:ecr:${AWS::Region}:"
    assert rights("Service", "dev", "Execution")["Pull"]["Resource"] == sub(
        f"{repository}${{AWS::AccountId}}:repository/salaries-dev"
    )
    assert rights("Service", "prd", "Execution")["Pull"]["Resource"] == sub(f"{repository}*:repository/salaries")


@pytest.mark.parametrize("task", TASKS)
def test_role_policies_are_part_of_the_role_so_that_deletion_cannot_take_them_first(task: str) -> None:
    stack = stack_of(task, "prd")
    # But for the function's, which the resource that needs it depends on.
    assert set(stack.of_type("AWS::IAM::Policy")) <= {"DbInitReadsMasterLogin"}
    assert stack.of_type("AWS::IAM::Role")


@pytest.mark.parametrize(
    ("uri", "accepted"),
    [
        (f"123456789012.dkr.ecr.us-east-1.amazonaws.com/salaries@sha256:{'0a' * 32}", True),
        ("123456789012.dkr.ecr.us-east-1.amazonaws.com/salaries:latest", False),
        (f"salaries@sha256:{'0a' * 31}", False),
    ],
)
def test_images_run_by_digest_only(uri: str, accepted: bool) -> None:
    pattern = stack_of("Service", "prd").document["Parameters"]["ImageUri"]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, uri)) is accepted


@pytest.mark.parametrize("task", TASKS)
def test_containers_get_no_more_time_to_stop_than_fargate_has(task: str) -> None:
    assert 30 <= container(task, "prd")["StopTimeout"] <= 120


def test_the_image_decides_the_processor_it_is_built_for() -> None:
    definition = stack_of("Service", "dev", ecs__cpu_architecture="ARM64")["ServiceTaskDefinition"]
    assert definition["RuntimePlatform"] == {"CpuArchitecture": "ARM64", "OperatingSystemFamily": "LINUX"}


def test_only_the_dataset_task_has_a_writable_volume_and_its_data_directory_is_there() -> None:
    stack = stack_of("Dataset", "prd")
    assert stack["DatasetTaskDefinition"]["Volumes"] == [{"Name": "scratch"}]
    mounts = container("Dataset", "prd")["MountPoints"]
    assert mounts == [{"SourceVolume": "scratch", "ContainerPath": "/data", "ReadOnly": False}]
    assert variables("Dataset", "prd")["DATA_DIR"] == "/data"
    assert "Volumes" not in stack["ServiceTaskDefinition"]
    assert variables("Service", "prd")["DATA_DIR"] == "/tmp"
