"""What a process of the application finds in its environment: placeholders as values of stacks, secrets by ARN.

A value that holds a secret among other text can't be put together by CloudFormation. It is a secret of its own, which
a deploy derives (`derived`); the task definition only names it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from troposphere import Join, Ref, Select, Split

from opsctl.config import naming, placeholder
from opsctl.config.application import HEALTH_PATH, Process, Web
from opsctl.config.models import Environment
from opsctl.config.placeholder import Placeholder
from opsctl.stacks.parts.base import StackBuilder, arn
from opsctl.stacks.parts.image import image
from opsctl.stacks.parts.values import CA_BUNDLE, Source, host, rendered

# What the derived secrets of files are called after; their paths may hold anything.
_FILE = "file"


@dataclass(frozen=True, slots=True)
class Derived:
    """A secret that a deploy puts together: its name, and the text with its placeholders."""

    name: str
    text: str


@dataclass(slots=True)
class Variables:
    """`plain` by name, as values or intrinsic functions; `secrets` by name, as what `ValueFrom` takes.

    `arns` are the secrets that starting the task reads; `replica`: whether the process knows the replica.
    """

    plain: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, Any] = field(default_factory=dict)
    arns: list[Any] = field(default_factory=list)
    replica: bool = False


def variables(stack: StackBuilder, name: str, process: Process) -> Variables:
    """Everything that `name`'s tasks get, opsctl's own variables first."""
    found = Variables(plain=_own(stack, name, process))
    _log_in(stack, found)
    application = stack.env.application
    written = application.variables(process)
    for variable, text in written.items():
        _add(stack, found, variable, text, user=login_user(stack.env, name))
    for secret in application.secrets:
        if secret not in written:
            _add(stack, found, secret, f"${{secrets.{secret}}}", user="")
    _files(stack, found, user=login_user(stack.env, name))
    return found


def template_source(stack: StackBuilder) -> Source:
    """Values as a template has them."""
    return Source(
        stack.env,
        output=stack.output_of,
        region=lambda: Ref("AWS::Region"),
        digest=lambda: Select(1, Split("@sha256:", image(stack))),
    )


def login_user(env: Environment, name: str) -> str:
    """The database role that a process logs in as."""
    role = env.login_role(name)
    return env.rds.app_user if role == "user" else str(getattr(env.rds.roles, role))


def derived(env: Environment) -> tuple[Derived, ...]:
    """Every secret that a deploy has to derive, each once."""
    texts = [each for _, process in env.application.processes() for each in env.application.variables(process).items()]
    texts += [(_FILE, text) for text in env.application.files.values()]
    found = {naming.derived_secret(env, label, text): text for label, text in texts if _is_composite(env, text)}
    return tuple(Derived(name, text) for name, text in found.items())


def secret_arn(env: Environment, name: str) -> Any:
    """ARN of one of the application's secrets, without the suffix that Secrets Manager adds to it.

    Such an ARN is found as long as its name does not look as if it had one. [API GetSecretValue, SecretId]
    """
    source = env.application.secrets[name]
    return source if source.startswith("arn:") else arn("secretsmanager", f"secret:{naming.secret_name(env, name)}")


def _own(stack: StackBuilder, name: str, process: Process) -> dict[str, Any]:
    """What opsctl says to every process, and to the web about the load balancer in front of it."""
    env = stack.env
    on_aws = env.target == "aws"
    values: dict[str, Any] = {"OPSCTL_ALONE": "1"} if process.alone else {}
    settings = process.settings or env.application.settings
    if settings is not None:
        values["DJANGO_SETTINGS_MODULE"] = settings
    values |= {
        "AWS_REGION": Ref("AWS::Region"),
        "AWS_DEFAULT_REGION": Ref("AWS::Region"),
        # libpq's own names: a project that builds its settings from parts is verified by them as well.
        "PGHOST": stack.output_of("data", "DatabaseHost"),
        "PGPORT": stack.output_of("data", "DatabasePort"),
        "PGUSER": login_user(env, name),
        "PGDATABASE": stack.output_of("data", "DatabaseName"),
        "PGSSLMODE": "verify-full" if on_aws else "prefer",
        "PGAPPNAME": f"{env.service}-{name}",
        "PGCONNECT_TIMEOUT": "10",  # libpq waits for ever otherwise
    }
    if on_aws:
        values["PGSSLROOTCERT"] = CA_BUNDLE
    if env.application.database.owner and process.statement_timeout:  # else the role has its own
        values["PGOPTIONS"] = f"-c statement_timeout={process.statement_timeout * 1000}"
    if isinstance(process, Web):
        values |= _behind_the_load_balancer(stack, process)
    return values


def _behind_the_load_balancer(stack: StackBuilder, web: Web) -> dict[str, Any]:
    values: dict[str, Any] = {"OPSCTL_PROXY": "1", "OPSCTL_STATIC": "1", "OPSCTL_TLS": str(stack.env.serves_https)}
    if web.health.path is None:
        values["OPSCTL_HEALTH"] = HEALTH_PATH
    else:
        values |= {"OPSCTL_HEALTH_PATH": web.health.path, "OPSCTL_HEALTH_HOST": host(template_source(stack))}
    if web.command is None:
        values |= {"PORT": str(web.port), "OPSCTL_TIMEOUT": str(web.timeout)}
    # A server of the project's own has its own numbers, unless it is told others.
    given = {"workers", "threads"} if web.command is None else web.model_fields_set
    if "workers" in given:
        values["WEB_CONCURRENCY"] = str(web.workers)
    if "threads" in given:
        values["OPSCTL_THREADS"] = str(web.threads)
    return values


def _log_in(stack: StackBuilder, found: Variables) -> None:
    """With passwords two logins take turns, so the name is read with the password, when a task starts."""
    if stack.env.database_auth == "password":
        del found.plain["PGUSER"]
        _secret(found, "PGUSER", _login(stack, "username"), stack.output_of("data", "LoginSecretArn"))


def _login(stack: StackBuilder, key: str) -> Any:
    return Join("", [stack.output_of("data", "LoginSecretArn"), f":{key}::"])


def _add(
    stack: StackBuilder, found: Variables, variable: str, text: str, *, user: str, label: str | None = None
) -> None:
    """Add a variable. `label` stands in the name of a derived secret, instead of the variable's."""
    env = stack.env
    parts = placeholder.parse(text)
    found.replica |= any(isinstance(part, Placeholder) and part.group == "replica" for part in parts)
    if _is_composite(env, text):
        place = arn("secretsmanager", f"secret:{naming.derived_secret(env, label or variable, text)}")
        _secret(found, variable, place, place)
    elif len(parts) == 1 and isinstance(parts[0], Placeholder) and _is_secret(env, parts[0]):
        value, place = _whole_secret(stack, parts[0])
        _secret(found, variable, value, place)
    else:
        found.secrets.pop(variable, None)
        found.plain[variable] = rendered(template_source(stack), parts, user)


def _secret(found: Variables, variable: str, value: Any, place: Any) -> None:
    found.plain.pop(variable, None)  # ECS takes a name once
    found.secrets[variable] = value
    if not any(_same(place, known) for known in found.arns):
        found.arns.append(place)


def _same(one: Any, other: Any) -> bool:
    return bool(_plain(one) == _plain(other))


def _plain(value: Any) -> Any:
    return value.to_dict() if hasattr(value, "to_dict") else value


def _is_secret(env: Environment, part: Placeholder) -> bool:
    if part.group == "replica" and not env.rds.enable_replica:
        return False  # empty
    return placeholder.is_secret(part, password=env.database_auth == "password")


def _is_composite(env: Environment, text: str) -> bool:
    """Whether a value holds a secret that no ARN alone stands for."""
    parts = placeholder.parse(text)
    secrets = [part for part in parts if isinstance(part, Placeholder) and _is_secret(env, part)]
    if not secrets:
        return False
    return len(parts) > 1 or (secrets[0].group != "secrets" and secrets[0].key == "url")


def _whole_secret(stack: StackBuilder, part: Placeholder) -> tuple[Any, Any]:
    """What `ValueFrom` takes for a value that is one secret, and the secret's ARN."""
    if part.name == "secret_key":
        place = stack.output_of("platform", "DjangoSecretArn")
        return place, place
    if part.group == "secrets":
        place = secret_arn(stack.env, part.key)
        return place, place
    return _login(stack, "username" if part.key == "user" else "password"), stack.output_of("data", "LoginSecretArn")


def _files(stack: StackBuilder, found: Variables, *, user: str) -> None:
    """Each file's text is a variable, which the start program writes down and takes away."""
    files = stack.env.application.files
    if not files:
        return
    names = [f"OPSCTL_FILE_{index}" for index in range(len(files))]
    for variable, text in zip(names, files.values(), strict=True):
        _add(stack, found, variable, text, user=user, label=_FILE)
    found.plain["OPSCTL_FILES"] = json.dumps({path: f"${{{name}}}" for path, name in zip(files, names, strict=True)})
    found.plain["OPSCTL_FILES_VARIABLES"] = ",".join(names)
