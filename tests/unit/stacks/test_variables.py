"""What a process finds in its environment: values, secrets by ARN, and nothing of a secret in a template."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from opsctl.config.models import Environment
from opsctl.stacks import app, data, jobs
from opsctl.stacks.parts.variables import derived
from tests.unit.stacks.reading import Stack, ref, statements, sub


def made(variable: str, text: str) -> Any:
    """Where a derived secret lies: by its text."""
    return sub(f"{SECRET}/derived/{hashlib.sha256(text.encode()).hexdigest()[:8]}/{variable}")


SECRET = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:opsctl/dev/shop"
WORKER = {"command": ("python", "w")}


def environment(target: str = "aws", **application: Any) -> Environment:
    return Environment.model_validate(
        {"name": "dev", "service": "shop", "client": "acme", "target": target, "application": application}
    )


def container(env: Environment, task: str = "Service") -> dict[str, Any]:
    stack = Stack(jobs.build(env) if task == "Migrate" else app.build(env))
    found: dict[str, Any] = stack[f"{task}TaskDefinition"]["ContainerDefinitions"][0]
    return found


def plain(env: Environment, task: str = "Service") -> dict[str, Any]:
    return {each["Name"]: each["Value"] for each in container(env, task)["Environment"]}


def secrets(env: Environment, task: str = "Service") -> dict[str, Any]:
    return {each["Name"]: each["ValueFrom"] for each in container(env, task).get("Secrets", [])}


def test_values_are_text_or_what_cloudformation_makes_text_of() -> None:
    env = environment(
        environment={
            "A": "plain", "B": "", "C": "5$$", "HOSTS": "${web.hosts}", "URL": "${web.url}/x", "M": "${buckets.media}",
            "E": "${environment}", "R": "${region}", "D": "${database.url}", "T": "${web.tls}", "N": "${replica.url}",
        },
        buckets={"media": None},
        database={"owner": True, "auth": "iam"},
    )  # fmt: skip
    found = plain(env)
    assert (found["A"], found["B"], found["C"], found["E"], found["T"], found["N"]) == (
        "plain", "", "5$", "dev", "False", "",
    )  # fmt: skip
    assert found["HOSTS"] == ref("LoadBalancerDnsName")
    assert found["URL"] == {"Fn::Join": ["", ["http://", ref("LoadBalancerDnsName"), "/x"]]}
    assert (found["M"], found["R"]) == (ref("MediaBucketName"), ref("AWS::Region"))
    assert found["D"]["Fn::Join"][1] == [
        "postgres://app_user@", ref("DatabaseHost"), ":", ref("DatabasePort"), "/", ref("DatabaseName"),
        "?sslmode=verify-full&sslrootcert=/opt/opsctl/rds.pem",
    ]  # fmt: skip


def test_several_names_are_hosts_and_origins() -> None:
    env = environment(
        web={"domains": ("a.org", "*.a.org"), "certificate_arn": "arn:aws:acm:us-east-1:111111111111:certificate/a"},
        environment={"H": "${web.hosts}", "S": "${web.hosts/space}", "J": "${web.hosts/json}", "O": "${web.origins}",
                     "U": "${web.url}", "T": "${web.tls}"},
    )  # fmt: skip
    found = plain(env)
    assert (found["H"], found["S"], found["J"]) == ("a.org,.a.org", "a.org .a.org", '["a.org", ".a.org"]')
    assert (found["O"], found["U"], found["T"]) == ("https://a.org,https://*.a.org", "https://a.org", "True")


def test_a_secret_is_named_and_one_among_text_is_a_secret_of_its_own() -> None:
    env = environment(
        secrets={"TOKEN": "set", "FOREIGN": "arn:aws:secretsmanager:us-east-1:111111111111:secret:x-AbCdEf"},
        environment={"MAIL": "smtp://u:${secrets.TOKEN}@h", "KEY": "${secret_key}", "ALIAS": "${secrets.TOKEN}"},
        workers={"queue": {**WORKER, "environment": {"MAIL": "x${secrets.TOKEN}"}}},
    )
    assert secrets(env) == {
        "MAIL": made("MAIL", "smtp://u:${secrets.TOKEN}@h"),
        "KEY": ref("DjangoSecretArn"),
        "ALIAS": sub(f"{SECRET}/secrets/TOKEN"),
        "TOKEN": sub(f"{SECRET}/secrets/TOKEN"),
        "FOREIGN": "arn:aws:secretsmanager:us-east-1:111111111111:secret:x-AbCdEf",
    }
    assert secrets(env, "Queue")["MAIL"] == made("MAIL", "x${secrets.TOKEN}")
    assert {each.text for each in derived(env)} == {"smtp://u:${secrets.TOKEN}@h", "x${secrets.TOKEN}"}
    given = statements(Stack(app.build(env))["ServiceExecutionRole"]["Policies"][0]["PolicyDocument"])
    mail = made("MAIL", "smtp://u:${secrets.TOKEN}@h")["Fn::Sub"]
    assert given["ReadSecret"]["Resource"] == [
        sub(f"{mail}-??????"), ref("DjangoSecretArn"), sub(f"{SECRET}/secrets/TOKEN-??????"),
        "arn:aws:secretsmanager:us-east-1:111111111111:secret:x-AbCdEf",
    ]  # fmt: skip


def test_with_passwords_login_and_password_are_read_when_a_task_starts() -> None:
    env = environment(
        database={"owner": True},
        environment={"DATABASE_URL": "${database.url}", "U": "${database.user}", "P": "${database.password}"},
    )
    login = ref("LoginSecretArn")
    for task in ("Service", "Migrate"):
        found = secrets(env, task)
        assert found["PGUSER"] == found["U"] == {"Fn::Join": ["", [login, ":username::"]]}
        assert found["P"] == {"Fn::Join": ["", [login, ":password::"]]}
        assert found["DATABASE_URL"] == made("DATABASE_URL", "${database.url}")
        assert "PGUSER" not in plain(env, task)
    assert Stack(data.build(env))["LoginSecret"] == {
        "Description": "The application's login to the shop database in dev"
    }
    assert "LoginSecret" not in Stack(data.build(environment())).resources


def test_this_machine_needs_neither_password_nor_certificate() -> None:
    env = environment("local", database={"owner": True}, environment={"D": "${database.url}", "CA": "${database.ca}"})
    assert secrets(env) == {}
    assert plain(env)["PGSSLMODE"] == "prefer"
    assert plain(env)["CA"] == ""
    assert plain(env)["D"]["Fn::Join"][1][0] == "postgres://app_user@"
    assert "?" not in str(plain(env)["D"])


def test_files_are_written_by_the_start_program() -> None:
    env = environment(
        secrets=("TOKEN",),
        files={"/etc/a.cfg": "k = ${secrets.TOKEN}", "/etc/b.cfg": "u = ${environment}"},
        web={"command": ("gunicorn", "x")},
    )
    found = plain(env)
    assert found["OPSCTL_FILES"] == '{"/etc/a.cfg": "${OPSCTL_FILE_0}", "/etc/b.cfg": "${OPSCTL_FILE_1}"}'
    assert found["OPSCTL_FILES_VARIABLES"] == "OPSCTL_FILE_0,OPSCTL_FILE_1"
    assert found["OPSCTL_FILE_1"] == "u = dev"
    assert secrets(env)["OPSCTL_FILE_0"] == made("file", "k = ${secrets.TOKEN}")
    assert container(env)["Command"] == ["python", "/opt/opsctl/start.py", "gunicorn", "x"]


def test_opsctls_own_web_command_gets_a_port_and_another_does_not() -> None:
    own = environment(settings="shop.settings", web={"port": 9000, "timeout": 30})
    assert container(own)["Command"] == ["python", "/opt/opsctl/start.py"]
    assert (plain(own)["PORT"], plain(own)["OPSCTL_TIMEOUT"]) == ("9000", "30")
    assert plain(own)["OPSCTL_HEALTH"] == "/-/health"
    other = environment(web={"command": ("gunicorn", "x"), "health": "/up"})
    assert "PORT" not in plain(other)
    assert (plain(other)["OPSCTL_HEALTH_PATH"], "OPSCTL_HEALTH" in plain(other)) == ("/up", False)


@pytest.mark.parametrize("way", [{"image": "nginx"}, {"dockerfile": "Dockerfile"}])
def test_the_command_of_somebody_elses_image_is_its_own_or_replaces_all(way: dict[str, str]) -> None:
    own = container(environment(**way))
    assert not {"Command", "EntryPoint", "User"} & set(own)
    given = container(environment(**way, web={"command": ("gunicorn", "x")}))
    assert (given["EntryPoint"], given["Command"]) == (["/usr/bin/env"], ["gunicorn", "x"])
    release = container(environment(**way), "Migrate")
    assert (release["EntryPoint"], release["Command"][:2]) == (["/usr/bin/env"], ["python", "manage.py"])


def test_a_worker_is_a_service_and_a_singleton_never_two() -> None:
    env = environment(
        workers={
            "queue": {**WORKER, "count": (1, 4), "memory": 1024, "disk": 30},
            "beat": {**WORKER, "singleton": True},
        }
    )
    stack = Stack(app.build(env))
    assert stack["QueueScalableTarget"]["MaxCapacity"] == 4
    assert "DesiredCount" not in stack["QueueService"]
    assert "LoadBalancers" not in stack["QueueService"]
    assert stack["QueueTaskDefinition"]["EphemeralStorage"] == {"SizeInGiB": 30}
    assert stack["QueueTaskDefinition"]["Memory"] == "1024"
    beat = stack["BeatService"]
    assert beat["DesiredCount"] == 1
    assert beat["DeploymentConfiguration"]["MaximumPercent"] == 100
    assert beat["DeploymentConfiguration"]["MinimumHealthyPercent"] == 0
    assert beat["AvailabilityZoneRebalancing"] == "DISABLED"
    assert stack["QueueService"]["ForceNewDeployment"]["ForceNewDeploymentNonce"] == ref("QueueRollout")


def test_a_worker_whose_tasks_are_missing_again_and_again_is_an_alarm() -> None:
    env = environment(workers={"queue": {**WORKER, "count": (2, 4)}, "rare": {**WORKER, "count": (0, 1)}})
    stack = Stack(app.build(env))
    alarm = stack["QueueTasksMissing"]
    measured, filled = alarm["Metrics"]
    # With no task there is no sample, and CloudWatch would judge older minutes, which had some.
    assert (filled["Expression"], filled["ReturnData"], measured["ReturnData"]) == ("FILL(measured, 0)", True, False)
    assert (measured["MetricStat"]["Stat"], measured["MetricStat"]["Period"]) == ("SampleCount", 60)
    metric = measured["MetricStat"]["Metric"]
    assert metric["MetricName"] == "CPUUtilization"
    assert {"Name": "ServiceName", "Value": {"Fn::GetAtt": ["QueueService", "Name"]}} in metric["Dimensions"]
    assert not {"MetricName", "Statistic", "Period", "Dimensions"} & {*alarm}
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 2)
    assert (alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == (8, 15)
    assert alarm["TreatMissingData"] == "breaching"  # where the metric was never there
    assert "RareTasksMissing" not in stack.resources


def test_several_commands_of_a_release_run_in_order_and_a_job_has_its_time() -> None:
    env = environment(
        release={"commands": (("python", "manage.py", "migrate"), ("echo", "it's done")), "timeout": 60},
        jobs={"report": {"command": ("python", "r"), "timeout": "2h", "stop_timeout": 30}},
    )
    command = container(env, "Migrate")["Command"]
    assert command[:4] == ["timeout", "-k", "30", "60"]
    assert command[4:6] == ["/bin/sh", "-ec"]
    assert command[6] == "python manage.py migrate\necho 'it'\"'\"'s done'"
    report = container(env, "Report")
    assert report["Command"] == ["python", "/opt/opsctl/start.py", "timeout", "-k", "30", "7200", "python", "r"]
    assert report["StopTimeout"] == 30


def test_the_statement_timeout_is_the_tasks_where_one_login_owns_all() -> None:
    env = environment(database={"owner": True}, workers={"queue": WORKER})
    assert plain(env)["PGOPTIONS"] == "-c statement_timeout=30000"
    assert "PGOPTIONS" not in plain(env, "Queue")
    assert "PGOPTIONS" not in plain(environment())


def test_a_variable_that_is_a_secret_as_well_is_a_secret_alone() -> None:
    env = environment(secrets=("PGDATABASE", "PORT"), environment={"PGUSER": "hello"}, database={"owner": True})
    both = set(plain(env)) & set(secrets(env))
    assert both == set()
    assert plain(env)["PGUSER"] == "hello"
    assert {"PGDATABASE", "PORT"} <= set(secrets(env))


def test_a_foreign_secret_may_lie_under_a_key_of_others_and_be_named_without_its_suffix() -> None:
    env = environment(secrets={"A": "arn:aws:secretsmanager:us-east-1:222222222222:secret:licence"})
    given = statements(Stack(app.build(env))["ServiceExecutionRole"]["Policies"][0]["PolicyDocument"])
    assert given["ReadSecret"]["Resource"] == "arn:aws:secretsmanager:us-east-1:222222222222:secret:licence-??????"
    assert given["DecryptForeignSecrets"]["Resource"] == ["arn:aws:kms:us-east-1:222222222222:key/*"]
    condition = given["DecryptForeignSecrets"]["Condition"]
    assert condition["StringLike"] == {"kms:EncryptionContext:SecretARN": [given["ReadSecret"]["Resource"]]}
    assert "DecryptForeignSecrets" not in statements(
        Stack(app.build(environment(secrets=("B",))))["ServiceExecutionRole"]["Policies"][0]["PolicyDocument"]
    )
