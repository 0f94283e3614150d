"""Secrets of an application: what is missing, what is derived, and when tasks have to read anew; on moto."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from opsctl.aws.secrets import Secrets
from opsctl.config.models import Environment
from opsctl.deploy.planning.state import RemoteState
from opsctl.deploy.secrets import ApplicationSecrets, secret_tags
from opsctl.errors import OpsctlError
from opsctl.operate.secrets import remove, set_from_file, set_value
from tests.unit.deploy.fakes import FakeCloudFormation, template

DIGEST = "0a" * 32
PREFIX = "opsctl/dev/shop/"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    with mock_aws():
        yield boto3.client("secretsmanager", "us-east-1")


def desk(client: Any, **application: Any) -> ApplicationSecrets:
    env = Environment.model_validate({"name": "dev", "service": "shop", "client": "acme", "application": application})
    aws: Any = SimpleNamespace(secrets=Secrets(client))
    return ApplicationSecrets(env, aws)


def state(client: Any, **login: str) -> RemoteState:
    """Deployed stacks, as far as secrets are made from their outputs."""
    outputs = {
        "platform": {"DjangoSecretArn": made(client, "django", "k" * 64)},
        "data": {"DatabaseHost": "db", "DatabasePort": "5433", "DatabaseName": "shop",
                 "LoginSecretArn": made(client, "login", json.dumps({"username": "a", "password": "p", **login}))},
        "front": {"LoadBalancerDnsName": "lb"},
    }  # fmt: skip
    formation = FakeCloudFormation()
    for name, values in outputs.items():
        formation.put(template(name), "CREATE_COMPLETE", outputs=values)
    return RemoteState({stack.name.split("-")[-1]: stack for stack in formation.stacks()} | {
        name: next(stack for stack in formation.stacks() if dict(stack.outputs) == values)
        for name, values in outputs.items()
    })  # fmt: skip


def made(client: Any, name: str, text: str) -> str:
    try:
        return str(client.create_secret(Name=name, SecretString=text)["ARN"])
    except client.exceptions.ResourceExistsException:
        client.put_secret_value(SecretId=name, SecretString=text)
        return str(client.describe_secret(SecretId=name)["ARN"])


def value(client: Any, name: str) -> str:
    """A secret's text; of a derived one by its last word, as its name holds a hash of what it is made from."""
    kind, _, last = name.partition("/")
    if kind == "derived":
        listed = client.list_secrets()["SecretList"]
        name = next(each["Name"] for each in listed if each["Name"].endswith(f"/{last}")).removeprefix(PREFIX)
    return str(client.get_secret_value(SecretId=PREFIX + name)["SecretString"])


def test_an_application_without_secrets_asks_nobody() -> None:
    found = desk(None, environment={"A": "${web.url}", "K": "${secret_key}"})
    assert not found.used
    found.look(RemoteState())
    assert (found.stamp(RemoteState(), DIGEST), found.problems(), found.due(RemoteState(), DIGEST)) == ("0", (), False)


def test_a_secret_that_nobody_set_is_a_problem_and_a_generated_one_is_made(client: Any) -> None:
    found = desk(client, secrets={"TOKEN": "set", "SALT": "generate"})
    now = state(client)
    found.look(now)
    (problem,) = found.problems()
    assert "opsctl secret set TOKEN --env dev" in problem
    assert found.due(now, DIGEST)
    assert found.write(now, DIGEST) == 1
    first = value(client, "secrets/SALT")
    assert len(first) == 64
    assert found.write(now, DIGEST) == 0
    assert value(client, "secrets/SALT") == first


def test_a_foreign_secret_that_is_not_there_is_a_problem(client: Any) -> None:
    found = desk(client, secrets={"A": "arn:aws:secretsmanager:us-east-1:123456789012:secret:none-AbCdEf"})
    found.look(state(client))
    assert "which is not there" in found.problems()[0]


def test_a_derived_secret_follows_everything_that_it_is_made_from(client: Any) -> None:
    found = desk(
        client, secrets=("TOKEN",), database={"owner": True},
        environment={"MAIL": "smtp://u:${secrets.TOKEN}@${web.host}", "DATABASE_URL": "${database.url}"},
    )  # fmt: skip
    made(client, f"{PREFIX}secrets/TOKEN", "one")
    now = state(client)
    found.look(now)
    before = found.stamp(now, DIGEST)
    assert found.due(now, DIGEST)
    assert found.write(now, DIGEST) == 2
    assert value(client, "derived/MAIL") == "smtp://u:one@lb"
    tail = "?sslmode=verify-full&sslrootcert=/opt/opsctl/rds.pem"
    assert value(client, "derived/DATABASE_URL") == f"postgres://a:p@db:5433/shop{tail}"
    assert (found.stamp(now, DIGEST), found.due(now, DIGEST), found.write(now, DIGEST)) == (before, False, 0)

    made(client, f"{PREFIX}secrets/TOKEN", "two")
    found.look(now)
    assert found.stamp(now, DIGEST) != before
    assert found.write(now, DIGEST) == 1
    assert value(client, "derived/MAIL") == "smtp://u:two@lb"

    now = state(client, username="b", password="q")
    found.look(now)
    assert found.due(now, DIGEST)
    found.write(now, DIGEST)
    assert value(client, "derived/DATABASE_URL").startswith("postgres://b:q@db")


def test_what_a_stack_does_not_say_yet_is_waited_for(client: Any) -> None:
    found = desk(client, secrets=("TOKEN",), environment={"MAIL": "${secrets.TOKEN}@${web.host}"})
    made(client, f"{PREFIX}secrets/TOKEN", "one")
    found.look(RemoteState())
    assert found.stamp(RemoteState(), DIGEST) is None
    assert found.due(RemoteState(), DIGEST)
    assert found.problems() == ()


def test_a_neighbour_whose_name_begins_alike_is_not_looked_at(client: Any) -> None:
    made(client, "opsctl/dev/shop2/secrets/TOKEN", "x")
    found = desk(client, secrets=("TOKEN",))
    found.look(state(client))
    assert len(found.problems()) == 1


def test_a_secret_that_waits_for_deletion_is_brought_back_by_a_new_value(client: Any) -> None:
    store = Secrets(client)
    store.write(f"{PREFIX}secrets/TOKEN", "one", key=None, tags={"a": "b"})
    store.remove(f"{PREFIX}secrets/TOKEN", days=7)
    assert store.below(PREFIX) == {}
    store.write(f"{PREFIX}secrets/TOKEN", "two", key=None, tags={"a": "b"})
    assert value(client, "secrets/TOKEN") == "two"
    assert list(store.below(PREFIX)) == [f"{PREFIX}secrets/TOKEN"]


def test_what_the_release_before_read_alone_goes_and_comes_back_with_it(client: Any) -> None:
    block = {
        "environment": {"MAIL": "smtp://a:${secrets.TOKEN}@x", "OTHER": "b:${secrets.TOKEN}"},
        "secrets": ["TOKEN"],
    }
    there = state(client)
    client.create_secret(Name=f"{PREFIX}secrets/TOKEN", SecretString="t")
    old = desk(client, **block)
    assert old.write(there, DIGEST) == 2
    before = old.env.application.model_dump(mode="json")
    new = desk(client, environment={"OTHER": "b:${secrets.TOKEN}"}, secrets=["TOKEN"])
    (gone,) = new.forget(before)
    assert gone.endswith("/MAIL")
    assert client.describe_secret(SecretId=gone)["DeletedDate"]
    assert value(client, "derived/OTHER") == "b:t"
    assert client.get_secret_value(SecretId=f"{PREFIX}secrets/TOKEN")["SecretString"] == "t"
    again = desk(client, **block)
    again.look(there)
    assert again.write(there, DIGEST) == 1
    assert client.get_secret_value(SecretId=gone)["SecretString"] == "smtp://a:t@x"


@pytest.mark.parametrize("before", [None, {}, {"key of another version": 1}])
def test_nothing_goes_where_it_is_not_known_what_was_read(client: Any, before: dict[str, Any] | None) -> None:
    there, found = state(client), desk(client, environment={"A": "b:${secrets.TOKEN}"}, secrets={"TOKEN": "generate"})
    found.write(there, DIGEST)
    assert found.forget(before) == []
    assert value(client, "derived/A").startswith("b:")


def of_client(client: Any, name: str) -> Any:
    """An environment of a client, as commands get it."""
    env = desk(client, secrets=["KEY"]).env.model_copy(update={"client": name})
    return SimpleNamespace(env=env, aws=SimpleNamespace(secrets=Secrets(client)), outlasting=nullcontext)


@pytest.mark.parametrize(
    "attempt",
    [
        lambda target: set_value(target, "KEY", "theirs"),
        lambda target: remove(target, "KEY"),
        lambda target: ApplicationSecrets(target.env, target.aws).look(RemoteState()),
    ],
    ids=["set", "remove", "deploy"],
)
def test_a_secret_is_one_clients_though_its_name_says_none(client: Any, attempt: Callable[[Any], object]) -> None:
    ours = of_client(client, "acme")
    ours.aws.secrets.write(f"{PREFIX}secrets/KEY", "ours", key=None, tags=secret_tags(ours.env))
    with pytest.raises(OpsctlError, match="belongs to the client acme, and dev is umbrella's") as caught:
        attempt(of_client(client, "umbrella"))
    assert caught.value.code == "another-clients-secret"
    assert value(client, "secrets/KEY") == "ours"
    desk(client, secrets=["KEY"]).look(RemoteState())


@pytest.mark.parametrize(("there", "missing"), [(True, []), (False, ["KEY"])])
def test_what_a_file_leaves_empty_is_missing_unless_it_was_set_before(
    client: Any, tmp_path: Path, there: bool, missing: list[str]
) -> None:
    if there:
        made(client, f"{PREFIX}secrets/KEY", "ours")
    (tmp_path / ".env").write_text("KEY=\nOTHER=1\n")
    said = set_from_file(of_client(client, "acme"), tmp_path / ".env")
    assert said == {"environment": "dev", "set": [], "left": ["OTHER"], "missing": missing}


def test_a_secret_that_an_earlier_opsctl_made_says_no_client_and_is_taken(client: Any) -> None:
    made(client, f"{PREFIX}secrets/KEY", "ours")
    found = desk(client, secrets=["KEY"])
    found.look(RemoteState())
    assert found.problems() == ()
