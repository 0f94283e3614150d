"""One environment and what it takes to work on it: configuration, templates and AWS."""

from __future__ import annotations

import getpass
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsctl import leaving, private
from opsctl.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from opsctl.aws.renewal import Renewal
    from opsctl.aws.session import Aws
    from opsctl.config.checked import Known
    from opsctl.config.loader import Configuration
    from opsctl.config.models import Environment
    from opsctl.config.problem import Problem
    from opsctl.images.checkout.project import Project
    from opsctl.images.oci.store import ImageStore
    from opsctl.images.workshop import Workshop
    from opsctl.local.report import LocalEndpoints
    from opsctl.local.runtime import Runtime
    from opsctl.local.target import LocalTarget
    from opsctl.stacks.model import StackTemplate

FILE_NAME = "environments.yaml"
RELEASED_STACKS = ("jobs", "app")
"""What a release is made of; the others are what it stands on."""


def find_config(given: Path | None) -> Path:
    """The file named, or the nearest `environments.yaml` from here upwards."""
    if given is not None:
        return given
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / FILE_NAME).is_file():
            return Path(os.path.relpath(folder / FILE_NAME))
    raise ConfigError(
        f"There is no {FILE_NAME} here or in a folder above.",
        code="config-missing",
        hint="`opsctl init` in a Django project's folder writes one; --config names one that lies elsewhere.",
    )


@dataclass(frozen=True)
class Workspace:
    """The file and the folder it stands in.

    `ask` asks a person for what is not to be seen, None where nobody can be asked; `tell` says what takes a while;
    `command` is what was typed, for the lock. `locked` refuses to resolve requirements; None: where CI is set.
    `allow_files` are shipped although they look like secrets.
    """

    configuration: Configuration
    ask: Callable[[str], str | None] = lambda _: None
    tell: Callable[[str], None] = lambda _: None
    command: str = "opsctl"
    locked: bool | None = None
    allow_files: tuple[str, ...] = ()

    @classmethod
    def open(cls, config: Path | None, *, checkout: bool = False, **person: Any) -> Workspace:
        """Load and check the file, with `checkout` beside what the project has. `person` is who may be asked and told,
        and what was typed.
        """
        from opsctl.config.loader import load

        opened = cls(load(find_config(config), known=_known(), checkout=checkout), **person)
        private.close(private.state_folder(opened.root))  # whichever part of opsctl, or an earlier version, made it
        return opened

    @property
    def root(self) -> Path:
        """The project's folder."""
        return self.configuration.path.resolve().parent

    def target(self, env: str | None, region: str | None = None, runtime: str | None = None) -> Target:
        """One environment, ready to be used. `--region` changes where it is deployed, never its templates."""
        environment = self.configuration.environment(env)
        wanted = _runtime_of(environment, runtime)
        templates_of = environment
        if region is not None and region != environment.region:
            environment = _in_region(environment, region)
        return Target(self, environment, templates_of, runtime=wanted)

    def local_target(self) -> Target:
        """The default environment when it is on this machine, else the first one that is."""
        from opsctl.errors import UsageError

        names = [each.name for each in self.configuration.environments.values() if each.target == "local"]
        if not names:
            raise UsageError(
                f"No environment of {self.configuration.path} is on this machine.",
                code="no-local-environment",
                hint="Give one `target: local`.",
            )
        default = self.configuration.default
        return self.target(default if default in names else names[0])


def _runtime_of(environment: Environment, text: str | None) -> Runtime | None:
    """The local runtime that was asked for. Raises UsageError where there is none to choose."""
    from opsctl.errors import UsageError
    from opsctl.local.runtime import parse

    if text is not None and environment.target != "local":
        raise UsageError(
            f"--runtime is for environments on this machine, and {environment.name} runs on AWS.",
            hint="Leave it away, or deploy an environment with `target: local`.",
        )
    return parse(text)


def _in_region(environment: Environment, region: str) -> Environment:
    """The environment as if its region were this one. Raises UsageError where the file itself would be refused."""
    from pydantic import ValidationError

    from opsctl.config.models import Environment as Model
    from opsctl.errors import UsageError

    try:
        Model.model_validate({"name": "region", "service": "region", "client": "region", "region": region})
    except ValidationError:
        raise UsageError(
            f"`{region}` is not a region.", code="bad-region", hint="Write one such as us-east-1."
        ) from None
    moved = environment.model_copy(update={"region": region})
    if (problem := first_problem(moved)) is not None:
        raise UsageError(
            f"{environment.name} can't be deployed to {region}: {problem.what}.", code="bad-region", hint=problem.fix
        )
    return moved


def first_problem(environment: Environment) -> Problem | None:
    """What AWS would certainly refuse of these settings together; None where nothing is known."""
    from opsctl.config.checked import problems

    return next((each for each in problems(environment, _known()) if each.certain), None)


def _known() -> Known:
    from opsctl.aws.regions import commercial_regions, instance_types
    from opsctl.config.checked import Known

    return Known(commercial_regions(), instance_types)


@dataclass(frozen=True)
class Target:
    """One environment: its configuration, its templates and the AWS it lives in.

    `supporting` is set for a rollback: what the stacks are made from that a release only stands on. `administered`: an
    administrator's stacks instead of the environment's own. `from_account`: it was found by its stacks, so that of its
    settings the names alone are known. `reads_only`: see `reading`.
    """

    workspace: Workspace
    env: Environment
    configured: Environment
    runtime: Runtime | None = field(default=None, kw_only=True)
    supporting: Environment | None = field(default=None, kw_only=True)
    administered: tuple[StackTemplate, ...] = field(default=(), kw_only=True)
    from_account: bool = field(default=False, kw_only=True)
    reads_only: bool = field(default=False, kw_only=True)

    def reading(self) -> Target:
        """The same for a command that only looks: it starts nothing on this machine, and fails where it had to."""
        return replace(self, reads_only=True)

    @property
    def is_stopped(self) -> bool:
        """Whether it lives on this machine and does not run."""
        return self.is_local and not self.local.status().running

    @property
    def kept_note(self) -> str:
        """Told beside what is read of the files that a target which does not run left."""
        return f"The local target does not run: this is what it kept. `opsctl deploy --env {self.env.name}` starts it."

    @property
    def is_local(self) -> bool:
        """Whether it lives on this machine."""
        return self.env.target == "local"

    @property
    def wants_signatures(self) -> bool:
        """Whether a signature says that an image may run. Then it need not be the one that was built here."""
        return self.env.images.verify is not None and not self.is_local

    @property
    def poll_seconds(self) -> float:
        """Between two questions: CloudFormation's event calls are rate-limited per account; the emulator's are not."""
        return 0.1 if self.is_local else 5.0

    @property
    def repository_account(self) -> str | None:
        """The account of the environment that manages the image repository, when it is named."""
        for other in self.workspace.configuration.environments.values():
            same = other.target == "aws" and other.ecs.repository_name == self.env.ecs.repository_name
            if same and other.ecs.manage_repository:
                return other.account_id
        return None

    @cached_property
    def project(self) -> Project:
        """The application's sources in this checkout."""
        from opsctl.images.checkout.project import Project

        return Project(self.workspace.root, self.env.application, self.workspace.allow_files)

    @property
    def frozen(self) -> bool:
        """Whether what was locked is taken as it is: as `--locked` says, else wherever CI is set."""
        locked = self.workspace.locked
        return bool(os.environ.get("CI")) if locked is None else locked

    @property
    def image_store(self) -> ImageStore:
        """The images that were built here."""
        from opsctl.images.oci.store import ImageStore

        return ImageStore.of(self.workspace.root)

    @cached_property
    def workshop(self) -> Workshop:
        """Where its images are built."""
        from opsctl.images.workshop import Workshop

        return Workshop(self.project, frozen=self.frozen)

    @cached_property
    def templates(self) -> tuple[StackTemplate, ...]:
        """Its stacks, in the order in which they are deployed."""
        from opsctl.stacks.catalog import templates

        if self.administered:
            return self.administered
        released = templates(self.configured)
        if self.supporting is None:
            return released
        own = {each.stack: each for each in released if each.stack in RELEASED_STACKS}
        return tuple(own.get(each.stack, each) for each in templates(self.supporting))

    @cached_property
    def unwanted(self) -> tuple[StackTemplate, ...]:
        """Stacks that the configuration does not ask for any more, if it ever did."""
        from opsctl.stacks.catalog import unwanted

        return unwanted(self.configured)

    @cached_property
    def local(self) -> LocalTarget:
        """The local target of this checkout."""
        from opsctl.local.settings import LocalSettings
        from opsctl.local.target import LocalTarget

        runtime = self.runtime or self._only_runtime
        settings = LocalSettings.from_environment(region=self.env.region, runtime=runtime)
        return LocalTarget(self.workspace.root, settings=settings)

    @property
    def _only_runtime(self) -> Runtime | None:
        """Containers for a new target whose image alone says how the web starts: a process would have no command."""
        from opsctl.local.runtime import recorded
        from opsctl.local.state import StateDir

        application = self.env.application
        made_elsewhere = application.dockerfile is not None or application.image is not None
        if not made_elsewhere or application.web.command or recorded(StateDir.of(self.workspace.root)) is not None:
            return None
        return "containers"

    @cached_property
    def endpoints(self) -> LocalEndpoints:
        """The local target's addresses; starts it when it does not run, or fails where only reading is wanted."""
        if self.reads_only:
            return self.local.require_running(self.env.name)
        return self.local.ensure_started(self.workspace.tell)

    @cached_property
    def aws(self) -> Aws:
        """The clients: of AWS, or of the emulator."""
        from opsctl.aws.session import Aws, Endpoint

        if not self.is_local:
            aws = Aws(self.env.region, ask=self.workspace.ask)
            if self.env.account_id is not None:
                _refuse_other_account(self.env, aws)
            return aws
        url, key = self.endpoints.endpoint_url, self.local.key
        return Aws(self.env.region, Endpoint(url, key.id, key.secret, lambda: self.local.prove(url)))

    @contextmanager
    def outlasting(self, tell: Callable[[str], None] | None = None) -> Iterator[Renewal | None]:
        """Around work that changes or follows something: credentials that end in it are waited for, as `Renewal` does.

        `tell` hears what a person has to do, by default as the workspace tells. None where no credentials can end.
        """
        aws, known = self.aws, self.env.account_id
        with aws.outlasting(
            tell=tell or self.workspace.tell, leaving=leaving.is_wished,
            account=lambda: known or aws.identity().account_id,
        ) as renewal:  # fmt: skip
            yield renewal


def _refuse_other_account(env: Environment, aws: Aws) -> None:
    """Nothing of an account is read, let alone touched, with another one's credentials."""
    from opsctl.errors import OpsctlError

    found = aws.identity().account_id
    if found != env.account_id:
        raise OpsctlError(
            f"These credentials belong to account {found}, but {env.name} is account {env.account_id}.",
            code="wrong-account",
            exit_code=ExitCode.AWS_REFUSED,
            hint="Choose the right AWS_PROFILE; nothing was read or changed.",
        )


def run_id() -> str:
    """Names a run in change sets, events and records: time, then chance; sorts by time."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"


def owner() -> str:
    """Who runs this, for the lock: `alice@laptop`."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
